// Training and test mode: who switches it, what predict leaves alone, and calls of const models.
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <thread>
#include <variant>

#include "lilith/compile.h"
#include "lilith/nn.h"
#include "lilith/ops.h"
#include "lilith/train.h"
#include "support/expect_error.h"

namespace lilith {
namespace {

using testing::error_text;

struct Normed {
  Linear a{4, 8};
  BatchNorm1d bn{8};
  Dropout drop{0.5};
  Linear b{8, 2};
  Tensor operator()(Tensor x) { return b(drop(relu(bn(a(x))))); }
};
/// The same with a pointer, which makes it impossible to copy without clone.
struct Owned {
  std::unique_ptr<Normed> net = std::make_unique<Normed>();
  Tensor operator()(Tensor x) { return (*net)(x); }
};
/// A const call of a Sequential that holds layers with state.
struct Wrapped {
  Sequential layers{Linear{4, 8}, BatchNorm1d{8}, Sequential{Dropout{0.5}, Linear{8, 2}}};
  Tensor operator()(Tensor x) const { return layers(x); }
};
/// What test mode gives, row by row.
template <class M>
std::vector<float> in_test_mode(const M& model, const Tensor& x) {
  M copy = clone(model);
  test_mode(copy);
  return Tensor(copy(x)).template to_vector<float>();
}

template <class M>
void expect_prediction(M& model) {
  const Tensor x = randn({24, 4}), y = randint(2, {24});
  model(x + 3);  // moves the running statistics
  const auto before = state_dict(model);
  const M& served = model;
  const std::vector<float> got = predict(served, TensorDataset(x, y), {.batch_size = 7})
                                     .template to_vector<float>(),
                           want = in_test_mode(model, x);
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], want[i], 1e-5);
  std::int64_t right = 0;
  for (int i = 0; i < 24; ++i)
    right += (want[2 * i + 1] > want[2 * i]) == (y[i].item<std::int64_t>() == 1);
  EXPECT_NEAR(accuracy(served, TensorDataset(x, y)), static_cast<double>(right) / 24, 1e-9);
  for (const auto& [path, t] : state_dict(model))
    EXPECT_EQ(t.to(kFloat32).template to_vector<float>(),
              before.at(path).to(kFloat32).template to_vector<float>())
        << path;
  visit_fields(model, [](const std::string& path, bool& flag) {
    EXPECT_TRUE(flag || !path.ends_with("training")) << path;
  });
}

TEST(Modes, PredictTakesModelsThatKeepState) {
  manual_seed(3);
  Normed plain;
  expect_prediction(plain);
  Sequential layers{Linear{4, 8}, BatchNorm1d{8}, ReLU{}, Linear{8, 2}};
  expect_prediction(layers);
  Owned owned;
  expect_prediction(owned);
  // Through a vector, a map, an optional, a variant and a layer of any type.
  struct Kinds {
    std::vector<BatchNorm1d> list{BatchNorm1d{4}};
    std::map<std::string, Dropout> named{{"d", Dropout{0.5}}};
    std::optional<BatchNorm1d> maybe{4};
    std::variant<ReLU, Dropout> either{Dropout{0.5}};
    AnyLayer any{BatchNorm1d{4}};
    Linear head{4, 2};
    Tensor operator()(Tensor x) {
      x = (*maybe)(named.at("d")(list[0](x)));
      return head(any(std::get<Dropout>(either)(x)));
    }
  } kinds;
  expect_prediction(kinds);
}

TEST(Modes, AConstSequentialRunsItsLayersWithStateInTestMode) {
  Wrapped model;
  const Tensor x = randn({6, 4});
  EXPECT_NE(error_text([&] { model(x); }).find("BatchNorm1d keeps state"), std::string::npos);
  test_mode(model);
  EXPECT_EQ(model(x).shape(), (Shape{6, 2}));
  train_mode(model);
  EXPECT_EQ(predict(model, TensorDataset(x)).to_vector<float>(), in_test_mode(model, x));
}

// A user's layer that counts its calls, in train and test mode alike.
struct Counted {
  Linear fc{4, 2};
  Buffer calls = zeros({});
  bool training = true;
  Tensor operator()(const Tensor& x) {
    calls = calls + 1;
    return fc(x);
  }
};
// One whose state is a number, and whose flag is that of a layer in it.
struct Numbered {
  Dropout drop{0.5};
  int calls = 0;
  Tensor operator()(const Tensor& x) {
    ++calls;
    return drop(x);
  }
};
// One that changes its state in training alone, as BatchNorm does.
struct Trained {
  Buffer mean = zeros({4});
  bool training = true;
  Tensor operator()(const Tensor& x) {
    if (training) mean = mean * 0.5 + x.mean({0}) * 0.5;
    return x - mean;
  }
};

