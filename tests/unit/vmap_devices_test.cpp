#include "lilith/lilith.h"
#include "support/on_opencl.h"

// vmap on another device.
namespace lilith {
namespace {

using VmapOnOpenCl = testing::OnOpenCl;

TEST_F(VmapOnOpenCl, GradientsOfEachSample) {
  struct Net {
    Conv2d conv{1, 3, 3};
    Linear fc{27, 4};
    Tensor operator()(const Tensor& x) const {
      return fc(relu(conv(x.unsqueeze(0))).reshape({-1}));
    }
  };
  const Net here, there = to(opencl(0), clone(here));
  const Tensor x = randn({3, 1, 5, 5});
  const auto each = [](const Net& net, const Tensor& x) {
    manual_seed(2);
    const auto loss = [](const Net& net, const Tensor& x) {
      return (net(x) * rand({4}, {.device = x.device()})).sum();
    };
    return vmap(value_and_grad(loss), {std::nullopt, 0})(net, x).second;
  };
  const Net want = each(here, x), got = each(there, x.to(opencl(0)));
  const auto expect_near = [](const Tensor& a, const Tensor& b) {
    EXPECT_TRUE(allclose(a.to(cpu()), b, 1e-4, 1e-5));
  };
  expect_near(got.conv.weight, want.conv.weight);
  expect_near(got.fc.weight, want.fc.weight);
}

}  // namespace
}  // namespace lilith
