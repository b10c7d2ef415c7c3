#pragma once
#include <concepts>
#include <cstring>
#include <iosfwd>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "lilith/aval.h"
#include "lilith/detail/choice.h"
#include "lilith/detail/tie.h"
#include "lilith/error.h"
#include "lilith/generator.h"
#include "lilith/ops/int_list.h"
#include "lilith/real.h"

namespace lilith {

namespace ir {
class NodeImpl;
}
class Tensor;
struct At;
struct TensorIndex;
struct ValuesIndices;
struct UniqueOptions;
struct UniqueConsecutiveOptions;
struct UniqueResult;

using SourceLocation = std::source_location;

namespace detail {
/// f(x…). The library's own layers and losses take the user's line along; what the user wrote has
/// lines of its own.
template <class F, class... X>
decltype(auto) call_at(SourceLocation loc, F&& f, const X&... x) {
  if constexpr (std::is_invocable_v<F&, const X&..., SourceLocation>)
    return f(x..., loc);
  else
    return f(x...);
}

template <class...>
inline constexpr bool kNever = false;
/// Says that an in-place method is called on a temporary.
template <class... A>
void refuse_in_place() {
  static_assert(kNever<A...>,
                "lilith: an in-place method changes the variable that it is called on, and this is "
                "a temporary (x[0], x.t(), f(x)), whose change would be lost: write y = x.add(1), "
                "or for a part x = slice_update(x, part, dim, start, end), index_put(x, {i}, y), "
                "masked_fill(x, mask, y)");
}
}  // namespace detail

/// Options of the creating functions: zeros({2, 3}, {.dtype = kFloat64}).
struct TensorOptions {
  DType dtype = DType::F32;
  Device device = {};
  std::optional<Generator> generator = {};  // of random values; none: the process's
};

/// The i of x[i], with the user's line. No bool, which would be read as row 0 or 1.
struct Index {
  template <class T>
    requires std::integral<detail::Plain<T>>
  Index(T i, SourceLocation l = SourceLocation::current())
      : value(static_cast<std::int64_t>(i)), loc(l) {
    static_assert(detail::is_a_number<T>,
                  "lilith: x[true] and x[false] are no rows; write x.unsqueeze(0) or x.slice(0, 0, "
                  "0) for what PyTorch gives");
  }
  std::int64_t value;
  SourceLocation loc;
};

namespace detail {
struct RoundingNames {
  enum class Kind : std::uint8_t { None, Trunc, Floor };
  static constexpr Kind None = Kind::None, Trunc = Kind::Trunc, Floor = Kind::Floor;
  static constexpr const char* what = "rounding_mode";
  static constexpr std::string_view words[] = {"none", "trunc", "floor"};
};
}  // namespace detail
/// How div rounds: RoundingMode::Floor, or "floor".
using RoundingMode = detail::Choice<detail::RoundingNames>;

namespace detail {
struct ScatterNames {
  enum class Kind : std::uint8_t { Sum, Prod, Mean, Amax, Amin };
  static constexpr Kind Sum = Kind::Sum, Prod = Kind::Prod, Mean = Kind::Mean, Amax = Kind::Amax,
                        Amin = Kind::Amin;
  static constexpr const char* what = "reduce";
  static constexpr std::string_view words[] = {"sum", "prod", "mean", "amax", "amin"};
};
struct QuantileNames {
  enum class Kind : std::uint8_t { Linear, Lower, Higher, Midpoint, Nearest };
  static constexpr Kind Linear = Kind::Linear, Lower = Kind::Lower, Higher = Kind::Higher,
                        Midpoint = Kind::Midpoint, Nearest = Kind::Nearest;
  static constexpr const char* what = "interpolation";
  static constexpr std::string_view words[] = {"linear", "lower", "higher", "midpoint", "nearest"};
};
}  // namespace detail
/// What scatter_reduce combines elements by: ScatterReduction::Sum, or "sum".
using ScatterReduction = detail::Choice<detail::ScatterNames>;
/// Where a quantile between two elements lies: QuantileInterpolation::Linear, or "linear".
using QuantileInterpolation = detail::Choice<detail::QuantileNames>;

/// One of several sizes or dimensions that stand one after the other, x.view(2, 3), with the
/// user's line.
struct Size {
  template <class T>
    requires std::integral<detail::Plain<T>>
  Size(T v, SourceLocation l = SourceLocation::current())
      : value(static_cast<std::int64_t>(v)), loc(l) {
    static_assert(detail::is_a_number<T>,
                  "lilith: a bool stands where a size or a dimension is due and would be read as 0 "
                  "or 1; look up the order of the function's parameters");
  }
  std::int64_t value;
  SourceLocation loc;
};

/// A host number whose dtype yields to the tensors it meets: `x * 2` keeps x's dtype.
struct Scalar {
  enum class Kind : std::uint8_t { Bool, Int, Float } kind = Kind::Int;
  std::int64_t i = 0;
  double f = 0;
  double as_double() const { return kind == Kind::Float ? f : static_cast<double>(i); }
};

/// An operand: a tensor or a weak scalar, with the user's line. Public functions take operands by
/// `const Arg&`, so that a converted argument captures where it was written. It uses up a temporary
/// and what is moved into it: in `exp(x - y)` nobody but exp holds the difference, whose value is
/// never stored.
class Arg {
 public:
  Arg(const Tensor& t, SourceLocation loc = SourceLocation::current());
  Arg(Tensor&& t, SourceLocation loc = SourceLocation::current());
  Arg(const Arg& other);
  Arg& operator=(const Arg&) = delete;
  ~Arg();
  template <class T>
    requires std::is_arithmetic_v<detail::Plain<T>>
  Arg(T value, SourceLocation loc = SourceLocation::current()) : loc_(loc), is_scalar_(true) {
    if constexpr (std::same_as<T, bool>)
      scalar_ = {Scalar::Kind::Bool, value, 0};
    else if constexpr (std::integral<detail::Plain<T>>)
      scalar_ = {Scalar::Kind::Int, static_cast<std::int64_t>(value), 0};
    else
      scalar_ = {Scalar::Kind::Float, 0, static_cast<double>(value)};
  }

