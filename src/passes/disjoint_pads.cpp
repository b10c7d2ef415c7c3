// A sum of pads that overlap nowhere is a concatenation: the gradient of what was cut into slices,
// the steps of a recurrence above all.
//
//   %1: f32[4,8] = pad(%a) {lo=[0,0] hi=[2,0] …}        |  %1: f32[4,8] = concat(%a, %b) {dim=0}
//   %2: f32[4,8] = pad(%b) {lo=[2,0] hi=[0,0] …}        |  return %1
//   %3: f32[4,8] = add(%1, %2)                          |
//   return %3                                           |
#include <algorithm>

#include "ir/rebuild.h"
#include "passes/pipeline.h"
#include "passes/rules.h"

namespace lilith::passes {
namespace {

using ir::NodeImpl;

// Zeros on both sides of one dimension.
bool pads_one_dim(const NodeImpl& n, int* dim) {
  if (!is(n, "pad") || n.attrs.real("value") != 0) return false;
  const Ints &lo = ints(n, "lo"), &hi = ints(n, "hi"), &interior = ints(n, "interior");
  int padded = 0;
  for (std::size_t d = 0; d < lo.size(); ++d) {
    if (lo[d] < 0 || hi[d] < 0 || interior[d] != 0) return false;
    if (lo[d] == 0 && hi[d] == 0) continue;
    *dim = static_cast<int>(d);
    ++padded;
  }
  return padded == 1;
}

/// What a tree of additions adds up, where it is one concatenation and at most one other term: more
/// of those would be added in another order.
struct Sum {
  std::vector<std::uint32_t> pads;  // numbers, by where they begin
  int dim = -1;
  std::int64_t other = -1;
};

class DisjointPads {
 public:
  explicit DisjointPads(const ir::Numbered& g)
      : g_(g), uses_(g.size(), 0), adds_to_(g.size(), false), padded_(g.size()), term_(g.size()) {
    for (std::size_t i = 0; i < g.size(); ++i) {
      for (const std::uint32_t in : g.inputs(i)) {
        ++uses_[in];
        if (is(g.node(i), "add")) adds_to_[in] = true;
      }
    }
    for (const std::uint32_t out : g.outputs()) uses_[out] += 2;
  }

  Tensor visit(std::size_t i, std::span<NodeImpl* const> inputs) {
    const NodeImpl& n = g_.node(i);
    int dim = -1;
    if (pads_one_dim(n, &dim)) padded_[i] = Tensor(inputs[0]);
    if (!is(n, "add")) return {};
    for (std::size_t k = 0; k < inputs.size(); ++k) {
      const std::uint32_t in = g_.inputs(i)[k];
      if (!term_[in].defined()) term_[in] = Tensor(inputs[k]);
    }
    if (is_inner(i)) return {};
    const Sum sum = gather(i);
    if (sum.pads.size() < 2) return {};
    const LocScope::Override scope(n.loc);
    const Tensor whole = concatenate(sum, n.aval);
    return sum.other < 0
               ? whole
               : lilith::apply("add", {term_[static_cast<std::size_t>(sum.other)], whole});
  }

 private:
  // Part of a larger sum, and of nothing else.
  bool is_inner(std::size_t i) const {
    return is(g_.node(i), "add") && uses_[i] == 1 && adds_to_[i];
  }

  Sum gather(std::size_t root) const {
    Sum sum;
    std::vector<std::uint32_t> terms(g_.inputs(root).begin(), g_.inputs(root).end());
    while (!terms.empty()) {
      const std::uint32_t t = terms.back();
      terms.pop_back();
      int dim = -1;
      if (is_inner(t)) {
        terms.insert(terms.end(), g_.inputs(t).begin(), g_.inputs(t).end());
      } else if (pads_one_dim(g_.node(t), &dim) && (sum.dim < 0 || sum.dim == dim)) {
        sum.dim = dim;
        sum.pads.push_back(t);
      } else if (sum.other < 0) {
        sum.other = t;
      } else {
        return {};
      }
    }
    std::sort(sum.pads.begin(), sum.pads.end(),
              [&](auto x, auto y) { return begin_of(x, sum.dim) < begin_of(y, sum.dim); });
    for (std::size_t k = 1; k < sum.pads.size(); ++k) {
      if (end_of(sum.pads[k - 1], sum.dim) > begin_of(sum.pads[k], sum.dim)) return {};
    }
    return sum;
  }

  std::int64_t begin_of(std::uint32_t pad, int dim) const {
    return ints(g_.node(pad), "lo")[static_cast<std::size_t>(dim)];
  }
  std::int64_t end_of(std::uint32_t pad, int dim) const {
    return begin_of(pad, dim) + g_.node(pad).inputs[0]->aval.shape[dim];
  }

  Tensor concatenate(const Sum& sum, const Aval& whole) const {
    std::vector<Tensor> pieces;
    std::int64_t end = 0;
    const auto zeros_to = [&](std::int64_t begin) {
      if (begin == end) return;
      Aval gap = whole;
      gap.shape[sum.dim] = begin - end;
      pieces.push_back(constant(0, gap));
    };
    for (const std::uint32_t pad : sum.pads) {
      zeros_to(begin_of(pad, sum.dim));
      pieces.push_back(padded_[pad]);
      end = end_of(pad, sum.dim);
    }
    zeros_to(whole.shape[sum.dim]);
    return lilith::apply("concat", pieces, {{"dim", std::int64_t{sum.dim}}});
  }

  const ir::Numbered& g_;
  std::vector<int> uses_;
  std::vector<bool> adds_to_;
  std::vector<Tensor> padded_, term_;  // new values: of what a pad pads, of what is added
};

}  // namespace

Graph disjoint_pads(const ir::Numbered& g) {
  if (!g.has("pad") || !g.has("add")) return g.graph();
  DisjointPads pass(g);
  return ir::transform(
      g, [&](std::size_t i, std::span<NodeImpl* const> inputs) { return pass.visit(i, inputs); });
}

}  // namespace lilith::passes
