// Tensors, programs and models on a device that is not the host: OpenCL, through PoCL where there
// is no other.
#include "lilith/devices.h"

#include <gtest/gtest.h>

#include <sstream>

#include "eval/program.h"
#include "lilith/checkpoint.h"
#include "lilith/compile.h"
#include "lilith/io.h"
#include "lilith/memory.h"
#include "lilith/model.h"
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

struct Devices : testing::OnOpenCl {};

TEST_F(Devices, ValuesGoThereAndBack) {
  const Tensor x = tensor({{1.f, 2.f}, {3.f, 4.f}}, there());
  EXPECT_EQ(x.device(), opencl(0));
  EXPECT_EQ(floats(x), (std::vector<float>{1, 2, 3, 4}));
  EXPECT_EQ(x.sum().item<float>(), 10);
  EXPECT_EQ(x[1][0].item<int>(), 3);
  const Tensor back = x.to(cpu());
  EXPECT_EQ(back.device(), cpu());
  EXPECT_EQ(back.data<float>()[3], 4);
  EXPECT_EQ(floats(back.to(opencl(0)).to(cpu())), floats(x));
  EXPECT_EQ(to_string(tensor({1, 2}, {.dtype = kInt64, .device = opencl(0)})),
            "tensor([1, 2], device=opencl:0)");
}

TEST_F(Devices, TheHostReadsACopy) {
  const Tensor x = ones({3}, there());
  expect_error_has([&] { static_cast<void>(x.data<float>()); },
                   "data: the tensor is f32[3] on opencl:0; the host reads a copy: "
                   "x.to(cpu()).data<T>()");
}

TEST_F(Devices, NumbersAndScalarsOfTheHostGoAlong) {
  const Tensor x = arange(3).to(kFloat32).to(opencl(0)), s = tensor(2.f);
  EXPECT_EQ(floats(x * s + 1.5), (std::vector<float>{1.5, 3.5, 5.5}));
  EXPECT_EQ((x * s).device(), opencl(0));
  EXPECT_EQ(floats(where(x > 0.5, x, s)), (std::vector<float>{2, 1, 2}));
  const auto f = compile([](const Tensor& x, const Tensor& s) { return x * s + 1.5; });
  EXPECT_EQ(floats(f(x, s)), (std::vector<float>{1.5, 3.5, 5.5}));
}

TEST_F(Devices, MixingThemNamesBothTensors) {
  const Tensor x = ones({3}, there()), y = ones({3});
  expect_error_has([&] { static_cast<void>(x + y); },
                   "add: operands on two devices: f32[3] on opencl:0, of devices_test.cpp:");
  expect_error_has([&] { static_cast<void>(x + y); }, "f32[3] on cpu, of devices_test.cpp:");
  expect_error_has([&] { static_cast<void>(matmul(ones({2, 2}, there()), ones({2, 2}))); },
                   "move one with x.to(device)");
}

TEST_F(Devices, WhatIsMadeThereStaysThere) {
  manual_seed(3);
  for (const Tensor& t :
       {zeros({2}, there()), arange(5, {.device = opencl(0)}).to(kFloat32), rand({4}, there()),
        randn({4}, there()), eye(3, {}, there()), linspace(0, 1, 5, there()),
        full({2, 2}, 3, there()), rand_like(ones({3}, there()))}) {
    EXPECT_EQ(t.device(), opencl(0));
    EXPECT_EQ(t.to_vector<float>().size(), static_cast<std::size_t>(t.numel()));
  }
  manual_seed(3);
  const std::vector<float> here = floats(randn({100}));
  manual_seed(3);
  const std::vector<float> far = floats(randn({100}, there()));
  for (std::size_t k = 0; k < here.size(); ++k) EXPECT_NEAR(here[k], far[k], 1e-6);
}

TEST_F(Devices, OneProgramOfSeveralParts) {
  const Tensor x = ones({4, 4}, there()), y = full({4, 4}, 2.f);
  const Tensor there_and_back = (matmul(x, x) + 1).to(cpu()) * y;
  const Tensor again = there_and_back.to(opencl(0)) + x;
  eval(there_and_back, again);
  EXPECT_EQ(floats(there_and_back), std::vector<float>(16, 10));
  EXPECT_EQ(floats(again), std::vector<float>(16, 11));
}