  bool is_scalar() const { return is_scalar_; }
  const Scalar& scalar() const { return scalar_; }
  Loc loc() const { return loc_; }
  /// The tensor; a weak scalar becomes a 0-d tensor of its default dtype (bool, i64 or f32).
  Tensor tensor() const;
  /// The tensor; a weak scalar becomes a 0-d tensor of `dtype`.
  Tensor tensor(DType dtype) const;

 private:
  ir::NodeImpl* node_ = nullptr;
  Loc loc_;
  Scalar scalar_;
  bool is_scalar_ = false, used_up_ = false;
};

/// An end of clamp's range: a tensor, a number, or none ({} or None).
class Bound {
 public:
  Bound() = default;
  Bound(std::nullopt_t) {}
  Bound(const Arg& operand) : arg_(operand) {}
  Bound(const Tensor& t, SourceLocation loc = SourceLocation::current())
      : arg_(std::in_place, t, loc) {}
  template <class T>
    requires std::is_arithmetic_v<detail::Plain<T>>
  Bound(T value, SourceLocation loc = SourceLocation::current())
      : arg_(std::in_place, value, loc) {}
  const std::optional<Arg>& arg() const { return arg_; }

 private:
  std::optional<Arg> arg_;
};

/// A lazy n-dimensional array: a cheap handle to a node of the graph. Arithmetic adds nodes; a
/// value is computed when it is asked for. A value never changes under a handle. Distinct handles
/// may be used from distinct threads.
///
/// As in PyTorch, `m.dec.weight = m.enc.weight` ties: where two fields of one model were assigned
/// from each other (or made so: `Tensor dec = enc;`), they are one parameter. It is counted,
/// updated and clipped once, and has one gradient, which both fields of the gradient hold; copying,
/// loading, moving and casting the model keep the tie. What init:: sets in one field is the value
/// of both for functions over the model (lilith/init.h). A copy of a struct is tied within, not to
/// the original; a new value (`m.dec.weight = m.enc.weight + 0`) unties. Fields assigned from one
/// variable outside of the model are not tied. `tie(a, b)` says the same by name, for layers too.
class Tensor {
 public:
  /// An undefined tensor: defined() is false.
  Tensor() = default;
  Tensor(const Tensor& other);
  Tensor(Tensor& other) : Tensor(other.node_) { tie_.follow(other.tie_); }
  Tensor(Tensor&& other) noexcept : node_(other.node_), tie_(std::move(other.tie_)) {
    other.node_ = nullptr;
  }
  ~Tensor();
  // Assignment is &-qualified: `x[i] = y` would silently change nothing, so it does not compile.
  Tensor& operator=(const Tensor& other) &;
  Tensor& operator=(Tensor& other) &;
  Tensor& operator=(Tensor&& other) & noexcept;

