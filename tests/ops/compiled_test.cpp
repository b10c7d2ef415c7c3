#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "eval/canonical.h"
#include "eval/compiled_program.h"
#include "eval/program.h"
#include "ir/host.h"
#include "ir/node.h"
#include "lilith/graph_names.h"
#include "ops/check.h"
#include "passes/pipeline.h"
#include "support/to_storage.h"

// Every row of the table as a compiled program, value and gradient, against the interpreter.
namespace lilith::testing {
namespace {

using Ts = std::vector<Tensor>;

/// The outputs for these values of the parameters, by the compiled program.
std::vector<StoragePtr> run_compiled(const Ts& params, const Ts& outputs,
                                     const std::vector<RefTensor>& x) {
  std::vector<ir::NodeImpl*> roots;
  for (const Tensor& t : outputs) roots.push_back(t.node());
  const driver::Canonical canonical = driver::canonicalise(roots);
  std::vector<StoragePtr> in, got(outputs.size());
  for (std::uint32_t item : canonical.inputs) {  // parameters, and tensors that the row made
    ir::NodeImpl* node = canonical.items[item].node;
    const auto at = std::find_if(params.begin(), params.end(),
                                 [&](const Tensor& p) { return p.node() == node; });
    in.push_back(at == params.end() ? node->storage()
                                    : to_storage(x[static_cast<std::size_t>(at - params.begin())]));
  }
  const Graph g = run_passes(driver::build_graph(canonical));
  make_compiled_program(g, {.donatable = {}, .guard_bytes = 64})->run(in, {}, got);
  return got;
}

void expect_compiled(const Case& c, DType dtype, const std::string& what) {
  const std::vector<RefTensor> x = draw_f32(c, 3);
  const Ts params = parameters(x);
  const Ts outputs = value_and_gradients(c, params);
  const Graph g(params, outputs);
  const auto want = ir::interpret(g, x);
  const auto got = run_compiled(params, outputs, x);
  for (std::size_t o = 0; o < outputs.size(); ++o) {
    const Aval& aval = want[o].aval;
    for (std::int64_t k = 0; k < aval.numel(); ++k) {
      const double a = ir::read_f64(got[o]->data(), aval.dtype, k), b = want[o].get(k);
      ASSERT_TRUE(is_close(a, b, dtype)) << what << ", output " << o << ", element " << k << ": "
                                         << a << ", should be " << b << "\n"
                                         << g.str();
    }
  }
}

// The row with every operand as a view of what is stored: `stored` gives that shape, `view` the
// operand from it.
Case with_views(Case c, Shape (*stored)(const Shape&),
                Tensor (*view)(const Tensor&, const Shape&)) {
  std::vector<Shape> shapes;
  for (Operand& o : c.in) {
    shapes.push_back(o.shape);
    o.shape = stored(o.shape);
  }
  c.build = [=, build = c.build](const Ts& x) {
    Ts seen;
    for (std::size_t i = 0; i < x.size(); ++i) seen.push_back(view(x[i], shapes[i]));
    return build(seen);
  };
  return c;
}

Case transposed(const Case& c) {
  const auto reverse_dims = [](const Shape& s) {
    std::vector<std::int64_t> v = s.vec();
    std::reverse(v.begin(), v.end());
    return Shape(v);
  };
  return with_views(c, reverse_dims, [](const Tensor& x, const Shape& s) {
    std::vector<std::int64_t> perm;
    for (int d = s.rank(); d-- > 0;) perm.push_back(d);
    return permute(x, perm);
  });
}
Case sliced(const Case& c) {
  const auto larger = [](const Shape& s) {
    std::vector<std::int64_t> v = s.vec();
    for (std::int64_t& n : v) n = 2 * n + 1;
    return Shape(v);
  };
  return with_views(c, larger, [](const Tensor& x, const Shape& s) {
    Tensor t = x;
    for (int d = 0; d < s.rank(); ++d) t = slice(t, d, 1, 2 * s[d] + 1, 2);
    return t;
  });
}
Case broadcast(const Case& c) {
  const auto first_is_one = [](const Shape& s) {
    std::vector<std::int64_t> v = s.vec();
    if (!v.empty()) v[0] = 1;
    return Shape(v);
  };
  return with_views(c, first_is_one,
                    [](const Tensor& x, const Shape& s) { return expand(x, s.vec()); });
}

/// The extents of a row's operands.
std::set<std::int64_t> extents(const Case& c) {
  std::set<std::int64_t> out;
  for (const Operand& o : c.in) out.insert(o.shape.begin(), o.shape.end());
  return out;
}
/// The row with `to` for every extent `from`.
Case resized(Case c, std::int64_t from, std::int64_t to) {
  for (Operand& o : c.in) {
    std::vector<std::int64_t> v = o.shape.vec();
    std::replace(v.begin(), v.end(), from, to);
    o.shape = Shape(v);
    if (o.dtype == DType::I64 && o.lo == 0) o.hi = 0;  // an index stays one
  }
  return c;
}
bool is_error_at_trace(const Case& c) {
  try {
    value_and_gradients(c, parameters(draw(c, 3)));
  } catch (const InternalError&) {
    return false;
  } catch (const Error&) {
    return true;  // the row's function does not take that size
  }
  return false;
}

class CompiledRow : public ::testing::TestWithParam<std::size_t> {};

TEST_P(CompiledRow, AgreesWithTheInterpreter) {
  const Case& row = cases()[GetParam()];
  for (DType dtype : {kFloat64, kFloat32, kFloat16, kBFloat16})
    expect_compiled(with_dtype(row, dtype), dtype, std::string(name(dtype)));
  const Case c = with_dtype(row, kFloat32);
  expect_compiled(transposed(c), kFloat32, "transposed");
  expect_compiled(sliced(c), kFloat32, "sliced");
  expect_compiled(broadcast(c), kFloat32, "broadcast");
  for (std::int64_t from : extents(c)) {
    for (std::int64_t to : {0, 1}) {
      const Case other = resized(c, from, to);
      if (from != to && !is_error_at_trace(other))
        expect_compiled(other, kFloat32, fmt::format("{} for every extent {}", to, from));
    }
  }
}

void expect_kink(const Case& row, const Kink& kink, DType dtype) {
  std::vector<RefTensor> x;
  for (double v : kink.at) {
    x.emplace_back(Aval{.shape = {}, .dtype = dtype});
    x.back().f[0] = v;
  }
  const Ts params = parameters(x);
  const auto got = run_compiled(params, value_and_gradients(row, params), x);
  ASSERT_EQ(got.size(), 1 + kink.slope.size()) << row.op;
  for (std::size_t i = 0; i < kink.slope.size(); ++i)
    EXPECT_NEAR(ir::read_f64(got[i + 1]->data(), dtype, 0), kink.slope[i], 1e-6)
        << row.op << " " << name(dtype) << ", operand " << i;
}

TEST(CompiledTable, GradientAtKinks) {
  for (const Case& row : cases()) {
    for (const Kink& kink : row.kinks) {
      for (DType dtype : {kFloat64, kFloat32}) expect_kink(row, kink, dtype);
    }
  }
}

std::string row_name(const ::testing::TestParamInfo<std::size_t>& info) {
  std::string out = cases()[info.param].op + "_" + std::to_string(info.param);
  for (char& ch : out) {
    if (!std::isalnum(static_cast<unsigned char>(ch))) ch = '_';
  }
  return out;
}
INSTANTIATE_TEST_SUITE_P(Ops, CompiledRow, ::testing::Range<std::size_t>(0, cases().size()),
                         row_name);

}  // namespace
}  // namespace lilith::testing
