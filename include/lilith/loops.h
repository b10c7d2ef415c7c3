#pragma once
#include <functional>
#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "lilith/model.h"

// Loops and branches that stay in the graph: a body is traced once and compiled once, whatever the
// number of steps. Plain C++ loops and branches work too: they unroll, or ask for a value.
namespace lilith {

struct ScanOptions {
  /// From the last row to the first; the rows of ys stand as those of xs.
  bool reverse = false;
  /// Where the options are written: errors name it.
  SourceLocation loc = SourceLocation::current();
};

/// What cond looks at, with the user's line: a bool scalar.
struct Predicate {
  Predicate(const Tensor& t, SourceLocation l = SourceLocation::current()) : value(t), loc(l) {}
  Tensor value;
  SourceLocation loc;
};

/// What scan gives; `auto [carry, ys] = scan(…)`.
template <class C, class Y>
struct ScanResult {
  C carry;
  Y ys;
};

namespace detail {

/// The trace of one loop or branch: puts fresh parameters into copies of what the user's functions
/// take, and makes one node of what they give.
class LoopTrace {
 public:
  LoopTrace(const char* what, Loc loc);
  ~LoopTrace();
  LoopTrace(const LoopTrace&) = delete;

  /// The body of a scan takes these; then its results become those of the scan.
  void begin_scan(ModelRef carry, ModelRef row, bool reverse);
  void end_scan(ModelRef carry, ModelRef ys);

  /// condition(carry), then body(carry).
  void begin_while(ModelRef for_condition, ModelRef for_body);
  void add_condition(const Tensor& condition);
  void end_while(ModelRef carry);

  /// then(operands…), then otherwise(operands…).
  void begin_cond(const Tensor& predicate, ModelRef for_then, ModelRef for_otherwise);
  void add_then(ConstModelRef result);
  void end_cond(ModelRef result);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

template <class R, class C>
concept CarryAndY = requires(R r) {
  std::tuple_size<R>::value;
  requires std::tuple_size<R>::value == 2;
  requires std::is_convertible_v<std::tuple_element_t<0, R>, C>;
};

}  // namespace detail

/// One step after another over the rows of xs: (carry, y) = f(carry, x), where x is a row of xs,
/// [T, …] -> […]. Gives the last carry and the y of all steps, [T, …]. carry, xs and y are tensors,
/// tuples, containers or structs of tensors; f may give the carry alone. f is traced once: it may
/// use what it captures (models, tensors), and draw random numbers, others in each step. arange(n)
/// as xs counts n steps. Memory is linear in T, the number of kernels does not depend on it.
/// Differentiable, to any order. Errors: xs of different lengths, or without a tensor; a carry
/// whose shape or dtype changes; a value asked for inside f. Ref: jax.lax.scan.
template <class F, class C, class X>
auto scan(F&& f, const C& init, const X& xs, const ScanOptions& options = {}) {
  detail::LoopTrace trace("scan", options.loc);
  C carry = lilith::clone(init);
  X row = lilith::clone(xs);
  trace.begin_scan(carry, row, options.reverse);
  auto out = std::invoke(f, carry, row);
  using R = decltype(out);
  if constexpr (detail::CarryAndY<R, C>) {
    ScanResult<C, std::tuple_element_t<1, R>> result{std::get<0>(std::move(out)),
                                                     std::get<1>(std::move(out))};
    trace.end_scan(result.carry, result.ys);
    return result;
  } else {
    static_assert(std::is_convertible_v<R, C>,
                  "lilith: scan: the function has to return std::pair(carry, y), or the carry, of "
                  "the type that init has");
    ScanResult<C, std::tuple<>> result{std::move(out), {}};
    trace.end_scan(result.carry, result.ys);
    return result;
  }
}

/// body(carry) over and over as long as condition(carry), a bool scalar, is true; the last carry.
/// carry: a tensor, tuple, container or struct. Both are traced once. Errors: as scan; grad through
/// it (the number of steps is not known: use scan, or stop_gradient). Ref: jax.lax.while_loop.
template <class P, class F, class C>
C while_loop(P&& condition, F&& body, const C& init,
             SourceLocation loc = SourceLocation::current()) {
  detail::LoopTrace trace("while_loop", loc);
  C seen = lilith::clone(init), carry = lilith::clone(init);
  trace.begin_while(seen, carry);
  trace.add_condition(std::invoke(condition, seen));
  C next = std::invoke(body, carry);
  trace.end_while(next);
  return next;
}

/// then(args…) where predicate, a bool scalar, is true, else otherwise(args…); one of them alone is
/// computed. Both are traced, and give the same tensors, tuples or structs, of the same shapes and
/// dtypes. Differentiable. Errors: a predicate that is no bool[]; branches that differ. Ref:
/// jax.lax.cond. (cond(x) of a matrix is its condition number: linalg.)
template <class Then, class Otherwise, class... A>
auto cond(const Predicate& predicate, Then&& then, Otherwise&& otherwise, const A&... args) {
  detail::LoopTrace trace("cond", predicate.loc);
  std::tuple<A...> a(lilith::clone(args)...), b(lilith::clone(args)...);
  trace.begin_cond(predicate.value, a, b);
  auto result = std::apply([&](auto&... x) { return std::invoke(then, x...); }, a);
  trace.add_then(result);
  result =
      std::apply([&](auto&... x) -> decltype(result) { return std::invoke(otherwise, x...); }, b);
  trace.end_cond(result);
  return result;
}

}  // namespace lilith
