#include "lilith/nn/packed_sequence.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "lilith/compile.h"
#include "lilith/nn.h"
#include "lilith/ops.h"
#include "lilith/transforms.h"
#include "lilith/vmap.h"
#include "loops_check.h"

// Recurrent layers over rows of different lengths, against each row alone and against PyTorch 2.15.
namespace lilith {
namespace {

const std::vector<std::int64_t> kLengths{4, 2, 3};

Tensor grid(const Shape& shape) {
  return ((arange(shape.numel(), {.dtype = kFloat64}) * 7 + 3) % 11 * 0.25 - 1)
      .to(kFloat)
      .view(shape);
}
// Weights that PyTorch was given too.
template <class L>
L filled(L rnn) {
  std::int64_t k = 0;
  for_each_parameter(rnn, [&](Tensor& p) {
    const Tensor i = arange(p.numel(), {.dtype = kFloat64});
    p = ((i * 7 + 3 * k++) % 11 * 0.125 - 0.5).to(kFloat).view(p.shape());
  });
  return rnn;
}
const Tensor& h_of(const Tensor& state) { return state; }
const Tensor& h_of(const LSTMState& state) { return state.h; }
Tensor c_of(const Tensor&) { return {}; }
Tensor c_of(const LSTMState& state) { return state.c; }

template <class L>
Tensor loss_of_packed(const L& rnn, const Tensor& x) {
  const auto [output, state] = rnn(pack_padded_sequence(x, kLengths));
  const Tensor y = pad_packed_sequence(output).output, c = c_of(state);
  const Tensor loss = (y * y).sum() + h_of(state).sum();
  return c.defined() ? loss + (c * c).sum() : loss;
}
// The same, row by row.
template <class L>
Tensor loss_of_rows(const L& rnn, const Tensor& x) {
  Tensor loss = zeros({});
  for (std::size_t n = 0; n < kLengths.size(); ++n) {
    const auto [y, state] = rnn(x.select(1, static_cast<int>(n)).slice(0, 0, kLengths[n]));
    const Tensor c = c_of(state);
    loss = loss + (y * y).sum() + h_of(state).sum();
    if (c.defined()) loss = loss + (c * c).sum();
  }
  return loss;
}

template <class L>
void expect_like_rows_alone(const L& rnn) {
  const Tensor x = randn({6, 3, rnn.input_size});
  const auto [packed, state] = rnn(pack_padded_sequence(x, kLengths));
  const Tensor y = pad_packed_sequence(packed).output;
  EXPECT_EQ(y.size(0), 4);
  for (std::size_t n = 0; n < kLengths.size(); ++n) {
    const int row = static_cast<int>(n);
    const auto [alone, last] = rnn(x.select(1, row).slice(0, 0, kLengths[n]));
    expect_near(y.select(1, row).slice(0, 0, kLengths[n]), alone);
    EXPECT_EQ(y.select(1, row).slice(0, kLengths[n]).abs().sum().item(), 0);
    expect_near(h_of(state).select(1, row), h_of(last));
    if (c_of(state).defined()) expect_near(c_of(state).select(1, row), c_of(last));
  }
  const auto got = grad<0, 1>(loss_of_packed<L>, rnn, x).second;
  const auto right = grad<0, 1>(loss_of_rows<L>, rnn, x).second;
  expect_near(std::get<1>(got), std::get<1>(right), 1e-4);
  const auto a = parameters(std::get<0>(got)), b = parameters(std::get<0>(right));
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t k = 0; k < a.size(); ++k) expect_near(a[k], b[k], 1e-4);
}

TEST(PackedSequence, LikeEachRowAlone) {
  expect_like_rows_alone(RNN{4, 5, {.nonlinearity = "relu", .bidirectional = true}});
  expect_like_rows_alone(GRU{4, 5, {.num_layers = 2, .bias = false}});
  expect_like_rows_alone(LSTM{4, 5, {.num_layers = 2, .bidirectional = true}});
  expect_like_rows_alone(LSTM{4, 5, {.num_layers = 2, .bidirectional = true, .proj_size = 3}});
}

// What PyTorch gives: outputs, the last states, the gradients of x and of some weights.
template <class L>
void expect_numbers(const L& rnn, const std::vector<std::vector<float>>& wanted,
                    const std::vector<std::size_t>& weights) {
  const Tensor x = grid({4, 3, 2});
  const auto [output, state] = rnn(pack_padded_sequence(x, kLengths, {.enforce_sorted = false}));
  std::vector<Tensor> got{pad_packed_sequence(output).output, h_of(state)};
  if (c_of(state).defined()) got.push_back(c_of(state));
  const auto [net, gx] = grad<0, 1>(loss_of_packed<L>, rnn, x).second;
  got.push_back(gx);
  for (const std::size_t k : weights) got.push_back(net.weights[k].weight_hh);
  ASSERT_EQ(got.size(), wanted.size());
  for (std::size_t i = 0; i < got.size(); ++i)
    expect_near(got[i].flatten(), tensor(wanted[i]), 2e-5);
}

TEST(PackedSequence, PyTorchsLstm) {
  expect_numbers(
      filled(LSTM(2, 2, 2, {.bidirectional = true})),
      {{0.126897f,  0.0990571f,  0.394043f,   -0.357098f, -0.0215347f, 0.15721f,   0.0836393f,
        -0.158449f, -0.0135412f, 0.152119f,   0.0971956f, -0.193093f,  0.126622f,  0.21298f,
        0.30549f,   -0.325641f,  -0.0266925f, 0.220743f,  0.0721096f,  -0.107442f, -0.0283477f,
        0.234091f,  0.0924817f,  -0.153902f,  0.0771627f, 0.29607f,    0.185044f,  -0.250379f,
        0,          0,           0,           0,          -0.0293683f, 0.264473f,  0.076618f,
        -0.109727f, 0.0504586f,  0.333468f,   0.119277f,  -0.158975f,  0,          0,
        0,          0,           0,           0,          0,           0},
       {-0.170836f, -0.162363f,  -0.347341f,  0.05079f,   -0.37228f,   0.0205143f,
        0.405062f,  -0.0372095f, -0.414248f,  0.149101f,  -0.451794f,  0.128436f,
        0.0504586f, 0.333468f,   -0.0266925f, 0.220743f,  -0.0293683f, 0.264473f,
        0.394043f,  -0.357098f,  0.0836393f,  -0.158449f, 0.0971956f,  -0.193093f},
       {-0.260802f, -0.348576f,  -0.692386f,  0.1641f,    -0.767682f,  0.0561481f,
        0.816283f,  -0.0647549f, -0.632909f,  0.482873f,  -0.622792f,  0.427413f,
        0.0702148f, 0.938409f,   -0.0390505f, 0.447228f,  -0.0422569f, 0.569279f,
        0.569384f,  -0.800625f,  0.124686f,   -0.294858f, 0.147081f,   -0.36638f},
       {-0.337398f, 1.12424f,  0.057063f,  -0.432468f, 0.0475637f, -0.331577f,
        -0.473058f, 1.10825f,  0.0124441f, -0.389565f, 0.0773725f, -0.379964f,
        -0.102078f, 0.47565f,  0,          0,          0.0122954f, -0.418498f,
        -0.189888f, 0.200036f, 0,          0,          0,          0},
       {-0.119197f, 0.0401588f, -0.0133118f, -0.00453158f, -0.00577774f, -0.04064f, 0.0142974f,
        -0.0158518f, 0.453885f, -0.289173f, -0.211084f, 0.085878f, 0.207182f, 0.00969288f,
        2.40514e-05f, 0.0162423f},
       {-0.0319789f, 0.0253747f, -0.0666691f, 0.0244832f, 0.0192988f, 0.0112272f, -0.060085f,
        0.0228818f, 0.102106f, 0.0180229f, -0.541556f, 0.217229f, 0.117076f, -0.0229807f,
        -0.0961372f, 0.0345867f}},
      {0, 1});
}
TEST(PackedSequence, PyTorchsGru) {
  expect_numbers(
      filled(GRU(2, 2, {.bidirectional = true})),
      {{0.239028f, -0.187917f, 0.398497f,   0.0332442f, -0.253317f, 0.151305f,  -0.35541f,
        0.288551f, -0.232616f, 0.0260769f,  -0.331588f, 0.255972f,  0.346822f,  -0.223496f,
        0.196182f, 0.0688972f, -0.448356f,  0.330714f,  -0.230257f, 0.222632f,  -0.407638f,
        0.109952f, -0.306151f, 0.236398f,   0.0446063f, -0.166366f, -0.154189f, 0.114317f,
        0,         0,          0,           0,          -0.537634f, 0.248691f,  -0.201991f,
        0.178574f, -0.200125f, -0.0581831f, -0.115567f, 0.082442f,  0,          0,
        0,         0,          0,           0,          0,          0},
       {-0.200125f, -0.0581831f, -0.448356f, 0.330714f, -0.537634f, 0.248691f, 0.398497f,
        0.0332442f, -0.35541f, 0.288551f, -0.331588f, 0.255972f},
       {-0.366543f,  0.505415f,  -0.10882f,  -0.261132f, 0.0143024f,  -0.179554f,
        -0.364414f,  0.574384f,  -0.259307f, -0.385489f, -0.0184259f, -0.374657f,
        -0.0522166f, 0.0355154f, 0,          0,          -0.207302f,  -0.432733f,
        -0.0971344f, -0.110114f, 0,          0,          0,           0},
       {0.00293286f, -0.00262353f, 0.0331988f, -0.00783894f, 0.0477204f, -0.0305997f, 0.119452f,
        -0.0323392f, 0.147582f, -0.103937f, -0.0823885f, 0.0178787f},
       {0.000402418f, 0.00079019f, 0.0190975f, -0.0203549f, -0.00849823f, -0.0394614f, 0.0478789f,
        -0.0363565f, -0.0224699f, 0.088162f, -0.0741814f, 0.0874519f}},
      {0, 1});
}
TEST(PackedSequence, PyTorchsRnn) {
  expect_numbers(
      filled(RNN(2, 2, {.bidirectional = true})),
      {{0.915825f,  0.774409f,  0.966921f,   -0.244309f, 0.41157f,  -0.50983f,  0.388643f,
        0.472784f,  0.330821f,  -0.0934763f, 0.528301f,  0.120686f, 0.969943f,  0.637591f,
        0.952455f,  -0.147822f, 0.0660848f,  -0.568057f, 0.5546f,   0.5546f,    0.286538f,
        -0.291473f, 0.452382f,  0.386929f,   0.584618f,  0.144568f, 0.635342f,  0.0973276f,
        0,          0,          0,           0,          0.211105f, -0.518472f, 0.575862f,
        0.462117f,  0.388769f,  -0.13908f,   0.635149f,  0.124353f, 0,          0,
        0,          0,          0,           0,          0,         0},
       {0.388769f, -0.13908f, 0.0660848f, -0.568057f, 0.211105f, -0.518472f, 0.966921f, -0.244309f,
        0.388643f, 0.472784f, 0.528301f, 0.120686f},
       {-0.307265f, 0.403599f, -0.825592f, 0.120479f, -0.873552f, 0.357858f, -0.250621f, 1.05161f,
        -0.987198f, 0.87626f,  -0.639293f, 1.03384f,  -0.780356f, 1.45284f,  0,          0,
        -0.955092f, 0.70613f,  -1.13983f,  1.54173f,  0,          0,         0,          0},
       {2.71139f, -0.202279f, 2.52167f, 1.60459f},
       {2.8554f, 1.98419f, 1.60617f, 1.16868f}},
      {0, 1});
}
TEST(PackedSequence, PyTorchsProjection) {
  expect_numbers(filled(LSTM(2, 3, {.bidirectional = true, .proj_size = 1})),
                 {{-0.098377f,  -0.30007f,  -0.116112f, -0.0900394f, -0.0127502f, -0.227157f,
                   -0.161139f,  -0.287277f, -0.186062f, -0.0372618f, -0.123928f,  -0.132731f,
                   -0.0786328f, -0.249604f, 0,          0,           -0.209541f,  -0.0594688f,
                   -0.120154f,  -0.132055f, 0,          0,           0,           0},
                  {-0.120154f, -0.186062f, -0.209541f, -0.30007f, -0.0900394f, -0.227157f},
                  {0.753853f, 0.0456347f, 0.802724f, 0.522284f, -0.238713f, 0.514286f, 0.774555f,
                   -0.182893f, 0.712445f, 0.213185f, 1.05194f, -0.525673f, -0.399025f, -0.222054f,
                   -0.263906f, -0.503444f, 0.322253f, -0.449673f},
                  {0.440948f,  -0.0617299f, 0.206609f,   -0.306923f, 0.104048f,
                   0.290847f,  0.459324f,   -0.0543061f, 0.155248f,  -0.00354704f,
                   0.0967771f, 0.324368f,   -0.05559f,   0.419884f,  0,
                   0,          0.161616f,   0.440458f,   0.114267f,  0.553084f,
                   0,          0,           0,           0},
                  {-0.0878742f, -0.0104537f, -0.090038f, -0.0476626f, -0.00036509f, -0.0852434f,
                   -0.306435f, -0.00304462f, -0.210086f, 0.008958f, 0.000397641f, 0},
                  {-0.0482928f, -0.198285f, -0.0964998f, -0.00834228f, -0.170062f, -0.0481149f,
                   0.0196276f, -0.206509f, 0.152041f, -0.000557051f, -0.0034882f, -0.00115689f}},
                 {0, 1});
}

// A shape that is no loop in the graph, and states to start from.
TEST(PackedSequence, FewStepsAndGivenStates) {
  const GRU rnn(2, 3, {.bidirectional = true});
  const Tensor x = randn({3, 2, 2}), h = randn({2, 2, 3});
  const auto [packed, last] = rnn(pack_padded_sequence(x, {1, 3}), h);
  const auto [y, lengths] = pad_packed_sequence(packed);
  const auto [short_y, short_last] = rnn(x.slice(0, 0, 1).slice(1, 0, 1), h.slice(1, 0, 1));
  const auto [long_y, long_last] = rnn(x.slice(1, 1, 2), h.slice(1, 1, 2));
  expect_near(y.slice(0, 0, 1).slice(1, 0, 1), short_y);
  expect_near(y.slice(1, 1, 2), long_y);
  expect_near(last, cat({short_last, long_last}, 1));
  EXPECT_EQ(lengths.to_vector<std::int64_t>(), (std::vector<std::int64_t>{1, 3}));
}

TEST(PackedSequence, WhatIsBehindTheEndsIsNotRead) {
  const LSTM rnn(2, 3, 2, {.bidirectional = true});
  const Tensor x = randn({4, 3, 2});
  const Tensor behind = arange(4).view({4, 1, 1}) >= tensor(kLengths).view({1, 3, 1});
  const Tensor bad = masked_fill(x, behind, std::numeric_limits<float>::quiet_NaN());
  const auto got = grad<0, 1>(loss_of_packed<LSTM>, rnn, bad),
             right = grad<0, 1>(loss_of_packed<LSTM>, rnn, x);
  expect_near(got.first, right.first);
  expect_near(std::get<1>(got.second), std::get<1>(right.second));
  expect_near(parameters_to_vector(std::get<0>(got.second)),
              parameters_to_vector(std::get<0>(right.second)));
}

TEST(PackedSequence, BatchFirstAndPadding) {
  const LSTM rnn(2, 3, {.batch_first = true});
  const Tensor x = randn({3, 5, 2});
  const auto [packed, state] = rnn(pack_padded_sequence(x, kLengths, true));
  const auto [y, lengths] = pad_packed_sequence(packed, {.batch_first = true});
  EXPECT_EQ(y.shape().str(), "[3,4,3]");
  expect_near(y[1].slice(0, 0, 2), rnn(x.slice(0, 1, 2).slice(1, 0, 2)).output[0]);
  const Tensor padded = pad_packed_sequence(packed, true, -1, 6).output;
  EXPECT_EQ(padded.shape().str(), "[3,6,3]");
  expect_near(padded[2], cat({y[2].slice(0, 0, 3), full({3, 3}, -1)}, 0));
}

// Integers keep their dtype, and are cut to the longest row.
TEST(PackedSequence, PackAndPad) {
  const Tensor words = tensor({{1, 2, 3, 4}, {5, 6, 7, 8}});
  const PackedSequence packed =
      pack_padded_sequence(words, tensor({1, 3}).to(kInt), {.batch_first = true});
  const auto [output, lengths] = pad_packed_sequence(packed, true, 9);
  EXPECT_EQ(output.dtype(), kLong);
  EXPECT_EQ(output.to_vector<std::int64_t>(), (std::vector<std::int64_t>{1, 9, 9, 5, 6, 7}));
  EXPECT_EQ(lengths.to_vector<std::int64_t>(), (std::vector<std::int64_t>{1, 3}));
}

// Lengths are data of a compiled function: other values of them run the same program.
TEST(PackedSequence, Compiled) {
  const GRU rnn(2, 3, {.bidirectional = true});
  auto f = compile([](const GRU& m, const Tensor& x, const Tensor& lengths) {
    return pad_packed_sequence(m(pack_padded_sequence(x, lengths)).output).output;
  });
  auto g = compile([](const GRU& m, const PackedSequence& x) { return m(x).output.padded; });
  const Tensor x = randn({5, 3, 2});
  const std::int64_t before = cache_stats().traces;
  for (const std::vector<std::int64_t>& lengths :
       {std::vector<std::int64_t>{5, 2, 3}, std::vector<std::int64_t>{1, 5, 4}}) {
    const Tensor right = pad_packed_sequence(rnn(pack_padded_sequence(x, lengths)).output).output;
    expect_near(f(rnn, x, tensor(lengths)), right);
    expect_near(g(rnn, pack_padded_sequence(x, lengths)), right);
  }
  EXPECT_EQ(cache_stats().traces - before, 2);
}

TEST(PackedSequence, LengthsOfEachExample) {
  const RNN rnn(2, 3);
  const Tensor x = randn({2, 4, 3, 2}), lengths = tensor({{4, 2, 3}, {1, 3, 2}});
  const auto last = [&](const Tensor& x, const Tensor& lengths) {
    return rnn(pack_padded_sequence(x, lengths)).state;
  };
  const Tensor all = vmap(last)(x, lengths);
  for (int i = 0; i < 2; ++i) expect_near(all[i], last(x[i], lengths[i]));
}

TEST(PackedSequence, GradientsThroughLengthsOfAnArgument) {
  const GRU rnn(2, 3);
  const Tensor x = randn({4, 3, 2});
  const auto loss = [](const GRU& m, const Tensor& x, const Tensor& lengths) {
    return m(pack_padded_sequence(x, lengths)).state.sum();
  };
  const auto known = [](const GRU& m, const Tensor& x) {
    return m(pack_padded_sequence(x, kLengths)).state.sum();
  };
  const GRU got = grad(loss, rnn, x, tensor(kLengths)).second, right = grad(known, rnn, x).second;
  expect_near(parameters_to_vector(got), parameters_to_vector(right));
}

}  // namespace
}  // namespace lilith
