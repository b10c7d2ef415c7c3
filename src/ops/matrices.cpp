#include <algorithm>

#include "core/autocast_state.h"
#include "lilith/ops/create.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/index.h"
#include "lilith/ops/linalg.h"
#include "lilith/ops/reduce.h"
#include "lilith/ops/shape.h"
#include "ops/half.h"
#include "ops/operand.h"
#include "ops/primitives.h"

// Composites of matrices.
namespace lilith {

using namespace ops;
using I = std::int64_t;

Tensor adjoint(const Arg& x) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  if (t.ndim() == 0) return t;
  LILITH_CHECK(t.ndim() >= 2, "adjoint: got {}; need at least 2 dimensions", t.aval().str());
  return transpose(t, -2, -1);
}

Tensor kron(const Arg& a, const Arg& b) {
  LocScope scope(a.loc());
  const Tensor x = a.tensor(), y = b.tensor();
  const int n = std::max(x.ndim(), y.ndim());
  // x [a0, 1, a1, 1, …] times y [1, b0, 1, b1, …], each pair of dimensions as one.
  Shape left, right, out;
  for (int d = 0; d < n; ++d) {
    const int i = d - (n - x.ndim()), j = d - (n - y.ndim());
    const I m = i < 0 ? 1 : x.shape()[i], k = j < 0 ? 1 : y.shape()[j];
    left.push_back(m);
    left.push_back(1);
    right.push_back(1);
    right.push_back(k);
    out.push_back(m * k);
  }
  return make_reshape(mul(make_reshape(x, left), make_reshape(y, right)), out);
}

Tensor chain_matmul(const std::vector<Tensor>& matrices, SourceLocation loc) {
  LocScope scope(loc);
  LILITH_CHECK(!matrices.empty(), "chain_matmul: there is no matrix; need at least one");
  Tensor out = matrices[0];
  for (std::size_t i = 1; i < matrices.size(); ++i) out = matmul(out, matrices[i]);
  return out;
}

namespace {

// The weights of observations and what their sum of products is divided by.
struct Weights {
  Tensor each;  // [n]; undefined: all alike
  Tensor total, divisor;
};
Weights weights_of(const Tensor& rows, double correction, const Tensor& fweights,
                   const Tensor& aweights) {
  const I n = rows.shape()[1];
  for (const Tensor& w : {fweights, aweights})
    LILITH_CHECK(!w.defined() || w.shape() == Shape{n},
                 "cov: weights {} of {} observations; need one for each", w.aval().str(), n);
  Weights out;
  if (fweights.defined()) out.each = make_cast(fweights, rows.dtype());
  if (aweights.defined()) {
    const Tensor a = make_cast(aweights, rows.dtype());
    out.each = out.each.defined() ? mul(out.each, a) : a;
  }
  out.total = out.each.defined()
                  ? sum(out.each)
                  : make_full({}, static_cast<double>(n), rows.dtype(), rows.device());
  Tensor less = make_full({}, correction, rows.dtype(), rows.device());
  if (aweights.defined() && correction != 0)
    less = mul(less, div(sum(mul(out.each, make_cast(aweights, rows.dtype()))), out.total));
  out.divisor = clamp_min(sub(out.total, less), 0);
  return out;
}

}  // namespace

Tensor cov(const Arg& x, Int correction, const Tensor& fweights, const Tensor& aweights) {
  LocScope scope(x.loc());
  const AutocastOff inside;
  Tensor t = floating(x);
  // Integers take the dtype of weights.
  if (!is_floating(x.tensor().dtype()) && aweights.defined())
    t = make_cast(x.tensor(), floating_type(aweights.dtype()));
  LILITH_CHECK(t.ndim() <= 2, "cov: got {}; need [variables, observations] or [observations]",
               t.aval().str());
  return rounded_once(t, [&](const Tensor& wide) {
    const Tensor rows = wide.ndim() < 2 ? make_reshape(wide, {1, wide.numel()}) : wide;
    const Weights w = weights_of(rows, static_cast<double>(correction), fweights, aweights);
    const auto weighted = [&](const Tensor& v) { return w.each.defined() ? mul(v, w.each) : v; };
    const Tensor off = sub(rows, div(sum(weighted(rows), 1, true), w.total));
    const Tensor out = div(matmul(weighted(off), transpose(off, 0, 1)), w.divisor);
    return out.numel() == 1 ? make_reshape(out, {}) : out;
  });
}

Tensor corrcoef(const Arg& x) {
  LocScope scope(x.loc());
  const Tensor t = floating(x);
  return rounded_once(t, [&](const Tensor& wide) {
    const Tensor c = cov(wide);
    if (c.ndim() == 0) return div(c, c);
    const Tensor deviation = sqrt(diagonal(c));
    return clamp(div(div(c, unsqueeze(deviation, 1)), unsqueeze(deviation, 0)), -1, 1);
  });
}

Tensor vander(const Arg& x, std::optional<Int> n, bool increasing) {
  LocScope scope(x.loc());
  const Tensor given = x.tensor();
  LILITH_CHECK(given.ndim() == 1, "vander: got {}; need one dimension", given.aval().str());
  const Tensor t = is_floating(given.dtype()) ? given : make_cast(given, DType::I64);
  const I columns = n ? I{*n} : t.shape()[0];
  LILITH_CHECK(columns >= 0, "vander: n is {}; need n >= 0", columns);
  std::vector<Tensor> powers;
  Tensor power = ones_like(t);
  for (I i = 0; i < columns; ++i, power = mul(power, t)) powers.push_back(power);
  if (!increasing) std::reverse(powers.begin(), powers.end());
  if (powers.empty()) return make_full({t.shape()[0], 0}, 0, power.dtype(), t.device());
  return stack(powers, 1);
}

}  // namespace lilith