TEST(Modes, AConstSequentialLosesNoStateOfAUsersLayer) {
  const Tensor x = ones({3, 4});
  Sequential net{Counted{}, Trained{Buffer(zeros({2}))}};
  const Sequential& fixed = net;
  net(x);
  test_mode(net);
  net(x);
  EXPECT_EQ(net[0].as<Counted>()->calls.item<float>(), 2);
  EXPECT_NE(net[1].as<Trained>()->mean.to_vector<float>(), std::vector<float>(2, 0));
  EXPECT_ERROR_HERE(
      fixed(x),
      "Sequential: Counted assigns its state in test mode, too, so the model that holds it "
      "cannot be called as const; make its operator() and the argument of the loss "
      "non-const.");
  EXPECT_EQ(net[0].as<Counted>()->calls.item<float>(), 2);

  Sequential numbered{Numbered{}};
  test_mode(numbered);
  EXPECT_NE(error_text([&] { std::as_const(numbered)(x); }).find("Numbered assigns its state"),
            std::string::npos);
  Sequential trained{Trained{}};
  trained(x);
  test_mode(trained);
  EXPECT_EQ(std::as_const(trained)(x).to_vector<float>(), std::vector<float>(12, 0.5f));
}

TEST(Modes, PredictKeepsFlagsThatTheUserSet) {
  Normed model;
  model.bn.training = false;
  predict(model, TensorDataset(randn({8, 4})));
  EXPECT_FALSE(model.bn.training);
  EXPECT_TRUE(model.drop.training);
}

TEST(Modes, PredictOfRecurrentAndTransformerLayers) {
  struct Recurrent {
    LSTM rnn{3, 5, {.num_layers = 2, .batch_first = true, .dropout = 0.5}};
    Linear head{5, 2};
    Tensor operator()(Tensor x) { return head(rnn(x).output.mean({1})); }
  } recurrent;
  struct Encoder {
    TransformerEncoderLayer layer{
        4, 2, {.dim_feedforward = 8, .dropout = 0.5, .batch_first = true}};
    Tensor operator()(Tensor x) const { return layer(x).mean({1}); }
  } encoder;
  const Tensor x = randn({6, 4, 3}), z = randn({6, 5, 4});
  EXPECT_EQ(predict(recurrent, TensorDataset(x)).to_vector<float>(), in_test_mode(recurrent, x));
  EXPECT_EQ(predict(encoder, TensorDataset(z)).to_vector<float>(), in_test_mode(encoder, z));
  EXPECT_TRUE(recurrent.rnn.training);
}

TEST(Modes, ThreadsPredictWithOneConstModel) {
  const Normed model;
  const Tensor x = randn({64, 4});
  eval(model, x);
  const auto data = TensorDataset(x);
  const auto right = predict(model, data, {.batch_size = 16}).to_vector<float>();
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int k = 0; k < 4; ++k)
    threads.emplace_back([&] {
      for (int i = 0; i < 8; ++i)
        if (predict(model, data, {.batch_size = 16}).to_vector<float>() != right) ++wrong;
    });
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_TRUE(model.drop.training);
}

TEST(Modes, EvalOfOneModelIsTestMode) {
  Normed model;
  const Normed& read = model;
  const Tensor x = ones({2, 4});
  eval(model, x);
  eval(read);
  eval_pending(model);
  EXPECT_TRUE(model.drop.training);
  eval(model);
  EXPECT_FALSE(model.drop.training);
  EXPECT_FALSE(model.bn.training);
  train_mode(model);
  EXPECT_TRUE(model.bn.training);
  train_mode(model, false);
  EXPECT_FALSE(model.bn.training);
  std::vector<Normed> several(2);
  eval(several);
  EXPECT_FALSE(several[1].drop.training);
  // Inside of a trace it is refused, and nothing is switched.
  Normed traced;
  EXPECT_THROW(compile([](Normed& m, Tensor x) {
                 eval(m);
                 return m(x);
               })(traced, x),
               Error);
  EXPECT_TRUE(traced.drop.training);
}

}  // namespace
}  // namespace lilith
