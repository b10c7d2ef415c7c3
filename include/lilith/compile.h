#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <vector>

#include "lilith/autocast.h"
#include "lilith/graph.h"
#include "lilith/model.h"

namespace lilith {

/// Computes tensors and models: everything pending in them, as one program. What they reach and is
/// still held elsewhere is stored by the same program. Error inside a traced function.
template <class... M>
void eval(const M&... tensors_or_models);
// The same; errors name the line of the call.
template <class A>
void eval(const A& a, SourceLocation loc = SourceLocation::current());
/// PyTorch's net.eval(): one model that is not const is computed and put in test mode. Several
/// arguments, tensors and const models are computed alone; eval_pending leaves the mode of any.
template <class A>
  requires(!std::is_const_v<A>)
void eval(A& a, SourceLocation loc = SourceLocation::current());
template <class A, class B>
void eval(const A& a, const B& b, SourceLocation loc = SourceLocation::current());
template <class A, class B, class C>
void eval(const A& a, const B& b, const C& c, SourceLocation loc = SourceLocation::current());
/// Outside of a trace, evaluates every pending tensor of the models (parameters, buffers, optimiser
/// state) as one program; inside one, does nothing.
template <class... M>
void eval_pending(const M&... models);
/// True while a function is traced by compile or trace: values cannot be asked for.
bool tracing();

/// Counters of this process, for tests and tuning.
struct CacheStats {
  std::int64_t compiled = 0;  // programs that code was generated for
  std::int64_t hits = 0;      // lazy evaluations and calls that found their program
  std::int64_t runs = 0;      // programs run
  std::int64_t donated = 0;   // inputs whose memory was given to a program
  std::int64_t traces = 0;    // functions traced by compile
  std::int64_t planned = 0;   // programs made of code that was there, for other sizes or numbers
};
/// The counters now.
CacheStats cache_stats();
/// Forgets the programs of lazy evaluation; compiled functions keep theirs.
void clear_program_cache();

namespace detail {
void eval_models(const ConstModelRef* models, std::size_t n, Loc loc = {});
void eval_pending_models(const ConstModelRef* models, std::size_t n);
}  // namespace detail

template <class... M>
void eval(const M&... tensors_or_models) {
  const ConstModelRef refs[] = {ConstModelRef(tensors_or_models)...};
  detail::eval_models(refs, sizeof...(M));
}
template <class A>
void eval(const A& a, SourceLocation loc) {
  const ConstModelRef refs[] = {a};
  detail::eval_models(refs, 1, loc);
}
template <class A>
  requires(!std::is_const_v<A>)
void eval(A& a, SourceLocation loc) {
  lilith::eval(std::as_const(a), loc);
  if constexpr (!std::is_base_of_v<Tensor, A>) test_mode(ModelRef(a, loc));
}
template <class A, class B>
void eval(const A& a, const B& b, SourceLocation loc) {
  const ConstModelRef refs[] = {a, b};
  detail::eval_models(refs, 2, loc);
}
template <class A, class B, class C>
void eval(const A& a, const B& b, const C& c, SourceLocation loc) {
  const ConstModelRef refs[] = {a, b, c};
  detail::eval_models(refs, 3, loc);
}
template <class... M>
void eval_pending(const M&... models) {
  const ConstModelRef refs[] = {ConstModelRef(models)...};
  detail::eval_pending_models(refs, sizeof...(M));
}

// ---- compile and trace ----

namespace driver {
class Session;
class Signature;
}  // namespace driver

namespace detail {

/// An argument of a traced function.
struct ArgRef {
  ConstModelRef model;
  const void* address;
  std::size_t bytes;
  bool writable;  // given by non-const reference: what the function assigns is written back
  bool is_tensor;
};
template <class A>
ArgRef arg_ref(A&& a) {
  using T = std::remove_cvref_t<A>;
  return {ConstModelRef(a), std::addressof(a), sizeof(T),
          std::is_lvalue_reference_v<A> && !std::is_const_v<std::remove_reference_t<A>>,
          std::is_base_of_v<Tensor, T>};
}

/// What a traced function returned: the form of later results.
class ResultBox {
 public:
  virtual ~ResultBox();
  virtual ModelRef model() = 0;
};
template <class R>
class ResultOf final : public ResultBox {
 public:
  explicit ResultOf(R r) : value(std::move(r)) {}
  ModelRef model() override { return ModelRef(value); }
  R value;
};

/// What the call of a user's function sees of its trace.
class Tracer {
 public:
  explicit Tracer(driver::Session& session) : session_(session) {}
  void substitute(std::size_t arg, ModelRef copy);

