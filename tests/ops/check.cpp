#include "ops/check.h"

#include <algorithm>
#include <cmath>

#include "ir/host.h"
#include "ir/node.h"
#include "transforms/vjp.h"

namespace lilith::testing {
namespace {

// SplitMix64.
struct Random {
  std::uint64_t state;
  std::uint64_t next() {
    std::uint64_t z = state += 0x9e3779b97f4a7c15ull;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }
  double uniform(double lo, double hi) {
    return lo + (hi - lo) * static_cast<double>(next() >> 11) * 0x1p-53;
  }
};

bool near_kink(double x, const std::vector<double>& kinks) {
  for (double k : kinks) {
    if (std::fabs(x - k) < 0.05) return true;
  }
  return false;
}

RefTensor direction(const Aval& aval, Random& random) {
  RefTensor out(aval);
  for (double& v : out.f) v = random.uniform(-1, 1);
  return out;
}

std::vector<RefTensor> moved(std::vector<RefTensor> x, const std::vector<RefTensor>& by, double t) {
  for (std::size_t i = 0; i < x.size(); ++i) {
    for (std::size_t k = 0; k < x[i].f.size(); ++k) x[i].f[k] += t * by[i].f[k];
  }
  return x;
}

// The directional derivative of the scalar graph by differences of fourth order, and by its
// gradient.
std::string compare(const char* order, const std::vector<Tensor>& params, const Tensor& y,
                    const std::vector<Tensor>& grads, const std::vector<RefTensor>& x,
                    const std::vector<RefTensor>& v) {
  constexpr double kStep = 1e-3;
  const Graph value(params, {y});
  const auto at = [&](double t) { return ir::interpret(value, moved(x, v, t))[0].f[0]; };
  const double numeric =
      (8 * (at(kStep) - at(-kStep)) - (at(2 * kStep) - at(-2 * kStep))) / (12 * kStep);
  std::vector<Tensor> defined;
  std::vector<std::size_t> which;
  for (std::size_t i = 0; i < grads.size(); ++i) {
    if (!grads[i].defined()) continue;
    defined.push_back(grads[i]);
    which.push_back(i);
  }
  double analytic = 0;
  const auto values = ir::interpret(Graph(params, defined), x);
  for (std::size_t j = 0; j < which.size(); ++j) {
    for (std::size_t k = 0; k < values[j].f.size(); ++k)
      analytic += values[j].f[k] * v[which[j]].f[k];
  }
  const double scale = std::fmax(1, std::fabs(numeric));
  if (std::fabs(numeric - analytic) <= 1e-6 * scale) return "";
  return fmt::format("{} order: by differences {}, by the rules {}", order, numeric, analytic);
}

}  // namespace

std::vector<RefTensor> draw(const Case& c, std::uint64_t seed) {
  Random random{seed};
  std::vector<RefTensor> out;
  for (const Operand& o : c.in) {
    RefTensor t({.shape = o.shape, .dtype = o.dtype});
    // One value from each of n equal parts of the range, shuffled: no two are close, so that no
    // maximum changes hands within a difference.
    const double part = (o.hi - o.lo) / static_cast<double>(std::max<std::size_t>(t.f.size(), 1));
    for (std::size_t k = 0; k < t.f.size(); ++k) {
      t.f[k] = o.lo + part * (static_cast<double>(k) + random.uniform(0.2, 0.8));
      std::swap(t.f[k], t.f[random.next() % (k + 1)]);
    }
    for (double& v : t.f) {
      while (near_kink(v, c.avoid)) v += 0.1;
    }
    for (std::int64_t& v : t.i)
      v = static_cast<std::int64_t>(std::floor(random.uniform(o.lo, o.hi + 1)));
    out.push_back(std::move(t));
  }
  return out;
}

std::vector<Tensor> parameters(const std::vector<RefTensor>& values) {
  std::vector<Tensor> out;
  for (const RefTensor& v : values) {
    out.push_back(ir::make_parameter(v.aval, static_cast<std::int64_t>(out.size()),
                                     fmt::format("x{}", out.size())));
  }
  return out;
}

std::string check_gradient(const Case& c, std::uint64_t seed, bool first_order_only) {
  const std::vector<RefTensor> x = draw(c, seed);
  const std::vector<Tensor> params = parameters(x);
  const Tensor out = c.build(params);
  if (!is_floating(out.dtype())) return "";
  Random random{seed + 17};
  std::vector<RefTensor> v, w;
  std::vector<Tensor> wanted;
  for (std::size_t i = 0; i < x.size(); ++i) {
    v.push_back(direction(x[i].aval, random));
    w.push_back(direction(x[i].aval, random));
    if (x[i].floating()) wanted.push_back(params[i]);
  }
  // A smooth function of the output that weighs every element differently.
  const Tensor weights =
      cos(reshape(arange(static_cast<double>(out.numel()), {.dtype = out.dtype()}), out.shape()));
  const Tensor y = sum(weights * out);
  const auto gradients = [&](const Tensor& of) {
    const std::vector<Tensor> found =
        backpropagate({of}, {ones_like(of)}, wanted, "check_gradient");
    std::vector<Tensor> all(params.size());
    std::size_t next = 0;
    for (std::size_t i = 0; i < params.size(); ++i) {
      if (x[i].floating()) all[i] = found[next++];
    }
    return all;
  };
  const std::vector<Tensor> first = gradients(y);
  const std::string text = compare("first", params, y, first, x, v);
  if (!text.empty() || first_order_only) return text;
  Tensor slope;
  for (std::size_t i = 0; i < first.size(); ++i) {
    if (!first[i].defined()) continue;
    const Tensor k =
        reshape(arange(static_cast<double>(first[i].numel()), {.dtype = first[i].dtype()}),
                first[i].shape());
    const Tensor part = sum(sin(k + 1) * first[i]);
    slope = slope.defined() ? slope + part : part;
  }
  return slope.defined() ? compare("second", params, slope, gradients(slope), x, w) : "";
}

double tolerance(DType dtype) {
  switch (dtype) {
    case DType::F64:
      return 1e-9;
    case DType::F32:
      return 2e-5;
    case DType::F16:
      return 3e-2;
    default:
      return 2e-1;
  }
}

std::vector<Tensor> value_and_gradients(const Case& c, const std::vector<Tensor>& params) {
  ++ir::trace_depth();  // numbers are constants
  std::vector<Tensor> out;
  try {
    out = {c.build(params)};
    if (is_floating(out[0].dtype())) {
      std::vector<Tensor> wanted;
      for (const Tensor& p : params) {
        if (is_floating(p.dtype())) wanted.push_back(p);
      }
      for (Tensor& g : backpropagate({out[0]}, {ones_like(out[0])}, wanted, "row"))
        if (g.defined()) out.push_back(g);
    }
  } catch (...) {
    --ir::trace_depth();
    throw;
  }
  --ir::trace_depth();
  return out;
}

bool is_close(double got, double want, DType dtype) {
  if (got == want || (std::isnan(got) && std::isnan(want))) return true;
  return std::isfinite(want) &&
         std::fabs(got - want) <= tolerance(dtype) * std::fmax(1, std::fabs(want));
}

Case with_dtype(Case c, DType dtype) {
  for (Operand& o : c.in) {
    if (is_floating(o.dtype)) o.dtype = dtype;
  }
  return c;
}

std::vector<RefTensor> draw_f32(const Case& c, std::uint64_t seed) {
  std::vector<RefTensor> x = draw(c, seed);
  for (RefTensor& t : x) {
    const DType at_most = t.aval.dtype == DType::F64 ? DType::F32 : t.aval.dtype;
    for (double& v : t.f) v = ir::round_to(v, at_most);
  }
  return x;
}

}  // namespace lilith::testing
