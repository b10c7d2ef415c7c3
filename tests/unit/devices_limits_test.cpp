// What a device cannot do: each an Error of the user's line, and nothing is lost.
#include <filesystem>

#include "lilith/checkpoint.h"
#include "lilith/devices.h"
#include "lilith/memory.h"
#include "lilith/nn.h"
#include "lilith/ops.h"
#include "lilith/optim.h"
#include "lilith/train.h"
#include "support/driver_calls.h"
#include "support/on_opencl.h"
#include "support/temp_dir.h"

namespace lilith {
namespace {

using testing::DriverCalls;
using testing::error_text;
using testing::expect_error_has;
using testing::floats;

struct DevicesLimits : testing::OnOpenCl {};

struct Net {
  Linear fc1{4, 8};
  BatchNorm1d bn{8};
  Linear fc2{8, 3};
  Tensor operator()(const Tensor& x) { return fc2(relu(bn(fc1(x)))); }
};

TensorDataset<2> rows() {
  return TensorDataset<2>(sin(arange(48).to(kFloat32)).reshape({12, 4}), arange(12) % 3);
}

/// The first device says that it has no f64.
class WithoutF64 {
 public:
  WithoutF64() { info().fp64 = false; }
  ~WithoutF64() { info().fp64 = has_; }

 private:
  static runtime::opencl::DeviceInfo& info() {
    return const_cast<runtime::opencl::DeviceInfo&>(runtime::opencl::device(0).info());
  }
  const bool has_ = info().fp64;
};

TEST_F(DevicesLimits, ADeviceWithoutF64SaysSo) {
  const WithoutF64 poor;
  const TensorOptions wide{.dtype = kFloat64, .device = opencl(0)};
  const Tensor x = ones({1, 11, 3}, wide);
  expect_error_has([&] { eval(exp(x) * 3); }, "computes in f64");
  expect_error_has([&] { eval(exp(x) * 3); }, "opencl:0 (");
  // Values lie there all the same, and f32 goes on.
  EXPECT_EQ(x.to(cpu()).sum().item<double>(), 33);
  EXPECT_EQ((ones({1, 11, 3}, there()) * 3).sum().item<float>(), 99);
  // The host's own f64, as of an optimiser, needs none there.
  Net net = to(opencl(0), Net{});
  const History h = fit(net, rows(), CrossEntropyLoss{},
                        {.epochs = 1, .batch_size = 6, .progress = ShowProgress::Off});
  EXPECT_EQ(h.rows.size(), 1u);
}

// In the second of three epochs there is no memory left.
TEST_F(DevicesLimits, OutOfMemoryWithinFitLosesNothing) {
  const testing::TempDir dir;
  const std::string path = dir.file("run.safetensors");
  manual_seed(3);
  Net net = to(opencl(0), Net{});
  Adam opt({.lr = 0.01});
  const auto options = [&](Callback callback) {
    FitOptions o{.epochs = 3, .batch_size = 6, .optimizer = opt, .progress = ShowProgress::Off};
    o.checkpoint = path;
    o.checkpoint_every = 1;
    o.callbacks = {std::move(callback)};
    return o;
  };
  std::vector<float> weights, moments;
  std::string text;
  {
    const DriverCalls calls;
    const auto run_out = [&](FitState&) {
      weights = floats(net.fc1.weight);
      moments = floats(opt.state("fc1.weight").at("exp_avg"));
      release_cached_memory(opencl(0));
      DriverCalls::refuses_memory = true;
    };
    text = error_text([&] { fit(net, rows(), CrossEntropyLoss{}, options(run_out)); });
  }
  EXPECT_NE(text.find("opencl: out of memory on opencl:0"), text.npos) << text;
  EXPECT_NE(text.find(" asked for; "), text.npos) << text;
  EXPECT_NE(text.find(" held ("), text.npos) << text;
  EXPECT_NE(text.find(" tensors and temporaries, "), text.npos) << text;
  EXPECT_NE(text.find("devices_limits_test.cpp:"), text.npos) << text;
  // The model and its optimiser are as they were, here and in the file.
  EXPECT_EQ(floats(to(cpu(), net).fc1.weight), weights);
  EXPECT_EQ(floats(opt.state("fc1.weight").at("exp_avg")), moments);
  Net saved;
  Adam resumed;
  load_checkpoint(path, saved, resumed);
  EXPECT_EQ(floats(saved.fc1.weight), weights);
  // With memory again it goes on from there.
  FitOptions go_on = options([](FitState&) {});
  go_on.resume = true;
  EXPECT_EQ(fit(net, rows(), CrossEntropyLoss{}, go_on).rows.size(), 3u);
}

TEST_F(DevicesLimits, FitOfAModelOnTwoDevicesNamesBoth) {
  Net net;
  net.fc2 = to(opencl(0), net.fc2);
  const FitOptions options{.batch_size = 6, .progress = ShowProgress::Off};
  const std::string text = error_text([&] { fit(net, rows(), CrossEntropyLoss{}, options); });
  EXPECT_NE(text.find("the model lies on two devices: 'bn.bias' is f32[8] on cpu, "
                      "'fc2.bias' is f32[3] on opencl:0"),
            text.npos)
      << text;
  EXPECT_NE(text.find("devices_limits_test.cpp:"), text.npos) << text;
  expect_error_has([&] { predict(net, rows()); }, "lies on two devices");
  FitOptions there = options;
  there.device = opencl(0);
  fit(net, rows(), CrossEntropyLoss{}, there);
  EXPECT_EQ(net.fc1.weight.device(), opencl(0));
}

// As in PyTorch: an index of the host picks from a tensor of any device.
TEST_F(DevicesLimits, IndicesOfTheHostGoAlong) {
  const Tensor x = arange(12).to(kFloat32).reshape({4, 3}).to(opencl(0));
  const Tensor row = tensor({3, 0}), column = tensor({1, 2}).to(opencl(0));
  EXPECT_EQ(floats(x.index({row})), (std::vector<float>{9, 10, 11, 0, 1, 2}));
  EXPECT_EQ(floats(x.index({row, column})), (std::vector<float>{10, 2}));
  const Tensor mask = tensor({0, 1, 0, 1}).to(kBool);
  EXPECT_EQ(floats(x.index({mask})), (std::vector<float>{3, 4, 5, 9, 10, 11}));
  EXPECT_EQ(x.index({mask}).device(), opencl(0));
  EXPECT_EQ(floats(index_put(x, {row}, 5.f)),
            (std::vector<float>{5, 5, 5, 3, 4, 5, 6, 7, 8, 5, 5, 5}));
  // An index of the device says nothing of a tensor of the host.
  expect_error_has([&] { static_cast<void>(ones({4, 3}).index({column})); },
                   "index: operands on two devices");
}

TEST_F(DevicesLimits, AbsentDevicesAreOfTheUsersLine) {
  const Device absent{Device::Kind::OpenCl, 250};
  for (const std::string& text :
       {error_text([] { opencl(99); }), error_text([&] { description(absent); }),
        error_text([&] { static_cast<void>(memory_stats(absent)); }),
        error_text([&] { reset_peak_memory(absent); }),
        error_text([&] { release_cached_memory(absent); }),
        error_text([] { parse_device("opencl:99"); }), error_text([] { parse_device("tpu"); })})
    EXPECT_NE(text.find("devices_limits_test.cpp:"), text.npos) << text;
}

}  // namespace
}  // namespace lilith
