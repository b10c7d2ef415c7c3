#pragma once
#include <array>
#include <cstddef>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "lilith/detail/count.h"
#include "lilith/detail/fields.h"

// Names of types and of fields, as the compiler spells them.
namespace lilith::reflect {

/// Room for a T that is never made: only the addresses of its fields are named. A definition, not
/// an extern declaration, because local types and those of anonymous namespaces have no linkage.
template <class T>
union Fake {
  char none;
  T value;
  constexpr Fake() : none() {}
  constexpr ~Fake() {}
};
template <class T>
inline Fake<T> fake;

template <class T>
struct Pointer {
  const T* p;
};
template <class T>
Pointer(T*) -> Pointer<std::remove_const_t<T>>;

template <auto P>
constexpr const char* pretty_value() {
  return __PRETTY_FUNCTION__;
}
template <class T>
constexpr const char* pretty_type() {
  return __PRETTY_FUNCTION__;
}

/// The last identifier of "...{&fake<Net>.conv1}]".
constexpr std::string_view last_identifier(std::string_view text) {
  auto word = [](char c) {
    return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           static_cast<unsigned char>(c) >= 0x80;
  };
  std::size_t end = text.size();
  while (end > 0 && !word(text[end - 1])) --end;
  std::size_t begin = end;
  while (begin > 0 && word(text[begin - 1])) --begin;
  return text.substr(begin, end - begin);
}
/// "Conv2d" of "... [with T = lilith::Conv2d]": no namespaces, no template arguments.
constexpr std::string_view short_type_name(std::string_view text) {
  const std::size_t at = text.find("T = ");
  text = text.substr(at + 4, text.size() - at - 5);
  if (const std::size_t open = text.find('<'); open != text.npos && open > 0)
    text = text.substr(0, open);
  return last_identifier(text);
}

/// True of the type of a lambda.
template <class T>
constexpr bool is_lambda() {
  const std::string_view text = pretty_type<T>();
  return text.find("<lambda(") != text.npos || text.find("(lambda at") != text.npos;
}

template <class T>
constexpr auto field_names() {
  constexpr auto pointers = with_fields<num_fields<T>>(
      fake<T>.value, [](auto&... f) { return std::make_tuple(Pointer{&f}...); });
  return [&]<std::size_t... I>(std::index_sequence<I...>) {
    return std::array<std::string_view, sizeof...(I)>{
        last_identifier(pretty_value<std::get<I>(pointers)>())...};
  }(std::make_index_sequence<num_fields<T>>{});
}
template <class T>
inline constexpr auto names = field_names<T>();

}  // namespace lilith::reflect
