#include "schedule/sparse.h"

#include <algorithm>

#include "lilith/error.h"
#include "schedule/epilogue.h"
#include "schedule/loops.h"

// Products with an unpool: only its elements that are not zero, from a list.
//
//   gather    parallel chunks of the summed lists { for result lists {
//               acc[rows][run] = partial…; for elements { acc += value * dense[place + …] };
//               partial… = acc
//             } }  barrier  sum of the partials, epilogue
//   scatter   parallel lists of the result { tile = 0; for summed lists {
//               for elements { tile[place + …] += value * weights[rows][run] } }  epilogue of the
//               tile }
namespace lilith::schedule {

using ir::NodeImpl;
using kir::Block;
using kir::Expr;
using kir::LoopKind;

namespace {

class SparseBuilder {
 public:
  SparseBuilder(Builder& b, const Group& g)
      : b_(b),
        g_(g),
        s_(*g.sparse),
        dense_(make_operand(b, g.core->inputs[static_cast<std::size_t>(1 - s_.side)])),
        lower_(kernel_, b.plan, [&b](NodeImpl* n) { return b.buffer(n); }),
        dtype_(compute_dtype(g.core->aval.dtype)) {
    kernel_.name = g.core->op->name;
    const std::vector<std::int64_t> none(
        static_cast<std::size_t>(
            g.core->inputs[static_cast<std::size_t>(s_.side)]->aval.shape.rank()),
        0);
    s_.axes = s_.side == 0 ? contraction_axes(g.core, none, dense_.stride)
                           : contraction_axes(g.core, dense_.stride, none);
    for (Axis& x : s_.axes) {
      if (s_.side == 0) std::swap(x.a, x.b);
      at_.push_back(number(0));
    }
    for (std::size_t k = 0; k < s_.list_axes.size(); ++k)
      (axis(s_.list_axes[k]).summed() ? summed_lists_ : result_lists_).push_back(s_.list_axes[k]);
  }

  void build() {
    if (s_.scatter)
      build_scatter();
    else
      build_gather();
    b_.launch(std::move(kernel_), lower_, g_, how_, 2 * work_);
  }

 private:
  kir::Pool& pool() { return *kernel_.pool; }
  Expr number(std::int64_t v) { return pool().integer(v); }
  const Axis& axis(int i) const { return s_.axes[static_cast<std::size_t>(i)]; }
  std::int64_t extent(int i) const { return axis(i).extent; }
  std::int64_t product(const std::vector<int>& list) const {
    std::int64_t n = 1;
    for (const int i : list) n *= extent(i);
    return n;
  }
  Expr& at(int i) { return at_[static_cast<std::size_t>(i)]; }
  Expr make_var(int i) {
    at(i) = extent(i) == 1 ? number(0) : pool().var(extent(i), axis(i).name);
    return at(i);
  }
  Expr flat(const std::vector<int>& list) {
    Expr sum = number(0);
    for (const int i : list) sum = sum * number(extent(i)) + at(i);
    return sum;
  }
  Index out_index() {
    Index index(static_cast<std::size_t>(g_.domain.rank()), number(0));
    for (std::size_t i = 0; i < s_.axes.size(); ++i) {
      if (s_.axes[i].summed()) continue;
      Expr& e = index[static_cast<std::size_t>(s_.axes[i].out_dim)];
      e = e + at_[i] * number(s_.axes[i].out_step);
    }
    return index;
  }
  kir::BufferId written(int buffer) {
    const kir::BufferId id = lower_.param(buffer);
    kernel_.buffers[static_cast<std::size_t>(id)].written = true;
    return id;
  }
  Expr load(int buffer, Expr place) {
    const DType memory = b_.plan.buffers[static_cast<std::size_t>(buffer)].dtype;
    const Expr raw = pool().load(lower_.param(buffer), memory, place);
    return is_floating(memory) && raw.dtype() != dtype_ ? pool().cast(raw, dtype_) : raw;
  }
  static void append(Block* to, Block from) {
    for (kir::Stmt& s : from) to->push_back(std::move(s));
  }
  static Block loop(Expr var, Block body, LoopKind kind = LoopKind::Serial) {
    Block outer;
    if (var->op != kir::Op::Var) return body;
    outer.push_back(kir::make_for(var, kind, std::move(body)));
    return outer;
  }
  Block loops(const std::vector<int>& list, Block body) {
    for (auto it = list.rbegin(); it != list.rend(); ++it) body = loop(at(*it), std::move(body));
    return body;
  }
  /// The last of the loops in lanes.
  Block vector_loops(std::vector<Expr> vars, Block body) {
    std::erase_if(vars, [](const Expr& v) { return v->op != kir::Op::Var; });
    if (vars.empty()) return body;
    for (std::size_t k = vars.size(); k-- > 0;)
      body = loop(vars[k], std::move(body),
                  k + 1 == vars.size() ? LoopKind::Vector : LoopKind::Serial);
    return body;
  }

