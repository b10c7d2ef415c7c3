#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/env.h"
#include "lilith/compile.h"
#include "lilith/nn.h"
#include "lilith/ops.h"
#include "lilith/transforms.h"

// A ReLU's dead side and a pooling window's losers pass nothing back, were it inf or NaN: with and
// without the features that make use of these zeros.
namespace lilith {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

class StructuralZeros : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    before_ = env::text("LILITH_DISABLE");
    env::set("LILITH_DISABLE", GetParam());
    clear_program_cache();
  }
  void TearDown() override {
    env::set("LILITH_DISABLE", before_);
    clear_program_cache();
  }

 private:
  std::string before_;
};

TEST_P(StructuralZeros, TheDeadSideOfARelu) {
  const auto slopes = [](const Tensor& w) {
    const auto loss = [](Tensor x, Tensor w) { return (relu(x) * w).sum(); };
    return grad(loss, tensor({-1.0f, 2.0f, -3.0f, 0.0f, 5.0f}), w).second.to_vector<float>();
  };
  EXPECT_EQ(slopes(tensor({kInf, 7.0f, kNan, -kInf, 1.0f})), (std::vector<float>{0, 7, 0, 0, 1}));
}

TEST_P(StructuralZeros, TheLosersOfAWindow) {
  const auto loss = [](Tensor x, Tensor w) { return (max_pool2d(x, 2) * w).sum(); };
  const Tensor x = tensor({1.0f, 2.0f, 9.0f, 4.0f, 5.0f, 6.0f, 7.0f, 8.0f}).reshape({1, 1, 2, 4});
  const Tensor w = tensor({kInf, 3.0f}).reshape({1, 1, 1, 2});
  EXPECT_EQ(grad(loss, x, w).second.to_vector<float>(),
            (std::vector<float>{0, 0, 3, 0, 0, kInf, 0, 0}));
}

struct Convs {
  Conv2d a{1, 16, 3, {.padding = 1}}, b{16, 32, 3, {.padding = 1}};
  Tensor operator()(Tensor x) const {
    x = max_pool2d(relu(a(x)), 2);
    return max_pool2d(relu(b(x)), 2);
  }
};

// Where a whole window is dead its cotangent is poison; no gradient of a weight may see it.
TEST_P(StructuralZeros, UnderConvolutions) {
  manual_seed(3);
  Convs net;
  net.b.bias = full({32}, -0.1);
  const Tensor x = rand({4, 1, 12, 12});
  const Tensor out = net(x);
  const std::vector<float> pooled = out.to_vector<float>();
  const auto gradients = [&](float poison) {
    std::vector<float> cts;
    int dead = 0;
    for (std::size_t k = 0; k < pooled.size(); ++k) {
      cts.push_back(pooled[k] > 0 ? 0.01f * static_cast<float>(k % 7) : poison);
      dead += !(pooled[k] > 0);
    }
    EXPECT_GT(dead, 10);
    const Tensor ct = from_data(cts.data(), out.shape());
    const Convs g =
        grad([](const Convs& m, Tensor x, Tensor ct) { return (m(x) * ct).sum(); }, net, x, ct)
            .second;
    std::vector<float> all;
    for (const Tensor& t : {g.a.weight, g.a.bias, g.b.weight, g.b.bias}) {
      const auto values = t.to_vector<float>();
      all.insert(all.end(), values.begin(), values.end());
    }
    return all;
  };
  const std::vector<float> clean = gradients(0);
  for (float v : clean) ASSERT_TRUE(std::isfinite(v));
  EXPECT_EQ(gradients(kInf), clean);
  EXPECT_EQ(gradients(kNan), clean);
}

INSTANTIATE_TEST_SUITE_P(Disabled, StructuralZeros,
                         ::testing::Values("", "sparse", "fuse", "sparse,fuse"),
                         [](const auto& info) {
                           std::string name = info.param;
                           for (char& c : name) c = c == ',' ? '_' : c;
                           return name.empty() ? "nothing" : name;
                         });

}  // namespace
}  // namespace lilith
