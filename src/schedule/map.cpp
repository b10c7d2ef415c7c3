#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "kernel_ir/math.h"
#include "lilith/error.h"
#include "schedule/loops.h"

// Kernels over one domain: pointwise stores and reductions over the same axes.
//
//   stores alone        parallel outer { vector inner { store… } }
//   row reduction       parallel kept { decl acc; for reduced { vector inner { acc += … } } store }
//   column reduction    parallel tile of kept { decl acc[tile]; for reduced { vector c { acc[c] +=
//   … } } store } few kept elements   the reduced axes are cut into chunks with partial results,
//   one barrier between
namespace lilith::schedule {

using ir::NodeImpl;
using kir::Block;
using kir::Expr;
using kir::LoopKind;

namespace {

constexpr std::int64_t kMinTask = 4096;  // elements worth handing to another thread
constexpr std::int64_t kColumnTile = 128;

kir::Combine combine_of(const NodeImpl* n) {
  const std::string& op = n->op->name;
  const bool boolean = n->aval.dtype == DType::Bool;
  if (op == "reduce_sum") return boolean ? kir::Combine::Or : kir::Combine::Add;
  if (op == "reduce_prod") return boolean ? kir::Combine::And : kir::Combine::Mul;
  if (op == "reduce_max") return boolean ? kir::Combine::Or : kir::Combine::Max;
  if (op == "reduce_min") return boolean ? kir::Combine::And : kir::Combine::Min;
  throw InternalError(fmt::format("schedule: no combination for '{}'", op));
}

Expr identity_of(kir::Combine c, DType dtype, kir::Pool& pool) {
  const double inf = std::numeric_limits<double>::infinity();
  if (c == kir::Combine::Add || c == kir::Combine::Or) return pool.constant(dtype, 0);
  if (c == kir::Combine::Mul) return pool.constant(dtype, 1);
  if (c == kir::Combine::And)
    return dtype == DType::Bool ? pool.integer(1, dtype) : pool.integer(-1, dtype);
  if (is_floating(dtype)) return pool.constant(dtype, c == kir::Combine::Max ? -inf : inf);
  const int bits = static_cast<int>(size_of(dtype)) * 8;
  if (dtype == DType::U8) return pool.integer(c == kir::Combine::Max ? 0 : 255, dtype);
  const std::int64_t low = bits == 64 ? INT64_MIN : -(std::int64_t{1} << (bits - 1));
  return pool.integer(c == kir::Combine::Max ? low : ~low, dtype);
}

// One kernel of a map in the making.
class MapBuilder {
 public:
  MapBuilder(Builder& b, const Group& g)
      : b_(b), g_(g), lower_(kernel_, b.plan, [&b](NodeImpl* n) { return b.buffer(n); }) {
    kernel_.name = "map";
  }

  void build() {
    make_values();
    make_dims();
    allocate();
    if (is_arg()) {
      build_arg();
    } else if (g_.reduces.empty()) {
      build_pointwise();
    } else if (dims_.empty() || dims_.back().reduced) {
      build_row();
    } else {
      build_column();
    }
    b_.launch(std::move(kernel_), lower_, g_, how_, flops());
  }

 private:
  kir::Pool& pool() { return *kernel_.pool; }
  bool is_arg() const {
    return !g_.reduces.empty() &&
           (g_.reduces[0]->op->name == "argmax" || g_.reduces[0]->op->name == "argmin");
  }
  bool reduced_axis(int d) const {
    if (g_.reduces.empty()) return false;
    const auto& axes = g_.reduces[0]->attrs.ints("axes");
    return std::find(axes.begin(), axes.end(), d) != axes.end();
  }
  double flops() const {
    double cost = 0;
    for (NodeImpl* n : g_.results()) cost += n->op->cost;
    return cost * static_cast<double>(g_.domain.numel());
  }

  void make_values() {
    for (int d = 0; d < g_.domain.rank(); ++d) {
      index_.push_back(g_.domain[d] == 1 ? pool().integer(0)
                                         : pool().var(g_.domain[d], "i" + std::to_string(d)));
    }
    for (NodeImpl* n : g_.stores) values_.push_back(lower_.value(n, index_));
    for (NodeImpl* n : g_.reduces) values_.push_back(lower_.value(n->inputs[0], index_));
  }