  bool defined() const { return node_ != nullptr; }
  explicit operator bool() const { return defined(); }

  const Aval& aval() const;  // Error when undefined, as all that follow
  const Shape& shape() const { return aval().shape; }
  DType dtype() const { return aval().dtype; }
  Device device() const { return aval().device; }
  const Shape& size() const { return shape(); }
  /// Size of dimension d; negative d counts from the end.
  std::int64_t size(Dim d, SourceLocation loc = SourceLocation::current()) const;
  int ndim() const { return shape().rank(); }
  int dim() const { return ndim(); }
  int ndimension() const { return ndim(); }
  std::int64_t numel() const { return shape().numel(); }
  std::int64_t nelement() const { return numel(); }
  std::int64_t element_size() const { return static_cast<std::int64_t>(size_of(dtype())); }
  std::int64_t itemsize() const { return element_size(); }
  std::int64_t nbytes() const { return numel() * element_size(); }
  /// Elements to step for each dimension: values are dense, row by row.
  Shape stride() const { return shape().strides(); }
  std::int64_t stride(Dim d, SourceLocation loc = SourceLocation::current()) const;
  bool is_contiguous() const { return true; }
  bool is_floating_point() const { return is_floating(dtype()); }
  bool is_complex() const { return false; }
  bool is_signed() const { return dtype() != DType::Bool && dtype() != DType::U8; }
  bool is_cuda() const { return device().kind == Device::Kind::Cuda; }
  bool is_cpu() const { return device().kind == Device::Kind::Cpu; }
  bool is_same_size(const Tensor& other) const { return shape() == other.shape(); }

  // ---- Reading a value: evaluates what is pending. ----
  /// The value of a one-element tensor, converted to T.
  template <class T>
  T item(SourceLocation loc = SourceLocation::current()) const {
    if constexpr (std::same_as<T, bool>)
      return item_f64(loc) != 0;
    else if constexpr (std::integral<T>)
      return static_cast<T>(item_i64(loc));
    else
      return static_cast<T>(item_f64(loc));
  }
  /// The same as a double. Error where a double cannot hold it: write item<std::int64_t>().
  double item(SourceLocation loc = SourceLocation::current()) const;
  /// Whether the only element is not 0. Ref: torch.is_nonzero
  bool is_nonzero(SourceLocation loc = SourceLocation::current()) const;
  /// A copy of all elements in row-major order; T must be the dtype's host type.
  template <class T>
  std::vector<T> to_vector(SourceLocation loc = SourceLocation::current()) const {
    std::vector<std::conditional_t<std::is_same_v<T, bool>, unsigned char, T>> out(
        static_cast<std::size_t>(numel_of(dtype_of<T>, loc)));
    copy_elements(out.data(), loc);
    if constexpr (std::is_same_v<T, bool>)
      return {out.begin(), out.end()};
    else
      return out;
  }
  /// The elements in row-major order, in host memory; valid while this handle lives. T must be the
  /// dtype's host type. Error for a tensor on another device.
  template <class T>
  const T* data(SourceLocation loc = SourceLocation::current()) const {
    return static_cast<const T*>(raw_data(dtype_of<T>, loc));
  }
  /// Evaluates and returns the bytes, unchecked.
  const void* raw_data(SourceLocation loc = SourceLocation::current()) const;

