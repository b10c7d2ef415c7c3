#pragma once
#include <algorithm>
#include <cstddef>
#include <type_traits>
#include <utility>

// How many fields a struct has, found by how many initialisers it takes.
namespace lilith::reflect {

/// Struct of T and a reference: what initialises the reference tells that T is full.
struct End;
template <class T>
struct Whole {
  T value;
  End& end;
};

#if defined(__clang__)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wundefined-internal"  // of types in anonymous namespaces
#endif
/// Converts to any field of T, for counting; never evaluated.
template <class T>
struct AnyField {
  template <class U>
    requires(!std::is_same_v<U, T> && !std::is_base_of_v<U, T>)
  operator U() const;
};
template <class T>
struct AnyBase {
  template <class U>
    requires(!std::is_same_v<U, T> && std::is_base_of_v<U, T>)
  operator U() const;
};
template <class T>
struct AnyEmptyBase {
  template <class U>
    requires(!std::is_same_v<U, T> && std::is_base_of_v<U, T> && std::is_empty_v<U>)
  operator U() const;
};
template <class T>
struct AnyFullBase {
  template <class U>
    requires(!std::is_same_v<U, T> && std::is_base_of_v<U, T> && !std::is_empty_v<U>)
  operator U() const;
};
#if defined(__clang__)
#pragma clang diagnostic pop
#endif

template <std::size_t N>
using Most = std::make_index_sequence<N>;

/// True when K bases and the fields I..., without the braces of arrays and bases, fill T exactly.
template <class T, class Base, std::size_t... K, std::size_t... I>
constexpr bool fills(std::index_sequence<K...>, std::index_sequence<I...>) {
  return requires {
    Whole<T>{(static_cast<void>(K), Base{})..., (static_cast<void>(I), AnyField<T>{})...,
             std::declval<End&>()};
  };
}
/// True when T takes P fields, one of braces with U values in them, and R fields.
template <class T, std::size_t... K, std::size_t... P, std::size_t... U, std::size_t... R>
constexpr bool takes(std::index_sequence<K...>, std::index_sequence<P...>,
                     std::index_sequence<U...>, std::index_sequence<R...>) {
  return requires {
    T{(static_cast<void>(K), AnyEmptyBase<T>{})...,
      (static_cast<void>(P), AnyField<T>{})...,
      {(static_cast<void>(U), AnyField<T>{})...},
      (static_cast<void>(R), AnyField<T>{})...};
  };
}
/// Bases of bases that fields are looked for in.
inline constexpr std::size_t kMaxDepth = 3;
/// The same of a T whose base at that depth (1: its only base, 2: that one's only base) has all the
/// fields.
template <class T, std::size_t Depth, std::size_t... P, std::size_t... U, std::size_t... R>
constexpr bool base_takes(std::index_sequence<P...>, std::index_sequence<U...>,
                          std::index_sequence<R...>) {
  using F = AnyField<T>;
  if constexpr (Depth == 1)
    return requires {
      T{{(static_cast<void>(P), F{})...,
         {(static_cast<void>(U), F{})...},
         (static_cast<void>(R), F{})...}};
    };
  else if constexpr (Depth == 2)
    return requires {
      T{{{(static_cast<void>(P), F{})...,
          {(static_cast<void>(U), F{})...},
          (static_cast<void>(R), F{})...}}};
    };
  else
    return requires {
      T{{{{(static_cast<void>(P), F{})...,
           {(static_cast<void>(U), F{})...},
           (static_cast<void>(R), F{})...}}}};
    };
}
/// True when T's base at that depth (0: T itself) takes these first.
template <class T, std::size_t Depth, class... X>
constexpr bool begins_with() {
  if constexpr (Depth == 0)
    return requires { T{X{}...}; };
  else if constexpr (Depth == 1)
    return requires { T{{X{}...}}; };
  else if constexpr (Depth == 2)
    return requires { T{{{X{}...}}}; };
  else
    return requires { T{{{{X{}...}}}}; };
}

inline constexpr std::size_t kNone = static_cast<std::size_t>(-1);
/// Values that initialise a struct, those of arrays counted one by one.
inline constexpr std::size_t kMaxValues = 256;

/// The number of values after K bases that fill T; kNone when there is none.
template <class T, class Base, std::size_t K, std::size_t N = 0>
constexpr std::size_t count_values() {
  if constexpr (fills<T, Base>(Most<K>(), Most<N>()))
    return N;
  else if constexpr (N >= kMaxValues || N >= 8 * sizeof(T))
    return kNone;
  else
    return count_values<T, Base, K, N + 1>();
}

/// Where the fields of a struct are.
struct Layout {
  std::size_t bases = 0;   // leading initialisers that are empty bases
  std::size_t values = 0;  // that follow
  std::size_t depth = 0;   // of the base that has all of them: 1 its only base, 2 that one's …
  bool split = false;      // a base has fields and the struct has, too: the language shows neither
  bool known = true;
};

template <class T, std::size_t Values, std::size_t M = 0>
constexpr bool starts_with_base() {
  if constexpr (M >= Values)
    return false;
  else if constexpr (fills<T, AnyBase<T>>(Most<1>(), Most<M>()))
    return true;
  else
    return starts_with_base<T, Values, M + 1>();
}
template <class T, std::size_t... K>
constexpr bool full_base_after(std::index_sequence<K...>) {
  return requires { T{(static_cast<void>(K), AnyEmptyBase<T>{})..., AnyFullBase<T>{}}; };
}
template <class T, std::size_t K>
constexpr Layout after_empty_bases() {
  if constexpr (K > 3 || full_base_after<T>(Most<K>()))
    return {.known = false};
  else if constexpr (constexpr std::size_t n = count_values<T, AnyEmptyBase<T>, K>(); n != kNone)
    return {.bases = K, .values = n};
  else
    return after_empty_bases<T, K + 1>();
}
/// Of a T whose only base has all the fields, itself or by bases of its own.
template <class T, std::size_t Depth = 1>
constexpr Layout inside_bases(std::size_t values) {
  if constexpr (begins_with<T, Depth, AnyEmptyBase<T>, AnyFullBase<T>>())
    return {.known = false};
  else if constexpr (!begins_with<T, Depth, AnyFullBase<T>>())
    return {.values = values, .depth = Depth};
  else if constexpr (begins_with<T, Depth, AnyFullBase<T>, AnyField<T>>() ||
                     begins_with<T, Depth, AnyFullBase<T>, AnyFullBase<T>>())
    return {.values = values, .split = true};
  else if constexpr (Depth == kMaxDepth)
    return {.known = false};
  else
    return inside_bases<T, Depth + 1>(values);
}
template <class T>
constexpr Layout find_layout() {
  if constexpr (std::is_empty_v<T>) {
    return {};
  } else if constexpr (constexpr std::size_t n = count_values<T, AnyBase<T>, 0>(); n != kNone) {
    if constexpr (fills<T, AnyBase<T>>(Most<1>(), Most<0>())) return inside_bases<T>(n);
    // Fields of two classes in one object are never of standard layout.
    else if constexpr (!std::is_standard_layout_v<T> && starts_with_base<T, n>())
      return {.values = n, .split = true};
    else
      return {.values = n};
  } else {
    return after_empty_bases<T, 1>();
  }
}
template <class T>
inline constexpr Layout layout = find_layout<T>();

/// T with U values in braces after P values, and R behind them.
template <class T, std::size_t P, std::size_t U, std::size_t R>
constexpr bool with_braces() {
  if constexpr (layout<T>.depth > 0)
    return base_takes<T, layout<T>.depth>(Most<P>(), Most<U>(), Most<R>());
  else
    return takes<T>(Most<layout<T>.bases>(), Most<P>(), Most<U>(), Most<R>());
}
/// How many values the field after P values takes: the elements of an array, or one. Braces around
/// it leave as many for the others as its own values allow.
template <class T, std::size_t P, std::size_t U = 0>
constexpr std::size_t values_of_field() {
  constexpr std::size_t kLeft = layout<T>.values - P;
  if constexpr (kLeft == 1 || U > kLeft)
    return 1;
  else if constexpr (with_braces<T, P, U, kLeft - 1>())
    return 1;
  else if constexpr (U > 1 && with_braces<T, P, U, kLeft - U>())
    return U;
  else
    return values_of_field<T, P, U + 1>();
}
template <class T, std::size_t P = 0, std::size_t Fields = 0>
constexpr std::size_t count_fields() {
  if constexpr (P >= layout<T>.values)
    return Fields;
  else
    return count_fields<T, P + values_of_field<T, P>(), Fields + 1>();
}
template <class T>
inline constexpr std::size_t num_fields = count_fields<T>();

}  // namespace lilith::reflect

// Never called. Clang wants them defined for types of anonymous namespaces where it instantiates a
// constructor that takes them, such as optional's.
#if defined(__clang__)
namespace lilith::reflect {
template <class T>
template <class U>
  requires(!std::is_same_v<U, T> && !std::is_base_of_v<U, T>)
AnyField<T>::operator U() const {
  __builtin_unreachable();
}
template <class T>
template <class U>
  requires(!std::is_same_v<U, T> && std::is_base_of_v<U, T>)
AnyBase<T>::operator U() const {
  __builtin_unreachable();
}
template <class T>
template <class U>
  requires(!std::is_same_v<U, T> && std::is_base_of_v<U, T> && std::is_empty_v<U>)
AnyEmptyBase<T>::operator U() const {
  __builtin_unreachable();
}
template <class T>
template <class U>
  requires(!std::is_same_v<U, T> && std::is_base_of_v<U, T> && !std::is_empty_v<U>)
AnyFullBase<T>::operator U() const {
  __builtin_unreachable();
}
}  // namespace lilith::reflect
#endif
