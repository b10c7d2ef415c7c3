#pragma once
#include <functional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "lilith/gradients.h"
#include "lilith/graph.h"
#include "lilith/model.h"

namespace lilith {

/// What grad may leave out: the first argument of its second form.
struct GradOptions {
  /// Parameters with no path to the value get an undefined gradient instead of an Error.
  bool allow_unused = false;
  /// Where the options are written: errors name it.
  SourceLocation loc = SourceLocation::current();
};

namespace detail {

/// One differentiation: substitutes fresh nodes for the arguments, and walks back from the value.
class Tape {
 public:
  Tape(const char* what, Loc loc);
  ~Tape();
  Tape(const Tape&) = delete;

  /// Makes pending fields of a model real before it is traced, so that the first step's program is
  /// the one of all steps.
  void settle(ConstModelRef model) const;

  /// Replaces the floating parameters of a (copied) argument by fresh nodes.
  void watch(ModelRef copy, std::size_t index, bool is_model);
  /// Assigns the buffers that the function changed to the original, with the cotangent cut.
  void write_back(ModelRef original, ModelRef copy, std::size_t index);
  /// Walks back from a scalar; companions: what else was returned.
  void solve_scalar(const Tensor& value, ConstModelRef companions, const GradOptions& options);
  /// Turns the copy of argument `index` into its gradient: undefined where not differentiable.
  void fill_gradient(ModelRef copy, std::size_t index) const;
  /// The fresh nodes of all parameters in order, undefined where not floating.
  std::vector<Tensor> slots() const;

 private:
  struct Watched {
    std::size_t index;
    std::vector<std::string> paths;
    std::vector<Tensor> nodes;                 // undefined for parameters that are not floating
    std::vector<Tensor> gradients;             // after solve
    std::vector<const ir::NodeImpl*> buffers;  // as they were
  };
  void distribute(const std::vector<Tensor>& gradients, const GradOptions& options);

  const char* what_;
  LocScope::Fallback line_;
  std::vector<Watched> watched_;
};

template <class A>
inline constexpr bool is_writable =
    std::is_lvalue_reference_v<A> && !std::is_const_v<std::remove_reference_t<A>>;
/// How a differentiated argument is passed: non-const where the caller's object is.
template <class A>
using Pass =
    std::conditional_t<is_writable<A>, std::remove_cvref_t<A>&, const std::remove_cvref_t<A>&>;

/// The position of K in I..., or their number.
template <std::size_t K, std::size_t... I>
constexpr std::size_t position_of() {
  std::size_t found = sizeof...(I), at = 0;
  ((found = I == K && found == sizeof...(I) ? at : found, ++at), ...);
  return found;
}

/// The arguments of a differentiated call: copies of those of index I, the caller's own elsewhere.
template <class All, std::size_t... I>
class Arguments {
 public:
  Arguments(Tape& tape, All& all) : tape_(tape), all_(all), copies_(settled<I>()...) {
    watch(std::make_index_sequence<sizeof...(I)>{});
  }

  template <class F>
  auto call(F& f) {
    static_assert((!std::is_arithmetic_v<Value<I>> && ...),
                  "lilith: the argument to differentiate is a number: make it a tensor, "
                  "tensor(2.0)");
    return [&]<std::size_t... K>(std::index_sequence<K...>) {
      constexpr bool kTakes =
          std::is_invocable_v<F&, decltype(std::declval<Arguments&>().template pick<K>())...>;
      static_assert(kTakes,
                    "lilith: the function to differentiate cannot be called with these arguments: "
                    "look at their number and types; what it takes by non-const reference (Net& m) "
                    "may be neither const nor a temporary");
      if constexpr (kTakes) {
        using R = decltype(std::invoke(f, pick<K>()...));
        static_assert(!std::is_void_v<R>,
                      "lilith: the function to differentiate returns nothing; it has to return a "
                      "scalar Tensor, as sum() or mean() give");
        return std::invoke(f, pick<K>()...);
      } else {
        return Tensor();
      }
    }(std::make_index_sequence<std::tuple_size_v<All>>{});
  }
  void write_back() { (write_back_one<I>(), ...); }
  auto gradients() {
    (tape_.fill_gradient(copy<I>(), I), ...);
    return std::tuple<typename reflect::GradientsOf<Value<I>>::type...>(std::move(copies_));
  }
  auto take() { return std::move(copies_); }

