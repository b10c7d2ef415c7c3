#pragma once
#include <memory>
#include <unordered_map>
#include <vector>

#include "schedule/fusion/fusion.h"

namespace lilith::schedule {

/// The fusion decisions in the making. The parts:
///   fusion.cpp     what is stored
///   epilogues.cpp  what runs on the accumulators of a contraction
///   maps.cpp       which stores and reductions share a kernel
///   order.cpp      an order of the kernels
///   chains.cpp     which of them run row by row in one
class Fuser {
 public:
  /// Without `wide`, every contraction's value is stored as it is and every map has a kernel of its
  /// own.
  Fuser(const Dataflow& a, const Graph& g, const FusionRules& rules,
        const std::vector<bool>& donated, bool wide);

  /// False when the groups cannot be put in an order.
  bool run(Fusion* result);

 private:
  using NodeImpl = ir::NodeImpl;

  bool stored(const NodeImpl* n) const;
  void store(const NodeImpl* n) { fusion_.stored[static_cast<std::size_t>(a_.index(n))] = true; }
  bool grouped(const NodeImpl* n) const { return in_group_[static_cast<std::size_t>(a_.index(n))]; }
  static bool is_constant(const NodeImpl* n) { return n->op == &ir::constant_op(); }

  void must_store();

  // Sparse operands.
  void find_sparse();
  // A value that is only ever read as a list of its elements: it lies in no buffer.
  bool listed(const NodeImpl* n) const;

  // How many elements of `in` one element of its user `n` reads, times how many elements read one.
  static double multiplicity(const NodeImpl* n, const NodeImpl* in);

  void store_shared();
  bool too_often(const NodeImpl* node, double cost, int loads) const;
  static bool all_inputs_constant(const NodeImpl* n);

  // Contraction epilogues.
  bool pointwise_after(const NodeImpl* n, const NodeImpl* user) const;

  // Whether computing `u` right after `core` would need a stored value that itself needs core.
  bool needs_later_value(NodeImpl* u, NodeImpl* core, const std::vector<NodeImpl*>& inside) const;

  // Whether the kernel that makes a stored value needs `core` for some other of its results.
  bool made_after(const NodeImpl* value, const NodeImpl* core) const;

  void epilogues();

  // What lies between a contraction and the pooling that alone reads it: the nodes before the
  // pooling (the core first), then those that pool. Empty when something else reads them too.
  std::vector<NodeImpl*> up_to_pooling(NodeImpl* core, std::size_t* pointwise) const;
  static bool like(const NodeImpl* x, const NodeImpl* y);

  void epilogue(NodeImpl* core);

  // Maps and reductions.
  static const Shape& domain_of(const NodeImpl* n);

  // Whether one kernel may compute all of g and also n: nothing in g needs n through memory or the
  // other way round (a reduction of a value that the kernel itself computes point by point is
  // fine).
  bool independent(const Map& g, NodeImpl* n) const;
  // `top` is `r`, or computed from it by elementwise ops alone; no other path leads to r.
  bool reaches_pointwise(NodeImpl* top, NodeImpl* r, const Map& g) const;
  bool shares_input(const Map& g, NodeImpl* n) const;
  void collect_reads(NodeImpl* n, std::vector<NodeImpl*>* out) const;
  static bool same_axes(const Map& g, const NodeImpl* n);

  void maps();

  // Whether group k may compute n too.
  bool may_join(std::size_t k, NodeImpl* n) const;
  // Whether n reads from memory what another kernel makes of a result of g.
  bool reads_through_others(const Map& g, NodeImpl* n) const;
  // Whether some group but k needs a result of k or n, and is needed by one of them.
  bool stands_between(std::size_t k, NodeImpl* n) const;

  // Order.
  bool sort_groups();
  // The groups whose results each group reads.
  std::vector<std::vector<std::size_t>> needs_of_groups() const;

  // Ready groups in the order of the graph; one that replaces an input waits for the input's other
  // readers while something else is ready. False when nothing is ready: the groups form a cycle.
  bool list_schedule(const std::vector<std::vector<std::size_t>>& needs,
                     const std::vector<std::vector<std::size_t>>& readers);

  std::vector<NodeImpl*> reads_of(const Group& g) const;
  // Groups that read a donated input which a result of g may replace, and do not need g.
  std::vector<std::size_t> earlier_readers(const Group& g,
                                           const std::vector<NodeImpl*>& reads) const;

  // Chains of maps over rows.
  void chains();
  void grow_chain(std::size_t head, const std::vector<std::vector<std::size_t>>& needs);
  static bool fits_chain(const Map& head, const Group& g);
  // Whether no group outside stands between those of `set`: one that needs and is needed by them.
  bool closed(const std::vector<bool>& set,
              const std::vector<std::vector<std::size_t>>& needs) const;
  void gather_chain(const std::vector<std::size_t>& members);

  const Dataflow& a_;
  const FusionRules& rules_;
  bool wide_;
  std::vector<const NodeImpl*> donated_;
  std::unordered_map<const NodeImpl*, std::vector<std::size_t>> readers_;
  // The group of a contraction's results, while groups are formed.
  std::unordered_map<const NodeImpl*, std::size_t> group_of_;
  Fusion fusion_;
  std::vector<std::size_t> chain_of_;  // per group, while chains are formed: its chain's head
  std::vector<bool> in_group_;
  std::vector<bool> shared_;  // stored for no other reason than that several ops read it
  std::unordered_map<const NodeImpl*, std::shared_ptr<const SparseSpec>> sparse_;
};

}  // namespace lilith::schedule
