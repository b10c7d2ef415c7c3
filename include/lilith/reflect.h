#pragma once
#include <array>
#include <cstdint>
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

#include "lilith/detail/fields.h"
#include "lilith/hyper.h"
#include "lilith/tensor.h"

namespace lilith {

/// A type as visitors see it. One object per type: its address identifies the type in a process.
struct TypeInfo {
  std::string_view name;  // "Conv2d", without namespaces
};

/// One weight (or layer) that several structs use: copies of a Shared refer to the same object.
/// clone, grad and the other functions over models keep the sharing.
template <class T>
class Shared {
 public:
  Shared() : ptr_(std::make_shared<T>()) {}
  Shared(T value) : ptr_(std::make_shared<T>(std::move(value))) {}
  T& operator*() const { return *ptr_; }
  T* operator->() const { return ptr_.get(); }
  T& get() const { return *ptr_; }
  operator const T&() const { return *ptr_; }
  template <class... A>
  decltype(auto) operator()(A&&... args) const {
    return (*ptr_)(std::forward<A>(args)...);
  }
  const std::shared_ptr<T>& ptr() const { return ptr_; }
  std::shared_ptr<T>& ptr() { return ptr_; }

 private:
  std::shared_ptr<T> ptr_;
};

/// What walks over the fields of a model. `visit(model, visitor)` calls one function per field, in
/// the order of declaration, between enter/leave of its name. A type-erased class forwards by its
/// member `void visit_fields(Visitor&)`.
class Visitor {
 public:
  virtual ~Visitor();

  virtual void parameter(Tensor& t) = 0;
  virtual void buffer(Buffer& t) = 0;
  virtual void hyper(Hyper&) {}
  // Static configuration: a part of a program's key.
  virtual void flag(bool&) {}
  virtual void integer(std::int64_t) {}
  virtual void real(double) {}
  virtual void text(std::string_view) {}
  /// A fact about the structure: presence of an optional, size of a container, index of a variant.
  virtual void structure(std::int64_t) {}

  /// A field's name, or an index of a container; `leave` follows.
  virtual void enter(std::string_view /*name*/) {}
  virtual void enter(std::size_t /*index*/) {}
  virtual void leave() {}
  /// A struct's fields follow, then `end`.
  virtual void begin(const TypeInfo&) {}
  virtual void end() {}
  /// Whether to look into a shared object: by default the first time only.
  virtual bool enter_shared(const void* object);
  /// Called before enter_shared with the shared pointer itself, as `std::shared_ptr<void>`, and how
  /// to copy what it points to; clone replaces it.
  using CopyShared = std::shared_ptr<void> (*)(const void*);
  virtual void shared(std::shared_ptr<void>& /*object*/, CopyShared /*copy*/) {}

