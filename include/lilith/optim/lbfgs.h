#pragma once
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "lilith/detail/given_first.h"
#include "lilith/model.h"
#include "lilith/transforms.h"

namespace lilith {

struct LBFGSOptions {
  detail::Named named = {};
  Real lr = 1;
  Int max_iter = 20;                 // of a step
  std::optional<Int> max_eval = {};  // of the loss, a step; none: 1.25 max_iter
  Real tolerance_grad = 1e-7;
  Real tolerance_change = 1e-9;
  Int history_size = 100;
  /// "strong_wolfe" searches along each direction; empty: steps of lr.
  std::string_view line_search_fn = {};
};

/// Limited-memory BFGS: a step evaluates the loss several times, so it takes the loss itself:
/// `opt.step(loss_fn, net, x, y)`, as grad does. Vectors are kept on the host in f64. It is a model
/// to save, load, save_checkpoint and load_checkpoint, with PyTorch's names of the state; loading
/// needs prepare(net) first. All floating parameters are updated with one rate. Errors: a
/// line_search_fn of another name. Nocedal and Wright, "Numerical Optimization", chapters 3 and 7.
/// Ref: torch.optim.LBFGS.
class LBFGS {
 public:
  explicit LBFGS(const LBFGSOptions& options = {}, SourceLocation loc = SourceLocation::current());
  /// PyTorch's order: LBFGS(1, 20).
  template <detail::AnyNumber N>
  explicit LBFGS(N lr, Int max_iter = 20, std::optional<Int> max_eval = {},
                 Real tolerance_grad = 1e-7, Real tolerance_change = 1e-9, Int history_size = 100,
                 std::string_view line_search_fn = {},
                 SourceLocation loc = SourceLocation::current())
      : LBFGS(LBFGSOptions{.lr = lr,
                           .max_iter = max_iter,
                           .max_eval = max_eval,
                           .tolerance_grad = tolerance_grad,
                           .tolerance_change = tolerance_change,
                           .history_size = history_size,
                           .line_search_fn = line_search_fn},
              loc) {}
  template <detail::AnyNumber N>
  LBFGS(N lr, const LBFGSOptions& options, SourceLocation loc = SourceLocation::current())
      : LBFGS(detail::with_first(options, &LBFGSOptions::lr, lr, "lr", loc), loc) {}
  template <detail::GivenFirst<LBFGSOptions> P, class O = LBFGSOptions, class... A>
  explicit LBFGS(const P&, const O& = {}, const A&...) : LBFGS() {
    detail::refuse_parameters<P>();
  }

  /// Up to max_iter iterations on f(model, args...); returns the loss before them.
  template <class F, class M, class... A>
  double step(F&& f, M& model, const A&... args) {
    return run(ModelRef(model), [&](std::vector<Tensor>& gradients) {
      auto [loss, g] = grad(f, model, args...);
      gradients = detail::parameter_list(ConstModelRef(g));
      return loss.template item<double>();
    });
  }
  /// Makes the state for this model's parameters.
  void prepare(ConstModelRef model);
  void set_lr(double rate) { lr = rate; }

  double lr, tolerance_grad, tolerance_change;
  std::int64_t max_iter, max_eval, history_size;
  bool strong_wolfe;
  // f64; n: elements of all parameters. The first `history` rows of old_dirs, old_stps and ro
  // count.
  Buffer d, prev_flat_grad;            // [n]
  Buffer old_dirs, old_stps, ro;       // [history_size, n], [history_size]
  Buffer t, H_diag, prev_loss;         // []
  Buffer n_iter, func_evals, history;  // []
  LILITH_FIELDS(lr, tolerance_grad, tolerance_change, max_iter, max_eval, history_size,
                strong_wolfe, d, prev_flat_grad, old_dirs, old_stps, ro, t, H_diag, prev_loss,
                n_iter, func_evals, history)

 private:
  using Evaluate = std::function<double(std::vector<Tensor>& gradients)>;
  double run(ModelRef model, const Evaluate& evaluate);
};

}  // namespace lilith
