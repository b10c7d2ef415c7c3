#include "schedule/fusion.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "core/env.h"
#include "lilith/error.h"
#include "schedule/sparse.h"

// Fusion in four steps:
//   1. must_store: what no kernel can compute in place (outputs, reductions, operands of
//   contractions)
//   2. store_shared: what would be computed too often, or make a kernel too large
//   3. epilogues: what follows a contraction point by point runs on its accumulators
//   4. maps: the rest; stores and reductions over one domain share a kernel
namespace lilith::schedule {

using ir::NodeImpl;

Analysis::Analysis(const Graph& g) {
  order_ = ir::topological_order(g.outputs());
  for (const Tensor& in : g.inputs()) {
    if (std::find(order_.begin(), order_.end(), in.node()) == order_.end())
      order_.push_back(in.node());
  }
  const std::size_t n = order_.size();
  users_.resize(n);
  output_.resize(n);
  reach_.assign(n, std::vector<std::uint64_t>((n + 63) / 64));
  for (std::size_t i = 0; i < n; ++i) index_[order_[i]] = static_cast<int>(i);
  for (std::size_t i = 0; i < n; ++i) {
    reach_[i][i / 64] |= std::uint64_t{1} << (i % 64);
    for (NodeImpl* in : order_[i]->inputs) {
      const auto k = static_cast<std::size_t>(index(in));
      auto& users = users_[k];
      if (users.empty() || users.back() != order_[i]) users.push_back(order_[i]);
      for (std::size_t w = 0; w < reach_[i].size(); ++w) reach_[i][w] |= reach_[k][w];
    }
  }
  for (const Tensor& out : g.outputs()) output_[static_cast<std::size_t>(index(out.node()))] = true;
}

std::vector<NodeImpl*> Group::results() const {
  std::vector<NodeImpl*> all = stores;
  all.insert(all.end(), reduces.begin(), reduces.end());
  return all;
}

namespace {

StridedView identity_view(NodeImpl* node) {
  StridedView v;
  v.base = node;
  const auto rank = static_cast<std::size_t>(node->aval.shape.rank());
  v.offset.assign(rank, 0);
  v.coefficient.assign(rank, std::vector<std::int64_t>(rank, 0));
  for (std::size_t d = 0; d < rank; ++d) v.coefficient[d][d] = 1;
  return v;
}

// One view op as a map from its own index to its input's; false when it is not affine.
bool step_view(NodeImpl* node, StridedView* map) {
  const std::string& op = node->op->name;
  const Shape& out = node->aval.shape;
  const Shape& in = node->inputs.empty() ? out : node->inputs[0]->aval.shape;
  const auto rank_in = static_cast<std::size_t>(in.rank());
  map->offset.assign(rank_in, 0);
  map->coefficient.assign(rank_in, std::vector<std::int64_t>(out.size(), 0));
  if (op == "transpose") {
    const auto& perm = node->attrs.ints("perm");
    for (std::size_t o = 0; o < perm.size(); ++o)
      map->coefficient[static_cast<std::size_t>(perm[o])][o] = 1;
    return true;
  }
  if (op == "slice") {
    const auto &start = node->attrs.ints("start"), &stride = node->attrs.ints("stride");
    for (std::size_t d = 0; d < rank_in; ++d) {
      map->offset[d] = start[d];
      map->coefficient[d][d] = stride[d];
    }
    return true;
  }
  if (op == "reverse") {
    for (std::size_t d = 0; d < rank_in; ++d) map->coefficient[d][d] = 1;
    for (const std::int64_t d : node->attrs.ints("dims")) {
      map->offset[static_cast<std::size_t>(d)] = in[static_cast<int>(d)] - 1;
      map->coefficient[static_cast<std::size_t>(d)][static_cast<std::size_t>(d)] = -1;
    }
    return true;
  }
  if (op == "broadcast") {
    const auto& dims = node->attrs.ints("dims");
    for (std::size_t d = 0; d < rank_in; ++d) {
      if (in[static_cast<int>(d)] != 1) map->coefficient[d][static_cast<std::size_t>(dims[d])] = 1;
    }
    return true;
  }
  if (op == "reshape") {
    // Affine when every input dimension is a product of neighbouring output dimensions.
    int o = 0;
    for (int d = 0; d < in.rank(); ++d) {
      std::int64_t product = 1;
      std::vector<int> parts;
      while (product < in[d] && o < out.rank()) {
        product *= out[o];
        parts.push_back(o++);
      }
      if (product != in[d]) return false;
      std::int64_t stride = 1;
      for (auto it = parts.rbegin(); it != parts.rend(); ++it) {
        map->coefficient[static_cast<std::size_t>(d)][static_cast<std::size_t>(*it)] = stride;
        stride *= out[*it];
      }
      while (o < out.rank() && out[o] == 1) ++o;
    }
    return true;
  }
  return false;
}

// outer: view -> middle index, inner: middle index -> base index.
StridedView compose(const StridedView& outer, const StridedView& inner) {
  StridedView r;
  r.base = inner.base;
  r.offset = inner.offset;
  const std::size_t view_rank = outer.coefficient.empty() ? 0 : outer.coefficient[0].size();
  r.coefficient.assign(inner.offset.size(), std::vector<std::int64_t>(view_rank, 0));
  for (std::size_t b = 0; b < inner.offset.size(); ++b) {
    for (std::size_t m = 0; m < inner.coefficient[b].size(); ++m) {
      const std::int64_t c = inner.coefficient[b][m];
      if (c == 0) continue;
      r.offset[b] += c * outer.offset[m];
      for (std::size_t v = 0; v < view_rank; ++v)
        r.coefficient[b][v] += c * outer.coefficient[m][v];
    }
  }
  return r;
}

}  // namespace

StridedView strided_view(NodeImpl* node) {
  StridedView view = identity_view(node);
  while (view.base->op->cls == OpClass::View && !view.base->inputs.empty()) {
    StridedView step;
    if (view.base->aval.shape.rank() == 0 || !step_view(view.base, &step)) break;
    step.base = view.base->inputs[0];
    view = compose(view, step);
  }
  return view;
}

namespace {

// An expression inlined at every use costs arithmetic; stored it costs a store and loads.
constexpr int kCheap = 4;  // recomputing up to this is always better than a load
constexpr int kMaxInlineCost = 400;
constexpr int kMaxInlineLoads = 24;

class Fuser {
 public:
  /// Without `wide`, every contraction's value is stored as it is and every map has a kernel of its
  /// own.
  Fuser(const Analysis& a, const Graph& g, const Target& target, const std::vector<bool>& donated,
        bool wide)
      : a_(a), target_(target), wide_(wide) {
    for (std::size_t i = 0; i < donated.size(); ++i) {
      if (donated[i]) donated_.push_back(g.inputs()[i].node());
    }

    fusion_.stored.assign(a.order().size(), false);
    in_group_.assign(a.order().size(), false);
  }