 private:
  driver::Session& session_;
};
using TraceFunction = std::function<std::unique_ptr<ResultBox>(Tracer&)>;

/// How arguments reach the function: writable ones as they are, others as constants.
template <class A>
using TracedArg = std::conditional_t<std::is_lvalue_reference_v<A> &&
                                         !std::is_const_v<std::remove_reference_t<A>>,
                                     std::remove_cvref_t<A>&, const std::remove_cvref_t<A>&>;
template <class A>
using HeldArg = std::conditional_t<std::is_lvalue_reference_v<A> &&
                                       !std::is_const_v<std::remove_reference_t<A>>,
                                   std::remove_cvref_t<A>&, std::remove_cvref_t<A>>;
template <class A>
HeldArg<A> hold(std::remove_reference_t<A>& a) {
  if constexpr (std::is_reference_v<HeldArg<A>>)
    return a;
  else
    return lilith::clone(a);
}

template <class R, class F, class... A>
std::unique_ptr<ResultBox> trace_call(Tracer& tracer, F& f, std::remove_reference_t<A>&... args) {
  std::tuple<HeldArg<A>...> held(hold<A>(args)...);
  return [&]<std::size_t... I>(std::index_sequence<I...>) -> std::unique_ptr<ResultBox> {
    ((std::is_reference_v<HeldArg<A>> ? void() : tracer.substitute(I, std::get<I>(held))), ...);
    if constexpr (std::is_void_v<R>) {
      std::invoke(f, static_cast<TracedArg<A>>(std::get<I>(held))...);
      return std::make_unique<ResultOf<std::tuple<>>>(std::tuple<>());
    } else {
      return std::make_unique<ResultOf<R>>(
          std::invoke(f, static_cast<TracedArg<A>>(std::get<I>(held))...));
    }
  }(std::index_sequence_for<A...>{});
}

/// A tensor of a type of its own, like what x > 0 gives: an argument as the tensor that it is.
template <class A>
inline constexpr bool kIsExpression = std::is_base_of_v<Tensor, std::remove_cvref_t<A>> &&
                                      !std::is_same_v<Tensor, std::remove_cvref_t<A>> &&
                                      !std::is_same_v<Buffer, std::remove_cvref_t<A>>;
template <class A>
decltype(auto) as_argument(std::remove_reference_t<A>& a) {
  if constexpr (kIsExpression<A>)
    return static_cast<const Tensor&>(a);
  else
    return std::forward<A>(a);
}

class CompiledImpl;
struct CallState;
}  // namespace detail

struct CompileOptions {
  detail::Named named = {};
  std::optional<DType> autocast = {};  // the function runs under Autocast(dtype): bf16 or f16
  // false: a program for each size and number, none for varying ones; within the call, for whatever
  // it compiles
  bool dynamic = true;
};

/// What the program of a compiled function is made of.
struct CompiledStats {
  std::int64_t kernels = 0, arena_bytes = 0;
  double compile_ms = 0;
};

/// What tuning a compiled function found; see lilith::tune.
struct TuneReport {
  std::int64_t measured = 0;           // kernels with several ways
  std::int64_t changed = 0;            // those that take another one now
  double before_ms = 0, after_ms = 0;  // the fastest run of the program
  std::string str() const;
};

namespace detail {
/// The type-erased part of a compiled function: one entry a signature.
class CompiledBase {
 public:
  /// loc: the line that errors name where the function's own lines do not matter. captures: the
  /// function may hold more than its arguments.
  CompiledBase(Loc loc, bool captures, const CompileOptions& options);
  /// Kernels, fusion, memory of each signature compiled so far.
  std::string explain() const;
  /// A page of the same, and of every stage of their graphs; see lilith::explain_html.
  void explain_html(const std::string& path) const;
  /// Of the signature that was called last; zeros before the first call.
  CompiledStats stats() const;

 protected:
  /// While it lives the options are in force on this thread.
  class Scope {
   public:
    explicit Scope(const CompileOptions& options);
    ~Scope();
    Scope(const Scope&) = delete;

   private:
    std::optional<Autocast> autocast_;
    std::optional<bool> saved_;  // where the options ask for something else
  };
  CompileOptions options_;

  using TraceTrampoline = std::unique_ptr<ResultBox> (*)(void* context, Tracer& tracer);
  /// True inside traces and differentiation: the function is then part of what surrounds it.
  static bool runs_inline();

