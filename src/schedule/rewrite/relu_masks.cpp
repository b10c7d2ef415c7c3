#include <unordered_map>

#include "ir/node.h"
#include "passes/rules.h"
#include "schedule/rewrite/rewrites.h"

//   %m = le(%a, 0); %r = select(%m, 0, %a); other uses of %m   ->   le(%r, 0): the same truth, and
//   %a need not be kept. With gt, %r = select(gt(%a, 0), %a, 0) and other uses become gt(%r, 0).
namespace lilith::schedule {

Graph test_relu_results(const Graph& g) {
  std::unordered_map<const ir::NodeImpl*, const ir::NodeImpl*> relu_of;  // mask -> its select
  for (const Node& n : g.nodes()) {
    if (n.op_name() != "select") continue;
    const ir::NodeImpl* s = n.tensor().node();
    const ir::NodeImpl *m = s->inputs[0], *yes = s->inputs[1], *no = s->inputs[2];
    if (m->inputs.size() != 2 || !passes::is_zero(m->inputs[1])) continue;
    const bool le = m->op->name == "le" && no == m->inputs[0] && passes::is_zero(yes);
    const bool gt = m->op->name == "gt" && yes == m->inputs[0] && passes::is_zero(no);
    if (le || gt) relu_of.emplace(m, s);
  }
  if (relu_of.empty()) return g;
  std::unordered_map<const ir::NodeImpl*, Tensor> relu;  // old select -> new select
  return transform(g, [&](const Node& n, const std::vector<Tensor>& in) -> Tensor {
    const ir::NodeImpl* old = n.tensor().node();
    std::vector<Tensor> inputs = in;
    bool changed = false;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const ir::NodeImpl* mask = old->inputs[i];
      const auto it = relu_of.find(mask);
      if (it == relu_of.end() || it->second == old) continue;
      const auto made = relu.find(it->second);
      if (made == relu.end()) continue;  // used before the ReLU is built: keep the mask
      inputs[i] = apply(*mask->op, {made->second, inputs[i].node()->input(1)}, mask->attrs);
      changed = true;
    }
    Tensor result;
    if (changed) result = apply(n.op(), inputs, n.attrs());
    const auto own = old->inputs.empty() ? relu_of.end() : relu_of.find(old->inputs[0]);
    if (own != relu_of.end() && own->second == old) {
      if (!result.defined()) result = apply(n.op(), inputs, n.attrs());
      relu[old] = result;
    }
    return result;
  });
}

}  // namespace lilith::schedule
