#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "lilith/compile.h"
#include "lilith/transforms.h"
#include "ops/critical.h"
#include "support/project_root.h"

// Values and slopes where a function has to choose (at 0, at a bound, saturated, all masked) are
// PyTorch's: what is finite there is finite and the same here, to second order.
namespace lilith::testing {
namespace {

using nlohmann::json;
struct Operands {
  std::vector<Tensor> x;
};

double number(const json& v) {
  return v.is_string() ? std::stod(v.get<std::string>()) : v.get<double>();
}

Tensor operand(const json& values, const json& sizes, DType dtype) {
  std::vector<double> v;
  for (const json& each : values) v.push_back(number(each));
  return tensor(v).to(dtype).reshape(Shape(sizes.get<std::vector<std::int64_t>>()));
}

Tensor total(const std::vector<Tensor>& parts) {
  Tensor out;
  for (const Tensor& t : parts) {
    if (!t.defined()) continue;
    out = out.defined() ? out + t.sum() : t.sum();
  }
  return out;
}

struct Results {
  Tensor value;
  std::vector<Tensor> first, second;
};
Results results_of(const std::function<Tensor(const std::vector<Tensor>&)>& f,
                   const std::vector<Tensor>& x, bool second) {
  const GradOptions unused{.allow_unused = true};
  const auto value = [&](const Operands& o) { return f(o.x).sum(); };
  Results r{f(x), grad(unused, value, Operands{x}).second.x, {}};
  if (!second) return r;
  const auto slope = [&](const Operands& o) {
    const Tensor t = total(grad(unused, value, o).second.x);
    return t.defined() ? t : f(o.x).sum() * 0;
  };
  r.second = grad(unused, slope, Operands{x}).second.x;
  return r;
}

// PyTorch's slope may be infinite or NaN where ours is finite: that harms nobody.
bool agree(double got, double want, double tolerance, bool slope) {
  if (std::isnan(want)) return slope || std::isnan(got);
  if (std::isinf(want)) return slope || got == want;
  return std::fabs(got - want) <= tolerance * std::fmax(1, std::fabs(want));
}

void expect(const Tensor& got, const json& want, double tolerance, const char* what, bool slope,
            const json& row) {
  if (want.is_null()) return;
  const std::vector<double> g =
      got.defined() ? got.to(kFloat64).to_vector<double>() : std::vector<double>(want.size(), 0.0);
  ASSERT_EQ(g.size(), want.size()) << row["f"] << " " << what;
  const json& value = row["value"];
  for (std::size_t i = 0; i < g.size(); ++i) {
    // Where there is no value there is no slope.
    if (slope && value.size() == g.size() && std::isnan(number(value[i]))) continue;
    if (agree(g[i], number(want[i]), tolerance, slope)) continue;
    std::string at;
    for (const json& x : row["in"]) at += (x.size() == want.size() ? x[i].dump() : x.dump()) + " ";
    ADD_FAILURE() << row["f"].get<std::string>() << " " << row["dtype"].get<std::string>() << ", "
                  << what << " " << i << " at " << at << ": " << g[i] << ", PyTorch gives "
                  << want[i].dump();
  }
}

void check(const json& row) {
  const DType dtype = row["dtype"] == "f32" ? DType::F32 : DType::F64;
  const auto found = critical_functions().find(row["f"].get<std::string>());
  ASSERT_NE(found, critical_functions().end()) << row["f"];
  std::vector<Tensor> x;
  for (std::size_t i = 0; i < row["in"].size(); ++i)
    x.push_back(operand(row["in"][i], row["shape"][i], dtype));
  const Results r = results_of(found->second, x, row.contains("second"));
  const double tolerance = dtype == DType::F32 ? 5e-5 : 1e-8;
  expect(r.value, row["value"], tolerance, "value", false, row);
  for (std::size_t i = 0; row.contains("grad") && i < x.size(); ++i)
    expect(r.first[i], row["grad"][i], tolerance, "slope", true, row);
  for (std::size_t i = 0; row.contains("second") && i < x.size(); ++i)
    expect(r.second[i], row["second"][i], 10 * tolerance, "second slope", true, row);
}

class Critical : public ::testing::TestWithParam<std::string> {};

TEST_P(Critical, AsPyTorch) {
  std::ifstream file(std::string(project_root()) + "/tests/ops/critical.jsonl");
  int rows = 0;
  for (std::string line; std::getline(file, line);) {
    const json row = json::parse(line);
    if (row["f"] == GetParam()) check(row), ++rows;
  }
  EXPECT_GT(rows, 0) << "no case of " << GetParam() << " in critical.jsonl";
}
INSTANTIATE_TEST_SUITE_P(Points, Critical, ::testing::ValuesIn([] {
                           std::vector<std::string> names;
                           for (const auto& [name, f] : critical_functions()) names.push_back(name);
                           return names;
                         }()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace lilith::testing