 private:
  template <std::size_t K>
  using Element = std::tuple_element_t<K, All>;
  template <std::size_t K>
  using Value = std::remove_cvref_t<Element<K>>;
  template <std::size_t K>
  static constexpr bool is_model = !std::is_base_of_v<Tensor, Value<K>>;

  template <std::size_t K>
  Value<K> settled() {
    if constexpr (is_model<K>) tape_.settle(std::get<K>(all_));
    return lilith::clone(std::get<K>(all_));
  }
  template <std::size_t... J>
  void watch(std::index_sequence<J...>) {
    (tape_.watch(std::get<J>(copies_), I, is_model<I>), ...);
  }
  template <std::size_t K>
  auto& copy() {
    return std::get<position_of<K, I...>()>(copies_);
  }
  template <std::size_t K>
  decltype(auto) pick() {
    if constexpr (position_of<K, I...>() < sizeof...(I))
      return static_cast<Pass<Element<K>>>(copy<K>());
    else
      return static_cast<Element<K>>(std::get<K>(all_));
  }
  template <std::size_t K>
  void write_back_one() {
    if constexpr (is_writable<Element<K>>) tape_.write_back(std::get<K>(all_), copy<K>(), K);
  }

  Tape& tape_;
  All& all_;
  std::tuple<Value<I>...> copies_;
};

template <std::size_t... I, class F, class Finish, class... A>
auto differentiate(std::index_sequence<I...>, Tape& tape, F& f, Finish&& finish, A&&... args) {
  static_assert(((I < sizeof...(A)) && ...), "lilith: grad: there is no argument of that index");
  auto all = std::forward_as_tuple(std::forward<A>(args)...);
  Arguments<decltype(all), I...> arguments(tape, all);
  auto out = arguments.call(f);
  arguments.write_back();
  return finish(out, arguments);
}

/// The only element of a tuple of one, else the tuple.
template <class... G>
auto one_or_all(std::tuple<G...> gradients) {
  if constexpr (sizeof...(G) == 1)
    return std::get<0>(std::move(gradients));
  else
    return gradients;
}

template <class T>
concept ScalarResult = std::is_base_of_v<Tensor, std::remove_cvref_t<T>>;

template <std::size_t... I, class F, class... A>
auto grad_impl(std::index_sequence<I...> which, const GradOptions& options, F& f, A&&... args) {
  Tape tape("grad", options.loc);
  return differentiate(
      which, tape, f,
      [&]<class R>(R& value, auto& arguments) {
        static_assert(ScalarResult<R>,
                      "lilith: grad: the function must return one scalar Tensor; grad_aux takes a "
                      "pair (loss, "
                      "aux)");
        tape.solve_scalar(value, std::tuple<>(), options);
        return std::pair(Tensor(value), one_or_all(arguments.gradients()));
      },
      std::forward<A>(args)...);
}

template <std::size_t... I, class F, class... A>
auto grad_aux_impl(std::index_sequence<I...> which, const char* what, const GradOptions& options,
                   F& f, A&&... args) {
  Tape tape(what, options.loc);
  return differentiate(
      which, tape, f,
      [&]<class R>(R& out, auto& arguments) {
        static_assert(
            requires {
              out.first;
              out.second;
            }, "lilith: grad_aux: the function must return std::pair(loss, aux)");
        tape.solve_scalar(out.first, out.second, options);
        return std::tuple(Tensor(out.first), std::move(out.second),
                          one_or_all(arguments.gradients()));
      },
      std::forward<A>(args)...);
}

}  // namespace detail

namespace detail {
/// The indices of the arguments to differentiate: the first where none are named.
template <std::size_t... I>
using Which =
    std::conditional_t<sizeof...(I) == 0, std::index_sequence<0>, std::index_sequence<I...>>;
template <class F, class Options>
concept NoOptions = !std::is_same_v<std::remove_cvref_t<F>, Options>;
}  // namespace detail

// Of a function with up to four arguments errors name the line of the call. With more, where no
// default argument can follow them, it is the line that made the value.

/// (value, gradient of the first argument). f: args -> a scalar floating Tensor. The gradient of a
/// model is the same struct with gradients in it, a Gradients<Net>, with undefined tensors for
/// integers and Buffers. grad<0, 2>(f, …) gives (value, tuple of the gradients of 0 and 2). A model
/// that f takes by non-const reference has its Buffers written back. Nests to any order. Errors:
/// the value is no scalar; an op on the way has no vjp; a parameter has no path to the value.
template <std::size_t... I, detail::NoOptions<GradOptions> F, class... A>
auto grad(F&& f, A&&... args) {
  return detail::grad_impl(detail::Which<I...>{}, GradOptions{.loc = {}}, f,
                           std::forward<A>(args)...);
}
template <std::size_t... I, detail::NoOptions<GradOptions> F, class A>
auto grad(F&& f, A&& a, SourceLocation loc = SourceLocation::current()) {
  return detail::grad_impl(detail::Which<I...>{}, GradOptions{.loc = loc}, f, std::forward<A>(a));
}
template <std::size_t... I, detail::NoOptions<GradOptions> F, class A, class B>
auto grad(F&& f, A&& a, B&& b, SourceLocation loc = SourceLocation::current()) {
  return detail::grad_impl(detail::Which<I...>{}, GradOptions{.loc = loc}, f, std::forward<A>(a),
                           std::forward<B>(b));
}
template <std::size_t... I, detail::NoOptions<GradOptions> F, class A, class B, class C>
auto grad(F&& f, A&& a, B&& b, C&& c, SourceLocation loc = SourceLocation::current()) {
  return detail::grad_impl(detail::Which<I...>{}, GradOptions{.loc = loc}, f, std::forward<A>(a),
                           std::forward<B>(b), std::forward<C>(c));
}
template <std::size_t... I, detail::NoOptions<GradOptions> F, class A, class B, class C, class D>
auto grad(F&& f, A&& a, B&& b, C&& c, D&& d, SourceLocation loc = SourceLocation::current()) {
  return detail::grad_impl(detail::Which<I...>{}, GradOptions{.loc = loc}, f, std::forward<A>(a),
                           std::forward<B>(b), std::forward<C>(c), std::forward<D>(d));
}
/// The same with options: grad({.allow_unused = true}, f, args…).
template <std::size_t... I, class F, class... A>
auto grad(const GradOptions& options, F&& f, A&&... args) {
  return detail::grad_impl(detail::Which<I...>{}, options, f, std::forward<A>(args)...);
}

/// (value, aux, gradient of the first argument). f returns std::pair(scalar, aux); aux is any
/// tensor, tuple or struct and is not differentiated.
template <std::size_t... I, detail::NoOptions<GradOptions> F, class... A>
auto grad_aux(F&& f, A&&... args) {
  return detail::grad_aux_impl(detail::Which<I...>{}, "grad_aux", GradOptions{.loc = {}}, f,
                               std::forward<A>(args)...);
}
template <std::size_t... I, detail::NoOptions<GradOptions> F, class A>
auto grad_aux(F&& f, A&& a, SourceLocation loc = SourceLocation::current()) {
  return detail::grad_aux_impl(detail::Which<I...>{}, "grad_aux", GradOptions{.loc = loc}, f,
                               std::forward<A>(a));
}
template <std::size_t... I, detail::NoOptions<GradOptions> F, class A, class B>
auto grad_aux(F&& f, A&& a, B&& b, SourceLocation loc = SourceLocation::current()) {
  return detail::grad_aux_impl(detail::Which<I...>{}, "grad_aux", GradOptions{.loc = loc}, f,
                               std::forward<A>(a), std::forward<B>(b));
}
template <std::size_t... I, detail::NoOptions<GradOptions> F, class A, class B, class C>
auto grad_aux(F&& f, A&& a, B&& b, C&& c, SourceLocation loc = SourceLocation::current()) {
  return detail::grad_aux_impl(detail::Which<I...>{}, "grad_aux", GradOptions{.loc = loc}, f,
                               std::forward<A>(a), std::forward<B>(b), std::forward<C>(c));
}
template <std::size_t... I, detail::NoOptions<GradOptions> F, class A, class B, class C, class D>
auto grad_aux(F&& f, A&& a, B&& b, C&& c, D&& d, SourceLocation loc = SourceLocation::current()) {
  return detail::grad_aux_impl(detail::Which<I...>{}, "grad_aux", GradOptions{.loc = loc}, f,
                               std::forward<A>(a), std::forward<B>(b), std::forward<C>(c),
                               std::forward<D>(d));
}
/// The same with options: grad_aux({.allow_unused = true}, f, args…).
template <std::size_t... I, class F, class... A>
auto grad_aux(const GradOptions& options, F&& f, A&&... args) {
  return detail::grad_aux_impl(detail::Which<I...>{}, "grad_aux", options, f,
                               std::forward<A>(args)...);
}

/// A function of f's arguments that returns grad(f, args…).
template <class F>
auto value_and_grad(F f, SourceLocation loc = SourceLocation::current()) {
  return [f = std::move(f), loc]<class... A>(A&&... args) {
    return detail::grad_impl(std::index_sequence<0>{}, GradOptions{.loc = loc}, f,
                             std::forward<A>(args)...);
  };
}

namespace detail {
/// The part of a graph between placeholders and outputs, kept apart from what is evaluated
/// meanwhile.
class Linearised {
 public:
  Linearised(ConstModelRef outputs, const Tape& tape);
  /// Turns copies of the arguments into their cotangents.
  void pull_back(ConstModelRef cts, ModelRef copies) const;

