// Schedules that share an optimiser, against torch.optim.lr_scheduler of PyTorch 2.15: each list
// holds the rates before each of ten steps, and after the last.
#include <gtest/gtest.h>

#include <cmath>

#include "lilith/ops.h"
#include "lilith/optim.h"
#include "support/expect_error.h"

namespace lilith {
namespace {

using testing::error_text;
using Rates = std::vector<double>;
using ByHand = std::map<int, double>;

void expect_rates(const Rates& got, const Rates& want, const std::string& what = "") {
  ASSERT_EQ(got.size(), want.size()) << what;
  for (std::size_t t = 0; t < want.size(); ++t)
    EXPECT_NEAR(got[t], want[t], 1e-14) << what << " at " << t;
}

// All of them are stepped after each epoch; `by_hand` sets rates before.
Rates rates_of(Optimizer& opt, std::vector<LRScheduler> schedules, const ByHand& by_hand = {}) {
  Rates out;
  for (int t = 0; t < 10; ++t) {
    out.push_back(opt.lr());
    if (const auto at = by_hand.find(t); at != by_hand.end()) opt.set_lr(at->second);
    for (LRScheduler& s : schedules) s.step();
  }
  out.push_back(opt.lr());
  return out;
}

SGD half() { return SGD({.lr = 0.5, .momentum = 0.9}); }

TEST(Schedules, TwoOnOneOptimiserMultiply) {
  const Rates want = {0.5,
                      0.45,
                      0.405,
                      0.18225000000000002,
                      0.16402500000000003,
                      0.14762250000000005,
                      0.06643012500000002,
                      0.05978711250000002,
                      0.05380840125000002,
                      0.02421378056250001,
                      0.02179240250625001};
  SGD a = half(), b = half();
  expect_rates(
      rates_of(a, {ExponentialLR(a, {.gamma = 0.9}), StepLR(a, {.step_size = 3, .gamma = 0.5})}),
      want);
  expect_rates(
      rates_of(b, {StepLR(b, {.step_size = 3, .gamma = 0.5}), ExponentialLR(b, {.gamma = 0.9})}),
      want);
}

TEST(Schedules, SwalrIsPyTorchs) {
  SGD a = half(), b = half(), c = half(), d = half();
  const Rates cosine = {0.5,
                        0.45702882373436315,
                        0.34452882373436317,
                        0.20547117626563682,
                        0.09297117626563683,
                        0.05,
                        0.05,
                        0.05,
                        0.05,
                        0.05,
                        0.05};
  expect_rates(rates_of(a, {SWALR(a, 0.05, 5)}), cosine, "cosine");
  expect_rates(
      rates_of(b, {SWALR(b, {.swa_lr = 0.05, .anneal_epochs = 4, .anneal_strategy = "linear"})}),
      {0.5, 0.3875, 0.275, 0.1625, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05}, "linear");
  expect_rates(rates_of(c, {SWALR(c, 0.05, {.anneal_epochs = 0})}), Rates(11, 0.05), "at once");
  expect_rates(rates_of(d, {ExponentialLR(d, {.gamma = 0.9}), SWALR(d, 0.05, 5)}),
               {0.5, 0.41180339887498946, 0.28200502499874064, 0.15758107963563095,
                0.0753792451805558, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05},
               "chained");
}

TEST(Schedules, OfEveryKindChain) {
  SGD a = half(), b = half(), c = half(), d = half(), e = half();
  expect_rates(rates_of(a, {LinearLR(a, {.start_factor = 0.25, .total_iters = 4}),
                            CosineAnnealingLR(a, {.T_max = 6, .eta_min = 0.01})}),
               {0.125, 0.2047664015200008, 0.23710577533125732, 0.2088250052870897,
                0.13350769556128603, 0.04309378728467552, 0.01, 0.04282377607281252, 0.1325,
                0.25500000000000017, 0.37750000000000034},
               "linear and cosine");
  expect_rates(rates_of(b, {MultiStepLR(b, {.milestones = {2, 5, 5}, .gamma = 0.5}),
                            PolynomialLR(b, {.total_iters = 8, .power = 2})}),
               {0.5, 0.3828125, 0.140625, 0.09765625000000001, 0.06250000000000003,
                0.008789062500000003, 0.003906250000000002, 0.0009765625000000004, 0, 0, 0},
               "milestones and polynomial");
  expect_rates(
      rates_of(c, {MultiplicativeLR(c, [](std::int64_t t) { return 0.95 + 0.01 * t; }),
                   ConstantLR(c, {.factor = 0.5, .total_iters = 3})}),
      {0.25, 0.24, 0.23279999999999998, 0.45628799999999997, 0.45172512, 0.45172512, 0.4562423712,
       0.465367218624, 0.47932823518272, 0.4985013645900288, 0.5234264328195303},
      "multiplicative and constant");
  expect_rates(rates_of(d, {ExponentialLR(d, {.gamma = 0.9}),
                            LambdaLR(d, [](std::int64_t t) { return 1.0 / (1 + t); })}),
               {0.5, 0.25, 0.16666666666666666, 0.125, 0.1, 0.08333333333333333,
                0.07142857142857142, 0.0625, 0.05555555555555555, 0.05, 0.045454545454545456},
               "a schedule of the base overwrites");
  expect_rates(rates_of(e, {CosineAnnealingWarmRestarts(e, {.T_0 = 3, .eta_min = 0.02}),
                            ExponentialLR(e, {.gamma = 0.9})}),
               {0.5, 0.342, 0.12600000000000003, 0.45, 0.342, 0.12600000000000003, 0.45, 0.342,
                0.12600000000000003, 0.45, 0.342},
               "warm restarts and exponential");
}

TEST(Schedules, GoOnFromARateSetByHand) {
  const ByHand by_hand = {{2, 0.3}, {6, 0.05}};
  SGD a = half(), b = half(), c = half(), d = half();
  expect_rates(
      rates_of(a, {ExponentialLR(a, {.gamma = 0.9}), StepLR(a, {.step_size = 3, .gamma = 0.5})},
               by_hand),
      {0.5, 0.45, 0.405, 0.135, 0.12150000000000001, 0.10935000000000002, 0.04920750000000001,
       0.045000000000000005, 0.04050000000000001, 0.018225000000000005, 0.016402500000000004},
      "exponential and step");
  expect_rates(
      rates_of(b,
               {SequentialLR(b,
                             {LinearLR({.start_factor = 0.1, .total_iters = 3}),
                              CosineAnnealingLR({.T_max = 5})},
                             {3})},
               by_hand),
      {0.05, 0.19999999999999998, 0.35, 0.5, 0.45225424859373686, 0.32725424859373686,
       0.17274575140626314, 0.013819660112501056, 0, 0.04774575140626314, 0.17274575140626322},
      "warm-up and cosine");
  expect_rates(
      rates_of(c, {CosineAnnealingLR(c, {.T_max = 3, .eta_min = 0.1})}, by_hand),
      {0.5, 0.4, 0.20000000000000007, 0.1, 0.19999999999999998, 0.40000000000000024,
       0.5000000000000003, 0.06249999999999999, 0.08749999999999998, 0.1, 0.19999999999999998},
      "cosine");
  expect_rates(rates_of(d,
                        {LinearLR(d, {.start_factor = 0.25, .total_iters = 4}),
                         CosineAnnealingLR(d, {.T_max = 6, .eta_min = 0.01})},
                        by_hand),
               {0.125, 0.2047664015200008, 0.23710577533125732, 0.2633333333333333,
                0.16705128205128214, 0.05208176419591349, 0.01, 0.08282377607281252,
                0.2817820323027552, 0.5535640646055108, 0.8253460969082664},
               "linear and cosine");
}

TEST(Schedules, Chained) {
  const Rates want = {0.05,
                      0.045000000000000005,
                      0.04050000000000001,
                      0.03645000000000001,
                      0.3280500000000001,
                      0.2952450000000001,
                      0.2657205000000001,
                      0.23914845000000007,
                      0.21523360500000008,
                      0.19371024450000007,
                      0.17433922005000008};
  SGD a = half(), b = half(), c = half(), d = half();
  const ConstantLR constant(a, {.factor = 0.1, .total_iters = 4});
  const ExponentialLR exponential(a, {.gamma = 0.9});
  expect_rates(rates_of(a, {ChainedScheduler({constant, exponential})}), want);
  expect_rates(rates_of(b, {ChainedScheduler(b, {ConstantLR({.factor = 0.1, .total_iters = 4}),
                                                 ExponentialLR({.gamma = 0.9})})}),
               want);
  LRScheduler later = ChainedScheduler(
      {ConstantLR({.factor = 0.1, .total_iters = 4}), ExponentialLR({.gamma = 0.9})});
  EXPECT_FALSE(later.attached());
  later.attach(c);
  expect_rates(rates_of(c, {later}), want);
  expect_rates(
      rates_of(
          d, {ChainedScheduler(d, {SequentialLR({LinearLR({.start_factor = 0.5, .total_iters = 2}),
                                                 ExponentialLR({.gamma = 0.9})},
                                                {2}),
                                   StepLR({.step_size = 4, .gamma = 0.1})})}),
      {0.25, 0.375, 0.5, 0.45, 0.04050000000000001, 0.03645000000000001, 0.03280500000000001,
       0.02952450000000001, 0.002657205000000001, 0.002391484500000001, 0.002152336050000001});
}

TEST(Schedules, Sequential) {
  SGD a = half(), b = half(), c = half(), d = half(), e = half();
  const LinearLR warm_up(a, {.start_factor = 0.1, .total_iters = 3});
  const CosineAnnealingLR cosine(a, {.T_max = 5});
  expect_rates(
      rates_of(a, {SequentialLR(a, {warm_up, cosine}, {3})}),
      {0.05, 0.19999999999999998, 0.35, 0.5, 0.45225424859373686, 0.32725424859373686,
       0.17274575140626314, 0.04774575140626316, 0, 0.04774575140626314, 0.17274575140626322});
  expect_rates(rates_of(b, {SequentialLR(b,
                                         {ConstantLR({.factor = 0.1, .total_iters = 2}),
                                          ExponentialLR({.gamma = 0.5}),
                                          MultiplicativeLR([](std::int64_t) { return 0.9; })},
                                         {3, 6})}),
               {0.05, 0.05, 0.5, 0.5, 0.25, 0.125, 0.1125, 0.10125, 0.09112500000000001,
                0.08201250000000002, 0.07381125000000002});
  expect_rates(rates_of(c, {SequentialLR(c,
                                         {LinearLR({.start_factor = 0.1, .total_iters = 2}),
                                          CosineAnnealingWarmRestarts({.T_0 = 2, .T_mult = 2})},
                                         {2})}),
               {0.05, 0.275, 0.5, 0.25, 0.5, 0.42677669529663687, 0.25, 0.07322330470336313, 0.5,
                0.4809698831278217, 0.42677669529663687});
  // PyTorch steps a chain, and a sequence, once when it is the first of a sequence.
  expect_rates(
      rates_of(d, {SequentialLR(d,
                                {ChainedScheduler({ConstantLR({.factor = 0.5, .total_iters = 2}),
                                                   ExponentialLR({.gamma = 0.9})}),
                                 StepLR({.step_size = 2, .gamma = 0.5})},
                                {4})}),
      {0.225, 0.2025, 0.36450000000000005, 0.32805000000000006, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125,
       0.0625});
  expect_rates(
      rates_of(e, {SequentialLR(e,
                                {SequentialLR({ConstantLR({.factor = 0.1, .total_iters = 2}),
                                               ExponentialLR({.gamma = 0.5})},
                                              {2}),
                                 StepLR({.step_size = 2, .gamma = 0.5})},
                                {5})}),
      {0.05, 0.5, 0.25, 0.125, 0.0625, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125});
}

TEST(Schedules, OneCycleTakesAllItsSteps) {
  SGD a = half(), b = half();
  LRScheduler s = OneCycleLR(a, {.max_lr = 1, .total_steps = 10});
  Rates got;
  for (int t = 0; t < 10; ++t, s.step()) got.push_back(a.lr());
  got.push_back(a.lr());
  expect_rates(got, {0.040000000000000036, 0.52, 1.0, 0.9504846320134737, 0.8117456539497631,
                     0.6112620219362893, 0.38874197806371075, 0.18825834605023697,
                     0.049519367986526286, 4e-06, 0.04951936798652623});
  EXPECT_NE(error_text([&] { s.step(); }).find("OneCycleLR: step 11 of 10 steps."),
            std::string::npos);
  EXPECT_EQ(s.last_epoch(), 10);
  expect_rates(
      rates_of(b, {OneCycleLR(b, {.max_lr = 1,
                                  .epochs = 2,
                                  .steps_per_epoch = 5,
                                  .anneal_strategy = "linear",
                                  .three_phase = true})}),
      {0.04, 0.52, 1.0, 0.52, 0.040000000000000036, 0.032000799999999996, 0.024001599999999998,
       0.0160024, 0.008003199999999995, 3.9999999999970615e-06, -0.007995200000000001});
}

TEST(Schedules, Cyclic) {
  SGD a = half(), b = half(), c = half();
  expect_rates(
      rates_of(a, {CyclicLR(a, {.base_lr = 0.1,
                                .max_lr = 0.5,
                                .step_size_up = 2,
                                .step_size_down = 3,
                                .mode = "triangular2"})}),
      {0.1, 0.29999999999999993, 0.4999999999999999, 0.3666666666666666, 0.2333333333333333, 0.1,
       0.2000000000000001, 0.29999999999999993, 0.2333333333333333, 0.16666666666666674, 0.1});
  expect_rates(
      rates_of(b, {CyclicLR(b, {.base_lr = 0.1,
                                .max_lr = 0.5,
                                .step_size_up = 2,
                                .mode = "exp_range",
                                .gamma = 0.9})}),
      {0.1, 0.28, 0.42400000000000004, 0.24580000000000002, 0.1, 0.21809800000000001,
       0.31257640000000003, 0.19565938000000002, 0.1, 0.17748409780000002, 0.23947137604000004});
  expect_rates(rates_of(c, {CyclicLR(c, {.base_lr = 0.1,
                                         .max_lr = 0.5,
                                         .step_size_up = 2,
                                         .scale_fn = [](double x) { return 1 / (1 + x); },
                                         .scale_mode = "iterations"})}),
               {0.1, 0.2, 0.23333333333333334, 0.15000000000000002, 0.1, 0.13333333333333333,
                0.15714285714285714, 0.125, 0.1, 0.12000000000000001, 0.13636363636363638});
}

TEST(Schedules, ALaterOneStartsFromTheInitialRate) {
  SGD opt = half();
  ExponentialLR first(opt, {.gamma = 0.9});
  for (int i = 0; i < 3; ++i) first.step();
  LambdaLR second(opt, [](std::int64_t t) { return std::pow(0.5, t); });
  EXPECT_EQ(opt.lr(), 0.5);
  second.step();
  EXPECT_EQ(opt.lr(), 0.25);
  CosineAnnealingLR third(opt, {.T_max = 4});
  EXPECT_EQ(third.base_lrs(), Rates{0.5});
  EXPECT_EQ(opt.lr(), 0.25);
  third.step();
  third.step();
  EXPECT_NEAR(opt.lr(), 0.125, 1e-14);
}

TEST(Schedules, NumbersAndFunctionsOfAGroup) {
  SGD opt = half();
  opt.add_param_group("b", {{"lr", 0.25}});
  OneCycleLR cycle(opt, {.total_steps = 5, .max_lrs = {1.0, 0.2}});
  const auto both = [&] { return Rates{opt.lr(), opt.hyper("lr", 1), opt.hyper("momentum", 1)}; };
  cycle.step();
  expect_rates(both(), {0.9504846320134737, 0.19009692640269477, 0.854951556604879});
  for (int i = 0; i < 3; ++i) cycle.step();
  expect_rates(both(), {4e-06, 8e-07, 0.95});
  SGD other = half();
  other.add_param_group("b", {{"lr", 0.25}});
  LambdaLR factors(other, {[](std::int64_t t) { return std::pow(0.5, t); },
                           [](std::int64_t t) { return 1.0 / (1 + t); }});
  for (int i = 0; i < 3; ++i) factors.step();
  expect_rates(factors.get_last_lr(), {0.0625, 0.0625});
  SGD third = half();
  EXPECT_NE(error_text([&] {
              OneCycleLR(third, {.total_steps = 5, .max_lrs = {1.0, 0.2}});
            }).find("OneCycleLR: max_lrs has 2 numbers; SGD has 1 parameter groups."),
            std::string::npos);
}

TEST(Schedules, WarmRestartsTakeFractions) {
  SGD opt = half();
  CosineAnnealingWarmRestarts s(opt, {.T_0 = 2, .T_mult = 2});
  Rates got;
  for (const double epoch : {0.5, 1.25, 2.5, 5.75}) {
    s.step(epoch);
    got.push_back(opt.lr());
  }
  for (int i = 0; i < 2; ++i) {
    s.step();
    got.push_back(opt.lr());
  }
  expect_rates(got, {0.42677669529663687, 0.15432914190872757, 0.4809698831278217,
                     0.004803679899192392, 0.4892350839330522, 0.4432526133406842});
  EXPECT_EQ(s.last_epoch(), 7);
}

TEST(Schedules, PlateauComparesAsTorch) {
  const Rates metrics = {-1.0, -1.00005, -1.00005, -1.2, NAN, -1.2, -1.2, -1.25, -1.25, -1.25};
  const auto run = [&](const ReduceLROnPlateauOptions& options, double best) {
    SGD opt = half();
    ReduceLROnPlateau s(opt, options);
    Rates got;
    for (const double m : metrics) {
      s.step(m);
      got.push_back(opt.lr());
    }
    EXPECT_EQ(s.best(), best);
    EXPECT_EQ(s.last_epoch(), 10);
    return got;
  };
  expect_rates(run({.factor = 0.5, .patience = 1}, -1.25), Rates(10, 0.5));
  expect_rates(run({.mode = "max",
                    .factor = 0.5,
                    .patience = 0,
                    .threshold = 0.1,
                    .threshold_mode = "abs",
                    .cooldown = 1},
                   -1.0),
               {0.5, 0.25, 0.25, 0.125, 0.125, 0.0625, 0.0625, 0.03125, 0.03125, 0.015625});
  expect_rates(run({.factor = 0.5, .patience = 0, .min_lr = 0.2}, -1.25),
               {0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25});
}

}  // namespace
}  // namespace lilith
