#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "ir/node.h"
#include "lilith/graph.h"
#include "schedule/plan.h"

namespace lilith::schedule {

/// The graph, numbered, with users and reachability: what every decision reads.
class Analysis {
 public:
  explicit Analysis(const Graph& g);
  const std::vector<ir::NodeImpl*>& order() const { return order_; }
  int index(const ir::NodeImpl* n) const { return index_.at(n); }
  const std::vector<ir::NodeImpl*>& users(const ir::NodeImpl* n) const {
    return users_[static_cast<std::size_t>(index(n))];
  }
  bool is_output(const ir::NodeImpl* n) const {
    return output_[static_cast<std::size_t>(index(n))];
  }
  /// Whether `n` needs the value of `of` (n == of counts).
  bool depends(const ir::NodeImpl* n, const ir::NodeImpl* of) const {
    const auto i = static_cast<std::size_t>(index(of));
    return (reach_[static_cast<std::size_t>(index(n))][i / 64] >> (i % 64)) & 1;
  }

 private:
  std::vector<ir::NodeImpl*> order_;
  std::unordered_map<const ir::NodeImpl*, int> index_;
  std::vector<std::vector<ir::NodeImpl*>> users_;
  std::vector<bool> output_;
  std::vector<std::vector<std::uint64_t>> reach_;
};

/// A view of a stored value whose elements lie at an affine place: index of base dimension d =
/// offset[d] + sum over view dimensions v of coefficient[d][v] * index v.
struct StridedView {
  ir::NodeImpl* base = nullptr;
  std::vector<std::int64_t> offset;
  std::vector<std::vector<std::int64_t>> coefficient;
};
/// Looks through transposes, slices, reversals, broadcasts and splitting reshapes.
StridedView strided_view(ir::NodeImpl* node);

struct SparseSpec;

/// What one kernel computes.
struct Group {
  enum class Kind : std::uint8_t { Map, Contraction, Scatter } kind = Kind::Map;
  /// Stored values with one element a point of the domain. Of a contraction: its own value or what
  /// its epilogue makes of it.
  std::vector<ir::NodeImpl*> stores;
  /// Reductions over the domain, all over the same axes.
  std::vector<ir::NodeImpl*> reduces;
  ir::NodeImpl* core = nullptr;  // the contraction or scatter
  Shape domain;                  // of the loops (a contraction: of its result)
  ir::NodeImpl* pool = nullptr;  // a contraction whose results are windows of its own, like this
  std::shared_ptr<const SparseSpec> sparse = {};  // a contraction with an operand of few elements
  /// Maps that run one after another on each row, in one kernel; nothing above is set then.
  std::vector<Group> chain = {};
  std::vector<ir::NodeImpl*> reads = {};    // of a stage of a chain: the stored values it reads
  std::vector<ir::NodeImpl*> visible = {};  // of a chain: what others read of its results

  /// Every stored value it produces.
  std::vector<ir::NodeImpl*> results() const;
};

/// The fusion decisions: what is stored, and which kernel computes what, in an order that works.
struct Fusion {
  std::vector<bool> stored;  // by Analysis::index
  std::vector<Group> groups;
};
/// `donated`: inputs whose memory an output may take over; what reads them runs before what
/// replaces them, where that is possible.
Fusion fuse(const Analysis& a, const Graph& g, const Target& target,
            const std::vector<bool>& donated);

}  // namespace lilith::schedule
