#pragma once
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "schedule/fusion/fusion.h"
#include "schedule/fusion/units.h"

namespace lilith::schedule {

/// Sets of numbers, one after another; beginning the next one costs nothing.
class Marks {
 public:
  explicit Marks(std::size_t size) : set_of_(size, 0) {}
  void clear() { ++set_; }
  /// True when it was not in the set.
  bool add(int n) { return std::exchange(set_of_[static_cast<std::size_t>(n)], set_) != set_; }
  bool contains(int n) const { return set_of_[static_cast<std::size_t>(n)] == set_; }

 private:
  std::vector<std::uint32_t> set_of_;
  std::uint32_t set_ = 1;
};

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

  Fusion run();

 private:
  using NodeImpl = ir::NodeImpl;
  using Numbers = std::vector<int>;  // of nodes: their indices

  bool stored(const NodeImpl* n) const { return stored(a_.index(n)); }
  bool stored(int n) const { return fusion_.stored[static_cast<std::size_t>(n)]; }
  void store(const NodeImpl* n) { fusion_.stored[static_cast<std::size_t>(a_.index(n))] = true; }
  bool grouped(const NodeImpl* n) const { return in_group_[static_cast<std::size_t>(a_.index(n))]; }
  // In no kernel yet, neither as a result nor as what is computed where it is read.
  bool is_free(const NodeImpl* n) const { return !grouped(n) && units_.alone(a_.index(n)); }
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

  // Whether computing `u` right after `core` would need a stored value whose kernel needs core.
  bool needs_later_value(NodeImpl* u, NodeImpl* core, const std::vector<NodeImpl*>& inside) const;

  void epilogues();

  // What lies between a contraction and the pooling that alone reads it: the nodes before the
  // pooling (the core first), then those that pool. Empty when something else reads them too.
  std::vector<NodeImpl*> up_to_pooling(NodeImpl* core, std::size_t* pointwise) const;
  static bool like(const NodeImpl* x, const NodeImpl* y);

  // The core and what follows it in its kernel; what lies before `*first` stays in registers.
  std::vector<NodeImpl*> inside_epilogue(NodeImpl* core, std::size_t* first) const;
  bool escapes(const NodeImpl* n, const std::vector<NodeImpl*>& inside) const;
  bool cheap_again(const NodeImpl* n, double cost, const std::vector<NodeImpl*>& inside) const;
  void store_epilogue(const std::vector<NodeImpl*>& inside, std::size_t first, bool core_stored);
  void rely_on_inputs(const NodeImpl* n);
  void epilogue(NodeImpl* core);

  // Maps and reductions.
  static const Shape& domain_of(const NodeImpl* n);

  // Whether one kernel may compute all of g and also n: nothing in g needs n through memory or the
  // other way round (a reduction of a value that the kernel itself computes point by point is
  // fine).
  bool independent(const Map& g, const Nodes& results, NodeImpl* n) const;
  // `top` is `r`, or computed from it by elementwise ops alone; no other path leads to r.
  bool reaches_pointwise(NodeImpl* top, NodeImpl* r, const Map& g) const;
  static bool same_axes(const Map& g, const NodeImpl* n);

  void maps();
  void note_beside(int value, std::size_t group);
  // Groups of maps that read what n reads, or make it, and may still grow; the oldest first.
  std::vector<std::size_t> groups_beside(NodeImpl* n);
  static bool full(const Map& g) { return g.stores.size() + g.reduces.size() >= kMaxResults; }
  // The group that computes n too from now on; -1: there is none.
  int join_map(NodeImpl* n);

  // Whether `reader` reads from memory what another kernel makes of one of these results.
  bool through_others(const Numbers& reads, int reader, const Numbers& results) const;

  // The stored values that computing n reads, once what is stored is settled.
  const Numbers& reads_of(int n);
  Numbers reads_of(const Group& g, const Numbers& results);
  Numbers numbers_of(const Nodes& nodes) const;
  NodeImpl* node(int n) const { return a_.order()[static_cast<std::size_t>(n)]; }

  // Order.
  using Lists = std::vector<std::vector<std::size_t>>;  // of groups, by group
  // A group with what it makes and reads.
  struct Kernel {
    Group group;
    Numbers results, reads;
  };
  Kernel kernel_of(Group g);
  // Who names a group, as often as it is named.
  static Lists reversed(const Lists& lists);
  void sort_groups();
  // The group that makes each value, by its index; -1 for those that none makes.
  std::vector<int> producers() const;
  // The groups whose results each group reads.
  Lists needs_of_groups() const;

  // Ready groups in the order of the graph; one that replaces an input waits for the input's other
  // readers while something else is ready.
  void list_schedule(const Lists& needs, const Lists& readers);

  // Of each group: those that read a donated input which a result of it may replace, and do not
  // need it.
  Lists earlier_readers() const;
  bool may_replace(const Kernel& k, const NodeImpl* input) const;
  bool depends(const Kernel& k, const Kernel& on) const;

  // Chains of maps over rows.
  void chains();
  // The groups of the chain that begins with `head`, in their order.
  std::vector<std::size_t> grow_chain(std::size_t head, const Lists& needs, const Lists& needed_by);
  static bool fits_chain(const Map& head, const Group& g);
  double cost_of(const Kernel& k) const;
  // Whether the chain's units and that of k may be one; they are, then.
  bool join_chain(const std::vector<std::size_t>& members, std::size_t k);
  void gather_chain(const std::vector<std::size_t>& members);
  void find_visible();

  static constexpr std::size_t kMaxResults = 8;
  // What is put together of more pieces is stored by itself: a kernel of nothing but copies.
  static constexpr std::size_t kMostReads = 16;
  // Flops that are sooner spent again than a value comes from memory: those of a tanh.
  static constexpr double kRecomputed = 24;

  const Dataflow& a_;
  const FusionRules& rules_;
  bool wide_;
  Fusion fusion_;
  std::vector<Kernel> kernels_;  // the groups, once they are settled
  Units units_;
  std::vector<bool> donated_;  // inputs, by index
  std::vector<double> cost_;   // by index: of computing it from what is stored
  std::vector<bool> in_group_;
  std::vector<bool> output_;     // by index
  std::vector<bool> shared_;     // stored for no other reason than that several ops read it
  std::vector<bool> relied_on_;  // by what is computed again instead of being stored
  std::vector<bool> chained_;    // by group, while chains are formed
  std::vector<Numbers> reads_;   // by index, of those that are known
  Marks reads_known_;
  std::vector<std::vector<std::size_t>> beside_;  // by index: maps that read or make the value
  Marks marks_;
  std::unordered_map<const NodeImpl*, std::shared_ptr<const SparseSpec>> sparse_;
};

}  // namespace lilith::schedule