// Without folding a copied constant stays one.
TEST_F(Devices, AConstantIsCopied) {
  const Tensor here = apply("copy_to", {ones({2}, there())}, {{"device", std::string("cpu")}});
  const Graph g({}, {here, here + ones({2})});
  std::vector<StoragePtr> out(2);
  Program::compile(g)->run({}, {}, out);
  EXPECT_EQ(static_cast<const float*>(out[0]->data())[1], 1);
  EXPECT_EQ(static_cast<const float*>(out[1]->data())[1], 2);
}

struct Mlp {
  Linear fc1{8, 16}, fc2{16, 3};
  Tensor operator()(const Tensor& x) const { return fc2(relu(fc1(x))); }
};

std::vector<float> train(Device device, bool compiled) {
  manual_seed(1);
  Mlp net = to(device, Mlp{});
  Adam opt({.lr = 0.01});
  const Tensor x = sin(arange(64).to(kFloat32)).reshape({8, 8}).to(device);
  const Tensor y = tensor({0, 1, 2, 0, 1, 2, 0, 1}).to(device);
  const auto step = [&opt](Mlp& net, const Tensor& x, const Tensor& y) {
    auto [loss, g] = grad([&](const Mlp& m) { return cross_entropy_loss(m(x), y); }, net);
    update(opt, net, std::move(g));
    return loss;
  };
  std::vector<float> losses;
  auto fast = compile([](Mlp& net, Adam& opt, const Tensor& x, const Tensor& y) {
    auto [loss, g] = grad([&](const Mlp& m) { return cross_entropy_loss(m(x), y); }, net);
    update(opt, net, std::move(g));
    return loss;
  });
  for (int i = 0; i < 5; ++i)
    losses.push_back((compiled ? fast(net, opt, x, y) : step(net, x, y)).item<float>());
  EXPECT_EQ(net.fc1.weight.device(), device);
  return losses;
}

TEST_F(Devices, TrainingGivesTheHostsLosses) {
  for (const bool compiled : {false, true}) {
    const std::vector<float> here = train(cpu(), compiled), far = train(opencl(0), compiled);
    for (std::size_t k = 0; k < here.size(); ++k) EXPECT_NEAR(here[k], far[k], 1e-5 * here[k]);
    EXPECT_EQ(far, train(opencl(0), compiled));
  }
}

TEST_F(Devices, MemoryIsCounted) {
  const Tensor x = ones({1024}, there());
  eval(x + 1);
  const MemoryStats before = memory_stats(opencl(0));
  {
    const Tensor y = x + 1;
    eval(y);
    EXPECT_EQ(memory_stats(opencl(0)).live_bytes, before.live_bytes + 4096);
  }
  EXPECT_EQ(memory_stats(opencl(0)).live_bytes, before.live_bytes);
  release_cached_memory(opencl(0));
  EXPECT_EQ(memory_stats(opencl(0)).cached_bytes, 0);
}

TEST_F(Devices, AnIndexOutOfRangeIsFound) {
  const Tensor x = ones({4, 2}, there());
  const Tensor at = tensor({1, 7}).to(opencl(0));
  expect_error_has([&] { eval(index_select(x, 0, at)); }, "index 7");
}

TEST_F(Devices, ModelsAreSavedFromThere) {
  const testing::TempDir dir;
  const Mlp net = to(opencl(0), Mlp{});
  for (const char* ending : {"safetensors", "pt", "npz"}) {
    const std::string path = dir.file(std::string("net.") + ending);
    save(net, path);
    Mlp here, far = to(opencl(0), Mlp{});
    load(here, path);
    load(far, path);
    EXPECT_EQ(floats(here.fc1.weight), floats(net.fc1.weight));
    EXPECT_EQ(far.fc1.weight.device(), opencl(0));
    EXPECT_EQ(floats(far.fc2.bias), floats(net.fc2.bias));
  }
}

TEST(DeviceNames, AreParsedAndListed) {
  EXPECT_EQ(parse_device("cpu"), cpu());
  EXPECT_EQ(devices().front(), cpu());
  EXPECT_EQ(device_kinds().front().name, "cpu");
  expect_error_has([] { parse_device("tpu:1"); }, "device: 'tpu:1' names none");
  expect_error_has([] { parse_device("opencl:250"); }, "there is no device opencl:250");
  for (const DeviceKindInfo& kind : device_kinds())
    EXPECT_EQ(kind.count == 0, !kind.why_none.empty());
}

}  // namespace
}  // namespace lilith