  /// False when the groups cannot be put in an order.
  bool run(Fusion* result) {
    find_sparse();
    must_store();
    store_shared();
    epilogues();
    maps();
    if (!sort_groups()) return false;
    *result = std::move(fusion_);
    return true;
  }

 private:
  bool stored(const NodeImpl* n) const {
    return fusion_.stored[static_cast<std::size_t>(a_.index(n))];
  }
  void store(const NodeImpl* n) { fusion_.stored[static_cast<std::size_t>(a_.index(n))] = true; }
  bool grouped(const NodeImpl* n) const { return in_group_[static_cast<std::size_t>(a_.index(n))]; }
  static bool is_constant(const NodeImpl* n) { return n->op == &ir::constant_op(); }

  void must_store() {
    for (NodeImpl* n : a_.order()) {
      const OpClass cls = n->op->cls;
      if (n->is_leaf()) {
        if (!is_constant(n) || a_.is_output(n)) store(n);
        continue;
      }
      if (a_.is_output(n) || cls == OpClass::Reduction || cls == OpClass::Contraction ||
          cls == OpClass::Scatter) {
        store(n);
      }
      // What pools the same input twice (the maximum and where it was) shares a kernel.
      if (cls == OpClass::Window && a_.users(n->inputs[0]).size() > 1) {
        for (const NodeImpl* u : a_.users(n->inputs[0])) {
          if (u != n && u->op->cls == OpClass::Window && u->aval.shape == n->aval.shape) store(n);
        }
      }
      if (cls == OpClass::Contraction) {
        for (NodeImpl* in : n->inputs) {
          if (!listed(in)) store(strided_view(in).base);
        }
      }
    }
  }

