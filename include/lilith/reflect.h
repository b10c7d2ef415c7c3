#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "lilith/detail/bases.h"

namespace lilith {
namespace reflect {

template <class T>
void walk_struct(T& x, Visitor& v) {
  static_assert(
      layout<T>.known,
      "lilith: the fields of this struct cannot be counted (one is a reference, a base class has a "
      "constructor or stands behind an empty one, or there are more than 256 numbers in arrays): "
      "list them in it, "
      "LILITH_FIELDS(a, b)");
  static_assert(
      !layout<T>.split,
      "lilith: this struct has fields besides those of its base, and reflection sees only one of "
      "the two: add LILITH_FIELDS(a, b) to both, each with its own fields");
  static_assert(!layout<T>.known || num_fields<T> <= kMaxFields,
                "lilith: this struct has more than 40 fields: group some of them in a struct, or "
                "list them all in it, LILITH_FIELDS(a, b)");
  if constexpr (layout<T>.known && !layout<T>.split && num_fields<T> <= kMaxFields) {
    v.begin(type_info<T>);
    with_fields<num_fields<T>>(x, [&](auto&... f) { walk_fields(v, names<T>.data(), f...); });
    v.end();
  }
}

template <class T>
void walk_array(T& x, Visitor& v) {
  using Element = std::remove_extent_t<T>;
  if constexpr (std::is_same_v<std::remove_const_t<Element>, char>) {
    const std::string_view all(x, std::extent_v<T>);
    v.text(all.substr(0, all.find('\0')));
  } else {
    for (std::size_t i = 0; i < std::extent_v<T>; ++i) {
      v.enter(i);
      walk(x[i], v);
      v.leave();
    }
  }
}

template <class T>
void walk_container(T& x, Visitor& v) {
  if constexpr (is_tuple<T>) {
    std::apply(
        [&](auto&... e) {
          std::size_t i = 0;
          ((v.enter(i++), walk(e, v), v.leave()), ...);
        },
        x);
  } else if constexpr (is_map<T>) {
    v.structure(static_cast<std::int64_t>(x.size()));
    for (auto& [key, value] : x) {
      v.structure(static_cast<std::int64_t>(std::hash<std::string>()(key)));
      v.enter(std::string_view(key));
      walk(value, v);
      v.leave();
    }
  } else {
    v.structure(static_cast<std::int64_t>(x.size()));
    for (std::size_t i = 0; i < x.size(); ++i) {
      v.enter(i);
      walk(x[i], v);
      v.leave();
    }
  }
}

/// Says why the fields of a T are not found.
template <class T>
void refuse() {
  constexpr bool kLambda = is_lambda<T>();
  constexpr bool kClass = std::is_class_v<T> && !kLambda && !is_standard<T>();
  static_assert(!kLambda,
                "lilith: what a lambda captures would silently not be trained; write a struct "
                "instead: struct Scale { Tensor k; Tensor operator()(Tensor x) const { return x * "
                "k; } };");
  static_assert(!kClass,
                "lilith: this class has a constructor, private members or a virtual function, so "
                "its fields cannot be found: add LILITH_FIELDS(a, b) with all of them to it, or "
                "make it an aggregate: struct Net { Linear a{4, 8}; };");
  static_assert(!std::is_pointer_v<T>,
                "lilith: a model's field is a pointer, so what it points to would silently not be "
                "trained: hold the layer itself, a std::unique_ptr, or a Shared of it");
  static_assert(kLambda || kClass || std::is_pointer_v<T>,
                "lilith: this type cannot be looked into, so what it holds would silently not be "
                "trained: write a struct with the tensors and layers as fields");
}

/// Calls the visitor for x, or for what x holds.
template <class T>
void walk(T& x, Visitor& v) {
  using Value = std::remove_const_t<T>;
  static_assert(!std::is_const_v<T> || is_number<Value> || is_text<Value>,
                "lilith: a model's field is const: it could not be trained; leave out the const");
  if constexpr (is_gradients<T>)
    walk(static_cast<typename T::Model&>(x), v);
  else if constexpr (std::is_same_v<T, Tensor>)
    v.parameter(x);
  else if constexpr (std::is_same_v<T, Buffer>)
    v.buffer(x);
  else if constexpr (std::is_same_v<T, Hyper>)
    v.hyper(x);
  else if constexpr (std::is_same_v<T, bool>)
    v.flag(x);
  else if constexpr (is_number<Value> && !std::is_floating_point_v<Value>)
    v.integer(static_cast<std::int64_t>(x));
  else if constexpr (std::is_floating_point_v<T>)
    v.real(static_cast<double>(x));
  else if constexpr (std::is_same_v<Value, Real>)
    v.real(x);
  else if constexpr (std::is_same_v<Value, Dim> || std::is_same_v<Value, Int>)
    v.integer(x);
  else if constexpr (is_choice<Value>)
    v.integer(static_cast<std::int64_t>(x.kind()));
  else if constexpr (std::is_array_v<T>)
    walk_array(x, v);
  else if constexpr (std::is_same_v<Value, const char*> || std::is_same_v<Value, char*>)
    v.text(x ? std::string_view(x) : std::string_view());
  else if constexpr (is_text<T>)
    v.text(std::string_view(x));
  else if constexpr (is_number_list<T>) {
    v.structure(static_cast<std::int64_t>(x.size()));
    for (auto e : x) v.integer(static_cast<std::int64_t>(e));
  } else if constexpr (std::is_same_v<T, RealList>) {
    v.structure(static_cast<std::int64_t>(x.size()));
    for (const double e : x.vec()) v.real(e);
  } else if constexpr (SelfVisiting<T>) {
    v.object(type_info<T>, &x);
    walk_self(x, v);
  } else if constexpr (is_shared<T>)
    walk_shared(x, v);
  else if constexpr (is_optional<T> || is_unique<T>) {
    v.structure(static_cast<bool>(x));
    if (x) walk(*x, v);
  } else if constexpr (is_variant<T>) {
    v.structure(static_cast<std::int64_t>(x.index()));
    std::visit([&](auto& e) { walk(e, v); }, x);
  } else if constexpr (is_list<T> || is_tuple<T> || is_map<T>)
    walk_container(x, v);
  else if constexpr (PlainStruct<T>) {
    v.object(type_info<T>, &x);
    walk_struct(x, v);
  } else if constexpr (std::is_empty_v<T>)
    v.begin(type_info<T>), v.end();
  else if constexpr (is_function_pointer<T>)
    v.integer(reinterpret_cast<std::intptr_t>(x));
  else
    refuse<T>();
}

template <class T>
T copy_of(const T& x);

template <class T>
void walk_shared(Shared<T>& x, Visitor& v) {
  std::shared_ptr<void> object = x.ptr();
  v.shared(object, [](const void* p) -> std::shared_ptr<void> {
    return std::make_shared<T>(copy_of(*static_cast<const T*>(p)));
  });
  if (object != x.ptr()) x.ptr() = std::static_pointer_cast<T>(object);
  if (v.enter_shared(x.ptr().get())) walk(x.get(), v);
}

/// True when T is, or holds at any depth, a type for which P<T>::value.
template <template <class> class P, class T>
constexpr bool contains() {
  if constexpr (is_gradients<T>)
    return contains<P, typename T::Model>();
  else if constexpr (P<T>::value)
    return true;
  else if constexpr (std::is_array_v<T>)
    return contains<P, std::remove_cv_t<std::remove_all_extents_t<T>>>();
  else if constexpr (is_optional<T> || (is_list<T> && !is_number_list<T>))
    return contains<P, typename T::value_type>();
  else if constexpr (is_map<T>)
    return contains<P, typename T::mapped_type>();
  else if constexpr (is_unique<T>)
    return contains<P, typename T::element_type>();
  else if constexpr (is_tuple<T>)
    return []<std::size_t... I>(std::index_sequence<I...>) {
      return (contains<P, std::tuple_element_t<I, T>>() || ...);
    }(std::make_index_sequence<std::tuple_size_v<T>>{});
  else if constexpr (FoundStruct<T>)
    return decltype(with_fields<num_fields<T>>(std::declval<T&>(), [](auto&... f) {
      return std::bool_constant<(contains<P, std::remove_cvref_t<decltype(f)>>() || ...)>{};
    }))::value;
  else
    return false;
}
template <class T>
struct IsUnique : std::bool_constant<is_unique<T>> {};
template <class T>
struct HoldsTensor
    : std::bool_constant<std::is_base_of_v<Tensor, T> || SelfVisiting<T> || is_shared<T>> {};

/// A field, or the elements of one that is an array, as initialisers without inner braces.
template <class T>
auto values_of(const T& x) {
  if constexpr (std::is_array_v<T>)
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return std::tuple_cat(values_of(x[I])...);
    }(std::make_index_sequence<std::extent_v<T>>{});
  else
    return std::tie(x);
}

/// A copy of x (lilith::clone sees to it that what is shared within x is shared within the copy).
template <class T>
T copy_of(const T& x) {
  if constexpr (!contains<IsUnique, T>())
    return x;
  else if constexpr (is_gradients<T>)
    return T(copy_of(static_cast<const typename T::Model&>(x)));
  else if constexpr (is_unique<T>) {
    using U = typename T::element_type;
    if constexpr (requires {
                    { x->clone() } -> std::convertible_to<T>;
                  })
      return x ? T(x->clone()) : T();
    else
      return x ? std::make_unique<U>(copy_of(*x)) : T();
  } else if constexpr (is_optional<T>)
    return x ? T(copy_of(*x)) : T();
  else if constexpr (is_map<T>) {
    T out;
    for (const auto& [key, value] : x) out.emplace(key, copy_of(value));
    return out;
  } else if constexpr (is_list<T> && requires(T& t) { t.reserve(1); }) {
    T out;
    out.reserve(x.size());
    for (const auto& e : x) out.push_back(copy_of(e));
    return out;
  } else if constexpr (is_tuple<T>) {
    return std::apply([](const auto&... e) { return T(copy_of(e)...); }, x);
  } else if constexpr (is_list<T>) {
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return T{copy_of(x[I])...};
    }(std::make_index_sequence<std::tuple_size_v<T>>{});
  } else {
    return with_fields<num_fields<T>>(x, [](const auto&... f) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-braces"  // of arrays
      return std::apply([](const auto&... e) { return T{copy_of(e)...}; },
                        std::tuple_cat(values_of(f)...));
#pragma GCC diagnostic pop
    });
  }
}

