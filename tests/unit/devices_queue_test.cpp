// The host runs ahead of a device: what waits for it, and what does not.
#include "lilith/compile.h"
#include "lilith/devices.h"
#include "lilith/nn.h"
#include "lilith/ops.h"
#include "lilith/optim.h"
#include "lilith/transforms.h"
#include "support/driver_calls.h"
#include "support/on_opencl.h"

namespace lilith {
namespace {

using testing::DriverCalls;
using testing::expect_error_has;
using testing::floats;

struct DevicesQueue : testing::OnOpenCl {};

struct Net {
  Linear fc1{8, 16}, fc2{16, 3};
  Tensor operator()(const Tensor& x) const { return fc2(relu(fc1(x))); }
};

// The learning rate, Adam's bias corrections and the labels' range cost no wait: a step is its
// launches and one write for x, for y and for the scalars.
TEST_F(DevicesQueue, ATrainingStepWaitsForNothing) {
  manual_seed(1);
  Net net = to(opencl(0), Net{});
  Adam opt({.lr = 0.01});
  auto step = compile([](Net& net, Adam& opt, const Tensor& x, const Tensor& y) {
    auto [loss, g] = grad([&](const Net& m) { return cross_entropy_loss(m(x), y); }, net);
    update(opt, net, std::move(g));
    return loss;
  });
  std::vector<Tensor> losses;
  const auto run = [&](int k) {
    const Tensor x = sin(arange(64).to(kFloat32) + k).reshape({8, 8});
    const Tensor y = tensor({0, 1, 2, 0, 1, 2, 0, 1});
    eval(x, y);
    losses.push_back(step(net, opt, x.to(opencl(0)), y.to(opencl(0))));
  };
  run(0);
  run(1);
  {
    const DriverCalls calls;
    for (int k = 2; k < 5; ++k) {
      opt.set_lr(0.01 / k);
      run(k);
    }
    EXPECT_EQ(calls.reads, 0);
    EXPECT_EQ(calls.waiting_writes, 0);
    EXPECT_EQ(calls.writes, 3 * 3);
    EXPECT_GT(calls.launches, 0);
  }
  for (const Tensor& loss : losses) EXPECT_LT(loss.item<float>(), 3);
}

Tensor table() { return arange(4).to(kFloat32).to(opencl(0)); }

TEST_F(DevicesQueue, IndicesThatTheHostWroteAreCheckedThere) {
  auto pick = compile([](const Tensor& t, const Tensor& i) { return index_select(t, 0, i); });
  auto pick_first = compile(
      [](const Tensor& t, const Tensor& i) { return index_select(t, 0, i.slice(0, 0, 1)); });
  const Tensor t = table(), good = tensor({0, 3, 1}).to(opencl(0)),
               bad = tensor({0, 7, -5}).to(opencl(0));
  eval(t, good, bad);
  EXPECT_EQ(floats(pick(t, good)), (std::vector<float>{0, 3, 1}));
  {
    const DriverCalls calls;
    const Tensor out = pick(t, good), part = pick_first(t, good);
    EXPECT_EQ(calls.reads, 0);
  }
  expect_error_has([&] { pick(t, bad); },
                   "index_select: index -5 is out of range; need 0 <= index");
  // Of one that has bad ones, the part that is picked counts.
  EXPECT_EQ(floats(pick_first(t, bad)), (std::vector<float>{0}));
}

// What the host knows of memory ends where a program writes to it.
TEST_F(DevicesQueue, IndicesThatAProgramChangedAreLookedAt) {
  auto pick = compile([](const Tensor& t, const Tensor& i) { return index_select(t, 0, i); });
  auto shift = compile([](Tensor& i) { i = i + 3; });
  const Tensor t = table();
  Tensor i = tensor({0, 1}).to(opencl(0));
  eval(t, i);
  pick(t, i);
  shift(i);
  expect_error_has([&] { pick(t, i); }, "index 4 is out of range");
}

TEST_F(DevicesQueue, MemoryOfTheUserIsReadAtOnce) {
  std::vector<float> mine(100000, 1.f);
  const Tensor x = from_data(mine.data(), {100000}, [] {});
  const Tensor there = x.to(opencl(0));
  eval(there);
  std::ranges::fill(mine, 2.f);
  EXPECT_EQ(there.sum().item<float>(), 100000);
}

TEST_F(DevicesQueue, ManyUploadsKeepTheirOrder) {
  Tensor sum = zeros({20000}, there());
  eval(sum);
  auto add = compile([](Tensor& sum, const Tensor& x) { sum = sum + x; });
  for (int k = 0; k < 600; ++k) {
    const Tensor x = full({20000}, static_cast<float>(k % 7)) * 1;
    eval(x);
    add(sum, x.to(opencl(0)));
  }
  float want = 0;
  for (int k = 0; k < 600; ++k) want += static_cast<float>(k % 7);
  EXPECT_EQ(floats(sum), std::vector<float>(20000, want));
}

}  // namespace
}  // namespace lilith
