// Lion, Muon, Adafactor, LBFGS and averaged models against PyTorch and their formulas.
#include <gtest/gtest.h>

#include <cmath>

#include "lilith/checkpoint.h"
#include "lilith/compile.h"
#include "lilith/io.h"
#include "lilith/nn.h"
#include "lilith/ops.h"
#include "lilith/optim.h"
#include "lilith/transforms.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace lilith {
namespace {

using testing::error_text;

Tensor grid(const Shape& shape, double by, double from) {
  return ((arange(shape.numel(), {.dtype = DType::F64}) * 7 + 3) % 11 * by + from).view(shape);
}

void expect_near(const Tensor& got, const std::vector<double>& want, double tolerance = 1e-9) {
  const auto values = got.to(DType::F64).to_vector<double>();
  ASSERT_EQ(values.size(), want.size());
  for (std::size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(values[i], want[i], tolerance) << i;
}

struct Two {
  Tensor w = grid({3, 2}, 0.25, -1);
  Tensor b = grid({3}, 0.5, -2);
};
// Three steps with gradients w^3 and b^3.
template <class O>
Two after_steps(O opt, Two net = {}) {
  for (int i = 0; i < 3; ++i) {
    Two g{net.w * net.w * net.w, net.b * net.b * net.b};
    update(opt, net, g);
  }
  return net;
}

TEST(Adafactor, AsTorch) {
  const Two net = after_steps(Adafactor({.lr = 0.05, .weight_decay = 0.1}));
  expect_near(net.w, {-0.24512906279788652, 1.353005641025751, 0.35640281104431093,
                      -0.40651496351591304, 1.0169555049691683, 0.24512771840364408});
  expect_near(net.b, {-0.2966136288930971, 2.703195039133102, 0.7553346605119386});
  const Two loose = after_steps(Adafactor({.lr = 0.05, .eps1 = 0.5, .eps2 = 0.1, .d = 2}));
  expect_near(loose.w, {-0.24874895315876755, 1.3646485242952882, 0.470902473868856,
                        -0.470902473868856, 1.0170973017187221, 0.24874685679143105});
}

TEST(Adafactor, StateHasTorchsShapes) {
  Two net;
  Adafactor opt;
  opt.prepare(net);
  EXPECT_EQ(opt.state("w").at("row_var").shape(), (Shape{3, 1}));
  EXPECT_EQ(opt.state("w").at("col_var").shape(), (Shape{1, 2}));
  EXPECT_EQ(opt.state("w").count("variance"), 0u);
  EXPECT_EQ(opt.state("b").at("variance").shape(), (Shape{3}));
  update(opt, net, Two{net.w, net.b});
  const testing::TempDir dir;
  save(opt, dir.file("opt.safetensors"));
  Adafactor other;
  load(other, dir.file("opt.safetensors"));
  Two twin = net;
  update(opt, net, Two{net.w, net.b});
  update(other, twin, Two{twin.w, twin.b});
  EXPECT_EQ(net.w.to_vector<double>(), twin.w.to_vector<double>());
  EXPECT_EQ(net.b.to_vector<double>(), twin.b.to_vector<double>());
}

TEST(Lion, AsItsFormula) {
  const Two net = after_steps(Lion({.lr = 0.01, .betas = {0.9, 0.99}, .weight_decay = 0.1}));
  const auto start = Two().w.to_vector<double>(), got = net.w.to_vector<double>();
  for (std::size_t i = 0; i < start.size(); ++i) {
    double p = start[i], m = 0;
    for (int t = 0; t < 3; ++t) {
      const double g = p * p * p, c = 0.9 * m + (1 - 0.9) * g;
      p = p * (1 - 0.01 * 0.1) - 0.01 * (c > 0 ? 1 : c < 0 ? -1 : 0);
      m = 0.99 * m + (1 - 0.99) * g;
    }
    EXPECT_NEAR(got[i], p, 1e-12) << i;
  }
}

TEST(Muon, AsTorch) {
  struct One {
    Tensor w = grid({3, 2}, 0.25, -1);
  };
  const auto run = [](Muon opt) {
    One net;
    for (int i = 0; i < 3; ++i) update(opt, net, One{net.w * net.w * net.w});
    return net.w;
  };
  expect_near(run(Muon({.lr = 0.1, .weight_decay = 0.1})),
              {-0.24095162915282167, 1.1314022497902132, 0.46507295503637264, -0.4714749038084085,
               0.936420305078685, 0.2402921152765747});
  expect_near(
      run(Muon({.lr = 0.1, .nesterov = false, .ns_steps = 3, .adjust_lr_fn = "match_rms_adamw"})),
      {-0.24216897980279375, 1.3653877176938392, 0.47958076860874954, -0.4817305334331485,
       1.1282395562829195, 0.24197482653106828});
  EXPECT_NE(error_text([] {
              after_steps(Muon());
            }).find("update: Muon takes matrices, a parameter is f64[3]"),
            std::string::npos);
}

struct Net {
  Linear a{2, 3, {.dtype = DType::F64}};
  Linear b{3, 1, {.dtype = DType::F64}};
  Tensor operator()(const Tensor& x) const { return b(tanh(a(x))); }
};
Net start() {
  Net net;
  net.a.weight = grid({3, 2}, 0.25, -1);
  net.a.bias = grid({3}, 0.1, -0.5);
  net.b.weight = grid({1, 3}, 0.25, -1);
  net.b.bias = grid({1}, 0.1, 0);
  return net;
}
const auto kLoss = [](Net& m, const Tensor& x, const Tensor& y) { return mse_loss(m(x), y); };

TEST(LBFGS, AsTorch) {
  const Tensor x = grid({5, 2}, 0.3, -1), y = grid({5, 1}, 0.2, -1);
  for (const bool search : {false, true}) {
    Net net = start();
    LBFGS opt({.lr = 0.5,
               .max_iter = 5,
               .history_size = 3,
               .line_search_fn = search ? "strong_wolfe" : ""});
    std::vector<double> losses;
    for (int i = 0; i < 4; ++i) losses.push_back(opt.step(kLoss, net, x, y));
    expect_near(from_data(losses.data(), {4}),
                search ? std::vector<double>{1.0626513975798544, 0.021656220802879694,
                                             0.0066152367865809055, 0.000656896285694562}
                       : std::vector<double>{1.0626513975798544, 0.021656220802879694,
                                             0.0066152367865809055, 0.000656896285694562},
                1e-7);
    expect_near(
        net.a.weight,
        search ? std::vector<double>{-0.1390023427731686, 1.5686492030699255, -0.22365903996405637,
                                     -0.37184955453108776, 1.329645410552192, 0.4723031361476298}
               : std::vector<double>{-0.14126438938293023, 1.57064414072512, -0.22568309883265442,
                                     -0.38116278668696846, 1.3249802567635809, 0.48988794283618775},
        1e-6);
  }
  EXPECT_NE(error_text([] {
              LBFGS({.line_search_fn = "wolfe"});
            }).find("LBFGS: line_search_fn is 'wolfe'; need 'strong_wolfe' or none"),
            std::string::npos);
}

TEST(LBFGS, GoesOnFromACheckpoint) {
  const Tensor x = grid({5, 2}, 0.3, -1), y = grid({5, 1}, 0.2, -1);
  const testing::TempDir dir;
  Net net = start();
  LBFGS opt({.lr = 0.5, .max_iter = 3, .history_size = 4});
  opt.step(kLoss, net, x, y);
  save_checkpoint(dir.file("run.safetensors"), net, opt);
  opt.step(kLoss, net, x, y);
  Net other = start();
  LBFGS resumed({.lr = 0.5, .max_iter = 3, .history_size = 4});
  resumed.prepare(other);
  load_checkpoint(dir.file("run.safetensors"), other, resumed);
  resumed.step(kLoss, other, x, y);
  EXPECT_EQ(net.a.weight.to_vector<double>(), other.a.weight.to_vector<double>());
}

TEST(AveragedModel, MeansAndExponentialAverages) {
  struct Point {
    Tensor w = tensor({1.0, 2.0});
    Buffer seen = tensor({0.0});
  } model;
  AveragedModel<Point> mean(model), ema(model, {.decay = 0.9});
  EXPECT_EQ(state_dict(mean).count("module.w"), 1u);
  EXPECT_EQ(state_dict(mean).count("n_averaged"), 1u);
  for (const double v : {1.0, 4.0, 7.0}) {
    model.w = tensor({v, 2 * v});
    model.seen = tensor({v});
    mean.update_parameters(model);
    ema.update_parameters(model);
  }
  expect_near(mean.module.w, {4, 8}, 1e-6);
  expect_near(mean.module.seen, {7});
  expect_near(ema.module.w, {0.9 * (0.9 * 1 + 0.1 * 4) + 0.1 * 7, 2 * (0.9 * 1.3 + 0.7)}, 1e-6);
  EXPECT_EQ(mean.n_averaged.item<int>(), 3);
}

TEST(AveragedModel, IsUpdatedInsideCompile) {
  Net net = start();
  AveragedModel<Net> ema(net, {.decay = 0.5});
  const auto step = compile([](Net& m, AveragedModel<Net>& average) {
    m.a.weight = m.a.weight + 1;
    average.update_parameters(m);
  });
  const double first = net.a.weight.to_vector<double>()[0];
  for (int i = 0; i < 3; ++i) step(net, ema);
  EXPECT_NEAR(ema.module.a.weight.to_vector<double>()[0], first + 0.25 * 1 + 0.25 * 2 + 0.5 * 3,
              1e-12);
}

TEST(AveragedModel, UpdateBnTakesTheMeanOverBatches) {
  struct Normed {
    BatchNorm1d bn{1};
    Tensor operator()(const Tensor& x) { return bn(x); }
  } net;
  test_mode(net);
  const Tensor x = tensor({{1.f}, {3.f}, {5.f}, {11.f}});
  update_bn(DataLoader(TensorDataset(x), {.batch_size = 2}), net);
  expect_near(net.bn.running_mean, {5}, 1e-5);
  expect_near(net.bn.running_var, {(2 + 18) / 2.0}, 1e-5);
  EXPECT_FALSE(net.bn.training);
  EXPECT_EQ(net.bn.momentum, 0.1);
}

TEST(Apply, ReachesEveryLayerOfAType) {
  struct Special : Linear {
    Special() : Linear(2, 2) {}
    LILITH_FIELDS()
  };
  struct Deep {
    Linear first{2, 3};
    std::vector<Conv2d> convs{Conv2d(1, 1, 3), Conv2d(1, 1, 3)};
    Sequential head{Linear{3, 2}, ReLU{}, Sequential{Linear{2, 1}}};
    WeightNorm<Linear> normed = weight_norm(Linear{1, 1});
    Special special;
  } net;
  int linears = 0, convs = 0;
  apply(
      net,
      [&](Linear& l) {
        ++linears;
        if (l.bias.defined()) l.bias = zeros_like(l.bias);
      },
      [&](Conv2d&) { ++convs; });
  EXPECT_EQ(linears, 5);
  EXPECT_EQ(convs, 2);
  EXPECT_EQ(sum(abs(net.first.bias)).item<float>(), 0);
}

}  // namespace
}  // namespace lilith
