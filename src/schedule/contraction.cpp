#include "schedule/contraction.h"

#include <algorithm>
#include <numeric>

#include "lilith/error.h"
#include "schedule/loops.h"

// Matmul and all convolution passes as one nest:
//
//   parallel tiles of the result {
//     decl acc[rows][vector_tile]
//     for summed… { unroll r { vector c { acc[r][c] += a[r,k] * b[k,c] } } }
//     unroll r { vector c { epilogue of acc[r][c]; store… } }
//   }
//
// A long sum over a small result (weight gradients) turns the outer part of the sum outwards: each
// thread adds its chunk into a copy of the result that stays in its cache; after a barrier the
// copies are added and the epilogue runs on the sum.
namespace lilith::schedule {

using ir::NodeImpl;
using kir::Block;
using kir::Expr;
using kir::LoopKind;

namespace {

constexpr double kSmallMacs = 2e4;

class ContractionBuilder {
 public:
  ContractionBuilder(Builder& b, const Group& g)
      : b_(b),
        g_(g),
        lower_(kernel_, b.plan, [&b](NodeImpl* n) { return b.buffer(n); }),
        dtype_(compute_dtype(g.core->aval.dtype)) {
    kernel_.name = g.core->op->name;
  }

  void build() {
    spec_ = make_spec(b_, g_.core);
    s_ = choose_schedule(spec_, b_.target, dtype_, g_.domain);
    for (const Axis& x : spec_.axes) macs_ *= static_cast<double>(x.extent);
    if (s_.swap) swap_operands();
    allocate();
    if (s_.vector_axis < 0) {
      emit_generic();
    } else {
      if (s_.pack_b) pack_b();
      if (s_.split_axes.empty())
        emit_tiles();
      else
        emit_split();
    }
    b_.launch(std::move(kernel_), lower_, g_, how(), 2 * macs_);
  }

 private:
  kir::Pool& pool() { return *kernel_.pool; }
  Expr number(std::int64_t v) { return pool().integer(v); }
  const Axis& axis(int i) const { return spec_.axes[static_cast<std::size_t>(i)]; }
  int axes() const { return static_cast<int>(spec_.axes.size()); }

  void swap_operands() {
    for (Axis& x : spec_.axes) std::swap(x.a, x.b);
    std::swap(spec_.a_buffer, spec_.b_buffer);
    std::swap(spec_.a_offset, spec_.b_offset);
  }

  // The lanes' dimension is innermost in memory.
  void allocate() {
    layout_ = Layout::row_major(g_.domain.rank());
    if (s_.vector_axis >= 0) {
      const int d = axis(s_.vector_axis).out_dim;
      std::erase(layout_.order, d);
      layout_.order.push_back(d);
    }
    for (NodeImpl* n : g_.stores) b_.add_value(n, layout_);
  }

  // ---- Addresses: `at` holds the value of every axis ----
  Expr place(std::int64_t offset, const std::vector<Expr>& at, bool of_b) {
    Expr sum = number(offset);
    for (int i = 0; i < axes(); ++i) {
      const std::int64_t step = of_b ? axis(i).b : axis(i).a;
      if (step != 0) sum = sum + at[static_cast<std::size_t>(i)] * number(step);
    }
    return sum;
  }
  Expr load_operand(int buffer, Expr address) {
    const BufferPlan& plan = b_.plan.buffers[static_cast<std::size_t>(buffer)];
    const Expr raw = pool().load(lower_.param(buffer), plan.dtype, address);
    return raw.dtype() == dtype_ ? raw : pool().cast(raw, dtype_);
  }
  Expr load_a(const std::vector<Expr>& at) {
    return load_operand(spec_.a_buffer, place(spec_.a_offset, at, false));
  }
  Expr load_b(const std::vector<Expr>& at, Expr tile, Expr column) {
    if (!s_.pack_b) return load_operand(spec_.b_buffer, place(spec_.b_offset, at, true));
    return load_operand(packed_, packed_place(at, tile, column));
  }
  Index out_index(const std::vector<Expr>& at) {
    Index index(static_cast<std::size_t>(g_.domain.rank()), number(0));
    for (int i = 0; i < axes(); ++i) {
      const Axis& x = axis(i);
      if (x.summed()) continue;
      Expr& e = index[static_cast<std::size_t>(x.out_dim)];
      e = e + at[static_cast<std::size_t>(i)] * number(x.out_step);
    }
    return index;
  }

