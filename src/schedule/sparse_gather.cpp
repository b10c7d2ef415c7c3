#include <algorithm>

#include "schedule/epilogue.h"
#include "schedule/sparse_builder.h"

// The gradient of a convolution's weights: an element's place says what is read of the input.
//
//   parallel chunks of the summed lists { for result lists {
//     acc[rows][run] = partial…; for elements { acc += value * dense[place + …] }; partial… = acc
//   } }
//   barrier; sum of the partials, epilogue
namespace lilith::schedule {

using ir::NodeImpl;
using kir::Block;
using kir::Expr;
using kir::LoopKind;

namespace {

class GatherBuilder : private SparseBuilder {
 public:
  using SparseBuilder::SparseBuilder;
  void build();

 private:
  void choose_run();
  Block sum_chunks();
  Block list_tiles(Expr chunk);
  void combine();
  Expr dense_place();
  Expr partial_row();

  int partial_ = -1;
  std::int64_t chunks_ = 1, copy_ = 0;  // copies of the result, and elements of one
};

// Splits the free axes into rows and a run that the dense operand holds contiguously.
void GatherBuilder::choose_run() {
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

Expr GatherBuilder::dense_place() {
  Expr sum = number(dense_.offset);
  for (const std::vector<int>* list : {&s_.list_axes, &row_axes_}) {
    for (const int i : *list) sum = sum + at(i) * number(axis(i).a);
  }
  return sum;
}

Expr GatherBuilder::partial_row() {
  return (flat(result_lists_) * number(rows()) + flat(row_axes_)) * number(run_);
}

void GatherBuilder::build() {
  choose_run();
  std::vector<std::int64_t> strides;
  for (const int i : s_.position_axes) strides.push_back(axis(i).a);
  list_ = sparse_list(b_, s_, strides);
  const std::int64_t summed = product(summed_lists_), results = product(result_lists_);
  chunks_ = std::min<std::int64_t>(b_.target.threads, summed);
  copy_ = results * rows() * run_;
  partial_ = b_.add_scratch("partial", dtype_, copy_ * chunks_);
  work_ = static_cast<double>(summed * results * list_.capacity * product(s_.free));
  for (const int i : result_lists_) make_var(i);
  append(&kernel_.body, sum_chunks());
  kernel_.body.push_back(kir::Barrier{});
  combine();
  how_ = fmt::format("sparse: {} rows of {} for each element listed, sums in {} chunks", rows(),
                     run_, chunks_);
  launch();
}

// Several chunks: each thread sums its part of the lists. One: the result's lists are shared out.
Block GatherBuilder::sum_chunks() {
  const std::int64_t summed = product(summed_lists_), each = (summed + chunks_ - 1) / chunks_;
  const bool shared = chunks_ > 1;
  const Expr chunk = shared ? pool().var(chunks_, "chunk") : number(0);
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
  const bool outside = each * chunks_ != summed;
  const auto guarded = [&](Block body) {
    if (!outside) return body;
    Block block;
    block.push_back(
        kir::If{kir::lt(list, number(summed)), std::make_shared<Block>(std::move(body)), nullptr});
    return block;
  };
  Block result;
  if (shared) {
    Block task = clear(written(partial_), chunk * number(copy_), copy_);
    append(&task, loop(step, guarded(loops(result_lists_, list_tiles(chunk)))));
    result.push_back(parallel_for(chunk, std::move(task)));
    return result;
  }
  const std::int64_t part = rows() * run_;
  Block task = clear(written(partial_), flat(result_lists_) * number(part), part);
  append(&task, loop(step, guarded(list_tiles(chunk))));
  return shared_loops(result_lists_, std::move(task));
}

Block GatherBuilder::list_tiles(Expr chunk) {
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

void GatherBuilder::combine() {
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
  for (std::int64_t p = 1; p < chunks_; ++p) sum = sum + load(partial_, place + number(p * copy_));
  std::erase_if(vars, [](const Expr& v) { return v->op != kir::Op::Var; });
  Block body = store_results(b_, g_, &kernel_, &lower_, out_index(), sum);
  const bool share = vars.size() > 1 && copy_ >= 4096;
  const Expr task = share ? vars.front() : pool().var(1, "once");
  if (share) vars.erase(vars.begin());
  kernel_.body.push_back(parallel_for(task, vector_loops(std::move(vars), std::move(body))));
}

}  // namespace

void build_gather(Builder& b, const Group& g) { GatherBuilder(b, g).build(); }

}  // namespace lilith::schedule
