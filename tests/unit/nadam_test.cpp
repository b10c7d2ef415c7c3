// NAdam step by step; the optimisers as a whole are held against torch.optim by parity.
#include <gtest/gtest.h>

#include <cmath>

#include "lilith/nn.h"
#include "lilith/ops.h"
#include "lilith/optim.h"

namespace lilith {
namespace {

struct Net {
  Linear a{2, 3, {.dtype = DType::F64}};
};

TEST(NAdam, AsItsDefinition) {
  Net net;
  net.a.weight = full({3, 2}, 0.5, {.dtype = DType::F64});
  double p = 0.5, m = 0, v = 0, product = 1;
  NAdam opt({.lr = 0.01, .weight_decay = 0.1});
  for (int t = 1; t <= 5; ++t) {
    Net g = net;
    for_each_parameter(g, [](const std::string&, Tensor& x) { x = Tensor(); });
    g.a.weight = full({3, 2}, 0.3 * t, {.dtype = DType::F64});
    update(opt, net, g);
    const auto mu = [](int step) { return 0.9 * (1 - 0.5 * std::pow(0.96, step * 4e-3)); };
    const double grad = 0.3 * t + 0.1 * p;
    product *= mu(t);
    m = 0.9 * m + 0.1 * grad;
    v = 0.999 * v + 0.001 * grad * grad;
    const double denom = std::sqrt(v / (1 - std::pow(0.999, t))) + 1e-8;
    p -= 0.01 * (1 - mu(t)) / (1 - product) * grad / denom;
    p -= 0.01 * mu(t + 1) / (1 - product * mu(t + 1)) * m / denom;
    EXPECT_NEAR(net.a.weight.to_vector<double>()[0], p, 1e-12) << "step " << t;
  }
}

}  // namespace
}  // namespace lilith
