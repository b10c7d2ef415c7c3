#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "ir/node.h"
#include "lilith/graph_names.h"
#include "ops/check.h"
#include "transforms/vjp.h"

// What every row of the table promises.
namespace lilith::testing {
namespace {

constexpr std::uint64_t kSeeds[] = {1, 2, 3};

class Row : public ::testing::TestWithParam<std::size_t> {
 protected:
  const Case& row() const { return cases()[GetParam()]; }
};

// Another layout of the same row: every operand with this shape, read through `view`.
void check_values(const Case& c, const Shape& shape, Tensor (*view)(const Tensor&),
                  const char* what) {
  Case other = c;
  for (Operand& o : other.in) o.shape = shape;
  const std::vector<RefTensor> x = draw(other, 5);
  const std::vector<Tensor> params = parameters(x);
  std::vector<Tensor> seen;
  for (const Tensor& p : params) seen.push_back(view(p));
  std::vector<Tensor> outputs{c.build(seen)};
  outputs.insert(outputs.end(), seen.begin(), seen.end());
  const std::vector<RefTensor> values = ir::interpret(Graph(params, outputs), x);
  std::vector<double> element(x.size());
  for (std::int64_t k = 0; k < values[0].aval.numel(); ++k) {
    for (std::size_t i = 0; i < x.size(); ++i) element[i] = values[i + 1].get(k);
    const double expected = c.value(element.data());
    ASSERT_NEAR(values[0].get(k), expected, 1e-9 * std::fmax(1, std::fabs(expected)))
        << what << ", element " << k;
  }
}

TEST_P(Row, ValuesAgreeWithTheStandardLibrary) {
  if (!row().value) return;  // the parity tests check the values of the others
  const auto same = [](const Tensor& x) { return x; };
  check_values(row(), {3, 4}, same, "[3,4]");
  check_values(row(), {}, same, "0-d");
  check_values(row(), {1}, same, "[1]");
  check_values(row(), {0, 3}, same, "empty");
  check_values(row(), {4, 3}, [](const Tensor& x) { return transpose(x, 0, 1); }, "transposed");
  check_values(
      row(), {7, 5}, [](const Tensor& x) { return slice(slice(x, 0, 1, 6, 2), 1, 2); }, "sliced");
  check_values(row(), {3, 1}, [](const Tensor& x) { return expand(x, {2, 3, 4}); }, "broadcast");
}

TEST_P(Row, GradientAgreesWithDifferences) {
  for (std::uint64_t seed : kSeeds) EXPECT_EQ(check_gradient(row(), seed), "") << "seed " << seed;
}

TEST_P(Row, GradientAtKinks) {
  for (const Kink& kink : row().kinks) {
    std::vector<RefTensor> x;
    for (double v : kink.at) {
      x.emplace_back(Aval{.shape = {}, .dtype = DType::F64});
      x.back().f[0] = v;
    }
    const std::vector<Tensor> params = parameters(x);
    const Tensor y = row().build(params);
    const auto slopes =
        ir::interpret(Graph(params, backpropagate({y}, {ones_like(y)}, params, "kink")), x);
    for (std::size_t i = 0; i < slopes.size(); ++i)
      EXPECT_DOUBLE_EQ(slopes[i].f[0], kink.slope[i]) << "operand " << i;
  }
}

TEST_P(Row, PrintsAndParses) {
  const std::vector<Tensor> params = parameters(draw(row(), 1));
  const Graph g(params, {row().build(params)});
  g.verify();
  EXPECT_EQ(parse_graph(g.str(false)).str(false), g.str(false));
}

std::string row_name(const ::testing::TestParamInfo<std::size_t>& info) {
  std::string out = cases()[info.param].op + "_" + std::to_string(info.param);
  for (char& c : out) {
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  }
  return out;
}
INSTANTIATE_TEST_SUITE_P(Ops, Row, ::testing::Range<std::size_t>(0, cases().size()), row_name);

// Ops of the graph's own machinery, which are not functions on tensors.
bool is_machinery(const OpDef& op) {
  const bool of_loops = op.cls == OpClass::Loop || op.cls == OpClass::Get;  // unit/loops_test.cpp
  return op.cls == OpClass::Leaf || op.cls == OpClass::Marker || of_loops || !op.reference;
}

TEST(OpTable, EveryOpHasARow) {
  std::set<std::string> rows;
  for (const Case& c : cases()) rows.insert(c.op);
  for (const OpDef* op : all_ops()) {
    if (is_machinery(*op)) continue;
    EXPECT_TRUE(rows.count(op->name)) << op->name << " has no row in tests/ops";
  }
}

}  // namespace
}  // namespace lilith::testing
