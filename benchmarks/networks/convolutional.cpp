#include <lilith/ops.h>

#include <vector>

#include "network_of.h"
#include "zoo/resnet/model.h"

namespace lilith::bench {
namespace {

using I = std::int64_t;
constexpr I kClasses = 1000;

/// Simonyan and Zisserman, arXiv:1409.1556, of 11 layers. Ref: torchvision.models.vgg11.
Sequential vgg11() {
  Sequential features;
  I in = 3;
  for (const I out : {64, 0, 128, 0, 256, 256, 0, 512, 512, 0, 512, 512, 0}) {
    if (out == 0) {
      features.push_back(MaxPool2d(2, 2));
      continue;
    }
    features.push_back(Conv2d(in, out, 3, {.padding = 1}));
    features.push_back(ReLU());
    in = out;
  }
  return {std::move(features),
          AdaptiveAvgPool2d(7),
          Flatten(),
          Linear(512 * 49, 4096),
          ReLU(),
          Dropout(),
          Linear(4096, 4096),
          ReLU(),
          Dropout(),
          Linear(4096, kClasses)};
}

struct Fire {
  Conv2d squeeze, expand1x1, expand3x3;

  Fire(I in, I squeezed, I out)
      : squeeze(in, squeezed, 1),
        expand1x1(squeezed, out, 1),
        expand3x3(squeezed, out, 3, {.padding = 1}) {}
  Tensor operator()(Tensor x) const {
    x = relu(squeeze(x));
    return cat({relu(expand1x1(x)), relu(expand3x3(x))}, 1);
  }
  LILITH_FIELDS(squeeze, expand1x1, expand3x3)
};

/// Iandola et al., arXiv:1602.07360. Ref: torchvision.models.squeezenet1_1.
Sequential squeezenet() {
  const MaxPool2d pool(3, {.stride = 2, .ceil_mode = true});
  return {Conv2d(3, 64, 3, {.stride = 2}),
          ReLU(),
          pool,
          Fire(64, 16, 64),
          Fire(128, 16, 64),
          pool,
          Fire(128, 32, 128),
          Fire(256, 32, 128),
          pool,
          Fire(256, 48, 192),
          Fire(384, 48, 192),
          Fire(384, 64, 256),
          Fire(512, 64, 256),
          Dropout(),
          Conv2d(512, kClasses, 1),
          ReLU(),
          AdaptiveAvgPool2d(1),
          Flatten()};
}

struct DenseLayer {
  BatchNorm2d norm1;
  Conv2d conv1;
  BatchNorm2d norm2;
  Conv2d conv2;

  DenseLayer(I in, I growth)
      : norm1(in),
        conv1(in, 4 * growth, 1, {.bias = false}),
        norm2(4 * growth),
        conv2(4 * growth, growth, 3, {.padding = 1, .bias = false}) {}
  Tensor operator()(const Tensor& x) {
    return cat({x, conv2(relu(norm2(conv1(relu(norm1(x))))))}, 1);
  }
  LILITH_FIELDS(norm1, conv1, norm2, conv2)
};

/// Huang et al., arXiv:1608.06993, of 121 layers. Ref: torchvision.models.densenet121.
Sequential densenet() {
  constexpr I kGrowth = 32;
  Sequential net{Conv2d(3, 64, 7, {.stride = 2, .padding = 3, .bias = false}), BatchNorm2d(64),
                 ReLU(), MaxPool2d(3, {.stride = 2, .padding = 1})};
  I channels = 64;
  for (const I layers : {6, 12, 24, 16}) {
    for (I k = 0; k < layers; ++k, channels += kGrowth)
      net.push_back(DenseLayer(channels, kGrowth));
    net.push_back(BatchNorm2d(channels));
    net.push_back(ReLU());
    if (layers == 16) break;
    net.push_back(Conv2d(channels, channels / 2, 1, {.bias = false}));
    net.push_back(AvgPool2d(2, 2));
    channels /= 2;
  }
  net.push_back(AdaptiveAvgPool2d(1));
  net.push_back(Flatten());
  net.push_back(Linear(channels, kClasses));
  return net;
}

}  // namespace

void add_convolutional(std::map<std::string, NetworkKind>* all) {
  (*all)["resnet20"] = kind_of([] { return zoo::resnet20(); }, 32);
  (*all)["resnet18"] = kind_of([] { return zoo::resnet18(); });
  (*all)["resnet50"] = kind_of([] { return zoo::resnet50(); });
  (*all)["vgg11"] = kind_of(vgg11);
  (*all)["squeezenet"] = kind_of(squeezenet);
  (*all)["densenet"] = kind_of(densenet);
}

}  // namespace lilith::bench
