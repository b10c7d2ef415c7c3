#include <fmt/format.h>

#include <algorithm>

#include "lilith/kernel_math.h"
#include "schedule/gpu/map/map.h"

// argmax and argmin: the first best element; NaN counts as best. The lanes of a row each have the
// first best one of their elements; of those with the best value the least index is the result.
//
//   grid block { decl best[row, lane], where[row, lane] = -1, top[row], first[row]
//     thread row, lane { for k { if better { best = value; where = index } }; top max= best }
//     thread row, lane { if best == top { first min= where } }
//     thread row, lane { if lane == 0 { store first } } }
namespace lilith::schedule::gpu {

using kir::Block;
using kir::Expr;

namespace {

class BestIndex {
 public:
  explicit BestIndex(MapKernel& map)
      : map_(map),
        n_(map.g.reduces[0]),
        combine_(n_->op->combine == Combination::ArgMax ? kir::Combine::Max : kir::Combine::Min),
        dtype_(computed_in(n_->inputs[0]->aval.dtype)),
        kept_(map.loops(false)),
        reduced_(map.loops(true)),
        at_(pool(), *map.b.target.gpu, extent_of(kept_), shared_elements()) {}

  void emit() {
    const kir::RegId top = at_.add_register(&map_.kernel, dtype_),
                     first = at_.add_register(&map_.kernel, DType::I64);
    best_ = at_.add_lane_register(&map_.kernel, "best", dtype_);
    where_ = at_.add_lane_register(&map_.kernel, "where", DType::I64);
    const Expr none = identity_of(combine_, dtype_, pool());
    Block body;
    body.push_back(kir::DeclReg{best_, none});
    body.push_back(kir::DeclReg{where_, pool().integer(-1)});
    body.push_back(kir::DeclReg{top, none});
    body.push_back(kir::DeclReg{first, pool().integer(extent_of(reduced_))});
    Block walk = walk_elements();
    walk.push_back(kir::Accumulate{top, at_.index(), combine_, best(), {}, {}});
    append(&body, at_.over(std::move(walk)));
    const Expr is_best = kir::logical_and(kir::le(pool().integer(0), where()),
                                          same(best(), pool().read(top, dtype_, at_.index())));
    Block add, store;
    add.push_back(kir::Accumulate{first, at_.index(), kir::Combine::Min, where(), {}, {}});
    append(&body, at_.over(only_where(is_best, std::move(add))));
    store.push_back(
        map_.store_result(0, pool().read(first, DType::I64, at_.index()), place(at_.lane)));
    append(&body, at_.once_a_row(std::move(store)));
    make_grid(&map_.kernel, at_.block, at_.rows_a_block * at_.lanes, std::move(body));
    map_.launch(fmt::format("index of the best, {} rows of {}, {} lanes a row", extent_of(kept_),
                            extent_of(reduced_), at_.lanes));
  }

 private:
  kir::Pool& pool() { return map_.pool(); }
  Expr best() { return pool().read(best_, dtype_, at_.lane_index()); }
  Expr where() { return pool().read(where_, DType::I64, at_.lane_index()); }

  // Combine::Max and Min are of numbers.
  static DType computed_in(DType dtype) {
    return dtype == DType::Bool ? DType::I32 : compute_dtype(dtype);
  }

  // Where neighbouring rows are neighbours in memory (columns, that is), lanes of their own are for
  // few rows alone.
  std::int64_t shared_elements() const {
    const GpuTarget& target = *map_.b.target.gpu;
    const std::int64_t elements = extent_of(reduced_);
    if (map_.dims.empty() || map_.dims.back().reduced) return elements;
    const std::int64_t wanted =
        divide_up(std::int64_t{target.units} * target.threads, extent_of(kept_));
    return std::min(elements, wanted);
  }

  // What replaces the loops' variables at an element of the lane's row.
  std::vector<Expr> place(Expr element) {
    std::vector<Expr> by;
    if (!kept_.empty()) split_index(at_.row, kept_, &by);
    if (!reduced_.empty()) split_index(element, reduced_, &by);
    return by;
  }

  // Whether a value counts for more than another one.
  Expr beats(Expr value, Expr other) {
    Expr better = combine_ == kir::Combine::Max ? kir::gt(value, other) : kir::lt(value, other);
    if (!is_floating(dtype_)) return better;
    const Expr first_nan = kir::logical_and(kir::isnan(value), kir::logical_not(kir::isnan(other)));
    return kir::logical_or(better, first_nan);
  }
  Expr same(Expr a, Expr b) {
    if (!is_floating(dtype_)) return kir::eq(a, b);
    return kir::logical_or(kir::eq(a, b), kir::logical_and(kir::isnan(a), kir::isnan(b)));
  }

  Block walk_elements() {
    const std::int64_t elements = extent_of(reduced_), steps = divide_up(elements, at_.lanes);
    const Expr k = loop_var(pool(), steps, "k");
    const Expr element = k * pool().integer(at_.lanes) + at_.lane;
    Expr inside = at_.exists;
    if (steps * at_.lanes != elements)
      inside = kir::logical_and(inside, kir::lt(element, pool().integer(elements)));
    const Expr value = pool().cast(map_.reduced_value(0, place(element)), dtype_);
    const Expr is_first = kir::lt(where(), pool().integer(0));
    Block set, body;
    set.push_back(kir::SetReg{best_, at_.lane_index(), value});
    set.push_back(kir::SetReg{where_, at_.lane_index(), element});
    body = only_where(kir::logical_or(beats(value, best()), is_first), std::move(set));
    return in_loop(k, kir::LoopKind::Serial, only_where(inside, std::move(body)));
  }

  MapKernel& map_;
  const ir::NodeImpl* n_;
  const kir::Combine combine_;
  const DType dtype_;
  const std::vector<LoopDim> kept_, reduced_;
  const RowsOfLanes at_;
  kir::RegId best_ = -1, where_ = -1;  // of each lane
};

}  // namespace

void emit_best_index(MapKernel& map) { BestIndex(map).emit(); }

}  // namespace lilith::schedule::gpu
