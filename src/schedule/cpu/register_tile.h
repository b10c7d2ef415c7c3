#pragma once
#include <cstdint>
#include <utility>
#include <vector>

#include "schedule/kernel/loops.h"

namespace lilith::schedule {

/// A block of a product's result in registers: rows (loops, outermost first) of columns (lanes).
struct RegisterTile {
  std::vector<LoopDim> rows;
  kir::Expr row;  // the rows' loops as one index
  std::int64_t row_count = 1;
  kir::Expr column;
  std::int64_t columns = 0;

  void add_row(kir::Pool& pool, kir::Expr var, std::int64_t extent) {
    rows.push_back({var, extent});
    row = row ? row * pool.integer(extent) + var : var;
    row_count *= extent;
  }
  void add_columns(kir::Pool& pool, std::int64_t n) {
    if (!row) row = pool.integer(0);
    columns = n;
    column = pool.var(n, "c");
  }
  std::int64_t elements() const { return row_count * columns; }
};

/// `body` for every element of a tile.
inline kir::Block over_tile(const RegisterTile& tile, kir::Block body,
                            kir::LoopKind rows = kir::LoopKind::Unroll) {
  body = in_loop(tile.column, kir::LoopKind::Vector, std::move(body));
  for (auto it = tile.rows.rbegin(); it != tile.rows.rend(); ++it)
    body = in_loop(it->var, rows, std::move(body));
  return body;
}

}  // namespace lilith::schedule