  // ---- The elements of one list ----
  // for (j = first; j < end; ++j) body(place, value)
  Block each_element(const std::function<Block(Expr place, Expr value)>& body) {
    const Expr list = flat(s_.list_axes), first = list * number(list_.capacity);
    const kir::RegId j = kernel_.add_reg("j", DType::I64), end = kernel_.add_reg("end", DType::I64),
                     where = kernel_.add_reg("place", DType::I64),
                     value = kernel_.add_reg("value", dtype_);
    const Expr now = pool().read(j, DType::I64);
    Block inside;
    inside.push_back(kir::DeclReg{where, pool().cast(load(list_.places, now), DType::I64)});
    inside.push_back(kir::DeclReg{value, load(list_.values, now)});
    append(&inside, body(pool().read(where, DType::I64), pool().read(value, dtype_)));
    inside.push_back(kir::SetReg{j, {}, now + number(1)});
    Block block;
    block.push_back(kir::DeclReg{j, first});
    block.push_back(kir::DeclReg{end, first + pool().cast(load(list_.counts, list), DType::I64)});
    block.push_back(kir::While{kir::lt(now, pool().read(end, DType::I64)),
                               std::make_shared<Block>(std::move(inside))});
    return block;
  }

  // ---- Rows and the run of contiguous elements at their end ----
  // A tile of rows in registers.
  struct Tile {
    std::vector<Expr> vars;  // of the tile's rows
    Expr row, column;        // its row and column, in registers
    Expr element;            // of the run
    std::int64_t rows = 1, columns = 1;
  };
  static Block over_tile(const Tile& t, Block body) {
    body = loop(t.column, std::move(body), LoopKind::Vector);
    for (auto it = t.vars.rbegin(); it != t.vars.rend(); ++it)
      body = loop(*it, std::move(body), LoopKind::Unroll);
    return body;
  }

  // Walks the run in pieces that fit the registers; all rows of one piece before the next.
  Block tiles(const std::function<Block(const Tile&)>& emit) {
    const std::int64_t lanes = b_.target.lanes(dtype_), most = b_.target.vector_registers - 8,
                       vectors = (run_ + lanes - 1) / lanes, pieces = (vectors + most - 1) / most;
    if (pieces == 1) return row_tiles(row_axes_, number(0), run_, emit);
    const std::int64_t width = (vectors + pieces - 1) / pieces * lanes, full = run_ / width;
    const Expr v = full == 1 ? number(0) : pool().var(full, "piece");
    Block body = loop(v, row_tiles(row_axes_, v * number(width), width, emit));
    if (run_ % width > 0)
      append(&body, row_tiles(row_axes_, number(full * width), run_ % width, emit));
    return body;
  }

