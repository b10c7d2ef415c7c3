// Schedules that go on: from a file, and with an optimiser that is moved or gone.
#include <gtest/gtest.h>

#include <memory>

#include "lilith/optim.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"
#include "unit/count_allocations.h"

namespace lilith {
namespace {

using testing::error_text;

SGD half() { return SGD({.lr = 0.5, .momentum = 0.9}); }

// Every scheduler, saved after four steps and loaded into a new one, goes on to the bit.
TEST(Schedules, GoOnFromAFile) {
  const testing::TempDir dir;
  const std::vector<LRScheduler> kinds = {
      StepLR({.step_size = 3, .gamma = 0.3}),
      MultiStepLR({.milestones = {2, 5}, .gamma = 0.3}),
      ExponentialLR({.gamma = 0.9}),
      CosineAnnealingLR({.T_max = 6, .eta_min = 0.01}),
      CosineAnnealingWarmRestarts({.T_0 = 3, .T_mult = 2}),
      LinearLR({.start_factor = 0.1, .total_iters = 6}),
      ConstantLR({.factor = 0.3, .total_iters = 6}),
      PolynomialLR({.total_iters = 9, .power = 2}),
      SWALR({.swa_lr = 0.05, .anneal_epochs = 6}),
      LambdaLR([](std::int64_t t) { return 1.0 / (1 + t); }),
      MultiplicativeLR([](std::int64_t t) { return 1 - 0.01 * t; }),
      OneCycleLR({.max_lr = 1, .total_steps = 12}),
      CyclicLR({.base_lr = 0.1, .max_lr = 0.5, .step_size_up = 2, .mode = "triangular2"}),
      SequentialLR({LinearLR({.start_factor = 0.1, .total_iters = 3}),
                    ExponentialLR({.gamma = 0.9}), CosineAnnealingLR({.T_max = 5})},
                   {3, 6}),
      ChainedScheduler(
          {ConstantLR({.factor = 0.1, .total_iters = 5}), ExponentialLR({.gamma = 0.9})}),
  };
  for (LRScheduler first : kinds) {
    LRScheduler second = first;
    SGD opt({.lr = 0.7, .momentum = 0.9}), resumed({.lr = 0.1, .momentum = 0.9});
    first.attach(opt);
    for (int i = 0; i < 4; ++i) first.step();
    save(opt, dir.file("opt"));
    save(first, dir.file("schedule"));
    second.attach(resumed);
    load(resumed, dir.file("opt"));
    load(second, dir.file("schedule"));
    EXPECT_EQ(second.last_epoch(), first.last_epoch());
    EXPECT_EQ(second.get_last_lr(), first.get_last_lr());
    for (int i = 0; i < 6; ++i) {
      EXPECT_EQ(opt.lr(), resumed.lr()) << first.name() << " after " << 4 + i;
      EXPECT_EQ(opt.hyper("momentum").value(), resumed.hyper("momentum").value()) << first.name();
      first.step();
      second.step();
    }
  }
}

TEST(Schedules, ThePlateauGoesOnFromAFile) {
  const testing::TempDir dir;
  const auto make = [](SGD& opt) {
    return ReduceLROnPlateau(opt, {.factor = 0.5, .patience = 1, .cooldown = 2});
  };
  SGD opt = half(), resumed({.lr = 0.1, .momentum = 0.9});
  ReduceLROnPlateau first = make(opt), second = make(resumed);
  for (const double m : {1.0, 0.5, 0.6, 0.7, 0.8}) first.step(m);
  save(opt, dir.file("opt"));
  save(first, dir.file("plateau"));
  load(resumed, dir.file("opt"));
  load(second, dir.file("plateau"));
  EXPECT_EQ(second.best(), 0.5);
  EXPECT_TRUE(second.in_cooldown());
  for (const double m : {0.9, 0.9, 0.4, 0.9, 0.9, 0.9, 0.9}) {
    first.step(m);
    second.step(m);
    EXPECT_EQ(opt.lr(), resumed.lr());
  }
  EXPECT_LT(opt.lr(), 0.2);
}

// As configure_optimizers of a PyTorch program gives both.
struct Both {
  SGD opt{{.lr = 0.4}};
  StepLR schedule{opt, {.step_size = 1, .gamma = 0.5}};
  ReduceLROnPlateau plateau{opt, {.factor = 0.5, .patience = 0}};
};

TEST(Schedules, GoWithAnOptimiserThatIsMoved) {
  auto both = std::make_unique<Both>();
  Both moved = std::move(*both);
  both.reset();
  moved.schedule.step();
  EXPECT_DOUBLE_EQ(moved.opt.lr(), 0.2);
  moved.plateau.step(1);
  moved.plateau.step(2);
  EXPECT_DOUBLE_EQ(moved.opt.lr(), 0.1);
  SGD other(1.0);
  StepLR of_other(other, {.step_size = 1, .gamma = 0.1});
  other = std::move(moved.opt);  // what both schedules step
  of_other.step();
  moved.schedule.step();
  EXPECT_EQ(of_other.optimizer(), &other);
  EXPECT_EQ(moved.schedule.optimizer(), &other);
  EXPECT_NEAR(other.lr(), 0.005, 1e-12);
}

TEST(Schedules, ShareTheirWayToAnOptimiser) {
  SGD opt(0.4);
  StepLR first(opt, {.step_size = 1, .gamma = 0.5});
  {
    optim::OptimizerPointer again;
    const AllocationCounter counter;
    for (int i = 0; i < 100; ++i) again = opt;
    EXPECT_EQ(counter.count(), 0);
  }
  StepLR second(opt, {.step_size = 1, .gamma = 0.1});
  SGD other(1.0);
  StepLR of_other(other, {.step_size = 1, .gamma = 0.5});
  other = std::move(opt);
  first.step();
  EXPECT_DOUBLE_EQ(other.lr(), 0.2);
  second.attach(other);
  for (const StepLR* each : {&first, &second, &of_other}) EXPECT_EQ(each->optimizer(), &other);
  // What was moved from is an optimiser still.
  of_other.attach(opt);
  EXPECT_EQ(of_other.optimizer(), &opt);
  EXPECT_EQ(first.optimizer(), &other);
}

TEST(Schedules, StepNoOptimiserThatIsGone) {
  auto opt = std::make_unique<SGD>(0.4);
  StepLR schedule(*opt, {.step_size = 1, .gamma = 0.5});
  ReduceLROnPlateau plateau(*opt);
  SGD copy = *opt;
  schedule.step();
  EXPECT_DOUBLE_EQ(opt->lr(), 0.2);
  EXPECT_DOUBLE_EQ(copy.lr(), 0.4);  // another optimiser
  opt.reset();
  EXPECT_FALSE(schedule.attached());
  EXPECT_EQ(schedule.optimizer(), nullptr);
  const std::string text = error_text([&] { schedule.step(); });
  EXPECT_NE(text.find("its optimiser is gone"), std::string::npos) << text;
  EXPECT_NE(error_text([&] { plateau.step(1.0); }).find("its optimiser is gone"),
            std::string::npos);
  schedule.attach(copy);
  schedule.step();
  EXPECT_DOUBLE_EQ(copy.lr(), 0.2);
}

TEST(Schedules, AFileOfAnotherKindIsRefused) {
  const testing::TempDir dir;
  SGD opt = half();
  StepLR step(opt, {.step_size = 2});
  ExponentialLR exponential(opt, {.gamma = 0.5});
  save(step, dir.file("step"));
  const double rate = opt.lr();
  EXPECT_NE(error_text([&] {
              load(exponential, dir.file("step"));
            }).find("step holds the state of StepLR; this is ExponentialLR."),
            std::string::npos);
  ReduceLROnPlateau plateau(opt);
  EXPECT_NE(error_text([&] {
              plateau.load_state_dict(step.state_dict());
            }).find("ReduceLROnPlateau: the state has no 'best'; it is of another scheduler."),
            std::string::npos);
  opt.add_param_group("x", {});
  SGD two = half();
  two.add_param_group("x", {});
  StepLR of_two(two, {.step_size = 2});
  EXPECT_NE(error_text([&] {
              load(of_two, dir.file("step"));
            }).find("StepLR: 'base_lrs' is f64[1] in the state, f64[2] here."),
            std::string::npos);
  EXPECT_NE(
      error_text([&] { load(opt, dir.file("step")); }).find("the state does not fit this SGD"),
      std::string::npos);
  EXPECT_EQ(opt.lr(), rate);
}

}  // namespace
}  // namespace lilith
