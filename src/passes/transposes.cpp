// Transposes move until they meet and cancel: down through ops whose operands all come transposed,
// into the dimension numbers of dot_general, and up where that leaves fewer bytes to transpose.
//
//   %1: f32[4,3] = transpose(%x) {perm=[1,0]}       |
//   %2: f32[4,3] = exp(%1)                          |  %0: f32[3,4] = exp(%x)
//   %3: f32[3,4] = transpose(%2) {perm=[1,0]}       |  return %0
//   return %3                                       |
#include <algorithm>
#include <numeric>

#include "ir/rebuild.h"
#include "passes/movable.h"
#include "passes/pipeline.h"

namespace lilith::passes {
namespace {

using ir::NodeImpl;

constexpr int kMaxDepth = 16;

std::int64_t bytes_of(const NodeImpl& n) { return static_cast<std::int64_t>(n.aval.bytes()); }

bool is_increasing(const Ints& list) { return std::is_sorted(list.begin(), list.end()); }

// The order that sorts a list of distinct numbers: list[order[0]] < list[order[1]] < …
Ints sorting_order(const Ints& list) {
  Ints order(list.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
    return list[static_cast<std::size_t>(a)] < list[static_cast<std::size_t>(b)];
  });
  return order;
}

// Where transpose(perm) puts the dimensions that a broadcast's input has.
Ints moved_dims(const NodeImpl& broadcast, const Ints& perm) {
  return permuted(inverse(perm), ints(broadcast, "dims"));
}

/// Who uses a node: transposes, each permutation once, and others.
struct Users {
  std::vector<Ints> perms;
  bool others = false;
};

/// The uses of a graph's nodes, outputs among them.
class Uses {
 public:
  explicit Uses(const ir::Numbered& g) : g_(g), count_(g.size(), 0), users_of_(g.size(), kNone) {
    for (std::size_t n = 0; n < g.size(); ++n) {
      const bool transpose = is(g.node(n), "transpose");
      for (const std::uint32_t in : g.inputs(n)) {
        ++count_[in];
        if (transpose) add(in, ints(g.node(n), "perm"));
      }
    }
    for (std::size_t n = 0; n < g.size(); ++n) {
      if (is(g.node(n), "transpose")) continue;
      for (const std::uint32_t in : g.inputs(n)) add_other(in);
    }
    for (const std::uint32_t out : g.outputs()) {
      ++count_[out];
      add_other(out);
    }
  }

  int count_of(const NodeImpl& x) const {
    const std::uint32_t* n = g_.find(&x);
    return n ? count_[*n] : 0;
  }
  /// Of a node that a transpose reads; null for others.
  const Users* users(std::size_t n) const {
    return users_of_[n] == kNone ? nullptr : &users_[users_of_[n]];
  }

 private:
  static constexpr std::uint32_t kNone = 0xffffffffu;

  void add(std::uint32_t n, const Ints& perm) {
    if (users_of_[n] == kNone) {
      users_of_[n] = static_cast<std::uint32_t>(users_.size());
      users_.emplace_back();
    }
    auto& perms = users_[users_of_[n]].perms;
    if (std::find(perms.begin(), perms.end(), perm) == perms.end()) perms.push_back(perm);
  }
  void add_other(std::uint32_t n) {
    if (users_of_[n] != kNone) users_[users_of_[n]].others = true;
  }

  const ir::Numbered& g_;
  std::vector<int> count_;
  std::vector<Users> users_;
  std::vector<std::uint32_t> users_of_;  // by number, in users_
};

/// Transposing a value by taking the transpose further up. Costs are in bytes that a transpose
/// would write; a transpose that vanishes counts negative.
class Puller {
 public:
  /// With what is known of a graph's uses, ops used once may be recomputed in the other order.
  explicit Puller(const Uses* uses) : uses_(uses) {}

  std::int64_t cost(const NodeImpl& x, const Ints& perm, int depth = 0) const {
    if (is_identity(perm) || is_constant(x) || is(x, "iota") || x.aval.numel() <= 1) return 0;
    if (is(x, "transpose")) {
      const std::int64_t saved = used_once(x) ? bytes_of(x) : 0;
      return cost(*x.inputs[0], compose(ints(x, "perm"), perm), depth) - saved;
    }
    if (is(x, "broadcast")) {
      const Ints order = sorting_order(moved_dims(x, perm));
      return is_identity(order) ? 0 : cost(*x.inputs[0], order, depth + 1);
    }
    if (!may_recompute(x, perm, depth)) return bytes_of(x);
    return std::min(bytes_of(x), cost_of_inputs(x, perm, depth));
  }

