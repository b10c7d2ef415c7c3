// Products by tensor cores, without one: plans interpreted, next to f64, on an OpenCL device, and
// what NVRTC makes of their text.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "codegen/c/source.h"
#include "codegen/cuda/dialect.h"
#include "core/compute_dtype.h"
#include "ir/host.h"
#include "lilith/transforms.h"
#include "support/gpu_plan.h"
#include "support/nvrtc.h"
#include "support/opencl_plans.h"

namespace lilith::testing {
namespace {

using Tensors = std::vector<Tensor>;

constexpr kir::RunOrder kBackwards{.blocks_backwards = true, .threads_backwards = true};

struct Case {
  const char* name;
  std::vector<Shape> shapes;
  std::function<Tensor(const Tensors&)> f;
};

Tensor conv_gradient(const Tensors& in, bool of_weight, std::int64_t stride) {
  const auto loss = [&](Tensor x, Tensor w) { return (conv2d(x, w, {}, stride, 1) * in[2]).sum(); };
  auto [value, g] = grad<0, 1>(loss, in[0], in[1]);
  return of_weight ? std::get<1>(g) : std::get<0>(g);
}

/// Linear in each of two operands.
const std::vector<Case> kProducts = {
    {"matmul", {{61, 67}, {67, 53}}, [](const Tensors& in) { return matmul(in[0], in[1]); }},
    {"even", {{64, 96}, {96, 64}}, [](const Tensors& in) { return matmul(in[0], in[1]); }},
    {"a and b transposed",
     {{72, 40}, {50, 72}},
     [](const Tensors& in) { return matmul(in[0].t(), in[1].t()); }},
    {"batches", {{3, 30, 48}, {3, 48, 40}}, [](const Tensors& in) { return matmul(in[0], in[1]); }},
    {"short sum", {{40, 5}, {5, 40}}, [](const Tensors& in) { return matmul(in[0], in[1]); }},
    {"long sum", {{20, 1200}, {1200, 17}}, [](const Tensors& in) { return matmul(in[0], in[1]); }},
    {"convolution",
     {{2, 5, 9, 9}, {20, 5, 3, 3}},
     [](const Tensors& in) { return conv2d(in[0], in[1], {}, 1, 1); }},
    {"strided convolution",
     {{2, 6, 11, 11}, {16, 6, 3, 3}},
     [](const Tensors& in) { return conv2d(in[0], in[1], {}, 2, 1); }},
    {"gradient of the image",
     {{2, 9, 9, 9}, {20, 9, 3, 3}, {2, 20, 9, 9}},
     [](const Tensors& in) { return conv_gradient(in, false, 1); }},
    {"gradient of the weight",
     {{2, 9, 9, 9}, {20, 9, 3, 3}, {2, 20, 9, 9}},
     [](const Tensors& in) { return conv_gradient(in, true, 1); }},
    {"gradient of the weight, strided",
     {{2, 9, 9, 9}, {20, 9, 3, 3}, {2, 20, 5, 5}},
     [](const Tensors& in) { return conv_gradient(in, true, 2); }},
};

Traced traced(const Case& c, DType dtype) {
  std::vector<Aval> avals;
  for (const Shape& s : c.shapes) avals.push_back({s, dtype});
  return lilith::testing::traced(avals, [&](const Tensors& in) { return Tensors{c.f(in)}; });
}

schedule::Target target(Precision precision) {
  schedule::Target t = gpu_target(true);
  t.precision = precision;
  return t;
}

bool has_mma(const schedule::Plan& plan) {
  return std::ranges::any_of(plan.launches, [](const schedule::LaunchPlan& l) {
    return l.how.find("warps, mma") != std::string::npos;
  });
}

/// Values for the inputs of a case, as this dtype rounds them.
std::vector<RefTensor> values(const Traced& t, const std::function<double()>& next) {
  std::vector<RefTensor> out;
  for (const Tensor& in : t.graph.inputs()) {
    out.emplace_back(in.aval());
    for (std::int64_t k = 0; k < in.numel(); ++k) out.back().set(k, next());
    const StoragePtr rounded = to_storage(out.back());
    for (std::int64_t k = 0; k < in.numel(); ++k)
      out.back().set(k, ir::read_f64(rounded->data(), in.dtype(), k));
  }
  return out;
}
RefTensor in_f64(const RefTensor& t, bool absolute) {
  RefTensor out({t.aval.shape, DType::F64});
  for (std::int64_t k = 0; k < t.aval.numel(); ++k)
    out.set(k, absolute ? std::fabs(t.get(k)) : t.get(k));
  return out;
}

/// What a plan makes of the case, next to f64; |got - want| is at most `bound` times what the
/// product of absolute values is, and `rounding` of its own value.
void check(const Case& c, DType dtype, Precision precision, const std::function<double()>& next,
           double bound, double rounding = 0) {
  SCOPED_TRACE(
      fmt::format("{} of {}, precision {}", c.name, name(dtype), static_cast<int>(precision)));
  const Traced t = traced(c, dtype), exact = traced(c, DType::F64);
  const std::vector<RefTensor> in = values(t, next);
  std::vector<RefTensor> wide, absolute;
  std::vector<StoragePtr> memory;
  for (const RefTensor& x : in) {
    wide.push_back(in_f64(x, false));
    absolute.push_back(in_f64(x, true));
    memory.push_back(to_storage(x));
  }
  const RefTensor want = ir::interpret(exact.graph, wide)[0],
                  size = ir::interpret(exact.graph, absolute)[0];
  const GpuPlan plan(run_passes(t.graph), target(precision));
  EXPECT_EQ(plan.of_a_cpu(), "");
  EXPECT_EQ(has_mma(plan.plan), is_half(dtype) || precision != Precision::highest)
      << plan.plan.str();
  const auto forwards = plan.interpret(memory), backwards = plan.interpret(memory, kBackwards);
  const Aval& aval = t.graph.outputs()[0].aval();
  ASSERT_EQ(std::memcmp(forwards[0]->data(), backwards[0]->data(), aval.bytes()), 0);
  for (std::int64_t k = 0; k < aval.numel(); ++k) {
    const double got = ir::read_f64(forwards[0]->data(), dtype, k);
    ASSERT_LE(std::fabs(got - want.get(k)), bound * size.get(k) + rounding * std::fabs(want.get(k)))
        << "element " << k << ": " << got << ", want " << want.get(k);
  }
}

// Small whole numbers are exact in every dtype, and so are their sums.
TEST(GpuMma, WholeNumbersAreExact) {
  std::mt19937 rng(1);
  const auto whole = [&] { return static_cast<double>(rng() % 7) - 3; };
  for (const Case& c : kProducts) {
    for (const Precision p : {Precision::highest, Precision::high, Precision::medium})
      check(c, DType::F32, p, whole, 0);
  }
}

TEST(GpuMma, ErrorsStayWithinWhatIsPromised) {
  std::mt19937 rng(2);
  std::normal_distribution<double> normal;
  const auto next = [&] { return normal(rng); };
  constexpr double kSums = 2e-6;  // of f32
  for (const Case& c : kProducts) {
    check(c, DType::F32, Precision::high, next, 1e-3);
    check(c, DType::F32, Precision::medium, next, 8e-3);
    check(c, DType::F16, Precision::highest, next, kSums, 0x1p-11);
    check(c, DType::BF16, Precision::highest, next, kSums, 0x1p-8);
  }
}

// An infinity and a NaN stay where they are, and reach what they are part of alone.
TEST(GpuMma, InfinitiesAndNans) {
  const Case c{
      "matmul", {{32, 16}, {16, 32}}, [](const Tensors& in) { return matmul(in[0], in[1]); }};
  for (const Precision p : {Precision::high, Precision::medium}) {
    const Traced t = traced(c, DType::F32);
    std::vector<RefTensor> in = values(t, [] { return 1.0; });
    in[0].set(3 * 16, HUGE_VAL);
    in[0].set(5 * 16, std::nan(""));
    const GpuPlan plan(run_passes(t.graph), target(p));
    ASSERT_TRUE(has_mma(plan.plan));
    const auto got = plan.interpret({to_storage(in[0]), to_storage(in[1])});
    for (std::int64_t k = 0; k < 32 * 32; ++k) {
      const double x = ir::read_f64(got[0]->data(), DType::F32, k);
      if (k / 32 == 3)
        EXPECT_EQ(x, HUGE_VAL);
      else if (k / 32 == 5)
        EXPECT_TRUE(std::isnan(x));
      else
        EXPECT_EQ(x, 16);
    }
  }
}

// A tile of 16x8 has nothing for a thread or two.
TEST(GpuMma, SmallProductsAreLeftToThreads) {
  const Case c{
      "matmul", {{3, 40}, {40, 2}}, [](const Tensors& in) { return matmul(in[0], in[1]); }};
  EXPECT_FALSE(has_mma(GpuPlan(run_passes(traced(c, DType::F32).graph), target({})).plan));
  const Case f64{
      "matmul", {{64, 64}, {64, 64}}, [](const Tensors& in) { return matmul(in[0], in[1]); }};
  EXPECT_FALSE(
      has_mma(GpuPlan(run_passes(traced(f64, DType::F64).graph), target(Precision::medium)).plan));
  EXPECT_FALSE(has_mma(GpuPlan(run_passes(traced(f64, DType::F32).graph), gpu_target()).plan))
      << "without tensor cores";
}

TEST(GpuMma, OpenClGivesTheInterpretersBits) {
  NEEDS_OPENCL;
  std::mt19937 rng(3);
  std::normal_distribution<double> normal;
  std::vector<PlanCase> all;
  const auto add = [&](std::size_t n, DType dtype, Precision p) {
    const Traced t = traced(kProducts[n], dtype);
    all.push_back({kProducts[n].name, GpuPlan(run_passes(t.graph), target(p)).plan,
                   values(t, [&] { return normal(rng); })});
  };
  add(0, DType::F32, Precision::high);
  add(2, DType::F32, Precision::medium);
  add(3, DType::F16, Precision::high);
  add(5, DType::F32, Precision::high);
  add(8, DType::BF16, Precision::high);
  add(10, DType::F32, Precision::high);
  check_plans(all);
}

/// A large GPU.
schedule::Target large(Precision precision) {
  schedule::Target t = target(precision);
  t.gpu = schedule::GpuTarget{.threads = 256, .shared_bytes = 48 << 10, .units = 132, .mma = true};
  return t;
}

// Tiles of 64 rows and more, a convolution and its gradients: nothing is spilled, and two blocks of
// 256 threads share a multiprocessor.
TEST(GpuMma, NvrtcHasRegistersForLargeTiles) {
  NEEDS_NVRTC;
  const std::vector<Case> cases = {
      {"matmul",
       {{2048, 512}, {512, 2048}},
       [](const Tensors& in) { return relu(matmul(in[0], in[1])); }},
      {"convolution",
       {{32, 32, 28, 28}, {64, 32, 3, 3}},
       [](const Tensors& in) { return relu(conv2d(in[0], in[1], {}, 1, 1)); }},
      {"gradient of the weight",
       {{32, 32, 28, 28}, {64, 32, 3, 3}, {32, 64, 28, 28}},
       [](const Tensors& in) { return conv_gradient(in, true, 1); }},
      {"gradient of the image",
       {{32, 32, 28, 28}, {64, 32, 3, 3}, {32, 64, 28, 28}},
       [](const Tensors& in) { return conv_gradient(in, false, 1); }},
  };
  std::vector<schedule::Plan> plans;
  for (const Case& c : cases) {
    for (const DType dtype : {DType::F32, DType::BF16})
      plans.push_back(GpuPlan(run_passes(traced(c, dtype).graph), large(Precision::high)).plan);
  }
  std::vector<const kir::Kernel*> kernels;
  for (const schedule::Plan& p : plans) {
    EXPECT_TRUE(has_mma(p)) << p.str();
    for (const schedule::LaunchPlan& l : p.launches) kernels.push_back(&l.kernel);
  }
  const std::string text = codegen::c::print(kernels, codegen::cuda::kDialect, {}).text;
  for (const int architecture : {80, 90, 100}) {
    const runtime::cuda::Compiled out = runtime::cuda::compile(text, architecture, true);
    EXPECT_GE(tensor_instructions(out.cubin), 8 * static_cast<int>(plans.size()));
    for (const runtime::cuda::FunctionUse& f : runtime::cuda::usage_of(out.log)) {
      EXPECT_EQ(f.spilled, 0) << f.name << " sm_" << architecture;
      EXPECT_LE(f.registers, 128) << f.name << " sm_" << architecture;
    }
  }
}

}  // namespace
}  // namespace lilith::testing
