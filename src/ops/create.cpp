#include "lilith/ops/create.h"

#include <algorithm>
#include <cmath>

#include "core/device_kinds.h"
#include "ir/check_aval.h"
#include "ir/host.h"
#include "ir/host_copy.h"
#include "ir/node.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/shape.h"
#include "ops/factory.h"
#include "ops/operand.h"
#include "ops/primitives.h"
#include "runtime/device_memory.h"

// Tensors from numbers and from memory.
namespace lilith {

using namespace ops;
using I = std::int64_t;

namespace {

Tensor filled(const char* op, const Shape& shape, const Scalar& value,
              const TensorOptions& options) {
  check_factory(op, shape, options);
  return ir::make_constant(value,
                           {.shape = shape, .dtype = options.dtype, .device = options.device});
}

Scalar scalar_of(const char* op, const Arg& value) {
  if (value.is_scalar()) return value.scalar();
  const Tensor t = value.tensor();
  LILITH_CHECK(t.numel() == 1, "{}: got {}; need a number", op, t.aval().str());
  if (is_floating(t.dtype())) return {Scalar::Kind::Float, 0, t.item<double>()};
  return {t.dtype() == DType::Bool ? Scalar::Kind::Bool : Scalar::Kind::Int, t.item<I>(), 0};
}

constexpr DType default_dtype(Scalar::Kind kind) {
  return kind == Scalar::Kind::Bool  ? DType::Bool
         : kind == Scalar::Kind::Int ? DType::I64
                                     : DType::F32;
}

// Between whole numbers, exact where double is not.
Tensor counted_whole(I start, I end, I step, const TensorOptions& options) {
  using U = std::uint64_t;
  LILITH_CHECK(step != 0,
               "arange: from {} to {} in steps of {}; need finite bounds and a step other than 0",
               start, end, step);
  LILITH_CHECK(start == end || (end > start) == (step > 0),
               "arange: from {} to {} in steps of {}; need the end on the step's side", start, end,
               step);
  const U length = step > 0 ? static_cast<U>(end) - static_cast<U>(start)
                            : static_cast<U>(start) - static_cast<U>(end),
          stride = step > 0 ? static_cast<U>(step) : U{0} - static_cast<U>(step);
  const U n = length / stride + (length % stride != 0);
  LILITH_CHECK(n < U{1} << 63,
               "arange: from {} to {} in steps of {} is {} numbers; need fewer than 2^63 bytes",
               start, end, step, n);
  check_factory("arange", {static_cast<I>(n)}, options);
  Tensor out = make_iota({static_cast<I>(n)}, 0, options.dtype, options.device);
  if (step != 1) out = apply("mul", {out, integer_as(out, step)});
  return start == 0 ? out : apply("add", {out, integer_as(out, start)});
}

Tensor counted(const Scalar& start, const Scalar& end, const Scalar& step,
               const TensorOptions& options) {
  const bool whole_numbers = start.kind != Scalar::Kind::Float && end.kind != Scalar::Kind::Float &&
                             step.kind != Scalar::Kind::Float;
  if (whole_numbers && is_integral(options.dtype))
    return counted_whole(start.i, end.i, step.i, options);
  const double a = start.as_double(), b = end.as_double(), s = step.as_double();
  LILITH_CHECK(s != 0 && std::isfinite(a) && std::isfinite(b),
               "arange: from {} to {} in steps of {}; need finite bounds and a step other than 0",
               a, b, s);
  LILITH_CHECK((b - a) / s >= 0,
               "arange: from {} to {} in steps of {}; need the end on the step's side", a, b, s);
  const double count_of_all = std::ceil((b - a) / s);
  LILITH_CHECK(count_of_all < 0x1p63,
               "arange: from {} to {} in steps of {} is {} numbers; need fewer than 2^63 bytes", a,
               b, s, count_of_all);
  const auto n = static_cast<I>(count_of_all);
  check_factory("arange", {n}, options);
  const DType work =
      is_floating(options.dtype) && options.dtype != DType::F64 ? DType::F32 : options.dtype;
  const bool integral = is_integral(options.dtype);
  const Tensor count = make_iota({n}, 0, work, options.device);
  const double first = integral ? std::trunc(a) : a, by = integral ? std::trunc(s) : s;
  Tensor out = by == 1 ? count : scale(count, by);
  if (first != 0) out = shift(out, first);
  return make_cast(out, options.dtype);
}

}  // namespace

namespace ops {

void check_factory(std::string_view op, const Shape& shape, const TensorOptions& options) {
  for (I size : shape) LILITH_CHECK(size >= 0, "{}: shape {}; need sizes >= 0", op, shape.str());
  ir::check_aval(op, {.shape = shape, .dtype = options.dtype, .device = options.device});
  check_device(op, options.device);
}

}  // namespace ops

namespace detail {

void fail_ragged(Loc loc) {
  throw Error("tensor: rows differ in length; need as many numbers in each pair of braces", loc);
}

void Nested::collect(int depth, Shape& shape, std::vector<const Nested*>& numbers) const {
  const bool innermost = shape.rank() <= depth;
  LILITH_CHECK(is_list_ ? !innermost || numbers.empty() : innermost,
               "tensor: a number stands beside a list; need lists of one depth");
  if (!is_list_) {
    numbers.push_back(this);
    return;
  }
  const auto n = static_cast<I>(items_.size());
  if (innermost)
    shape.push_back(n);
  else if (shape[depth] != n)
    fail_ragged(LocScope::current());
  for (const Nested& item : items_) item.collect(depth + 1, shape, numbers);
}

// As in PyTorch, a negative integer in an unsigned dtype wraps.
I Nested::whole(DType dtype) const {
  const int bits = 8 * static_cast<int>(size_of(dtype));
  const bool floating = kind_ == DType::F32, is_signed = dtype != DType::U8;
  const double end = std::ldexp(1, is_signed ? bits - 1 : bits), cut = std::trunc(real_),
               least = is_signed  ? -end
                       : floating ? 0
                                  : 1 - end;
  // An integer near 2^63 may be less than its double says; one beyond has the other sign.
  const bool fits = floating || bits < 64 ? cut >= least && cut < end : whole_ >= 0 || real_ < 0;
  LILITH_CHECK(fits, "tensor: {} does not fit {}", real_, name(dtype));
  return floating ? static_cast<I>(real_) : whole_;
}

Tensor Nested::tensor_of(const Nested& written, const ValueOptions& options, Loc loc) {
  const LocScope scope(loc, "tensor");
  Shape shape;
  std::vector<const Nested*> numbers;
  written.collect(0, shape, numbers);
  const auto any = [&](DType kind) {
    return std::ranges::any_of(numbers, [&](const Nested* n) { return n->kind_ == kind; });
  };
  const bool real = any(DType::F32) || numbers.empty();
  const TensorOptions o = placed(real              ? DType::F32
                                 : any(DType::I64) ? DType::I64
                                                   : DType::Bool,
                                 options);
  if (is_floating(o.dtype) || o.dtype == DType::Bool) {
    std::vector<double> values;
    for (const Nested* n : numbers) values.push_back(n->real_);
    return tensor_from(shape, values, o, loc);
  }
  std::vector<I> values;
  for (const Nested* n : numbers) values.push_back(n->whole(o.dtype));
  return tensor_from(shape, values, o, loc);
}

Tensor tensor_from(const Shape& shape, const std::vector<double>& values,
                   const TensorOptions& options, Loc loc) {
  LocScope scope(loc, "tensor");
  check_factory("tensor", shape, options);
  const Aval aval{.shape = shape, .dtype = options.dtype, .device = options.device};
  return ir::make_filled(aval, [&](void* data) {
    for (std::size_t i = 0; i < values.size(); ++i)
      ir::write_f64(data, aval.dtype, static_cast<I>(i), values[i]);
  });
}

Tensor tensor_from(const Shape& shape, const std::vector<I>& values, const TensorOptions& options,
                   Loc loc) {
  LocScope scope(loc, "tensor");
  check_factory("tensor", shape, options);
  const Aval aval{.shape = shape, .dtype = options.dtype, .device = options.device};
  return ir::make_filled(aval, [&](void* data) {
    for (std::size_t i = 0; i < values.size(); ++i)
      ir::write_i64(data, aval.dtype, static_cast<I>(i), values[i]);
  });
}

Tensor copy_from(const void* data, const Shape& shape, DType dtype, Device device, Loc loc) {
  LocScope scope(loc, "from_data");
  check_factory("from_data", shape, {.dtype = dtype, .device = device});
  const Aval aval{.shape = shape, .dtype = dtype, .device = device};
  LILITH_CHECK(data || aval.numel() == 0, "from_data: the pointer is null for shape {}",
               shape.str());
  StoragePtr storage = Storage::allocate(aval.bytes(), device);
  ir::write(*storage, aval, data);
  return ir::make_data(aval, std::move(storage));
}

Tensor borrow_from(void* data, const Shape& shape, DType dtype, std::function<void()> deleter,
                   Loc loc) {
  LocScope scope(loc, "from_data");
  check_factory("from_data", shape, {.dtype = dtype});
  const Aval aval{.shape = shape, .dtype = dtype};
  LILITH_CHECK(data || aval.numel() == 0, "from_data: the pointer is null for shape {}",
               shape.str());
  return ir::make_data(aval, Storage::borrow_watched(data, aval.bytes(), std::move(deleter)));
}

}  // namespace detail

Tensor zeros(const Shape& shape, const TensorOptions& options, SourceLocation loc) {
  LocScope scope(loc);
  return filled("zeros", shape, {Scalar::Kind::Int, 0, 0}, options);
}
Tensor ones(const Shape& shape, const TensorOptions& options, SourceLocation loc) {
  LocScope scope(loc);
  return filled("ones", shape, {Scalar::Kind::Int, 1, 0}, options);
}
Tensor empty(const Shape& shape, const TensorOptions& options, SourceLocation loc) {
  LocScope scope(loc);
  return filled("empty", shape, {Scalar::Kind::Int, 0, 0}, options);
}
Tensor full(const Shape& shape, const Arg& value) {
  LocScope scope(value.loc());
  if (!value.is_scalar()) return expand(value, shape);
  return full(shape, value, {.dtype = default_dtype(value.scalar().kind)});
}
Tensor full(const Shape& shape, const Arg& value, const ValueOptions& given) {
  LocScope scope(value.loc());
  const DType usual =
      value.is_scalar() ? default_dtype(value.scalar().kind) : value.tensor().dtype();
  const TensorOptions options = detail::placed(usual, given);
  if (value.is_scalar()) return filled("full", shape, value.scalar(), options);
  LILITH_CHECK(value.tensor().numel() == 1, "full: the value is {}; need a number",
               describe(value));
  check_factory("full", shape, options);
  return expand(make_cast(make_reshape(value.tensor(), {}), options.dtype), shape);
}
Tensor scalar_tensor(const Arg& value, const TensorOptions& options) {
  LocScope scope(value.loc());
  return full({}, value, options, std::nullopt);
}
Tensor zeros_like(const Arg& x, std::optional<DType> dtype) {
  LocScope scope(x.loc());
  return full_like(x, 0, dtype);
}
Tensor ones_like(const Arg& x, std::optional<DType> dtype) {
  LocScope scope(x.loc());
  return full_like(x, 1, dtype);
}
Tensor empty_like(const Arg& x, std::optional<DType> dtype) {
  LocScope scope(x.loc());
  return full_like(x, 0, dtype);
}
Tensor full_like(const Arg& x, const Arg& value, std::optional<DType> dtype) {
  LocScope scope(x.loc());
  const Tensor t = x.tensor();
  return full(t.shape(), value, {.dtype = dtype.value_or(t.dtype()), .device = t.device()});
}

#define LILITH_LIKE(name, value, ...)                                                      \
  Tensor name(__VA_ARGS__, const LikeKeywords& k) {                                        \
    LocScope scope(x.loc());                                                               \
    const Tensor t = x.tensor();                                                           \
    return full(t.shape(), value,                                                          \
                ValueOptions{k.dtype.value_or(t.dtype()), k.device.value_or(t.device())}); \
  }
LILITH_LIKE(zeros_like, 0, const Arg& x)
LILITH_LIKE(ones_like, 1, const Arg& x)
LILITH_LIKE(empty_like, 0, const Arg& x)
LILITH_LIKE(full_like, value, const Arg& x, const Arg& value)
#undef LILITH_LIKE

Tensor arange(const Arg& end) { return arange(0, end, 1); }
Tensor arange(const Arg& end, const ValueOptions& options) { return arange(0, end, 1, options); }
Tensor arange(const Arg& start, const Arg& end, const Arg& step) {
  return arange(start, end, step, ValueOptions());
}
Tensor arange(const Arg& start, const Arg& end, const ValueOptions& options) {
  return arange(start, end, 1, options);
}
Tensor arange(const Arg& start, const Arg& end, const Arg& step, const ValueOptions& options) {
  LocScope scope(end.loc());
  const Scalar a = scalar_of("arange", start), b = scalar_of("arange", end),
               s = scalar_of("arange", step);
  const bool floating = a.kind == Scalar::Kind::Float || b.kind == Scalar::Kind::Float ||
                        s.kind == Scalar::Kind::Float;
  return counted(a, b, s, detail::placed(floating ? DType::F32 : DType::I64, options));
}

Tensor range(Real start, Real end, Real step, SourceLocation loc) {
  const LocScope scope(loc);
  const double a = start, b = end, s = step;
  LILITH_CHECK(s != 0 && std::isfinite(a) && std::isfinite(b),
               "range: from {} to {} in steps of {}; need finite bounds and a step other than 0", a,
               b, s);
  LILITH_CHECK((b - a) / s >= 0,
               "range: from {} to {} in steps of {}; need the end on the step's side", a, b, s);
  // Half a step past the last: arange leaves its end out, rounded or not.
  return arange(a, a + (std::floor((b - a) / s + 1) - 0.5) * s, s);
}

namespace {

// A whole number that double may not hold.
bool beyond_double(const Scalar& s) {
  constexpr I kExact = I{1} << 53;
  return s.kind == Scalar::Kind::Int && (s.i > kExact || s.i < -kExact);
}

// linspace from the nearer end in whole numbers, so that both are exact.
Tensor spaced_whole(I a, I b, I steps, const TensorOptions& options) {
  const Tensor i = make_iota({steps}, 0, DType::F64, options.device);
  const Tensor first = integer_as(make_cast(i, DType::I64), a),
               last = integer_as(make_cast(i, DType::I64), b);
  if (steps < 2) return make_cast(first, options.dtype);
  const bool small = std::fabs(static_cast<double>(b) - static_cast<double>(a)) < 0x1p62;
  const double length =
      small ? static_cast<double>(b - a) : static_cast<double>(b) - static_cast<double>(a);
  if (small && (b - a) % (steps - 1) == 0) {
    const Tensor k = make_cast(i, DType::I64);
    return make_cast(add(first, apply("mul", {k, integer_as(k, (b - a) / (steps - 1))})),
                     options.dtype);
  }
  const double step = length / static_cast<double>(steps - 1);
  const auto whole = [&](const Tensor& x) { return make_cast(scale(x, step), DType::I64); };
  const Tensor up = add(first, whole(i)),
               down = add(last, whole(shift(i, static_cast<double>(1 - steps))));
  const Tensor first_half = compare("lt", i, static_cast<double>(steps / 2));
  return make_cast(make_select(first_half, up, down), options.dtype);
}

}  // namespace

Tensor linspace(const Arg& start, const Arg& end, Int steps, const TensorOptions& options) {
  LocScope scope(start.loc());
  LILITH_CHECK(steps >= 0, "linspace: {} steps; need steps >= 0", steps);
  check_factory("linspace", {steps}, {.dtype = DType::F64, .device = options.device});
  const Scalar from = scalar_of("linspace", start), to = scalar_of("linspace", end);
  const bool whole = from.kind != Scalar::Kind::Float && to.kind != Scalar::Kind::Float;
  if (whole && is_integral(options.dtype) && (beyond_double(from) || beyond_double(to)))
    return spaced_whole(from.i, to.i, steps, options);
  // In f64, so that both ends are exact; integers are cut at the ends and between, as PyTorch's
  // are.
  const auto end_of = [&](const Scalar& s) {
    return is_integral(options.dtype) ? std::trunc(s.as_double()) : s.as_double();
  };
  const double a = end_of(from), b = end_of(to);
  const Tensor i = make_iota({steps}, 0, DType::F64, options.device);
  if (steps < 2) return make_cast(full_as(i, a), options.dtype);
  const double step = (b - a) / static_cast<double>(steps - 1);
  const Tensor up = shift(scale(i, step), a),
               down = shift(scale(shift(i, static_cast<double>(1 - steps)), step), b);
  const Tensor first_half = compare("lt", i, static_cast<double>(steps / 2));
  return make_cast(make_select(first_half, up, down), options.dtype);
}

Tensor logspace(const Arg& start, const Arg& end, Int steps, Real base,
                const TensorOptions& options) {
  LocScope scope(start.loc());
  const TensorOptions wide{.dtype = DType::F64, .device = options.device};
  if (!is_integral(options.dtype)) {
    const Tensor exponents = linspace(start, end, steps, wide);
    return make_cast(pow(full_as(exponents, base), exponents), options.dtype);
  }
  // Ends are cut, as PyTorch has it; what is a whole number but for the rounding of pow is that.
  const double from = std::trunc(scalar_of("logspace", start).as_double()),
               to = std::trunc(scalar_of("logspace", end).as_double());
  const Tensor exponents = linspace(from, to, steps, wide),
               powers = pow(full_as(exponents, base), exponents), near = round(powers);
  const Tensor off = abs(sub(powers, near));
  return make_cast(make_select(le(off, scale(abs(near), 1e-13)), near, powers), options.dtype);
}

Tensor eye(Int n, std::optional<Int> m, const TensorOptions& options, SourceLocation loc) {
  LocScope scope(loc);
  const I columns = m.value_or(n);
  LILITH_CHECK(n >= 0 && columns >= 0, "eye: {} x {}; need sizes >= 0", n, columns);
  check_factory("eye", {n, columns}, options);
  const Tensor row = make_iota({n, columns}, 0, DType::I64, options.device);
  const Tensor column = make_iota({n, columns}, 1, DType::I64, options.device);
  return make_cast(eq(row, column), options.dtype);
}

Tensor eye(Int n, const TensorOptions& options, SourceLocation loc) {
  LocScope scope(loc);
  return eye(n, std::nullopt, options);
}

Tensor clone(const Arg& x) {
  LocScope scope(x.loc());
  return x.tensor();
}

}  // namespace lilith
