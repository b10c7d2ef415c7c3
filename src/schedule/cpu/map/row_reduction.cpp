#include <fmt/format.h>

#include "schedule/cpu/map/chunked_reduction.h"

// Reductions whose innermost loop is a reduced one: the lanes hold parts of a row's sum.
//
//   parallel row { decl acc; for reduced { vector inner { acc += … } } store acc }
namespace lilith::schedule {

using kir::Block;
using kir::Expr;
using kir::LoopKind;

namespace {

class RowReduction : private ChunkedReduction {
 public:
  explicit RowReduction(MapKernel& map) : ChunkedReduction(map) {}
  std::string emit();

 private:
  void split_single();
};

std::string RowReduction::emit() {
  const std::int64_t rows = extent_of(kept_), elements = extent_of(reduced_);
  if (reduced_.empty()) reduced_.push_back({pool().var(1, "r"), 1, true});
  if (reduced_.size() == 1 && chunks_for(rows) > 1) split_single();
  const Expr row = begin(rows, rows);
  std::vector<Expr> by;
  if (!kept_.empty()) split_index(row, kept_, &by);
  cut_loop(&by);
  const std::vector<Accumulator> accs = accumulators({});
  Block lanes = in_loop(reduced_.back().var, LoopKind::Vector, point(accs, {}, by));
  Block task = declare(accs);
  append(&task, over_reduced({reduced_.begin(), reduced_.end() - 1}, std::move(lanes)));
  make_partials();
  append(&task, store_sums(accs, {}, row, by));
  finish(std::move(task));
  return fmt::format("row reduction, {} rows of {}{}", rows, elements, in_chunks());
}

// A single reduced loop becomes two, so that the outer one can be cut and the inner one vectorised.
void RowReduction::split_single() {
  const LoopDim whole = reduced_.front();
  for (std::int64_t inner = 1024; inner >= 64; inner /= 2) {
    if (whole.extent % inner != 0) continue;
    const LoopDim o{pool().var(whole.extent / inner, "ro"), whole.extent / inner, true};
    const LoopDim i{pool().var(inner, "ri"), inner, true};
    std::vector<Expr> by;
    set_var(&by, whole.var, o.var * pool().integer(inner) + i.var);
    map_.replace_vars(by);
    reduced_ = {o, i};
    return;
  }
}

}  // namespace

std::string emit_row_reduction(MapKernel& map) { return RowReduction(map).emit(); }

}  // namespace lilith::schedule
