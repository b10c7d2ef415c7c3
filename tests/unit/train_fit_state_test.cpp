// What fit keeps and gives back: the caller's optimiser, modes, signals, checkpoints without NaN.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "lilith/io.h"
#include "lilith/nn.h"
#include "lilith/ops.h"
#include "lilith/train.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace lilith {
namespace {

namespace fs = std::filesystem;

// Dropout draws, batch norm keeps state: both have to go on where they were.
struct Net {
  Linear a{3, 8};
  BatchNorm1d norm{8};
  Dropout drop{0.3};
  Linear b{8, 1};
  Tensor operator()(Tensor x) { return b(drop(relu(norm(a(x))))); }
};

struct Line {
  Linear fc{3, 1};
  Tensor operator()(Tensor x) const { return fc(x); }
};

data::Dataset<2> line_data(int rows) {
  std::vector<float> x, y;
  for (int i = 0; i < rows; ++i) {
    const float t = static_cast<float>(i);
    const float a = std::sin(0.7f * t), b = std::cos(1.3f * t), c = std::sin(2.1f * t + 1);
    x.insert(x.end(), {a, b, c});
    y.push_back(a - 2 * b + 3 * c + 0.5f);
  }
  return TensorDataset<2>(from_data(x.data(), {rows, 3}), from_data(y.data(), {rows, 1}));
}

std::vector<float> values(ConstModelRef model) {
  std::vector<float> all;
  for (const auto& [path, t] : state_dict(model)) {
    const auto v = t.to(kFloat32).to_vector<float>();
    all.insert(all.end(), v.begin(), v.end());
  }
  return all;
}

FitOptions quiet(std::int64_t epochs) {
  return {.epochs = epochs, .batch_size = 16, .progress = ShowProgress::Off};
}

std::string bytes_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class FitKeeps : public ::testing::Test {
 protected:
  void SetUp() override { manual_seed(5); }
  std::string path(const std::string& name) const { return dir_.file(name); }
  ::lilith::testing::TempDir dir_;
};

TEST_F(FitKeeps, CalledAgainWithOneOptimiserGoesOnAsOneFit) {
  const auto data = line_data(50);
  Net whole;
  Net parts = whole;
  const RngState rng = rng_state();
  Adam o({.lr = 0.05});
  auto options = quiet(6);
  options.optimizer = o;
  const History all = fit(whole, data, MSELoss{}, options);
  EXPECT_EQ(o.fit_epochs(), 6);
  EXPECT_EQ(o.state("a.weight").size(), 2u);

  set_rng_state(rng);
  Adam p({.lr = 0.05});
  for (std::size_t epoch = 0; epoch < 6; ++epoch) {
    const History one =
        fit(parts, data, MSELoss{},
            {.epochs = 1, .batch_size = 16, .optimizer = p, .progress = ShowProgress::Off});
    EXPECT_EQ(one.rows[0].loss, all.rows[epoch].loss) << epoch;
  }
  EXPECT_EQ(values(parts), values(whole));
}

TEST_F(FitKeeps, TemporaryAndConstOptimisersAreCopied) {
  const auto data = line_data(32);
  Line a, b = a, c = a;
  const Adam constant({.lr = 0.05});
  auto options = quiet(2);
  options.optimizer = constant;
  fit(a, data, MSELoss{}, options);
  EXPECT_TRUE(constant.state("fc.weight").empty());
  EXPECT_FALSE(options.optimizer.is_callers());
  options.optimizer = Adam({.lr = 0.05});
  fit(b, data, MSELoss{}, options);
  // Options that are copied into fit keep their own optimiser as it was.
  fit(c, data, MSELoss{}, options);
  EXPECT_EQ(values(a), values(b));
  EXPECT_EQ(values(a), values(c));
  Adam moved({.lr = 0.05});
  fit(c, data, MSELoss{}, {.optimizer = std::move(moved), .progress = ShowProgress::Off});
}

TEST_F(FitKeeps, TheOptimiserMayBeAnyKindAndIsReadThroughTheOptions) {
  SGD o({.lr = 0.5, .momentum = 0.9});
  Optimizer& base = o;
  FitOptions options{.optimizer = base};
  options.optimizer.set_lr(0.25);
  options.optimizer.add_param_group("fc.bias", {{"lr", 0.125}});
  EXPECT_EQ(o.lr(), 0.25);
  EXPECT_EQ(options.optimizer.lr(), 0.25);
  EXPECT_EQ(options.optimizer.hyper("lr", 1).value(), 0.125);
  EXPECT_EQ(options.optimizer.name(), "SGD");
  EXPECT_EQ(&options.optimizer.get(), &base);
}

TEST_F(FitKeeps, ALoopByHandGoesOnWithWhatFitLeft) {
  const auto data = line_data(16);
  Line net;
  Adam o({.lr = 0.05});
  fit(net, data, MSELoss{},
      {.epochs = 3, .batch_size = 16, .optimizer = o, .progress = ShowProgress::Off});
  auto [x, y] = data.slice(0);
  auto [loss, g] =
      grad([](const Line& m, Tensor x, Tensor y) { return mse_loss(m(x), y); }, net, x, y);
  update(o, net, g);
  EXPECT_EQ(o.param_groups()[0].step.item<double>(), 4);
}

TEST_F(FitKeeps, LayersInTestModeStayInIt) {
  Net net;
  net.norm.training = false;
  const auto data = line_data(64);
  auto options = quiet(2);
  options.validation = line_data(16);
  bool seen = true;
  options.callbacks = {[&](FitState& state) {
    seen = seen && !net.norm.training && net.drop.training;
    test_mode(state.model);  // and does not put it back
  }};
  fit(net, data, MSELoss{}, options);
  EXPECT_TRUE(seen);
  EXPECT_FALSE(net.norm.training);
  EXPECT_TRUE(net.drop.training);
  EXPECT_EQ(net.norm.running_mean.abs().max().item<float>(), 0);
  EXPECT_EQ(net.norm.num_batches_tracked.item<std::int64_t>(), 0);
  Net other;
  fit(other, data, MSELoss{}, quiet(2));
  EXPECT_EQ(other.norm.num_batches_tracked.item<std::int64_t>(), 8);
}

TEST_F(FitKeeps, AModelInTestModeIsSaid) {
  Net net;
  test_mode(net);
  auto options = quiet(1);
  options.progress = ShowProgress::Lines;
  ::testing::internal::CaptureStderr();
  fit(net, line_data(16), MSELoss{}, options);
  const std::string text = ::testing::internal::GetCapturedStderr();
  EXPECT_NE(text.find("every layer is in test mode"), text.npos) << text;
  EXPECT_FALSE(net.norm.training);
  train_mode(net);
  ::testing::internal::CaptureStderr();
  fit(net, line_data(16), MSELoss{}, options);
  EXPECT_EQ(::testing::internal::GetCapturedStderr().find("test mode"), text.npos);
}

TEST_F(FitKeeps, IgnoredParametersStay) {
  Net net;
  const Net before = net;
  auto options = quiet(2);
  options.ignore = {"a", "norm.weight"};
  fit(net, line_data(32), MSELoss{}, options);
  EXPECT_EQ(values(net.a), values(before.a));
  EXPECT_EQ(net.norm.weight.to_vector<float>(), before.norm.weight.to_vector<float>());
  EXPECT_NE(values(net.b), values(before.b));
  options.ignore = {"a", "encoder"};
  const std::string text =
      testing::error_text([&] { fit(net, line_data(32), MSELoss{}, options); });
  EXPECT_NE(text.find("ignore names 'encoder', which is no parameter of the model"), text.npos)
      << text;
}

// ---- NaN and infinity ----

struct Scale {
  Tensor w = ones({1});
  Tensor operator()(Tensor x) const { return x * w; }
};

// sqrt has an infinite slope at 0: where x is 0 the loss is a number and its gradient is none.
Tensor root_loss(const Tensor& out, const Tensor& y) { return (sqrt(out) - y).mean(); }

TensorDataset<2> zero_in_row(std::int64_t row, std::int64_t rows) {
  std::vector<float> x(static_cast<std::size_t>(rows), 1.0f);
  if (row >= 0) x[static_cast<std::size_t>(row)] = 0;
  return TensorDataset(from_data(x.data(), {rows, 1}), zeros({rows, 1}));
}

TEST_F(FitKeeps, ANaNGradientNeverReachesACheckpoint) {
  Scale net;
  auto options = quiet(2);
  options.batch_size = 1;
  options.shuffle = false;
  options.optimizer = SGD({.lr = 0.01});
  options.checkpoint = path("good.safetensors");
  fit(net, zero_in_row(-1, 8), root_loss, options);
  const std::string good = bytes_of(options.checkpoint);
  ASSERT_FALSE(good.empty());
  // In an epoch's last step, and in one before it, where the next loss shows it.
  EXPECT_ERROR_HERE(
      fit(net, zero_in_row(7, 8), root_loss, options),
      "fit: 'w' holds a NaN or an infinity after step 8 (epoch 1), though the loss was a number; "
      "the last checkpoint is " +
          options.checkpoint + ". LILITH_CHECK_NAN=1 shows where the first one comes from.");
  EXPECT_EQ(bytes_of(options.checkpoint), good);
  net = Scale();
  EXPECT_ERROR_HERE(fit(net, zero_in_row(3, 8), root_loss, options),
                    "fit: the loss is NaN at step 5 (epoch 1); the last checkpoint is " +
                        options.checkpoint + ". A smaller learning rate often helps.");
  EXPECT_EQ(bytes_of(options.checkpoint), good);
}

TEST_F(FitKeeps, ANaNGradientInTheLastStepOfAllIsAnErrorWithoutACheckpointToo) {
  Scale net;
  auto options = quiet(1);
  options.batch_size = 1;
  options.shuffle = false;
  const std::string text =
      testing::error_text([&] { fit(net, zero_in_row(7, 8), root_loss, options); });
  EXPECT_NE(text.find("'w' holds a NaN"), text.npos) << text;
  EXPECT_NE(text.find("there is no checkpoint"), text.npos) << text;
}

TEST_F(FitKeeps, AnInfiniteLossIsAnError) {
  Scale net;
  auto options = quiet(1);
  options.batch_size = 4;
  options.shuffle = false;
  const auto inverse = [](const Tensor& out, const Tensor&) { return (1 / out).mean(); };
  EXPECT_ERROR_HERE(fit(net, zero_in_row(5, 8), inverse, options),
                    "fit: the loss is inf at step 2 (epoch 1); there is no checkpoint. A smaller "
                    "learning rate often helps.");
}

struct Masked {
  Linear fc{3, 1};
  Buffer mask = full({1}, -INFINITY);
  Tensor operator()(Tensor x) const { return maximum(fc(x), mask); }
};

TEST_F(FitKeeps, AnInfinityThatWasThereAtTheStartIsNoFault) {
  Masked net;
  auto options = quiet(2);
  options.checkpoint = path("masked.safetensors");
  fit(net, line_data(32), MSELoss{}, options);
  EXPECT_TRUE(fs::exists(options.checkpoint));
}

TEST_F(FitKeeps, ANaNValidationLossIsWorseThanAnyNumber) {
  Line net;
  auto [x, y] = line_data(16).slice(0);
  auto options = quiet(6);
  options.optimizer = SGD({.lr = 0.01});
  // The logarithm of a negative output: NaN, for the validation data alone.
  options.validation = TensorDataset(x, y);
  std::int64_t calls = 0;
  options.callbacks = {
      EarlyStopping{.patience = 2},
      CheckpointCallback{.path = path("best-{epoch}.safetensors"), .best_only = true},
      [&](FitState& state) {
        ++calls;
        EXPECT_TRUE(state.history.rows.back().validated);
        EXPECT_TRUE(std::isnan(state.history.rows.back().val_loss));
      }};
  const auto loss = [](Line& m, Tensor x, Tensor y) {
    return square(m.fc(x)).mean() + (log(y.sum()) * 0).mean();
  };
  const TensorDataset positive(x, ones_like(y));
  options.validation = TensorDataset(x, -ones_like(y));
  const History history = fit(net, positive, loss, options);
  EXPECT_EQ(history.rows.size(), 2u);
  EXPECT_EQ(calls, 2);
  EXPECT_TRUE(fs::is_empty(dir_.path()));
  const std::string csv = history.csv();
  EXPECT_NE(csv.find("1,"), csv.npos);
  EXPECT_NE(csv.find(",nan,"), csv.npos) << csv;
}

// ---- Callbacks over a resumption ----

TEST_F(FitKeeps, CallbacksGoOnWhereTheyWere) {
  const auto data = line_data(48);
  auto options = quiet(12);
  options.optimizer = SGD({.lr = 0.0});
  options.shuffle = false;
  const auto count = [](FitState& state) {
    if (++state.memory["epochs seen"] == 7) state.stop();
  };
  options.callbacks = {count};
  Line whole;
  EXPECT_EQ(fit(whole, data, MSELoss{}, options).rows.size(), 7u);

  options.checkpoint = path("run.safetensors");
  options.epochs = 3;
  Line part;
  fit(part, data, MSELoss{}, options);
  options.epochs = 12;
  options.resume = true;
  EXPECT_EQ(fit(part, data, MSELoss{}, options).rows.size(), 7u);
  // Ended by a callback is ended.
  EXPECT_EQ(fit(part, data, MSELoss{}, options).rows.size(), 7u);
  options.callbacks.clear();
  EXPECT_EQ(fit(part, data, MSELoss{}, options).rows.size(), 12u);
}

TEST_F(FitKeeps, ACheckpointOfACallbackKnowsWhatTheLaterOnesDid) {
  const auto data = line_data(32);
  auto options = quiet(20);
  options.optimizer = SGD({.lr = 0.0});
  options.shuffle = false;
  options.callbacks = {CheckpointCallback{.path = path("run-{epoch}.safetensors")},
                       EarlyStopping{.patience = 3}, [](FitState& s) { ++s.memory["n"]; }};
  Line net;
  EXPECT_EQ(fit(net, data, MSELoss{}, options).rows.size(), 4u);
  double n = 0;
  options.callbacks.back() = [&](FitState& s) { n = ++s.memory["n"]; };
  options.resume = true;
  options.checkpoint = path("run-4.safetensors");
  EXPECT_EQ(fit(net, data, MSELoss{}, options).rows.size(), 4u);
  options.checkpoint = path("run-2.safetensors");
  EXPECT_EQ(fit(net, data, MSELoss{}, options).rows.size(), 4u);
  EXPECT_EQ(n, 4);
}

TEST_F(FitKeeps, EarlyStoppingCountsOverAResumption) {
  const auto data = line_data(32);
  auto options = quiet(20);
  options.optimizer = SGD({.lr = 0.0});  // nothing improves after the first epoch
  options.shuffle = false;
  options.callbacks = {EarlyStopping{.patience = 4}};
  options.checkpoint = path("run.safetensors");
  options.epochs = 3;
  Line net;
  fit(net, data, MSELoss{}, options);
  options.epochs = 20;
  options.resume = true;
  EXPECT_EQ(fit(net, data, MSELoss{}, options).rows.size(), 5u);
  EXPECT_EQ(fit(net, data, MSELoss{}, options).rows.size(), 5u);
}

}  // namespace
}  // namespace lilith
