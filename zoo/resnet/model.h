#pragma once
#include <lilith/init.h>
#include <lilith/nn.h>
#include <lilith/ops.h>

#include <array>
#include <vector>

namespace lilith::zoo {

// Parameters have torchvision's names: "layer1.0.conv1.weight", "layer2.0.downsample.1.bias", "fc".

inline Conv2d conv(std::int64_t in, std::int64_t out, std::int64_t kernel,
                   std::int64_t stride = 1) {
  return Conv2d(in, out, kernel, {.stride = stride, .padding = kernel / 2, .bias = false});
}
/// What fits the input to the result of a block; empty where it does.
inline Sequential downsample_to(std::int64_t in, std::int64_t out, std::int64_t stride) {
  if (stride == 1 && in == out) return {};
  return {conv(in, out, 1, stride), BatchNorm2d(out)};
}

struct BasicBlock {
  static constexpr std::int64_t kExpansion = 1;
  Conv2d conv1;
  BatchNorm2d bn1;
  Conv2d conv2;
  BatchNorm2d bn2;
  Sequential downsample;

  BasicBlock(std::int64_t in, std::int64_t width, std::int64_t stride)
      : conv1(conv(in, width, 3, stride)),
        bn1(width),
        conv2(conv(width, width, 3)),
        bn2(width),
        downsample(downsample_to(in, width, stride)) {}

  Tensor operator()(const Tensor& x) {
    const Tensor y = bn2(conv2(relu(bn1(conv1(x)))));
    return relu(y + downsample(x));
  }
  LILITH_FIELDS(conv1, bn1, conv2, bn2, downsample)
};

struct Bottleneck {
  static constexpr std::int64_t kExpansion = 4;
  Conv2d conv1;
  BatchNorm2d bn1;
  Conv2d conv2;
  BatchNorm2d bn2;
  Conv2d conv3;
  BatchNorm2d bn3;
  Sequential downsample;

  Bottleneck(std::int64_t in, std::int64_t width, std::int64_t stride)
      : conv1(conv(in, width, 1)),
        bn1(width),
        conv2(conv(width, width, 3, stride)),
        bn2(width),
        conv3(conv(width, width * kExpansion, 1)),
        bn3(width * kExpansion),
        downsample(downsample_to(in, width * kExpansion, stride)) {}

  Tensor operator()(const Tensor& x) {
    Tensor y = relu(bn1(conv1(x)));
    y = bn3(conv3(relu(bn2(conv2(y)))));
    return relu(y + downsample(x));
  }
  LILITH_FIELDS(conv1, bn1, conv2, bn2, conv3, bn3, downsample)
};

/// The form of a residual network.
struct ResNetForm {
  std::array<std::int64_t, 4> blocks;  // of each stage
  std::int64_t width;                  // of the first stage; each stage doubles it
  bool imagenet;  // a 7x7 stem with stride 2 and a pool behind it, instead of a 3x3 one
  std::int64_t classes;
};

/// x f32 [N,3,H,W] -> logits [N,classes]. He et al., arXiv:1512.03385. Ref:
/// torchvision.models.resnet.
template <class Block>
struct ResNet {
  Conv2d conv1;
  BatchNorm2d bn1;
  std::vector<Block> layer1, layer2, layer3, layer4;
  Linear fc;
  bool imagenet;

  explicit ResNet(const ResNetForm& form)
      : conv1(form.imagenet ? conv(3, form.width, 7, 2) : conv(3, form.width, 3)),
        bn1(form.width),
        fc(1, 1),
        imagenet(form.imagenet) {
    std::int64_t in = form.width, width = form.width, stride = 1;
    std::size_t stage = 0;
    for (auto* layer : {&layer1, &layer2, &layer3, &layer4}) {
      for (std::int64_t i = 0; i < form.blocks[stage]; ++i) {
        layer->emplace_back(in, width, i == 0 ? stride : 1);
        in = width * Block::kExpansion;
      }
      ++stage;
      width *= 2;
      stride = 2;
    }
    fc = Linear(in, form.classes);
    for_each_parameter(*this, [](const std::string&, Tensor& t) {
      if (t.ndim() == 4) init::kaiming_normal_(t, {.mode = "fan_out", .nonlinearity = "relu"});
    });
  }

  Tensor operator()(Tensor x) {
    x = relu(bn1(conv1(x)));
    if (imagenet) x = max_pool2d(x, 3, {.stride = 2, .padding = 1});
    for (auto* layer : {&layer1, &layer2, &layer3, &layer4})
      for (Block& block : *layer) x = block(x);
    return fc(x.mean({2, 3}));
  }
  LILITH_FIELDS(conv1, bn1, layer1, layer2, layer3, layer4, fc, imagenet)
};

inline ResNet<BasicBlock> resnet20(std::int64_t classes = 10) {
  return ResNet<BasicBlock>({{3, 3, 3, 0}, 16, false, classes});
}
inline ResNet<BasicBlock> resnet18(std::int64_t classes = 1000) {
  return ResNet<BasicBlock>({{2, 2, 2, 2}, 64, true, classes});
}
inline ResNet<BasicBlock> resnet34(std::int64_t classes = 1000) {
  return ResNet<BasicBlock>({{3, 4, 6, 3}, 64, true, classes});
}
inline ResNet<Bottleneck> resnet50(std::int64_t classes = 1000) {
  return ResNet<Bottleneck>({{3, 4, 6, 3}, 64, true, classes});
}

}  // namespace lilith::zoo
