#include "schedule/cpu/winograd/weights.h"

#include <fmt/format.h>

#include <algorithm>

#include "schedule/cpu/tasks.h"
#include "schedule/cpu/winograd/transform.h"

// A strip of lanes goes through all steps before the next: more columns at a time than a set of the
// cache has ways would push out each other's lines before all of a line's taps are read.
//   parallel panel, strip, summed… { vector c { to[panel][…][summed][c] = G from[…] G^T } }
namespace lilith::schedule {

using kir::Block;
using kir::Expr;
using kir::LoopKind;

WinogradWeights::WinogradWeights(Builder& b, const ContractionSpec& spec, const Correlation& c,
                                 const WinogradMatrices& matrices, std::int64_t columns)
    : b_(b),
      spec_(spec),
      form_(c),
      matrices_(matrices),
      columns_(columns),
      panels_(divide_up(axis(c.columns).extent, columns)),
      steps_(extent_of(spec.axes, c.summed)) {
  const std::int64_t squares = matrices.size * matrices.size;
  buffer_ = b.add_scratch("weights", DType::F32, panels_ * squares * (steps_ * columns_ + kApart));
}

Expr WinogradWeights::place(Expr panel, Expr square, Expr step, Expr column) const {
  kir::Pool& p = column.pool();
  const Expr which = panel * p.integer(matrices_.size * matrices_.size) + square;
  return which * p.integer(steps_ * columns_ + kApart) + step * p.integer(columns_) + column;
}

// Of a strip of a panel's columns, which are whole vectors; zeros beyond the last column.
Block WinogradWeights::squares(kir::Kernel& kernel, Lowerer& lower, std::vector<Expr> at,
                               Expr panel, Expr step, Expr strip) const {
  kir::Pool& p = *kernel.pool;
  const kir::BufferId to = lower.written_param(buffer_);
  const std::int64_t lanes = b_.target.lanes(DType::F32);
  const Expr c = p.var(lanes, "c"), column = strip * p.integer(lanes) + c;
  Expr& mine = at[static_cast<std::size_t>(form_.columns)];
  mine = panel * p.integer(columns_) + column;
  const std::int64_t extent = axis(form_.columns).extent;
  const Expr inside = panels_ * columns_ == extent ? Expr() : kir::lt(mine, p.integer(extent));
  const auto load = [&](int i, int j) {
    at[static_cast<std::size_t>(form_.taps[0])] = p.integer(i);
    at[static_cast<std::size_t>(form_.taps[1])] = p.integer(j);
    return lower.load(spec_.b_buffer, spec_.place_b(p, at), DType::F32, inside);
  };
  const auto store = [&](int i, int j, Expr value) -> kir::Stmt {
    const Expr square = p.integer(i * matrices_.size + j);
    return kir::Store{to, place(panel, square, step, column), value, {}};
  };
  return in_loop(c, LoopKind::Vector, transform_square(kernel, "w", matrices_.kernel, load, store));
}

void WinogradWeights::fill(const std::string& of) {
  kir::Kernel kernel;
  kernel.name = "pack";
  kernel.follows_no_size = std::ranges::none_of(
      spec_.axes, [&](const Axis& x) { return x.b != 0 && b_.has_varied(x.extent); });
  Lowerer lower = b_.lowerer(kernel);
  kir::Pool& p = *kernel.pool;
  const std::int64_t strips = columns_ / b_.target.lanes(DType::F32);
  const Expr panel = loop_var(p, panels_, "panel"), strip = loop_var(p, strips, "strip");
  std::vector<LoopDim> loops{{panel, panels_}, {strip, strips}};
  std::vector<Expr> at(spec_.axes.size(), p.integer(0));
  Expr step = p.integer(0);
  for (const int i : form_.summed) {
    Expr& place = at[static_cast<std::size_t>(i)];
    place = loop_var(p, axis(i).extent, axis(i).name);
    loops.push_back({place, axis(i).extent});
    step = step * p.integer(axis(i).extent) + place;
  }
  Block body = squares(kernel, lower, at, panel, step, strip);
  kernel.body.push_back(
      share_loops(p, loops, std::move(body), enough_tasks(b_.target, panels_ * steps_ * columns_)));
  b_.launch(std::move(kernel), lower, {},
            fmt::format("pack b of {} transformed, in panels of {}", of, columns_), 0);
}

}  // namespace lilith::schedule