  // ---- Panels of b: [other axes of b][vector tile][k][lane] ----
  std::vector<int> panel_axes() const {
    std::vector<int> r;
    for (int i = 0; i < axes(); ++i) {
      if (i != s_.vector_axis && !axis(i).summed() && axis(i).b != 0) r.push_back(i);
    }
    return r;
  }
  std::vector<int> summed_axes() const {
    std::vector<int> r;
    for (int i = 0; i < axes(); ++i) {
      if (axis(i).summed()) r.push_back(i);
    }
    return r;
  }
  std::int64_t product(const std::vector<int>& list) const {
    std::int64_t n = 1;
    for (const int i : list) n *= axis(i).extent;
    return n;
  }
  Expr flat(const std::vector<int>& list, const std::vector<Expr>& at) {
    Expr sum = number(0);
    for (const int i : list) sum = sum * number(axis(i).extent) + at[static_cast<std::size_t>(i)];
    return sum;
  }
  std::int64_t vector_tiles() const {
    return (axis(s_.vector_axis).extent + s_.vector_tile - 1) / s_.vector_tile;
  }
  Expr packed_place(const std::vector<Expr>& at, Expr tile, Expr column) {
    const Expr panel = flat(panel_axes(), at) * number(vector_tiles()) + tile;
    return (panel * number(product(summed_axes())) + flat(summed_axes(), at)) *
               number(s_.vector_tile) +
           column;
  }

