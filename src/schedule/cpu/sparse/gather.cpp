#include <algorithm>
#include <memory>

#include "schedule/cpu/contraction/ways.h"
#include "schedule/cpu/partials.h"
#include "schedule/cpu/sparse/builder.h"

// The gradient of a convolution's weights: an element's place says what is read of the input.
//
//   parallel chunks of the summed lists { for result lists {
//     acc[rows][run] = partial…; for elements { acc += value * dense[place + …] }; partial… = acc
//   } }
//   barrier; sum of the partials, epilogue
namespace lilith::schedule {

using kir::Block;
using kir::Expr;
using kir::LoopKind;

namespace {

class SparseGather : private SparseBuilder {
 public:
  SparseGather(Builder& b, const Product& g) : SparseBuilder(b, g) { choose_run(); }
  Layout layout() const;
  void build();

 private:
  void choose_run();
  Block sum_chunks();
  void walk_summed_lists(Expr number_of_list);
  Block list_tiles(Expr chunk);
  void combine();
  Expr dense_place();
  Expr partial_row();

  Partials partials_;  // a copy for each chunk of the summed lists
};

// Splits the free axes into rows and a run that the dense operand holds contiguously.
void SparseGather::choose_run() {
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

Expr SparseGather::dense_place() {
  Expr sum = number(dense_.offset);
  for (const std::vector<int>* list : {&s_.list_axes, &row_axes_}) {
    for (const int i : *list) sum = sum + at(i) * number(axis(i).a);
  }
  return sum;
}

Expr SparseGather::partial_row() {
  return (flat(result_lists_) * number(rows()) + flat(row_axes_)) * number(run_);
}

Layout SparseGather::layout() const {
  std::vector<int> order;
  for (const std::vector<int>* list : {&result_lists_, &row_axes_, &run_axes_}) {
    for (const int i : *list) {
      if (axis(i).extent > 1) order.push_back(axis(i).out_dim);
    }
  }
  return layout_of(std::move(order));
}

void SparseGather::build() {
  std::vector<std::int64_t> strides;
  for (const int i : s_.position_axes) strides.push_back(axis(i).a);
  list_ = sparse_list(b_, s_, strides);
  const std::int64_t summed = extent(summed_lists_), results = extent(result_lists_);
  partials_ = add_partials(b_, &lower_, dtype_, results * rows() * run_,
                           std::min<std::int64_t>(b_.target.threads, summed));
  work_ = static_cast<double>(summed * results * list_.capacity * extent(s_.free));
  make_loops(result_lists_);
  append(&kernel_.body, sum_chunks());
  kernel_.body.push_back(kir::Barrier{});
  combine();
  how_ = fmt::format("sparse: {} rows of {} for each element listed, sums in {} chunks", rows(),
                     run_, partials_.copies);
  launch();
}

// Several chunks: each thread sums its part of the lists. One: the result's lists are shared out.
Block SparseGather::sum_chunks() {
  const std::int64_t summed = extent(summed_lists_), chunks = partials_.copies,
                     each = divide_up(summed, chunks);
  const Expr chunk = loop_var(pool(), chunks, "chunk"), step = loop_var(pool(), each, "list");
  const Expr list = chunk * number(each) + step;
  walk_summed_lists(list);
  const Expr inside = each * chunks != summed ? kir::lt(list, number(summed)) : Expr();
  const auto all_lists = [&](Block body) {
    return in_loop(step, LoopKind::Serial, only_where(inside, std::move(body)));
  };
  if (chunks > 1) {
    Block task = clear(partials_.buffer, partials_.place(chunk, number(0)), partials_.elements);
    append(&task, all_lists(nest(loops(result_lists_), list_tiles(chunk))));
    return {parallel_for(chunk, std::move(task))};
  }
  const std::int64_t part = rows() * run_;
  Block task = clear(partials_.buffer, flat(result_lists_) * number(part), part);
  append(&task, all_lists(list_tiles(chunk)));
  return {share_loops(pool(), loops(result_lists_), std::move(task), enough_tasks(b_.target))};
}

// Sets the summed lists' axes to what the number of a list among them says.
void SparseGather::walk_summed_lists(Expr number_of_list) {
  std::vector<Expr> by;
  split_index(number_of_list, proper_loops(make_loops(summed_lists_)), &by);
  for (const int i : summed_lists_) at(i) = kir::substitute(at(i), by);
}

Block SparseGather::list_tiles(Expr chunk) {
  return tiles([&](const RunTile& t) {
    const kir::RegId acc = kernel_.add_reg("acc", dtype_, {t.row_count, t.columns});
    const Expr place = partials_.place(chunk, partial_row() + t.element);
    const Expr sum = pool().read(acc, dtype_, {t.row, t.column});
    const Expr before = pool().load(partials_.buffer, dtype_, place);
    Block block{kir::DeclReg{acc, pool().constant(dtype_, 0)}};
    append(&block, over_tile(t, {kir::SetReg{acc, {t.row, t.column}, before}}));
    append(&block, each_element([&](Expr where, Expr value) {
      const Expr x = load(dense_.buffer, dense_place() + where + t.element);
      return over_tile(t,
                       {kir::Accumulate{acc, {t.row, t.column}, kir::Combine::Add, x, value, {}}});
    }));
    append(&block, over_tile(t, {kir::Store{partials_.buffer, place, sum, {}}}));
    return block;
  });
}

void SparseGather::combine() {
  std::vector<LoopDim> dims;
  for (const std::vector<int>* list : {&result_lists_, &row_axes_, &run_axes_}) {
    for (const int i : *list) dims.push_back(make_loop(i));
  }
  const Expr sum = partials_.combined(kir::Combine::Add, partial_row() + flat(run_axes_));
  kernel_.body.push_back(share_vector_loops(pool(), dims, store_results(sum),
                                            enough_tasks(b_.target, partials_.elements)));
}

}  // namespace

Choice sparse_gather_way(Builder& b, const Product& g) {
  const auto gather = std::make_shared<SparseGather>(b, g);
  Choice way = laid_out("sparse, by what is read", 0, g.stores, gather->layout());
  way.emit = [gather] { gather->build(); };
  return way;
}

}  // namespace lilith::schedule