  // ---- Sparse operands ----
  void find_sparse() {
    for (NodeImpl* n : a_.order()) {
      if (auto spec = sparse_spec(n, target_))
        sparse_[n] = std::make_shared<const SparseSpec>(std::move(*spec));
    }
  }
  // A value that is only ever read as a list of its elements: it lies in no buffer.
  bool listed(const NodeImpl* n) const {
    if (a_.is_output(n) || a_.users(n).empty()) return false;
    return std::all_of(a_.users(n).begin(), a_.users(n).end(), [&](const NodeImpl* u) {
      if (u->op->name == "pad" && n->op->name == "unpool") return listed(u);
      const auto it = sparse_.find(u);
      if (it == sparse_.end()) return false;
      const auto side = static_cast<std::size_t>(it->second->side);
      return u->inputs[side] == n && u->inputs[1 - side] != n;
    });
  }

  // How many elements of `in` one element of its user `n` reads, times how many elements read one.
  static double multiplicity(const NodeImpl* n, const NodeImpl* in) {
    double reads = static_cast<double>(n->aval.numel());
    if (n->op->cls == OpClass::Window) {
      for (const std::int64_t w : n->attrs.ints("window")) reads *= static_cast<double>(w);
    }
    return reads / static_cast<double>(std::max<std::int64_t>(1, in->aval.numel()));
  }

  void store_shared() {
    const std::size_t n = a_.order().size();
    std::vector<double> cost(n, 0);
    std::vector<int> loads(n, 0);
    for (std::size_t i = 0; i < n; ++i) {
      NodeImpl* node = a_.order()[i];
      if (is_constant(node)) continue;
      if (node->is_leaf()) {
        loads[i] = 1;
        continue;
      }
      double c = node->op->cost;
      int l = 0;
      for (NodeImpl* in : node->inputs) {
        const auto k = static_cast<std::size_t>(a_.index(in));
        c += cost[k];
        l += loads[k];
      }
      if (listed(node)) {
        cost[i] = 0;
        continue;
      }
      if (!stored(node) && (c > kMaxInlineCost || l > kMaxInlineLoads || too_often(node, c, l)))
        store(node);
      cost[i] = stored(node) ? 0 : c;
      loads[i] = stored(node) ? 1 : l;
    }
  }

  bool too_often(const NodeImpl* node, double cost, int loads) const {
    if (node->inputs.empty() || all_inputs_constant(node)) return false;  // iota, filled tensors
    double uses = 0;
    for (const NodeImpl* u : a_.users(node))
      uses += listed(u) ? 1.0 : std::max(1.0, multiplicity(u, node));
    if (uses <= 1.01) return false;
    // A scalar-like value that is broadcast is computed once per loop nest anyhow, when it is
    // small.
    const bool is_view = node->op->cls == OpClass::View;
    if (is_view && loads <= 1 && cost <= kCheap) return false;
    return (cost - kCheap) * (uses - 1) >
               6 * (uses + 1) / std::max(1.0, static_cast<double>(loads)) ||
           loads > 4;
  }
  static bool all_inputs_constant(const NodeImpl* n) {
    return std::all_of(n->inputs.begin(), n->inputs.end(), is_constant);
  }

  // ---- Contraction epilogues ----
  bool pointwise_after(const NodeImpl* n, const NodeImpl* user) const {
    return user->op->cls == OpClass::Elementwise && user->aval.shape == n->aval.shape;
  }