  // Copies b into panels, in a launch of its own: 16 x 16 blocks, so that each line read is used
  // up.
  void pack_b() {
    const BufferPlan source = b_.plan.buffers[static_cast<std::size_t>(spec_.b_buffer)];
    const Axis& vec = axis(s_.vector_axis);
    packed_ = b_.add_scratch(
        "panels", source.dtype,
        product(panel_axes()) * vector_tiles() * product(summed_axes()) * s_.vector_tile);
    kir::Kernel kernel;
    kernel.name = "pack";
    Lowerer lower(kernel, b_.plan, [](NodeImpl*) { return -1; });
    const kir::BufferId from = lower.param(spec_.b_buffer), to = lower.param(packed_);
    kernel.buffers[static_cast<std::size_t>(to)].written = true;
    kir::Pool& p = *kernel.pool;
    const auto n = [&](std::int64_t v) { return p.integer(v); };
    std::vector<Expr> at(spec_.axes.size(), n(0));
    std::vector<LoopDim> loops;
    for (const int i : panel_axes())
      loops.push_back({p.var(axis(i).extent, axis(i).name), axis(i).extent});
    std::vector<int> summed = summed_axes();
    for (const int i : summed)
      loops.push_back({p.var(axis(i).extent, axis(i).name), axis(i).extent});
    std::vector<int> order = panel_axes();
    order.insert(order.end(), summed.begin(), summed.end());
    // The innermost summed axis in blocks.
    std::int64_t block = 1;
    for (std::int64_t d = 2; !summed.empty() && d <= 32; ++d) {
      if (axis(summed.back()).extent % d == 0) block = d;
    }
    Expr inner = block > 1 ? p.var(block, "kk") : n(0);
    if (!summed.empty() && block > 1) {
      loops.back() = {p.var(axis(summed.back()).extent / block, "kb"),
                      axis(summed.back()).extent / block};
    }
    for (std::size_t k = 0; k < order.size(); ++k)
      at[static_cast<std::size_t>(order[k])] = loops[k].var;
    if (block > 1)
      at[static_cast<std::size_t>(summed.back())] = loops.back().var * n(block) + inner;
    const auto panel = [&](std::int64_t width, Expr tile) {
      const std::int64_t strip = std::min<std::int64_t>(16, width);
      Block strips;
      for (std::int64_t start = 0; start < width; start += strip) {
        const Expr c = p.var(std::min(strip, width - start), "c");
        const Expr column = c + n(start);
        std::vector<Expr> place_at = at;
        place_at[static_cast<std::size_t>(s_.vector_axis)] = tile * n(s_.vector_tile) + column;
        Expr address = n(spec_.b_offset);
        for (int i = 0; i < axes(); ++i)
          address = address + place_at[static_cast<std::size_t>(i)] * n(axis(i).b);
        Expr panel_index = n(0);
        for (const int i : panel_axes())
          panel_index = panel_index * n(axis(i).extent) + at[static_cast<std::size_t>(i)];
        Expr k_index = n(0);
        for (const int i : summed)
          k_index = k_index * n(axis(i).extent) + at[static_cast<std::size_t>(i)];
        const Expr target =
            ((panel_index * n(vector_tiles()) + tile) * n(product(summed)) + k_index) *
                n(s_.vector_tile) +
            column;
        Block copy;
        copy.push_back(kir::Store{to, target, p.load(from, source.dtype, address), {}});
        Block body;
        body.push_back(kir::make_for(c, LoopKind::Vector, std::move(copy)));
        if (block > 1) {
          Block k;
          k.push_back(kir::make_for(inner, LoopKind::Serial, std::move(body)));
          body = std::move(k);
        }
        for (kir::Stmt& st : body) strips.push_back(std::move(st));
      }
      return strips;
    };
    const std::int64_t tiles = vector_tiles(), last = vec.extent - (tiles - 1) * s_.vector_tile;
    Expr tile = p.var(tiles, "tile");
    Block body;
    if (last == s_.vector_tile) {
      body = panel(last, tile);
    } else {
      body.push_back(kir::If{kir::lt(tile, n(tiles - 1)),
                             std::make_shared<Block>(panel(s_.vector_tile, tile)),
                             std::make_shared<Block>(panel(last, tile))});
    }
    // Tasks: every combination of tile and outer loops.
    std::int64_t total = tiles;
    std::vector<LoopDim> dims{{tile, tiles}};
    for (const LoopDim& l : loops) {
      if (l.extent == 1) continue;
      total *= l.extent;
      dims.push_back(l);
    }
    for (auto it = dims.rbegin(); it + 1 != dims.rend(); ++it) {
      Block outer;
      outer.push_back(kir::make_for(it->var, LoopKind::Serial, std::move(body)));
      body = std::move(outer);
    }
    kernel.body.push_back(parallel_for(tile, std::move(body)));
    Group copy;
    copy.domain = Shape{total};
    b_.launch(std::move(kernel), lower, copy,
              fmt::format("pack b of {} into panels of {}", g_.core->op->name, s_.vector_tile), 0);
  }

  // ---- Tiles ----
  struct TileLoop {
    int axis;
    std::int64_t tile;  // elements of the axis in one step
    Expr var;           // counts steps
    std::int64_t steps;
  };
  // Loops over the result, outermost first.
  std::vector<TileLoop> tile_loops() {
    std::vector<TileLoop> rows, others;
    const auto add = [&](std::vector<TileLoop>* list, int i, std::int64_t tile) {
      const std::int64_t steps = (axis(i).extent + tile - 1) / tile;
      list->push_back({i, tile, steps == 1 ? number(0) : pool().var(steps, axis(i).name), steps});
    };
    for (int i = 0; i < axes(); ++i) {
      if (axis(i).summed() || i == s_.vector_axis) continue;
      std::int64_t tile = 1;
      bool row = false;
      for (std::size_t k = 0; k < s_.row_axes.size(); ++k) {
        if (s_.row_axes[k] == i) {
          tile = s_.row_tiles[k];
          row = true;
        }
      }
      add(row ? &rows : &others, i, tile);
    }
    std::vector<TileLoop> vec;
    add(&vec, s_.vector_axis, s_.vector_tile);
    const std::int64_t b_bytes = product(summed_axes()) * axis(s_.vector_axis).extent *
                                 static_cast<std::int64_t>(size_of(dtype_));
    std::vector<TileLoop> order;
    // A small b stays in the cache: walk it innermost. A large one: a panel at a time, all rows
    // under it.
    const bool small_b = b_bytes <= b_.target.l2_bytes / 2;
    if (!small_b) order.insert(order.end(), vec.begin(), vec.end());
    order.insert(order.end(), others.begin(), others.end());
    order.insert(order.end(), rows.begin(), rows.end());
    if (small_b) order.insert(order.end(), vec.begin(), vec.end());
    std::erase_if(order, [](const TileLoop& l) { return l.steps == 1 && l.tile == 1; });
    return order;
  }

