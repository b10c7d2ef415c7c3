#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "spelling.h"
#include "support/project_root.h"

// Each row of the tables against what PyTorch 2.15 gave for its line (expected.jsonl). With
// LILITH_SPELLINGS=FILE the lines of PyTorch are written there, for expected.py.
namespace lilith::spellings {

Values values() {
  const auto grid = [](const Shape& shape, double by, double from) {
    const auto n = shape.numel();
    return ((arange(n, {.dtype = kFloat64}) * 7 + 3) % 11 * by + from).to(kFloat).view(shape);
  };
  Values v;
  v.x = grid({2, 3}, 0.375, -1.625);
  v.y = grid({2, 3}, 0.25, 0.5);
  v.p = grid({2, 3}, 0.0625, 0.125);
  v.v = grid({3}, 0.5, -2.25);
  v.m = grid({3, 3}, 0.25, -1);
  v.s = tensor(1.5f);
  v.img = grid({1, 2, 4, 4}, 0.25, -1.125);
  v.kernel = grid({3, 2, 3, 3}, 0.125, -0.5);
  v.seq = grid({4, 2, 3}, 0.25, -1);
  v.mask = v.x > 0.25;
  v.n = tensor({{0, 2, 1}, {1, 0, 2}});
  v.index = tensor({2, 0});
  return v;
}

void add(Outputs& out, const Tensor& t) {
  const Tensor wide = t.to(kFloat64);
  out.all.push_back({std::string(name(t.dtype())), t.shape().vec(), wide.to_vector<double>()});
  out.tensors.push_back(t);
}
void add(Outputs& out, double number) { out.all.push_back({"", {}, {number}}); }
void add(Outputs& out, const Shape& shape) {
  for (const auto n : shape) add(out, static_cast<double>(n));
}

namespace {

std::vector<Row> all_rows() {
  std::vector<Row> out;
  for (const auto& family :
       {tensor_rows(), in_place_rows(), function_rows(), sorting_rows(), creation_rows(),
        functional_rows(), layer_rows(), training_rows(), keyword_rows(), keyword_function_rows(),
        keyword_layer_rows(), distribution_rows()})
    out.insert(out.end(), family.begin(), family.end());
  return out;
}

using Json = nlohmann::json;

std::string squeezed(const std::string& text) {
  std::string out;
  for (const char c : text)
    if (!std::isspace(static_cast<unsigned char>(c))) out += c;
  return out;
}

double number(const Json& j) {
  if (!j.is_string()) return j.get<double>();
  const auto text = j.get<std::string>();
  return text == "nan" ? NAN : text == "inf" ? INFINITY : -INFINITY;
}

void expect_close(const std::vector<double>& got, const Json& wanted, double tolerance,
                  const std::string& what) {
  ASSERT_EQ(got.size(), wanted.size()) << what;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double want = number(wanted[i]);
    if (std::isnan(want))
      EXPECT_TRUE(std::isnan(got[i])) << what << " element " << i << " is " << got[i];
    else if (std::isinf(want))
      EXPECT_EQ(got[i], want) << what << " element " << i;
    else
      EXPECT_NEAR(got[i], want, tolerance * std::max(1.0, std::abs(want)))
          << what << " element " << i;
  }
}

// The sum of the differentiable outputs, each element with a weight of its own.
Tensor weighted_sum(const std::vector<Tensor>& outputs) {
  Tensor total = tensor(0.f);
  for (const Tensor& t : outputs) {
    if (!is_floating(t.dtype())) continue;
    const Tensor weights = arange(t.numel(), {.dtype = kFloat}) % 7 * 0.25 - 0.6;
    total = total + (t.to(kFloat).reshape(-1) * weights).sum();
  }
  return total;
}

void check(const Row& row, const Json& wanted) {
  SCOPED_TRACE(std::string(row.torch) + "  ->  " + row.lilith);
  Values of = values();
  const Outputs out = row.run(of);
  const Json& all = wanted["out"];
  ASSERT_EQ(out.all.size(), all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Output& got = out.all[i];
    EXPECT_EQ(got.dtype, all[i]["dtype"].get<std::string>());
    EXPECT_EQ(got.shape, all[i]["shape"].get<std::vector<std::int64_t>>());
    const bool half = got.dtype == "f16" || got.dtype == "bf16";
    expect_close(got.values, all[i]["values"], half ? 1e-2 : 2e-5, "value");
  }
  if (!wanted.contains("grad")) return;
  const auto [sum, gradient] = grad(
      {.allow_unused = true},
      [&](Tensor x) {
        Values at = values();
        at.x = x;
        return weighted_sum(row.run(at).tensors);
      },
      values().x);
  if (!gradient.defined()) {  // no path from x, where PyTorch may give zeros
    for (const Json& g : wanted["grad"]) EXPECT_EQ(number(g), 0);
    return;
  }
  expect_close(gradient.to(kFloat64).to_vector<double>(), wanted["grad"], 1e-4, "gradient");
}

TEST(Spellings, GiveWhatPyTorchGives) {
  const std::vector<Row> rows = all_rows();
  if (const char* list = std::getenv("LILITH_SPELLINGS")) {
    std::ofstream file(list);
    for (const Row& row : rows) file << Json(row.torch).dump() << "\n";
    GTEST_SKIP() << "wrote the lines to " << list;
  }
  std::map<std::string, Json> expected;
  std::ifstream file(testing::project_root() + std::string("/tests/spellings/expected.jsonl"));
  for (std::string line; std::getline(file, line);) {
    Json row = Json::parse(line);
    expected.emplace(squeezed(row["torch"].get<std::string>()), std::move(row));
  }
  for (const Row& row : rows) {
    const auto at = expected.find(squeezed(row.torch));
    ASSERT_NE(at, expected.end()) << "no result of '" << row.torch << "': run expected.py";
    check(row, at->second);
  }
}

std::string between(const std::string& text, const std::string& before, const std::string& after) {
  const std::size_t from = text.find(before), to = text.rfind(after);
  if (from == std::string::npos || to == std::string::npos || from + before.size() > to) return {};
  return text.substr(from + before.size(), to - from - before.size());
}

// A row's two lines as the page shows them: without what runs a schedule, an optimiser or an
// initialiser.
std::pair<std::string, std::string> bare(const Row& row) {
  const std::string torch = row.torch, lilith = row.lilith;
  if (torch.starts_with("rates("))
    return {between(torch, "lambda opt: ", ")"), between(lilith, "return ", "; }")};
  if (torch.starts_with("after_steps("))
    return {between(torch, "lambda p: ", ", x)"), between(lilith, "after_steps(", ", x)")};
  if (torch.starts_with("set_by(lambda t: "))
    return {between(torch, "lambda t: ", ", "), between(lilith, "{ ", "; }")};
  return {torch, lilith};
}

// The code between back quotes in a cell of a table.
std::vector<std::string> code_in(const std::string& cell) {
  std::vector<std::string> out;
  for (std::size_t at = 0; (at = cell.find('`', at)) != std::string::npos;) {
    const std::size_t end = cell.find('`', at + 1);
    if (end == std::string::npos) break;
    out.push_back(cell.substr(at + 1, end - at - 1));
    at = end + 1;
  }
  return out;
}

// What docs/from-pytorch.md says in its tables under "Line by line" is a row here, to the letter
// but for white space.
TEST(Spellings, ThePageShowsRows) {
  std::set<std::pair<std::string, std::string>> known;
  for (const Row& row : all_rows()) {
    const auto [torch, lilith] = bare(row);
    known.emplace(squeezed(torch), squeezed(lilith));
  }
  std::ifstream page(testing::project_root() + std::string("/docs/from-pytorch.md"));
  ASSERT_TRUE(page);
  std::string part;
  int shown = 0;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("## ")) part = line.substr(3);
    const std::vector<std::string> code = code_in(line);
    if (code.empty()) continue;
    if (part == "Line by line" && line.starts_with("|")) {
      ASSERT_EQ(code.size(), 2U) << line;
      EXPECT_TRUE(known.contains({squeezed(code[0]), squeezed(code[1])})) << line;
      ++shown;
    } else if (part == "The same") {
      for (const std::string& both : code) {
        EXPECT_TRUE(known.contains({squeezed(both), squeezed(both)})) << both;
        ++shown;
      }
    }
  }
  EXPECT_GT(shown, 300);
}

}  // namespace
}  // namespace lilith::spellings
