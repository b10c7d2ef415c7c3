#pragma once
#include <memory>
#include <variant>
#include <vector>

#include "ir/node.h"

namespace lilith::schedule {

using Nodes = std::vector<ir::NodeImpl*>;

/// Pointwise stores and reductions over one domain.
struct Map {
  Shape domain;   // of the loops
  Nodes stores;   // one element a point of the domain
  Nodes reduces;  // over the domain, all over the same axes
  Nodes results() const;
};

/// Maps that run one after another on each row.
struct RowChain {
  struct Stage {
    Map map;
    Nodes reads;  // the stored values that it reads
  };
  std::vector<Stage> stages;
  Nodes visible;  // what others read of their results
};

struct SparseSpec;

/// A contraction and what is computed from its result point by point.
struct Product {
  ir::NodeImpl* core = nullptr;
  Shape domain;                  // over which it runs: of what it stores, or of what these copy
  Nodes stores;                  // its own value, what its epilogue makes of it, or that, copied
  ir::NodeImpl* pool = nullptr;  // what it stores are windows of its own value, like this
  std::shared_ptr<const SparseSpec> sparse = {};  // an operand has few elements that are not zero
};

/// Values added into a copy of another one, at places that an index says.
struct Scatter {
  ir::NodeImpl* core = nullptr;
};

/// A node that runs bodies of its own, and those of its results that are asked for.
struct Loop {
  ir::NodeImpl* core = nullptr;
  Nodes gets;
};

/// A function of the host, and those of its results that are asked for.
struct HostCall {
  ir::NodeImpl* core = nullptr;
  Nodes results;
};

/// What one kernel computes, or one launch that runs other plans or a function of the host.
using Group = std::variant<Map, RowChain, Product, Scatter, Loop, HostCall>;

/// Every stored value that a group produces.
Nodes results_of(const Group& g);

}  // namespace lilith::schedule
