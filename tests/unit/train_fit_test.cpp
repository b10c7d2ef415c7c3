// fit: what it learns, reports, saves, resumes and refuses.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "lilith/io.h"
#include "lilith/nn.h"
#include "lilith/ops.h"
#include "lilith/train.h"

namespace lilith {
namespace {

namespace fs = std::filesystem;

struct Line {
  Linear fc{3, 1};
  Tensor operator()(Tensor x) const { return fc(x); }
};

struct Classifier {
  Linear fc{4, 3};
  Tensor operator()(Tensor x) const { return log_softmax(fc(x), 1); }
};

struct Checkpointed {
  Line line;
  Tensor operator()(Tensor x) const {
    return checkpoint([this](Tensor x) { return line(x); })(x);
  }
};

// y = x w + 1/2 with w = (1, -2, 3).
data::Dataset<2> line_data(int rows) {
  std::vector<float> x, y;
  for (int i = 0; i < rows; ++i) {
    const float a = std::sin(0.7f * static_cast<float>(i)),
                b = std::cos(1.3f * static_cast<float>(i)),
                c = std::sin(2.1f * static_cast<float>(i) + 1);
    x.insert(x.end(), {a, b, c});
    y.push_back(a - 2 * b + 3 * c + 0.5f);
  }
  return TensorDataset<2>(from_data(x.data(), {rows, 3}), from_data(y.data(), {rows, 1}));
}

// The class is the largest of the first three features.
data::Dataset<2> class_data(int rows) {
  std::vector<float> x;
  std::vector<std::int64_t> y;
  for (int i = 0; i < rows; ++i) {
    float v[4];
    for (int j = 0; j < 4; ++j)
      v[j] = std::sin(static_cast<float>(i) * (0.3f + 0.4f * static_cast<float>(j)));
    x.insert(x.end(), v, v + 4);
    y.push_back(std::max_element(v, v + 3) - v);
  }
  return TensorDataset<2>(from_data(x.data(), {rows, 4}), from_data(y.data(), {rows}));
}

std::vector<float> weights(const Line& line) {
  auto w = line.fc.weight.to_vector<float>();
  w.push_back(line.fc.bias.to_vector<float>()[0]);
  return w;
}

class Fit : public testing::Test {
 protected:
  void SetUp() override {
    manual_seed(1);
    dir_ = fs::temp_directory_path() /
           fmt::format("lilith-fit-{}-{}", ::getpid(),
                       testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::create_directories(dir_);
  }
  void TearDown() override { fs::remove_all(dir_); }
  std::string path(const std::string& name) const { return (dir_ / name).string(); }
  static FitOptions quiet(std::int64_t epochs) {
    FitOptions o;
    o.epochs = epochs;
    o.batch_size = 16;
    o.optimizer = Adam({.lr = 0.05});
    o.progress = ShowProgress::Off;
    return o;
  }
  fs::path dir_;
};

TEST_F(Fit, LearnsALineAndReportsEpochs) {
  Line line;
  const auto data = line_data(100);  // the last batch is smaller
  auto options = quiet(60);
  options.validation = line_data(20);
  options.metric = Metric::mae();
  const History history = fit(line, data, MSELoss{}, options);
  ASSERT_EQ(history.rows.size(), 60u);
  EXPECT_EQ(history.metric_name, "mae");
  EXPECT_FALSE(history.interrupted);
  EXPECT_EQ(history.rows[0].epoch, 1);
  EXPECT_GT(history.rows[0].loss, 1);
  EXPECT_LT(history.rows[59].loss, 1e-3);
  EXPECT_LT(history.rows[59].val_loss, 1e-3);
  EXPECT_LT(history.rows[59].metric, 0.05);
  EXPECT_EQ(history.rows[59].lr, 0.05);
  const auto w = weights(line);
  EXPECT_NEAR(w[0], 1, 0.02);
  EXPECT_NEAR(w[1], -2, 0.02);
  EXPECT_NEAR(w[2], 3, 0.02);
  EXPECT_NEAR(w[3], 0.5, 0.02);
  history.save_csv(path("metrics.csv"));
  std::ifstream in(path("metrics.csv"));
  std::string header;
  std::getline(in, header);
  EXPECT_EQ(header, "epoch,loss,val_loss,mae,val_mae,lr,seconds");
}

TEST_F(Fit, TakesALossOfTheModelAndTheFirstColumns) {
  Line line;
  const auto history =
      fit(line, line_data(64), [](Line& m, Tensor x) { return mean(square(m(x) - 2)); }, quiet(80));
  EXPECT_LT(history.rows.back().loss, history.rows.front().loss * 0.1);
  Line other;
  fit(
      other, line_data(64), [](const Line& m, Tensor x, Tensor y) { return mse_loss(m(x), y); },
      quiet(60));
  EXPECT_NEAR(weights(other)[2], 3, 0.05);
}

TEST_F(Fit, ALayerMayBeComputedAgain) {
  Checkpointed net;
  fit(net, line_data(64), MSELoss{}, quiet(60));
  EXPECT_NEAR(weights(net.line)[2], 3, 0.05);
}

TEST_F(Fit, ClassifiesAndPredicts) {
  Classifier net;
  const auto data = class_data(300);
  auto options = quiet(40);
  options.metric = Metric::accuracy();
  const auto history = fit(net, data, NLLLoss{}, options);
  EXPECT_GT(history.rows.back().metric, 0.9);
  EXPECT_GT(accuracy(net, data), 0.9);
  const Tensor output = predict(net, data, {.batch_size = 77});
  EXPECT_EQ(output.shape(), (Shape{300, 3}));
  EXPECT_EQ(accuracy(output, data.slice(0)[1]), accuracy(net, data));
}

TEST_F(Fit, ResumesToTheBit) {
  const auto data = line_data(50);
  Line whole;
  const Line start = whole;
  auto options = quiet(6);
  options.scheduler = StepLR({.step_size = 2, .gamma = 0.5});
  const History all = fit(whole, data, MSELoss{}, options);

  Line part = start;
  auto half = options;
  half.epochs = 3;
  half.checkpoint = path("half.safetensors");
  fit(part, data, MSELoss{}, half);
  Line resumed;  // other weights: the checkpoint has them
  auto rest = options;
  rest.checkpoint = half.checkpoint;
  rest.resume = true;
  const History again = fit(resumed, data, MSELoss{}, rest);
  EXPECT_EQ(weights(resumed), weights(whole));
  ASSERT_EQ(again.rows.size(), 6u);
  for (std::size_t i = 0; i < 6; ++i) {
    EXPECT_EQ(again.rows[i].loss, all.rows[i].loss) << i;
    EXPECT_EQ(again.rows[i].lr, all.rows[i].lr) << i;
  }
}

// Presses Ctrl-C while a given batch is read.
class Interrupting final : public DataSource {
 public:
  Interrupting(DataSourcePtr base, int at) : base_(std::move(base)), at_(at) {}
  std::int64_t size() const override { return base_->size(); }
  const std::vector<Aval>& columns() const override { return base_->columns(); }
  void read(const std::int64_t* rows, std::int64_t n, void* const* out) const override {
    if (reads_++ == at_) std::raise(SIGINT);
    base_->read(rows, n, out);
  }

