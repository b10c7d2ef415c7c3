#include <algorithm>

#include "ir/node.h"
#include "schedule/loops.h"
#include "schedule/prepare.h"
#include "schedule/sparse.h"

// The list of an unpool's elements: a loop without branches writes each element and moves on where
// it is live, so that what a select makes zero takes no room.
//
//   parallel lists { n = 0; for windows { places[n] = …; values[n] = …; n += live } counts = n }
namespace lilith::schedule {

using ir::NodeImpl;
using kir::Block;
using kir::Expr;
using kir::LoopKind;

namespace {

constexpr std::int64_t kMaxUnrolled = 1500;  // nodes

class ListBuilder {
 public:
  ListBuilder(Builder& b, const SparseSpec& spec, SparseList* list)
      : b_(b),
        spec_(spec),
        list_(*list),
        lower_(kernel_, b.plan, [&b](NodeImpl* n) { return b.buffer(n); }) {
    kernel_.name = "unpool";
  }

  void build() {
    const Shape& windows = values()->aval.shape;
    std::int64_t lists = 1;
    list_.capacity = 1;
    at_.resize(windows.size());
    std::vector<LoopDim> outer, inner;
    for (const int d : spec_.list_dims) lists *= add_dim(windows, d, &outer);
    for (const int d : spec_.position_dims) list_.capacity *= add_dim(windows, d, &inner);
    const DType dtype = compute_dtype(values()->aval.dtype);
    list_.counts = b_.add_scratch("counts", DType::I32, lists);
    list_.places = b_.add_scratch("places", DType::I32, lists * list_.capacity);
    list_.values = b_.add_scratch("values", dtype, lists * list_.capacity);
    Expr list = number(0);
    for (const LoopDim& l : outer) list = list * number(l.extent) + l.var;

    const kir::RegId count = kernel_.add_reg("n", DType::I64);
    const Expr n = kernel_.pool->read(count, DType::I64);
    const Expr where = kernel_.pool->cast(place(), DType::I32), value = lower_.value(values(), at_),
               alive = live();
    Block step;
    const Expr at = list * number(list_.capacity) + n;
    step.push_back(kir::Store{written(list_.places), at, where, {}});
    step.push_back(kir::Store{written(list_.values), at, value, {}});
    step.push_back(kir::SetReg{count, {}, n + alive});
    Block body;
    body.push_back(kir::DeclReg{count, number(0)});
    // A short row is written out: its addresses are constants then, half of the work.
    const auto size = static_cast<std::int64_t>(expression_size({where, value, alive}));
    if (!inner.empty() && inner.back().extent * size <= kMaxUnrolled) {
      step = in_loop(inner.back().var, LoopKind::Unroll, std::move(step));
      inner.pop_back();
    }
    append(&body, nest(inner, std::move(step)));
    body.push_back(kir::Store{written(list_.counts), list, kernel_.pool->cast(n, DType::I32), {}});
    share(std::move(outer), std::move(body), lists * list_.capacity);
    Group group;
    group.domain = windows;
    b_.launch(std::move(kernel_), lower_, group,
              fmt::format("{} lists of at most {} elements", lists, list_.capacity), 0);
  }

 private:
  NodeImpl* values() const { return spec_.unpool->inputs[0]; }
  Expr number(std::int64_t v) { return kernel_.pool->integer(v); }
  kir::BufferId written(int buffer) {
    const kir::BufferId id = lower_.param(buffer);
    kernel_.buffers[static_cast<std::size_t>(id)].written = true;
    return id;
  }
  std::int64_t add_dim(const Shape& windows, int d, std::vector<LoopDim>* loops) {
    const Expr v =
        windows[d] == 1 ? number(0) : kernel_.pool->var(windows[d], "w" + std::to_string(d));
    at_[static_cast<std::size_t>(d)] = v;
    if (windows[d] > 1) loops->push_back({v, windows[d]});
    return windows[d];
  }

  // Where the window's element lies, in the steps of the one who reads the list.
  Expr place() {
    const Attrs& a = spec_.unpool->attrs;
    const auto &window = a.ints("window"), &stride = a.ints("stride"),
               &dilation = a.ints("dilation");
    Expr offset = lower_.value(spec_.unpool->inputs[1], at_), sum = number(0);
    for (std::size_t p = spec_.position_dims.size(); p-- > 0;) {
      const auto d = static_cast<std::size_t>(spec_.position_dims[p]);
      Expr k = number(0);
      if (window[d] > 1) {
        const bool outermost =
            std::all_of(spec_.position_dims.begin(),
                        spec_.position_dims.begin() + static_cast<std::ptrdiff_t>(p),
                        [&](int o) { return window[static_cast<std::size_t>(o)] == 1; });
        k = outermost ? offset : kir::floor_mod(offset, window[d]);
        offset = kir::floor_div(offset, window[d]);
      }
      sum = sum + (at_[d] * number(stride[d]) + k * number(dilation[d])) * number(list_.strides[p]);
    }
    return sum;
  }

  // 1 where the value may differ from zero: select(%m, 0, %x) says where it does not.
  Expr live() {
    NodeImpl* n = values();
    if (n->op->name == "select") {
      for (const std::size_t zero : {std::size_t{1}, std::size_t{2}}) {
        if (!is_zero(n->inputs[zero])) continue;
        const Expr m = lower_.value(n->inputs[0], at_);
        return kernel_.pool->cast(zero == 1 ? kir::logical_not(m) : m, DType::I64);
      }
    }
    return number(1);
  }

  void share(std::vector<LoopDim> loops, Block body, std::int64_t elements) {
    if (loops.empty() || elements < 4096) {
      kernel_.body.push_back(
          parallel_for(kernel_.pool->var(1, "once"), nest(loops, std::move(body))));
      return;
    }
    const LoopDim first = loops.front();
    loops.erase(loops.begin());
    kernel_.body.push_back(parallel_for(first.var, nest(loops, std::move(body))));
  }

  Builder& b_;
  const SparseSpec& spec_;
  SparseList& list_;
  kir::Kernel kernel_;
  Lowerer lower_;
  Index at_;  // of the window
};

}  // namespace

SparseList sparse_list(Builder& b, const SparseSpec& spec,
                       const std::vector<std::int64_t>& strides) {
  for (const SparseList& known : b.sparse_lists) {
    if (known.unpool == spec.unpool && known.strides == strides &&
        known.list_dims == spec.list_dims)
      return known;
  }
  SparseList list{spec.unpool, strides, spec.list_dims};
  ListBuilder(b, spec, &list).build();
  b.sparse_lists.push_back(list);
  return list;
}

}  // namespace lilith::schedule