 private:
  std::vector<Tensor> outputs_, slots_;  // slots: undefined where not floating
};
}  // namespace detail

namespace detail {
/// Fills `derivatives` (a copy of outputs) with the derivatives of the outputs along the tangents.
void push_forward(ConstModelRef outputs, const std::vector<Tensor>& slots, ConstModelRef tangents,
                  ModelRef derivatives);
/// Replaces every tensor of the copies by an alias; returns the aliases.
std::vector<Tensor> substitute_aliases(ModelRef copies);
/// Gives each output a rule that computes what lies between the inputs and it again.
void recompute_in_backward(ModelRef outputs, const std::vector<Tensor>& inputs);
}  // namespace detail

namespace detail {
template <class F, class... A>
auto vjp_impl(SourceLocation loc, F& f, A&&... args) {
  Tape tape("vjp", loc);
  return differentiate(
      std::index_sequence_for<A...>{}, tape, f,
      [&]<class R>(R& out, auto& arguments) {
        auto pullback = [linear = Linearised(out, tape), like = arguments.take()](
                            const R& ct, SourceLocation loc = SourceLocation::current()) {
          const LocScope::Fallback line(loc);
          auto cotangents = lilith::clone(like);
          linear.pull_back(ct, cotangents);
          return one_or_all(std::move(cotangents));
        };
        return std::pair(std::move(out), std::move(pullback));
      },
      std::forward<A>(args)...);
}
}  // namespace detail

/// (f(args…), pullback). pullback(ct) is the vector-Jacobian product: the cotangents of the
/// arguments (of the only one, else a tuple), undefined where nothing flows. ct: like f's result.
/// Ref: jax.vjp.
template <class F, class... A>
auto vjp(F&& f, A&&... args) {
  return detail::vjp_impl({}, f, std::forward<A>(args)...);
}
template <class F, class A>
auto vjp(F&& f, A&& a, SourceLocation loc = SourceLocation::current()) {
  return detail::vjp_impl(loc, f, std::forward<A>(a));
}
template <class F, class A, class B>
auto vjp(F&& f, A&& a, B&& b, SourceLocation loc = SourceLocation::current()) {
  return detail::vjp_impl(loc, f, std::forward<A>(a), std::forward<B>(b));
}
template <class F, class A, class B, class C>
auto vjp(F&& f, A&& a, B&& b, C&& c, SourceLocation loc = SourceLocation::current()) {
  return detail::vjp_impl(loc, f, std::forward<A>(a), std::forward<B>(b), std::forward<C>(c));
}

/// (f(x), its derivative along a tangent). primal and tangent: one argument, or std::tuples of all
/// arguments; a tensor of the tangent that is undefined counts as zero. Ref: jax.jvp, computed by
/// two vjps.
template <class F, class P>
auto jvp(F&& f, const P& primal, const std::type_identity_t<P>& tangent,
         SourceLocation loc = SourceLocation::current()) {
  detail::Tape tape("jvp", loc);
  P copy = lilith::clone(primal);
  tape.watch(copy, 0, true);
  auto out = [&] {
    if constexpr (reflect::is_tuple<P>)
      return std::apply(f, copy);
    else
      return std::invoke(f, std::as_const(copy));
  }();
  auto derivative = lilith::clone(out);
  detail::push_forward(out, tape.slots(), tangent, derivative);
  return std::pair(std::move(out), std::move(derivative));
}

/// d f(x) / dx, of shape [y.shape..., x.shape...]. f: Tensor -> Tensor. One reverse pass for all
/// elements of y at once; jacrev (lilith/vmap.h) takes models, jacfwd goes forwards.
Tensor jacobian(const std::function<Tensor(const Tensor&)>& f, const Tensor& x,
                SourceLocation loc = SourceLocation::current());
/// d² f(x) / dx², of shape [x.shape..., x.shape...]. f: Tensor -> scalar.
Tensor hessian(const std::function<Tensor(const Tensor&)>& f, const Tensor& x,
               SourceLocation loc = SourceLocation::current());

/// f, whose intermediate values are computed again in the backward pass instead of being kept.
/// Gradients flow to its arguments and to what it captures; random draws are the same both times.
/// Ref: torch.utils.checkpoint.
template <class F>
auto checkpoint(F f) {
  return [f = std::move(f)](const auto&... args) {
    std::tuple<std::remove_cvref_t<decltype(args)>...> copies(lilith::clone(args)...);
    const std::vector<Tensor> in = detail::substitute_aliases(copies);
    auto out = std::apply(f, copies);
    detail::recompute_in_backward(out, in);
    return out;
  };
}
/// PyTorch's order: f(args…), so computed.
template <class F, class A, class... B>
auto checkpoint(F f, const A& first, const B&... others) {
  return checkpoint(std::move(f))(first, others...);
}

namespace detail {
using Rule = std::function<std::vector<Tensor>(const std::vector<Tensor>& in, const Tensor& out,
                                               const Tensor& ct)>;
Tensor with_rule(Rule rule, const Tensor& out, const std::vector<Tensor>& in);
}  // namespace detail

/// f with a gradient rule of its own. f: Tensors -> Tensor. rule(inputs, output, ct) gives one
/// cotangent an input, as a vector (undefined: none flows); it builds graph, so gradients nest.
/// Ref: jax.custom_vjp.
template <class F>
auto custom_vjp(F f, detail::Rule rule) {
  return [f = std::move(f), rule = std::move(rule)](const auto&... in) {
    return detail::with_rule(rule, f(static_cast<const Tensor&>(in)...),
                             {static_cast<const Tensor&>(in)...});
  };
}

/// f(op, input, cotangent) replaces what each vjp rule gives; an empty function removes it. For
/// tests that must see a wrong rule fail.
void set_vjp_hook(std::function<Tensor(const OpDef& op, int input, Tensor ct)> f);

/// The step of gradcheck's differences, and what differs by more than atol + rtol * |value| fails.
struct GradcheckOptions {
  double eps = 1e-6, atol = 1e-5, rtol = 1e-3;
  /// Arguments with at most so many elements are checked element by element, larger ones in random
  /// directions.
  std::int64_t max_full = 64;
  /// Where the options are written: errors name it.
  SourceLocation loc = SourceLocation::current();
};

namespace detail {
using FlatFunction = std::function<std::vector<Tensor>()>;
bool gradcheck_flat(const GradcheckOptions& options, ModelRef args, const FlatFunction& call);
}  // namespace detail

/// Compares the gradients of every floating parameter of the arguments with central differences.
/// All must be f64. True, or an Error that names the argument, the element and both values. f
/// returns a tensor, tuple or struct of any shapes. Ref: torch.autograd.gradcheck.
template <class F, class... A>
bool gradcheck(const GradcheckOptions& options, F&& f, const A&... args) {
  std::tuple<A...> copies(lilith::clone(args)...);
  return detail::gradcheck_flat(options, copies, [&] {
    auto out = std::apply([&](auto&... a) { return f(a...); }, copies);
    return detail::all_tensors(out);
  });
}
/// The same with default options.
template <detail::NoOptions<GradcheckOptions> F, class... A>
bool gradcheck(F&& f, const A&... args) {
  return gradcheck(GradcheckOptions{.loc = {}}, f, args...);
}
template <detail::NoOptions<GradcheckOptions> F, class A>
bool gradcheck(F&& f, const A& a, SourceLocation loc = SourceLocation::current()) {
  return gradcheck(GradcheckOptions{.loc = loc}, f, a);
}
template <detail::NoOptions<GradcheckOptions> F, class A, class B>
bool gradcheck(F&& f, const A& a, const B& b, SourceLocation loc = SourceLocation::current()) {
  return gradcheck(GradcheckOptions{.loc = loc}, f, a, b);
}
template <detail::NoOptions<GradcheckOptions> F, class A, class B, class C>
bool gradcheck(F&& f, const A& a, const B& b, const C& c,
               SourceLocation loc = SourceLocation::current()) {
  return gradcheck(GradcheckOptions{.loc = loc}, f, a, b, c);
}

}  // namespace lilith