  // Orders the dimensions, then merges neighbours that every access walks as one.
  void make_dims() {
    std::vector<Access> accesses = loads_of(values_, kernel_);
    for (NodeImpl* n : g_.stores) {
      if (b_.analysis.is_output(n)) {
        accesses.push_back({row_major_address(n), static_cast<double>(n->aval.bytes())});
      }
    }
    order_ = choose_order(index_, g_.domain, accesses);
    for (NodeImpl* n : g_.stores) {
      const Layout layout =
          b_.analysis.is_output(n) ? Layout::row_major(g_.domain.rank()) : Layout{order_};
      const auto strides = layout.strides(g_.domain);
      Expr address = pool().integer(0);
      for (int d = 0; d < g_.domain.rank(); ++d) {
        address = address + index_[static_cast<std::size_t>(d)] *
                                pool().integer(strides[static_cast<std::size_t>(d)]);
      }
      accesses.push_back({address, 0});
    }
    const std::vector<bool> pinned = pinned_vars(values_);
    for (const int d : order_) {
      if (g_.domain[d] == 1) continue;
      const LoopDim dim{index_[static_cast<std::size_t>(d)], g_.domain[d], reduced_axis(d)};
      if (!dims_.empty() && can_merge(dims_.back(), dim, accesses, pinned)) {
        merge(dim);
      } else {
        dims_.push_back(dim);
      }
    }
    if (!merged_.empty()) rewrite_values();
  }
  Expr row_major_address(const NodeImpl* n) {
    const Shape strides = n->aval.shape.strides();
    Expr address = pool().integer(0);
    for (int d = 0; d < strides.rank(); ++d)
      address = address + index_[static_cast<std::size_t>(d)] * pool().integer(strides[d]);
    return address;
  }
  static bool is_pinned(const std::vector<bool>& pinned, const Expr& var) {
    const auto id = static_cast<std::size_t>(var->i);
    return id < pinned.size() && pinned[id];
  }
  bool can_merge(const LoopDim& outer, const LoopDim& inner, const std::vector<Access>& accesses,
                 const std::vector<bool>& pinned) const {
    // Kept dimensions stay apart, so that a reduction's result can be addressed.
    if (outer.reduced != inner.reduced || (!g_.reduces.empty() && !inner.reduced)) return false;
    if (is_pinned(pinned, outer.var) || is_pinned(pinned, inner.var)) return false;
    for (const Access& a : accesses) {
      const auto form = kir::affine(a.address);
      if (!form) continue;  // its variables are pinned
      const std::int64_t o = form->coefficient(static_cast<kir::VarId>(outer.var->i));
      const std::int64_t i = form->coefficient(static_cast<kir::VarId>(inner.var->i));
      if (o != i * inner.extent) return false;
    }
    return true;
  }
  // The inner variable takes over the outer one: its coefficient times a wider range covers both.
  void merge(const LoopDim& inner) {
    const LoopDim outer = dims_.back();
    LoopDim both{pool().var(outer.extent * inner.extent,
                            pool().var_name(static_cast<int>(outer.var->i)) +
                                pool().var_name(static_cast<int>(inner.var->i))),
                 outer.extent * inner.extent, inner.reduced};
    replace_var(outer.var, pool().integer(0));
    replace_var(inner.var, both.var);
    dims_.back() = both;
  }
  void replace_var(Expr var, Expr by) {
    for (Expr& m : merged_) {
      if (m && m == var) m = by;
    }
    const auto id = static_cast<std::size_t>(var->i);
    if (merged_.size() <= id) merged_.resize(id + 1);
    merged_[id] = by;
  }
  void rewrite_values() {
    for (Expr& v : values_) v = kir::substitute(v, merged_);
    for (Expr& i : index_) i = kir::substitute(i, merged_);
  }

  void allocate() {
    for (NodeImpl* n : g_.stores) b_.add_value(n, Layout{order_});
    for (NodeImpl* n : g_.reduces) b_.add_value(n, kept_layout());
  }
  // A reduction's result keeps the order of the dimensions that stay.
  Layout kept_layout() const {
    std::vector<int> rank_of(order_.size(), -1);
    int next = 0;
    for (int d = 0; d < g_.domain.rank(); ++d) {
      if (!reduced_axis(d)) rank_of[static_cast<std::size_t>(d)] = next++;
    }
    Layout l;
    for (const int d : order_) {
      if (rank_of[static_cast<std::size_t>(d)] >= 0)
        l.order.push_back(rank_of[static_cast<std::size_t>(d)]);
    }
    return l;
  }

