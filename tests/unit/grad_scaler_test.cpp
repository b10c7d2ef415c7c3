#include "lilith/optim/grad_scaler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "lilith/lilith.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace lilith {
namespace {

struct Line {
  Tensor w = tensor({1.0f, 2.0f});
  Tensor operator()(const Tensor& x) const { return (w * x).sum(); }
};
std::vector<float> weights(const Line& m) { return m.w.to_vector<float>(); }

// One step on x, as data of one compiled program.
struct Step {
  Line net;
  Adam opt{{.lr = 0.1}};
  GradScaler scaler;
  explicit Step(const GradScalerOptions& o) : scaler(o) {}
  void take(const Tensor& x) {
    auto [loss, g] = grad([&](Line& m, const Tensor& x) { return scaler.scale(m(x)); }, net, x);
    scaler.unscale_(opt, g);
    scaler.step(opt, net, g);
    scaler.update();
  }
  double count() const { return state_dict(opt).at("groups.0.step").item<double>(); }
};

const Tensor& fine() {
  static const Tensor x = tensor({0.5f, -1.0f});
  return x;
}
const Tensor& infinite() {
  static const Tensor x = tensor({0.5f, std::numeric_limits<float>::infinity()});
  return x;
}

TEST(GradScaler, UpdatesAsWithoutIt) {
  Step with({.init_scale = 1024});
  Line net;
  Adam opt({.lr = 0.1});
  for (int i = 0; i < 3; ++i) {
    with.take(fine());
    auto [loss, g] = grad([](Line& m, const Tensor& x) { return m(x); }, net, fine());
    update(opt, net, g);
  }
  EXPECT_EQ(weights(with.net), weights(net));
}

TEST(GradScaler, LeavesOutAStepWithAnInfinity) {
  Step s({.init_scale = 1024});
  s.take(fine());
  const auto before = weights(s.net);
  const double count = s.count();
  const auto moment = state_dict(s.opt).at("state.w.exp_avg").to_vector<float>();
  s.take(infinite());
  EXPECT_EQ(weights(s.net), before);
  EXPECT_EQ(s.count(), count);
  EXPECT_EQ(state_dict(s.opt).at("state.w.exp_avg").to_vector<float>(), moment);
  EXPECT_EQ(s.scaler.get_scale(), 512);
  s.take(fine());
  EXPECT_NE(weights(s.net), before);
  EXPECT_EQ(s.count(), count + 1);
}

TEST(GradScaler, TellsOptimisersApart) {
  Line a, b;
  SGD of_a({.lr = 0.1}), of_b({.lr = 0.1});
  GradScaler scaler({.init_scale = 64});
  const auto gradient = [&](Line& m, const Tensor& x) {
    return grad([&](Line& m, const Tensor& x) { return scaler.scale(m(x)); }, m, x).second;
  };
  auto ga = gradient(a, infinite()), gb = gradient(b, fine());
  scaler.step(of_a, a, ga);
  scaler.step(of_b, b, gb);
  scaler.update();
  EXPECT_EQ(weights(a), weights(Line()));
  EXPECT_NEAR(weights(b)[0], 1 - 0.1 * 0.5, 1e-6);
  EXPECT_EQ(scaler.get_scale(), 32);
}

TEST(GradScaler, GrowsAfterAWhile) {
  Step s({.init_scale = 4, .growth_factor = 4, .backoff_factor = 0.25, .growth_interval = 2});
  s.take(fine());
  EXPECT_EQ(s.scaler.get_scale(), 4);
  s.take(fine());
  EXPECT_EQ(s.scaler.get_scale(), 16);
  s.take(fine());
  s.take(infinite());
  EXPECT_EQ(s.scaler.get_scale(), 4);
  s.take(fine());
  EXPECT_EQ(s.scaler.get_scale(), 4);  // counted anew
  s.take(fine());
  EXPECT_EQ(s.scaler.get_scale(), 16);
  s.scaler.update(0x1p126);
  for (int i = 0; i < 6; ++i) s.take(fine());
  EXPECT_TRUE(std::isfinite(s.scaler.get_scale()));
}

TEST(GradScaler, IsDataOfACompiledStep) {
  Line net;
  SGD opt({.lr = 0.1, .momentum = 0.9});
  GradScaler scaler({.init_scale = 256});
  auto step = compile([](Line& m, SGD& o, GradScaler& s, const Tensor& x) {
    auto [loss, g] = grad([&](Line& m, const Tensor& x) { return s.scale(m(x)); }, m, x);
    s.step(o, m, g);
    s.update();
    return loss;
  });
  step(net, opt, scaler, fine());
  const auto before = weights(net);
  const auto traces = cache_stats().traces;
  step(net, opt, scaler, infinite());
  EXPECT_EQ(weights(net), before);
  EXPECT_EQ(scaler.get_scale(), 128);
  step(net, opt, scaler, fine());
  EXPECT_NE(weights(net), before);
  EXPECT_EQ(scaler.get_scale(), 128);
  EXPECT_EQ(cache_stats().traces, traces);
}

TEST(GradScaler, KeepsGradientsOfF16) {
  Line net;
  const Tensor x = ones({2});
  const auto of = [&](double scale) {
    GradScaler s({.init_scale = scale});
    auto [loss, g] = grad(
        [&](Line& m, const Tensor& x) {
          return s.scale((m.w * x).to(kFloat16).to(kFloat32).sum() * 1e-9);
        },
        net, x);
    s.unscale_(SGD({.lr = 1}), g);
    return g.w.template to_vector<float>()[0];
  };
  EXPECT_EQ(of(1), 0);
  EXPECT_NEAR(of(65536), 1e-9, 1e-12);
}

TEST(GradScaler, IsAPartOfACheckpoint) {
  const testing::TempDir dir;
  const std::string path = dir.file("run.safetensors");
  Step s({.init_scale = 1024, .growth_interval = 2});
  s.take(infinite());
  s.take(fine());
  save_checkpoint(path, s.net, s.opt, s.scaler);
  Step other({.growth_interval = 2});
  load_checkpoint(path, other.net, other.opt, other.scaler);
  EXPECT_EQ(other.scaler.get_scale(), 512);
  other.take(fine());
  EXPECT_EQ(other.scaler.get_scale(), 1024);
  GradScaler by_dict;
  load_state_dict(by_dict, state_dict(s.scaler));
  EXPECT_EQ(by_dict.get_scale(), 512);
}

TEST(GradScaler, DoesNothingWhereItIsOff) {
  Step s({.enabled = false});
  EXPECT_EQ(s.scaler.get_scale(), 1);
  s.take(infinite());
  EXPECT_TRUE(std::isnan(weights(s.net)[1]));
}

TEST(GradScaler, SaysWhatIsWrong) {
  EXPECT_ERROR_HERE(GradScaler({.init_scale = 0}),
                    "GradScaler: init_scale is 0; need a finite number > 0");
  EXPECT_ERROR_HERE(GradScaler({.growth_factor = 1}), "GradScaler: growth_factor is 1; need > 1");
  EXPECT_ERROR_HERE(GradScaler({.backoff_factor = 1}),
                    "GradScaler: backoff_factor is 1; need one between 0 and 1");
  EXPECT_ERROR_HERE(GradScaler({.growth_interval = 0}),
                    "GradScaler: growth_interval is 0; need >= 1");
  GradScaler s;
  Line g;
  SGD opt({.lr = 0.1});
  s.step(opt, g, as_gradients(g));
  EXPECT_ERROR_HERE(
      s.unscale_(opt, as_gradients(g)),
      "unscale_: the gradients of this optimiser are unscaled since the last update()");
  EXPECT_ERROR_HERE(
      s.step(opt, g, as_gradients(g)),
      "step: this optimiser has made its step since the last update(); call update()");
  s.update();
  EXPECT_ERROR_HERE(s.update(), "update: no step or unscale_ since the last update()");
}

}  // namespace
}  // namespace lilith
