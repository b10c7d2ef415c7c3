// Schedulers in fit: the caller's and its own, over several calls and over a resumption.
#include <gtest/gtest.h>

#include <cmath>

#include "lilith/checkpoint.h"
#include "lilith/io.h"
#include "lilith/nn.h"
#include "lilith/ops.h"
#include "lilith/train.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace lilith {
namespace {

struct Net {
  Linear fc{2, 1};
  Dropout drop{0.2};
  Tensor operator()(Tensor x) const { return fc(drop(x)); }
};

data::Dataset<2> data() {
  const Tensor x = arange(80.0).reshape({40, 2}) / 40 - 1;
  return TensorDataset<2>(x, x.sum({1}, true));
}

std::vector<float> values(ModelRef model) {
  std::vector<float> all;
  for (const auto& [path, t] : state_dict(model)) {
    const auto v = t.to_vector<float>();
    all.insert(all.end(), v.begin(), v.end());
  }
  return all;
}

class FitSchedulers : public ::testing::Test {
 protected:
  void SetUp() override { manual_seed(2); }
  static FitOptions options(std::int64_t epochs) {
    return {.epochs = epochs, .batch_size = 8, .progress = ShowProgress::Off};
  }
  static std::vector<double> rates(const History& history) {
    std::vector<double> lrs;
    for (const EpochRow& row : history.rows) lrs.push_back(row.lr);
    return lrs;
  }
  std::string path(const std::string& name) const { return dir_.file(name); }
  // Two epochs, and two more after a resumption, beside four at once.
  bool resumes_to_the_bit(const Optimizer& made, const SchedulerRef& s, bool per_step) const {
    manual_seed(2);
    const Net start;
    const RngState rng = rng_state();
    const auto run = [&](Optimizer& o, std::int64_t epochs, bool saved, bool resume) {
      Net net = start;
      auto options = FitSchedulers::options(epochs);
      options.optimizer = o;
      options.scheduler = s;
      options.scheduler_per_step = per_step;
      if (saved) options.checkpoint = path("run");
      options.resume = resume;
      options.validation = data();
      fit(net, data(), MSELoss{}, options);
      return values(net);
    };
    Optimizer whole = made, first = made, second = made;
    const auto right = run(whole, 4, false, false);
    set_rng_state(rng);
    run(first, 2, true, false);
    manual_seed(99);
    return run(second, 4, true, true) == right && second.lr() == whole.lr();
  }
  ::lilith::testing::TempDir dir_;
};

TEST_F(FitSchedulers, TheCallersGoesOnOverSeveralCalls) {
  const RngState rng = rng_state();
  Net whole;
  Net parts = whole;
  set_rng_state(rng);
  Adam o({.lr = 0.1});
  StepLR s(o, {.step_size = 2, .gamma = 0.5});
  auto one = options(6);
  one.optimizer = o;
  one.scheduler = s;
  const History all = fit(whole, data(), MSELoss{}, one);
  EXPECT_EQ(rates(all), (std::vector<double>{0.1, 0.1, 0.05, 0.05, 0.025, 0.025}));
  EXPECT_EQ(s.last_epoch(), 6);
  EXPECT_EQ(o.lr(), 0.0125);

  for (const bool attached : {true, false}) {
    Net net = parts;
    set_rng_state(rng);
    Adam p({.lr = 0.1});
    StepLR t({.step_size = 2, .gamma = 0.5});
    if (attached) t.attach(p);
    std::vector<double> lrs;
    for (int epoch = 0; epoch < 6; ++epoch) {
      const History h = fit(net, data(), MSELoss{},
                            {.epochs = 1,
                             .batch_size = 8,
                             .optimizer = p,
                             .scheduler = t,
                             .progress = ShowProgress::Off});
      lrs.push_back(h.rows[0].lr);
    }
    EXPECT_EQ(lrs, rates(all));
    EXPECT_EQ(values(net), values(whole));
    EXPECT_EQ(t.last_epoch(), 6);
  }
}

TEST_F(FitSchedulers, WithAnOptimiserOfFitsOwnACopySteps) {
  StepLR s({.step_size = 1, .gamma = 0.5});
  auto o = options(3);
  o.optimizer = SGD({.lr = 0.1});
  o.scheduler = s;
  for (int call = 0; call < 2; ++call) {
    Net net;
    EXPECT_EQ(rates(fit(net, data(), MSELoss{}, o)), (std::vector<double>{0.1, 0.05, 0.025}));
    EXPECT_FALSE(s.attached());
  }
}

TEST_F(FitSchedulers, OneOfAnotherOptimiserIsRefused) {
  Net net;
  SGD mine({.lr = 0.1}), other({.lr = 0.1});
  StepLR s(other, {.step_size = 1, .gamma = 0.5});
  ReduceLROnPlateau plateau(other);
  auto o = options(1);
  o.optimizer = mine;
  o.scheduler = s;
  const std::string text =
      "fit: the scheduler belongs to another optimiser than .optimizer; give the one that it was "
      "made with, or a scheduler made without";
  EXPECT_ERROR_HERE(fit(net, data(), MSELoss{}, o), text);
  o.scheduler = plateau;
  EXPECT_ERROR_HERE(fit(net, data(), MSELoss{}, o), text);
  o.scheduler_per_step = true;
  EXPECT_ERROR_HERE(fit(net, data(), MSELoss{}, o),
                    "fit: scheduler_per_step with ReduceLROnPlateau, which steps after an epoch");
  o.scheduler_per_step = false;
  o.scheduler = ReduceLROnPlateau({.mode = "max"});
  EXPECT_ERROR_HERE(fit(net, data(), MSELoss{}, o),
                    "fit: ReduceLROnPlateau in mode 'max' watches the metric; there is no .metric");
}

TEST_F(FitSchedulers, AnErrorOfItsOwnHasTheLineOfFit) {
  Net net;
  auto o = options(2);
  o.scheduler = OneCycleLR({.max_lr = 0.1, .total_steps = 9});
  o.scheduler_per_step = true;
  const std::string text = testing::error_text([&] { fit(net, data(), MSELoss{}, o); });
  EXPECT_NE(text.find("OneCycleLR"), text.npos) << text;
  EXPECT_NE(text.find("train_fit_scheduler_test.cpp"), text.npos) << text;
  o.scheduler = OneCycleLR({.max_lr = 0.1, .total_steps = 10});
  EXPECT_NO_THROW(fit(net, data(), MSELoss{}, o));
}

TEST_F(FitSchedulers, APlateauGoesByTheLossAndOnAfterAResumption) {
  // At a rate of 0 nothing improves: the rate of a frozen network falls every other epoch.
  const auto run = [&](std::int64_t epochs, bool resume, const char* file) {
    Net net;
    test_mode(net);
    auto o = options(epochs);
    o.optimizer = SGD({.lr = 1.0});
    o.optimizer.get().freeze("fc");
    o.shuffle = false;
    o.scheduler = ReduceLROnPlateau({.factor = 0.5, .patience = 1});
    o.checkpoint = path(file);
    o.resume = resume;
    return rates(fit(net, data(), MSELoss{}, o));
  };
  const std::vector<double> right = {1, 1, 1, 0.5, 0.5, 0.25, 0.25};
  EXPECT_EQ(run(7, false, "whole"), right);
  run(4, false, "part");
  EXPECT_EQ(run(7, true, "part"), right);
}

TEST_F(FitSchedulers, EveryKindResumesToTheBit) {
  const SchedulerRef schedulers[] = {
      {},
      StepLR({.step_size = 2, .gamma = 0.5}),
      MultiStepLR({.milestones = {1, 3, 3}, .gamma = 0.5}),
      ExponentialLR({.gamma = 0.9}),
      CosineAnnealingLR({.T_max = 3, .eta_min = 1e-3}),
      CosineAnnealingWarmRestarts({.T_0 = 3, .T_mult = 2}),
      LinearLR({.total_iters = 3}),
      ConstantLR({.total_iters = 2}),
      PolynomialLR({.total_iters = 4, .power = 2}),
      LambdaLR([](std::int64_t t) { return 1.0 / static_cast<double>(t + 1); }),
      MultiplicativeLR([](std::int64_t t) { return t % 2 ? 0.5 : 1.5; }),
      OneCycleLR({.max_lr = 0.1, .total_steps = 30}),
      CyclicLR({.base_lr = 0.01, .max_lr = 0.1, .step_size_up = 3, .cycle_momentum = false}),
      SequentialLR({LinearLR({.total_iters = 3}), ExponentialLR({.gamma = 0.8})}, {3}),
      ChainedScheduler({ConstantLR({.total_iters = 3}), ExponentialLR({.gamma = 0.8})}),
      ReduceLROnPlateau({.factor = 0.5, .patience = 0, .threshold = 0.5})};
  for (std::size_t i = 0; i < std::size(schedulers); ++i) {
    SchedulerRef s = schedulers[i];
    EXPECT_TRUE(resumes_to_the_bit(Adam({.lr = 0.05}), s, false)) << i;
    if (!s.schedule()) continue;
    EXPECT_TRUE(resumes_to_the_bit(SGD({.lr = 0.05, .momentum = 0.9}), s, true)) << i;
  }
}

TEST_F(FitSchedulers, EveryOptimiserResumesToTheBit) {
  const Optimizer optimizers[] = {SGD({.lr = 0.05}),
                                  AdamW({.lr = 0.05, .amsgrad = true}),
                                  RMSprop({.momentum = 0.5, .centered = true}),
                                  Adagrad({.lr_decay = 0.1}),
                                  Adadelta(),
                                  Adamax(),
                                  NAdam(),
                                  RAdam(),
                                  ASGD(),
                                  Rprop()};
  for (const Optimizer& o : optimizers)
    EXPECT_TRUE(resumes_to_the_bit(o, ExponentialLR({.gamma = 0.9}), false)) << o.name();
}

TEST_F(FitSchedulers, APlateauInModeMaxGoesByTheMetric) {
  Net net;
  Adam opt({.lr = 1.0});
  opt.freeze("fc");
  test_mode(net);
  ReduceLROnPlateau plateau(opt, {.mode = "max", .factor = 0.5, .patience = 0});
  std::vector<double> lrs;
  auto o = options(4);
  o.optimizer = opt;
  o.scheduler = plateau;
  o.validation = data();
  o.metric = Metric::mae();
  const History history = fit(net, data(), MSELoss{}, o);
  EXPECT_EQ(plateau.best(), history.rows[0].val_metric);
  EXPECT_EQ(plateau.last_epoch(), 4);
  EXPECT_EQ(opt.lr(), 0.125);
}

TEST_F(FitSchedulers, ResumingWithAnotherKindIsRefused) {
  Net net;
  auto o = options(1);
  o.checkpoint = path("run");
  o.scheduler = StepLR({.step_size = 1, .gamma = 0.5});
  fit(net, data(), MSELoss{}, o);
  o.resume = true;
  const std::string from = "fit: cannot resume from " + o.checkpoint + ": ";
  o.scheduler = CosineAnnealingLR({.T_max = 5});
  EXPECT_ERROR_HERE(fit(net, data(), MSELoss{}, o),
                    from + "the scheduler was StepLR, now it is CosineAnnealingLR");
  o.scheduler = {};
  EXPECT_ERROR_HERE(fit(net, data(), MSELoss{}, o),
                    from + "the scheduler was StepLR, now it is none");
  o.scheduler = StepLR({.step_size = 1, .gamma = 0.5});
  o.optimizer = SGD({.lr = 0.1});
  EXPECT_ERROR_HERE(fit(net, data(), MSELoss{}, o), from + "the optimiser was Adam, now it is SGD");
  // Another model: nothing is changed.
  o.optimizer = Adam({.lr = 1e-3});
  struct Wide {
    Linear fc{2, 3};
    Dropout drop{0.2};
    Tensor operator()(Tensor x) const { return fc(drop(x)).sum({1}, true); }
  } wide;
  const auto before = values(wide);
  EXPECT_THROW(fit(wide, data(), MSELoss{}, o), Error);
  EXPECT_EQ(values(wide), before);
}

TEST_F(FitSchedulers, ALoopByHandGoesOnFromFitsCheckpoint) {
  Net net;
  Adam o({.lr = 0.1});
  StepLR s(o, {.step_size = 2, .gamma = 0.5});
  auto options = FitSchedulers::options(3);
  options.optimizer = o;
  options.scheduler = s;
  options.checkpoint = path("run");
  fit(net, data(), MSELoss{}, options);
  Net other;
  Adam p({.lr = 0.1});
  StepLR t(p, {.step_size = 2, .gamma = 0.5});
  load_checkpoint(path("run"), other, p, t);
  EXPECT_EQ(values(other), values(net));
  EXPECT_EQ(p.lr(), 0.05);
  EXPECT_EQ(t.last_epoch(), 3);
  EXPECT_EQ(p.fit_epochs(), 3);
  save_checkpoint(path("hand"), other, p, t);
  options.checkpoint = path("hand");
  options.resume = true;
  EXPECT_ERROR_HERE(
      fit(net, data(), MSELoss{}, options),
      "fit: " + path("hand") + " is no checkpoint of fit, but one of save_checkpoint");
}

// A file as the version before wrote it: the rates and the scheduler's place are in the text.
TEST_F(FitSchedulers, AFileOfTheFirstVersionResumes) {
  const TensorDict first = [] {
    TensorDict d;
    d.add("model.fc.weight", tensor({{1.f, 2.f}}));
    d.add("model.fc.bias", tensor({3.f}));
    d.add("optimizer.groups.0.step", full({}, 10.0, {.dtype = kFloat64}));
    d.add("optimizer.state.fc.weight.momentum_buffer", tensor({{0.f, 0.f}}));
    d.add("optimizer.state.fc.bias.momentum_buffer", tensor({0.f}));
    d.metadata["lilith.fit"] = R"({"version": 1, "optimizer": "SGD",
      "hyper": {"groups.0.lr": 0.025, "groups.0.momentum": 0.9, "groups.0.dampening": 0.0,
                "groups.0.weight_decay": 0.0},
      "rng": {"seed": 2, "counter": 17},
      "shape": {"rows": 40, "batch_size": 8, "seed": 0, "shuffle": true, "drop_last": false},
      "epoch": 2, "batch": 0, "step": 10, "loss_sum": 0.0, "metric_sum": 0.0, "seconds": 0.0,
      "samples": 0, "base_lrs": [0.1], "scheduler_epoch": 2,
      "history": {"metric_name": "", "rows": [
        {"epoch": 1, "loss": 2.0, "metric": null, "val_loss": null, "val_metric": null,
         "lr": 0.1, "seconds": 0.5},
        {"epoch": 2, "loss": 1.0, "metric": null, "val_loss": 1.5, "val_metric": null,
         "lr": 0.05, "seconds": 0.5}]}})";
    return d;
  }();
  save_tensors(first, path("old"));
  Net net;
  SGD opt({.lr = 0.1, .momentum = 0.9});
  auto o = options(2);
  o.optimizer = opt;
  o.scheduler = StepLR({.step_size = 1, .gamma = 0.5});
  o.checkpoint = path("old");
  o.resume = true;
  const History done = fit(net, data(), MSELoss{}, o);
  ASSERT_EQ(done.rows.size(), 2u);
  EXPECT_FALSE(done.rows[0].validated);
  EXPECT_TRUE(done.rows[1].validated);
  EXPECT_EQ(net.fc.weight.to_vector<float>(), (std::vector<float>{1, 2}));
  EXPECT_EQ(opt.lr(), 0.025);
  EXPECT_EQ(opt.param_groups()[0].step.item<double>(), 10);
  EXPECT_EQ(rng_state(), (RngState{2, 17}));
  o.epochs = 3;
  const History more = fit(net, data(), MSELoss{}, o);
  ASSERT_EQ(more.rows.size(), 3u);
  EXPECT_EQ(more.rows[2].lr, 0.025);
  EXPECT_EQ(opt.lr(), 0.0125);
  EXPECT_EQ(opt.param_groups()[0].step.item<double>(), 15);
}

TEST_F(FitSchedulers, AnOptimiserThatIsGoneIsAnError) {
  FitOptions o = options(1);
  {
    Adam local({.lr = 0.1});
    o.optimizer = local;
  }
  Net net;
  EXPECT_ERROR_HERE(fit(net, data(), MSELoss{}, o),
                    "fit: the optimiser that .optimizer refers to is gone; it must live until fit "
                    "returns, or be given away: .optimizer = std::move(o)");
}

}  // namespace
}  // namespace lilith
