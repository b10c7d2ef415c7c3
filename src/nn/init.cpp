#include "lilith/init.h"

#include <cmath>
#include <numbers>
#include <vector>

#include "ir/host.h"
#include "lilith/ops/create.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/random.h"
#include "nn/default_init.h"
#include "ops/half.h"
#include "ops/random_key.h"

namespace lilith {

namespace {

// Uniform in [a, b); a half that would round up to b is the one below it.
Tensor uniform(const Shape& shape, const TensorOptions& options, double a, double b) {
  const Tensor u = rand(shape, {compute_dtype(options.dtype), options.device}) * (b - a) + a;
  if (!is_half(options.dtype)) return u;
  double top = ir::round_to(b, options.dtype);
  if (top >= b) {
    const double step = std::fabs(top) * (options.dtype == DType::F16 ? 0x1p-10 : 0x1p-7);
    top = ir::round_to(top - step / std::numbers::sqrt2, options.dtype);
  }
  return ops::narrowed(minimum(u, top), options.dtype);
}

// In place: what t is tied to gets the value too.
void set(Tensor& t, const Tensor& value) {
  t.rebind(value);
  if (t.tie_tag().tagged()) t.tie_tag().set_fresh(true);
}

}  // namespace

namespace detail {
Tensor fan_in_uniform(const Shape& shape, std::int64_t fan_in, DType dtype) {
  if (fan_in <= 0) return zeros(shape, {.dtype = dtype});
  const double bound = 1 / std::sqrt(static_cast<double>(fan_in));
  if (is_half(dtype)) return uniform(shape, {.dtype = dtype}, -bound, bound);
  return rand(shape, {.dtype = dtype}) * (2 * bound) - bound;
}
void reset_fan_in(std::int64_t fan_in, std::initializer_list<Tensor*> tensors) {
  for (Tensor* t : tensors) {
    if (!t->defined()) continue;
    const Tensor drawn = fan_in_uniform(t->shape(), fan_in, t->dtype()).to(t->device());
    set(*t, drawn);
  }
}
}  // namespace detail

namespace init {

namespace {

TensorOptions options_of(const Tensor& t) { return {.dtype = t.dtype(), .device = t.device()}; }

// What draws that are scaled and shifted are made in.
TensorOptions wide_options_of(const Tensor& t) {
  return {.dtype = compute_dtype(t.dtype()), .device = t.device()};
}

void check_floating(const Tensor& t, const char* op) {
  LILITH_CHECK(t.defined(), "init::{}: the tensor is undefined.", op);
  LILITH_CHECK(is_floating(t.dtype()), "init::{}: got {}; need a floating dtype.", op,
               t.aval().str());
}

struct Fans {
  double in, out;
};
Fans fans(const Tensor& t, const char* op) {
  check_floating(t, op);
  LILITH_CHECK(t.ndim() >= 2, "init::{}: got {}; fan_in and fan_out need at least rank 2.", op,
               t.aval().str());
  double receptive = 1;
  for (int d = 2; d < t.ndim(); ++d) receptive *= static_cast<double>(t.shape()[d]);
  return {static_cast<double>(t.shape()[1]) * receptive,
          static_cast<double>(t.shape()[0]) * receptive};
}

double kaiming_std(const Tensor& t, const KaimingOptions& o, const char* op) {
  const Fans f = fans(t, op);
  LILITH_CHECK(o.mode == "fan_in" || o.mode == "fan_out",
               "init::{}: mode is '{}'; need 'fan_in' or 'fan_out'.", op, o.mode);
  return calculate_gain(o.nonlinearity, o.a) / std::sqrt(o.mode == "fan_in" ? f.in : f.out);
}

// A tensor like t with these values in row-major order.
Tensor from_values(const std::vector<double>& values, const Tensor& t) {
  return from_data(values.data(), t.shape()).to(t.dtype()).to(t.device());
}

void fill_uniform(Tensor& t, double a, double b) {
  set(t, uniform(t.shape(), options_of(t), a, b));
}
void fill_normal(Tensor& t, double mean, double std) {
  set(t, ops::narrowed(randn(t.shape(), wide_options_of(t)) * std + mean, t.dtype()));
}

}  // namespace

double calculate_gain(std::string_view nonlinearity, Real param) {
  for (const char* linear : {"linear", "identity", "sigmoid", "conv1d", "conv2d", "conv3d",
                             "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"})
    if (nonlinearity == linear) return 1;
  if (nonlinearity == "tanh") return 5.0 / 3;
  if (nonlinearity == "relu") return std::sqrt(2.0);
  if (nonlinearity == "leaky_relu") return std::sqrt(2 / (1 + param * param));
  if (nonlinearity == "selu") return 0.75;
  fail("init::calculate_gain: unknown nonlinearity '{}'.", nonlinearity);
}

void uniform_(Tensor& t, Real a, Real b, const std::optional<RandomGenerator>& generator,
              SourceLocation loc) {
  LocScope scope(loc);
  const ops::GeneratorScope chosen(generator);
  check_floating(t, "uniform_");
  LILITH_CHECK(a <= b, "init::uniform_: the range [{}, {}) is empty.", a, b);
  fill_uniform(t, a, b);
}

void normal_(Tensor& t, Real mean, Real std, const std::optional<RandomGenerator>& generator,
             SourceLocation loc) {
  LocScope scope(loc);
  const ops::GeneratorScope chosen(generator);
  check_floating(t, "normal_");
  LILITH_CHECK(std >= 0, "init::normal_: std must not be negative; got {}.", std);
  fill_normal(t, mean, std);
}

void trunc_normal_(Tensor& t, Real mean, Real std, Real a, Real b,
                   const std::optional<RandomGenerator>& generator, SourceLocation loc) {
  LocScope scope(loc);
  const ops::GeneratorScope chosen(generator);
  check_floating(t, "trunc_normal_");
  LILITH_CHECK(std > 0 && a < b,
               "init::trunc_normal_: need std > 0 and a < b; got std={}, [{}, {}].", std, a, b);
  // The inverse of the distribution function on its part between the bounds.
  const auto cdf = [&](double x) {
    return 0.5 * (1 + std::erf((x - mean) / std / std::sqrt(2.0)));
  };
  const double low = 2 * cdf(a) - 1, high = 2 * cdf(b) - 1;
  const Tensor u = rand(t.shape(), wide_options_of(t)) * (high - low) + low;
  set(t, ops::narrowed(clamp(erfinv(u) * (std * std::sqrt(2.0)) + mean, a, b), t.dtype()));
}

void constant_(Tensor& t, Real value, SourceLocation loc) {
  LocScope scope(loc);
  LILITH_CHECK(t.defined(), "init::constant_: the tensor is undefined.");
  set(t, full(t.shape(), value, options_of(t)));
}
void ones_(Tensor& t, SourceLocation loc) {
  LocScope scope(loc);
  constant_(t, 1);
}
void zeros_(Tensor& t, SourceLocation loc) {
  LocScope scope(loc);
  constant_(t, 0);
}

void eye_(Tensor& t, SourceLocation loc) {
  LocScope scope(loc);
  LILITH_CHECK(t.defined() && t.ndim() == 2, "init::eye_: need rank 2; got {}.",
               t.defined() ? t.aval().str() : "an undefined tensor");
  set(t, eye(t.size(0), t.size(1), options_of(t)));
}

void dirac_(Tensor& t, Int groups, SourceLocation loc) {
  LocScope scope(loc);
  check_floating(t, "dirac_");
  const Shape& s = t.shape();
  LILITH_CHECK(s.rank() >= 3 && s.rank() <= 5, "init::dirac_: need rank 3, 4 or 5; got {}.",
               t.aval().str());
  LILITH_CHECK(groups > 0 && s[0] % groups == 0,
               "init::dirac_: groups={} does not divide the {} output channels.", groups, s[0]);
  const Shape strides = s.strides();
  std::int64_t centre = 0;
  for (int d = 2; d < s.rank(); ++d) centre += s[d] / 2 * strides[d];
  const std::int64_t per_group = s[0] / groups;
  std::vector<double> values(static_cast<std::size_t>(s.numel()), 0.0);
  for (std::int64_t g = 0; g < groups; ++g)
    for (std::int64_t c = 0; c < std::min(per_group, s[1]); ++c)
      values[static_cast<std::size_t>((g * per_group + c) * strides[0] + c * strides[1] + centre)] =
          1;
  set(t, from_values(values, t));
}

void xavier_uniform_(Tensor& t, Real gain, const std::optional<RandomGenerator>& generator,
                     SourceLocation loc) {
  LocScope scope(loc);
  const ops::GeneratorScope chosen(generator);
  const Fans f = fans(t, "xavier_uniform_");
  const double bound = gain * std::sqrt(6 / (f.in + f.out));
  fill_uniform(t, -bound, bound);
}
void xavier_normal_(Tensor& t, Real gain, const std::optional<RandomGenerator>& generator,
                    SourceLocation loc) {
  LocScope scope(loc);
  const ops::GeneratorScope chosen(generator);
  const Fans f = fans(t, "xavier_normal_");
  fill_normal(t, 0, gain * std::sqrt(2 / (f.in + f.out)));
}

void kaiming_uniform_(Tensor& t, const KaimingOptions& options, SourceLocation loc) {
  LocScope scope(loc);
  const ops::GeneratorScope chosen(options.generator);
  const double bound = std::sqrt(3.0) * kaiming_std(t, options, "kaiming_uniform_");
  fill_uniform(t, -bound, bound);
}
void kaiming_normal_(Tensor& t, const KaimingOptions& options, SourceLocation loc) {
  LocScope scope(loc);
  const ops::GeneratorScope chosen(options.generator);
  fill_normal(t, 0, kaiming_std(t, options, "kaiming_normal_"));
}

void orthogonal_(Tensor& t, Real gain, const std::optional<RandomGenerator>& generator,
                 SourceLocation loc) {
  LocScope scope(loc);
  const ops::GeneratorScope chosen(generator);
  check_floating(t, "orthogonal_");
  LILITH_CHECK(t.ndim() >= 2 && t.numel() > 0,
               "init::orthogonal_: need at least rank 2 and an element; got {}.", t.aval().str());
  const auto rows = static_cast<std::size_t>(t.size(0));
  const std::size_t cols = static_cast<std::size_t>(t.numel()) / rows;
  // Orthonormalises the vectors along the longer side: Gram-Schmidt, twice for accuracy.
  const std::size_t count = std::min(rows, cols), length = std::max(rows, cols);
  std::vector<double> v = randn({t.numel()}, {.dtype = DType::F64}).to_vector<double>();
  for (std::size_t i = 0; i < count; ++i) {
    double* x = &v[i * length];
    const auto dot = [&](const double* y) {
      double sum = 0;
      for (std::size_t k = 0; k < length; ++k) sum += x[k] * y[k];
      return sum;
    };
    for (int round = 0; round < 2; ++round)
      for (std::size_t j = 0; j < i; ++j) {
        const double* y = &v[j * length];
        const double projection = dot(y);
        for (std::size_t k = 0; k < length; ++k) x[k] -= projection * y[k];
      }
    const double norm = std::sqrt(dot(x));
    for (std::size_t k = 0; k < length; ++k) x[k] /= norm;
  }
  std::vector<double> values(rows * cols);
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t c = 0; c < cols; ++c)
      values[r * cols + c] = gain * (rows <= cols ? v[r * length + c] : v[c * length + r]);
  set(t, from_values(values, t));
}

void sparse_(Tensor& t, Real sparsity, Real std, const std::optional<RandomGenerator>& generator,
             SourceLocation loc) {
  LocScope scope(loc);
  const ops::GeneratorScope chosen(generator);
  check_floating(t, "sparse_");
  LILITH_CHECK(t.ndim() == 2, "init::sparse_: need rank 2; got {}.", t.aval().str());
  LILITH_CHECK(sparsity >= 0 && sparsity <= 1,
               "init::sparse_: sparsity must lie in [0, 1]; got {}.", sparsity);
  const std::int64_t rows = t.size(0), cols = t.size(1);
  const auto zeroed = static_cast<std::int64_t>(std::ceil(sparsity * static_cast<double>(rows)));
  std::vector<double> values = randn({rows, cols}, {.dtype = DType::F64}).to_vector<double>();
  for (double& x : values) x *= std;
  for (std::int64_t c = 0; c < cols; ++c) {
    const std::vector<std::int64_t> order = randperm(rows).to_vector<std::int64_t>();
    for (std::int64_t i = 0; i < zeroed; ++i)
      values[static_cast<std::size_t>(order[static_cast<std::size_t>(i)] * cols + c)] = 0;
  }
  set(t, from_values(values, t));
}

}  // namespace init

}  // namespace lilith