  // The code of one tile size; `at` gets the axis values. Dispatches over full and remaining tiles.
  Block tile_cases(const std::vector<TileLoop>& loops, std::size_t k,
                   std::vector<std::int64_t> sizes,
                   const std::function<Block(const std::vector<std::int64_t>&)>& emit) {
    if (k == loops.size()) return emit(sizes);
    const TileLoop& l = loops[k];
    const std::int64_t last = axis(l.axis).extent - (l.steps - 1) * l.tile;
    sizes.push_back(l.tile);
    if (last == l.tile) return tile_cases(loops, k + 1, sizes, emit);
    if (l.steps == 1) {
      sizes.back() = last;
      return tile_cases(loops, k + 1, sizes, emit);
    }
    auto full = std::make_shared<Block>(tile_cases(loops, k + 1, sizes, emit));
    sizes.back() = last;
    auto rest = std::make_shared<Block>(tile_cases(loops, k + 1, sizes, emit));
    Block body;
    body.push_back(kir::If{kir::lt(l.var, number(l.steps - 1)), full, rest});
    return body;
  }

  // What `init` and `finish` say about an accumulator: given its row index, column and axis values.
  using Finish = std::function<Block(kir::RegId, const std::vector<Expr>& reg_index,
                                     const std::vector<Expr>& at)>;