  // Whether computing `u` right after `core` would need a stored value that itself needs core.
  bool needs_later_value(NodeImpl* u, NodeImpl* core, const std::vector<NodeImpl*>& inside) const {
    for (NodeImpl* in : u->inputs) {
      if (std::find(inside.begin(), inside.end(), in) != inside.end()) continue;
      if (stored(in)) {
        if (a_.depends(in, core) || made_after(in, core)) return true;
        continue;
      }
      // The accumulators of another contraction are out of reach.
      if (in->op->cls == OpClass::Contraction) return true;
      if (a_.depends(in, core) &&
          (in->op->cls != OpClass::Elementwise || in->aval.shape != core->aval.shape)) {
        return true;
      }
      if (needs_later_value(in, core, inside)) return true;
    }
    return false;
  }

  // Whether the kernel that makes a stored value needs `core` for some other of its results.
  bool made_after(const NodeImpl* value, const NodeImpl* core) const {
    std::vector<std::size_t> queue;
    const auto visit = [&](const NodeImpl* n) {
      const auto it = group_of_.find(n);
      if (it != group_of_.end() && std::find(queue.begin(), queue.end(), it->second) == queue.end())
        queue.push_back(it->second);
    };
    visit(value);
    for (std::size_t k = 0; k < queue.size(); ++k) {
      const Group& g = fusion_.groups[queue[k]];
      for (NodeImpl* r : g.results()) {
        if (a_.depends(r, core)) return true;
      }
      for (const NodeImpl* r : reads_of(g)) visit(r);
    }
    return false;
  }

  void epilogues() {
    // Later contractions first: what two of them feed belongs to the later one.
    for (auto it = a_.order().rbegin(); it != a_.order().rend(); ++it) {
      if ((*it)->op->cls == OpClass::Contraction) epilogue(*it);
    }
  }

  // Windows that follow each other without overlap or padding over at most two spatial dimensions
  // of a convolution's result: a register tile can hold whole ones.
  static bool pools_tiles(const NodeImpl* core, const NodeImpl* pool) {
    if (core->op->name != "conv_general" || pool->op->cls != OpClass::Window ||
        pool->op->name == "unpool" || !is_floating(core->aval.dtype))
      return false;
    const auto &window = pool->attrs.ints("window"), &stride = pool->attrs.ints("stride"),
               &spec = core->attrs.ints("out_spec");
    int dims = 0;
    std::int64_t volume = 1;
    for (std::size_t d = 0; d < window.size(); ++d) {
      const bool spatial =
          std::find(spec.begin() + 2, spec.end(), static_cast<std::int64_t>(d)) != spec.end();
      if (window[d] != stride[d] || (window[d] > 1 && !spatial) || pool->attrs.ints("lo")[d] != 0 ||
          pool->attrs.ints("hi")[d] > 0 || pool->attrs.ints("dilation")[d] != 1)
        return false;
      dims += window[d] > 1;
      volume *= window[d];
    }
    return dims >= 1 && dims <= 2 && volume <= 16 &&
           core->aval.shape[static_cast<int>(spec[1])] > 1;
  }

  // What lies between a contraction and the pooling that alone reads it: the nodes before the
  // pooling (the core first), then those that pool. Empty when something else reads them too.
  std::vector<NodeImpl*> up_to_pooling(NodeImpl* core, std::size_t* pointwise) const {
    std::vector<NodeImpl*> before{core}, pools;
    for (std::size_t k = 0; k < before.size(); ++k) {
      NodeImpl* n = before[k];
      if (a_.is_output(n) || before.size() > 16) return {};
      for (NodeImpl* u : a_.users(n)) {
        const auto& list = u->op->cls == OpClass::Window ? pools : before;
        if (std::find(list.begin(), list.end(), u) != list.end()) continue;
        if (pointwise_after(n, u) && !grouped(u) && !needs_later_value(u, core, before))
          before.push_back(u);
        else if (pools_tiles(core, u) && !grouped(u) && (pools.empty() || like(pools[0], u)))
          pools.push_back(u);
        else
          return {};
      }
    }
    if (pools.empty()) return {};
    *pointwise = before.size();
    before.insert(before.end(), pools.begin(), pools.end());
    return before;
  }
  static bool like(const NodeImpl* x, const NodeImpl* y) {
    return x->aval.shape == y->aval.shape && x->attrs.ints("window") == y->attrs.ints("window");
  }

