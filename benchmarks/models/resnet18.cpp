#include <lilith/nn.h>
#include <lilith/ops.h>

#include "workload.h"

namespace lilith::bench {
namespace {

constexpr std::int64_t kClasses = 10;

struct BasicBlock {
  Conv2d conv1;
  BatchNorm2d bn1;
  Conv2d conv2;
  BatchNorm2d bn2;
  Sequential shortcut;  // empty where the shape stays

  BasicBlock(std::int64_t in, std::int64_t out, std::int64_t stride)
      : conv1(in, out, 3, {.stride = stride, .padding = 1, .bias = false}),
        bn1(out),
        conv2(out, out, 3, {.padding = 1, .bias = false}),
        bn2(out) {
    if (stride != 1 || in != out)
      shortcut =
          Sequential{Conv2d{in, out, 1, {.stride = stride, .bias = false}}, BatchNorm2d{out}};
  }

  Tensor operator()(const Tensor& x) {
    const Tensor y = bn2(conv2(relu(bn1(conv1(x)))));
    return relu(y + shortcut(x));
  }
  LILITH_FIELDS(conv1, bn1, conv2, bn2, shortcut)
};

/// The residual network of 18 layers in its form for CIFAR: a 3x3 stem, no pool behind it. x f32
/// [N,3,32,32] -> [N,10]. Ref: He et al., arXiv:1512.03385.
struct ResNet18 {
  static constexpr std::int64_t kBatch = 128;
  Conv2d conv1{3, 64, 3, {.padding = 1, .bias = false}};
  BatchNorm2d bn1{64};
  Sequential layer1{BasicBlock{64, 64, 1}, BasicBlock{64, 64, 1}};
  Sequential layer2{BasicBlock{64, 128, 2}, BasicBlock{128, 128, 1}};
  Sequential layer3{BasicBlock{128, 256, 2}, BasicBlock{256, 256, 1}};
  Sequential layer4{BasicBlock{256, 512, 2}, BasicBlock{512, 512, 1}};
  Linear fc{512, kClasses};

  Tensor operator()(Tensor x) {
    x = relu(bn1(conv1(x)));
    x = layer4(layer3(layer2(layer1(x))));
    return fc(x.mean({2, 3}));
  }
  Tensor loss(const Tensor& x, const Tensor& y) { return cross_entropy_loss((*this)(x), y); }

  static Batch batch(std::int64_t i, std::int64_t size) { return image_batch(i, size, 3, 32); }
  // Of direct convolutions. The stem needs no gradient of its input.
  static double multiply_adds(bool trains) {
    constexpr double kStem = 32 * 32 * 64 * 3 * 9;
    double others = 4.0 * 32 * 32 * 64 * 64 * 9 + 512 * kClasses;
    for (double side = 16, out = 128; side >= 4; side /= 2, out *= 2)
      others += side * side * out * (out / 2 * (9 + 1) + 3 * out * 9);
    return trains ? 2 * kStem + 3 * others : kStem + others;
  }
};

}  // namespace

std::unique_ptr<Workload> make_resnet18(std::int64_t batch, double lr) {
  return std::make_unique<WorkloadOf<ResNet18>>(batch, lr);
}

}  // namespace lilith::bench