  Block tile_body(const std::vector<TileLoop>& loops, const std::vector<std::int64_t>& sizes,
                  std::vector<Expr> at, const std::vector<int>& inner_summed, const Finish& init,
                  const Finish& finish, bool through_memory = false) {
    std::int64_t columns = s_.vector_tile;
    std::vector<std::pair<Expr, std::int64_t>> rows;
    Expr tile = number(0);
    for (std::size_t k = 0; k < loops.size(); ++k) {
      const TileLoop& l = loops[k];
      const auto i = static_cast<std::size_t>(l.axis);
      if (l.axis == s_.vector_axis) {
        columns = sizes[k];
        tile = l.var;
        continue;
      }
      if (sizes[k] == 1) {
        at[i] = l.var * number(l.tile);
      } else {
        const Expr r = pool().var(sizes[k], "r");
        rows.push_back({r, sizes[k]});
        at[i] = l.var * number(l.tile) + r;
      }
    }
    const Expr c = pool().var(columns, "c");
    at[static_cast<std::size_t>(s_.vector_axis)] = tile * number(s_.vector_tile) + c;
    std::int64_t row_count = 1;
    Expr row = number(0);
    for (const auto& [r, n] : rows) {
      row_count *= n;
      row = row * number(n) + r;
    }
    const kir::RegId acc = kernel_.add_reg("acc", dtype_, {row_count, columns});
    Block body;
    body.push_back(kir::DeclReg{acc, pool().constant(dtype_, 0)});
    if (init) append(&body, over_tile(rows, c, init(acc, {row, c}, at)));
    for (const int i : inner_summed)
      at[static_cast<std::size_t>(i)] = pool().var(axis(i).extent, axis(i).name);
    Block step;
    const Expr x = load_a(at), y = load_b(at, tile, c);
    if (is_floating(dtype_))
      step.push_back(kir::Accumulate{acc, {row, c}, kir::Combine::Add, y, x, {}});
    else
      step.push_back(kir::Accumulate{acc, {row, c}, kir::Combine::Add, x * y, {}, {}});
    Block sum = over_tile(rows, c, std::move(step));
    for (auto it = inner_summed.rbegin(); it != inner_summed.rend(); ++it) {
      Block outer;
      // A short innermost sum is written out: its loop would cost as much as its body.
      const bool unroll =
          it == inner_summed.rbegin() && axis(*it).extent * row_count * ((columns + 15) / 16) <= 48;
      outer.push_back(kir::make_for(at[static_cast<std::size_t>(*it)],
                                    unroll ? LoopKind::Unroll : LoopKind::Serial, std::move(sum)));
      sum = std::move(outer);
    }
    append(&body, std::move(sum));
    if (through_memory && heavy_epilogue(row_count * columns)) {
      // Written out once per register the epilogue would be many pages of code: the tile goes
      // through the L1 cache instead, and the epilogue is a loop.
      const kir::BufferId tile_memory =
          kernel_.add_buffer("tile", dtype_, row_count * columns, kir::Space::Thread);
      kernel_.buffers[static_cast<std::size_t>(tile_memory)].written = true;
      const Expr place = row * number(columns) + c;
      Block spill;
      spill.push_back(kir::Store{tile_memory, place, pool().read(acc, dtype_, {row, c}), {}});
      append(&body, over_tile(rows, c, std::move(spill)));
      append(&body,
             over_tile(rows, c, epilogue(out_index(at), pool().load(tile_memory, dtype_, place)),
                       LoopKind::Serial));
    } else {
      append(&body, over_tile(rows, c, finish(acc, {row, c}, at)));
    }
    return body;
  }
  static void append(Block* to, Block from) {
    for (kir::Stmt& s : from) to->push_back(std::move(s));
  }
  static Block over_tile(const std::vector<std::pair<Expr, std::int64_t>>& rows, Expr c, Block body,
                         LoopKind kind = LoopKind::Unroll) {
    Block result;
    result.push_back(kir::make_for(c, LoopKind::Vector, std::move(body)));
    for (auto it = rows.rbegin(); it != rows.rend(); ++it) {
      Block outer;
      outer.push_back(kir::make_for(it->first, kind, std::move(result)));
      result = std::move(outer);
    }
    return result;
  }

  // Work of the epilogue per element, and whether a tile of them is too much code to write out.
  int epilogue_cost() const {
    std::vector<const NodeImpl*> seen{g_.core};
    int cost = 0;
    const std::function<void(const NodeImpl*)> visit = [&](const NodeImpl* n) {
      if (std::find(seen.begin(), seen.end(), n) != seen.end() || n->is_leaf()) return;
      seen.push_back(n);
      const bool made_here = std::find(g_.stores.begin(), g_.stores.end(), n) != g_.stores.end();
      if (!made_here && b_.buffer(n) >= 0) return;
      cost += n->op->cost + (made_here ? 2 : 0);
      for (const NodeImpl* in : n->inputs) visit(in);
    };
    for (const NodeImpl* n : g_.stores) visit(n);
    return cost;
  }
  bool heavy_epilogue(std::int64_t elements) const {
    const std::int64_t vectors = (elements + b_.target.lanes(dtype_) - 1) / b_.target.lanes(dtype_);
    return epilogue_cost() * vectors > 200;
  }

  // Stores every result of the group with `core` for the contraction's own value.
  Block epilogue(const Index& index, Expr core) {
    lower_.forget();
    lower_.bind(g_.core, [core](const Index&) { return core; });
    Block body;
    for (NodeImpl* n : g_.stores) {
      const int buffer = b_.buffer(n);
      // The group's own buffers exist already: compute the value, do not load it.
      const Expr value = n == g_.core ? core : compute_inline(n, index);
      const kir::BufferId id = lower_.param(buffer);
      kernel_.buffers[static_cast<std::size_t>(id)].written = true;
      body.push_back(kir::Store{id, lower_.address(buffer, index), value, {}});
    }
    lower_.unbind(g_.core);
    return body;
  }
  Expr compute_inline(NodeImpl* n, const Index& index) {
    std::vector<std::pair<NodeImpl*, int>> hidden;
    for (NodeImpl* s : g_.stores) {
      hidden.emplace_back(s, b_.buffer(s));
      b_.buffer_of.erase(s);
    }
    const Expr value = lower_.value(n, index);
    for (const auto& [node, buffer] : hidden) b_.buffer_of[node] = buffer;
    return value;
  }

