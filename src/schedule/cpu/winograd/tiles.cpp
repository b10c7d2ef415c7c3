#include "schedule/cpu/winograd/tiles.h"

namespace lilith::schedule {

using kir::Block;
using kir::Expr;
using kir::LoopKind;

WinogradTiles::WinogradTiles(Builder& b, const Product& g, const ContractionSpec& spec,
                             const Layout& layout, const WinogradSchedule& schedule)
    : SquareKernel(b, g, spec, layout, winograd_matrices(schedule.outputs, schedule.taps),
                   schedule.columns),
      schedule_(schedule),
      grid_(spec_, form_.rows, form_.result, schedule.outputs),
      weights_(b, spec_, form_, matrices_, schedule.columns),
      groups_(divide_up(grid_.all, schedule.tiles)),
      steps_(extent(form_.summed)) {}

void WinogradTiles::add_memory() {
  const std::int64_t data = squares_ * (schedule_.tiles * steps_ + kApart),
                     sums = squares_ * (schedule_.tiles * columns_ + kApart);
  data_ = schedule_.staged ? lower_.written_param(b_.add_scratch("data", dtype_, groups_ * data))
                           : kernel_.add_buffer("data", dtype_, data, kir::Space::Thread);
  sums_ = kernel_.add_buffer("sums", dtype_, sums, kir::Space::Thread);
  weights_param_ = lower_.param(weights_.buffer());
  if (schedule_.in_rows) keep_for_rows();
}

void WinogradTiles::emit() {
  weights_.fill(g_.core->op->name);
  add_memory();
  const Expr group = loop_var(pool(), groups_, "group"),
             tile = loop_var(pool(), schedule_.tiles, "tile");
  const std::int64_t in_part = divide_up(panels_, schedule_.parts);
  const Expr part = loop_var(pool(), schedule_.parts, "part"),
             one = loop_var(pool(), in_part, "panel"), which = part * number(in_part) + one;
  Block products = panel(group, which);
  if (in_part * schedule_.parts != panels_)
    products = only_where(kir::lt(which, number(panels_)), std::move(products));
  products = in_loop(one, LoopKind::Serial, std::move(products));
  Block data = transform_data(group, tile);
  if (schedule_.staged) {
    kernel_.body.push_back(share_loops(pool(), {{group, groups_}, {tile, schedule_.tiles}},
                                       std::move(data), enough_tasks(b_.target)));
    kernel_.body.push_back(kir::Barrier{});
    kernel_.body.push_back(share_loops(pool(), {{part, schedule_.parts}, {group, groups_}},
                                       std::move(products), groups_ * schedule_.parts));
  } else {
    Block body = in_loop(tile, LoopKind::Serial, std::move(data));
    append(&body, std::move(products));
    kernel_.body.push_back(share_loops(pool(), {{group, groups_}, {part, schedule_.parts}},
                                       std::move(body), groups_ * schedule_.parts));
  }
  store_kept();
  launch(schedule_.name());
}

// The last group does the last tile again where there are no more.
Expr WinogradTiles::number_of(Expr group, Expr tile, Expr left) {
  if (left) tile = kir::max(kir::min(tile, left - number(1)), number(0));
  return group * number(schedule_.tiles) + tile;
}

// Whether a tile of the registers that begins at `first` holds any tile.
Expr WinogradTiles::begins(Expr first, Expr left) {
  return left && schedule_.tiles > schedule_.rows ? kir::lt(first, left) : Expr();
}

Expr WinogradTiles::data_place(Expr square, Expr group, Expr tile, Expr step) {
  if (schedule_.staged) square = group * number(squares_) + square;
  return square * number(schedule_.tiles * steps_ + kApart) + tile * number(steps_) + step;
}

Expr WinogradTiles::sum_place(Expr square, Expr tile, Expr column) {
  return square * number(schedule_.tiles * columns_ + kApart) + tile * number(columns_) + column;
}

Block WinogradTiles::transform_data(Expr group, Expr tile) {
  Block all;
  const Expr left = tiles_from(grid_, group, schedule_.tiles, &all);
  std::vector<Expr> at = grid_.at(number_of(group, tile, left), spec_.axes.size());
  const Expr first = kir::floor_div(tile, schedule_.rows) * number(schedule_.rows);
  Block body;
  std::vector<LoopDim> loops;
  for (const int i : form_.summed) {
    loops.push_back({loop_var(pool(), axis(i).extent, axis(i).name), axis(i).extent});
    at[static_cast<std::size_t>(i)] = loops.back().var;
  }
  const Expr step = flat_index(pool(), spec_.axes, form_.summed, at);
  const auto store = [&](Expr square, Expr value) -> kir::Stmt {
    return kir::Store{data_, data_place(square, group, tile, step), value, {}};
  };
  const Edges e = edges(grid_, at, matrices_.taps - 1, &body);
  append(&body,
         nest(loops, transformed(true, matrices_.data, grid_, at, e, store), LoopKind::Vector));
  append(&all, only_where(begins(first, left), std::move(body)));
  return all;
}

Block WinogradTiles::panel(Expr group, Expr panel) {
  Block body;
  const Expr tile = loop_var(pool(), schedule_.tiles, "tile"),
             left = tiles_from(grid_, group, schedule_.tiles, &body);
  append(&body, products(group, panel, left));
  Block back = results(&grid_, grid_.at(number_of(group, tile, left), spec_.axes.size()), panel,
                       [&](Expr square, Expr column) {
                         return pool().load(sums_, dtype_, sum_place(square, tile, column));
                       });
  if (left) back = only_where(kir::lt(tile, left), std::move(back));
  append(&body, in_loop(tile, LoopKind::Serial, std::move(back)));
  return body;
}

Block WinogradTiles::products(Expr group, Expr panel, Expr left) {
  const Expr square = loop_var(pool(), squares_, "square"), step = loop_var(pool(), steps_, "step");
  Block body = tile_by_tile(
      pool(), "rows", schedule_.tiles, schedule_.rows, [&](Expr first, std::int64_t size) {
        RegisterTile tile;
        if (size > 1) tile.add_row(pool(), pool().var(size, "r"), size);
        tile.add_columns(pool(), columns_);
        const kir::RegId acc = kernel_.add_reg("acc", dtype_, {tile.row_count, tile.columns});
        const std::vector<Expr> place{tile.row, tile.column};
        const Expr x = pool().load(data_, dtype_,
                                   data_place(square, group, first + tile.row, step)),
                   y = pool().load(weights_param_, dtype_,
                                   weights_.place(panel, square, step, tile.column));
        Block one{kir::DeclReg{acc, pool().constant(dtype_, 0)}},
            add{kir::Accumulate{acc, place, kir::Combine::Add, y, x, {}}},
            keep{kir::Store{sums_,
                            sum_place(square, first + tile.row, tile.column),
                            pool().read(acc, dtype_, place),
                            {}}};
        append(&one, in_loop(step, LoopKind::Serial, over_tile(tile, std::move(add))));
        append(&one, over_tile(tile, std::move(keep)));
        return only_where(begins(first, left), std::move(one));
      });
  return in_loop(square, LoopKind::Serial, std::move(body));
}

}  // namespace lilith::schedule
