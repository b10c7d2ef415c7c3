#pragma once
// What functions take beside tensors: operands, which may be numbers, and indices and sizes. Each
// captures the user's line where an argument becomes one.
#include <concepts>
#include <cstdint>
#include <optional>
#include <source_location>
#include <string_view>
#include <type_traits>

#include "lilith/detail/placement.h"
#include "lilith/dtype.h"
#include "lilith/error.h"
#include "lilith/ops/choices.h"
#include "lilith/ops/int_list.h"

namespace lilith {

namespace ir {
class NodeImpl;
}
class Tensor;

using SourceLocation = std::source_location;

namespace detail {
/// A whole number of any type, with the user's line.
template <bool IsRow>
struct WholeArg {
  template <class T>
    requires std::integral<Plain<T>>
  WholeArg(T v, SourceLocation l = SourceLocation::current())
      : value(static_cast<std::int64_t>(v)), loc(l) {
    static_assert(is_a_number<T> || !IsRow,
                  "lilith: x[true] and x[false] are no rows; write x.unsqueeze(0) or x.slice(0, 0, "
                  "0) for what PyTorch gives");
    static_assert(is_a_number<T> || IsRow,
                  "lilith: a bool stands where a size or a dimension is due and would be read as 0 "
                  "or 1; look up the order of the function's parameters");
  }
  std::int64_t value;
  SourceLocation loc;
};
}  // namespace detail

/// The i of x[i], with the user's line. No bool, which would be read as row 0 or 1.
struct Index : detail::WholeArg<true> {
  using WholeArg::WholeArg;
};
/// One of several sizes or dimensions that stand one after the other, x.view(2, 3), with the
/// user's line.
struct Size : detail::WholeArg<false> {
  using WholeArg::WholeArg;
};

namespace detail {
/// A name in brackets, with the user's line.
struct Name {
  template <Word W>
  Name(const W& word, SourceLocation l = SourceLocation::current()) : text(word), loc(l) {}
  std::string_view text;
  SourceLocation loc;
};
}  // namespace detail

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

// Keyword arguments of clamp, add and div (lilith/detail/keywords.h).
struct BoundKeywords {
  detail::Named named = {};
  Bound min = {}, max = {};
};
struct AlphaKeyword {
  detail::Named named = {};
  Arg alpha = 1;
};
struct RoundingKeyword {
  detail::Named named = {};
  RoundingMode rounding_mode = {};
};

}  // namespace lilith
