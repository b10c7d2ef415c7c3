#include <algorithm>
#include <memory>

#include "schedule/cpu/backend.h"
#include "schedule/cpu/tasks.h"
#include "schedule/kernel/reduction.h"

// scatter_add(base, index, src): out = base, then out[…, index, …] += src in the order of src's
// axis, so that sums are the same in every run. (Or what else the op combines by; scatter puts src
// there.) Threads take distinct slices of the other dimensions.
//
//   parallel { vector i { out[i] = base[i] } }
//   barrier
//   parallel others { for s { vector inner { out[…, index[s], …] += src[…, s, …] } } }
namespace lilith::schedule {

using kir::Block;
using kir::Expr;
using kir::LoopKind;

namespace {

class Scattered {
 public:
  Scattered(Builder& b, const Scatter& g)
      : b_(b),
        n_(g.core),
        axis_(static_cast<std::size_t>(n_->attrs.integer("axis"))),
        lower_(b.lowerer(kernel_)) {
    kernel_.name = n_->op->name;
  }
  void build();

 private:
  kir::Pool& pool() { return *kernel_.pool; }
  std::vector<LoopDim> make_loops(const Shape& shape, const char* name);
  Block add(const std::vector<LoopDim>& at, Expr to, Expr source);

  Builder& b_;
  ir::NodeImpl* n_;
  std::size_t axis_;
  kir::Kernel kernel_;
  Lowerer lower_;
  int out_ = -1;
  std::int64_t tasks_ = 1;
};

Index index_of(const std::vector<LoopDim>& loops) {
  Index at;
  for (const LoopDim& l : loops) at.push_back(l.var);
  return at;
}

void Scattered::build() {
  ir::NodeImpl *base = n_->inputs[0], *index = n_->inputs[1], *source = n_->inputs[2];
  const std::vector<LoopDim> all = make_loops(n_->aval.shape, "i"),
                             at = make_loops(source->aval.shape, "s");
  const Expr old = lower_.value(base, index_of(all)), value = lower_.value(source, index_of(at)),
             to = lower_.value(index, index_of(at));
  out_ = b_.buffer(n_);
  tasks_ = enough_tasks(b_.target, source->aval.numel() + n_->aval.numel());
  kernel_.body.push_back(
      share_vector_loops(pool(), all, {lower_.store(out_, index_of(all), old)}, tasks_));
  kernel_.body.push_back(kir::Barrier{});
  append(&kernel_.body, add(at, to, value));
  b_.launch(std::move(kernel_), lower_, {n_}, "in order along the axis",
            static_cast<double>(source->aval.numel()), n_);
}

std::vector<LoopDim> Scattered::make_loops(const Shape& shape, const char* name) {
  std::vector<LoopDim> loops;
  for (const std::int64_t n : shape) loops.push_back({loop_var(pool(), n, name), n});
  return loops;
}

// One element after another along the axis; lanes run over the innermost other dimension.
Block Scattered::add(const std::vector<LoopDim>& at, Expr to, Expr source) {
  // An index outside is clamped, as gather's is; the run reports it.
  const Expr last = pool().integer(n_->aval.shape[static_cast<int>(axis_)] - 1);
  Index place = index_of(at);
  place[axis_] = kir::min(kir::max(to, pool().integer(0)), last);
  Expr value = source;
  if (n_->op->combine != Combination::None) {
    const Expr before =
        lower_.load(out_, lower_.address(out_, place), compute_dtype(n_->aval.dtype));
    value = combine(combine_of(n_), before, source);
  }
  Block body{lower_.store(out_, place, value)};
  std::vector<LoopDim> others = at;
  others.erase(others.begin() + static_cast<std::ptrdiff_t>(axis_));
  if (axis_ < others.size()) {
    body = in_loop(others.back().var, LoopKind::Vector, std::move(body));
    others.pop_back();
  }
  body = in_loop(at[axis_].var, LoopKind::Serial, std::move(body));
  return {share_loops(pool(), others, std::move(body), tasks_)};
}

}  // namespace

std::vector<Choice> scatter_ways(Builder& b, const Scatter& g) {
  const auto scatter = std::make_shared<Scattered>(b, g);
  return {{"in order along the axis",
           0,
           {{g.core, Layout::row_major(g.core->aval.shape.rank())}},
           [scatter] { scatter->build(); }}};
}

}  // namespace lilith::schedule
