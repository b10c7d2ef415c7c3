#include "lilith/vmap.h"

#include <gtest/gtest.h>

#include <set>

#include "ir/host.h"
#include "ir/host_copy.h"
#include "ir/node.h"
#include "lilith/graph_names.h"
#include "ops/check.h"
#include "support/to_storage.h"
#include "transforms/vjp.h"

// Every row of the table vmapped, against a loop over the examples.
namespace lilith::testing {
namespace {

using Ts = std::vector<Tensor>;
using Refs = std::vector<RefTensor>;
constexpr std::uint64_t kExamples = 3;

RefTensor stacked(const std::vector<const RefTensor*>& rows) {
  Aval aval = rows[0]->aval;
  aval.shape.insert(0, std::ssize(rows));
  RefTensor out(aval);
  out.f.clear();
  out.i.clear();
  for (const RefTensor* row : rows) {
    out.f.insert(out.f.end(), row->f.begin(), row->f.end());
    out.i.insert(out.i.end(), row->i.begin(), row->i.end());
  }
  return out;
}

Refs stacked(const std::vector<Refs>& rows) {
  Refs out;
  for (std::size_t k = 0; k < rows[0].size(); ++k) {
    std::vector<const RefTensor*> column;
    for (const Refs& row : rows) column.push_back(&row[k]);
    out.push_back(stacked(column));
  }
  return out;
}

void expect_equal(const Refs& got, const Refs& want, const std::string& what) {
  ASSERT_EQ(got.size(), want.size()) << what;
  for (std::size_t o = 0; o < got.size(); ++o) {
    ASSERT_EQ(got[o].aval.str(), want[o].aval.str()) << what << ", output " << o;
    for (std::int64_t k = 0; k < want[o].aval.numel(); ++k)
      ASSERT_TRUE(is_close(got[o].get(k), want[o].get(k), DType::F64))
          << what << ", output " << o << ", element " << k << ": " << got[o].get(k)
          << ", should be " << want[o].get(k);
  }
}

/// What the function gives for one example after another.
template <class F>
Refs by_loop(const F& f, const std::vector<Refs>& examples) {
  const Ts params = parameters(examples[0]);
  const Graph g(params, f(params));
  std::vector<Refs> rows;
  for (const Refs& x : examples) rows.push_back(ir::interpret(g, x));
  return stacked(rows);
}

class VmapRow : public ::testing::TestWithParam<std::size_t> {
 protected:
  const Case& row() const { return cases()[GetParam()]; }
  std::vector<Refs> examples(std::uint64_t from = 1) const {
    std::vector<Refs> out;
    for (std::uint64_t k = 0; k < kExamples; ++k) out.push_back(draw(row(), from + k));
    return out;
  }
};

TEST_P(VmapRow, IsALoopOverTheExamples) {
  const auto f = [&](const Ts& x) { return value_and_gradients(row(), x); };
  const std::vector<Refs> x = examples();
  const Refs all = stacked(x);
  const Ts params = parameters(all);
  expect_equal(ir::interpret(Graph(params, vmap(f)(params)), all), by_loop(f, x), row().op);
}

TEST_P(VmapRow, SharesOperands) {
  const std::vector<Refs> x = examples();
  if (x[0].size() < 2) return;
  for (std::size_t k = 0; k < x[0].size(); ++k) {
    std::vector<Refs> only = x;  // the others are the first example's
    for (Refs& e : only) {
      e = x[0];
      e[k] = x[static_cast<std::size_t>(&e - only.data())][k];
    }
    Refs all = x[0];
    all[k] = stacked(only)[k];
    const Ts params = parameters(all);
    const auto f = [&](const Tensor& operand) {
      Ts mixed = params;
      mixed[k] = operand;
      return value_and_gradients(row(), mixed);
    };
    expect_equal(ir::interpret(Graph(params, vmap(f)(params[k])), all),
                 by_loop([&](const Ts& p) { return value_and_gradients(row(), p); }, only),
                 fmt::format("{}, operand {}", row().op, k));
  }
}

TEST_P(VmapRow, Nests) {
  const auto f = [&](const Ts& x) { return Ts{row().build(x)}; };
  const std::vector<Refs> a = examples(), b = examples(11);
  const Refs all = stacked({stacked(a), stacked(b)});
  const Ts params = parameters(all);
  expect_equal(ir::interpret(Graph(params, vmap(vmap(f))(params)), all),
               stacked({by_loop(f, a), by_loop(f, b)}), row().op);
}

TEST_P(VmapRow, HasTheGradientsOfALoop) {
  const std::vector<Refs> x = examples();
  const auto gradients = [&](const Ts& params, const Tensor& y) {
    Ts wanted, out;
    for (const Tensor& p : params)
      if (is_floating(p.dtype())) wanted.push_back(p);
    for (Tensor& g : backpropagate({y}, {cos(y)}, wanted, "row"))
      if (g.defined()) out.push_back(g);
    return out;
  };
  const auto f = [&](const Ts& p) { return row().build(p); };
  const Refs all = stacked(x);
  const Ts params = parameters(all);
  const Tensor y = vmap(f)(params);
  if (!is_floating(y.dtype())) return;
  expect_equal(ir::interpret(Graph(params, gradients(params, y)), all),
               by_loop([&](const Ts& p) { return gradients(p, f(p)); }, x), row().op);
}

std::string row_name(const ::testing::TestParamInfo<std::size_t>& info) {
  std::string out = cases()[info.param].op + "_" + std::to_string(info.param);
  for (char& c : out) {
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  }
  return out;
}
INSTANTIATE_TEST_SUITE_P(Ops, VmapRow, ::testing::Range<std::size_t>(0, cases().size()), row_name);

// Elementwise ops stay what they are.
bool changes_under_vmap(const std::string& op) {
  const OpDef* def = find_op(op);
  return def && def->cls != OpClass::Elementwise;
}

// The first row of each op whose rule makes another node, as programs.
TEST(Vmap, Compiles) {
  std::set<std::string> seen;
  Ts outputs;
  std::vector<RefTensor> want;
  for (const Case& c : cases()) {
    if (!changes_under_vmap(c.op) || !seen.insert(c.op).second) continue;
    std::vector<Refs> x;
    for (std::uint64_t k = 0; k < kExamples; ++k) x.push_back(draw(c, 1 + k));
    const auto f = [&](const Ts& in) { return Ts{c.build(in)}; };
    Ts in;
    for (const RefTensor& t : stacked(x)) in.push_back(ir::make_data(t.aval, to_storage(t)));
    outputs.push_back(vmap(f)(in)[0]);
    want.push_back(by_loop(f, x)[0]);
  }
  ir::eval_hooks().eval(outputs);
  for (std::size_t o = 0; o < outputs.size(); ++o) {
    const StoragePtr got = ir::realise(outputs[o], "vmap");
    for (std::int64_t k = 0; k < want[o].aval.numel(); ++k)
      ASSERT_TRUE(
          is_close(ir::read_f64(got->data(), want[o].aval.dtype, k), want[o].get(k), DType::F64))
          << outputs[o].node()->op->name << ", element " << k;
  }
}

}  // namespace
}  // namespace lilith::testing
