#pragma once
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "schedule/dataflow.h"
#include "schedule/fusion/units.h"
#include "schedule/group.h"

namespace lilith::schedule {

using Numbers = std::vector<int>;  // of nodes: their Dataflow::index

/// What fusion has decided so far: what is stored, the groups, and what each kernel computes. The
/// phases (fusion.cpp lists them) read it and write on, one after another.
class FusionState {
 public:
  /// Nothing is stored, and there is no group.
  explicit FusionState(const Dataflow& a);

  const Dataflow& dataflow() const { return a_; }
  ir::NodeImpl* node(int n) const { return a_.order()[at(n)]; }

  // ---- What is stored. Any other value is computed where it is read. ----
  bool stored(int n) const { return stored_[at(n)]; }
  bool stored(const ir::NodeImpl* n) const { return stored(a_.index(n)); }
  void set_stored(const ir::NodeImpl* n, bool stored) { stored_[at(a_.index(n))] = stored; }
  /// Stores it for no other reason than that it is read too often.
  void store_shared(int n) { stored_[at(n)] = shared_[at(n)] = true; }
  bool shared(const ir::NodeImpl* n) const { return shared_[at(a_.index(n))]; }
  /// Flops of computing a value from what Stores left stored.
  double cost(int n) const { return cost_[at(n)]; }
  void set_cost(int n, double flops) { cost_[at(n)] = flops; }

  // ---- The groups, by number, in the order in which they were added. ----
  std::size_t add(Group g);
  Map& map(std::size_t group) { return std::get<Map>(groups_[group]); }
  std::vector<Group> take_groups() { return std::exchange(groups_, {}); }
  /// Whether a group makes this value.
  bool grouped(const ir::NodeImpl* n) const { return grouped_[at(a_.index(n))]; }
  void set_grouped(const ir::NodeImpl* n) { grouped_[at(a_.index(n))] = true; }
  /// In no kernel yet, neither as a result nor as what is computed where it is read.
  bool is_free(const ir::NodeImpl* n) const { return !grouped(n) && units_.alone(a_.index(n)); }

  // ---- What each kernel computes, so that none comes to need another that needs it. ----
  /// One kernel computes these nodes from now on; false, and nothing changes, where it cannot.
  bool join(std::span<const int> nodes) { return units_.join(nodes, stored_); }
  /// Whether the kernel of `n` needs the kernel of `of`, or is it.
  bool needs(const ir::NodeImpl* n, const ir::NodeImpl* of) const {
    return units_.needs(a_.index(n), a_.index(of));
  }
  /// Whether `reader`, which reads these, gets from another kernel what that makes of one of the
  /// `results` of a kernel.
  bool through_others(const Numbers& reads, int reader, const Numbers& results) const;

 private:
  static std::size_t at(int n) { return static_cast<std::size_t>(n); }

  const Dataflow& a_;
  std::vector<bool> stored_, shared_, grouped_;  // by index
  std::vector<double> cost_;                     // by index
  std::vector<Group> groups_;
  Units units_;
};

inline bool is_constant(const ir::NodeImpl* n) { return n->op == &ir::constant_op(); }

}  // namespace lilith::schedule
