// Tensors, programs and models on a CUDA device: a fake one, which runs the kernels' text.
#include <gtest/gtest.h>

#include "lilith/compile.h"
#include "lilith/nn.h"
#include "lilith/ops.h"
#include "lilith/optim.h"
#include "lilith/transforms.h"
#include "support/fake_cuda.h"
#include "support/with_precision.h"

namespace lilith {
namespace {

struct CudaDevices : testing::OnCuda {};

std::vector<float> floats(const Tensor& t) { return t.to_vector<float>(); }

TEST_F(CudaDevices, ValuesGoThereAndBack) {
  const Tensor x = tensor({{1.f, 2.f}, {3.f, 4.f}}, there());
  EXPECT_EQ(x.device(), cuda(0));
  EXPECT_EQ(floats(x), (std::vector<float>{1, 2, 3, 4}));
  EXPECT_EQ(x.sum().item<float>(), 10);
  EXPECT_EQ(floats(matmul(x, x).to(cpu())), (std::vector<float>{7, 10, 15, 22}));
}

struct Mlp {
  Linear fc1{8, 16}, fc2{16, 3};
  Tensor operator()(const Tensor& x) const { return fc2(relu(fc1(x))); }
};

std::vector<float> train(Device device, bool compiled) {
  manual_seed(1);
  Mlp net = to(device, Mlp{});
  Adam opt({.lr = 0.01});
  const Tensor x = sin(arange(64).to(kFloat32)).reshape({8, 8}).to(device);
  const Tensor y = tensor({0, 1, 2, 0, 1, 2, 0, 1}).to(device);
  const auto step = [&opt](Mlp& net, const Tensor& x, const Tensor& y) {
    auto [loss, g] = grad([&](const Mlp& m) { return cross_entropy_loss(m(x), y); }, net);
    update(opt, net, std::move(g));
    return loss;
  };
  std::vector<float> losses;
  auto fast = compile([](Mlp& net, Adam& opt, const Tensor& x, const Tensor& y) {
    auto [loss, g] = grad([&](const Mlp& m) { return cross_entropy_loss(m(x), y); }, net);
    update(opt, net, std::move(g));
    return loss;
  });
  for (int i = 0; i < 5; ++i)
    losses.push_back((compiled ? fast(net, opt, x, y) : step(net, x, y)).item<float>());
  EXPECT_EQ(net.fc1.weight.device(), device);
  return losses;
}

TEST_F(CudaDevices, TrainingGivesTheHostsLosses) {
  const testing::WithPrecision exact(Precision::highest);
  for (const bool compiled : {false, true}) {
    const std::vector<float> here = train(cpu(), compiled), far = train(cuda(0), compiled);
    for (std::size_t k = 0; k < here.size(); ++k) EXPECT_NEAR(here[k], far[k], 1e-5 * here[k]);
    EXPECT_EQ(far, train(cuda(0), compiled));
  }
}

}  // namespace
}  // namespace lilith
