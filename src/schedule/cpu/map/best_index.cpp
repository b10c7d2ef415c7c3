#include "lilith/kernel_math.h"
#include "schedule/cpu/map/map.h"
#include "schedule/cpu/tasks.h"

// argmax and argmin: the first best element; NaN counts as best.
//
//   parallel kept { decl best, where = -1;
//     for reduced { better = …; best = better ? value : best; where = better ? index : where }
//     store where }
namespace lilith::schedule {

using kir::Block;
using kir::Expr;

std::string emit_best_index(MapKernel& map) {
  kir::Pool& pool = map.pool();
  const ir::NodeImpl* n = map.g.reduces[0];
  const DType dtype = compute_dtype(n->inputs[0]->aval.dtype);
  const kir::RegId best = map.kernel.add_reg("best", dtype),
                   where = map.kernel.add_reg("where", DType::I64);
  const Expr axis = map.domain.index[static_cast<std::size_t>(n->attrs.ints("axes")[0])];
  const Expr value = map.reduced_value(0, {});
  const Expr held = pool.read(best, dtype), at = pool.read(where, DType::I64);
  Expr better = n->op->combine == Combination::ArgMax ? kir::gt(value, held) : kir::lt(value, held);
  if (is_floating(dtype)) {
    better = kir::logical_or(
        better, kir::logical_and(kir::isnan(value), kir::logical_not(kir::isnan(held))));
  }
  better = kir::logical_or(better, kir::lt(at, pool.integer(0)));  // the first element
  const kir::RegId flag = map.kernel.add_reg("better", DType::Bool);
  const Expr take = pool.read(flag, DType::Bool);
  Block body;
  body.push_back(kir::DeclReg{flag, better});
  body.push_back(kir::SetReg{best, {}, pool.select(take, value, held)});
  body.push_back(kir::SetReg{where, {}, pool.select(take, axis, at)});
  Block row;
  row.push_back(kir::DeclReg{best, pool.constant(dtype, 0)});
  row.push_back(kir::DeclReg{where, pool.integer(-1)});
  append(&row, nest(map.loops(true), std::move(body)));
  row.push_back(map.store_result(0, at, {}));
  map.kernel.body.push_back(share_vector_loops(pool, map.loops(false), std::move(row),
                                               enough_tasks(map.b.target, map.g.domain.numel())));
  return "index of the best";
}

}  // namespace lilith::schedule
