#pragma once
#include <array>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

#include "lilith/detail/kinds.h"

// The fields of classes with LILITH_FIELDS, and of their bases.
namespace lilith::reflect {

template <class T>
void walk(T& x, Visitor& v);

template <class T>
void walk_shared(Shared<T>& x, Visitor& v);

template <class... F>
void walk_fields(Visitor& v, const std::string_view* name, F&... fields) {
  ((v.enter(*name++), walk(fields, v), v.leave()), ...);
}

/// The base that has shown a field.
struct ShownBy {
  const void* base = nullptr;
  std::size_t bytes = 0;
};

/// Shows the fields of a base as fields of what surrounds it: without its begin and end. Notes
/// which of the listed names it meets. Walks allocate nothing: so do these.
class BaseVisitor final : public Visitor {
 public:
  explicit BaseVisitor(Visitor& outer) : outer_(outer) {}
  BaseVisitor(Visitor& outer, ShownBy base, std::span<const std::string_view> listed,
              std::span<ShownBy> shown)
      : outer_(outer), base_(base), listed_(listed), shown_(shown) {}

  void parameter(Tensor& t) override { outer_.parameter(t); }
  void buffer(Buffer& t) override { outer_.buffer(t); }
  void hyper(Hyper& h) override { outer_.hyper(h); }
  void flag(bool& b) override { outer_.flag(b); }
  void integer(std::int64_t i) override { outer_.integer(i); }
  void real(double d) override { outer_.real(d); }
  void text(std::string_view s) override { outer_.text(s); }
  void structure(std::int64_t n) override { outer_.structure(n); }
  void enter(std::string_view name) override;
  void enter(std::size_t index) override;
  void leave() override;
  void object(const TypeInfo& type, void* address) override { outer_.object(type, address); }
  void begin(const TypeInfo& type) override;
  void end() override;
  bool enter_shared(const void* object) override { return outer_.enter_shared(object); }
  void shared(std::shared_ptr<void>& object, CopyShared copy) override {
    outer_.shared(object, copy);
  }

 private:
  Visitor& outer_;
  int structs_ = 0, fields_ = 0;
  ShownBy base_;
  std::span<const std::string_view> listed_;
  std::span<ShownBy> shown_;
};

/// A class whose visit_fields is its own, or that of a base to which it adds nothing.
template <class T>
void walk_self(T& x, Visitor& v) {
  using Owner = typename decltype(Access::owner<T>())::type;
  if constexpr (std::is_same_v<Owner, T>) {
    Access::visit(x, v);
  } else {
    static_assert(
        !adds_fields<T, Owner>,
        "lilith: this class inherits its LILITH_FIELDS and has fields of its own, which would "
        "silently not be trained: add LILITH_FIELDS(a, b) with its own fields to it, those of the "
        "base come along");
    v.begin(type_info<T>);
    BaseVisitor inner(v);
    Access::visit(x, inner);
    v.end();
  }
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
template <class... B>
struct Bases {};
#if defined(__GNUC__) && !defined(__clang__)
template <class T>
struct DirectBases {
  using type = Bases<__direct_bases(T)...>;
};
#endif

/// True for a listed field that a base has shown. Error when only the names are the same.
bool was_shown(const ShownBy& by, std::string_view name, const void* field, const TypeInfo& type);

/// The bytes of an object from `first` on that its fields take.
struct Extent {
  std::size_t first, bytes;
};
/// Error when the class has a base other than `found` and bytes that no field takes, where the
/// fields of that base may be.
void check_bases(const std::type_info& self, const std::type_info& found, const TypeInfo& type,
                 std::vector<Extent> taken);

/// For bases whose fields cannot be found: those listed have to cover them. Found: a base that is
/// walked.
template <class T, class Found, class... F>
bool check_bases_of(T& x, F&... fields) {
  auto extent = [&](auto& part) {
    return Extent{static_cast<std::size_t>(reinterpret_cast<const char*>(&part) -
                                           reinterpret_cast<const char*>(&x)),
                  sizeof part};
  };
  std::vector<Extent> taken{extent(fields)...};
  if constexpr (!std::is_void_v<Found>) taken.push_back(extent(Access::base<Found>(x)));
  if constexpr (std::is_polymorphic_v<T>) taken.push_back({0, sizeof(void*)});
  check_bases(typeid(T), typeid(Found), type_info<T>, std::move(taken));
  return true;
}

/// The fields that LILITH_FIELDS lists, behind those of the bases. Found: the nearest base with
/// such a list.
template <class Found, class T, class... F>
void walk_listed(T& x, Visitor& v, std::string_view list, F&... fields) {
  const auto names = split_names<sizeof...(F)>(list);
  std::array<ShownBy, sizeof...(F)> shown{};
  v.begin(type_info<T>);
  auto walk_base = [&]<class B>(std::type_identity<B>) {
    if constexpr (!std::is_void_v<B> && !std::is_empty_v<B> &&
                  (SelfVisiting<B> || FoundStruct<B>)) {
      B& base = Access::base<B>(x);
      BaseVisitor inner(v, {&base, sizeof(B)}, names, shown);
      walk(base, inner);
    }
  };
#if defined(__GNUC__) && !defined(__clang__)
  [&]<class... B>(Bases<B...>) {
    if constexpr (!((std::is_empty_v<B> || SelfVisiting<B> || FoundStruct<B>) && ...))
        [[maybe_unused]]
      static const bool checked = check_bases_of<T, Found>(x, fields...);
    (walk_base(std::type_identity<B>()), ...);
  }(typename DirectBases<T>::type());
#else
  [[maybe_unused]] static const bool checked = check_bases_of<T, Found>(x, fields...);
  walk_base(std::type_identity<Found>());
#endif
  [[maybe_unused]] std::size_t i = 0;
  [[maybe_unused]] auto walk_own = [&](auto& field) {
    if (!was_shown(shown[i], names[i], &field, type_info<T>)) walk_fields(v, &names[i], field);
    ++i;
  };
  (walk_own(fields), ...);
  v.end();
}

}  // namespace lilith::reflect