  void epilogue(NodeImpl* core) {
    std::vector<NodeImpl*> inside{core};
    bool core_escapes = a_.is_output(core) || !wide_;
    std::size_t first = 0;  // of what may be stored
    if (wide_ && !sparse_.contains(core)) {
      if (auto pooled = up_to_pooling(core, &first); !pooled.empty()) inside = std::move(pooled);
    }
    NodeImpl* pool = first > 0 ? inside[first] : nullptr;
    for (std::size_t k = 0; k < first; ++k)
      fusion_.stored[static_cast<std::size_t>(a_.index(inside[k]))] = false;
    for (std::size_t k = first; wide_ && k < inside.size(); ++k) {
      NodeImpl* n = inside[k];
      bool escapes = a_.is_output(n);
      for (NodeImpl* u : a_.users(n)) {
        if (std::find(inside.begin(), inside.end(), u) != inside.end()) continue;
        if (inside.size() < 64 && pointwise_after(n, u) && !grouped(u) &&
            !needs_later_value(u, core, inside)) {
          inside.push_back(u);
        } else {
          escapes = true;
        }
      }
      if (escapes && n != core) store(n);
      if (escapes && n == core) core_escapes = true;
    }
    Group g;
    g.kind = Group::Kind::Contraction;
    g.core = core;
    g.pool = pool;
    g.domain = (pool ? pool : core)->aval.shape;
    if (const auto it = sparse_.find(core); it != sparse_.end()) g.sparse = it->second;
    for (NodeImpl* n : inside) {
      if (n == core ? core_escapes || inside.size() == 1 : stored(n)) g.stores.push_back(n);
    }
    if (std::find(g.stores.begin(), g.stores.end(), core) == g.stores.end()) {
      fusion_.stored[static_cast<std::size_t>(a_.index(core))] = false;
    }
    for (NodeImpl* n : inside) {
      if (n == core || stored(n)) in_group_[static_cast<std::size_t>(a_.index(n))] = true;
    }
    for (NodeImpl* n : g.stores) group_of_[n] = fusion_.groups.size();
    fusion_.groups.push_back(std::move(g));
  }

  // ---- Maps and reductions ----
  static const Shape& domain_of(const NodeImpl* n) {
    return n->op->cls == OpClass::Reduction ? n->inputs[0]->aval.shape : n->aval.shape;
  }

  // Whether one kernel may compute all of g and also n: nothing in g needs n through memory or the
  // other way round (a reduction of a value that the kernel itself computes point by point is
  // fine).
  bool independent(const Group& g, NodeImpl* n) const {
    for (NodeImpl* r : g.results()) {
      const bool direct =
          r->op->cls != OpClass::Reduction &&
          (n->op->cls == OpClass::Reduction || n->op->cls == OpClass::Elementwise) &&
          std::all_of(n->inputs.begin(), n->inputs.end(),
                      [&](NodeImpl* in) { return reaches_pointwise(in, r, g); });
      if (!direct && (a_.depends(n, r) || a_.depends(r, n))) return false;
      if (direct && a_.depends(r, n)) return false;
    }
    return true;
  }
  // `top` is `r`, or computed from it by elementwise ops alone; no other path leads to r.
  bool reaches_pointwise(NodeImpl* top, NodeImpl* r, const Group& g) const {
    if (top == r || !a_.depends(top, r)) return true;
    if (std::find(g.stores.begin(), g.stores.end(), top) != g.stores.end()) return true;
    if (stored(top) || top->op->cls != OpClass::Elementwise || top->aval.shape != r->aval.shape)
      return false;
    return std::all_of(top->inputs.begin(), top->inputs.end(),
                       [&](NodeImpl* in) { return reaches_pointwise(in, r, g); });
  }
  bool shares_input(const Group& g, NodeImpl* n) const {
    std::vector<NodeImpl*> mine, theirs;
    for (NodeImpl* r : g.results()) collect_reads(r, &theirs);
    for (NodeImpl* r : g.stores) theirs.push_back(r);
    collect_reads(n, &mine);
    return std::any_of(mine.begin(), mine.end(), [&](NodeImpl* m) {
      return m->aval.numel() > 1 && std::find(theirs.begin(), theirs.end(), m) != theirs.end();
    });
  }
  void collect_reads(NodeImpl* n, std::vector<NodeImpl*>* out) const {
    for (NodeImpl* in : n->inputs) {
      if (std::find(out->begin(), out->end(), in) != out->end()) continue;
      if (stored(in))
        out->push_back(in);
      else
        collect_reads(in, out);
    }
  }
  static bool same_axes(const Group& g, const NodeImpl* n) {
    if (n->op->cls != OpClass::Reduction || g.reduces.empty()) return true;
    return g.reduces[0]->attrs.ints("axes") == n->attrs.ints("axes");
  }
  static bool is_arg_reduction(const NodeImpl* n) {
    return n->op->name == "argmax" || n->op->name == "argmin";
  }