  // The loop over tasks: shared by the threads where there is work enough for them.
  kir::Stmt tasks_loop(Expr task, Block body) const {
    const bool share = g_.domain.numel() >= kMinTask;
    return kir::make_for(task, share ? LoopKind::Parallel : LoopKind::Serial, std::move(body));
  }

  // ---- Statements ----
  Block stores(const std::vector<Expr>& by) {
    Block body;
    for (std::size_t k = 0; k < g_.stores.size(); ++k) {
      const int buffer = b_.buffer(g_.stores[k]);
      const Expr address = lower_.address(buffer, index_);
      const kir::BufferId id = lower_.param(buffer);
      kernel_.buffers[static_cast<std::size_t>(id)].written = true;
      body.push_back(
          kir::Store{id, kir::substitute(address, by), kir::substitute(values_[k], by), {}});
    }
    return body;
  }
  Expr reduce_value(std::size_t k, const std::vector<Expr>& by) {
    return kir::substitute(values_[g_.stores.size() + k], by);
  }
  Index kept_index() const {
    Index at;
    for (int d = 0; d < g_.domain.rank(); ++d) {
      if (!reduced_axis(d)) at.push_back(index_[static_cast<std::size_t>(d)]);
    }
    return at;
  }

  // ---- Pointwise ----
  void build_pointwise() {
    if (dims_.empty()) {
      kernel_.body = stores({});
      how_ = "scalar";
      return;
    }
    const LoopDim inner = dims_.back();
    std::vector<LoopDim> outer(dims_.begin(), dims_.end() - 1);
    std::int64_t tasks = 1;
    for (const LoopDim& d : outer) tasks *= d.extent;
    const std::int64_t total = tasks * inner.extent;
    if (total == 0) {  // an empty output has memory and nothing to write
      how_ = "empty";
      return;
    }
    const int threads = total < kMinTask ? 1 : b_.target.threads;
    std::int64_t blocks = 1;
    if (tasks < 4 * threads)
      blocks = std::min<std::int64_t>(inner.extent / 512 + 1, (4 * threads + tasks - 1) / tasks);
    std::int64_t block = inner.extent;
    if (blocks > 1) {
      block = ((inner.extent + blocks - 1) / blocks + 63) / 64 * 64;
      blocks = (inner.extent + block - 1) / block;
    }
    emit_pointwise(outer, inner, tasks, blocks, block);
    how_ = fmt::format("pointwise {} loops, inner {}{}", dims_.size(), inner.extent,
                       blocks > 1 ? fmt::format(" in {} blocks", blocks) : "");
  }

  void emit_pointwise(std::vector<LoopDim> outer, const LoopDim& inner, std::int64_t tasks,
                      std::int64_t blocks, std::int64_t block) {
    std::vector<Expr> by;
    if (tasks * blocks == 1) {
      kernel_.body.push_back(kir::make_for(inner.var, LoopKind::Vector, stores(by)));
      return;
    }
    Expr task = pool().var(tasks * blocks, "task");
    const Expr b = blocks == 1 ? pool().integer(0) : kir::floor_mod(task, blocks);
    if (!outer.empty()) split_index(blocks == 1 ? task : kir::floor_div(task, blocks), outer, &by);
    const auto nest = [&](std::int64_t extent) {
      const Expr v = extent == inner.extent ? inner.var : pool().var(extent, "v");
      std::vector<Expr> map = by;
      const auto id = static_cast<std::size_t>(inner.var->i);
      if (map.size() <= id) map.resize(id + 1);
      if (blocks > 1) map[id] = b * pool().integer(block) + v;
      return kir::make_for(v, LoopKind::Vector, stores(map));
    };
    const std::int64_t last = inner.extent - (blocks - 1) * block;
    if (last == block) {
      kernel_.body.push_back(parallel_for(task, {nest(block)}));
    } else {
      kir::If branch{kir::lt(b, pool().integer(blocks - 1)),
                     std::make_shared<Block>(Block{nest(block)}),
                     std::make_shared<Block>(Block{nest(last)})};
      kernel_.body.push_back(parallel_for(task, {std::move(branch)}));
    }
  }

