#include <algorithm>

#include "lilith/kernel_math.h"
#include "schedule/cpu/map/builder.h"

namespace lilith::schedule {

using ir::NodeImpl;
using kir::Block;
using kir::Expr;
using kir::LoopKind;

namespace {
constexpr std::int64_t kColumnTile = 128;  // columns whose accumulators stay in registers
}

std::vector<Accumulator> MapBuilder::make_accs(const std::vector<std::int64_t>& reg_dims) {
  std::vector<Accumulator> accs;
  for (NodeImpl* n : g_.reduces) accs.push_back(add_accumulator(kernel_, n, reg_dims));
  return accs;
}

std::vector<LoopDim> MapBuilder::select_dims(bool reduced) const {
  std::vector<LoopDim> r;
  for (const LoopDim& d : dims_) {
    if (d.reduced == reduced) r.push_back(d);
  }
  return r;
}

std::int64_t MapBuilder::chunks(std::int64_t tasks, const std::vector<LoopDim>& red) const {
  const std::int64_t work = g_.domain.numel();
  if (b_.target.threads == 1 || red.empty() || tasks >= 2 * b_.target.threads ||
      work < 4 * kMinTask)
    return 1;
  return std::min<std::int64_t>(red[0].extent, b_.target.threads);
}

MapBuilder::Cut MapBuilder::cut_loop(const LoopDim& dim, std::int64_t n, Expr chunk,
                                     std::vector<Expr>* by) {
  Cut c{chunk, dim, (dim.extent + n - 1) / n, {}};
  c.loop.extent = c.size;
  c.loop.var = pool().var(c.size, "r");
  const Expr at = chunk * pool().integer(c.size) + c.loop.var;
  if (c.size * n != dim.extent) c.inside = kir::lt(at, pool().integer(dim.extent));
  set_var(by, dim.var, at);
  return c;
}

void MapBuilder::combine_partials(const std::vector<int>& partials,
                                  const std::vector<Accumulator>& accs, std::int64_t n,
                                  std::int64_t kept, const std::vector<LoopDim>& kept_dims) {
  const Expr k = loop_var(pool(), kept, "k");
  std::vector<Expr> by;
  if (!kept_dims.empty()) split_index(k, kept_dims, &by);
  Block body;
  for (std::size_t r = 0; r < accs.size(); ++r) {
    const kir::BufferId partial = lower_.param(partials[r]);
    Expr sum = pool().load(partial, accs[r].dtype, k);
    for (std::int64_t p = 1; p < n; ++p) {
      sum = combine(accs[r].combine, sum,
                    pool().load(partial, accs[r].dtype, k + pool().integer(p * kept)));
    }
    body.push_back(store_result(r, sum, by));
  }
  kernel_.body.push_back(kir::Barrier{});
  kernel_.body.push_back(share_vector_loops(pool(), {{k, kept}}, std::move(body), 1));
}

kir::Stmt MapBuilder::store_result(std::size_t r, Expr value, const std::vector<Expr>& by) {
  const int buffer = b_.buffer(g_.reduces[r]);
  const Expr place = kir::substitute(lower_.address(buffer, kept_index()), by);
  return kir::Store{lower_.written_param(buffer), place, value, {}};
}

std::vector<int> MapBuilder::add_partials(const std::vector<Accumulator>& accs,
                                          std::int64_t elements) {
  std::vector<int> partials;
  for (const Accumulator& a : accs) {
    partials.push_back(b_.add_scratch("partial", a.dtype, elements));
    lower_.written_param(partials.back());
  }
  return partials;
}

void MapBuilder::build_row() {
  const std::vector<LoopDim> kept = select_dims(false);
  std::vector<LoopDim> red = select_dims(true);
  const std::int64_t tasks = extent_of(kept);
  if (red.empty()) red.push_back({pool().var(1, "r"), 1, true});
  if (red.size() == 1 && chunks(tasks, red) > 1) split_single(&red);
  const std::int64_t n = chunks(tasks, red);
  const std::vector<Accumulator> accs = make_accs({});
  Expr task = pool().var(tasks * n, "task");
  std::vector<Expr> by;
  if (!kept.empty()) split_index(n == 1 ? task : kir::floor_div(task, n), kept, &by);
  Cut cut;
  if (n > 1) {
    cut = cut_loop(red[0], n, kir::floor_mod(task, n), &by);
    red[0] = cut.loop;
  }
  Block body = stores(by);
  for (std::size_t r = 0; r < accs.size(); ++r) {
    body.push_back(kir::Accumulate{accs[r].reg, {}, accs[r].combine, reduce_value(r, by), {}, {}});
  }
  Block inner;
  inner.push_back(kir::make_for(red.back().var, LoopKind::Vector, std::move(body)));
  std::vector<LoopDim> serial(red.begin(), red.end() - 1);
  Block loops = wrap_cut(serial, std::move(inner), cut);
  Block row;
  for (const Accumulator& a : accs) row.push_back(kir::DeclReg{a.reg, a.init});
  append(&row, std::move(loops));
  std::vector<int> partials;
  if (n > 1) partials = add_partials(accs, tasks * n);
  for (std::size_t r = 0; r < accs.size(); ++r) {
    const Expr acc = pool().read(accs[r].reg, accs[r].dtype);
    if (n == 1) {
      row.push_back(store_result(r, acc, by));
    } else {
      const Expr at = kir::floor_mod(task, n) * pool().integer(tasks) + kir::floor_div(task, n);
      row.push_back(kir::Store{lower_.param(partials[r]), at, acc, {}});
    }
  }
  kernel_.body.push_back(tasks_loop(task, std::move(row), g_.domain.numel()));
  if (n > 1) combine_partials(partials, accs, n, tasks, kept);
  how_ = fmt::format("row reduction, {} rows of {}{}", tasks, extent_of(select_dims(true)),
                     n > 1 ? fmt::format(" in {} chunks", n) : "");
}

void MapBuilder::split_single(std::vector<LoopDim>* red) {
  const LoopDim whole = red->front();
  for (std::int64_t inner = 1024; inner >= 64; inner /= 2) {
    if (whole.extent % inner != 0) continue;
    const LoopDim o{pool().var(whole.extent / inner, "ro"), whole.extent / inner, true};
    const LoopDim i{pool().var(inner, "ri"), inner, true};
    std::vector<Expr> by(static_cast<std::size_t>(whole.var->i) + 1);
    by.back() = o.var * pool().integer(inner) + i.var;
    for (Expr& v : values_) v = kir::substitute(v, by);
    for (Expr& x : index_) x = kir::substitute(x, by);
    *red = {o, i};
    return;
  }
}

Block MapBuilder::wrap_cut(std::vector<LoopDim> serial, Block inner, const Cut& cut) {
  if (!cut.inside || serial.empty()) {
    if (cut.inside) {
      // The cut loop is the vector loop itself: its tail is masked statement by statement.
      for (kir::Stmt& s : *inner[0].loop.body) {
        if (s.kind == kir::Stmt::Kind::Accumulate) s.acc.mask = cut.inside;
        if (s.kind == kir::Stmt::Kind::Store) s.store.mask = cut.inside;
      }
      guard_loads(inner[0].loop.body.get(), cut.inside);
    }
    return nest(serial, std::move(inner));
  }
  const std::vector<LoopDim> rest(serial.begin() + 1, serial.end());
  return nest({serial[0]}, only_where(cut.inside, nest(rest, std::move(inner))));
}

void MapBuilder::guard_loads(Block* body, Expr inside) {
  for (kir::Stmt& s : *body) {
    if (s.kind == kir::Stmt::Kind::Accumulate) s.acc.value = guarded(s.acc.value, inside);
    if (s.kind == kir::Stmt::Kind::Store) s.store.value = guarded(s.store.value, inside);
  }
}

Expr MapBuilder::guarded(Expr x, Expr inside) {
  if (!x || x->args.empty()) return x;
  if (x->op == kir::Op::Load) {
    const Expr mask = x->args.size() > 1 ? x->args[1] : Expr();
    return pool().load(static_cast<int>(x->i), memory_dtype(x), x->args[0],
                       kir::logical_and(mask, inside));
  }
  std::vector<Expr> args;
  for (const Expr& a : x->args) args.push_back(guarded(a, inside));
  return pool().make(x->op, x->dtype, std::move(args));
}

DType MapBuilder::memory_dtype(Expr load) const {
  return kernel_.buffers[static_cast<std::size_t>(load->i)].dtype;
}

void MapBuilder::build_column() {
  std::vector<LoopDim> kept = select_dims(false);
  std::vector<LoopDim> red = select_dims(true);
  const LoopDim inner = kept.back();
  const std::int64_t tile = column_tile(inner.extent);
  const std::int64_t tiles = (inner.extent + tile - 1) / tile;
  const std::vector<LoopDim> outer(kept.begin(), kept.end() - 1);
  const std::int64_t tasks = extent_of(outer) * tiles;
  const std::int64_t n = chunks(tasks, red);
  const std::int64_t total = extent_of(kept);
  Expr task = pool().var(tasks * n, "task");
  const Expr rest = n == 1 ? task : kir::floor_div(task, n);
  std::vector<Expr> by;
  if (!outer.empty()) split_index(tiles == 1 ? rest : kir::floor_div(rest, tiles), outer, &by);
  const Expr t = tiles == 1 ? pool().integer(0) : kir::floor_mod(rest, tiles);
  Cut cut;
  if (n > 1) {
    cut = cut_loop(red[0], n, kir::floor_mod(task, n), &by);
    red[0] = cut.loop;
  }
  const std::vector<Accumulator> full = make_accs({tile});
  std::vector<int> partials;
  if (n > 1) partials = add_partials(full, total * n);
  const auto emit = [&](std::int64_t width, const std::vector<Accumulator>& accs) {
    return column_nest(width, accs, by, inner, t * pool().integer(tile), red, cut, partials, task,
                       n, total);
  };
  const std::int64_t last = inner.extent - (tiles - 1) * tile;
  if (last == tile) {
    kernel_.body.push_back(tasks_loop(task, emit(tile, full), g_.domain.numel()));
  } else {
    const std::vector<Accumulator> partial_accs = make_accs({last});
    kir::If branch{kir::lt(t, pool().integer(tiles - 1)), std::make_shared<Block>(emit(tile, full)),
                   std::make_shared<Block>(emit(last, partial_accs))};
    Block body;
    body.push_back(std::move(branch));
    kernel_.body.push_back(tasks_loop(task, std::move(body), g_.domain.numel()));
  }
  if (n > 1) combine_partials(partials, full, n, total, kept);
  how_ = fmt::format("column reduction, {} columns in tiles of {}, {} rows{}", total, tile,
                     extent_of(select_dims(true)), n > 1 ? fmt::format(" in {} chunks", n) : "");
}

std::int64_t MapBuilder::column_tile(std::int64_t extent) const {
  const std::int64_t widest =
      kColumnTile / std::max<std::int64_t>(1, static_cast<std::int64_t>(g_.reduces.size()) / 2);
  return std::min(extent, std::max<std::int64_t>(16, widest));
}

Block MapBuilder::column_nest(std::int64_t width, const std::vector<Accumulator>& accs,
                              std::vector<Expr> by, const LoopDim& inner, Expr base,
                              std::vector<LoopDim> red, const Cut& cut,
                              const std::vector<int>& partials, Expr task, std::int64_t n,
                              std::int64_t total) {
  const Expr c = pool().var(width, "c");
  const Expr column = base + c;
  set_var(&by, inner.var, column);
  Block body = stores(by);
  for (std::size_t r = 0; r < accs.size(); ++r) {
    body.push_back(kir::Accumulate{accs[r].reg, {c}, accs[r].combine, reduce_value(r, by), {}, {}});
  }
  Block vector;
  vector.push_back(kir::make_for(c, LoopKind::Vector, std::move(body)));
  Block out;
  for (const Accumulator& a : accs) out.push_back(kir::DeclReg{a.reg, a.init});
  append(&out, wrap_cut(red, std::move(vector), cut));
  Block results;
  for (std::size_t r = 0; r < accs.size(); ++r) {
    const Expr acc = pool().read(accs[r].reg, accs[r].dtype, {c});
    if (n == 1) {
      results.push_back(store_result(r, acc, by));
    } else {
      // partial[chunk][kept element in loop order]
      const Expr rest = kir::floor_div(task, n);
      const std::int64_t tiles =
          (inner.extent + column_tile(inner.extent) - 1) / column_tile(inner.extent);
      const Expr row = tiles == 1 ? rest : kir::floor_div(rest, tiles);
      const Expr at = kir::floor_mod(task, n) * pool().integer(total) +
                      row * pool().integer(inner.extent) + column;
      results.push_back(kir::Store{lower_.param(partials[r]), at, acc, {}});
    }
  }
  out.push_back(kir::make_for(c, LoopKind::Vector, std::move(results)));
  return out;
}

void MapBuilder::build_arg() {
  NodeImpl* n = g_.reduces[0];
  const std::vector<LoopDim> kept = select_dims(false), red = select_dims(true);
  const DType dtype = compute_dtype(n->inputs[0]->aval.dtype);
  const kir::RegId best = kernel_.add_reg("best", dtype),
                   where = kernel_.add_reg("where", DType::I64);
  const Expr axis = index_[static_cast<std::size_t>(n->attrs.ints("axes")[0])];
  const Expr value = reduce_value(0, {});
  const Expr held = pool().read(best, dtype), at = pool().read(where, DType::I64);
  Expr better = n->op->combine == Combination::ArgMax ? kir::gt(value, held) : kir::lt(value, held);
  if (is_floating(dtype)) {
    better = kir::logical_or(
        better, kir::logical_and(kir::isnan(value), kir::logical_not(kir::isnan(held))));
  }
  better = kir::logical_or(better, kir::lt(at, pool().integer(0)));  // the first element
  const kir::RegId flag = kernel_.add_reg("better", DType::Bool);
  const Expr take = pool().read(flag, DType::Bool);
  Block body;
  body.push_back(kir::DeclReg{flag, better});
  body.push_back(kir::SetReg{best, {}, pool().select(take, value, held)});
  body.push_back(kir::SetReg{where, {}, pool().select(take, axis, at)});
  Block row;
  row.push_back(kir::DeclReg{best, pool().constant(dtype, 0)});
  row.push_back(kir::DeclReg{where, pool().integer(-1)});
  append(&row, nest(red, std::move(body)));
  row.push_back(store_result(0, at, {}));
  kernel_.body.push_back(
      share_vector_loops(pool(), kept, std::move(row), enough_tasks(b_.target, g_.domain.numel())));
  how_ = "index of the best";
}

}  // namespace lilith::schedule
