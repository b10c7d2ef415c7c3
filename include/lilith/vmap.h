#pragma once
#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "lilith/transforms.h"

// A function of one example as a function of many.
namespace lilith {

/// The dimension along which the examples lie, from the end where negative; std::nullopt: there is
/// none, all examples share the value.
class VmapAxis {
 public:
  template <std::integral T>
    requires(!std::is_same_v<T, bool>)
  VmapAxis(T dim) : dim_(static_cast<std::int64_t>(dim)) {}
  VmapAxis(std::nullopt_t) {}
  const std::optional<std::int64_t>& dim() const { return dim_; }

 private:
  std::optional<std::int64_t> dim_;
};

namespace detail {
template <class T>
concept AxisLike = std::is_convertible_v<T, VmapAxis>;
}  // namespace detail

/// One axis for all, or one for each argument (or result): 0, {0, std::nullopt}.
class VmapAxes {
 public:
  template <detail::AxisLike T>
  VmapAxes(T axis) : each_{axis} {}
  template <detail::AxisLike A, detail::AxisLike B, detail::AxisLike... Rest>
  VmapAxes(A a, B b, Rest... rest) : each_{a, b, rest...} {}
  VmapAxes(std::vector<VmapAxis> each) : each_(std::move(each)) {}
  std::size_t size() const { return each_.size(); }
  const VmapAxis& operator[](std::size_t i) const { return each_[size() == 1 ? 0 : i]; }

 private:
  std::vector<VmapAxis> each_;
};

struct VmapOptions {
  detail::Named by_name = {};
  /// Of the arguments. All tensors of a model, tuple or container have its axis; an argument
  /// without a tensor (a number) goes to every example as it is.
  VmapAxes in_axes = 0;
  /// Of the results: one for all, or one for each element of a tuple or pair. std::nullopt: the
  /// result is the same for all examples, and comes once.
  VmapAxes out_axes = 0;
  /// Where the options are written: errors name it.
  SourceLocation loc = SourceLocation::current();
};

namespace detail {

/// One call of a function that vmap made.
class VmapTrace {
 public:
  VmapTrace(const VmapOptions& options, std::size_t arguments);
  ~VmapTrace();
  VmapTrace(const VmapTrace&) = delete;

