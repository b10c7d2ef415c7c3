#include <gtest/gtest.h>

#include <cmath>

#include "lilith/compile.h"
#include "lilith/graph_names.h"
#include "lilith/nn.h"
#include "lilith/ops.h"
#include "lilith/transforms.h"
#include "loops_check.h"

// Recurrent layers, which are loops in the graph, against their cells step by step.
namespace lilith {
namespace {

Tensor step_by_hand(const RNN& rnn, std::size_t k, const Tensor& x, LSTMState& s) {
  RNNCell cell(1, 1, {.nonlinearity = rnn.relu ? "relu" : "tanh"});
  const auto& w = rnn.weights[k];
  std::tie(cell.weight_ih, cell.weight_hh) = std::tie(w.weight_ih, w.weight_hh);
  std::tie(cell.bias_ih, cell.bias_hh) = std::tie(w.bias_ih, w.bias_hh);
  return s.h = cell(x, s.h);
}
Tensor step_by_hand(const GRU& rnn, std::size_t k, const Tensor& x, LSTMState& s) {
  GRUCell cell(1, 1);
  const auto& w = rnn.weights[k];
  std::tie(cell.weight_ih, cell.weight_hh) = std::tie(w.weight_ih, w.weight_hh);
  std::tie(cell.bias_ih, cell.bias_hh) = std::tie(w.bias_ih, w.bias_hh);
  return s.h = cell(x, s.h);
}
Tensor step_by_hand(const LSTM& rnn, std::size_t k, const Tensor& x, LSTMState& s) {
  LSTMCell cell(1, 1);
  const auto& w = rnn.weights[k];
  std::tie(cell.weight_ih, cell.weight_hh) = std::tie(w.weight_ih, w.weight_hh);
  std::tie(cell.bias_ih, cell.bias_hh) = std::tie(w.bias_ih, w.bias_hh);
  s = cell(x, s);
  return s.h;
}

// x [T, N, C], all layers and directions, unrolled.
template <class L>
Tensor unrolled(const L& rnn, Tensor x) {
  const std::int64_t n = x.size(0);
  for (std::int64_t layer = 0; layer < rnn.num_layers; ++layer) {
    std::vector<Tensor> sides;
    for (std::int64_t d = 0; d < rnn.directions(); ++d) {
      LSTMState s;
      std::vector<Tensor> ys(static_cast<std::size_t>(n));
      for (std::int64_t i = 0; i < n; ++i) {
        const std::int64_t t = d == 0 ? i : n - 1 - i;
        ys[static_cast<std::size_t>(t)] = step_by_hand(
            rnn, static_cast<std::size_t>(layer * rnn.directions() + d), select(x, 0, t), s);
      }
      sides.push_back(stack(ys));
    }
    x = cat(sides, -1);
  }
  return x;
}

template <class L>
void expect_like_unrolled(const L& rnn) {
  const Tensor x = randn({5, 3, 4});
  expect_near(rnn(x).output, unrolled(rnn, x), 1e-5);
  const auto loss = [](const Tensor& y) { return (y * y).sum() + y.slice(0, 3, 5).sum(); };
  const auto got =
      grad<0, 1>([&](const L& m, const Tensor& x) { return loss(m(x).output); }, rnn, x).second;
  const auto right =
      grad<0, 1>([&](const L& m, const Tensor& x) { return loss(unrolled(m, x)); }, rnn, x).second;
  expect_near(std::get<1>(got), std::get<1>(right), 1e-4);
  for (std::size_t k = 0; k < rnn.weights.size(); ++k) {
    const auto &a = std::get<0>(got).weights[k], &b = std::get<0>(right).weights[k];
    expect_near(a.weight_ih, b.weight_ih, 1e-4);
    expect_near(a.weight_hh, b.weight_hh, 1e-4);
    if (!a.bias_ih.defined()) continue;
    expect_near(a.bias_ih, b.bias_ih, 1e-4);
    expect_near(a.bias_hh, b.bias_hh, 1e-4);
  }
}

TEST(RecurrentLayers, LoopsAreLikeUnrolledOnes) {
  expect_like_unrolled(RNN{4, 5, {.nonlinearity = "relu", .bias = false, .bidirectional = true}});
  expect_like_unrolled(GRU{4, 5, {.num_layers = 2}});
  expect_like_unrolled(LSTM{4, 5, {.bidirectional = true}});
}

// Three steps are not a loop.
TEST(RecurrentLayers, StatesAndProjections) {
  const LSTM rnn{4, 6, {.num_layers = 2, .proj_size = 3}};
  const Tensor x = randn({9, 2, 4});
  LSTMResult part{{}, init_hidden(rnn, 2)};
  std::vector<Tensor> ys;
  for (std::int64_t t = 0; t < 9; t += 3) {
    part = rnn(x.slice(0, t, t + 3), part.state);
    ys.push_back(part.output);
  }
  const LSTMResult all = rnn(x);
  expect_near(all.output, cat(ys, 0));
  expect_near(all.state.h, part.state.h);
  expect_near(all.state.c, part.state.c);
  const Tensor one = rnn(x.select(1, 0)).output;
  expect_near(one, all.output.select(1, 0));
}

TEST(RecurrentLayers, CompileTheSameWhateverTheLength) {
  LSTM rnn{8, 16, {.num_layers = 2}};
  std::vector<std::int64_t> kernels, nodes;
  for (const std::int64_t n : {8, 256}) {
    auto step = compile([](const LSTM& m, const Tensor& x) {
      return grad([](const LSTM& m, const Tensor& x) { return m(x).output.sum(); }, m, x).second;
    });
    const LSTM g = step(rnn, randn({n, 2, 8}));
    kernels.push_back(step.stats().kernels);
    const Graph graph =
        trace([](const LSTM& m, const Tensor& x) { return m(x).output; }, rnn, zeros({n, 2, 8}));
    nodes.push_back(std::ssize(graph.nodes()));
  }
  EXPECT_EQ(kernels[0], kernels[1]);
  EXPECT_EQ(nodes[0], nodes[1]);
  EXPECT_LE(kernels[0], 48);
}

}  // namespace
}  // namespace lilith
