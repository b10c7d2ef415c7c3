// One optimiser with several models.
#include <gtest/gtest.h>

#include <memory>

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

struct Net {
  Linear a{2, 2};
  Tensor operator()(const Tensor& x) const { return a(x); }
};
const auto loss_fn = [](const Net& m, const Tensor& x) { return m(x).pow(2).sum(); };
const Tensor kInput = tensor({{1.0f, -3.0f}});

void step(Optimizer& opt, Net& net, const UpdateOptions& options = {}) {
  auto [loss, g] = grad(loss_fn, net, kInput);
  update(opt, net, g, options);
}

std::vector<float> weights(const Net& net) { return net.a.weight.to_vector<float>(); }
double steps(const Optimizer& opt) { return opt.param_groups()[0].step.item<double>(); }
bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}
constexpr const char* kCannotTell = "update: Adam cannot tell which of its models this is: ";

// What two optimisers, one a model, make of them.
struct Apart {
  Net a, b;
  Adam of_a{{.lr = 0.1}}, of_b{{.lr = 0.1}};
  Apart(const Net& first, const Net& second) : a(first), b(second) {}
  void both() {
    step(of_a, a);
    step(of_b, b);
  }
};

TEST(Models, OfOneOptimiserKeepTheirState) {
  const Net a0, b0;
  Apart apart(a0, b0);
  Net a = a0, b = b0;
  Adam opt({.lr = 0.1});
  for (int i = 0; i < 4; ++i) {
    apart.both();
    step(opt, a);
    step(opt, b);
  }
  step(apart.of_b, apart.b);
  step(opt, b);
  EXPECT_EQ(weights(a), weights(apart.a));
  EXPECT_EQ(weights(b), weights(apart.b));
  EXPECT_EQ(steps(opt), 4);
  EXPECT_EQ(opt.state("a.weight", "1").at("exp_avg").to_vector<float>(),
            apart.of_b.state("a.weight").at("exp_avg").to_vector<float>());
}

TEST(Models, ThatBeginAlikeAreTwo) {
  const Net start;
  Apart apart(start, start);
  Net a = start, b = a;
  Adam opt({.lr = 0.1});
  for (int i = 0; i < 3; ++i) {
    apart.both();
    step(opt, a);
    step(opt, b);
  }
  EXPECT_EQ(weights(a), weights(apart.a));
  EXPECT_EQ(weights(b), weights(apart.b));
}

TEST(Models, PartsOfOneAreModelsToo) {
  struct Twin {
    Net left, right;
  };
  const Twin start;
  Apart apart(start.left, start.right);
  Twin twin = start;
  Adam opt({.lr = 0.1});
  for (int i = 0; i < 3; ++i) {
    apart.both();
    step(opt, twin.left);
    step(opt, twin.right);
  }
  EXPECT_EQ(weights(twin.left), weights(apart.a));
  EXPECT_EQ(weights(twin.right), weights(apart.b));
}

TEST(Models, InACompiledStepKeepTheirState) {
  struct Twin {
    Net left, right;
  };
  for (const bool alike : {false, true}) {
    Twin twin;
    if (alike) twin.right = twin.left;
    Apart apart(twin.left, twin.right);
    Adam opt({.lr = 0.1});
    const auto both = compile([](Twin& m, Adam& o, const Tensor& x) {
      auto [loss, g] = grad(loss_fn, m.left, x);
      update(o, m.left, g);
      auto [other, h] = grad(loss_fn, m.right, x);
      update(o, m.right, h);
      return loss + other;
    });
    for (int i = 0; i < 4; ++i) {
      apart.both();
      both(twin, opt, kInput);
    }
    EXPECT_EQ(steps(opt), 4);
    for (std::size_t i = 0; i < 4; ++i) {
      EXPECT_NEAR(weights(twin.left)[i], weights(apart.a)[i], 1e-6);
      EXPECT_NEAR(weights(twin.right)[i], weights(apart.b)[i], 1e-6);
    }
  }
}

TEST(Models, OneCompiledStepServesSeveral) {
  const Net a0, b0;
  Apart apart(a0, b0);
  Net a = a0, b = b0;
  Adam opt({.lr = 0.1});
  const auto one = compile([](Net& m, Adam& o, const Tensor& x) {
    auto [loss, g] = grad(loss_fn, m, x);
    update(o, m, g);
    return loss;
  });
  for (int i = 0; i < 4; ++i) {
    apart.both();
    one(a, opt, kInput);
    one(b, opt, kInput);
  }
  const auto traces = cache_stats().traces;
  apart.both();
  one(a, opt, kInput);
  one(b, opt, kInput);
  EXPECT_EQ(cache_stats().traces, traces);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(weights(a)[i], weights(apart.a)[i], 1e-6);
    EXPECT_NEAR(weights(b)[i], weights(apart.b)[i], 1e-6);
  }
}

TEST(Models, MovedCopiedAndReloadedGoOn) {
  const testing::TempDir dir;
  const Net start;
  Net straight = start;
  Adam of_straight({.lr = 0.1});
  for (int i = 0; i < 8; ++i) step(of_straight, straight);

  Adam opt({.lr = 0.1});
  auto first = std::make_unique<Net>(start);
  step(opt, *first);
  auto moved = std::make_unique<Net>(std::move(*first));
  first.reset();
  step(opt, *moved);
  auto copied = std::make_unique<Net>(*moved);
  moved.reset();
  step(opt, *copied);
  const auto by_value = [&](Net net) {
    step(opt, net);
    return net;
  };
  *copied = by_value(*copied);
  *copied = by_value(std::move(*copied));
  save(*copied, dir.file("net"));
  load(*copied, dir.file("net"));
  step(opt, *copied);
  // Changed by hand, before and after a value was asked for.
  copied->a.weight = copied->a.weight * 1.0;
  copied->a.bias = copied->a.bias + 0.0;
  step(opt, *copied);
  auto anew = std::make_unique<Net>();
  load(*anew, (save(*copied, dir.file("net")), dir.file("net")));
  copied.reset();
  step(opt, *anew);
  EXPECT_EQ(weights(*anew), weights(straight));
  EXPECT_EQ(steps(opt), 8);
}