  // ---- Methods; nearly each is also a free function in lilith/ops.h. ----
  // A temporary is used up by its method, so that `(x - y).abs().sum()` keeps no value but the sum.
#define LILITH_METHOD(...)   \
  Tensor __VA_ARGS__ const&; \
  Tensor __VA_ARGS__&&
  LILITH_METHOD(to(DType dtype, SourceLocation loc = SourceLocation::current()));
  LILITH_METHOD(to(Device device, SourceLocation loc = SourceLocation::current()));
  /// Of the dtype and on the device of `other`.
  LILITH_METHOD(to(const Tensor& other, SourceLocation loc = SourceLocation::current()));
  /// Of the dtype of `other`.
  LILITH_METHOD(type_as(const Tensor& other, SourceLocation loc = SourceLocation::current()));
  LILITH_METHOD(half(SourceLocation loc = SourceLocation::current()));
  LILITH_METHOD(bfloat16(SourceLocation loc = SourceLocation::current()));
  LILITH_METHOD(cpu(SourceLocation loc = SourceLocation::current()));
  LILITH_METHOD(cuda(SourceLocation loc = SourceLocation::current()));
  /// The value: tensors are dense, row by row, whatever they were made of.
  LILITH_METHOD(contiguous(SourceLocation loc = SourceLocation::current()));
  /// Swaps two dimensions.
  LILITH_METHOD(transpose(Dim a = -2, Dim b = -1, SourceLocation loc = SourceLocation::current()));
  /// The dimensions in reverse order; of a matrix its transpose. Ref: torch.Tensor.T
  LILITH_METHOD(T(SourceLocation loc = SourceLocation::current()));
  /// The last two dimensions swapped. Ref: torch.Tensor.mT
  LILITH_METHOD(mT(SourceLocation loc = SourceLocation::current()));
  /// x[i]: the i-th slice of dimension 0 (negative i counts from the end).
  LILITH_METHOD(operator[](Index i));
  /// x[mask], x[integers], x[Slice{1, 3}], x[None]: x.index of that one item.
  LILITH_METHOD(operator[](const At & at));
  /// x[items] as in PyTorch: integers, Slice, None, Ellipsis, integer tensors and masks, one a
  /// dimension (a mask takes as many as it has). Tensors broadcast; their dimensions stand where
  /// theirs did when they are adjacent, else first. A mask's values are asked for: inside `compile`
  /// that is an Error. Errors: too many items, an integer out of range, a tensor that is neither of
  /// integers nor a mask of x's sizes.
  LILITH_METHOD(index(const std::vector<TensorIndex>& items,
                      SourceLocation loc = SourceLocation::current()));
  /// x where cond, else other.
  LILITH_METHOD(where(const Arg& cond, const Arg& other));
  /// The n-th derivative of digamma.
  LILITH_METHOD(polygamma(Int n, SourceLocation loc = SourceLocation::current()));
  LILITH_METHOD(sum(DType dtype, SourceLocation loc = SourceLocation::current()));
  LILITH_METHOD(mean(DType dtype, SourceLocation loc = SourceLocation::current()));
  // PyTorch's `unbiased`: Bessel's correction or none.
  template <std::same_as<bool> B>
  Tensor std(const IntList& dim, B unbiased, bool keepdim = false,
             SourceLocation loc = SourceLocation::current()) const {
    return std(dim, unbiased ? 1 : 0, keepdim, loc);
  }
  template <std::same_as<bool> B>
  Tensor var(const IntList& dim, B unbiased, bool keepdim = false,
             SourceLocation loc = SourceLocation::current()) const {
    return var(dim, unbiased ? 1 : 0, keepdim, loc);
  }
  template <std::same_as<bool> B>
  Tensor std(B unbiased, SourceLocation loc = SourceLocation::current()) const {
    return std(IntList(), unbiased ? 1 : 0, false, loc);
  }
  template <std::same_as<bool> B>
  Tensor var(B unbiased, SourceLocation loc = SourceLocation::current()) const {
    return var(IntList(), unbiased ? 1 : 0, false, loc);
  }
  /// Of x's dtype and on its device, unless told otherwise. Ref: torch.Tensor.new_zeros
  Tensor new_zeros(const Shape& shape, std::optional<DType> dtype = {},
                   SourceLocation loc = SourceLocation::current()) const;
  Tensor new_ones(const Shape& shape, std::optional<DType> dtype = {},
                  SourceLocation loc = SourceLocation::current()) const;
  Tensor new_empty(const Shape& shape, std::optional<DType> dtype = {},
                   SourceLocation loc = SourceLocation::current()) const;
  Tensor new_full(const Shape& shape, const Arg& value, std::optional<DType> dtype = {}) const;
#undef LILITH_METHOD