  /// The value of transpose(x, perm), at that cost.
  Tensor pull(const Tensor& value, const Ints& perm, int depth = 0) const {
    NodeImpl& x = *value.node();
    if (is_identity(perm)) return value;
    const Shape shape(permuted(x.aval.shape.vec(), perm));
    if (is_constant(x)) return constant_like(x, {shape, x.aval.dtype, x.aval.device});
    if (is(x, "iota")) return pull_iota(x, shape, perm);
    if (x.aval.numel() <= 1) return reshape(value, shape);
    if (is(x, "transpose")) return pull(x.input(0), compose(ints(x, "perm"), perm), depth);
    if (is(x, "broadcast")) return pull_broadcast(x, shape, perm, depth);
    if (may_recompute(x, perm, depth) && cost_of_inputs(x, perm, depth) < bytes_of(x)) {
      return pull_inputs(x, perm, depth);
    }
    return transpose(value, perm);
  }

  std::int64_t cost_of_inputs(const NodeImpl& x, const Ints& perm, int depth) const {
    std::int64_t total = 0;
    for (const NodeImpl* input : x.inputs) total += cost(*input, perm, depth + 1);
    return total;
  }

  /// The op on inputs that are transposed themselves.
  Tensor pull_inputs(NodeImpl& x, const Ints& perm, int depth) const {
    std::vector<Tensor> inputs;
    for (NodeImpl* input : x.inputs) inputs.push_back(pull(Tensor(input), perm, depth + 1));
    LocScope::Override scope(x.loc);
    return apply(*x.op, std::move(inputs), *moved_attrs(x, perm));
  }

 private:
  bool used_once(const NodeImpl& x) const { return uses_ && uses_->count_of(x) == 1; }

  bool may_recompute(const NodeImpl& x, const Ints& perm, int depth) const {
    return depth < kMaxDepth && !x.is_leaf() && used_once(x) && moved_attrs(x, perm).has_value();
  }

  static Tensor pull_iota(const NodeImpl& x, const Shape& shape, const Ints& perm) {
    Attrs attrs = x.attrs;
    attrs.set("shape", shape.vec());
    attrs.set("dim", inverse(perm)[static_cast<std::size_t>(x.attrs.integer("dim"))]);
    return apply("iota", {}, std::move(attrs));
  }

  Tensor pull_broadcast(NodeImpl& x, const Shape& shape, const Ints& perm, int depth) const {
    Ints dims = moved_dims(x, perm);
    const Tensor source = pull(x.input(0), sorting_order(dims), depth + 1);
    std::sort(dims.begin(), dims.end());
    return apply("broadcast", {source}, {{"shape", shape.vec()}, {"dims", dims}});
  }

