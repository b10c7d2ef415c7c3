// Training on a CUDA device (a fake one): the host's losses, the same bits in every run, memory
// that runs out in the middle, several devices.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "lilith/compile.h"
#include "lilith/data.h"
#include "lilith/nn.h"
#include "lilith/ops.h"
#include "lilith/optim.h"
#include "lilith/train.h"
#include "lilith/transforms.h"
#include "runtime/disk_cache.h"
#include "support/expect_error.h"
#include "support/fake_cuda.h"
#include "support/own_process.h"
#include "support/temp_dir.h"
#include "support/with_precision.h"

namespace lilith {
namespace {

using testing::Ended, testing::expect_says, testing::expect_success;
using testing::error_text;
using testing::FakeCuda;
using testing::WithPrecision;

struct CudaTraining : testing::OnCuda {};

Ended run_case(const std::string& name, const std::string& environment) {
  return testing::run_case("CudaCase", name, environment);
}

std::vector<float> floats(const Tensor& t) { return t.to_vector<float>(); }

// ---- Nets like those of the zoo, smaller ----

struct Cnn {
  Conv2d conv1{1, 4, 3, {.padding = 1}}, conv2{4, 8, 3, {.padding = 1}};
  Linear fc{8 * 4 * 4, 10};
  Tensor operator()(Tensor x) const {
    x = max_pool2d(relu(conv1(x)), 2);
    x = max_pool2d(relu(conv2(x)), 2);
    return fc(x.flatten(1));
  }
};
Tensor loss_of(const Cnn& net, const Tensor& x, const Tensor& y) {
  return cross_entropy_loss(net(x.reshape({x.size(0), 1, 16, 16})), y);
}

struct Vae {
  Linear enc1{256, 20}, enc2{20, 4}, enc3{20, 4}, dec1{4, 20}, dec2{20, 256};
};
Tensor loss_of(const Vae& net, const Tensor& x, const Tensor&) {
  const Tensor h = tanh(net.enc1(x)), mean = net.enc2(h), log_var = net.enc3(h);
  const Tensor z = mean + randn_like(mean) * exp(log_var * 0.5);
  const Tensor out = net.dec2(tanh(net.dec1(z)));
  const Tensor kl = -0.5 * (1 + log_var - mean.pow(2) - exp(log_var)).sum();
  return (binary_cross_entropy_with_logits(out, x, {.reduction = Reduction::Sum}) + kl) / x.size(0);
}

template <class Net>
std::vector<float> train(Device device, long seed = 1) {
  FakeCuda::set("seed", seed);
  manual_seed(1);
  Net net = to(device, Net{});
  Adam opt({.lr = 0.01});
  const Tensor x = sigmoid(sin(arange(6 * 256).to(kFloat32)).reshape({6, 256})).to(device);
  const Tensor y = tensor({0, 1, 2, 7, 8, 9}).to(device);
  auto step = compile([](Net& net, Adam& opt, const Tensor& x, const Tensor& y) {
    auto [loss, g] = grad([&](const Net& m) { return loss_of(m, x, y); }, net);
    update(opt, net, std::move(g));
    return loss;
  });
  std::vector<float> losses;
  for (int i = 0; i < 4; ++i) losses.push_back(step(net, opt, x, y).template item<float>());
  return losses;
}

template <class Net>
void expect_the_hosts_losses(double bound) {
  const std::vector<float> here = train<Net>(cpu()), far = train<Net>(cuda(0));
  for (std::size_t k = 0; k < here.size(); ++k)
    EXPECT_NEAR(far[k], here[k], bound * std::abs(here[k])) << k;
  EXPECT_EQ(far, train<Net>(cuda(0), 2));  // in another order of blocks, threads and nodes
}

TEST_F(CudaTraining, ACnnHasTheHostsLosses) {
  const WithPrecision exact(Precision::highest);
  expect_the_hosts_losses<Cnn>(1e-5);
}
TEST_F(CudaTraining, AVaeHasTheHostsLosses) {
  const WithPrecision exact(Precision::highest);
  expect_the_hosts_losses<Vae>(1e-5);
}
// With operands of products rounded to TF32 and to bf16.
TEST_F(CudaTraining, LossesOfRoundedProductsAreNear) {
  for (const auto& [precision, bound] :
       {std::pair{Precision::high, 1e-3}, {Precision::medium, 1e-2}}) {
    const WithPrecision rounded(precision);
    expect_the_hosts_losses<Cnn>(bound);
    expect_the_hosts_losses<Vae>(bound);
  }
}

// From the second step on a step is one launch of one graph, and no allocation.
TEST_F(CudaTraining, AStepIsOneGraph) {
  train<Cnn>(cuda(0));
  const long graphs = FakeCuda::calls("cuGraphLaunch"),
             launches = FakeCuda::calls("cuLaunchKernel");
  train<Cnn>(cuda(0));  // the program is known: its graph too
  EXPECT_EQ(FakeCuda::calls("cuGraphLaunch"), graphs + 4);
  const long blocks = FakeCuda::calls("cuMemAlloc");
  EXPECT_LE(FakeCuda::calls("cuLaunchKernel") - launches, 8);  // what sets up the model
  train<Cnn>(cuda(0));
  EXPECT_EQ(FakeCuda::calls("cuMemAlloc"), blocks);
  const FakeCuda::Graph g = FakeCuda::last_graph();
  EXPECT_GT(g.nodes, 4);
  EXPECT_LT(g.longest_chain, g.nodes);  // some need not wait
}

// A loader's batches are copied beside the step that runs, into two blocks in turn.
TEST_F(CudaTraining, BatchesAreCopiedBesideTheStep) {
  const auto train = [](Device device) {
    manual_seed(1);
    Vae net = to(device, Vae{});
    Adam opt({.lr = 0.01});
    const TensorDataset data(sigmoid(sin(arange(320 * 256).to(kFloat32)).reshape({320, 256})));
    auto step = compile([](Vae& net, Adam& opt, const Tensor& x) {
      auto [loss, g] = grad([&](const Vae& m) { return loss_of(m, x, {}); }, net);
      update(opt, net, std::move(g));
      return loss;
    });
    std::vector<Tensor> losses;
    for (auto [x] : DataLoader(data, {.batch_size = 40, .device = device}))
      losses.push_back(step(net, opt, x));
    std::vector<float> values;
    for (const Tensor& l : losses) values.push_back(l.item<float>());
    return values;
  };
  const std::vector<float> here = train(cpu());
  const long beside = FakeCuda::calls("cuStreamWaitEvent");
  const std::vector<float> far = train(cuda(0));
  EXPECT_GE(FakeCuda::calls("cuStreamWaitEvent"), beside + 2 * 5);
  for (std::size_t k = 0; k < here.size(); ++k)
    EXPECT_NEAR(far[k], here[k], 1e-4 * std::abs(here[k])) << k;
}

// ---- Memory ----

struct Net {
  Linear fc1{4, 8}, fc2{8, 3};
  Tensor operator()(const Tensor& x) const { return fc2(relu(fc1(x))); }
};

std::string content(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// While it lives the device has no byte more than it holds.
struct NoRoom {
  NoRoom() {
    release_cached_memory(cuda(0));
    FakeCuda::set("memory", FakeCuda::held(0));
  }
  ~NoRoom() { FakeCuda::set("memory", 1l << 30); }
};

TEST_F(CudaTraining, WhatRunsOutOfMemoryLeavesModelAndCheckpoint) {
  const testing::TempDir dir;
  manual_seed(3);
  Net net = to(cuda(0), Net{});
  const TensorDataset data(sin(arange(48).to(kFloat32)).reshape({12, 4}), arange(12) % 3);
  std::optional<NoRoom> no_room;
  std::string saved;
  std::vector<float> weights;
  const auto after_two_epochs = [&](FitState& state) {
    if (state.history.rows.size() != 2) return;
    weights = floats(net.fc1.weight);
    no_room.emplace();
  };
  const std::string text = error_text([&] {
    fit(net, data, CrossEntropyLoss{},
        {.epochs = 5,
         .batch_size = 6,
         .callbacks = {after_two_epochs},
         .checkpoint = dir.file("run.safetensors"),
         .progress = ShowProgress::Off});
  });
  no_room.reset();
  EXPECT_NE(text.find("cuda: out of memory on cuda:0 (Fake GPU 0): "), text.npos) << text;
  EXPECT_EQ(floats(net.fc1.weight), weights);
  EXPECT_FALSE(content(dir.file("run.safetensors")).empty());
  // Training goes on from there.
  const History h = fit(net, data, CrossEntropyLoss{},
                        {.epochs = 5,
                         .batch_size = 6,
                         .checkpoint = dir.file("run.safetensors"),
                         .resume = true,
                         .progress = ShowProgress::Off});
  EXPECT_EQ(h.rows.back().epoch, 5);
}

TEST_F(CudaTraining, FreeBlocksAreGivenBackBeforeMemoryRunsOut) {
  release_cached_memory(cuda(0));
  const std::int64_t mib = 1 << 18;  // floats
  eval(ones({40 * mib}, there()));   // a block that is free now
  EXPECT_GE(memory_stats(cuda(0)).cached_bytes, 40 << 20);
  FakeCuda::set("memory", FakeCuda::held(0) + (20 << 20));
  Tensor x = ones({56 * mib}, there());
  eval(x);
  const std::string text = error_text([&] { eval(ones({56 * mib}, there())); });
  FakeCuda::set("memory", 1l << 30);
  EXPECT_NE(text.find("asked for; 56.0 MiB held"), text.npos) << text;
  EXPECT_EQ(x.sum().item<float>(), 56.f * static_cast<float>(mib));
}

// ---- Bad input ----

TEST_F(CudaTraining, AFailedStepLeavesModelAndOptimiser) {
  struct Words {
    Embedding table{5, 3};
    Tensor operator()(const Tensor& i) const { return table(i); }
  };
  Words net = to(cuda(0), Words{});
  Adam opt({.lr = 0.1});
  auto step = compile([](Words& net, Adam& opt, const Tensor& x) {
    auto [loss, g] = grad([&](const Words& m) { return m(x).pow(2).mean(); }, net);
    update(opt, net, std::move(g));
    return loss;
  });
  const Tensor good = tensor({0, 4}).to(cuda(0)), bad = tensor({0, 5}).to(cuda(0));
  for (int i = 0; i < 3; ++i) step(net, opt, good);
  const auto weights = floats(net.table.weight);
  const std::string text = error_text([&] { eval(step(net, opt, bad)); });
  EXPECT_NE(text.find("index 5 is out of range"), text.npos) << text;
  EXPECT_EQ(floats(net.table.weight), weights);
  step(net, opt, good);
  EXPECT_NE(floats(net.table.weight), weights);
}

TEST_F(CudaTraining, ANanIsNamed) {
  const Tensor x = tensor({1.f, 2.f, 3.f}, there());
  env::set("LILITH_CHECK_NAN", "1");
  const std::string text = error_text([&] { eval(log(x - 2)); });
  env::set("LILITH_CHECK_NAN", "");
  EXPECT_NE(text.find("LILITH_CHECK_NAN: a NaN in f32[3], made by "), text.npos) << text;
}

TEST_F(CudaTraining, KernelsAreTimed) {
  auto f = compile([](const Tensor& x) { return softmax(x, 1).sum({0}); });
  set_time_kernels(true);
  eval(f(ones({8, 40}, there())));
  set_time_kernels(false);
  const std::string table = f.explain();
  EXPECT_NE(table.find("GB/s"), table.npos) << table;
  const std::size_t first = table.find("ms");
  EXPECT_NE(table.find_first_of("123456789", first), table.npos) << table;
}

// ---- In processes of their own, for which the driver is another one ----

TEST(CudaCase, DISABLED_TwoDevices) {
  const Tensor x = ones({4, 4}, {.device = cuda(0)}), y = full({4, 4}, 2.f, {.device = cuda(1)});
  EXPECT_NE(error_text([&] { static_cast<void>(x + y); }).find("f32[4,4] on cuda:1, of "),
            std::string::npos);
  const Tensor there = matmul(x, x).to(cuda(1)) * y, back = there.to(cuda(0)) + x;
  eval(there, back);
  EXPECT_EQ(floats(there), std::vector<float>(16, 8));
  EXPECT_EQ(floats(back), std::vector<float>(16, 9));
  EXPECT_EQ(train<Cnn>(cuda(1)), train<Cnn>(cuda(0)));
  EXPECT_GT(memory_stats(cuda(1)).peak_bytes, 0);
}
TEST(CudaCase, DISABLED_Train) {
  for (const float loss : train<Cnn>(cuda(0))) std::printf("loss %a\n", loss);
  std::printf("that is all; %ld texts were compiled\n", FakeCuda::compilations());
  const runtime::DiskCacheCounts c = runtime::disk_cache_counts();
  std::printf("found %s, stored %s\n", c.hits > 0 ? "some" : "none",
              c.stored > 0 ? "some" : "none");
}

std::string losses_of(const Ended& e) {
  const std::size_t begin = e.output.find("loss ");
  return e.output.substr(begin, e.output.find("that is all") - begin);
}

TEST_F(CudaTraining, SeveralDevicesEachHaveTheirPrograms) {
  expect_success(run_case("TwoDevices", "FAKE_CUDA=devices=2"));
}

// What a device newer than the compiler is given, the driver compiles.
TEST_F(CudaTraining, ADeviceThatTheCompilerDoesNotKnowRunsPtx) {
  const Ended known = run_case("Train", "FAKE_CUDA=capability=90"),
              newer = run_case("Train", "FAKE_CUDA=capability=121");
  expect_success(newer);
  EXPECT_EQ(losses_of(newer), losses_of(known));
}

TEST_F(CudaTraining, CompiledCodeIsKeptOnDisk) {
  const testing::TempDir dir;
  const std::string cache = "LILITH_CACHE=" + dir.file("cache");
  const Ended first = run_case("Train", cache), second = run_case("Train", cache);
  expect_says(first, "found none, stored some");
  expect_says(second, "that is all; 0 texts were compiled\nfound some, stored none");
  EXPECT_EQ(losses_of(second), losses_of(first));
  // Another architecture's code is another entry.
  expect_says(run_case("Train", cache + " FAKE_CUDA=capability=80"), "stored some");
}

TEST_F(CudaTraining, MixingDevicesNamesBothTensors) {
  const Tensor x = ones({3}, there()), y = ones({3});
  const std::string text = error_text([&] { static_cast<void>(x + y); });
  EXPECT_NE(text.find("add: operands on two devices: f32[3] on cuda:0, of cuda_training_test.cpp:"),
            text.npos)
      << text;
  EXPECT_NE(error_text([&] {
              static_cast<void>(x.data<float>());
            }).find("data: the tensor is f32[3] on cuda:0; the host reads a copy: "),
            std::string::npos);
  EXPECT_EQ(floats(x.to(cpu()) + y), std::vector<float>(3, 2));
}

}  // namespace
}  // namespace lilith