  // Walks the rows (the product of `axes`) in tiles that fit the registers; `emit` gets each tile
  // with the axes' values set.
  Block row_tiles(const std::vector<int>& axes, Expr first, std::int64_t columns,
                  const std::function<Block(const Tile&)>& emit) {
    const std::int64_t lanes = b_.target.lanes(dtype_);
    const std::int64_t room = std::max<std::int64_t>(
        1, (b_.target.vector_registers - 5) / ((columns + lanes - 1) / lanes));
    std::vector<int> whole, outer = axes;
    std::int64_t rows = 1;
    while (!outer.empty() && rows * extent(outer.back()) <= room) {
      rows *= extent(outer.back());
      whole.insert(whole.begin(), outer.back());
      outer.pop_back();
    }
    int cut = -1;
    std::int64_t step = 1;
    if (!outer.empty() && room / rows > 1) {
      cut = outer.back();
      outer.pop_back();
      const std::int64_t tiles = (extent(cut) + room / rows - 1) / (room / rows);
      step = (extent(cut) + tiles - 1) / tiles;  // tiles of about one size
    }
    for (const int i : outer) make_var(i);
    const auto tile = [&](Expr base, std::int64_t n) {
      Tile t;
      t.row = number(0);
      if (cut >= 0) {
        const Expr r = n == 1 ? number(0) : pool().var(n, "r");
        at(cut) = base + r;
        t.vars.push_back(r);
        t.row = r;
      }
      t.rows = n * rows;
      for (const int i : whole) {
        const Expr r = make_var(i);
        t.vars.push_back(r);
        t.row = t.row * number(extent(i)) + r;
      }
      t.columns = columns;
      t.column = pool().var(columns, "c");
      t.element = first + t.column;
      return emit(t);
    };
    Block body;
    const std::int64_t full = cut < 0 ? 1 : extent(cut) / step,
                       rest = cut < 0 ? 0 : extent(cut) % step;
    const Expr v = full == 1 ? number(0) : pool().var(full, "tile");
    body = loop(v, tile(v * number(step), step));
    if (rest > 0) append(&body, tile(number(full * step), rest));
    return loops(outer, std::move(body));
  }

  // ---- Gather ----
  // Splits the free axes into rows and a run that the dense operand holds contiguously.
  void choose_run() {
    std::vector<int> axes = s_.free;
    std::stable_sort(axes.begin(), axes.end(),
                     [&](int x, int y) { return std::abs(axis(x).a) > std::abs(axis(y).a); });
    while (!axes.empty() && (axis(axes.back()).a == run_ || extent(axes.back()) == 1)) {
      run_axes_.insert(run_axes_.begin(), axes.back());
      run_ *= extent(axes.back());
      axes.pop_back();
    }
    row_axes_ = axes;
  }
  Expr dense_place() {
    Expr sum = number(dense_.offset);
    for (const std::vector<int>* list : {&s_.list_axes, &row_axes_}) {
      for (const int i : *list) sum = sum + at(i) * number(axis(i).a);
    }
    return sum;
  }

  void build_gather() {
    choose_run();
    std::vector<std::int64_t> strides;
    for (const int i : s_.position_axes) strides.push_back(axis(i).a);
    list_ = sparse_list(b_, s_, strides);
    const std::int64_t summed = product(summed_lists_), results = product(result_lists_);
    chunks_ = std::min<std::int64_t>(b_.target.threads, summed);
    copy_ = results * product(row_axes_) * run_;
    partial_ = b_.add_scratch("partial", dtype_, copy_ * chunks_);
    work_ = static_cast<double>(summed * results * list_.capacity * product(s_.free));
    for (const int i : result_lists_) make_var(i);

    // One chunk: the result's lists are the tasks. Several: each thread sums its part of the lists.
    const std::int64_t each = (summed + chunks_ - 1) / chunks_;
    const Expr chunk = chunks_ == 1 ? number(0) : pool().var(chunks_, "chunk");
    const Expr step = each == 1 ? number(0) : pool().var(each, "list");
    const Expr list = chunk * number(each) + step;
    std::vector<LoopDim> dims;
    for (const int i : summed_lists_) {
      make_var(i);
      if (extent(i) > 1) dims.push_back({at(i), extent(i)});
    }
    std::vector<Expr> by;
    if (!dims.empty()) split_index(list, dims, &by);
    for (const int i : summed_lists_) at(i) = kir::substitute(at(i), by);
    Block body = loops(result_lists_, gather_tiles(chunk));
    if (each * chunks_ != summed) {
      Block guarded;
      guarded.push_back(kir::If{kir::lt(list, number(summed)),
                                std::make_shared<Block>(std::move(body)), nullptr});
      body = std::move(guarded);
    }
    Block task = clear(written(partial_), chunk * number(copy_), copy_);
    append(&task, loop(step, std::move(body)));
    kernel_.body.push_back(
        parallel_for(chunks_ == 1 ? pool().var(1, "chunk") : chunk, std::move(task)));
    kernel_.body.push_back(kir::Barrier{});
    combine();
    how_ = fmt::format("sparse: {} rows of {} for each element listed, sums in {} chunks",
                       product(row_axes_), run_, chunks_);
  }