  // In-place methods give the variable that they are called on a new value, of its dtype and shape;
  // other variables keep theirs: `Tensor y = x; x.add_(1);` leaves y as it was, unlike in PyTorch.
  // A temporary (x[0], x.t()) has no variable: its in-place methods do not compile. Fields that are
  // tied stay so.
  Tensor& zero_(SourceLocation loc = SourceLocation::current()) &;
  Tensor& fill_(const Arg& value) &;
  Tensor& copy_(const Arg& source) &;
  Tensor& normal_(Real mean = 0, Real std = 1, const std::optional<Generator>& generator = {},
                  SourceLocation loc = SourceLocation::current()) &;
  Tensor& uniform_(Real from = 0, Real to = 1, const std::optional<Generator>& generator = {},
                   SourceLocation loc = SourceLocation::current()) &;
  Tensor& bernoulli_(const Arg& p = 0.5, const std::optional<Generator>& generator = {}) &;
  // These change the variable's shape.
  Tensor& squeeze_(SourceLocation loc = SourceLocation::current()) &;
  Tensor& squeeze_(Dim dim, SourceLocation loc = SourceLocation::current()) &;
  Tensor& unsqueeze_(Dim dim, SourceLocation loc = SourceLocation::current()) &;
  Tensor& transpose_(Dim dim0, Dim dim1, SourceLocation loc = SourceLocation::current()) &;
  Tensor& t_(SourceLocation loc = SourceLocation::current()) &;
  Tensor& detach_(SourceLocation loc = SourceLocation::current()) &;

