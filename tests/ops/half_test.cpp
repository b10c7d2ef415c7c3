#include <gtest/gtest.h>

#include <cmath>

#include "ir/host.h"
#include "ir/node.h"
#include "lilith/compile.h"
#include "lilith/graph_names.h"
#include "lilith/transforms.h"
#include "ops/check.h"
#include "support/to_storage.h"
#include "transforms/vjp.h"

// Every row of the table in half precision. What is one op is computed in f32 and rounded once: it
// lies within one unit in the last place of what f64 gives for the same numbers.
namespace lilith::testing {
namespace {

// The distance of neighbours at v; that of the least normal below it.
double unit_at(double v, DType d) {
  const int digits = d == kFloat16 ? 11 : 8, lowest = d == kFloat16 ? -13 : -125;
  int exponent = 0;
  std::frexp(v, &exponent);
  return std::ldexp(1, std::max(exponent, lowest) - digits);
}

// Units that are allowed: more for a row that is several ops to its user.
double allowed(const std::string& op) { return op == "polygamma" ? 2 : 1; }

Tensor leaf(const RefTensor& t, DType dtype) {
  return ir::make_data({.shape = t.aval.shape, .dtype = dtype}, to_storage(t, dtype));
}

class HalfRow : public ::testing::TestWithParam<std::tuple<std::size_t, DType>> {
 protected:
  const Case& row() const { return cases()[std::get<0>(GetParam())]; }
  DType half_type() const { return std::get<1>(GetParam()); }
  // The row's operands as halves hold them.
  std::vector<RefTensor> operands() const {
    std::vector<RefTensor> x = draw(row(), 11);
    for (RefTensor& t : x)
      for (double& v : t.f) v = ir::round_to(v, half_type());
    return x;
  }
  void expect_close(const Tensor& got, const std::vector<double>& want, double most,
                    const char* what) const {
    const RefTensor values = ir::to_reference(got);
    ASSERT_EQ(static_cast<std::size_t>(values.aval.numel()), want.size());
    double scale = 0;
    for (double w : want)
      if (std::isfinite(w)) scale = std::fmax(scale, std::fabs(w));
    for (std::size_t k = 0; k < want.size(); ++k) {
      const double w = want[k], v = values.get(static_cast<std::int64_t>(k));
      if (std::isnan(w) ? std::isnan(v) : v == ir::round_to(w, got.dtype())) continue;
      EXPECT_LE(std::fabs(v - w), most * unit_at(w, got.dtype()))
          << what << ", element " << k << ": " << v << " for " << w;
    }
  }
};

TEST_P(HalfRow, IsRoundedOnce) {
  const std::vector<RefTensor> x = operands();
  std::vector<Tensor> halves, wide;
  for (const RefTensor& t : x) {
    halves.push_back(leaf(t, t.floating() ? half_type() : t.aval.dtype));
    wide.push_back(leaf(t, t.aval.dtype));
  }
  const Tensor got = row().build(halves), truth = row().build(wide);
  if (got.dtype() != half_type()) return;
  expect_close(got, ir::interpret(Graph({}, {truth}), {})[0].f, allowed(row().op), "value");
}

TEST_P(HalfRow, IsTheSameStoredAndFused) {
  std::vector<Tensor> halves;
  for (const RefTensor& t : operands())
    halves.push_back(leaf(t, t.floating() ? half_type() : t.aval.dtype));
  const auto question = [](const Tensor& y) { return y.to(kFloat64) * 3; };
  const Tensor y = row().build(halves);
  if (!is_floating(y.dtype())) return;
  const auto first = question(row().build(halves)).to_vector<double>();
  eval(y);
  const auto then = question(y).to_vector<double>();
  for (std::size_t k = 0; k < first.size(); ++k) {
    const bool both_nan = std::isnan(first[k]) && std::isnan(then[k]);
    EXPECT_TRUE(both_nan || first[k] == then[k]) << k << ": " << first[k] << ", " << then[k];
  }
}

std::string half_row_name(const ::testing::TestParamInfo<std::tuple<std::size_t, DType>>& info) {
  const auto [row, dtype] = info.param;
  std::string out = cases()[row].op + "_" + std::to_string(row) + "_" + std::string(name(dtype));
  for (char& c : out) {
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  }
  return out;
}
INSTANTIATE_TEST_SUITE_P(Ops, HalfRow,
                         ::testing::Combine(::testing::Range<std::size_t>(0, cases().size()),
                                            ::testing::Values(kFloat16, kBFloat16)),
                         half_row_name);

}  // namespace
}  // namespace lilith::testing