  std::vector<Expr> zeros() { return std::vector<Expr>(spec_.axes.size(), number(0)); }

  void emit_tiles() {
    const std::vector<TileLoop> loops = tile_loops();
    const Finish finish = [this](kir::RegId acc, const std::vector<Expr>& reg,
                                 const std::vector<Expr>& at) {
      return epilogue(out_index(at), pool().read(acc, dtype_, reg));
    };
    Block body = tile_cases(loops, 0, {}, [&](const std::vector<std::int64_t>& sizes) {
      return tile_body(loops, sizes, zeros(), summed_axes(), {}, finish, true);
    });
    std::vector<LoopDim> dims;
    for (const TileLoop& l : loops) {
      if (l.steps > 1) dims.push_back({l.var, l.steps});
    }
    emit_parallel(dims, std::move(body), macs_ < kSmallMacs);
  }

  // Outer loops become tasks until there are enough of them; the rest run inside a task.
  void emit_parallel(std::vector<LoopDim> dims, Block body, bool single) {
    std::size_t split = 0;
    std::int64_t tasks = 1;
    while (!single && split < dims.size() && tasks < 8 * b_.target.threads)
      tasks *= dims[split++].extent;
    for (std::size_t k = dims.size(); k > split; --k) {
      Block outer;
      outer.push_back(kir::make_for(dims[k - 1].var, LoopKind::Serial, std::move(body)));
      body = std::move(outer);
    }
    if (split == 1) {
      kernel_.body.push_back(parallel_for(dims[0].var, std::move(body)));
      return;
    }
    // Several loops as one: an outer parallel loop over their product, each variable a loop of one
    // step.
    Expr task = pool().var(tasks, "task");
    if (split > 1) {
      std::vector<Expr> by;
      split_index(
          task,
          std::vector<LoopDim>(dims.begin(), dims.begin() + static_cast<std::ptrdiff_t>(split)),
          &by);
      substitute_block(&body, by);
    }
    kernel_.body.push_back(parallel_for(task, std::move(body)));
  }
  void substitute_block(Block* body, const std::vector<Expr>& by) {
    const auto sub = [&](Expr& e) {
      if (e) e = kir::substitute(e, by);
    };
    for (kir::Stmt& s : *body) {
      switch (s.kind) {
        case kir::Stmt::Kind::For:
          substitute_block(s.loop.body.get(), by);
          break;
        case kir::Stmt::Kind::While:
          sub(s.while_loop.cond);
          substitute_block(s.while_loop.body.get(), by);
          break;
        case kir::Stmt::Kind::If:
          sub(s.branch.cond);
          substitute_block(s.branch.then_body.get(), by);
          if (s.branch.else_body) substitute_block(s.branch.else_body.get(), by);
          break;
        case kir::Stmt::Kind::Store:
          sub(s.store.index);
          sub(s.store.value);
          sub(s.store.mask);
          break;
        case kir::Stmt::Kind::DeclReg:
          sub(s.decl.init);
          break;
        case kir::Stmt::Kind::SetReg:
          for (Expr& e : s.set.index) sub(e);
          sub(s.set.value);
          break;
        case kir::Stmt::Kind::Accumulate:
          for (Expr& e : s.acc.index) sub(e);
          sub(s.acc.value);
          sub(s.acc.a);
          sub(s.acc.mask);
          break;
        case kir::Stmt::Kind::Barrier:
          break;
      }
    }
  }

  // ---- Split sums ----
  Expr partial_place(const std::vector<Expr>& at, Expr chunk) {
    const auto strides = layout_.strides(g_.domain);
    const Index index = out_index(at);
    Expr sum = chunk * number(g_.domain.numel());
    for (std::size_t d = 0; d < index.size(); ++d) sum = sum + index[d] * number(strides[d]);
    return sum;
  }

