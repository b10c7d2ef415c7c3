#pragma once
#include <cstddef>
#include <source_location>
#include <tuple>
#include <utility>
#include <vector>

#include "lilith/error.h"

namespace lilith::detail {

/// A vector of N, so that structured bindings take it apart: auto [train, test] = random_split(…).
template <class T, std::size_t N>
class Several : public std::vector<T> {
 public:
  /// Error for another number.
  Several(std::vector<T> parts, const char* op,
          std::source_location loc = std::source_location::current())
      : std::vector<T>(std::move(parts)) {
    const LocScope scope(loc, op);
    LILITH_CHECK(this->size() == N, "{}: there are {} parts; need the {} that are asked for", op,
                 this->size(), N);
  }
  template <std::size_t I>
  friend const T& get(const Several& s) {
    return s[I];
  }
  template <std::size_t I>
  friend T& get(Several& s) {
    return s[I];
  }
  template <std::size_t I>
  friend T&& get(Several&& s) {
    return std::move(s[I]);
  }
};

}  // namespace lilith::detail

template <class T, std::size_t N>
struct std::tuple_size<lilith::detail::Several<T, N>> : std::integral_constant<std::size_t, N> {};
template <std::size_t I, class T, std::size_t N>
struct std::tuple_element<I, lilith::detail::Several<T, N>> {
  using type = T;
};