  const Uses* uses_;
};

// ---- Down. ----

// op(transpose(x), transpose(y)) = transpose(op(x, y)); constants and broadcasts follow for
// nothing.
Tensor sink(NodeImpl& n) {
  const auto at = std::find_if(n.inputs.begin(), n.inputs.end(),
                               [](NodeImpl* input) { return is(*input, "transpose"); });
  if (at == n.inputs.end() || is(n, "transpose")) return {};
  const Ints perm = ints(**at, "perm"), undo = inverse(perm);
  if (!moved_attrs(n, undo)) return {};
  const Puller puller(nullptr);
  for (const NodeImpl* input : n.inputs) {
    if (puller.cost(*input, undo) > 0) return {};
  }
  return transpose(puller.pull_inputs(n, undo, 0), perm);
}

bool takes_axes_alone(const NodeImpl& n) {
  return n.op->cls == OpClass::Reduction && n.attrs.items().size() == 1 && n.attrs.has("axes");
}

// reduce(transpose(x), axes) = transpose(reduce(x, axes'))
Tensor sink_through_reduction(NodeImpl& n) {
  const NodeImpl& x = *n.inputs[0];
  if (!is(x, "transpose")) return {};
  const Ints &perm = ints(x, "perm"), &axes = ints(n, "axes");
  Ints kept;  // dimensions of the untransposed input, in the order of the result
  for (std::int64_t d = 0; d < static_cast<std::int64_t>(perm.size()); ++d) {
    if (std::find(axes.begin(), axes.end(), d) == axes.end())
      kept.push_back(perm[static_cast<std::size_t>(d)]);
  }
  Ints moved = permuted(perm, axes);
  std::sort(moved.begin(), moved.end());
  const Tensor reduced = apply(*n.op, {x.input(0)}, {{"axes", moved}});
  return transpose(reduced, inverse(sorting_order(kept)));
}

// ---- Into dot_general. ----

// The dimensions that are neither batch nor contracted, in order.
Ints free_dims(std::size_t rank, const Ints& batch, const Ints& contract) {
  Ints out;
  for (std::int64_t d = 0; d < static_cast<std::int64_t>(rank); ++d) {
    const bool used = std::find(batch.begin(), batch.end(), d) != batch.end() ||
                      std::find(contract.begin(), contract.end(), d) != contract.end();
    if (!used) out.push_back(d);
  }
  return out;
}

Tensor absorb_operand(NodeImpl& n, int side, const char* batch_key, const char* contract_key) {
  const NodeImpl& x = *n.inputs[static_cast<std::size_t>(side)];
  if (!is(x, "transpose")) return {};
  const Ints &perm = ints(x, "perm"), &batch = ints(n, batch_key),
             &contract = ints(n, contract_key);
  if (!is_increasing(permuted(perm, free_dims(perm.size(), batch, contract)))) return {};
  Attrs attrs = n.attrs;
  attrs.set(batch_key, permuted(perm, batch));
  attrs.set(contract_key, permuted(perm, contract));
  std::vector<Tensor> inputs = {n.input(0), n.input(1)};
  inputs[static_cast<std::size_t>(side)] = x.input(0);
  return apply(*n.op, std::move(inputs), std::move(attrs));
}

Tensor absorb_lhs(NodeImpl& n) { return absorb_operand(n, 0, "lhs_batch", "lhs_contract"); }
Tensor absorb_rhs(NodeImpl& n) { return absorb_operand(n, 1, "rhs_batch", "rhs_contract"); }

// transpose(dot_general(a, b)) = dot_general(b, a) where it swaps their free dimensions as blocks
Tensor swap_operands(NodeImpl& n) {
  const NodeImpl& dot = *n.inputs[0];
  if (!is(dot, "dot_general")) return {};
  const Ints& perm = ints(n, "perm");
  const auto rank = static_cast<std::int64_t>(perm.size());
  const auto batch = static_cast<std::int64_t>(ints(dot, "lhs_batch").size());
  const std::int64_t lhs_free = dot.inputs[0]->aval.shape.rank() - batch -
                                static_cast<std::int64_t>(ints(dot, "lhs_contract").size());
  for (std::int64_t d = 0; d < rank; ++d) {
    const std::int64_t rhs_free = rank - batch - lhs_free;
    const std::int64_t swapped = d < batch ? d : d < batch + rhs_free ? d + lhs_free : d - rhs_free;
    if (perm[static_cast<std::size_t>(d)] != swapped) return {};
  }
  return apply(*dot.op, {dot.input(1), dot.input(0)},
               {{"lhs_batch", ints(dot, "rhs_batch")},
                {"rhs_batch", ints(dot, "lhs_batch")},
                {"lhs_contract", ints(dot, "rhs_contract")},
                {"rhs_contract", ints(dot, "lhs_contract")}});
}

// transpose of what transposes for nothing: another transpose, a constant, iota, a broadcast
Tensor merge(NodeImpl& n) {
  const NodeImpl& x = *n.inputs[0];
  if (is_identity(ints(n, "perm"))) return n.input(0);
  const bool fits = is(x, "transpose") || is(x, "broadcast") || is_constant(x) || is(x, "iota");
  return fits ? Puller(nullptr).pull(n.input(0), ints(n, "perm")) : Tensor();
}

/// What may be done to a node.
struct Allowed {
  bool sink = true, swap = true;
};

Tensor move_one_down(NodeImpl& n, Allowed allowed) {
  if (is(n, "transpose")) {
    Tensor merged = merge(n);
    return merged.defined() || !allowed.swap ? merged : swap_operands(n);
  }
  if (is(n, "dot_general")) {
    Tensor absorbed = absorb_lhs(n);
    return absorbed.defined() ? absorbed : absorb_rhs(n);
  }
  if (takes_axes_alone(n)) return sink_through_reduction(n);
  return allowed.sink && !n.is_leaf() ? sink(n) : Tensor();
}

// Of a transpose of a product that others read as well: swapped for it alone, the product would be
// computed twice.
bool has_other_readers(const NodeImpl& transpose, const Uses& uses) {
  const NodeImpl* x = &transpose;
  while (is(*x, "transpose") && (x == &transpose || uses.count_of(*x) == 1)) x = x->inputs[0];
  return is(*x, "transpose") || (is(*x, "dot_general") && uses.count_of(*x) > 1);
}

// Nodes that some user reads as they are: were their transpose to move past another user, there
// would be two. Moving up does it where that pays.
std::vector<char> read_as_they_are(const ir::Numbered& g) {
  std::vector<char> out(g.size(), 0);
  for (std::size_t n = 0; n < g.size(); ++n) {
    const NodeImpl& user = g.node(n);
    const bool absorbs = is_movable(user) || is(user, "transpose") || is(user, "dot_general") ||
                         takes_axes_alone(user);
    if (absorbs) continue;
    for (const std::uint32_t in : g.inputs(n)) out[in] = 1;
  }
  for (const std::uint32_t n : g.outputs()) out[n] = 1;
  return out;
}

Graph move_down(const ir::Numbered& g) {
  const std::vector<char> fixed = read_as_they_are(g);
  const Uses uses(g);
  return ir::transform(g, [&](std::size_t n, std::span<NodeImpl* const> inputs) -> Tensor {
    NodeImpl& old = g.node(n);
    bool any = is(old, "transpose");
    Allowed allowed{true, !any || !has_other_readers(old, uses)};
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (!is(*inputs[i], "transpose")) continue;
      any = true;
      if (fixed[g.inputs(n)[i]]) allowed.sink = false;
    }
    if (!any) return {};
    const LocScope::Override scope(old.loc);
    Tensor current = ir::rebuild(&old, inputs);
    constexpr int kMaxMoves = 32;
    for (int i = 0; i < kMaxMoves; ++i) {
      Tensor next = move_one_down(*current.node(), allowed);
      if (!next.defined()) break;
      current = std::move(next);
    }
    return current;
  });
}

