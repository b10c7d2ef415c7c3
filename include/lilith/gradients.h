#pragma once
#include <map>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "lilith/reflect.h"

namespace lilith {

/// What grad returns for a model: a T whose tensors are gradients (undefined where there is none).
/// Its fields are read as the model's, `g.conv1.weight`; it becomes a plain T where one is wanted.
/// Its type tells gradients from weights: update and clip_grad_norm_ refuse the one for the other.
template <class T>
struct Gradients : T {
  using Model = T;
  Gradients(T gradients) : T(std::move(gradients)) {}
};

/// A struct of one's own that holds gradients, such as the sum of several: what as_gradients makes
/// of it for clip_grad_norm_ and clip_grad_value_, which change it.
template <class T>
struct GradientsView {
  T& gradients;
};

namespace reflect {
template <class T>
inline constexpr bool is_view = false;
template <class T>
inline constexpr bool is_view<GradientsView<T>> = true;

/// Structs are marked, at the top, in pairs and tuples, and in lists and maps of them; tensors and
/// what cannot be inherited from stay as they are.
template <class T>
struct GradientsOf {
  static constexpr bool kList = []() {
    if constexpr (is_map<T>)
      return Model<typename T::mapped_type>;
    else if constexpr (is_list<T> && requires(T& t) { t.reserve(1); })
      return Model<typename T::value_type>;
    else
      return false;
  }();
  using type = std::conditional_t<(Model<T> || kList) && !std::is_final_v<T> && !is_gradients<T>,
                                  Gradients<T>, T>;
};
template <class... T>
struct GradientsOf<std::tuple<T...>> {
  using type = std::tuple<typename GradientsOf<T>::type...>;
};
template <class A, class B>
struct GradientsOf<std::pair<A, B>> {
  using type = std::pair<typename GradientsOf<A>::type, typename GradientsOf<B>::type>;
};

/// The type of the model that a type of gradients belongs to.
template <class T>
struct ModelOf {
  using type = T;
};
template <class T>
struct ModelOf<Gradients<T>> {
  using type = T;
};
template <class T>
struct ModelOf<GradientsView<T>> {
  using type = T;
};
template <class... T>
struct ModelOf<std::tuple<T...>> {
  using type = std::tuple<typename ModelOf<T>::type...>;
};
template <class A, class B>
struct ModelOf<std::pair<A, B>> {
  using type = std::pair<typename ModelOf<A>::type, typename ModelOf<B>::type>;
};
template <class T>
inline constexpr bool holds_gradients = !std::is_same_v<typename ModelOf<T>::type, T>;
/// True where a T that grad returns would be marked, and this one is not.
template <class T>
inline constexpr bool is_unmarked = !std::is_same_v<typename GradientsOf<T>::type, T>;
}  // namespace reflect

/// Says that a model-typed object of one's own holds gradients, not weights:
/// clip_grad_norm_(as_gradients(sum), 1).
template <class T>
GradientsView<T> as_gradients(T& g) {
  static_assert(!std::is_const_v<T>,
                "lilith: as_gradients takes gradients that may be changed; these are const");
  return {g};
}
/// The same of a temporary: a value of the type that grad gives.
template <class T>
  requires(!std::is_reference_v<T>)
auto as_gradients(T&& g) {
  return typename reflect::GradientsOf<T>::type(std::move(g));
}

}  // namespace lilith
