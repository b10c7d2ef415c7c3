#include "schedule/cpu/winograd/sums.h"

namespace lilith::schedule {

using kir::Block;
using kir::Expr;
using kir::LoopKind;

WinogradSums::WinogradSums(Builder& b, const Product& g, const ContractionSpec& spec,
                           const Layout& layout, const WinogradSumSchedule& schedule)
    : SquareKernel(b, g, spec, layout, winograd_matrices(3, schedule.taps), schedule.columns),
      schedule_(schedule),
      grid_(spec_, form_.summed, form_.taps, schedule.taps),
      groups_(divide_up(grid_.all, schedule.tiles)),
      staged_(schedule.chunks == 0),
      rows_(make_side(true)),
      lanes_(make_side(false)) {}

WinogradSums::Side WinogradSums::make_side(bool a) {
  Side side{a, a ? &matrices_.data : &matrices_.kernel, {}, 1, 0, 0, a ? 2 : 0, -1};
  if (a)
    side.axes = form_.rows;
  else
    side.axes.push_back(form_.columns);
  side.extent = extent(side.axes);
  side.block = a ? schedule_.block : columns_;
  side.blocks = divide_up(side.extent, side.block);
  return side;
}

Expr WinogradSums::place(const Side& side, Expr group, Expr block, Expr square, Expr tile,
                         Expr element) {
  const Expr first = staged_ ? group * number(side.blocks) + block : block;
  const Expr which = first * number(squares_) + square;
  return which * number(schedule_.tiles * side.block + kApart) + tile * number(side.block) +
         element;
}

Expr WinogradSums::sum_place(Expr sums, Expr square, Expr row, Expr column) {
  return (sums * number(squares_) + square) * number(schedule_.block * columns_ + kApart) +
         row * number(columns_) + column;
}

void WinogradSums::add_memory() {
  const auto add = [&](const char* name, bool shared, std::int64_t elements) {
    return shared ? lower_.written_param(b_.add_scratch(name, dtype_, elements))
                  : kernel_.add_buffer(name, dtype_, elements, kir::Space::Thread);
  };
  for (Side* side : {&rows_, &lanes_}) {
    const std::int64_t group = side->blocks * squares_ * (schedule_.tiles * side->block + kApart);
    side->buffer = add(side->a ? "rows" : "columns", staged_, group * (staged_ ? groups_ : 1));
  }
  const std::int64_t sums = squares_ * (schedule_.block * columns_ + kApart);
  sums_ =
      add("sums", !staged_, sums * (staged_ ? 1 : schedule_.chunks * rows_.blocks * lanes_.blocks));
  if (schedule_.in_rows) keep_for_rows();
}

void WinogradSums::emit() {
  add_memory();
  if (staged_)
    emit_staged();
  else
    emit_chunks();
  store_kept();
  launch(schedule_.name());
}

void WinogradSums::emit_staged() {
  const Expr group = loop_var(pool(), groups_, "group"),
             tile = loop_var(pool(), schedule_.tiles, "tile");
  Block data = transform(rows_, group, tile);
  append(&data, transform(lanes_, group, tile));
  kernel_.body.push_back(share_loops(pool(), {{group, groups_}, {tile, schedule_.tiles}},
                                     std::move(data), enough_tasks(b_.target)));
  kernel_.body.push_back(kir::Barrier{});
  const Expr block = loop_var(pool(), rows_.blocks, "block"),
             panel = loop_var(pool(), lanes_.blocks, "panel"),
             each = loop_var(pool(), groups_, "group");
  Block body = in_loop(each, LoopKind::Serial,
                       products({each, kir::lt(each, number(1)), block, panel, number(0)}));
  append(&body, back(block, panel));
  kernel_.body.push_back(share_loops(pool(), {{block, rows_.blocks}, {panel, lanes_.blocks}},
                                     std::move(body), rows_.blocks * lanes_.blocks));
}

void WinogradSums::emit_chunks() {
  const std::int64_t in_chunk = divide_up(groups_, schedule_.chunks);
  const Expr chunk = loop_var(pool(), schedule_.chunks, "chunk"),
             one = loop_var(pool(), in_chunk, "group"), group = chunk * number(in_chunk) + one,
             tile = loop_var(pool(), schedule_.tiles, "tile"),
             block = loop_var(pool(), rows_.blocks, "block"),
             panel = loop_var(pool(), lanes_.blocks, "panel");
  Block body = transform(rows_, group, tile);
  append(&body, transform(lanes_, group, tile));
  body = in_loop(tile, LoopKind::Serial, std::move(body));
  const Expr sums = (chunk * number(rows_.blocks) + block) * number(lanes_.blocks) + panel;
  append(&body, nest({{block, rows_.blocks}, {panel, lanes_.blocks}},
                     products({group, kir::lt(one, number(1)), block, panel, sums})));
  Block in_one_chunk;
  if (grid_.count_varies || in_chunk * schedule_.chunks != groups_) {
    Expr left = number(groups_) - chunk * number(in_chunk);
    if (grid_.count_varies) left = unknown("groups", left, &in_one_chunk);
    body = only_where(kir::lt(one, left), std::move(body));
  }
  append(&in_one_chunk, in_loop(one, LoopKind::Serial, std::move(body)));
  kernel_.body.push_back(
      share_loops(pool(), {{chunk, schedule_.chunks}}, std::move(in_one_chunk), schedule_.chunks));
  kernel_.body.push_back(kir::Barrier{});
  const Expr rows = loop_var(pool(), rows_.blocks, "block"),
             columns = loop_var(pool(), lanes_.blocks, "panel");
  kernel_.body.push_back(share_loops(pool(), {{rows, rows_.blocks}, {columns, lanes_.blocks}},
                                     back(rows, columns), enough_tasks(b_.target)));
}

// Tiles beyond the last one are zeros.
Block WinogradSums::transform(const Side& side, Expr group, Expr tile) {
  Block all;
  const Expr left = tiles_from(grid_, group, schedule_.tiles, &all);
  Block squares = squares_of(side, group, tile);
  if (left)
    all.push_back(kir::If{kir::lt(tile, left), std::make_shared<Block>(std::move(squares)),
                          std::make_shared<Block>(zeros_of(side, group, tile))});
  else
    append(&all, std::move(squares));
  return all;
}

Block WinogradSums::squares_of(const Side& side, Expr group, Expr tile) {
  const Expr n = group * number(schedule_.tiles) + tile;
  const std::vector<Expr> at = grid_.at(n, spec_.axes.size());
  Block all;
  const Edges e = edges(grid_, at, side.beyond, &all);
  const Expr block = loop_var(pool(), side.blocks, "block");
  Block body = full_or_last(block, side.extent, side.block, [&](std::int64_t width) {
    const Expr element = loop_var(pool(), width, "e");
    std::vector<LoopDim> dims;
    for (const int i : side.axes) dims.push_back({pool().var(axis(i).extent, "x"), axis(i).extent});
    std::vector<Expr> by, mine = at;
    split_index(block * number(side.block) + element, dims, &by);
    for (std::size_t k = 0; k < dims.size(); ++k)
      mine[static_cast<std::size_t>(side.axes[k])] = kir::substitute(dims[k].var, by);
    const auto store = [&](Expr square, Expr value) -> kir::Stmt {
      return kir::Store{side.buffer, place(side, group, block, square, tile, element), value, {}};
    };
    return in_loop(element, LoopKind::Vector,
                   transformed(side.a, *side.matrix, grid_, mine, e, store));
  });
  append(&all, in_loop(block, LoopKind::Serial, std::move(body)));
  return all;
}

Block WinogradSums::zeros_of(const Side& side, Expr group, Expr tile) {
  const Expr block = loop_var(pool(), side.blocks, "block"),
             square = loop_var(pool(), squares_, "square"),
             element = loop_var(pool(), side.block, "e");
  return nest({{block, side.blocks}, {square, squares_}, {element, side.block}},
              Block{kir::Store{side.buffer,
                               place(side, group, block, square, tile, element),
                               pool().constant(dtype_, 0),
                               {}}},
              LoopKind::Vector);
}

Block WinogradSums::products(const At& at) {
  const Expr square = loop_var(pool(), squares_, "square");
  Block body = tile_by_tile(
      pool(), "rows", schedule_.block, schedule_.rows,
      [&](Expr first, std::int64_t rows) { return one_tile(at, square, first, rows); });
  return in_loop(square, LoopKind::Serial, std::move(body));
}

// Adds a group's products to the sums of the groups before it.
Block WinogradSums::one_tile(const At& at, Expr square, Expr first, std::int64_t rows) {
  RegisterTile tile;
  if (rows > 1) tile.add_row(pool(), pool().var(rows, "r"), rows);
  tile.add_columns(pool(), columns_);
  const kir::RegId acc = kernel_.add_reg("acc", dtype_, {tile.row_count, tile.columns});
  const std::vector<Expr> place_in{tile.row, tile.column};
  const Expr step = loop_var(pool(), schedule_.tiles, "step"),
             x = pool().load(rows_.buffer, dtype_,
                             place(rows_, at.group, at.block, square, step, first + tile.row)),
             y = pool().load(lanes_.buffer, dtype_,
                             place(lanes_, at.group, at.panel, square, step, tile.column)),
             sum = sum_place(at.sums, square, first + tile.row, tile.column);
  Block one{kir::DeclReg{acc, pool().constant(dtype_, 0)}},
      before{kir::SetReg{acc, place_in, pool().load(sums_, dtype_, sum)}},
      add{kir::Accumulate{acc, place_in, kir::Combine::Add, y, x, {}}},
      keep{kir::Store{sums_, sum, pool().read(acc, dtype_, place_in), {}}};
  append(&one, only_where(kir::logical_not(at.first), over_tile(tile, std::move(before))));
  append(&one, in_loop(step, LoopKind::Serial, over_tile(tile, std::move(add))));
  append(&one, over_tile(tile, std::move(keep)));
  return one;
}

Block WinogradSums::back(Expr block, Expr panel) {
  const Expr row = loop_var(pool(), schedule_.block, "row"),
             n = block * number(schedule_.block) + row;
  std::vector<LoopDim> dims;
  for (const int i : rows_.axes) dims.push_back({pool().var(axis(i).extent, "x"), axis(i).extent});
  std::vector<Expr> by, at = zeros();
  split_index(n, dims, &by);
  for (std::size_t k = 0; k < dims.size(); ++k)
    at[static_cast<std::size_t>(rows_.axes[k])] = kir::substitute(dims[k].var, by);
  const std::int64_t copies = staged_ ? 1 : schedule_.chunks;
  Block body = results(nullptr, at, panel, [&](Expr square, Expr column) {
    Expr sum;
    for (std::int64_t k = 0; k < copies; ++k) {
      const Expr which =
          staged_ ? number(0) : (number(k * rows_.blocks) + block) * number(lanes_.blocks) + panel;
      const Expr part = pool().load(sums_, dtype_, sum_place(which, square, row, column));
      sum = sum ? sum + part : part;
    }
    return sum;
  });
  if (rows_.blocks * schedule_.block != rows_.extent)
    body = only_where(kir::lt(n, number(rows_.extent)), std::move(body));
  return in_loop(row, LoopKind::Serial, std::move(body));
}

}  // namespace lilith::schedule
