// What an optimiser's groups, freezing and step counts cover, and which parameters it takes.
#include <gtest/gtest.h>

#include <cmath>

#include "lilith/compile.h"
#include "lilith/nn.h"
#include "lilith/ops.h"
#include "lilith/optim.h"
#include "support/expect_error.h"

namespace lilith {
namespace {

using testing::error_text;

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// Two parameters with gradient 1.
struct Pair {
  Tensor x = zeros({2}, {.dtype = DType::F64});
  Tensor y = zeros({2}, {.dtype = DType::F64});
};
Pair ones_pair() { return {ones({2}, {.dtype = DType::F64}), ones({2}, {.dtype = DType::F64})}; }
double first(const Tensor& t) { return t.to_vector<double>()[0]; }

// PyTorch counts the steps of each parameter.
TEST(Steps, OfAParameterThatIsLeftOutDoNotCount) {
  const auto adam_after = [](int n) {
    double p = 0, m = 0, v = 0;
    for (int t = 1; t <= n; ++t) {
      m = 0.9 * m + 0.1;
      v = 0.999 * v + 0.001;
      p -= 0.1 / (1 - std::pow(0.9, t)) * m / (std::sqrt(v / (1 - std::pow(0.999, t))) + 1e-8);
    }
    return p;
  };
  const auto run = [&](auto call) {
    Pair p;
    Adam opt({.lr = 0.1});
    for (int i = 0; i < 6; ++i) call(p, opt, i);
    EXPECT_NEAR(first(p.x), adam_after(6), 1e-12);
    EXPECT_NEAR(first(p.y), adam_after(3), 1e-12);
  };
  run([](Pair& p, Adam& opt, int i) {
    Pair g = ones_pair();
    if (i % 2 == 0) g.y = Tensor();
    update(opt, p, g);
  });
  run([](Pair& p, Adam& opt, int i) {
    update(opt, p, ones_pair(),
           {.ignore = i < 3 ? std::vector<std::string>{} : std::vector<std::string>{"y"}});
  });
  const auto all = compile([](Pair& p, Adam& o) { update(o, p, ones_pair()); });
  const auto only_x =
      compile([](Pair& p, Adam& o) { update(o, p, ones_pair(), {.ignore = {"y"}}); });
  run([&](Pair& p, Adam& opt, int i) { i % 2 == 0 ? only_x(p, opt) : all(p, opt); });
  run([](Pair& p, Adam& opt, int i) {
    if (i == 0) opt.freeze("y");
    if (i == 3) opt.unfreeze("y");
    update(opt, p, ones_pair());
  });
}

TEST(Freeze, KeepsParametersAsTheyAre) {
  Pair p;
  AdamW opt({.lr = 0.1, .weight_decay = 0.5});
  p.y = ones({2}, {.dtype = DType::F64});
  opt.freeze("y");
  EXPECT_TRUE(opt.is_frozen("y"));
  EXPECT_FALSE(opt.is_frozen("x"));
  const auto compiled = compile([](Pair& m, AdamW& o) { update(o, m, ones_pair()); });
  update(opt, p, ones_pair());
  compiled(p, opt);
  EXPECT_EQ(first(p.y), 1);
  EXPECT_NE(first(p.x), 0);
  EXPECT_TRUE(opt.state("y").empty());
  opt.unfreeze();
  opt.freeze([](const std::string& path) { return path == "x"; });
  const double x = first(p.x);
  compiled(p, opt);
  EXPECT_EQ(first(p.x), x);
  EXPECT_NE(first(p.y), 1);
  opt.unfreeze();
  compiled(p, opt);
  EXPECT_NE(first(p.x), x);
  EXPECT_TRUE(contains(error_text([&] { opt.unfreeze("x"); }), "AdamW: 'x' was not frozen."));
}

TEST(Selections, ThatMatchNothingAreErrors) {
  struct Two {
    Linear head{3, 2};
    Linear body{3, 3};
  } net;
  const auto text = [&](auto change) {
    Adam opt;
    change(opt);
    const std::string of_prepare = error_text([&] { opt.prepare(net); });
    const auto rest = [](const std::string& s) { return s.substr(s.find(':'), 50); };
    EXPECT_EQ(rest(error_text([&] { update(opt, net, net); })), rest(of_prepare));
    return of_prepare;
  };
  EXPECT_TRUE(contains(text([](Adam& o) { o.add_param_group("haed", {{"lr", 0.0}}); }),
                       "Adam: parameter group 'haed' matches no parameter of the model; the "
                       "nearest is 'head'."));
  EXPECT_TRUE(contains(text([](Adam& o) { o.freeze("body.weights"); }),
                       "Adam: freeze names 'body.weights', which is no parameter of the model; the "
                       "nearest is 'body.weight'."));
  const auto none = [](const std::string&) { return false; };
  EXPECT_TRUE(
      contains(text([&](Adam& o) { o.add_param_group(none, {}); }),
               "Adam: the function of parameter group 1 accepts no parameter of the model"));
  EXPECT_TRUE(contains(text([&](Adam& o) { o.freeze(none); }),
                       "Adam: a function given to freeze accepts no parameter of the model"));
  Adam opt;
  EXPECT_TRUE(
      contains(error_text([&] { update(opt, net, net, {.ignore = {"boby"}}); }),
               "update: ignore names 'boby', which is no parameter of the model; the nearest "
               "is 'body'."));
  opt.add_param_group("head", {{"lr", 0.5}});
  EXPECT_TRUE(contains(error_text([&] { opt.param_groups()[1].hyper["rate"] = 1; }),
                       "Adam: no hyper-parameter 'rate'; it has beta1, beta2, eps, lr, "
                       "weight_decay."));
  EXPECT_TRUE(contains(error_text([&] { opt.add_param_group("body", {{"lr", -1}}); }),
                       "Adam: lr must not be negative; got -1."));
  EXPECT_EQ(opt.param_groups().size(), 2u);
}

TEST(Groups, HaveTheOptionsOfTheStart) {
  Adam opt({.lr = 0.5});
  opt.add_param_group("a", {{"lr", 0.25}});
  opt.set_lr(0.125);
  EXPECT_EQ(opt.hyper("lr", 1).value(), 0.125);
  opt.add_param_group("b", {{"weight_decay", 0.1}});
  EXPECT_EQ(opt.hyper("lr", 2).value(), 0.5);
  EXPECT_EQ(opt.lr(), 0.125);
}

// A rule that was made without momentum takes it when a schedule, or the user, gives it some.
TEST(Groups, MomentumMayComeLater) {
  const auto torch = [](int n, int from) {
    double p = 0, buffer = 0;
    for (int t = 0; t < n; ++t) {
      buffer = t >= from ? 0.9 * buffer + 1 : 0;
      p -= t >= from ? buffer : 1;
    }
    return p;
  };
  Pair p, q;
  SGD opt({.lr = 1});
  const auto compiled = compile([](Pair& m, SGD& o) { update(o, m, ones_pair()); });
  for (int i = 0; i < 2; ++i) update(opt, p, ones_pair());
  opt.hyper("momentum") = 0.9;
  for (int i = 0; i < 2; ++i) update(opt, p, ones_pair());
  compiled(p, opt);
  EXPECT_NEAR(first(p.x), torch(5, 2), 1e-12);
  SGD cycled({.lr = 1});
  CyclicLR schedule(cycled, {.base_lr = 1, .max_lr = 1, .base_momentum = 0.9, .max_momentum = 0.9});
  for (int i = 0; i < 4; ++i) compiled(q, cycled);
  EXPECT_NEAR(first(q.x), torch(4, 0), 1e-12);
}

TEST(Trained, AreFloatingPointParametersAlone) {
  struct Scale {
    Tensor gain = full({2}, 1);
    Buffer table = Buffer(tensor({0, 1}));
    Tensor shift = zeros({2});
  } net, g;
  g.gain = Tensor();
  Adam opt;
  const char* text =
      "'gain' is i64[2]; only floating-point parameters can be trained. Make it of numbers with a "
      "point (full({2}, 1.0)), or declare it a Buffer.";
  EXPECT_TRUE(contains(error_text([&] { update(opt, net, g); }), text));
  EXPECT_TRUE(contains(error_text([&] { opt.prepare(net); }), text));
  Adam prepared;
  prepared.prepare(net, {.ignore = {"gain"}});
  EXPECT_TRUE(prepared.state("gain").empty());
  EXPECT_EQ(prepared.state("shift").count("exp_avg"), 1u);
  update(opt, net, g, {.ignore = {"gain"}});
  net.gain = tensor({true, false});
  EXPECT_TRUE(contains(error_text([&] { update(opt, net, g); }), "'gain' is bool[2]"));
  opt.freeze("gain");
  update(opt, net, g);
  EXPECT_EQ(net.shift.to_vector<float>()[0], 0);
  EXPECT_EQ(opt.state("shift").count("exp_avg"), 1u);
}

}  // namespace
}  // namespace lilith
