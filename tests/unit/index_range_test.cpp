// Which indices need no check when a program runs.
#include "schedule/rewrite/index_range.h"

#include <gtest/gtest.h>

#include "ir/node.h"
#include "lilith/compile.h"
#include "lilith/graph_names.h"
#include "lilith/ops.h"
#include "lilith/transforms.h"
#include "passes/pipeline.h"
#include "schedule/rewrite/prepare.h"

namespace lilith::schedule {
namespace {

Tensor i64(const Shape& s) { return zeros(s, {.dtype = kInt64}) + 0; }

// The range of f(x: f32[4,6], i: i64[4]).
template <class F>
std::optional<IndexRange> range_of(F f) {
  const Graph g = trace([&](const Tensor& x, const Tensor& i) { return f(x, i); },
                        Tensor(zeros({4, 6}) + 0), i64({4}));
  const ir::Numbered numbered(g);
  return index_ranges(numbered)[numbered.outputs()[0]];
}

void expect(const std::optional<IndexRange>& got, std::int64_t least, std::int64_t most) {
  ASSERT_TRUE(got.has_value());
  EXPECT_EQ(got->least, least);
  EXPECT_EQ(got->most, most);
}

TEST(IndexRange, OfWhatIsCounted) {
  using T = const Tensor&;
  expect(range_of([](T x, T) { return argmax(x, 1); }), 0, 5);
  expect(range_of([](T, T) { return arange(7); }), 0, 6);
  expect(range_of([](T x, T) { return argmax(x, 1) * -3 + 2; }), -13, 2);
  expect(range_of([](T x, T) { return 1 - argmax(x, 0).slice(0, 1, 3); }), -2, 1);
  expect(range_of([](T x, T) { return (x > 0).to(kInt64); }), 0, 1);
  expect(range_of([](T x, T) { return x.to(kUInt8).to(kInt64) + 1; }), 1, 256);
  expect(range_of([](T, T i) { return minimum(maximum(i.to(kInt32), -5), 9).to(kInt64); }), -5, 9);
  expect(range_of([](T, T i) { return bitwise_and(i, 15); }), 0, 15);
  expect(range_of([](T x, T) { return where(x > 0, 3, 8); }), 3, 8);
}

TEST(IndexRange, NothingOfInputsNorOfWhatOverflows) {
  using T = const Tensor&;
  EXPECT_FALSE(range_of([](T, T i) { return i + 1; }));
  EXPECT_FALSE(range_of([](T x, T) { return argmax(x, 1) * (std::int64_t{1} << 62); }));
  EXPECT_FALSE(range_of([](T x, T) { return x.to(kInt64); }));
}

// Of labels of which some say that their row counts for nothing.
TEST(IndexRange, OfWhatIsKnownOfInputs) {
  const Graph g = trace([](const Tensor& i) { return where(eq(i, -100), 0, i); }, i64({4}));
  const ir::Numbered numbered(g);
  const std::optional<IndexRange> inside[] = {IndexRange{0, 9}}, ignored[] = {IndexRange{-100, 9}};
  expect(index_ranges(numbered, inside)[numbered.outputs()[0]], 0, 9);
  expect(index_ranges(numbered, ignored)[numbered.outputs()[0]], -100, 9);
}

std::size_t checks(const Graph& g) {
  const IndexChecks made = prepare(run_passes(g));
  return made.early.size() + made.checks.size();
}

TEST(IndexRange, AnIndexThatIsInsideIsNotChecked) {
  const Tensor x = zeros({4, 6}) + 0;
  EXPECT_EQ(checks(trace([](const Tensor& x) { return index_select(x, 0, argmax(x, 0) - 1); }, x)),
            1u);
  EXPECT_EQ(checks(trace([](const Tensor& x) { return index_select(x, 1, argmax(x, 1)); }, x)), 0u);
}

}  // namespace
}  // namespace lilith::schedule
