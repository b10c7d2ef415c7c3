#include <algorithm>
#include <memory>

#include "schedule/cpu/contraction/ways.h"
#include "schedule/cpu/sparse/builder.h"

// The gradient of a convolution's input: an element's place says where the product is added.
//
//   parallel lists of the result {
//     tile = 0; for summed lists { for elements { tile[place + …] += value * weights[rows][run] } }
//     epilogue of the tile
//   }
namespace lilith::schedule {

using kir::Block;
using kir::Expr;
using kir::LoopKind;

namespace {

class SparseScatter : private SparseBuilder {
 public:
  SparseScatter(Builder& b, const Product& g) : SparseBuilder(b, g) { choose_tile(); }
  Layout layout() const;
  void build();

 private:
  // Of one position dimension: the places that the tile covers.
  struct Reach {
    std::int64_t low = 0, extent = 1, stride = 1;
  };

  void choose_tile();
  void choose_run();
  std::int64_t tap_stride(const SparseSpec::Tap& t) const;
  Block list_tiles();
  void pack_weights();
  Block finish_tile();

  std::vector<Reach> reach_;
  std::vector<SparseSpec::Tap> row_taps_;
  std::int64_t tile_size_ = 0, origin_ = 0;  // origin: where an element at place 0 adds its run
  kir::BufferId tile_ = -1;
  int weights_ = -1;
};

// The tile covers every place that an element reaches and all of the result.
void SparseScatter::choose_tile() {
  std::int64_t stride = extent(s_.free);
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

std::int64_t SparseScatter::tap_stride(const SparseSpec::Tap& t) const {
  return t.step * reach_[static_cast<std::size_t>(t.position)].stride;
}

// Taps that lie next to each other in the tile join the run, last tap first.
void SparseScatter::choose_run() {
  run_ = extent(s_.free);
  row_taps_ = s_.taps;
  std::stable_sort(row_taps_.begin(), row_taps_.end(),
                   [&](const auto& x, const auto& y) { return tap_stride(x) > tap_stride(y); });
  while (!row_taps_.empty() &&
         (tap_stride(row_taps_.back()) == run_ || extent(row_taps_.back().axis) == 1)) {
    const SparseSpec::Tap tap = row_taps_.back();
    row_taps_.pop_back();
    run_axes_.insert(run_axes_.begin(), tap.axis);
    origin_ -= (extent(tap.axis) - 1) * tap_stride(tap);
    run_ *= extent(tap.axis);
  }
  for (const SparseSpec::Tap& t : row_taps_) row_axes_.push_back(t.axis);
}

Layout SparseScatter::layout() const {
  std::vector<int> order;
  for (const std::vector<int>* list : {&result_lists_, &s_.position_axes, &s_.free}) {
    for (const int i : *list) order.push_back(axis(i).out_dim);
  }
  return layout_of(std::move(order));
}

void SparseScatter::build() {
  std::vector<std::int64_t> strides;
  for (std::size_t p = 0; p < reach_.size(); ++p) {
    const auto d = static_cast<std::size_t>(s_.position_dims[p]);
    strides.push_back(s_.step[d] * reach_[p].stride);
    origin_ += (s_.lo[d] - reach_[p].low) * reach_[p].stride;
  }
  choose_run();
  list_ = sparse_list(b_, s_, strides);
  pack_weights();
  work_ = static_cast<double>(extent(s_.list_axes) * list_.capacity * rows() * run_);
  tile_ = kernel_.add_buffer("tile", dtype_, tile_size_, kir::Space::Thread);
  make_loops(s_.list_axes);
  Block task = clear(tile_, number(0), tile_size_);
  append(&task, nest(loops(summed_lists_), list_tiles()));
  append(&task, finish_tile());
  kernel_.body.push_back(
      share_loops(pool(), loops(result_lists_), std::move(task), enough_tasks(b_.target)));
  how_ = fmt::format("sparse: {} rows of {} added for each element listed, in a tile of {} KiB",
                     rows(), run_, tile_size_ * static_cast<std::int64_t>(size_of(dtype_)) / 1024);
  launch();
}

Block SparseScatter::list_tiles() {
  return tiles([&](const RunTile& t) {
    const Expr packed = (flat(summed_lists_) * number(rows()) + flat(row_axes_)) * number(run_);
    const kir::RegId w = kernel_.add_reg("w", dtype_, {t.row_count, t.columns});
    const Expr weight = pool().read(w, dtype_, {t.row, t.column});
    Block block{kir::DeclReg{w, pool().constant(dtype_, 0)}};
    append(&block,
           over_tile(t, {kir::SetReg{w, {t.row, t.column}, load(weights_, packed + t.element)}}));
    append(&block, each_element([&](Expr where, Expr value) {
      Expr place = where + number(origin_) + t.element;
      for (const SparseSpec::Tap& x : row_taps_) place = place - at(x.axis) * number(tap_stride(x));
      const Expr old = pool().load(tile_, dtype_, place);
      return over_tile(t, {kir::Store{tile_, place, pool().multiply_add(value, weight, old), {}}});
    }));
    return block;
  });
}

// weights[summed lists][rows][run], the run's taps in falling order.
void SparseScatter::pack_weights() {
  kir::Kernel kernel;
  kernel.name = "pack";
  Lowerer lower = b_.lowerer(kernel);
  kir::Pool& p = *kernel.pool;
  const std::int64_t elements = extent(summed_lists_) * rows() * run_;
  weights_ = b_.add_scratch("weights", dtype_, elements);
  std::vector<LoopDim> dims;
  Expr source = p.integer(dense_.offset), target = p.integer(0);
  const auto walk = [&](const std::vector<int>& list, bool falling) {
    for (const int i : list) {
      const Expr v = loop_var(p, extent(i), axis(i).name);
      target = target * p.integer(extent(i)) + v;
      source = source + (falling ? p.integer(extent(i) - 1) - v : v) * p.integer(axis(i).a);
      dims.push_back({v, extent(i)});
    }
  };
  walk(summed_lists_, false);
  walk(row_axes_, false);
  walk(run_axes_, true);
  walk(s_.free, false);
  const Expr weight = lower.load(dense_.buffer, source, dtype_);
  kernel.body.push_back(
      share_vector_loops(p, dims, {kir::Store{lower.written_param(weights_), target, weight, {}}},
                         enough_tasks(b_.target, elements)));
  b_.launch(std::move(kernel), lower, {},
            fmt::format("pack the weights of {} into runs of {}", g_.core->op->name, run_), 0);
}

Block SparseScatter::finish_tile() {
  std::vector<LoopDim> dims;
  Expr place = number(0);
  for (std::size_t p = 0; p < reach_.size(); ++p) {
    const int i = s_.position_axes[p];
    dims.push_back(make_loop(i));
    place = place + (at(i) - number(reach_[p].low)) * number(reach_[p].stride);
  }
  for (const int i : s_.free) dims.push_back(make_loop(i));
  place = place + flat(s_.free);
  return nest(dims, store_results(pool().load(tile_, dtype_, place)), LoopKind::Vector);
}

}  // namespace

Choice sparse_scatter_way(Builder& b, const Product& g) {
  const auto scatter = std::make_shared<SparseScatter>(b, g);
  Choice way = laid_out("sparse, by where it is added", 0, g.stores, scatter->layout());
  way.emit = [scatter] { scatter->build(); };
  return way;
}

}  // namespace lilith::schedule