  void maps() {
    std::vector<std::size_t> open;  // groups of maps that may still grow
    for (NodeImpl* n : a_.order()) {
      if (!stored(n) || grouped(n) || (n->is_leaf() && !is_constant(n))) continue;
      in_group_[static_cast<std::size_t>(a_.index(n))] = true;
      if (n->op->cls == OpClass::Scatter) {
        fusion_.groups.push_back({Group::Kind::Scatter, {n}, {}, n, n->aval.shape});
        continue;
      }
      const bool reduce = n->op->cls == OpClass::Reduction;
      bool joined = false;
      for (const std::size_t k : open) {
        if (!wide_) break;
        Group& g = fusion_.groups[k];
        if (g.domain == domain_of(n) && g.results().size() < 8 && same_axes(g, n) &&
            independent(g, n) && !is_arg_reduction(n) && !acyclic_break(k, n) &&
            shares_input(g, n)) {
          (reduce ? g.reduces : g.stores).push_back(n);
          joined = true;
          break;
        }
      }
      if (joined) continue;
      Group g;
      g.domain = domain_of(n);
      (reduce ? g.reduces : g.stores).push_back(n);
      fusion_.groups.push_back(std::move(g));
      if (!is_arg_reduction(n)) open.push_back(fusion_.groups.size() - 1);
    }
  }

  // Joining n to group k would make a cycle when some other group stands between them: a value that
  // n needs and that itself needs a result of the group, or the other way round.
  bool acyclic_break(std::size_t k, NodeImpl* n) const {
    const Group& g = fusion_.groups[k];
    std::vector<NodeImpl*> reads;
    collect_reads(n, &reads);
    for (NodeImpl* r : g.results()) {
      for (NodeImpl* x : reads) {
        const bool inside = std::find(g.stores.begin(), g.stores.end(), x) != g.stores.end();
        if (!inside && a_.depends(x, r)) return true;
      }
      for (const NodeImpl* u : a_.order()) {
        if (u != r && u != n && stored(u) && a_.depends(u, n) && a_.depends(r, u)) return true;
      }
    }
    return mutual_break(g, n);
  }
  // Some result of another group between: it needs a result of g while n is needed by … it.
  bool mutual_break(const Group& g, NodeImpl* n) const {
    for (const Group& other : fusion_.groups) {
      if (&other == &g) continue;
      bool needs_g = false, needed = false;
      for (NodeImpl* o : other.results()) {
        for (NodeImpl* r : g.results()) {
          needs_g = needs_g || a_.depends(o, r);
          needed = needed || a_.depends(r, o);
        }
        needed = needed || a_.depends(n, o);
        needs_g = needs_g || a_.depends(o, n);
      }
      if (needs_g && needed) return true;
    }
    return false;
  }

  // ---- Order ----
  bool sort_groups() {
    std::unordered_map<const NodeImpl*, std::size_t> producer;
    auto& groups = fusion_.groups;
    const auto last = [&](const Group& g) {
      int i = 0;
      for (NodeImpl* r : g.results()) i = std::max(i, a_.index(r));
      return i;
    };
    std::sort(groups.begin(), groups.end(),
              [&](const Group& x, const Group& y) { return last(x) < last(y); });
    readers_.clear();
    for (std::size_t k = 0; k < groups.size(); ++k) {
      for (NodeImpl* r : reads_of(groups[k])) readers_[r].push_back(k);
    }
    for (std::size_t k = 0; k < groups.size(); ++k) {
      for (NodeImpl* r : groups[k].results()) producer[r] = k;
    }
    std::vector<std::vector<std::size_t>> needs(groups.size()), readers(groups.size());
    for (std::size_t k = 0; k < groups.size(); ++k) {
      const std::vector<NodeImpl*> reads = reads_of(groups[k]);
      for (NodeImpl* r : reads) {
        const auto it = producer.find(r);
        if (it != producer.end() && it->second != k) needs[k].push_back(it->second);
      }
      readers[k] = earlier_readers(groups[k], reads);
    }
    return list_schedule(needs, readers);
  }