  Expr partial_row() {
    return (flat(result_lists_) * number(product(row_axes_)) + flat(row_axes_)) * number(run_);
  }

  Block gather_tiles(Expr chunk) {
    return tiles([&](const Tile& t) {
      const kir::RegId acc = kernel_.add_reg("acc", dtype_, {t.rows, t.columns});
      const Expr place = chunk * number(copy_) + partial_row() + t.element;
      Block init, finish, block;
      init.push_back(kir::SetReg{acc, {t.row, t.column}, load(partial_, place)});
      finish.push_back(
          kir::Store{written(partial_), place, pool().read(acc, dtype_, {t.row, t.column}), {}});
      block.push_back(kir::DeclReg{acc, pool().constant(dtype_, 0)});
      append(&block, over_tile(t, std::move(init)));
      append(&block, each_element([&](Expr where, Expr value) {
        Block add;
        const Expr x = load(dense_.buffer, dense_place() + where + t.element);
        add.push_back(kir::Accumulate{acc, {t.row, t.column}, kir::Combine::Add, x, value, {}});
        return over_tile(t, std::move(add));
      }));
      append(&block, over_tile(t, std::move(finish)));
      return block;
    });
  }

  Block clear(kir::BufferId buffer, Expr base, std::int64_t n) {
    const Expr i = pool().var(n, "i");
    Block body;
    body.push_back(kir::Store{buffer, base + i, pool().constant(dtype_, 0), {}});
    return loop(i, std::move(body), LoopKind::Vector);
  }

  void combine() {
    std::vector<Expr> vars;
    std::vector<int> order;
    for (const std::vector<int>* list : {&result_lists_, &row_axes_, &run_axes_}) {
      for (const int i : *list) {
        vars.push_back(make_var(i));
        if (extent(i) > 1) order.push_back(axis(i).out_dim);
      }
    }
    allocate(order);
    const Expr place = partial_row() + flat(run_axes_);
    Expr sum = load(partial_, place);
    for (std::int64_t p = 1; p < chunks_; ++p)
      sum = sum + load(partial_, place + number(p * copy_));
    std::erase_if(vars, [](const Expr& v) { return v->op != kir::Op::Var; });
    Block body = store_results(b_, g_, &kernel_, &lower_, out_index(), sum);
    const bool share = vars.size() > 1 && copy_ >= 4096;
    const Expr task = share ? vars.front() : pool().var(1, "once");
    if (share) vars.erase(vars.begin());
    kernel_.body.push_back(parallel_for(task, vector_loops(std::move(vars), std::move(body))));
  }
  // What the group stores lies in memory in this order of dimensions.
  void allocate(std::vector<int> order) {
    for (int d = g_.domain.rank(); d-- > 0;) {
      if (std::find(order.begin(), order.end(), d) == order.end()) order.insert(order.begin(), d);
    }
    for (NodeImpl* n : g_.stores) b_.add_value(n, Layout{order});
  }

  // ---- Scatter ----
  struct Reach {
    std::int64_t low = 0, extent = 1, stride = 1;
  };
  // The tile covers every place that an element reaches and all of the result.
  void choose_tile() {
    std::int64_t stride = product(s_.free);
    reach_.resize(s_.position_dims.size());
    for (std::size_t p = s_.position_dims.size(); p-- > 0;) {
      const auto d = static_cast<std::size_t>(s_.position_dims[p]);
      const std::int64_t size = s_.unpool->aval.shape[s_.position_dims[p]];
      std::int64_t low = s_.lo[d], high = s_.lo[d] + (size - 1) * s_.step[d];
      for (const SparseSpec::Tap& t : s_.taps) {
        if (t.position == static_cast<int>(p)) low -= t.step * (extent(t.axis) - 1);
      }
      low = std::min<std::int64_t>(low, 0);
      high = std::max(high, extent(s_.position_axes[p]) - 1);
      reach_[p] = {low, high - low + 1, stride};
      stride *= high - low + 1;
    }
    tile_size_ = stride;
  }
  std::int64_t tap_stride(const SparseSpec::Tap& t) const {
    return t.step * reach_[static_cast<std::size_t>(t.position)].stride;
  }

