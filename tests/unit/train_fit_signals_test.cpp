// Signals that end a training, and those that do not.
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>

#include "lilith/nn.h"
#include "lilith/ops.h"
#include "lilith/train.h"
#include "support/temp_dir.h"

namespace lilith {
namespace {

struct Net {
  Linear fc{2, 1};
  Dropout drop{0.5};
  Tensor operator()(Tensor x) const { return fc(drop(x)); }
};

// Raises a signal while its batch `at` is read.
class Raising final : public DataSource {
 public:
  Raising(DataSourcePtr base, int signal, int at)
      : base_(std::move(base)), signal_(signal), at_(at) {}
  std::int64_t size() const override { return base_->size(); }
  const std::vector<Aval>& columns() const override { return base_->columns(); }
  void read(const std::int64_t* rows, std::int64_t n, void* const* out) const override {
    if (reads_++ == at_) std::raise(signal_);
    base_->read(rows, n, out);
  }

 private:
  DataSourcePtr base_;
  int signal_, at_;
  mutable int reads_ = 0;
};

data::Dataset<2> data() {
  const Tensor x = arange(80.0).reshape({40, 2}) / 40 - 1;
  return TensorDataset<2>(x, x.sum({1}, true));
}
data::Dataset<2> raising(int signal, int at) {
  return data::Dataset<2>(std::make_shared<Raising>(data().source(), signal, at));
}

/// The action of a signal during a test, and what was there before afterwards.
class ActionScope {
 public:
  ActionScope(int signal, void (*handler)(int)) : signal_(signal) {
    struct sigaction action = {};
    action.sa_handler = handler;
    sigaction(signal, &action, &before_);
  }
  ~ActionScope() { sigaction(signal_, &before_, nullptr); }
  static void (*now(int signal))(int) {
    struct sigaction action = {};
    sigaction(signal, nullptr, &action);
    return action.sa_handler;
  }

 private:
  int signal_;
  struct sigaction before_ = {};
};

int handled = 0;
void count(int) { ++handled; }

class FitSignals : public ::testing::Test {
 protected:
  void SetUp() override {
    manual_seed(3);
    handled = 0;
  }
  FitOptions options(std::int64_t epochs = 3) const {
    return {.epochs = epochs,
            .batch_size = 8,
            .optimizer = Adam({.lr = 0.05}),
            .checkpoint = checkpoint(),
            .progress = ShowProgress::Off};
  }
  std::string checkpoint() const { return dir_.file("run.safetensors"); }
  ::lilith::testing::TempDir dir_;
};

std::vector<float> weights(const Net& net) { return net.fc.weight.to_vector<float>(); }

TEST_F(FitSignals, EachStopsAfterTheStepAndResumesToTheBit) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    const ActionScope plain(signal, SIG_DFL);
    manual_seed(3);
    Net whole;
    const Net start = whole;
    auto o = options();
    o.checkpoint = "";
    const RngState rng = rng_state();
    fit(whole, data(), MSELoss{}, o);

    set_rng_state(rng);
    Net part = start;
    const History first = fit(part, raising(signal, 7), MSELoss{}, options());
    EXPECT_TRUE(first.interrupted);
    EXPECT_EQ(first.signal, signal);
    EXPECT_EQ(first.rows.size(), 1u);
    EXPECT_EQ(ActionScope::now(signal), SIG_DFL);
    ASSERT_TRUE(std::filesystem::exists(checkpoint()));
    Net resumed;
    auto rest = options();
    rest.resume = true;
    const History again = fit(resumed, data(), MSELoss{}, rest);
    EXPECT_FALSE(again.interrupted);
    EXPECT_EQ(again.signal, 0);
    EXPECT_EQ(weights(resumed), weights(whole)) << signal;
  }
}

TEST_F(FitSignals, WhatTheProgramIgnoresStaysIgnored) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    const ActionScope ignored(signal, SIG_IGN);
    Net net;
    const History history = fit(net, raising(signal, 3), MSELoss{}, options());
    EXPECT_FALSE(history.interrupted) << signal;
    EXPECT_EQ(history.rows.size(), 3u);
    EXPECT_EQ(ActionScope::now(signal), SIG_IGN);
  }
}