  // Ready groups in the order of the graph; one that replaces an input waits for the input's other
  // readers while something else is ready. False when nothing is ready: the groups form a cycle.
  bool list_schedule(const std::vector<std::vector<std::size_t>>& needs,
                     const std::vector<std::vector<std::size_t>>& readers) {
    auto& groups = fusion_.groups;
    std::vector<bool> done(groups.size(), false);
    const auto all_done = [&](const std::vector<std::size_t>& list) {
      return std::all_of(list.begin(), list.end(), [&](std::size_t m) { return done[m]; });
    };
    std::vector<std::size_t> order;
    while (order.size() < groups.size()) {
      std::size_t next = groups.size(), fallback = groups.size();
      for (std::size_t k = 0; k < groups.size() && next == groups.size(); ++k) {
        if (done[k] || !all_done(needs[k])) continue;
        if (all_done(readers[k]))
          next = k;
        else if (fallback == groups.size())
          fallback = k;
      }
      if (next == groups.size()) next = fallback;
      if (next == groups.size()) return false;
      done[next] = true;
      order.push_back(next);
    }
    std::vector<Group> sorted;
    for (const std::size_t k : order) sorted.push_back(std::move(groups[k]));
    groups = std::move(sorted);
    return true;
  }

  std::vector<NodeImpl*> reads_of(const Group& g) const {
    std::vector<NodeImpl*> reads;
    for (NodeImpl* r : g.results()) collect_reads(r, &reads);
    if (g.core) collect_reads(g.core, &reads);
    return reads;
  }
  // Groups that read a donated input which a result of g may replace, and do not need g.
  std::vector<std::size_t> earlier_readers(const Group& g,
                                           const std::vector<NodeImpl*>& reads) const {
    std::vector<std::size_t> list;
    for (NodeImpl* r : reads) {
      if (std::find(donated_.begin(), donated_.end(), r) == donated_.end()) continue;
      const bool replaced = std::any_of(g.stores.begin(), g.stores.end(), [&](NodeImpl* s) {
        return a_.is_output(s) && s->aval == r->aval;
      });
      if (!replaced) continue;
      for (const std::size_t m : readers_.at(r)) {
        const Group& other = fusion_.groups[m];
        bool needs_g = false;
        for (NodeImpl* o : other.results()) {
          for (NodeImpl* s : g.results()) needs_g = needs_g || a_.depends(o, s);
        }
        if (&other != &g && !needs_g) list.push_back(m);
      }
    }
    return list;
  }

  const Analysis& a_;
  const Target& target_;
  bool wide_;
  std::vector<const NodeImpl*> donated_;
  std::unordered_map<const NodeImpl*, std::vector<std::size_t>> readers_;
  std::unordered_map<const NodeImpl*, std::size_t>
      group_of_;  // of contractions, while they are formed
  Fusion fusion_;
  std::vector<bool> in_group_;
  std::unordered_map<const NodeImpl*, std::shared_ptr<const SparseSpec>> sparse_;
};

}  // namespace

Fusion fuse(const Analysis& a, const Graph& g, const Target& target,
            const std::vector<bool>& donated) {
  Fusion fusion;
  // Two groups may come to need each other; kernels of one value each always have an order.
  const bool wide = !env::disabled("fuse") && Fuser(a, g, target, donated, true).run(&fusion);
  if (!wide && !Fuser(a, g, target, donated, false).run(&fusion)) {
    throw InternalError("schedule: the graph has a cycle");
  }
  return fusion;
}

}  // namespace lilith::schedule