  /// Puts one example in place of the tensors of the (copied) next argument.
  void add_argument(ModelRef copy);
  /// The function runs next.
  void begin();
  /// The function ran: it may not have written to an argument.
  void check_argument(ConstModelRef copy, std::size_t index) const;
  /// How many results the function gave: of a tuple its elements.
  void check_results(std::size_t count) const;
  void add_result(ModelRef result);
  /// The results become those of all examples.
  void finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

template <class F, class All, class Copies, std::size_t... K>
decltype(auto) call_with(F& f, Copies& copies, std::index_sequence<K...>) {
  constexpr bool kTakes = std::is_invocable_v<F&, Pass<std::tuple_element_t<K, All>>...>;
  static_assert(kTakes,
                "lilith: vmap: the function cannot be called with these arguments: look at their "
                "number and types; what it takes by non-const reference (Net& m) may be neither "
                "const nor a temporary");
  if constexpr (kTakes)
    return std::invoke(f, static_cast<Pass<std::tuple_element_t<K, All>>>(std::get<K>(copies))...);
  else
    return Tensor();
}

template <class F, class... A>
auto vmap_call(const VmapOptions& options, F& f, A&&... args) {
  static_assert(sizeof...(A) > 0, "lilith: vmap: the function takes no argument");
  VmapTrace trace(options, sizeof...(A));
  std::tuple<std::remove_cvref_t<A>...> copies(lilith::clone(args)...);
  std::apply([&](auto&... copy) { (trace.add_argument(copy), ...); }, copies);
  trace.begin();
  constexpr auto kAll = std::index_sequence_for<A...>{};
  static_assert(!std::is_void_v<decltype(call_with<F, std::tuple<A&&...>>(f, copies, kAll))>,
                "lilith: vmap: the function returns nothing; it has to return what it computes");
  auto out = call_with<F, std::tuple<A&&...>>(f, copies, kAll);
  [&]<std::size_t... K>(std::index_sequence<K...>) {
    (trace.check_argument(std::get<K>(copies), K), ...);
  }(kAll);
  if constexpr (reflect::is_tuple<decltype(out)>) {
    trace.check_results(std::tuple_size_v<decltype(out)>);
    std::apply([&](auto&... element) { (trace.add_result(element), ...); }, out);
  } else {
    trace.check_results(1);
    trace.add_result(out);
  }
  trace.finish();
  return out;
}

}  // namespace detail

/// f, a function of one example, as a function of many, which lie along a dimension of its
/// arguments: vmap(f)(xs) is stack of f(x) over the rows x of xs, as one program without a loop. f
/// takes and returns tensors, models, tuples and containers of them; what it captures, and
/// arguments whose axis is std::nullopt, all examples share. vmap(f, {std::nullopt, 0}) gives the
/// axes of the arguments, {.in_axes = …, .out_axes = …} those of the results too; a model with an
/// axis is an ensemble (stack_models). Results that do not depend on the example are repeated.
/// Nests, may contain grad, vjp, jvp, scan, while_loop and cond, and may be differentiated and
/// compiled. Random draws in f differ from example to example: the key of each is made of the
/// draw's key and the example's index; what is drawn outside is shared. f is called once per call,
/// on tensors without values. Errors: arguments with different numbers of examples, or without that
/// axis; no argument with an axis; a value asked for inside f; an argument that f writes to, such
/// as the running statistics of a batch norm. Ref: jax.vmap, torch.func.vmap.
template <class F>
auto vmap(F f, VmapOptions options = {.loc = SourceLocation::current()}) {
  return [f = std::move(f), options = std::move(options)]<class... A>(A&&... args) {
    return detail::vmap_call(options, f, std::forward<A>(args)...);
  };
}
/// The same, with one axis for all arguments, or one for each.
template <class F>
auto vmap(F f, VmapAxes in_axes, VmapAxes out_axes = 0,
          SourceLocation loc = SourceLocation::current()) {
  return vmap(
      std::move(f),
      VmapOptions{.in_axes = std::move(in_axes), .out_axes = std::move(out_axes), .loc = loc});
}

namespace detail {
void stack_into(ModelRef first, const std::vector<ConstModelRef>& all);
}

/// Models of one structure as one, whose tensors (parameters and buffers) are theirs stacked along
/// a new first dimension: vmap over it runs all of them at once. Errors: no model; structures,
/// numbers, shapes or dtypes that differ. Ref: torch.func.stack_module_state.
template <class M>
M stack_models(const std::vector<M>& models, SourceLocation loc = SourceLocation::current()) {
  const LocScope scope(loc);
  LILITH_CHECK(!models.empty(), "stack_models: there is no model; need at least one");
  M out = lilith::clone(models[0]);
  detail::stack_into(out, std::vector<ConstModelRef>(models.begin(), models.end()));
  return out;
}

namespace detail {
/// Each element of y by itself, as cotangents [numel, y.shape…].
Tensor basis_like(const Tensor& y, const char* what, Loc loc);
/// [n, shape…] -> [y.shape…, shape…] of each defined tensor of the cotangents.
void rows_to_jacobian(const Shape& y, ModelRef cotangents);
Tensor columns_to_jacobian(const Tensor& columns, const Shape& y, const Shape& x);
}  // namespace detail

/// The derivatives of f(at), a tensor, with respect to every parameter of `at`, a tensor or model:
/// a struct like `at`, each of shape [y.shape…, parameter.shape…], undefined where y does not
/// depend on it. Backwards, for all elements of y at once: for a y smaller than `at`. Errors: f
/// gives no tensor, or an empty one; an op has no vjp. Ref: jax.jacrev, torch.func.jacrev.
template <class F, class P>
P jacrev(F&& f, const P& at, SourceLocation loc = SourceLocation::current()) {
  auto [y, pullback] = vjp(f, at, loc);
  static_assert(std::is_base_of_v<Tensor, decltype(y)>,
                "lilith: jacrev: the function has to return one Tensor");
  P rows = vmap([&pullback = pullback](const Tensor& ct) { return pullback(ct); },
                VmapOptions{.loc = loc})(detail::basis_like(y, "jacrev", loc));
  detail::rows_to_jacobian(y.shape(), rows);
  return rows;
}

/// d f(x) / dx, of shape [y.shape…, x.shape…], forwards, for all elements of x at once: for an x
/// smaller than y. f: Tensor -> Tensor, called once, on a tensor with its value. Ref: jax.jacfwd,
/// torch.func.jacfwd.
template <class F>
Tensor jacfwd(F&& f, const Tensor& x, SourceLocation loc = SourceLocation::current()) {
  Shape y;
  const Tensor columns = vmap(
      [&](const Tensor& tangent) {
        const Tensor d = jvp(f, x, tangent, loc).second;
        y = d.shape();
        return d;
      },
      VmapOptions{.loc = loc})(detail::basis_like(x, "jacfwd", loc));
  return detail::columns_to_jacobian(columns, y, x.shape());
}

}  // namespace lilith