  void build_scatter() {
    choose_tile();
    std::vector<std::int64_t> strides;
    std::int64_t origin = 0;
    for (std::size_t p = 0; p < reach_.size(); ++p) {
      const auto d = static_cast<std::size_t>(s_.position_dims[p]);
      strides.push_back(s_.step[d] * reach_[p].stride);
      origin += (s_.lo[d] - reach_[p].low) * reach_[p].stride;
    }
    // Taps that lie next to each other in the tile join the run, last tap first.
    run_ = product(s_.free);
    std::vector<SparseSpec::Tap> taps = s_.taps;
    std::stable_sort(taps.begin(), taps.end(),
                     [&](const auto& x, const auto& y) { return tap_stride(x) > tap_stride(y); });
    while (!taps.empty() && (tap_stride(taps.back()) == run_ || extent(taps.back().axis) == 1)) {
      run_axes_.insert(run_axes_.begin(), taps.back().axis);
      origin -= (extent(taps.back().axis) - 1) * tap_stride(taps.back());
      run_ *= extent(taps.back().axis);
      taps.pop_back();
    }
    for (const SparseSpec::Tap& t : taps) row_axes_.push_back(t.axis);
    list_ = sparse_list(b_, s_, strides);
    pack_weights();
    const std::int64_t summed = product(summed_lists_), results = product(result_lists_);
    work_ = static_cast<double>(summed * results * list_.capacity * product(row_axes_) * run_);

    tile_ = kernel_.add_buffer("tile", dtype_, tile_size_, kir::Space::Thread);
    kernel_.buffers[static_cast<std::size_t>(tile_)].written = true;
    for (const int i : s_.list_axes) make_var(i);
    Block task = clear(tile_, number(0), tile_size_);
    append(&task, loops(summed_lists_, scatter_tiles(taps, origin)));
    append(&task, finish_tile());
    std::vector<LoopDim> dims;
    for (const int i : result_lists_) {
      if (extent(i) > 1) dims.push_back({at(i), extent(i)});
    }
    share(dims, std::move(task));
    how_ = fmt::format("sparse: {} rows of {} added for each element listed, in a tile of {} KiB",
                       product(row_axes_), run_,
                       tile_size_ * static_cast<std::int64_t>(size_of(dtype_)) / 1024);
  }

  void share(std::vector<LoopDim> dims, Block body) {
    if (dims.empty()) {
      kernel_.body.push_back(parallel_for(pool().var(1, "once"), std::move(body)));
      return;
    }
    const LoopDim first = dims.front();
    for (std::size_t k = dims.size(); k-- > 1;) body = loop(dims[k].var, std::move(body));
    kernel_.body.push_back(parallel_for(first.var, std::move(body)));
  }

  Block scatter_tiles(const std::vector<SparseSpec::Tap>& taps, std::int64_t origin) {
    return tiles([&](const Tile& t) {
      const Expr packed =
          (flat(summed_lists_) * number(product(row_axes_)) + flat(row_axes_)) * number(run_);
      const kir::RegId w = kernel_.add_reg("w", dtype_, {t.rows, t.columns});
      Block init, block;
      init.push_back(kir::SetReg{w, {t.row, t.column}, load(weights_, packed + t.element)});
      block.push_back(kir::DeclReg{w, pool().constant(dtype_, 0)});
      append(&block, over_tile(t, std::move(init)));
      append(&block, each_element([&](Expr where, Expr value) {
        Expr place = where + number(origin) + t.element;
        for (const SparseSpec::Tap& x : taps) place = place - at(x.axis) * number(tap_stride(x));
        const Expr old = pool().load(tile_, dtype_, place);
        Block add;
        add.push_back(kir::Store{
            tile_, place, pool().fma(value, pool().read(w, dtype_, {t.row, t.column}), old), {}});
        return over_tile(t, std::move(add));
      }));
      return block;
    });
  }

