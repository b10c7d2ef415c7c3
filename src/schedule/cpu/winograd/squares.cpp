#include "schedule/cpu/winograd/squares.h"

#include "schedule/cpu/winograd/transform.h"
#include "schedule/kernel/epilogue.h"

namespace lilith::schedule {

using kir::Block;
using kir::Expr;
using kir::LoopKind;

SquareKernel::SquareKernel(Builder& b, const Product& g, const ContractionSpec& spec,
                           const Layout& layout, const WinogradMatrices& matrices,
                           std::int64_t columns)
    : ProductKernel(b, g, spec, layout),
      form_(*find_correlation(spec)),
      matrices_(matrices),
      columns_(columns),
      panels_(divide_up(axis(form_.columns).extent, columns)),
      squares_(std::int64_t{matrices.size} * matrices.size) {}

Expr SquareKernel::Edges::holds(Expr row, Expr column) const {
  Expr all;
  for (const int d : {0, 1}) {
    if (inside[d]) all = kir::logical_and(all, kir::lt(d == 0 ? row : column, inside[d]));
  }
  return all;
}

Expr SquareKernel::tiles_from(const TileGrid& grid, Expr group, std::int64_t size, Block* before) {
  if (grid.fills(size)) return {};
  const Expr count = number(grid.all) - group * number(size);
  return grid.count_varies ? unknown("tiles", count, before) : count;
}

SquareKernel::Edges SquareKernel::edges(const TileGrid& grid, const std::vector<Expr>& at,
                                        std::int64_t beyond, Block* before) {
  Edges e;
  for (const int d : {0, 1}) {
    if (!grid.reaches_over(d)) continue;
    e.inside[d] = number(grid.extents[d] + beyond) - at[static_cast<std::size_t>(grid.axes[d])];
    if (grid.varies[d]) e.inside[d] = unknown(d == 0 ? "rows" : "columns", e.inside[d], before);
  }
  return e;
}

Block SquareKernel::transformed(bool a, const Matrix& m, const TileGrid& grid, std::vector<Expr> at,
                                const Edges& edges,
                                const std::function<kir::Stmt(Expr square, Expr value)>& store) {
  const std::vector<Expr> first = at;
  const auto load = [&](int i, int j) {
    for (const int d : {0, 1}) {
      const auto k = static_cast<std::size_t>(grid.axes[d]);
      at[k] = first[k] + number(d == 0 ? i : j);
    }
    const Expr inside = edges.holds(number(i), number(j));
    return a ? load_a(at, inside) : load_b(at, inside);
  };
  return transform_square(kernel_, a ? "a" : "b", m, load, [&](int i, int j, Expr value) {
    return store(number(i * matrices_.size + j), value);
  });
}

Block SquareKernel::results(const TileGrid* grid, std::vector<Expr> at, Expr panel,
                            const std::function<Expr(Expr square, Expr column)>& sum) {
  const std::int64_t outputs = matrices_.outputs;
  if (result_ < 0)
    result_ =
        kernel_.add_buffer("result", dtype_, outputs * outputs * columns_, kir::Space::Thread);
  const Expr column = pool().var(columns_, "c");
  const auto load = [&](int i, int j) { return sum(number(i * matrices_.size + j), column); };
  const auto store = [&](int i, int j, Expr value) -> kir::Stmt {
    return kir::Store{result_, number((i * outputs + j) * columns_) + column, value, {}};
  };
  Block body = in_loop(column, LoopKind::Vector,
                       transform_square(kernel_, "m", matrices_.output, load, store));
  append(&body, g_.pool == nullptr ? store_square(grid, std::move(at), panel)
                                   : store_windows(std::move(at), panel));
  return body;
}

Block SquareKernel::store_square(const TileGrid* grid, std::vector<Expr> at, Expr panel) {
  const std::int64_t outputs = matrices_.outputs;
  const Expr row[] = {pool().var(outputs, "i"), pool().var(outputs, "j")};
  Block all;
  Expr inside;
  if (grid != nullptr) inside = edges(*grid, at, 0, &all).holds(row[0], row[1]);
  for (const int d : {0, 1}) {
    Expr& place = at[static_cast<std::size_t>(form_.result[d])];
    place = place + row[d];
  }
  Block body = full_or_last(panel, axis(form_.columns).extent, columns_, [&](std::int64_t width) {
    const Expr column = loop_var(pool(), width, "c");
    at[static_cast<std::size_t>(form_.columns)] = panel * number(columns_) + column;
    const Expr place = (row[0] * number(outputs) + row[1]) * number(columns_) + column;
    return in_loop(column, LoopKind::Vector, store_result(at, pool().load(result_, dtype_, place)));
  });
  body = only_where(inside, std::move(body));
  for (const int d : {1, 0}) body = in_loop(row[d], LoopKind::Serial, std::move(body));
  append(&all, std::move(body));
  return all;
}

// The results have one element a window; each looks at the window's elements in the square.
Block SquareKernel::store_windows(std::vector<Expr> at, Expr panel) {
  const std::int64_t outputs = matrices_.outputs;
  Expr first[2], window[2], inside;
  for (const int d : {0, 1}) {
    const Axis& x = axis(form_.result[d]);
    Expr& place = at[static_cast<std::size_t>(form_.result[d])];
    first[d] = place;
    window[d] = loop_var(pool(), outputs / x.unit, d == 0 ? "i" : "j");
    place = kir::floor_div(place, x.unit) + window[d];
    if (x.extent % outputs != 0)
      inside = kir::logical_and(inside, kir::lt(place, number(x.extent / x.unit)));
  }
  Block body = full_or_last(panel, axis(form_.columns).extent, columns_, [&](std::int64_t width) {
    const Expr column = loop_var(pool(), width, "c");
    at[static_cast<std::size_t>(form_.columns)] = panel * number(columns_) + column;
    const auto element = [&](const Index& index) {
      Expr place = number(0);
      for (const int d : {0, 1}) {
        const auto dim = static_cast<std::size_t>(axis(form_.result[d]).out_dim);
        place = place * number(outputs) + index[dim] - first[d];
      }
      return pool().load(result_, dtype_, place * number(columns_) + column);
    };
    return in_loop(column, LoopKind::Vector,
                   store_results(b_, g_, &lower_, out_index(at), element));
  });
  body = only_where(inside, std::move(body));
  for (const int d : {1, 0}) body = in_loop(window[d], LoopKind::Serial, std::move(body));
  return body;
}

}  // namespace lilith::schedule
