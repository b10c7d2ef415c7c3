#pragma once
// What stands in brackets: x.index({0, Slice(1, None), Ellipsis, None, mask}), x[Slice(1, 3)]; and
// going through a tensor's rows. Included by lilith/tensor.h.
#include "lilith/tensor.h"

namespace lilith {

/// An end of a slice: a number, or None.
template <std::int64_t Missing>
struct SliceEnd {
  template <class T>
    requires std::integral<detail::Plain<T>>
  constexpr SliceEnd(T v) : value(static_cast<std::int64_t>(v)) {
    static_assert(detail::is_a_number<T>, "lilith: a bool is no end of a slice");
  }
  constexpr SliceEnd(std::nullopt_t) {}
  constexpr operator std::int64_t() const { return value; }
  std::int64_t value = Missing;
};
/// start:stop:step of one dimension in x.index({...}); negative start and stop count from the end.
struct Slice {
  SliceEnd<0> start = std::nullopt;
  SliceEnd<INT64_MAX> stop = std::nullopt;
  SliceEnd<1> step = std::nullopt;
};
/// In x.index({...}): a new dimension of size 1.
inline constexpr std::nullopt_t None = std::nullopt;
/// In x.index({...}): as many whole dimensions as are not named; or "...".
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
  TensorIndex(const char (&dots)[4], SourceLocation loc = SourceLocation::current())
      : kind(Kind::Ellipsis) {
    const LocScope scope(loc, "index");
    LILITH_CHECK(std::string_view(dots) == "...", "index: \"{}\" is no index; need \"...\"", dots);
  }
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

/// x[0], x[1] …: for (Tensor row : x).
class RowIterator {
 public:
  RowIterator(const Tensor& x, std::int64_t i, SourceLocation loc) : x_(x), i_(i), loc_(loc) {}
  Tensor operator*() const { return x_[Index(i_, loc_)]; }
  RowIterator& operator++() { return ++i_, *this; }
  bool operator==(const RowIterator& other) const { return i_ == other.i_; }

 private:
  Tensor x_;
  std::int64_t i_;
  SourceLocation loc_;
};
/// Error: x has no dimension.
inline RowIterator begin(const Tensor& x, SourceLocation loc = SourceLocation::current()) {
  const LocScope scope(loc, "begin");
  LILITH_CHECK(x.ndim() > 0, "begin: {} has no rows; need one dimension at least", x.aval().str());
  return {x, 0, loc};
}
inline RowIterator end(const Tensor& x, SourceLocation loc = SourceLocation::current()) {
  return {x, x.size(0), loc};
}

}  // namespace lilith
