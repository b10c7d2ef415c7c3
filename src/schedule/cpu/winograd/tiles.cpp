#include "schedule/cpu/winograd/tiles.h"

#include "schedule/cpu/winograd/transform.h"

namespace lilith::schedule {

using kir::Block;
using kir::Expr;
using kir::LoopKind;

namespace {

// Elements between squares, beside their own: else all of them fall into the same sets of a cache.
constexpr std::int64_t kApart = 16;

}  // namespace

WinogradTiles::WinogradTiles(Builder& b, const Product& g, const ContractionSpec& spec,
                             const Layout& layout, const WinogradSchedule& schedule)
    : ProductKernel(b, g, spec, layout),
      schedule_(schedule),
      form_(*find_correlation(spec)),
      matrices_(winograd_matrices(schedule.outputs, 3)),
      counts_(spec_, form_, schedule.outputs),
      weights_(b, spec_, form_, matrices_, schedule.columns),
      groups_(divide_up(counts_.all, schedule.tiles)),
      squares_(std::int64_t{matrices_.size} * matrices_.size),
      steps_(extent(form_.summed)) {}

void WinogradTiles::add_memory() {
  const std::int64_t data = squares_ * (schedule_.tiles * steps_ + kApart),
                     sums = squares_ * (schedule_.tiles * schedule_.columns + kApart),
                     outputs = std::int64_t{schedule_.outputs} * schedule_.outputs;
  data_ = schedule_.staged ? lower_.written_param(b_.add_scratch("data", dtype_, groups_ * data))
                           : kernel_.add_buffer("data", dtype_, data, kir::Space::Thread);
  sums_ = kernel_.add_buffer("sums", dtype_, sums, kir::Space::Thread);
  result_ = kernel_.add_buffer("result", dtype_, outputs * schedule_.columns, kir::Space::Thread);
  weights_param_ = lower_.param(weights_.buffer());
}

void WinogradTiles::emit() {
  weights_.fill(g_.core->op->name);
  add_memory();
  const Expr group = loop_var(pool(), groups_, "group"),
             tile = loop_var(pool(), schedule_.tiles, "tile");
  const std::int64_t in_part = divide_up(weights_.panels(), schedule_.parts);
  const Expr part = loop_var(pool(), schedule_.parts, "part"),
             one = loop_var(pool(), in_part, "panel"), which = part * number(in_part) + one;
  Block products = panel(group, which);
  if (in_part * schedule_.parts != weights_.panels())
    products = only_where(kir::lt(which, number(weights_.panels())), std::move(products));
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
  launch(schedule_.name());
}

// The last group begins again with the last tile where there are no more.
Expr WinogradTiles::number_of(Expr group, Expr tile) {
  const Expr n = group * number(schedule_.tiles) + tile;
  return groups_ * schedule_.tiles == counts_.all ? n : kir::min(n, number(counts_.all - 1));
}

std::vector<Expr> WinogradTiles::at_tile(Expr tile) const {
  kir::Pool& p = tile.pool();
  std::vector<Expr> at(spec_.axes.size(), p.integer(0));
  std::int64_t inner = 1;
  const auto set = [&](int axis, std::int64_t extent, std::int64_t step) {
    Expr part = kir::floor_div(tile, inner);
    inner *= extent;
    if (inner != counts_.all) part = kir::floor_mod(part, extent);
    at[static_cast<std::size_t>(axis)] = part * p.integer(step);
  };
  for (const int d : {1, 0}) set(form_.result[d], counts_.along[d], schedule_.outputs);
  for (auto i = form_.rows.rbegin(); i != form_.rows.rend(); ++i) set(*i, axis(*i).extent, 1);
  return at;
}

Expr WinogradTiles::data_place(Expr square, Expr group, Expr tile, Expr step) {
  if (schedule_.staged) square = group * number(squares_) + square;
  return square * number(schedule_.tiles * steps_ + kApart) + tile * number(steps_) + step;
}

Expr WinogradTiles::sum_place(Expr square, Expr tile, Expr column) {
  return square * number(schedule_.tiles * schedule_.columns + kApart) +
         tile * number(schedule_.columns) + column;
}

Block WinogradTiles::transform_data(Expr group, Expr tile) {
  std::vector<Expr> at = at_tile(number_of(group, tile));
  const Expr first[] = {at[static_cast<std::size_t>(form_.result[0])],
                        at[static_cast<std::size_t>(form_.result[1])]};
  std::vector<LoopDim> loops;
  for (const int i : form_.summed) {
    loops.push_back({loop_var(pool(), axis(i).extent, axis(i).name), axis(i).extent});
    at[static_cast<std::size_t>(i)] = loops.back().var;
  }
  const Expr step = flat_index(pool(), spec_.axes, form_.summed, at);
  const auto load = [&](int i, int j) {
    Expr inside;
    for (const int d : {0, 1}) {
      const int r = form_.result[d];
      Expr& place = at[static_cast<std::size_t>(r)];
      place = first[d] + number(d == 0 ? i : j);
      if (axis(r).extent % schedule_.outputs != 0)
        inside = kir::logical_and(inside, kir::lt(place, number(axis(r).extent + 2)));
    }
    return load_a(at, inside);
  };
  const auto store = [&](int i, int j, Expr value) -> kir::Stmt {
    return kir::Store{
        data_, data_place(number(i * matrices_.size + j), group, tile, step), value, {}};
  };
  return nest(loops, transform_square(kernel_, "d", matrices_.data, load, store), LoopKind::Vector);
}

Block WinogradTiles::panel(Expr group, Expr panel) {
  Block body = products(group, panel);
  append(&body, results(group, panel));
  return body;
}

Block WinogradTiles::products(Expr group, Expr panel) {
  const Expr square = loop_var(pool(), squares_, "square"), step = loop_var(pool(), steps_, "step");
  Block body = tile_by_tile(
      pool(), "rows", schedule_.tiles, schedule_.rows, [&](Expr first, std::int64_t size) {
        RegisterTile tile;
        if (size > 1) tile.add_row(pool(), pool().var(size, "r"), size);
        tile.add_columns(pool(), schedule_.columns);
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
        return one;
      });
  return in_loop(square, LoopKind::Serial, std::move(body));
}

Block WinogradTiles::results(Expr group, Expr panel) {
  const Expr tile = loop_var(pool(), schedule_.tiles, "tile"),
             column = pool().var(schedule_.columns, "c");
  const auto load = [&](int i, int j) {
    return pool().load(sums_, dtype_, sum_place(number(i * matrices_.size + j), tile, column));
  };
  const auto store = [&](int i, int j, Expr value) -> kir::Stmt {
    return kir::Store{
        result_, number((i * schedule_.outputs + j) * schedule_.columns) + column, value, {}};
  };
  Block body = in_loop(column, LoopKind::Vector,
                       transform_square(kernel_, "m", matrices_.output, load, store));
  append(&body, store_tile(at_tile(number_of(group, tile)), panel));
  if (groups_ * schedule_.tiles != counts_.all)
    body = only_where(kir::lt(group * number(schedule_.tiles) + tile, number(counts_.all)),
                      std::move(body));
  return in_loop(tile, LoopKind::Serial, std::move(body));
}

Block WinogradTiles::store_tile(std::vector<Expr> at, Expr panel) {
  const Expr row[] = {pool().var(schedule_.outputs, "i"), pool().var(schedule_.outputs, "j")};
  Expr inside;
  for (const int d : {0, 1}) {
    const int r = form_.result[d];
    Expr& place = at[static_cast<std::size_t>(r)];
    place = place + row[d];
    if (axis(r).extent % schedule_.outputs != 0)
      inside = kir::logical_and(inside, kir::lt(place, number(axis(r).extent)));
  }
  Block body =
      full_or_last(panel, axis(form_.columns).extent, schedule_.columns, [&](std::int64_t width) {
        const Expr column = loop_var(pool(), width, "c");
        at[static_cast<std::size_t>(form_.columns)] = panel * number(schedule_.columns) + column;
        const Expr place =
            (row[0] * number(schedule_.outputs) + row[1]) * number(schedule_.columns) + column;
        return in_loop(column, LoopKind::Vector,
                       epilogue(out_index(at), pool().load(result_, dtype_, place)));
      });
  body = only_where(inside, std::move(body));
  for (const int d : {1, 0}) body = in_loop(row[d], LoopKind::Serial, std::move(body));
  return body;
}

}  // namespace lilith::schedule