  // ---- Reductions ----
  struct Acc {
    kir::RegId reg;
    kir::Combine combine;
    DType dtype;
    Expr init;
  };
  std::vector<Acc> make_accs(const std::vector<std::int64_t>& reg_dims) {
    std::vector<Acc> accs;
    for (NodeImpl* n : g_.reduces) {
      const DType dtype = compute_dtype(n->aval.dtype);
      const kir::Combine c = combine_of(n);
      accs.push_back(
          {kernel_.add_reg("acc", dtype, reg_dims), c, dtype, identity_of(c, dtype, pool())});
    }
    return accs;
  }
  static Block nest(const std::vector<LoopDim>& loops, Block body) {
    for (auto it = loops.rbegin(); it != loops.rend(); ++it) {
      Block outer;
      outer.push_back(kir::make_for(it->var, LoopKind::Serial, std::move(body)));
      body = std::move(outer);
    }
    return body;
  }
  std::vector<LoopDim> select_dims(bool reduced) const {
    std::vector<LoopDim> r;
    for (const LoopDim& d : dims_) {
      if (d.reduced == reduced) r.push_back(d);
    }
    return r;
  }
  static std::int64_t extent_of(const std::vector<LoopDim>& dims) {
    std::int64_t n = 1;
    for (const LoopDim& d : dims) n *= d.extent;
    return n;
  }
  // Chunks of the outermost reduced loop; 1 when there are tasks enough or too little work.
  std::int64_t chunks(std::int64_t tasks, const std::vector<LoopDim>& red) const {
    const std::int64_t work = g_.domain.numel();
    if (b_.target.threads == 1 || red.empty() || tasks >= 2 * b_.target.threads ||
        work < 4 * kMinTask)
      return 1;
    return std::min<std::int64_t>(red[0].extent, b_.target.threads);
  }
  // The outermost reduced loop, cut: chunk p runs over [p*size, min((p+1)*size, extent)).
  struct Cut {
    Expr chunk;
    LoopDim loop;
    std::int64_t size = 0;
    Expr inside;  // null when the chunks are equal
  };
  Cut cut_loop(const LoopDim& dim, std::int64_t n, Expr chunk, std::vector<Expr>* by) {
    Cut c{chunk, dim, (dim.extent + n - 1) / n, {}};
    c.loop.extent = c.size;
    c.loop.var = pool().var(c.size, "r");
    const Expr at = chunk * pool().integer(c.size) + c.loop.var;
    if (c.size * n != dim.extent) c.inside = kir::lt(at, pool().integer(dim.extent));
    const auto id = static_cast<std::size_t>(dim.var->i);
    if (by->size() <= id) by->resize(id + 1);
    (*by)[id] = at;
    return c;
  }
  // Combines partial[p][k] over p into the results, where k counts the kept elements in loop order.
  void combine_partials(const std::vector<int>& partials, const std::vector<Acc>& accs,
                        std::int64_t n, std::int64_t kept, const std::vector<LoopDim>& kept_dims) {
    Expr k = pool().var(kept, "k");
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
    if (kept == 1) {
      Expr once = pool().var(1, "once");
      kernel_.body.push_back(parallel_for(once, std::move(body)));
      return;
    }
    kernel_.body.push_back(kir::make_for(k, LoopKind::Vector, std::move(body)));
    // Few elements: one thread; the loop over tasks keeps the others out.
    Block single{std::move(kernel_.body.back())};
    kernel_.body.back() = parallel_for(pool().var(1, "once"), std::move(single));
  }
  static Expr combine(kir::Combine c, Expr a, Expr b) {
    switch (c) {
      case kir::Combine::Add:
        return a + b;
      case kir::Combine::Mul:
        return a * b;
      case kir::Combine::Max:
        return kir::max(a, b);
      case kir::Combine::Min:
        return kir::min(a, b);
      case kir::Combine::And:
        return kir::logical_and(a, b);
      case kir::Combine::Or:
        return kir::logical_or(a, b);
    }
    return a;
  }
  kir::Stmt store_result(std::size_t r, Expr value, const std::vector<Expr>& by) {
    const int buffer = b_.buffer(g_.reduces[r]);
    const kir::BufferId id = lower_.param(buffer);
    kernel_.buffers[static_cast<std::size_t>(id)].written = true;
    return kir::Store{id, kir::substitute(lower_.address(buffer, kept_index()), by), value, {}};
  }
  std::vector<int> add_partials(const std::vector<Acc>& accs, std::int64_t elements) {
    std::vector<int> partials;
    for (const Acc& a : accs) {
      const DType memory = a.dtype;
      partials.push_back(b_.add_scratch("partial", memory, elements));
      kernel_.buffers[static_cast<std::size_t>(lower_.param(partials.back()))].written = true;
    }
    return partials;
  }