TEST_F(FitSignals, HandlersOfTheProgramRunAsWell) {
  for (const int signal : {SIGINT, SIGTERM}) {
    const ActionScope own(signal, count);
    handled = 0;
    Net net;
    EXPECT_TRUE(fit(net, raising(signal, 3), MSELoss{}, options()).interrupted);
    EXPECT_EQ(handled, 1);
    EXPECT_EQ(ActionScope::now(signal), count);
  }
  // At SIGHUP a program with a handler does something else than end.
  const ActionScope own(SIGHUP, count);
  handled = 0;
  Net net;
  EXPECT_FALSE(fit(net, raising(SIGHUP, 3), MSELoss{}, options()).interrupted);
  EXPECT_EQ(handled, 1);
}

TEST_F(FitSignals, AHandlerThatACallbackSetsStays) {
  const ActionScope plain(SIGTERM, SIG_DFL);
  auto o = options(1);
  o.callbacks = {[](FitState&) { std::signal(SIGTERM, count); }};
  Net net;
  fit(net, data(), MSELoss{}, o);
  EXPECT_EQ(ActionScope::now(SIGTERM), count);
}

TEST_F(FitSignals, ASecondOneEndsTheProcess) {
  const auto twice = [&] {
    std::signal(SIGTERM, SIG_DFL);
    Net net;
    auto o = options();
    o.callbacks = {[](FitState&) {
      std::raise(SIGTERM);
      std::raise(SIGTERM);
    }};
    fit(net, data(), MSELoss{}, o);
  };
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(twice(), ::testing::KilledBySignal(SIGTERM), "");
}

TEST_F(FitSignals, OneThatComesWhileValidatingIsNotLost) {
  const ActionScope plain(SIGTERM, SIG_DFL);
  Net whole;
  const Net start = whole;
  const RngState rng = rng_state();
  auto o = options();
  o.checkpoint = "";
  o.validation = data();
  // Draws in test mode too: the validation starts again with the numbers that it had.
  const auto loss = [](Net& m, Tensor x, Tensor y) {
    return mse_loss(m(x + 0.1 * rand_like(x)), y);
  };
  const History all = fit(whole, data(), loss, o);

  set_rng_state(rng);
  Net part = start;
  o.checkpoint = checkpoint();
  o.validation = raising(SIGTERM, 7);  // the third batch of the second validation
  const History first = fit(part, data(), loss, o);
  EXPECT_TRUE(first.interrupted);
  EXPECT_EQ(first.rows.size(), 1u);
  Net resumed;
  o.validation = data();
  o.resume = true;
  const History again = fit(resumed, data(), loss, o);
  ASSERT_EQ(again.rows.size(), 3u);
  EXPECT_EQ(again.rows[1].val_loss, all.rows[1].val_loss);
  EXPECT_EQ(again.rows[2].val_loss, all.rows[2].val_loss);
  EXPECT_EQ(weights(resumed), weights(whole));
}

TEST_F(FitSignals, ANaNIsNotSavedBySignalEither) {
  const ActionScope plain(SIGTERM, SIG_DFL);
  Net net;
  const auto loss = [](Net& m, Tensor x) {
    return (m(x) * 0 - 1).sum() + sqrt(m.fc.bias * 0).sum();
  };
  auto o = options();
  EXPECT_THROW(fit(net, raising(SIGTERM, 0), loss, o), Error);
  EXPECT_FALSE(std::filesystem::exists(checkpoint()));
}

TEST_F(FitSignals, AFitInsideAFitLeavesTheSignalToBoth) {
  const ActionScope plain(SIGTERM, SIG_DFL);
  Net outer, inner;
  History of_inner;
  auto o = options();
  o.callbacks = {[&](FitState&) {
    auto i = options();
    i.checkpoint = dir_.file("inner.safetensors");
    of_inner = fit(inner, raising(SIGTERM, 2), MSELoss{}, i);
  }};
  const History of_outer = fit(outer, data(), MSELoss{}, o);
  EXPECT_TRUE(of_inner.interrupted);
  EXPECT_TRUE(of_outer.interrupted);
  EXPECT_EQ(of_outer.rows.size(), 1u);
  EXPECT_EQ(ActionScope::now(SIGTERM), SIG_DFL);
}

}  // namespace
}  // namespace lilith