 protected:
  std::vector<const void*> seen_;
};

/// A visitor that knows where it is: path() is "blocks.0.attn.qkv.bias".
class PathVisitor : public Visitor {
 public:
  void enter(std::string_view name) override;
  void enter(std::size_t index) override;
  void leave() override;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  std::vector<std::size_t> ends_;
};

namespace reflect {

// ---- Names and number of fields ----

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
    return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
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

template <class T>
inline constexpr TypeInfo type_info{short_type_name(pretty_type<T>())};

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
#if defined(__clang__)
#pragma clang diagnostic pop
#endif

template <class T, std::size_t... I>
constexpr bool can_init(std::index_sequence<I...>) {
  return requires { T{(static_cast<void>(I), AnyField<T>{})...}; };
}
/// Initialisers that T takes: fields without a default make the short lists invalid, so the valid
/// numbers are a range that ends with the number of fields.
template <class T, std::size_t N = 0, bool Seen = false>
constexpr std::size_t count_fields() {
  if constexpr (can_init<T>(std::make_index_sequence<N>{}))
    return count_fields<T, N + 1, true>();
  else if constexpr (Seen)
    return N - 1;
  else if constexpr (N > kMaxFields)
    return 0;
  else
    return count_fields<T, N + 1, false>();
}
template <class T>
inline constexpr std::size_t num_fields = count_fields<T>();

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

// ---- Kinds of fields ----

/// Reaches the (possibly private) visit_fields of a class.
struct Access {
  template <class T>
  static constexpr bool has = requires(T& t, Visitor& v) { t.visit_fields(v); };
  template <class T>
  static void visit(T& t, Visitor& v) {
    t.visit_fields(v);
  }
};
template <class T>
concept SelfVisiting = Access::has<T>;

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
inline constexpr bool is_number_list =
    std::is_same_v<T, std::vector<bool>> || std::is_same_v<T, Shape>;

/// A struct whose fields are found by reflection.
template <class T>
concept PlainStruct =
    std::is_class_v<T> && std::is_aggregate_v<T> && !SelfVisiting<T> && !is_list<T>;

template <class T>
inline constexpr bool has_base = requires { T{AnyBase<T>{}}; };

template <class>
inline constexpr bool always_false = false;

template <class T>
void walk(T& x, Visitor& v);

template <class T>
void walk_shared(Shared<T>& x, Visitor& v);

template <class... F>
void walk_named(Visitor& v, const TypeInfo& type, const std::string_view* name, F&... fields) {
  v.begin(type);
  ((v.enter(*name++), walk(fields, v), v.leave()), ...);
  v.end();
}

template <class T>
void walk_struct(T& x, Visitor& v) {
  static_assert(
      !has_base<T>,
      "lilith: fields of a struct with a base class are not found by reflection; list them: "
      "struct Net : Base { Linear fc{2, 3}; LILITH_FIELDS(fc) };");
  with_fields<num_fields<T>>(
      x, [&](auto&... f) { walk_named(v, type_info<T>, names<T>.data(), f...); });
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

/// Calls the visitor for x, or for what x holds.
template <class T>
void walk(T& x, Visitor& v) {
  static_assert(!std::is_const_v<T>, "lilith: a model's field is const: it could not be trained");
  if constexpr (std::is_same_v<T, Tensor>)
    v.parameter(x);
  else if constexpr (std::is_same_v<T, Buffer>)
    v.buffer(x);
  else if constexpr (std::is_same_v<T, Hyper>)
    v.hyper(x);
  else if constexpr (std::is_same_v<T, bool>)
    v.flag(x);
  else if constexpr (std::is_integral_v<T> || std::is_enum_v<T>)
    v.integer(static_cast<std::int64_t>(x));
  else if constexpr (std::is_floating_point_v<T>)
    v.real(static_cast<double>(x));
  else if constexpr (std::is_convertible_v<T&, std::string_view>)
    v.text(std::string_view(x));
  else if constexpr (is_number_list<T>) {
    v.structure(static_cast<std::int64_t>(x.size()));
    for (auto e : x) v.integer(static_cast<std::int64_t>(e));
  } else if constexpr (SelfVisiting<T>)
    Access::visit(x, v);
  else if constexpr (is_shared<T>)
    walk_shared(x, v);
  else if constexpr (is_optional<T> || is_unique<T>) {
    v.structure(static_cast<bool>(x));
    if (x) walk(*x, v);
  } else if constexpr (is_variant<T>) {
    v.structure(static_cast<std::int64_t>(x.index()));
    std::visit([&](auto& e) { walk(e, v); }, x);
  } else if constexpr (is_list<T> || is_tuple<T> || is_map<T>)
    walk_container(x, v);
  else if constexpr (PlainStruct<T>)
    walk_struct(x, v);
  else if constexpr (std::is_empty_v<T>)
    v.begin(type_info<T>), v.end();
  else if constexpr (std::is_pointer_v<T> && std::is_function_v<std::remove_pointer_t<T>>)
    v.integer(reinterpret_cast<std::intptr_t>(x));
  else
    static_assert(
        always_false<T>,
        "lilith: this field's type cannot be looked into, so what it holds would silently not be "
        "trained. A lambda with captures: write a struct instead, "
        "struct Scale { Tensor k; Tensor operator()(Tensor x) const { return x * k; } }; "
        "a class with private members: add LILITH_FIELDS(a, b) to it.");
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

/// Splits the text of LILITH_FIELDS's arguments.
template <std::size_t N>
constexpr std::array<std::string_view, N> split_names(std::string_view list) {
  std::array<std::string_view, N> out{};
  for (std::size_t i = 0; i < N; ++i) {
    const std::size_t comma = list.find(',');
    out[i] = last_identifier(list.substr(0, comma));
    list = comma == list.npos ? std::string_view() : list.substr(comma + 1);
  }
  return out;
}
template <class T, class... F>
void walk_listed(T&, Visitor& v, std::string_view list, F&... fields) {
  const auto names = split_names<sizeof...(F)>(list);
  walk_named(v, type_info<T>, names.data(), fields...);
}

/// True when T is, or holds at any depth, a type for which P<T>::value.
template <template <class> class P, class T>
constexpr bool contains() {
  if constexpr (P<T>::value)
    return true;
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
  else if constexpr (PlainStruct<T>)
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

/// A copy of x; what a Shared points to is still common (lilith::clone separates it).
template <class T>
T copy_of(const T& x) {
  if constexpr (!contains<IsUnique, T>())
    return x;
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
    return with_fields<num_fields<T>>(x, [](const auto&... f) { return T{copy_of(f)...}; });
  }
}

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

/// Structs with tensors in them, at any depth; false for tensors themselves, numbers and
/// containers.
template <class T>
concept Model = reflect::SelfVisiting<T> ||
                (reflect::PlainStruct<T> && reflect::contains<reflect::HoldsTensor, T>());

}  // namespace lilith

/// Lists the fields of a class whose members are private, or that has bases; inside the class:
/// LILITH_FIELDS(weight, bias)
#define LILITH_FIELDS(...)                                               \
  friend struct ::lilith::reflect::Access;                               \
  void visit_fields(::lilith::Visitor& v) {                              \
    ::lilith::reflect::walk_listed(*this, v, #__VA_ARGS__, __VA_ARGS__); \
  }