  void build_row() {
    const std::vector<LoopDim> kept = select_dims(false);
    std::vector<LoopDim> red = select_dims(true);
    const std::int64_t tasks = extent_of(kept);
    if (red.empty()) red.push_back({pool().var(1, "r"), 1, true});
    if (red.size() == 1 && chunks(tasks, red) > 1) split_single(&red);
    const std::int64_t n = chunks(tasks, red);
    const std::vector<Acc> accs = make_accs({});
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
      body.push_back(
          kir::Accumulate{accs[r].reg, {}, accs[r].combine, reduce_value(r, by), {}, {}});
    }
    Block inner;
    inner.push_back(kir::make_for(red.back().var, LoopKind::Vector, std::move(body)));
    std::vector<LoopDim> serial(red.begin(), red.end() - 1);
    Block loops = wrap_cut(serial, std::move(inner), cut);
    Block row;
    for (const Acc& a : accs) row.push_back(kir::DeclReg{a.reg, a.init});
    for (kir::Stmt& s : loops) row.push_back(std::move(s));
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
    kernel_.body.push_back(tasks_loop(task, std::move(row)));
    if (n > 1) combine_partials(partials, accs, n, tasks, kept);
    how_ = fmt::format("row reduction, {} rows of {}{}", tasks, extent_of(select_dims(true)),
                       n > 1 ? fmt::format(" in {} chunks", n) : "");
  }
  // A single reduced loop becomes two, so that the outer one can be cut and the inner one
  // vectorised.
  void split_single(std::vector<LoopDim>* red) {
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
  Block wrap_cut(std::vector<LoopDim> serial, Block inner, const Cut& cut) {
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
    Block guarded;
    guarded.push_back(
        kir::If{cut.inside, std::make_shared<Block>(nest(rest, std::move(inner))), nullptr});
    return nest({serial[0]}, std::move(guarded));
  }
  // A masked statement must not read outside either: its loads take the mask.
  void guard_loads(Block* body, Expr inside) {
    for (kir::Stmt& s : *body) {
      if (s.kind == kir::Stmt::Kind::Accumulate) s.acc.value = guarded(s.acc.value, inside);
      if (s.kind == kir::Stmt::Kind::Store) s.store.value = guarded(s.store.value, inside);
    }
  }
  Expr guarded(Expr x, Expr inside) {
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
  DType memory_dtype(Expr load) const {
    return kernel_.buffers[static_cast<std::size_t>(load->i)].dtype;
  }

  void build_column() {
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
    const std::vector<Acc> full = make_accs({tile});
    std::vector<int> partials;
    if (n > 1) partials = add_partials(full, total * n);
    const auto emit = [&](std::int64_t width, const std::vector<Acc>& accs) {
      return column_nest(width, accs, by, inner, t * pool().integer(tile), red, cut, partials, task,
                         n, total);
    };
    const std::int64_t last = inner.extent - (tiles - 1) * tile;
    if (last == tile) {
      kernel_.body.push_back(tasks_loop(task, emit(tile, full)));
    } else {
      const std::vector<Acc> partial_accs = make_accs({last});
      kir::If branch{kir::lt(t, pool().integer(tiles - 1)),
                     std::make_shared<Block>(emit(tile, full)),
                     std::make_shared<Block>(emit(last, partial_accs))};
      Block body;
      body.push_back(std::move(branch));
      kernel_.body.push_back(tasks_loop(task, std::move(body)));
    }
    if (n > 1) combine_partials(partials, full, n, total, kept);
    how_ = fmt::format("column reduction, {} columns in tiles of {}, {} rows{}", total, tile,
                       extent_of(select_dims(true)), n > 1 ? fmt::format(" in {} chunks", n) : "");
  }
  std::int64_t column_tile(std::int64_t extent) const {
    const std::int64_t widest =
        kColumnTile / std::max<std::int64_t>(1, static_cast<std::int64_t>(g_.reduces.size()) / 2);
    return std::min(extent, std::max<std::int64_t>(16, widest));
  }
  Block column_nest(std::int64_t width, const std::vector<Acc>& accs, std::vector<Expr> by,
                    const LoopDim& inner, Expr base, std::vector<LoopDim> red, const Cut& cut,
                    const std::vector<int>& partials, Expr task, std::int64_t n,
                    std::int64_t total) {
    const Expr c = pool().var(width, "c");
    const auto id = static_cast<std::size_t>(inner.var->i);
    if (by.size() <= id) by.resize(id + 1);
    by[id] = base + c;
    Block body = stores(by);
    for (std::size_t r = 0; r < accs.size(); ++r) {
      body.push_back(
          kir::Accumulate{accs[r].reg, {c}, accs[r].combine, reduce_value(r, by), {}, {}});
    }
    Block vector;
    vector.push_back(kir::make_for(c, LoopKind::Vector, std::move(body)));
    Block out;
    for (const Acc& a : accs) out.push_back(kir::DeclReg{a.reg, a.init});
    for (kir::Stmt& s : wrap_cut(red, std::move(vector), cut)) out.push_back(std::move(s));
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
                        row * pool().integer(inner.extent) + by[id];
        results.push_back(kir::Store{lower_.param(partials[r]), at, acc, {}});
      }
    }
    out.push_back(kir::make_for(c, LoopKind::Vector, std::move(results)));
    return out;
  }