  // weights[summed lists][rows][run], the run's taps in falling order.
  void pack_weights() {
    kir::Kernel kernel;
    kernel.name = "pack";
    Lowerer lower(kernel, b_.plan, [](NodeImpl*) { return -1; });
    kir::Pool& p = *kernel.pool;
    weights_ =
        b_.add_scratch("weights", dtype_, product(summed_lists_) * product(row_axes_) * run_);
    const kir::BufferId from = lower.param(dense_.buffer), to = lower.param(weights_);
    kernel.buffers[static_cast<std::size_t>(to)].written = true;
    std::vector<Expr> vars;
    Expr source = p.integer(dense_.offset), target = p.integer(0);
    const auto walk = [&](const std::vector<int>& list, bool falling) {
      for (const int i : list) {
        const Expr v = extent(i) == 1 ? p.integer(0) : p.var(extent(i), axis(i).name);
        target = target * p.integer(extent(i)) + v;
        source = source + (falling ? p.integer(extent(i) - 1) - v : v) * p.integer(axis(i).a);
        if (extent(i) > 1) vars.push_back(v);
      }
    };
    walk(summed_lists_, false);
    walk(row_axes_, false);
    walk(run_axes_, true);
    walk(s_.free, false);
    const DType memory = b_.plan.buffers[static_cast<std::size_t>(dense_.buffer)].dtype;
    const Expr raw = p.load(from, memory, source);
    Block body;
    body.push_back(kir::Store{to, target, raw.dtype() == dtype_ ? raw : p.cast(raw, dtype_), {}});
    const bool share =
        vars.size() > 1 && product(summed_lists_) * product(row_axes_) * run_ >= 4096;
    const Expr task = share ? vars.front() : p.var(1, "once");
    if (share) vars.erase(vars.begin());
    kernel.body.push_back(parallel_for(task, vector_loops(std::move(vars), std::move(body))));
    Group copy;
    copy.domain = g_.core->aval.shape;
    b_.launch(std::move(kernel), lower, copy,
              fmt::format("pack the weights of {} into runs of {}", g_.core->op->name, run_), 0);
  }

  Block finish_tile() {
    std::vector<Expr> vars;
    std::vector<int> order;
    Expr place = number(0);
    for (const int i : result_lists_) order.push_back(axis(i).out_dim);
    for (std::size_t p = 0; p < reach_.size(); ++p) {
      const int i = s_.position_axes[p];
      vars.push_back(make_var(i));
      place = place + (at(i) - number(reach_[p].low)) * number(reach_[p].stride);
      order.push_back(axis(i).out_dim);
    }
    for (const int i : s_.free) {
      vars.push_back(make_var(i));
      order.push_back(axis(i).out_dim);
    }
    allocate(order);
    place = place + flat(s_.free);
    return vector_loops(std::move(vars), store_results(b_, g_, &kernel_, &lower_, out_index(),
                                                       pool().load(tile_, dtype_, place)));
  }

  Builder& b_;
  const Group& g_;
  SparseSpec s_;
  Operand dense_;
  kir::Kernel kernel_;
  Lowerer lower_;
  DType dtype_;
  std::vector<Expr> at_;  // the value of every axis
  std::vector<int> summed_lists_, result_lists_, row_axes_, run_axes_;
  std::int64_t run_ = 1;  // elements
  SparseList list_;
  int partial_ = -1, weights_ = -1;
  std::int64_t chunks_ = 1, copy_ = 0, tile_size_ = 0;
  std::vector<Reach> reach_;
  kir::BufferId tile_ = -1;
  double work_ = 0;
  std::string how_;
};

}  // namespace

void build_sparse(Builder& b, const Group& g) { SparseBuilder(b, g).build(); }

}  // namespace lilith::schedule