  /// One call: looks the signature up (tracing on a miss), runs, writes state back.
  class Call {
   public:
    Call(const CompiledBase& f, const ArgRef* args, std::size_t n, TraceTrampoline trace,
         void* context);
    ~Call();
    Call(const Call&) = delete;
    ResultBox& prototype() const;
    void fill(ModelRef result) const;

   private:
    CompiledImpl& impl_;
    CallState* state_;
  };
  TuneReport tune(const ArgRef* args, std::size_t n, TraceTrampoline trace, void* context) const;

 private:
  std::shared_ptr<CompiledImpl> impl_;
};

}  // namespace detail

/// A function that is traced once per signature (shapes, dtypes and static fields of its arguments)
/// and then runs as one program.
template <class F>
class Compiled : public detail::CompiledBase {
 public:
  /// Holds f; nothing is traced before the first call.
  explicit Compiled(F f, const CompileOptions& options = {},
                    SourceLocation loc = SourceLocation::current())
      : CompiledBase(loc, std::is_class_v<F> && !std::is_empty_v<F>, options),
        f_(std::make_shared<F>(std::move(f))) {}

  /// f(args…), as one program; see compile.
  template <class... A>
  auto operator()(A&&... args) const {
    if constexpr ((detail::kIsExpression<A> || ...))
      return (*this)(detail::as_argument<A>(args)...);
    else
      return call(std::forward<A>(args)...);
  }

  /// See lilith::tune.
  template <class... A>
  TuneReport tune(A&&... args) const {
    if constexpr ((detail::kIsExpression<A> || ...))
      return tune(detail::as_argument<A>(args)...);
    else
      return tune_tensors(std::forward<A>(args)...);
  }

 private:
  template <class... A>
  static constexpr bool check_arguments() {
    static_assert(std::is_invocable_v<F&, detail::TracedArg<A>...>,
                  "lilith: the compiled function cannot be called with these arguments: look at "
                  "their number and types; what it takes by non-const reference (Net& m) may be "
                  "neither const nor a temporary");
    static_assert(!std::is_arithmetic_v<Result<A...>>,
                  "lilith: the compiled function returns a number, which would always be the one "
                  "of its first call: return a Tensor");
    return true;
  }
  template <class... A>
  TuneReport tune_tensors(A&&... args) const {
    static_assert(check_arguments<A...>());
    const Scope scope(options_);
    return with_trace<A...>(
        [&](const detail::ArgRef* refs, TraceTrampoline trace, void* context) {
          return CompiledBase::tune(refs, sizeof...(A), trace, context);
        },
        args...);
  }
  template <class... A>
  auto call(A&&... args) const {
    static_assert(check_arguments<A...>());
    using R = Result<A...>;
    const Scope scope(options_);
    if (runs_inline())
      return static_cast<R>(std::invoke(*f_, static_cast<detail::TracedArg<A>>(args)...));
    return with_trace<A...>(
        [&](const detail::ArgRef* refs, TraceTrampoline trace, void* context) {
          const Call call(*this, refs, sizeof...(A), trace, context);
          if constexpr (!std::is_void_v<R>) {
            R result = reflect::copy_of(static_cast<detail::ResultOf<R>&>(call.prototype()).value);
            call.fill(result);
            return result;
          }
        },
        args...);
  }

  template <class... A>
  using Result = std::decay_t<std::invoke_result_t<F&, detail::TracedArg<A>...>>;

  /// use(the arguments, what traces f on them, its context)
  template <class... A, class Use>
  decltype(auto) with_trace(const Use& use, std::remove_reference_t<A>&... args) const {
    const detail::ArgRef refs[sizeof...(A) + 1] = {detail::arg_ref(static_cast<A&&>(args))...,
                                                   detail::arg_ref(kNone)};
    auto trace = [&](detail::Tracer& t) {
      return detail::trace_call<Result<A...>, F, A...>(t, *f_, args...);
    };
    return use(
        refs,
        [](void* context, detail::Tracer& t) {
          return (*static_cast<decltype(trace)*>(context))(t);
        },
        &trace);
  }

