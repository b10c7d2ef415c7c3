#pragma once
#include <cstdint>
#include <utility>
#include <vector>

#include "ir/node_map.h"
#include "lilith/tensor.h"

namespace lilith::driver {

/// Evaluates what is pending of `outputs`, and stores what else is reachable and still held.
void evaluate(const std::vector<Tensor>& outputs);

/// While it lives, this thread's new nodes belong to a graph that is being built: none of them is
/// evaluated for having too much pending behind it.
class BuildingScope {
 public:
  BuildingScope();
  ~BuildingScope();
  BuildingScope(const BuildingScope&) = delete;
};

/// The values of fields that are about to be assigned: they come back unless keep() is reached, as
/// where what is assigned cannot be computed. This thread's evaluations may still write to their
/// memory.
class UndoScope {
 public:
  explicit UndoScope(const std::vector<Tensor*>& fields);
  ~UndoScope();
  UndoScope(const UndoScope&) = delete;
  void keep() { before_.clear(); }
  /// References to a node that scopes of this thread hold.
  static int refs(const ir::NodeImpl* node);

 private:
  std::vector<std::pair<Tensor*, ir::NodeRef>> before_;
  ir::NodeMap<int> held_;
  UndoScope* const outer_;
};

void count_run(std::int64_t donated);
void count_trace();
void count_hit();

}  // namespace lilith::driver