  void emit_split() {
    const std::int64_t numel = g_.domain.numel();
    partial_ = b_.add_scratch("partial", dtype_, numel * s_.chunks);
    const kir::BufferId partial = lower_.param(partial_);
    kernel_.buffers[static_cast<std::size_t>(partial)].written = true;
    const Expr chunk = s_.chunks == 1 ? number(0) : pool().var(s_.chunks, "chunk");
    Block task = clear_partial(partial, chunk, numel);
    std::vector<Expr> at = zeros();
    std::vector<LoopDim> split;
    Expr inside;
    for (std::size_t k = 0; k < s_.split_axes.size(); ++k) {
      const int i = s_.split_axes[k];
      std::int64_t extent = axis(i).extent;
      if (k == 0 && s_.chunks > 1) extent = (extent + s_.chunks - 1) / s_.chunks;
      const Expr v = pool().var(extent, axis(i).name);
      split.push_back({v, extent});
      at[static_cast<std::size_t>(i)] = v;
      if (k == 0 && s_.chunks > 1) {
        at[static_cast<std::size_t>(i)] = chunk * number(extent) + v;
        if (extent * s_.chunks != axis(i).extent)
          inside = kir::lt(at[static_cast<std::size_t>(i)], number(axis(i).extent));
      }
    }
    std::vector<int> inner;
    for (const int i : summed_axes()) {
      if (std::find(s_.split_axes.begin(), s_.split_axes.end(), i) == s_.split_axes.end())
        inner.push_back(i);
    }
    const std::vector<TileLoop> loops = tile_loops();
    const Finish init = [&](kir::RegId acc, const std::vector<Expr>& reg,
                            const std::vector<Expr>& a) {
      Block b;
      b.push_back(kir::SetReg{acc, reg, pool().load(partial, dtype_, partial_place(a, chunk))});
      return b;
    };
    const Finish finish = [&](kir::RegId acc, const std::vector<Expr>& reg,
                              const std::vector<Expr>& a) {
      Block b;
      b.push_back(kir::Store{partial, partial_place(a, chunk), pool().read(acc, dtype_, reg), {}});
      return b;
    };
    Block body = tile_cases(loops, 0, {}, [&](const std::vector<std::int64_t>& sizes) {
      return tile_body(loops, sizes, at, inner, init, finish);
    });
    for (std::size_t k = loops.size(); k > 0; --k) {
      if (loops[k - 1].steps == 1) continue;
      Block outer;
      outer.push_back(kir::make_for(loops[k - 1].var, LoopKind::Serial, std::move(body)));
      body = std::move(outer);
    }
    if (inside) {
      Block guarded;
      guarded.push_back(kir::If{inside, std::make_shared<Block>(std::move(body)), nullptr});
      body = std::move(guarded);
    }
    for (auto it = split.rbegin(); it != split.rend(); ++it) {
      Block outer;
      outer.push_back(kir::make_for(it->var, LoopKind::Serial, std::move(body)));
      body = std::move(outer);
    }
    append(&task, std::move(body));
    kernel_.body.push_back(
        parallel_for(s_.chunks == 1 ? pool().var(1, "chunk") : chunk, std::move(task)));
    kernel_.body.push_back(kir::Barrier{});
    combine_partials(partial);
  }
  Block clear_partial(kir::BufferId partial, Expr chunk, std::int64_t numel) {
    const Expr i = pool().var(numel, "i");
    Block clear;
    clear.push_back(kir::Store{partial, chunk * number(numel) + i, pool().constant(dtype_, 0), {}});
    Block block;
    block.push_back(kir::make_for(i, LoopKind::Vector, std::move(clear)));
    return block;
  }
  // The sum of the copies, and the epilogue, over the result in its memory order.
  void combine_partials(kir::BufferId partial) {
    const auto strides = layout_.strides(g_.domain);
    Index index(static_cast<std::size_t>(g_.domain.rank()), number(0));
    std::vector<LoopDim> dims;
    Expr place = number(0);
    for (const int d : layout_.order) {
      if (g_.domain[d] == 1) continue;
      const Expr v = pool().var(g_.domain[d], "o" + std::to_string(d));
      index[static_cast<std::size_t>(d)] = v;
      place = place + v * number(strides[static_cast<std::size_t>(d)]);
      dims.push_back({v, g_.domain[d]});
    }
    Expr sum = pool().load(partial, dtype_, place);
    for (std::int64_t p = 1; p < s_.chunks; ++p)
      sum = sum + pool().load(partial, dtype_, place + number(p * g_.domain.numel()));
    Block body = epilogue(index, sum);
    if (dims.empty()) {
      kernel_.body.push_back(parallel_for(pool().var(1, "once"), std::move(body)));
      return;
    }
    Block vector;
    vector.push_back(kir::make_for(dims.back().var, LoopKind::Vector, std::move(body)));
    dims.pop_back();
    emit_parallel(dims, std::move(vector), g_.domain.numel() < 4096);
  }

