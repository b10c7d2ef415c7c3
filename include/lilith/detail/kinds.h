#pragma once
#include <array>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "lilith/detail/choice.h"
#include "lilith/detail/names.h"
#include "lilith/visitor.h"

namespace lilith {
class IntList;
class RealList;
template <class Layer>
class ModuleDict;
}  // namespace lilith

// What reflection tells apart.
namespace lilith::reflect {

template <class T>
inline constexpr TypeInfo type_info{short_type_name(pretty_type<T>())};

/// Reaches the (possibly private) visit_fields of a class.
struct Access {
  template <class T>
  static constexpr bool has = requires(T& t, Visitor& v) { t.visit_fields(v); };
  template <class T>
  static void visit(T& t, Visitor& v) {
    t.visit_fields(v);
  }
  /// The class whose visit_fields T has: T or a base.
  template <class T>
  static constexpr auto owner() {
    if constexpr (requires { owner_of(&T::visit_fields); })
      return owner_of(&T::visit_fields);
    else
      return std::type_identity<T>();
  }
  template <class B, class T>
  static B& base(T& t) {
    return t;
  }

 private:
  template <class C>
  static constexpr std::type_identity<C> owner_of(void (C::*)(Visitor&)) {
    return {};
  }
};
template <class T>
concept SelfVisiting = Access::has<T>;

/// Where the fields of a class that inherits from T would begin.
template <class T>
constexpr std::size_t end_of_fields() {
  if constexpr (std::is_final_v<T>) {
    return sizeof(T);
  } else {
    struct Tail : T {
      char next;
    };
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored \
    "-Winvalid-offsetof"  // of a class with bases, as compilers lay it out
    return offsetof(Tail, next);
#pragma GCC diagnostic pop
  }
}
template <class T, class Base>
inline constexpr bool adds_fields =
    !std::is_same_v<T, Base> && end_of_fields<T>() != end_of_fields<Base>();

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;
template <class T>
inline constexpr bool is_list = false;
template <class T, std::size_t N>
inline constexpr bool is_list<std::array<T, N>> = true;
template <class T, class A>
inline constexpr bool is_list<std::vector<T, A>> = true;
template <class T>
inline constexpr bool is_tuple = false;
template <class... T>
inline constexpr bool is_tuple<std::tuple<T...>> = true;
template <class A, class B>
inline constexpr bool is_tuple<std::pair<A, B>> = true;
template <class T>
inline constexpr bool is_map = false;
template <class T, class C, class A>
inline constexpr bool is_map<std::map<std::string, T, C, A>> = true;
template <class T>
inline constexpr bool is_map<ModuleDict<T>> = true;
template <class T>
inline constexpr bool is_unique = false;
template <class T, class D>
inline constexpr bool is_unique<std::unique_ptr<T, D>> = true;
template <class T>
inline constexpr bool is_shared = false;
template <class T>
inline constexpr bool is_shared<Shared<T>> = true;
template <class T>
inline constexpr bool is_variant = false;
template <class... T>
inline constexpr bool is_variant<std::variant<T...>> = true;
template <class T>
inline constexpr bool is_gradients = false;
template <class T>
inline constexpr bool is_gradients<Gradients<T>> = true;
/// True of a (reference to a) Model and of its gradients: what copies from it.
template <class T, class Model>
inline constexpr bool is_or_holds_gradients_of =
    std::is_same_v<std::remove_cvref_t<T>, Model> ||
    std::is_same_v<std::remove_cvref_t<T>, Gradients<Model>>;
/// True of the types of namespace std.
template <class T>
constexpr bool is_standard() {
  const std::string_view text = pretty_type<T>();
  return text.substr(text.find("T = ") + 4).starts_with("std::");
}
template <class T>
inline constexpr bool is_number_list = std::is_same_v<T, std::vector<bool>> ||
                                       std::is_same_v<T, Shape> || std::is_base_of_v<IntList, T>;
template <class T>
inline constexpr bool is_text = std::is_convertible_v<T&, std::string_view>;
template <class T>
inline constexpr bool is_number = std::is_arithmetic_v<T> || std::is_enum_v<T>;
template <class T>
inline constexpr bool is_choice = false;
template <class Names>
inline constexpr bool is_choice<detail::Choice<Names>> = true;
template <class T>
inline constexpr bool is_function_pointer =
    std::is_pointer_v<T> && std::is_function_v<std::remove_pointer_t<T>>;

/// A struct whose fields are found by reflection.
template <class T>
concept PlainStruct =
    std::is_class_v<T> && std::is_aggregate_v<T> && !SelfVisiting<T> && !is_list<T>;

/// One whose fields can be found; walk says why of others.
template <class T>
concept FoundStruct =
    PlainStruct<T> && layout<T>.known && !layout<T>.split && num_fields<T> <= kMaxFields;

}  // namespace lilith::reflect
