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
#include "lilith/detail/tie.h"
#include "lilith/error.h"
#include "lilith/generator.h"
#include "lilith/ops/int_list.h"
#include "lilith/real.h"

namespace lilith {

namespace ir {
class NodeImpl;
}
class Arg;
struct TensorIndex;

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
  /// Size of dimension d; negative d counts from the end.
  std::int64_t size(Dim d, SourceLocation loc = SourceLocation::current()) const;
  int ndim() const { return shape().rank(); }
  std::int64_t numel() const { return shape().numel(); }

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

  // ---- Methods for the common ops; each is also a free function in lilith/ops.h. ----
  // A temporary is used up by its method, so that `(x - y).abs().sum()` keeps no value but the sum.
#define LILITH_METHOD(...)   \
  Tensor __VA_ARGS__ const&; \
  Tensor __VA_ARGS__&&
  LILITH_METHOD(to(DType dtype, SourceLocation loc = SourceLocation::current()));
  LILITH_METHOD(to(Device device, SourceLocation loc = SourceLocation::current()));
  LILITH_METHOD(reshape(const Shape& shape, SourceLocation loc = SourceLocation::current()));
  LILITH_METHOD(view(const Shape& shape, SourceLocation loc = SourceLocation::current()));
  /// Swaps two dimensions.
  LILITH_METHOD(transpose(Dim a = -2, Dim b = -1, SourceLocation loc = SourceLocation::current()));
  /// The 2-D transpose (1-D and 0-D tensors as they are).
  LILITH_METHOD(t(SourceLocation loc = SourceLocation::current()));
  LILITH_METHOD(permute(const IntList& dims, SourceLocation loc = SourceLocation::current()));
  LILITH_METHOD(flatten(Dim start = 0, Dim end = -1,
                        SourceLocation loc = SourceLocation::current()));
  LILITH_METHOD(squeeze(SourceLocation loc = SourceLocation::current()));
  LILITH_METHOD(squeeze(Dim dim, SourceLocation loc = SourceLocation::current()));
  LILITH_METHOD(unsqueeze(Dim dim, SourceLocation loc = SourceLocation::current()));
  LILITH_METHOD(expand(const Shape& shape, SourceLocation loc = SourceLocation::current()));
  /// x[i]: the i-th slice of dimension 0 (negative i counts from the end).
  LILITH_METHOD(operator[](Index i));
  /// x[items] as in PyTorch: integers, Slice, None, Ellipsis and integer tensors, one a dimension.
  /// Tensors broadcast; their dimensions stand where theirs did when they are adjacent, else first.
  /// Errors: too many items, an integer out of range, a tensor that is not of integers.
  LILITH_METHOD(index(const std::vector<TensorIndex>& items,
                      SourceLocation loc = SourceLocation::current()));
  /// x[a:b:step] of dimension d; negative a and b count from the end, as in PyTorch.
  LILITH_METHOD(slice(Dim d, Int a, Int b = INT64_MAX, Int step = 1,
                      SourceLocation loc = SourceLocation::current()));
  LILITH_METHOD(sum(SourceLocation loc = SourceLocation::current()));
  LILITH_METHOD(sum(const IntList& dims, bool keepdim = false,
                    SourceLocation loc = SourceLocation::current()));
  LILITH_METHOD(mean(SourceLocation loc = SourceLocation::current()));
  LILITH_METHOD(mean(const IntList& dims, bool keepdim = false,
                     SourceLocation loc = SourceLocation::current()));
  LILITH_METHOD(max(SourceLocation loc = SourceLocation::current()));
  LILITH_METHOD(min(SourceLocation loc = SourceLocation::current()));
  LILITH_METHOD(argmax(std::optional<Dim> dim = {}, bool keepdim = false,
                       SourceLocation loc = SourceLocation::current()));
  LILITH_METHOD(abs(SourceLocation loc = SourceLocation::current()));
  LILITH_METHOD(exp(SourceLocation loc = SourceLocation::current()));
  LILITH_METHOD(log(SourceLocation loc = SourceLocation::current()));
  LILITH_METHOD(sqrt(SourceLocation loc = SourceLocation::current()));
  LILITH_METHOD(pow(const Arg& exponent));
  LILITH_METHOD(matmul(const Arg& other));
#undef LILITH_METHOD

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

std::ostream& operator<<(std::ostream& out, const Tensor& t);
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