  // ---- Anything else: correct, not tuned ----
  void emit_generic() {
    std::vector<Expr> at;
    std::vector<LoopDim> outer;
    for (int i = 0; i < axes(); ++i) {
      at.push_back(pool().var(axis(i).extent, axis(i).name));
      if (!axis(i).summed()) outer.push_back({at.back(), axis(i).extent});
    }
    const kir::RegId acc = kernel_.add_reg("acc", dtype_);
    Block body;
    const Expr product_ab = load_a(at) * load_b(at, {}, {});
    body.push_back(kir::Accumulate{acc, {}, kir::Combine::Add, product_ab, {}, {}});
    const std::vector<int> summed = summed_axes();
    bool lanes = outer.empty();  // a plain dot product sums in the lanes
    for (auto it = summed.rbegin(); it != summed.rend(); ++it) {
      Block loop;
      loop.push_back(kir::make_for(at[static_cast<std::size_t>(*it)],
                                   lanes ? LoopKind::Vector : LoopKind::Serial, std::move(body)));
      lanes = false;
      body = std::move(loop);
    }
    Block all;
    all.push_back(kir::DeclReg{acc, pool().constant(dtype_, 0)});
    append(&all, std::move(body));
    append(&all, epilogue(out_index(at), pool().read(acc, dtype_)));
    if (outer.empty()) {
      kernel_.body.push_back(parallel_for(pool().var(1, "once"), std::move(all)));
      return;
    }
    Block vector;
    vector.push_back(kir::make_for(outer.back().var, LoopKind::Vector, std::move(all)));
    outer.pop_back();
    emit_parallel(outer, std::move(vector), macs_ < kSmallMacs);
  }

  std::string how() const {
    if (s_.vector_axis < 0) return "generic loops";
    std::string rows;
    for (std::size_t k = 0; k < s_.row_axes.size(); ++k)
      rows += fmt::format("{}{}:{}", k ? "," : "", axis(s_.row_axes[k]).name, s_.row_tiles[k]);
    std::string split;
    for (const int i : s_.split_axes) split += " " + axis(i).name;
    return fmt::format(
        "tile rows {} x lanes {}:{}{}{}{}", rows.empty() ? "1" : rows, axis(s_.vector_axis).name,
        s_.vector_tile, s_.swap ? ", operands swapped" : "", s_.pack_b ? ", b in panels" : "",
        split.empty() ? "" : fmt::format(", sum split over{} in {} chunks", split, s_.chunks));
  }

  Builder& b_;
  const Group& g_;
  kir::Kernel kernel_;
  Lowerer lower_;
  DType dtype_;
  ContractionSpec spec_;
  ContractionSchedule s_;
  Layout layout_;
  int packed_ = -1, partial_ = -1;
  double macs_ = 1;
};

}  // namespace

void build_contraction(Builder& b, const Group& g) { ContractionBuilder(b, g).build(); }

}  // namespace lilith::schedule