// ---- Up. ----

// Computing x in the order of one of the transposes that read it, where that leaves fewer bytes to
// transpose: the operands' transposes, and one for every user that wants another order.
const Ints* better_order(const NodeImpl& x, const Users& users, const Puller& puller) {
  const std::int64_t bytes = bytes_of(x);
  const auto before = bytes * static_cast<std::int64_t>(users.perms.size());
  const std::int64_t other_orders =
      static_cast<std::int64_t>(users.perms.size()) - 1 + (users.others ? 1 : 0);
  const Ints* best = nullptr;
  std::int64_t least = before;
  for (const Ints& perm : users.perms) {
    if (is_identity(perm) || !moved_attrs(x, perm)) continue;
    const std::int64_t after = puller.cost_of_inputs(x, perm, 0) + bytes * other_orders;
    if (after < least) {
      least = after;
      best = &perm;
    }
  }
  return best;
}

Graph move_up(const ir::Numbered& g) {
  const Uses uses(g);
  const Puller puller(&uses);
  return ir::transform(g, [&](std::size_t n, std::span<NodeImpl* const> inputs) -> Tensor {
    const Users* users = uses.users(n);
    if (!users) return {};
    NodeImpl& x = g.node(n);
    if (x.is_leaf() || is(x, "transpose")) return {};
    // A node whose inputs were replaced below is left to the next round: the uses have changed.
    if (!std::ranges::equal(inputs, x.inputs)) return {};
    const Ints* perm = better_order(x, *users, puller);
    if (!perm) return {};
    const LocScope::Override scope(x.loc);
    return transpose(puller.pull_inputs(x, *perm, 0), inverse(*perm));
  });
}

}  // namespace

Graph transposes(const ir::Numbered& g) {
  if (!g.has("transpose")) return g.graph();
  constexpr int kMaxRounds = 8;
  ir::Numbered current = g.next(move_down(g));
  for (int i = 0; i < kMaxRounds; ++i) {
    const ir::Numbered up = current.next(move_up(current));
    if (ir::same_program(up, current)) break;
    current = up.next(move_down(up));
  }
  return current.graph();
}

}  // namespace lilith::passes
