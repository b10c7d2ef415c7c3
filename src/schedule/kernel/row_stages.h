#pragma once
#include <algorithm>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "schedule/kernel/builder.h"
#include "schedule/kernel/loop_order.h"
#include "schedule/kernel/map_domain.h"
#include "schedule/kernel/reduction.h"

namespace lilith::schedule {

/// Maps that depend on each other row by row, on their way to one kernel: what all devices share.
/// What a stage stores is never computed again by a later one: the exponential of a difference that
/// was rounded otherwise may overflow.
class RowStages {
 public:
  /// Where they will lie when the kernel is built with this order of the domain's dimensions.
  std::vector<std::pair<const ir::NodeImpl*, Layout>> results(const std::vector<int>& order) const;

 protected:
  using NodeImpl = ir::NodeImpl;
  using Block = kir::Block;
  using Expr = kir::Expr;

  /// `scratch`: where a row is kept that no other kernel reads.
  RowStages(Builder& b, const RowChain& chain, kir::Space scratch);

  kir::Pool& pool() { return *kernel_.pool; }
  bool over_rows(const NodeImpl* n) const { return n->aval.shape == domain_.shape; }
  bool is_visible(const NodeImpl* n) const {
    const auto& all = chain_.visible;
    return std::find(all.begin(), all.end(), n) != all.end();
  }
  std::int64_t row_elements() const;
  /// Makes stages_; false when one reads another row. A draft comes before the results have their
  /// buffers.
  bool lower_stages(bool draft);
  /// The order that the accesses ask for, and its loops; for a draft.
  std::vector<int> wanted_order(std::vector<Access>* accesses);
  std::vector<Access> loads() const;
  /// Bytes of one row that a stage leaves for a later one.
  std::int64_t scratch_bytes() const;
  /// The same, and of inputs that several stages read.
  std::int64_t kept_bytes() const;
  /// Makes kept_ and row_.
  void make_loops();
  kir::Stmt store(NodeImpl* n, const Index& at, Expr value);
  void launch(std::string how);

  // A stage's values: what it stores, then what it reduces; and where they go.
  struct Stage {
    const Map* map;
    std::vector<Expr> values;
    std::vector<kir::RegId> scalars;  // of the stores, where they are of the kept shape
    std::vector<Accumulator> accumulators;
  };

  Builder& b_;
  const RowChain chain_;
  std::vector<int> order_;
  kir::Kernel kernel_;
  Lowerer lower_;
  MapDomain domain_;
  std::vector<Stage> stages_;
  std::vector<LoopDim> kept_, row_;

 private:
  void bind_row(NodeImpl* n, bool draft);
  void bind_scalar(NodeImpl* n, kir::RegId reg);
  bool same_row(const Index& at) const;
  Expr place_in_row(const Index& at);
  std::int64_t bytes_read(bool scratch_alone) const;

  const kir::Space scratch_space_;
  std::unordered_map<const NodeImpl*, kir::BufferId> scratch_;
  bool row_local_ = true;
};

/// Whether some stage reduces: else there are no rows.
bool has_rows(const RowChain& chain);

}  // namespace lilith::schedule