 private:
  DataSourcePtr base_;
  int at_;
  mutable int reads_ = 0;
};

TEST_F(Fit, StopsAtCtrlCAndResumesWithinTheEpoch) {
  const auto data = line_data(100);
  Line whole;
  const Line start = whole;
  auto options = quiet(3);
  options.optimizer = SGD({.lr = 0.05, .momentum = 0.9});
  const History all = fit(whole, data, MSELoss{}, options);

  Line part = start;
  auto stopped = options;
  stopped.checkpoint = path("stop.safetensors");
  // Seven batches an epoch: this is the third of the second one.
  const data::Dataset<2> interrupting(std::make_shared<Interrupting>(data.source(), 9));
  const History first = fit(part, interrupting, MSELoss{}, stopped);
  EXPECT_TRUE(first.interrupted);
  EXPECT_EQ(first.rows.size(), 1u);
  EXPECT_NE(weights(part), weights(whole));

  Line resumed;
  auto rest = options;
  rest.checkpoint = stopped.checkpoint;
  rest.resume = true;
  const History again = fit(resumed, data, MSELoss{}, rest);
  EXPECT_FALSE(again.interrupted);
  EXPECT_EQ(weights(resumed), weights(whole));
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(again.rows[i].loss, all.rows[i].loss) << i;
}

TEST_F(Fit, ANaNLossNamesTheStepAndKeepsTheCheckpoint) {
  auto data = line_data(64);
  Line line;
  auto options = quiet(2);
  options.checkpoint = path("good.safetensors");
  fit(line, data, MSELoss{}, options);
  const auto good = weights(line);
  auto [x, y] = data.slice(0);
  std::vector<float> poisoned = y.to_vector<float>();
  poisoned[40] = NAN;
  const TensorDataset<2> bad(x, from_data(poisoned.data(), {64, 1}));
  auto more = quiet(4);
  more.shuffle = false;
  more.checkpoint = options.checkpoint;
  try {
    fit(line, bad, MSELoss{}, more);
    FAIL() << "no error";
  } catch (const Error& e) {
    const std::string text = e.what();
    EXPECT_NE(text.find("NaN at step 3 (epoch 1)"), std::string::npos) << text;
    EXPECT_NE(text.find("the last checkpoint is " + options.checkpoint), std::string::npos) << text;
  }
  Line kept;
  auto rest = quiet(2);
  rest.checkpoint = options.checkpoint;
  rest.resume = true;
  fit(kept, data, MSELoss{}, rest);
  EXPECT_EQ(weights(kept), good);
}

TEST_F(Fit, StopsEarlyAndKeepsTheBest) {
  Line line;
  auto options = quiet(50);
  options.optimizer = SGD({.lr = 0.0});  // nothing improves
  options.shuffle = false;               // nor does the rounding of the sums change
  options.callbacks = {
      EarlyStopping{.patience = 2},
      CheckpointCallback{.path = path("best-{epoch}.safetensors"), .best_only = true}};
  const History history = fit(line, line_data(32), MSELoss{}, options);
  EXPECT_EQ(history.rows.size(), 3u);
  EXPECT_TRUE(fs::exists(path("best-1.safetensors")));
  EXPECT_FALSE(fs::exists(path("best-2.safetensors")));
}

TEST_F(Fit, RefusesWhatCannotBe) {
  Line line;
  const auto data = line_data(8);
  const auto expect_error = [&](FitOptions options, const std::string& part) {
    try {
      fit(line, data, MSELoss{}, options);
      FAIL() << "no error: " << part;
    } catch (const Error& e) {
      EXPECT_NE(std::string(e.what()).find(part), std::string::npos) << e.what();
    }
  };
  auto options = quiet(-1);
  expect_error(options, "epochs is -1");
  options = quiet(1);
  options.batch_size = 0;
  expect_error(options, "batch_size is 0");
  options = quiet(1);
  options.drop_last = true;
  expect_error(options, "no batches: 8 rows, batch_size 16, drop_last");
  options = quiet(1);
  options.resume = true;
  expect_error(options, "resume without the path");
  options.checkpoint = path("none.safetensors");
  expect_error(options, "none.safetensors");
  save(line, path("weights.safetensors"));
  options.checkpoint = path("weights.safetensors");
  expect_error(options, "is no checkpoint of fit");
  options = quiet(1);
  options.checkpoint = path("run.safetensors");
  fit(line, data, MSELoss{}, options);
  options.resume = true;
  options.seed = 7;
  expect_error(options, "seed was 0, now it is 7");
  EXPECT_THROW(predict(line, TensorDataset<2>(zeros({0, 3}), zeros({0, 1}))), Error);
}

}  // namespace
}  // namespace lilith
