// The gradient of a branch is a branch: each one's own, of what it computed, computed again.
//   %y = cond(%p, %x) {then: f(x); otherwise: g(x)}
//   %dx = cond(%p, %x, %ct) {then: ct f'(x); otherwise: ct g'(x)}
#include "ops/primitives.h"
#include "transforms/loops.h"
#include "transforms/vjp.h"

namespace lilith::ir {
namespace {

/// The gradient of a branch: (operands…, cotangents…) -> a cotangent of each wanted operand,
/// undefined where none flows.
struct BranchGradient {
  std::vector<Tensor> parameters, gradients;

  BranchGradient(const BodyPtr& branch, const VjpCtx& c) {
    std::vector<Aval> avals;
    for (const Tensor& t : branch->graph().inputs()) avals.push_back(t.aval());
    parameters = fresh_parameters(avals);
    const std::vector<Tensor> results = branch->graph()(parameters);
    std::vector<Tensor> of, cts, wanted;
    for (std::size_t k = 0; k < results.size(); ++k) {
      if (!c.cts[k].defined()) continue;
      of.push_back(results[k]);
      cts.push_back(make_parameter(results[k].aval(), 0, "ct"));
    }
    for (std::size_t k = 0; k < parameters.size(); ++k)
      wanted.push_back(c.wanted[k + 1] ? parameters[k] : Tensor());
    gradients = backpropagate(of, cts, wanted, "grad");
    parameters.insert(parameters.end(), cts.begin(), cts.end());
  }
};

}  // namespace

std::vector<Tensor> cond_vjp(const VjpCtx& c) {
  BranchGradient then(c.attrs.body("then"), c), otherwise(c.attrs.body("otherwise"), c);
  std::vector<std::size_t> which;  // operands that either branch has a gradient for
  std::vector<Tensor> of_then, of_otherwise;
  for (std::size_t k = 0; k < then.gradients.size(); ++k) {
    const Tensor &a = then.gradients[k], &b = otherwise.gradients[k];
    if (!a.defined() && !b.defined()) continue;
    which.push_back(k + 1);
    const Tensor zeros = ops::full_as(c.in[k + 1], 0);
    of_then.push_back(a.defined() ? a : zeros);
    of_otherwise.push_back(b.defined() ? b : zeros);
  }
  std::vector<Tensor> out(c.in.size());
  if (which.empty()) return out;
  const Closure a = close_over(then.parameters, of_then),
                b = close_over(otherwise.parameters, of_otherwise);
  std::vector<Tensor> in = c.in;
  for (const Tensor& ct : c.cts)
    if (ct.defined()) in.push_back(ct);
  const std::size_t own = in.size() - 1;
  in.insert(in.end(), a.captured.begin(), a.captured.end());
  in.insert(in.end(), b.captured.begin(), b.captured.end());
  const std::vector<Tensor> results =
      apply_loop(cond_op(), std::move(in),
                 {{"then", with_inputs(a.body, {}, b.captured, own)},
                  {"otherwise", with_inputs(b.body, a.captured, {}, own)}});
  for (std::size_t i = 0; i < which.size(); ++i) out[which[i]] = results[i];
  return out;
}

}  // namespace lilith::ir
