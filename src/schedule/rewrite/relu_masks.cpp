#include <algorithm>
#include <unordered_map>

#include "ir/node.h"
#include "ir/rebuild.h"
#include "passes/rules.h"
#include "schedule/rewrite/rewrites.h"

//   %m = le(%a, 0); %r = select(%m, 0, %a); other uses of %m   ->   le(%r, 0): the same truth, and
//   %a need not be kept. With gt, %r = select(gt(%a, 0), %a, 0) and other uses become gt(%r, 0).
namespace lilith::schedule {
namespace {

constexpr std::uint32_t kNone = 0xffffffffu;

bool is_relu(const ir::NodeImpl& select) {
  const ir::NodeImpl *m = select.inputs[0], *yes = select.inputs[1], *no = select.inputs[2];
  if (m->inputs.size() != 2 || !passes::is_zero(m->inputs[1])) return false;
  const bool le = m->op->name == "le" && no == m->inputs[0] && passes::is_zero(yes);
  const bool gt = m->op->name == "gt" && yes == m->inputs[0] && passes::is_zero(no);
  return le || gt;
}

// By number: of a mask, its select. Empty where there is none.
std::vector<std::uint32_t> find_relus(const ir::Numbered& g) {
  std::vector<std::uint32_t> relu_of(g.size(), kNone);
  bool any = false;
  for (std::size_t n = 0; n < g.size(); ++n) {
    if (!passes::is(g.node(n), "select") || !is_relu(g.node(n))) continue;
    std::uint32_t& of_mask = relu_of[g.inputs(n)[0]];
    if (of_mask == kNone) of_mask = static_cast<std::uint32_t>(n);
    any = true;
  }
  return any ? relu_of : std::vector<std::uint32_t>();
}

}  // namespace

Graph test_relu_results(const ir::Numbered& g) {
  if (!g.has("select")) return g.graph();
  const std::vector<std::uint32_t> relu_of = find_relus(g);
  if (relu_of.empty()) return g.graph();
  std::unordered_map<std::uint32_t, Tensor> relu;  // old select -> new select
  return ir::transform(g, [&](std::size_t n, std::span<ir::NodeImpl* const> in) -> Tensor {
    ir::NodeImpl& old = g.node(n);
    const std::span<const std::uint32_t> reads = g.inputs(n);
    const auto is_mask = [&](std::uint32_t r) { return relu_of[r] != kNone; };
    if (std::none_of(reads.begin(), reads.end(), is_mask)) return {};
    const LocScope::Override scope(old.loc);
    std::vector<Tensor> inputs;  // where one changes
    for (std::size_t i = 0; i < in.size(); ++i) {
      const std::uint32_t select = relu_of[reads[i]];
      if (select == kNone || select == n) continue;
      const auto made = relu.find(select);
      if (made == relu.end()) continue;  // used before the ReLU is built: keep the mask
      if (inputs.empty()) inputs = std::vector<Tensor>(in.begin(), in.end());
      const ir::NodeImpl& mask = *old.inputs[i];
      inputs[i] = apply(*mask.op, {made->second, inputs[i].node()->input(1)}, mask.attrs);
    }
    Tensor result;
    if (!inputs.empty()) result = apply(*old.op, std::move(inputs), old.attrs);
    if (!reads.empty() && relu_of[reads[0]] == n) {
      if (!result.defined()) result = ir::rebuild(&old, in);
      relu[static_cast<std::uint32_t>(n)] = result;
    }
    return result;
  });
}

}  // namespace lilith::schedule
