#include <algorithm>

#include "core/device_kinds.h"
#include "ir/node.h"
#include "ir/one_device.h"
#include "lilith/ops.h"
#include "ops/part_of.h"
#include "ops/primitives.h"

// The methods of Tensor that are free functions. A temporary is used up (Arg).
namespace lilith {
namespace {

// What an in-place operation makes of x: of its dtype and shape, as in PyTorch.
Tensor same_kind(const char* op, const Tensor& before, const Tensor& after) {
  LILITH_CHECK(after.shape() == before.shape(),
               "{}: {} would become {}; an in-place operator keeps the shape", op,
               before.aval().str(), after.aval().str());
  LILITH_CHECK(!is_floating(after.dtype()) || is_floating(before.dtype()),
               "{}: {} would become {}; convert it first with x.to(dtype)", op, before.aval().str(),
               after.aval().str());
  return ops::make_cast(after, before.dtype());
}

// The variable keeps its ties: what it is tied to has the new value, too.
Tensor& set(Tensor& x, const Tensor& value) {
  x.rebind(value);
  if (x.tie_tag().tagged()) x.tie_tag().set_fresh(true);
  return x;
}

}  // namespace

Tensor& detail::new_value(Tensor& temporary, const char* method) {
  constexpr std::string_view kShows[] = {"reshape", "broadcast", "transpose", "slice",
                                         "stop_gradient"};
  const ir::NodeImpl* node = temporary.node();
  LILITH_CHECK(node, "{}: the tensor is undefined", method);
  while (!node->inputs.empty() &&
         (node->op->cls == OpClass::Marker || std::ranges::count(kShows, node->op->name))) {
    node = node->inputs[0];
    LILITH_CHECK(node->handles() == 0,
                 "{0}: it changes the variable that it is called on, and this is a temporary that "
                 "shows a tensor or a part of one (x[0], x.t(), x.data()), which would stay as it "
                 "is: write x.{0}(…) of a whole one, x.index_put_({{0}}, y), x = slice_update(x, "
                 "part, dim, start, end) or x = masked_fill(x, mask, y); for the value alone give "
                 "it a name, Tensor y = x[0]; y.{0}(…)",
                 method);
  }
  return temporary;
}

#define LILITH_OR(...)
#define LILITH_HERE SourceLocation loc
#define LILITH_METHOD(R, name, parameters, line, ...)                 \
  R Tensor::name parameters const& {                                  \
    const LocScope scope(line);                                       \
    return lilith::name(*this __VA_OPT__(, ) __VA_ARGS__);            \
  }                                                                   \
  R Tensor::name parameters&& {                                       \
    const LocScope scope(line);                                       \
    return lilith::name(std::move(*this) __VA_OPT__(, ) __VA_ARGS__); \
  }
#define LILITH_NEW(name, parameters, line, ...)  \
  Tensor Tensor::name parameters&& {             \
    const LocScope scope(line);                  \
    Tensor& x = detail::new_value(*this, #name); \
    return std::move(x.name(__VA_ARGS__));       \
  }
#define LILITH_IN_PLACE(name, function, parameters, line, ...)                               \
  Tensor& Tensor::name parameters& {                                                         \
    const LocScope scope(line);                                                              \
    return set(*this,                                                                        \
               same_kind(#name, *this, lilith::function(*this __VA_OPT__(, ) __VA_ARGS__))); \
  }                                                                                          \
  LILITH_NEW(name, parameters, line __VA_OPT__(, ) __VA_ARGS__)
#define LILITH_VALUE(name) LILITH_METHOD(Tensor, name, (LILITH_HERE), loc)
#define LILITH_UNARY(name) LILITH_VALUE(name) LILITH_IN_PLACE(name##_, name, (LILITH_HERE), loc)
#define LILITH_PAIR(name) LILITH_METHOD(Tensor, name, (const Arg& other), other.loc(), other)
#define LILITH_BINARY(name) \
  LILITH_PAIR(name) LILITH_IN_PLACE(name##_, name, (const Arg& other), other.loc(), other)
#define LILITH_WITH_ALPHA(name)                                                                \
  LILITH_METHOD(Tensor, name, (const Arg& other, const Arg& alpha), other.loc(), other, alpha) \
  LILITH_IN_PLACE(name##_, name, (const Arg& other, const Arg& alpha), other.loc(), other, alpha)
#include "lilith/detail/tensor_methods.inc"
#define LILITH_KEYWORD_FUNCTION(...)
#define LILITH_KEYWORDS(R, name, D, Keywords, ...)                      \
  R Tensor::name(const Keywords& k, SourceLocation loc) const& {        \
    const LocScope scope(loc);                                          \
    return lilith::name(*this, k);                                      \
  }                                                                     \
  R Tensor::name(const Keywords& k, SourceLocation loc)&& {             \
    const LocScope scope(loc);                                          \
    return lilith::name(std::move(*this), k);                           \
  }                                                                     \
  R Tensor::name(D dim, const Keywords& k, SourceLocation loc) const& { \
    const LocScope scope(loc);                                          \
    return lilith::name(*this, dim, k);                                 \
  }                                                                     \
  R Tensor::name(D dim, const Keywords& k, SourceLocation loc)&& {      \
    const LocScope scope(loc);                                          \
    return lilith::name(std::move(*this), dim, k);                      \
  }
#include "lilith/detail/keyword_functions.inc"

// Those whose functions are of another form; take() is this tensor, used up where it may be.
#define LILITH_METHOD(name, parameters, ...)                          \
  Tensor Tensor::name parameters const& {                             \
    const auto take = [&]() -> const Tensor& { return *this; };       \
    __VA_ARGS__                                                       \
  }                                                                   \
  Tensor Tensor::name parameters&& {                                  \
    const auto take = [&]() -> Tensor&& { return std::move(*this); }; \
    __VA_ARGS__                                                       \
  }
LILITH_METHOD(to, (DType dtype, SourceLocation loc), const LocScope scope(loc);
              return cast(take(), dtype);)
LILITH_METHOD(to, (Device device, SourceLocation loc), const LocScope scope(loc);
              check_device("to", device); return ir::on_device(take(), device);)
LILITH_METHOD(to, (Device device, DType dtype, SourceLocation loc), const LocScope scope(loc);
              return take().to(device).to(dtype);)
LILITH_METHOD(to, (Device device, const TransferKeywords& options, SourceLocation loc),
              const LocScope scope(loc);
              const DType dtype = options.dtype.value_or(this->dtype());
              return take().to(device).to(dtype);)
LILITH_METHOD(to, (const ToKeywords& k, SourceLocation loc), const LocScope scope(loc);
              const Aval own = aval();
              return take().to(k.device.value_or(own.device)).to(k.dtype.value_or(own.dtype));)
LILITH_METHOD(type, (DType dtype, SourceLocation loc), return take().to(dtype, loc);)
LILITH_METHOD(byte, (SourceLocation loc), return take().to(kUInt8, loc);)
LILITH_METHOD(to, (const Tensor& other, SourceLocation loc), const LocScope scope(loc);
              const Aval like = other.aval(); return take().to(like.device).to(like.dtype);)
LILITH_METHOD(type_as, (const Tensor& other, SourceLocation loc), const LocScope scope(loc);
              const Aval like = other.aval(); return take().to(like.device).to(like.dtype);)
LILITH_METHOD(half, (SourceLocation loc), return take().to(kFloat16, loc);)
LILITH_METHOD(bfloat16, (SourceLocation loc), return take().to(kBFloat16, loc);)
LILITH_METHOD(cpu, (SourceLocation loc), return take().to(lilith::cpu(), loc);)
LILITH_METHOD(cuda, (SourceLocation loc), const LocScope scope(loc);
              return take().to(lilith::cuda());)
LILITH_METHOD(contiguous, (SourceLocation), return take();)
LILITH_METHOD(transpose, (Dim a, Dim b, SourceLocation loc), const LocScope scope(loc);
              return lilith::transpose(take(), a, b);)
LILITH_METHOD(T, (SourceLocation loc), const LocScope scope(loc); std::vector<std::int64_t> dims;
              for (int d = ndim(); d-- > 0;) dims.push_back(d);
              return lilith::permute(take(), dims);)
LILITH_METHOD(mT, (SourceLocation loc), const LocScope scope(loc); return lilith::adjoint(take());)
LILITH_METHOD(H, (SourceLocation loc), const LocScope scope(loc);
              LILITH_CHECK(ndim() == 2 || ndim() == 0, "H: x is {}; need a matrix", aval().str());
              return lilith::adjoint(take());)
LILITH_METHOD(mH, (SourceLocation loc), const LocScope scope(loc); return lilith::adjoint(take());)
LILITH_METHOD(index_put,
              (const std::vector<TensorIndex>& items, const Arg& values, bool accumulate),
              const LocScope scope(values.loc(), "index_put");
              return ops::put_at(take(), items, values, accumulate);)
LILITH_METHOD(operator[], (Index i), const LocScope scope(i.loc, "select");
              return lilith::select(take(), 0, i.value);)
LILITH_METHOD(operator[], (const At& at), return take().index({at.item}, at.loc);)
LILITH_METHOD(where, (const Arg& cond, const Arg& other), const LocScope scope(cond.loc());
              return lilith::where(cond, take(), other);)
LILITH_METHOD(polygamma, (Int n, SourceLocation loc), const LocScope scope(loc);
              return lilith::polygamma(n, take());)
LILITH_METHOD(sum, (DType dtype, SourceLocation loc), const LocScope scope(loc);
              return lilith::sum(take(), {}, false, dtype);)
LILITH_METHOD(mean, (DType dtype, SourceLocation loc), const LocScope scope(loc);
              return lilith::mean(take(), {}, false, dtype);)
#undef LILITH_METHOD

Tensor Tensor::new_zeros(const Shape& shape, std::optional<DType> dtype, SourceLocation loc) const {
  return zeros(shape, {.dtype = dtype.value_or(this->dtype()), .device = device()}, loc);
}
Tensor Tensor::new_ones(const Shape& shape, std::optional<DType> dtype, SourceLocation loc) const {
  return ones(shape, {.dtype = dtype.value_or(this->dtype()), .device = device()}, loc);
}
Tensor Tensor::new_empty(const Shape& shape, std::optional<DType> dtype, SourceLocation loc) const {
  return empty(shape, {.dtype = dtype.value_or(this->dtype()), .device = device()}, loc);
}
Tensor Tensor::new_full(const Shape& shape, const Arg& value, std::optional<DType> dtype) const {
  return full(shape, value, {.dtype = dtype.value_or(this->dtype()), .device = device()});
}

Tensor& Tensor::zero_(SourceLocation loc) & {
  LocScope scope(loc);
  return set(*this, zeros_like(*this));
}
Tensor& Tensor::fill_(const Arg& value) & {
  LocScope scope(value.loc());
  return set(*this, full_like(*this, value));
}
Tensor& Tensor::copy_(const Arg& source) & {
  LocScope scope(source.loc());
  return set(*this, lilith::expand(source.tensor().to(device()).to(dtype()), shape()));
}
Tensor& Tensor::normal_(Real mean, Real std, const std::optional<RandomGenerator>& generator,
                        SourceLocation loc) & {
  LocScope scope(loc);
  const TensorOptions options{.dtype = dtype(), .device = device(), .generator = generator};
  return set(*this, lilith::normal(mean, std, shape(), options));
}
Tensor& Tensor::uniform_(Real from, Real to, const std::optional<RandomGenerator>& generator,
                         SourceLocation loc) & {
  LocScope scope(loc);
  LILITH_CHECK(from <= to, "uniform_: from {} to {}; need from <= to", from, to);
  const TensorOptions options{.dtype = dtype(), .device = device(), .generator = generator};
  return set(*this, ops::shift(ops::scale(rand(shape(), options), to - from), from));
}
Tensor& Tensor::bernoulli_(const Arg& p, const std::optional<RandomGenerator>& generator) & {
  LocScope scope(p.loc());
  if (p.is_scalar()) return set(*this, lilith::bernoulli(*this, p.scalar().as_double(), generator));
  const Tensor chance = lilith::expand(p.tensor(kFloat32).to(device()), shape());
  return set(*this, lilith::bernoulli(chance, generator).to(dtype()));
}
Tensor& Tensor::squeeze_(SourceLocation loc) & {
  LocScope scope(loc);
  return set(*this, squeeze());
}
Tensor& Tensor::add_(const Arg& other, const AlphaKeyword& keyword) & {
  return add_(other, keyword.alpha);
}
Tensor& Tensor::sub_(const Arg& other, const AlphaKeyword& keyword) & {
  return sub_(other, keyword.alpha);
}
Tensor& Tensor::clamp_(const BoundKeywords& keywords, SourceLocation loc) & {
  return clamp_(keywords.min, keywords.max, loc);
}
Tensor& Tensor::index_put_(const std::vector<TensorIndex>& items, const Arg& values,
                           bool accumulate) & {
  const LocScope scope(values.loc(), "index_put_");
  return set(*this, same_kind("index_put_", *this, index_put(items, values, accumulate)));
}
Tensor& Tensor::random_(Int from, Int to, SourceLocation loc) & {
  LocScope scope(loc);
  return set(*this, randint(from, to, shape(), {.dtype = dtype(), .device = device()}));
}
Tensor& Tensor::random_(Int to, SourceLocation loc) & { return random_(0, to, loc); }
Tensor& Tensor::fill_diagonal_(const Arg& value) & {
  LocScope scope(value.loc());
  LILITH_CHECK(ndim() >= 2, "fill_diagonal_: x is {}; need 2 dimensions at least", aval().str());
  std::int64_t step = 0;
  for (int d = 0; d < ndim(); ++d) {
    LILITH_CHECK(ndim() == 2 || size(d) == size(0),
                 "fill_diagonal_: x is {}; need equal sizes where there are more than 2",
                 aval().str());
    step += shape().strides()[d];
  }
  const std::int64_t n = ndim() == 2 ? std::min(size(0), size(1)) : size(0);
  const Tensor at = arange(numel(), {.device = device()}).view(shape());
  return set(*this, masked_fill((at % step == 0) & (at < n * step), value));
}
std::string Tensor::type() const {
  constexpr const char* kNames[] = {"Bool",  "Byte",   "Char",         "Short",
                                    "Int",   "Long",   "Half",         "BFloat16",
                                    "Float", "Double", "ComplexFloat", "ComplexDouble"};
  return fmt::format("torch.{}{}Tensor",
                     is_cpu()    ? ""
                     : is_cuda() ? "cuda."
                                 : "opencl.",
                     kNames[static_cast<int>(dtype())]);
}
Tensor Tensor::norm_by_word(std::string_view p, const IntList& dim, bool keepdim,
                            SourceLocation loc) const {
  const LocScope scope(loc, "norm");
  return lilith::norm(*this, MatrixNorm(std::string(p)), dim, keepdim);
}
Tensor& Tensor::squeeze_(const IntList& dim, SourceLocation loc) & {
  LocScope scope(loc);
  return set(*this, squeeze(dim));
}
Tensor& Tensor::unsqueeze_(Dim dim, SourceLocation loc) & {
  LocScope scope(loc);
  return set(*this, unsqueeze(dim));
}
Tensor& Tensor::transpose_(Dim dim0, Dim dim1, SourceLocation loc) & {
  LocScope scope(loc);
  return set(*this, transpose(dim0, dim1));
}
Tensor& Tensor::t_(SourceLocation loc) & {
  LocScope scope(loc);
  return set(*this, t());
}
Tensor& Tensor::detach_(SourceLocation loc) & {
  LocScope scope(loc);
  return set(*this, detach());
}

// Of temporaries.
LILITH_NEW(zero_, (SourceLocation loc), loc)
LILITH_NEW(add_, (const Arg& other, const AlphaKeyword& keyword), other.loc(), other, keyword)
LILITH_NEW(sub_, (const Arg& other, const AlphaKeyword& keyword), other.loc(), other, keyword)
LILITH_NEW(clamp_, (const BoundKeywords& keywords, SourceLocation loc), loc, keywords)
LILITH_NEW(fill_, (const Arg& value), value.loc(), value)
LILITH_NEW(copy_, (const Arg& source), source.loc(), source)
LILITH_NEW(fill_diagonal_, (const Arg& value), value.loc(), value)
LILITH_NEW(index_put_, (const std::vector<TensorIndex>& items, const Arg& values, bool accumulate),
           values.loc(), items, values, accumulate)
LILITH_NEW(normal_,
           (Real mean, Real std, const std::optional<RandomGenerator>& generator,
            SourceLocation loc),
           loc, mean, std, generator)
LILITH_NEW(uniform_,
           (Real from, Real to, const std::optional<RandomGenerator>& generator,
            SourceLocation loc),
           loc, from, to, generator)
LILITH_NEW(bernoulli_, (const Arg& p, const std::optional<RandomGenerator>& generator), p.loc(), p,
           generator)
LILITH_NEW(random_, (Int from, Int to, SourceLocation loc), loc, from, to)
LILITH_NEW(random_, (Int to, SourceLocation loc), loc, to)
#undef LILITH_NEW

Tensor& Tensor::operator+=(const Arg& other) & {
  LocScope scope(other.loc());
  return *this = same_kind("+=", *this, lilith::add(*this, other));
}
Tensor& Tensor::operator-=(const Arg& other) & {
  LocScope scope(other.loc());
  return *this = same_kind("-=", *this, lilith::sub(*this, other));
}
Tensor& Tensor::operator*=(const Arg& other) & {
  LocScope scope(other.loc());
  return *this = same_kind("*=", *this, lilith::mul(*this, other));
}
Tensor& Tensor::operator/=(const Arg& other) & {
  LocScope scope(other.loc());
  return *this = same_kind("/=", *this, lilith::div(*this, other));
}

const Tensor& ValuesIndices::operator[](Index i) const {
  const LocScope scope(i.loc, nullptr);
  LILITH_CHECK(i.value == 0 || i.value == 1,
               "values and indices: item {}; need 0 (values) or 1 (indices)", i.value);
  return i.value == 0 ? values : indices;
}

}  // namespace lilith
