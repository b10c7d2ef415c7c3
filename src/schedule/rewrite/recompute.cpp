#include <algorithm>
#include <unordered_map>

#include "ir/node.h"
#include "ir/rebuild.h"
#include "passes/rules.h"
#include "schedule/rewrite/rewrites.h"

// What a backward product reads of the forward pass, and what follows point by point from values
// that are kept anyway, is computed again when the product runs: it need not lie in memory in
// between. In a program that would keep much.
//
//   %p = pad(%r); %y = conv_general(%p, %w) …      %p = pad(%r); %y = conv_general(%p, %w) …
//   le(%r, 0) …                                ->  le(%r, 0) …
//   %dw = conv_general(%p, %ct)                    %p2 = pad(after(%r, %ct))
//                                                  %dw = conv_general(%p2, %ct)
namespace lilith::schedule {
namespace {

constexpr std::size_t kLarge = 2 << 20;  // bytes of a value that is worth it
constexpr std::size_t kMuch = 64 << 20;  // of all of them together: else they lie in caches
constexpr int kFlops = 48;               // of an element that is computed again

using Numbers = std::vector<std::uint32_t>;

bool is_large(const ir::NodeImpl& n) { return n.aval.bytes() >= kLarge; }

// Whether values are large enough, were all of them computed again.
bool may_pay(const ir::Numbered& g) {
  std::size_t bytes = 0;
  for (const ir::NodeImpl* n : g.nodes())
    if (!n->is_leaf() && is_large(*n)) bytes += n->aval.bytes();
  return bytes >= kMuch;
}

class Again {
 public:
  explicit Again(const ir::Numbered& g) : g_(g), users_(g.size()), output_(g.size(), false) {
    for (std::uint32_t n = 0; n < g.size(); ++n) {
      for (const std::uint32_t in : g.inputs(n)) {
        if (users_[in].empty() || users_[in].back() != n) users_[in].push_back(n);
      }
    }
    for (const std::uint32_t n : g.outputs()) output_[n] = true;
  }

  // By number of a value: the products that read it anew.
  std::unordered_map<std::uint32_t, Numbers> find() {
    std::unordered_map<std::uint32_t, Numbers> found;
    std::size_t most = 0, bytes = 0;
    for (std::uint32_t n = 0; n < g_.size(); ++n)
      if (is_large(n)) most += node(n).aval.bytes();
    if (most < kMuch) return found;
    for (std::uint32_t n = 0; n < g_.size(); ++n) {
      if (!is_large(n)) continue;
      Numbers late = late_readers(n);
      if (late.empty()) continue;
      bytes += node(n).aval.bytes();
      found.emplace(n, std::move(late));
    }
    if (bytes < kMuch) found.clear();
    return found;
  }

 private:
  const ir::NodeImpl& node(std::uint32_t n) const { return g_.node(n); }
  bool is_product(std::uint32_t n) const { return node(n).op->cls == OpClass::Contraction; }
  bool is_point(std::uint32_t n) const {
    const OpClass cls = node(n).op->cls;
    return cls == OpClass::Elementwise || passes::is(node(n), "pad");
  }
  bool is_large(std::uint32_t n) const {
    return is_point(n) && !output_[n] && users_[n].size() > 1 && schedule::is_large(node(n));
  }

  // Those of its products that need the first of them. None where others need the value as late.
  Numbers late_readers(std::uint32_t n) {
    const auto first = std::ranges::find_if(users_[n], [&](auto u) { return is_product(u); });
    if (first == users_[n].end() || *first == users_[n].back()) return {};
    mark_behind(*first);
    Numbers late;
    for (const std::uint32_t u : users_[n]) {
      if (!behind(u)) continue;
      if (!is_product(u)) return {};
      late.push_back(u);
    }
    int flops = 0;
    if (late.empty() || !follows_from_kept(n, node(n).aval.bytes(), &flops)) return {};
    return late;
  }

  // What needs the value of a node.
  void mark_behind(std::uint32_t of) {
    behind_.assign(g_.size(), false);
    behind_[of] = true;
    for (std::uint32_t n = of + 1; n < g_.size(); ++n)
      behind_[n] = std::ranges::any_of(g_.inputs(n), [&](auto in) { return behind_[in]; });
    behind_[of] = false;
  }
  bool behind(std::uint32_t n) const { return behind_[n]; }

  // Whether all large values that a node is computed from have late readers of their own.
  bool follows_from_kept(std::uint32_t n, std::size_t bytes, int* flops) const {
    *flops += node(n).op->cost;
    if (*flops > kFlops) return false;
    return std::ranges::all_of(g_.inputs(n), [&](std::uint32_t in) {
      if (node(in).is_leaf() || node(in).aval.bytes() <= bytes / 8) return true;
      const bool kept =
          std::ranges::any_of(users_[in], [&](auto u) { return u != n && behind(u); });
      const bool simple = is_point(in) || node(in).op->cls == OpClass::View;
      return kept || (simple && follows_from_kept(in, bytes, flops));
    });
  }

  const ir::Numbered& g_;
  std::vector<Numbers> users_;
  std::vector<bool> output_, behind_;
};

// A node of the same op on inputs that are there once `late` is.
Tensor once_there(ir::NodeImpl* value, const Tensor& late) {
  const Shape& shape = late.shape();
  const auto rank = static_cast<std::size_t>(shape.rank());
  const std::vector<std::int64_t> zeros(rank, 0), ones(rank, 1), none;
  const Tensor one = apply(
      "reshape", {apply("slice", {late}, {{"start", zeros}, {"limit", ones}, {"stride", ones}})},
      {{"shape", none}});
  std::vector<Tensor> inputs;
  for (ir::NodeImpl* in : value->inputs) {
    const Tensor there =
        apply("broadcast", {one}, {{"shape", in->aval.shape.vec()}, {"dims", none}});
    inputs.push_back(in->is_leaf() ? Tensor(in) : apply("after", {Tensor(in), there}));
  }
  return apply(*value->op, std::move(inputs), value->attrs);
}

}  // namespace

Graph compute_again(const ir::Numbered& g) {
  if (!g.has(OpClass::Contraction) || !may_pay(g)) return g.graph();
  const auto found = Again(g).find();
  if (found.empty()) return g.graph();
  std::unordered_map<std::uint32_t, Tensor> made;
  return ir::transform(g, [&](std::size_t n, std::span<ir::NodeImpl* const> in) -> Tensor {
    ir::NodeImpl& old = g.node(n);
    if (old.op->cls != OpClass::Contraction) return {};
    std::vector<Tensor> inputs(in.begin(), in.end());
    bool changed = false;
    for (std::size_t i = 0; i < 2; ++i) {
      const std::uint32_t value = g.inputs(n)[i];
      const auto at = found.find(value);
      if (at == found.end() ||
          std::ranges::find(at->second, static_cast<std::uint32_t>(n)) == at->second.end())
        continue;
      const LocScope::Override scope(g.node(value).loc);
      Tensor& again = made[value];
      if (!again.defined()) again = once_there(in[i], inputs[1 - i]);
      inputs[i] = again;
      changed = true;
    }
    const LocScope::Override scope(old.loc);
    return changed ? apply(*old.op, std::move(inputs), old.attrs) : Tensor();
  });
}

}  // namespace lilith::schedule
