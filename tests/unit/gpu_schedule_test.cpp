#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <optional>
#include <random>

#include "ir/host.h"
#include "lilith/ops.h"
#include "passes/pipeline.h"
#include "program_check.h"
#include "support/gpu_plan.h"
#include "support/random_graph.h"
#include "support/to_storage.h"

// Kernels for a GPU, by the interpreter of kernel IR: threads and blocks forwards and backwards.
namespace lilith::testing {
namespace {

constexpr kir::RunOrder kBackwards{.blocks_backwards = true, .threads_backwards = true};

bool exact(const RefTensor& want) {
  for (std::int64_t k = 0; k < want.aval.numel(); ++k)
    if (!(std::fabs(want.get(k)) < 0x1p50)) return false;
  return true;
}

class RandomGpuPlans : public ::testing::TestWithParam<int> {};

// Whole numbers in f64: results do not depend on the order of sums.
TEST_P(RandomGpuPlans, ComputeWhatTheInterpreterOfGraphsDoes) {
  for (int i = 0; i < 50; ++i) {
    const auto seed = static_cast<std::uint64_t>(GetParam()) * 1000 + static_cast<std::uint64_t>(i);
    RandomGraph random(seed);
    const Graph g = random.make(15);
    const std::vector<RefTensor> inputs = random.values(g);
    const auto want = ir::interpret(g, inputs);
    std::vector<StoragePtr> in;
    for (const RefTensor& t : inputs) in.push_back(to_storage(t));
    const Graph optimised = run_passes(g);
    const GpuPlan plan(optimised);
    EXPECT_EQ(plan.of_a_cpu(), "") << optimised.str();
    const auto forwards = plan.interpret(in), backwards = plan.interpret(in, kBackwards);
    for (std::size_t o = 0; o < want.size(); ++o) {
      const Aval& aval = want[o].aval;
      const std::string where = fmt::format("seed {} output {}\n{}", seed, o, optimised.str());
      ASSERT_EQ(std::memcmp(forwards[o]->data(), backwards[o]->data(), aval.bytes()), 0) << where;
      if (!exact(want[o])) continue;
      for (std::int64_t k = 0; k < aval.numel(); ++k)
        ASSERT_EQ(ir::read_f64(forwards[o]->data(), aval.dtype, k), want[o].get(k))
            << where << " element " << k;
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Plans, RandomGpuPlans, ::testing::Range(0, 20));

Tensor parameter(std::int64_t index, const Shape& shape, DType dtype) {
  return ir::make_parameter({.shape = shape, .dtype = dtype}, index, "");
}

/// Whole numbers; those of -3 and 3 stand for more where `special`: infinities and NaN.
RefTensor numbers(const Aval& aval, std::mt19937& rng, bool special = false) {
  RefTensor t(aval);
  for (std::int64_t k = 0; k < aval.numel(); ++k) {
    t.set(k, std::uniform_int_distribution<int>(-3, 3)(rng));
    const bool some = special && t.floating() && std::fabs(t.get(k)) == 3;
    if (some && rng() % 5 == 0) t.set(k, t.get(k) * HUGE_VAL);
    if (some && rng() % 300 == 0) t.set(k, std::nan(""));
  }
  return t;
}

/// Every kernel is one of blocks, one of them is made in this way, and the results are those of the
/// interpreter of graphs.
void expect_same(const Graph& asked, const std::vector<RefTensor>& inputs, const char* how) {
  const auto want = ir::interpret(asked, inputs);
  std::vector<StoragePtr> in;
  for (const RefTensor& t : inputs) in.push_back(to_storage(t));
  const Graph optimised = run_passes(asked);
  const GpuPlan plan(optimised);
  bool found = false;
  for (const schedule::LaunchPlan& l : plan.plan.launches) found |= l.how.starts_with(how);
  EXPECT_EQ(plan.of_a_cpu(), "");
  EXPECT_TRUE(found) << plan.plan.str();
  for (const kir::RunOrder order : {kir::RunOrder{}, kBackwards}) {
    const auto got = plan.interpret(in, order);
    for (std::size_t o = 0; o < want.size(); ++o)
      for (std::int64_t k = 0; k < want[o].aval.numel(); ++k)
        ASSERT_EQ(ir::read_f64(got[o]->data(), want[o].aval.dtype, k), want[o].get(k))
            << optimised.str() << " element " << k;
  }
}

TEST(GpuSchedule, FindsTheFirstBestElement) {
  const std::vector<std::pair<Shape, std::int64_t>> cases = {
      {{1}, 0},         {{5}, 0},       {{63}, 0},      {{3, 7}, 1},      {{3, 7}, 0},
      {{100, 40}, 1},   {{60, 5}, 0},   {{40, 100}, 0}, {{300, 3}, 1},    {{3, 300}, 0},
      {{4, 50, 33}, 1}, {{9, 1, 5}, 1}, {{6, 7, 8}, 0}, {{100, 1100}, 0},
  };
  std::mt19937 rng(3);
  for (const DType dtype : {DType::F32, DType::F64, DType::F16, DType::BF16, DType::I32, DType::I64,
                            DType::U8, DType::Bool})
    for (const auto& [shape, axis] : cases)
      for (const char* op : {"argmax", "argmin"}) {
        const Tensor x = parameter(0, shape, dtype);
        const Tensor y = apply(op, {x}, {{"axes", std::vector<std::int64_t>{axis}}});
        SCOPED_TRACE(fmt::format("{} of {} along {}", op, x.aval().str(), axis));
        expect_same(Graph({x}, {y}), {numbers(x.aval(), rng, true)}, "index of the best");
      }
}

// These are two reductions (schedule/rewrite/long_argmax.cpp).
TEST(GpuSchedule, FindsTheFirstBestElementOfALongRow) {
  std::mt19937 rng(6);
  for (const auto& [shape, axis] : std::vector<std::pair<Shape, std::int64_t>>{
           {{2, 3000}, 1}, {{3000, 2}, 0}, {{110, 70}, 0}, {{5, 64}, 1}}) {
    const Tensor x = parameter(0, shape, DType::F32);
    const Tensor y = apply("argmax", {x}, {{"axes", std::vector<std::int64_t>{axis}}});
    SCOPED_TRACE(fmt::format("{} along {}", x.aval().str(), axis));
    const Graph g({x}, {y});
    const GpuPlan planned(run_passes(g));
    for (const schedule::LaunchPlan& l : planned.plan.launches)
      EXPECT_FALSE(l.how.starts_with("index of the best")) << planned.plan.str();
    expect_same(g, {numbers(x.aval(), rng, true)}, "");
  }
}

TEST(GpuSchedule, FindsTheFirstOfWorstElements) {
  for (const double value : {-HUGE_VAL, HUGE_VAL, std::nan("")})
    for (const std::int64_t axis : {0, 1})
      for (const char* op : {"argmax", "argmin"}) {
        const Tensor x = parameter(0, {40, 50}, DType::F32);
        const Tensor y = apply(op, {x}, {{"axes", std::vector<std::int64_t>{axis}}});
        RefTensor in(x.aval());
        for (std::int64_t k = 0; k < x.numel(); ++k) in.set(k, value);
        SCOPED_TRACE(fmt::format("{} of {} along {}", op, value, axis));
        expect_same(Graph({x}, {y}), {in}, "index of the best");
      }
}

// What stores and loads walk in different directions passes through shared memory, alone or beside
// loads that follow the stores, in blocks that are not full, of every width.
TEST(GpuSchedule, TransposesThroughTiles) {
  struct Case {
    Shape shape;
    std::vector<std::int64_t> perm;
  };
  const std::vector<Case> cases = {
      {{64, 96}, {1, 0}},
      {{50, 70}, {1, 0}},
      {{20, 200}, {1, 0}},
      {{3, 40, 64}, {0, 2, 1}},
      {{40, 3, 64}, {2, 1, 0}},
      {{5, 33, 2, 64}, {0, 3, 2, 1}},
      {{2, 32, 10, 10}, {0, 2, 3, 1}},
  };
  std::mt19937 rng(7);
  for (const DType dtype : {DType::F32, DType::F64, DType::BF16, DType::I64, DType::Bool})
    for (const Case& c : cases) {
      const Tensor x = parameter(0, c.shape, dtype);
      const Tensor turned = apply("transpose", {x}, {{"perm", c.perm}});
      const Tensor y = parameter(1, turned.shape(), dtype);
      const Tensor sum = dtype == DType::Bool ? apply("and", {turned, y}) : turned + y * y;
      SCOPED_TRACE(fmt::format("{} by {}", x.aval().str(), fmt::join(c.perm, ",")));
      const char* how = "transposed through tiles of 32";
      expect_same(Graph({x}, {turned}), {numbers(x.aval(), rng)}, how);
      expect_same(Graph({x, y}, {sum}), {numbers(x.aval(), rng), numbers(y.aval(), rng)},
                  size_of(dtype) <= 4 ? how : "");
    }
  const Tensor square = parameter(0, {40, 40}, DType::F32);
  const Tensor turned = apply("transpose", {square}, {{"perm", std::vector<std::int64_t>{1, 0}}});
  expect_same(Graph({square}, {square - turned}), {numbers(square.aval(), rng)}, "transposed");
}

TEST(GpuSchedule, NarrowTransposesAreLoops) {
  const Tensor x = parameter(0, {4, 300}, DType::F32);
  const Tensor turned = apply("transpose", {x}, {{"perm", std::vector<std::int64_t>{1, 0}}});
  std::mt19937 rng(8);
  expect_same(Graph({x}, {turned}), {numbers(x.aval(), rng)}, "pointwise");
}

// What follows a sum over the first dimensions has a column's shape, or is no part of its chain.
TEST(GpuSchedule, AColumnsSumMayBeReadInAnotherShape) {
  const Tensor x = parameter(0, {6, 5, 4}, DType::F32);
  const Tensor norms = sqrt(sum(x * x, {0, 1}));
  const Tensor factors = where(norms > 2, 2 / norms, ones_like(norms));
  const Tensor spread = reshape(factors, {1, 1, 4});
  std::mt19937 rng(9);
  const Graph g({x}, {x * spread, spread * 3});
  const RefTensor values = numbers(x.aval(), rng);
  const auto want = ir::interpret(g, {values});
  const auto got = GpuPlan(run_passes(g)).interpret({to_storage(values)});
  for (std::size_t o = 0; o < want.size(); ++o)
    for (std::int64_t k = 0; k < want[o].aval.numel(); ++k)
      EXPECT_NEAR(ir::read_f64(got[o]->data(), DType::F32, k), want[o].get(k), 1e-5);
}

// So many values would not fit into registers as vectors of four.
TEST(GpuSchedule, ManyOperandsMakeNarrowThreads) {
  const auto how = [](int n) {
    std::vector<Tensor> parts;
    for (int i = 0; i < n; ++i) parts.push_back(parameter(i, {8, 40}, DType::F32));
    const Graph g(parts, {apply("concat", parts, {{"dim", std::int64_t{0}}})});
    return GpuPlan(run_passes(g)).plan.launches.at(0).how;
  };
  EXPECT_NE(how(5).find("4 a thread"), std::string::npos) << how(5);
  EXPECT_NE(how(20).find("2 a thread"), std::string::npos) << how(20);
  EXPECT_EQ(how(40).find("a thread"), std::string::npos) << how(40);
}

struct ScatterCase {
  Shape base;
  std::int64_t axis, steps;
  bool is_list;  // the index is the same for all other dimensions
};

struct ScatterGraph {
  ScatterGraph(const ScatterCase& c, DType dtype) {
    Shape shape = c.base, list(std::vector<std::int64_t>(c.base.rank(), 1));
    shape[static_cast<int>(c.axis)] = list[static_cast<int>(c.axis)] = c.steps;
    const Tensor base = parameter(0, c.base, dtype), src = parameter(2, shape, dtype);
    const Tensor index = parameter(1, c.is_list ? list : shape, DType::I64);
    const Tensor to = c.is_list ? expand(index, shape.vec()) : index;
    graph.emplace(std::vector<Tensor>{base, index, src},
                  std::vector<Tensor>{apply("scatter_add", {base, to, src}, {{"axis", c.axis}})});
  }
  std::optional<Graph> graph;
};

const std::vector<ScatterCase> kScatters = {
    {{10}, 0, 3, true},        {{1}, 0, 40, true},         {{10}, 0, 100, true},
    {{50, 8}, 0, 200, true},   {{300, 5}, 0, 64, true},    {{8, 50}, 1, 70, true},
    {{3, 20, 7}, 1, 33, true}, {{2, 3, 1}, 1, 130, true},  {{50, 8}, 0, 20, false},
    {{8, 50}, 1, 70, false},   {{3, 20, 7}, 1, 40, false}, {{30, 40}, 1, 1, false},
    {{1000, 2}, 0, 500, true},
};

TEST(GpuSchedule, AddsWhereAnIndexSays) {
  std::mt19937 rng(4);
  for (const DType dtype : {DType::F64, DType::F32, DType::F16, DType::I32, DType::U8})
    for (const ScatterCase& c : kScatters) {
      const Graph g = *ScatterGraph(c, dtype).graph;
      std::vector<RefTensor> in;
      for (const Tensor& t : g.inputs()) in.push_back(numbers(t.aval(), rng));
      const std::int64_t rows = c.base[static_cast<int>(c.axis)];
      for (std::int64_t k = 0; k < in[1].aval.numel(); ++k)
        in[1].set_int(k, static_cast<std::int64_t>(rng() % static_cast<std::uint64_t>(rows)));
      SCOPED_TRACE(g.str());
      expect_same(g, in, c.is_list && c.steps >= 32 ? "owners scan a list" : "owners scan the");
    }
}

// Sums that depend on their order are those of a CPU.
TEST(GpuSchedule, AddsInTheOrderOfACpu) {
  std::mt19937 rng(5);
  for (const DType dtype : {DType::F32, DType::F16, DType::BF16})
    for (const ScatterCase& c : kScatters) {
      const Graph g = run_passes(*ScatterGraph(c, dtype).graph);
      const std::int64_t rows = c.base[static_cast<int>(c.axis)];
      std::vector<StoragePtr> in, want(1);
      for (const Tensor& t : g.inputs()) {
        RefTensor values = numbers(t.aval(), rng);
        for (std::int64_t k = 0; k < t.numel(); ++k) {
          if (values.floating())
            values.set(k, std::uniform_real_distribution<double>(-9, 9)(rng));
          else
            values.set_int(
                k, static_cast<std::int64_t>(
                       rng() % static_cast<std::uint64_t>(std::min<std::int64_t>(4, rows))));
        }
        in.push_back(to_storage(values));
      }
      make_compiled_program(g, {.donatable = {}})->run(in, {}, want);
      const auto got = GpuPlan(g).interpret(in, kBackwards);
      EXPECT_EQ(std::memcmp(got[0]->data(), want[0]->data(), g.outputs()[0].aval().bytes()), 0)
          << g.str();
    }
}

// Where every element would go over a long index, a CPU's kernel is left.
TEST(GpuSchedule, DoesNotScanWhatIsTooLong) {
  const auto scans = [](const ScatterCase& c) {
    const GpuPlan plan(run_passes(*ScatterGraph(c, DType::F32).graph));
    return plan.plan.launches.back().kernel.threads > 0;
  };
  EXPECT_TRUE(scans({{1 << 20}, 0, 1 << 14, true}));
  EXPECT_FALSE(scans({{1 << 20}, 0, 1 << 15, true}));
  EXPECT_TRUE(scans({{1 << 10, 16}, 0, 1 << 14, false}));
  EXPECT_FALSE(scans({{1 << 10, 16}, 0, 1 << 15, false}));
}

}  // namespace
}  // namespace lilith::testing