  // The rows of the table. Where a list of sizes or dimensions is due, numbers may stand one after
  // the other: x.view(2, 3), x.permute(1, 0).
#define LILITH_OR(...) = __VA_ARGS__
#define LILITH_HERE SourceLocation loc = SourceLocation::current()
#define LILITH_METHOD(R, name, parameters, ...) \
  R name parameters const&;                     \
  R name parameters&&;
#define LILITH_IN_PLACE(name, function, parameters, ...) \
  Tensor& name parameters&;                              \
  template <class... A>                                  \
  void name(A&&...)&& {                                  \
    detail::refuse_in_place<A...>();                     \
  }
#define LILITH_VALUE(name) LILITH_METHOD(Tensor, name, (LILITH_HERE))
#define LILITH_UNARY(name) LILITH_VALUE(name) LILITH_IN_PLACE(name##_, name, (LILITH_HERE))
#define LILITH_PAIR(name) LILITH_METHOD(Tensor, name, (const Arg& other))
#define LILITH_BINARY(name) LILITH_PAIR(name) LILITH_IN_PLACE(name##_, name, (const Arg& other))
#define LILITH_WITH_ALPHA(name)                                                  \
  LILITH_METHOD(Tensor, name, (const Arg& other, const Arg& alpha LILITH_OR(1))) \
  LILITH_IN_PLACE(name##_, name, (const Arg& other, const Arg& alpha LILITH_OR(1)))
#include "lilith/detail/tensor_methods.inc"
#define LILITH_LIST_METHOD(name)                                                              \
  template <class... R>                                                                       \
  Tensor name(Size first, Size second, R... rest) const& {                                    \
    return name({first.value, second.value, Size(rest, first.loc).value...}, first.loc);      \
  }                                                                                           \
  template <class... R>                                                                       \
  Tensor name(Size first, Size second, R... rest)&& {                                         \
    return std::move(*this).name({first.value, second.value, Size(rest, first.loc).value...}, \
                                 first.loc);                                                  \
  }
  LILITH_LIST_METHOD(view)
  LILITH_LIST_METHOD(reshape)
  LILITH_LIST_METHOD(expand)
  LILITH_LIST_METHOD(permute)
  LILITH_LIST_METHOD(repeat)
  LILITH_LIST_METHOD(tile)
  LILITH_LIST_METHOD(flip)
  LILITH_LIST_METHOD(sum_to_size)
#undef LILITH_LIST_METHOD

#include "lilith/detail/tensor_words.inc"

  // In-place operators rebind this handle; the old value is untouched.
  Tensor& operator+=(const Arg& other) &;
  Tensor& operator-=(const Arg& other) &;
  Tensor& operator*=(const Arg& other) &;
  Tensor& operator/=(const Arg& other) &;

  // ---- The graph side: for ops, passes and transforms. ----
  explicit Tensor(ir::NodeImpl* node);  // takes a new reference
  ir::NodeImpl* node() const { return node_; }
  /// Takes the value alone: what it is tied to stays.
  void rebind(const Tensor& value) &;
  detail::TieTag& tie_tag() { return tie_; }
  const detail::TieTag& tie_tag() const { return tie_; }

 private:
  double item_f64(SourceLocation loc) const;
  std::int64_t item_i64(SourceLocation loc) const;
  const void* raw_data(DType expected, SourceLocation loc) const;
  /// Error when the dtype is another.
  std::int64_t numel_of(DType expected, SourceLocation loc) const;
  void copy_elements(void* to, SourceLocation loc) const;

  ir::NodeImpl* node_ = nullptr;
  detail::TieTag tie_;
};

/// start:stop:step of one dimension in x.index({...}); negative start and stop count from the end.
struct Slice {
  std::int64_t start = 0, stop = INT64_MAX, step = 1;
};
/// In x.index({...}): a new dimension of size 1.
inline constexpr std::nullopt_t None = std::nullopt;
/// In x.index({...}): as many whole dimensions as are not named.
struct EllipsisType {};
inline constexpr EllipsisType Ellipsis;

/// One item of x.index({...}).
struct TensorIndex {
  enum class Kind : std::uint8_t { Integer, Slice, None, Ellipsis, Tensor };
  template <class T>
    requires std::integral<detail::Plain<T>>
  TensorIndex(T i) : kind(Kind::Integer), integer(static_cast<std::int64_t>(i)) {
    static_assert(detail::is_a_number<T>,
                  "lilith: x.index({true}) is no row; write None for the new dimension that "
                  "PyTorch gives");
  }
  TensorIndex(const Slice& s) : kind(Kind::Slice), slice(s) {}
  TensorIndex(std::nullopt_t) : kind(Kind::None) {}
  TensorIndex(EllipsisType) : kind(Kind::Ellipsis) {}
  TensorIndex(const Tensor& t) : kind(Kind::Tensor), tensor(t) {}
  Kind kind;
  std::int64_t integer = 0;
  Slice slice = {};
  Tensor tensor = {};
};

/// The item of x[mask], x[Slice{1, 3}] …, with the user's line.
struct At {
  At(const Tensor& t, SourceLocation l = SourceLocation::current()) : item(t), loc(l) {}
  At(const Slice& s, SourceLocation l = SourceLocation::current()) : item(s), loc(l) {}
  At(std::nullopt_t none, SourceLocation l = SourceLocation::current()) : item(none), loc(l) {}
  At(EllipsisType all, SourceLocation l = SourceLocation::current()) : item(all), loc(l) {}
  TensorIndex item;
  SourceLocation loc;
};

/// What max, min and their like give of a dimension: auto [values, indices] = x.max(1); also
/// x.max(1).values, x.max(1)[0].
struct ValuesIndices {
  Tensor values, indices;                   // of x's dtype; i64
  const Tensor& operator[](Index i) const;  // 0: values, 1: indices; Error for others
  operator std::pair<Tensor, Tensor>() const { return {values, indices}; }
};

/// A tensor that is state, not a parameter: no gradient, but saved, loaded and moved with the model
/// (BatchNorm's running mean).
class Buffer : public Tensor {
 public:
  Buffer() = default;
  Buffer(const Tensor& t) : Tensor(t) {}
  Buffer(const Buffer&) = default;
  Buffer(Buffer&&) = default;
  Buffer& operator=(const Buffer&) & = default;
  Buffer& operator=(Buffer&&) & = default;
};

std::ostream& operator<<(std::ostream& out, const Tensor& t);
/// "[2,3]", "f32", "cpu".
template <class T>
  requires(std::same_as<T, Shape> || std::same_as<T, DType> || std::same_as<T, Device>)
std::ostream& operator<<(std::ostream& out, const T& what) {
  if constexpr (std::same_as<T, DType>)
    return out << name(what);
  else
    return out << what.str();
}
/// The values as PyTorch prints them: "tensor([[1., 2.], [3., 4.]])", dtype (f64) when it is not
/// the default.
std::string to_string(const Tensor& t);

}  // namespace lilith

template <>
struct fmt::formatter<lilith::Tensor> : fmt::formatter<std::string_view> {
  template <class Context>
  auto format(const lilith::Tensor& t, Context& ctx) const {
    return fmt::formatter<std::string_view>::format(lilith::to_string(t), ctx);
  }
};