  // argmax and argmin: the first best element; NaN counts as best.
  void build_arg() {
    NodeImpl* n = g_.reduces[0];
    const std::vector<LoopDim> kept = select_dims(false), red = select_dims(true);
    const DType dtype = compute_dtype(n->inputs[0]->aval.dtype);
    const kir::RegId best = kernel_.add_reg("best", dtype),
                     where = kernel_.add_reg("where", DType::I64);
    const Expr axis = index_[static_cast<std::size_t>(n->attrs.ints("axes")[0])];
    const Expr value = reduce_value(0, {});
    const Expr held = pool().read(best, dtype), at = pool().read(where, DType::I64);
    Expr better = n->op->name == "argmax" ? kir::gt(value, held) : kir::lt(value, held);
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
    for (kir::Stmt& s : nest(red, std::move(body))) row.push_back(std::move(s));
    std::vector<Expr> by;
    Block out = std::move(row);
    if (kept.empty()) {
      out.push_back(store_result(0, at, by));
      kernel_.body.push_back(parallel_for(pool().var(1, "once"), std::move(out)));
    } else {
      out.push_back(store_result(0, at, by));
      Block vector;
      vector.push_back(kir::make_for(kept.back().var, LoopKind::Vector, std::move(out)));
      const std::vector<LoopDim> outer(kept.begin(), kept.end() - 1);
      kernel_.body = wrap_parallel(outer, std::move(vector));
    }
    how_ = "index of the best";
  }
  Block wrap_parallel(const std::vector<LoopDim>& outer, Block body) {
    Block result;
    if (outer.empty()) {
      result.push_back(parallel_for(pool().var(1, "once"), std::move(body)));
      return result;
    }
    body = nest(std::vector<LoopDim>(outer.begin() + 1, outer.end()), std::move(body));
    result.push_back(tasks_loop(outer[0].var, std::move(body)));
    return result;
  }

  Builder& b_;
  const Group& g_;
  kir::Kernel kernel_;
  Lowerer lower_;
  Index index_;               // of the domain, in terms of the loop variables
  std::vector<Expr> values_;  // stores, then what the reductions combine
  std::vector<int> order_;
  std::vector<LoopDim> dims_;  // outermost first
  std::vector<Expr> merged_;
  std::string how_;
};

}  // namespace

void build_map(Builder& b, const Group& g) { MapBuilder(b, g).build(); }

}  // namespace lilith::schedule