TEST(Models, ABestCopyIsPutBack) {
  Net net, best;
  Adam opt({.lr = 0.1});
  step(opt, net);
  best = net;
  for (int i = 0; i < 3; ++i) step(opt, net);
  net = best;
  step(opt, net);
  EXPECT_EQ(steps(opt), 5);
  const auto one = compile([](Net& m, Adam& o, const Tensor& x) {
    auto [loss, g] = grad(loss_fn, m, x);
    update(o, m, g);
    return loss;
  });
  for (int i = 0; i < 2; ++i) one(net, opt, kInput);
  net = best;
  one(net, opt, kInput);
  EXPECT_EQ(steps(opt), 8);
  // Nothing tells the model from a second one that came to its place.
  const Net before = net;
  net.a.weight = net.a.weight * 0.5;
  net.a.bias = net.a.bias * 0.5;
  eval(net);
  EXPECT_TRUE(contains(error_text([&] { step(opt, net); }),
                       std::string(kCannotTell) + "every parameter was changed outside of update"));
  step(opt, net, {.model = "0"});
  EXPECT_EQ(steps(opt), 9);
}

TEST(Models, ChangedBetweenGradientAndUpdateGoOn) {
  Net net;
  Adam opt({.lr = 0.1});
  for (int i = 0; i < 3; ++i) {
    const Net before = net;
    auto [loss, g] = grad(loss_fn, net, kInput);
    net.a.weight = net.a.weight * 0.9;
    net.a.bias = net.a.bias * 0.9;
    update(opt, net, g);
  }
  EXPECT_EQ(steps(opt), 3);
}

TEST(Models, NamesSayWhichOneIsMeant) {
  const Net a0, b0;
  Apart apart(a0, b0);
  Net a = a0, b = b0;
  Adam opt({.lr = 0.1});
  for (int i = 0; i < 3; ++i) {
    apart.both();
    Net temporary = a;
    step(opt, temporary, {.model = "left"});
    a = temporary;
    temporary = b;
    step(opt, temporary, {.model = "right"});
    b = temporary;
  }
  EXPECT_EQ(weights(a), weights(apart.a));
  EXPECT_EQ(weights(b), weights(apart.b));
  EXPECT_EQ(opt.state("a.weight", "left").count("exp_avg"), 1u);
  EXPECT_TRUE(contains(error_text([&] { step(opt, a, {.model = "a.b"}); }),
                       "a model's name must have no dot"));
}

TEST(Models, WhatCannotBeToldIsAnError) {
  {
    Net a;
    Adam opt;
    step(opt, a);
    Net b = a;
    step(opt, b);
    EXPECT_TRUE(contains(error_text([&] { step(opt, a); }),
                         std::string(kCannotTell) +
                             "it is a copy of a model that has been updated since. Give each model "
                             "a name in every update, {.model = \"generator\"}"));
  }
  {
    Net a, b;
    Adam opt;
    step(opt, a);
    step(opt, b);
    b = a;
    EXPECT_TRUE(
        contains(error_text([&] { step(opt, b); }),
                 std::string(kCannotTell) +
                     "it stands where one of them stood and has the parameters of another"));
    std::pair<Net, Net> both;
    both.first = a;
    Net c;
    step(opt, c);
    both.second = c;
    std::pair<Net, Net> g = both;
    EXPECT_TRUE(contains(error_text([&] { update(opt, both, g); }),
                         std::string(kCannotTell) + "it has parameters of several of them"));
  }
  {
    Adam opt;
    const auto train = [&](Net net) {
      step(opt, net);
      return net;
    };
    const Net a0, b0;
    const Net a = train(a0);
    const std::string text = error_text([&] { train(b0); });
    EXPECT_TRUE(text == "no error" || contains(text, kCannotTell)) << text;
    EXPECT_EQ(steps(opt), 1);
  }
  {
    std::pair<Net, Net> both;
    Adam opt;
    std::pair<Net, Net> g = both;
    update(opt, both, g);
    EXPECT_TRUE(contains(error_text([&] { step(opt, both.second); }),
                         "update: 'a.weight' was updated as another path of its model before."));
  }
}

TEST(Models, AreSavedAndFound) {
  const testing::TempDir dir;
  const Net a0, b0;
  Net a = a0, b = b0;
  Adam opt({.lr = 0.1});
  for (int i = 0; i < 2; ++i) {
    step(opt, a);
    step(opt, b);
  }
  step(opt, b);
  save(opt, dir.file("opt"));
  Net c = a, d = b;
  Adam loaded;
  load(loaded, dir.file("opt"));
  step(loaded, c);
  step(loaded, d);
  step(opt, a);
  step(opt, b);
  EXPECT_EQ(weights(a), weights(c));
  EXPECT_EQ(weights(b), weights(d));
  struct Other {
    Linear z{2, 2};
  } other, g = other;
  Adam third;
  load(third, dir.file("opt"));
  EXPECT_TRUE(contains(error_text([&] { update(third, other, g); }),
                       "update: the loaded state is of other parameters ('a.bias'); the model has "
                       "'z.weight'."));
}

}  // namespace
}  // namespace lilith