/// Structs with tensors in them, at any depth; false for tensors themselves, numbers and
/// containers.
template <class T>
concept Model =
    SelfVisiting<T> || is_gradients<T> || (PlainStruct<T> && contains<HoldsTensor, T>());

}  // namespace reflect

/// Walks over the fields of x: any struct, container of them, tensor or number.
template <class T>
void visit(T& x, Visitor& v) {
  reflect::walk(x, v);
}
/// The same for a model that may not change: the visitor must not assign.
template <class T>
void visit(const T& x, Visitor& v) {
  reflect::walk(const_cast<T&>(x), v);
}

}  // namespace lilith

/// What LILITH_FIELDS finds in a class without a base that lists fields.
void lilith_class();

/// Lists the fields of a class with a constructor, private members, virtual functions or a base;
/// inside the class: LILITH_FIELDS(weight, bias). The fields of a base that has LILITH_FIELDS, as
/// all layers have, come first by themselves; those of any other base have to be listed, too.
#define LILITH_FIELDS(...)                                                                      \
  LILITH_CLASS                                                                                  \
  friend struct ::lilith::reflect::Access;                                                      \
  void visit_fields(::lilith::Visitor& lilith_visitor) {                                        \
    ::lilith::reflect::walk_listed<std::remove_pointer_t<decltype(this->lilith_base_class())>>( \
        *this, lilith_visitor, #__VA_ARGS__ __VA_OPT__(, ) __VA_ARGS__);                        \
  }

/// In a class that has a `visit_fields` of its own: those that inherit from it can list theirs.
#define LILITH_CLASS                                    \
  auto lilith_base_class() -> decltype(lilith_class()); \
  auto lilith_class() -> std::remove_pointer_t<decltype(this)>*;