  static constexpr std::tuple<> kNone{};
  std::shared_ptr<F> f_;
};

/// Compiles a function of tensors, models, optimisers and numbers. The first call of each signature
/// traces f; later ones run its program. Arguments given by non-const reference are state: the
/// fields that f assigns are written back. Numbers are part of the signature: another one traces f
/// again, and runs the same program once it was seen to change. Hypers are run-time inputs, which
/// no trace is needed for. A number that f captures is a constant: f is traced again at the second
/// call and now and then, and at every call once its captures were seen to change, which a line on
/// stderr says. Call it from many threads. Inside grad or another compile it is a plain call of f.
/// Errors: f uses a captured tensor, asks for a value, keeps a tensor outside, changes a static
/// field.
template <class F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, ir::Graph>)
Compiled<std::decay_t<F>> compile(F&& f, SourceLocation loc = SourceLocation::current()) {
  static_assert(std::is_class_v<std::decay_t<F>> || std::is_pointer_v<std::decay_t<F>>,
                "lilith: compile takes a function: compile([](Net& m, Tensor x) { … })");
  return Compiled<std::decay_t<F>>(std::forward<F>(f), CompileOptions(), loc);
}
/// The same with options: compile(f, {.autocast = kBFloat16}), compile(f, {.dynamic = false}).
template <class F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, ir::Graph>)
Compiled<std::decay_t<F>> compile(F&& f, const CompileOptions& options,
                                  SourceLocation loc = SourceLocation::current()) {
  static_assert(std::is_class_v<std::decay_t<F>> || std::is_pointer_v<std::decay_t<F>>,
                "lilith: compile takes a function: compile([](Net& m, Tensor x) { … }, {…})");
  return Compiled<std::decay_t<F>>(std::forward<F>(f), options, loc);
}

/// A compiled graph: call it with its inputs, in order.
class CompiledGraph {
 public:
  /// Compiles at once. Errors: the graph uses a parameter that is not among its inputs.
  explicit CompiledGraph(ir::Graph g);
  /// The outputs. Errors: avals that differ from the graph's inputs.
  std::vector<Tensor> operator()(const std::vector<Tensor>& inputs) const;
  /// The only output. Error when there are several.
  template <class... T>
    requires(sizeof...(T) > 0 && (std::is_base_of_v<Tensor, T> && ...))
  Tensor operator()(const T&... inputs) const {
    return single({static_cast<const Tensor&>(inputs)...});
  }
  /// Its kernels, what each fuses, its memory.
  std::string explain() const;
  /// A page of the same, and of every stage of the graph; see lilith::explain_html.
  void explain_html(const std::string& path) const;

 private:
  struct Impl;
  Tensor single(const std::vector<Tensor>& inputs) const;
  std::shared_ptr<const Impl> impl_;
};
/// The program of a graph. Errors as CompiledGraph's.
CompiledGraph compile(const ir::Graph& g);

/// Whether programs time each of their kernels, one after another, which costs some speed: explain
/// then shows the best time that each has taken since.
void set_time_kernels(bool on);
bool time_kernels();
/// What a compiled function or graph runs: a line for each kernel (bytes, flops, the user's line,
/// how it is scheduled, what it fuses; its time where kernels were timed), and the memory plan.
template <class F>
  requires requires(const F& f) {
    { f.explain() } -> std::convertible_to<std::string>;
  }
std::string explain(const F& f) {
  return f.explain();
}

/// Writes a page about what a compiled function or graph runs, to be opened in a browser: the graph
/// as it was asked for and after each pass that changed it, which nodes became one kernel, the
/// kernels beside each other with their code and, where they were timed, their times, the memory
/// plan; a program for each signature, opened at that of the last call. One file that needs nothing
/// else. Errors: a function that was not called yet; a file that cannot be written.
template <class F>
  requires requires(const F& f, const std::string& path) { f.explain_html(path); }
void explain_html(const F& f, const std::string& path,
                  SourceLocation loc = SourceLocation::current()) {
  const LocScope scope(loc);
  f.explain_html(path);
}

namespace detail {
ir::Graph trace_graph(const ArgRef* args, std::size_t n, const TraceFunction& f);
}  // namespace detail

/// The graph of f on these arguments: inputs are their tensors, named by path ("conv1.weight"; x,
/// y, z for tensors); outputs are what f returns, then the fields that it assigned. Captured
/// tensors are data.
template <class F, class... A>
  requires(!std::is_base_of_v<Tensor, std::remove_cvref_t<F>>)  // the trace of a matrix
ir::Graph trace(F&& f, A&&... args) {
  using Fn = std::remove_reference_t<F>;
  static_assert(std::is_invocable_v<Fn&, detail::TracedArg<A>...>,
                "lilith: the traced function cannot be called with these arguments: look at their "
                "number and types");
  using R = std::decay_t<std::invoke_result_t<Fn&, detail::TracedArg<A>...>>;
  const detail::ArgRef refs[] = {detail::arg_ref(std::forward<A>(args))...};
  return detail::trace_graph(refs, sizeof...(A), [&](detail::Tracer& t) {
    return detail::trace_call<R, Fn, A...>(t, f, args...);
  });
}

}  // namespace lilith
