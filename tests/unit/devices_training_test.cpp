// What who trains on a device meets on the way: scores, models that move, messages, cases to
// replay.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "lilith/compile.h"
#include "lilith/devices.h"
#include "lilith/graph_names.h"
#include "lilith/memory.h"
#include "lilith/metrics.h"
#include "lilith/nn.h"
#include "lilith/ops.h"
#include "lilith/optim.h"
#include "lilith/train.h"
#include "lilith/transforms.h"
#include "support/on_opencl.h"
#include "support/temp_dir.h"

namespace lilith {
namespace {

using testing::expect_error_has;
using testing::floats;

struct DevicesTraining : testing::OnOpenCl {};

TEST_F(DevicesTraining, ScoresTakeTensorsOfADevice) {
  const Tensor scores = tensor({{1.f, 2.f}, {3.f, 0.f}, {0.f, 1.f}}, there());
  const Tensor target = tensor({1, 0, 0}).to(opencl(0));
  EXPECT_NEAR(accuracy(scores, target), 2.0 / 3, 1e-12);
  EXPECT_EQ(accuracy(scores, target.to(cpu())), accuracy(scores, target));
  EXPECT_EQ(confusion_matrix(scores, target)[0][1], 1);
  EXPECT_EQ(r2_score(scores, scores), 1);
}

TEST_F(DevicesTraining, AvalsThatDifferInTheDeviceAreToldApart) {
  const auto f = [](const Tensor& x) { return sin(x); };
  const Tensor x = ones({3}, there());
  expect_error_has([&] { jvp(f, x, ones({3})); },
                   "a tangent is f32[3], its argument f32[3] on opencl:0");
  expect_error_has(
      [&] {
        auto [y, pull_back] = vjp(f, x);
        pull_back(ones({3}));
      },
      "output 0 is f32[3] on opencl:0, its cotangent f32[3]");
  const Graph g = trace(f, x);
  expect_error_has([&] { compile(g)(ones({3})); },
                   "input 0 is f32[3]; it was traced with f32[3] on opencl:0");
  expect_error_has([&] { g({ones({3})}); }, "input 0 is f32[3]; need f32[3] on opencl:0");
}

TEST_F(DevicesTraining, OperandsElsewhereAreNamedAsTheUserGaveThem) {
  const Tensor x = ones({3, 4}, there());
  expect_error_has([&] { index_select(x, 0, tensor({0, 1})); }, "i64[2] on cpu");
  expect_error_has([&] { stack({tensor(1.f, there()), tensor(2.f)}); }, "f32[] on cpu");
  expect_error_has([&] { LayerNorm(4)(x); }, "f32[4] on cpu");
}

TEST_F(DevicesTraining, ScalarsOfTheHostIndexAndAreWritten) {
  const Tensor x = tensor({{1.f, 2.f}, {3.f, 4.f}}, there());
  EXPECT_EQ(floats(x.index({tensor(1)})), (std::vector<float>{3, 4}));
  const Tensor at = tensor({1}).to(opencl(0));
  EXPECT_EQ(floats(index_put(x, {at}, tensor(7.f))), (std::vector<float>{1, 2, 7, 7}));
}

TEST_F(DevicesTraining, AnEmptyTensorSaysWhereItLies) {
  EXPECT_EQ(to_string(zeros({0, 3}, there())), "tensor([], size=(0, 3), device=opencl:0)");
}

TEST_F(DevicesTraining, WhatIsOfOneValueIsNotMadeOnTheHost) {
  const std::int64_t n = (std::int64_t{3} << 18) + 5;  // more than a piece
  Tensor x = full({n}, 1.5, there());
  reset_peak_memory(cpu());
  const std::int64_t before = memory_stats(cpu()).peak_bytes;
  eval(x);
  EXPECT_LE(memory_stats(cpu()).peak_bytes - before, std::int64_t{1} << 20);
  EXPECT_EQ(x.sum().item<double>(), 1.5 * static_cast<double>(n));
  EXPECT_THROW(eval(ones({std::int64_t{1} << 30, std::int64_t{1} << 12}, there())), DeviceError);
  expect_error_has([&] { eval(ones({std::int64_t{1} << 30, std::int64_t{1} << 12}, there())); },
                   "opencl:0");
  x = {};
  release_cached_memory(opencl(0));
}

TEST_F(DevicesTraining, ABatchIsOfTheLineOfItsLoop) {
  const TensorDataset data(ones({2, 4}));
  const auto line = std::source_location::current().line() + 1;
  for (auto [x] : DataLoader(data, {.device = opencl(0)}))
    expect_error_has([&, x = x] { static_cast<void>(x + ones({1, 4})); },
                     fmt::format("f32[1,4] on opencl:0, of devices_training_test.cpp:{}", line));
  const Device missing{opencl(0).kind, 250};
  expect_error_has([&] { DataLoader(data, {.device = missing}); },
                   "DataLoader: there is no device opencl:250");
}

// ---- Training ----

struct Net {
  Linear fc1{4, 8, {.bias = false}};
  BatchNorm1d bn{8};
  Linear fc2{8, 3};
  Tensor operator()(const Tensor& x) { return fc2(relu(bn(fc1(x)))); }
};

// The losses of fit, an epoch on each device in turn.
std::vector<double> fitted(const std::vector<Device>& devices) {
  manual_seed(2);
  Net net;
  Adam opt({.lr = 0.01});
  const TensorDataset data(sin(arange(48).to(kFloat32)).reshape({12, 4}), arange(12) % 3);
  std::vector<double> losses;
  for (const Device device : devices) {
    const History h = fit(net, data, CrossEntropyLoss{},
                          {.batch_size = 6,
                           .optimizer = opt,
                           .device = device,
                           .validation = data,
                           .progress = ShowProgress::Off});
    losses.push_back(h.rows.back().loss);
    losses.push_back(h.rows.back().val_loss);
    EXPECT_EQ(net.bn.running_mean.device(), device);
    EXPECT_EQ(opt.state("fc1.weight").at("exp_avg").device(), device);
  }
  losses.push_back(accuracy(net, data));
  return losses;
}

TEST_F(DevicesTraining, AModelThatMovesTakesItsOptimiserAlong) {
  const std::vector<double> stayed = fitted({cpu(), cpu(), cpu()});
  const std::vector<double> moved = fitted({opencl(0), cpu(), opencl(0)});
  for (std::size_t k = 0; k < stayed.size(); ++k) EXPECT_NEAR(stayed[k], moved[k], 1e-4) << k;
}

TEST_F(DevicesTraining, GradientsOfSeveralDevicesAreClippedTogether) {
  std::vector<Tensor> here{full({4}, 3.f), full({4}, 4.f)};
  std::vector<Tensor> parts{here[0].to(opencl(0)), here[1]};
  EXPECT_EQ(clip_grad_norm_(as_gradients(parts), 1).item<float>(), 10);
  clip_grad_norm_(as_gradients(here), 1);
  for (std::size_t k = 0; k < 2; ++k) EXPECT_EQ(floats(parts[k]), floats(here[k]));
  EXPECT_EQ(parts[0].device(), opencl(0));
}

TEST_F(DevicesTraining, AFailedStepLeavesModelAndOptimiser) {
  struct Words {
    Embedding table{5, 3};
    Tensor operator()(const Tensor& i) const { return table(i); }
  };
  Words net = to(opencl(0), Words{});
  Adam opt({.lr = 0.1});
  auto step = compile([](Words& net, Adam& opt, const Tensor& x) {
    auto [loss, g] = grad([&](const Words& m) { return m(x).pow(2).mean(); }, net);
    update(opt, net, std::move(g));
    return loss;
  });
  const Tensor good = tensor({0, 4}).to(opencl(0)), bad = tensor({0, 5}).to(opencl(0));
  step(net, opt, good);
  const auto weights = floats(net.table.weight);
  const auto moments = floats(opt.state("table.weight").at("exp_avg"));
  expect_error_has([&] { eval(step(net, opt, bad)); }, "index 5 is out of range");
  EXPECT_EQ(floats(net.table.weight), weights);
  EXPECT_EQ(floats(opt.state("table.weight").at("exp_avg")), moments);
  step(net, opt, good);
  EXPECT_NE(floats(net.table.weight), weights);
}

// A program whose values lie on two devices has a record for each of its parts.
TEST_F(DevicesTraining, APageShowsEachPart) {
  const testing::TempDir dir;
  auto f = compile([](const Tensor& x, const Tensor& s) { return (x * (s * 2 + 1)).sum(); });
  EXPECT_EQ(f(ones({8}, there()), tensor(3.f)).item<float>(), 56);
  explain_html(f, dir.file("page.html"));
  std::ifstream in(dir.file("page.html"));
  const std::string page{std::istreambuf_iterator<char>(in), {}};
  EXPECT_NE(page.find("on cpu"), page.npos);
  EXPECT_NE(page.find("on opencl:0"), page.npos);
}

}  // namespace
}  // namespace lilith
