#include <algorithm>

#include "ir/node.h"
#include "passes/rules.h"
#include "schedule/cpu/sparse/sparse.h"
#include "schedule/cpu/tasks.h"
#include "schedule/kernel/loop_order.h"

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
      : b_(b), spec_(spec), list_(*list), lower_(b.lowerer(kernel_)) {
    kernel_.name = "unpool";
    at_.resize(values()->aval.shape.size());
  }
  void build();

 private:
  kir::Pool& pool() { return *kernel_.pool; }
  Expr number(std::int64_t v) { return pool().integer(v); }
  NodeImpl* values() const { return spec_.unpool->inputs[0]; }
  std::vector<LoopDim> make_loops(const std::vector<int>& dims);
  Block write_list(Expr list, const std::vector<LoopDim>& windows);
  Expr place();
  Expr live();

  Builder& b_;
  const SparseSpec& spec_;
  SparseList& list_;
  kir::Kernel kernel_;
  Lowerer lower_;
  Index at_;  // of the window
};

void ListBuilder::build() {
  const std::vector<LoopDim> outer = make_loops(spec_.list_dims),
                             windows = proper_loops(make_loops(spec_.position_dims));
  const std::int64_t lists = extent_of(outer);
  const DType dtype = compute_dtype(values()->aval.dtype);
  list_.capacity = extent_of(windows);
  list_.counts = b_.add_scratch("counts", DType::I32, lists);
  list_.places = b_.add_scratch("places", DType::I32, lists * list_.capacity);
  list_.values = b_.add_scratch("values", dtype, lists * list_.capacity);
  Expr list = number(0);
  for (const LoopDim& l : outer) list = list * number(l.extent) + l.var;
  kernel_.body.push_back(share_loops(pool(), outer, write_list(list, windows),
                                     enough_tasks(b_.target, lists * list_.capacity)));
  b_.launch(std::move(kernel_), lower_, {},
            fmt::format("{} lists of at most {} elements", lists, list_.capacity), 0);
}

std::vector<LoopDim> ListBuilder::make_loops(const std::vector<int>& dims) {
  const Shape& windows = values()->aval.shape;
  std::vector<LoopDim> loops;
  for (const int d : dims) {
    loops.push_back({loop_var(pool(), windows[d], "w" + std::to_string(d)), windows[d]});
    at_[static_cast<std::size_t>(d)] = loops.back().var;
  }
  return loops;
}

Block ListBuilder::write_list(Expr list, const std::vector<LoopDim>& windows) {
  const kir::RegId count = kernel_.add_reg("n", DType::I64);
  const Expr n = pool().read(count, DType::I64);
  const Expr where = pool().cast(place(), DType::I32), value = lower_.value(values(), at_),
             alive = live(), at = list * number(list_.capacity) + n;
  Block step;
  step.push_back(kir::Store{lower_.written_param(list_.places), at, where, {}});
  step.push_back(kir::Store{lower_.written_param(list_.values), at, value, {}});
  step.push_back(kir::SetReg{count, {}, n + alive});
  // A short row is written out: its addresses are constants then, half of the work.
  const auto size = static_cast<std::int64_t>(expression_size({where, value, alive}));
  const bool short_row = !windows.empty() && windows.back().extent * size <= kMaxUnrolled;
  Block body{kir::DeclReg{count, number(0)}};
  append(&body, nest(windows, std::move(step), short_row ? LoopKind::Unroll : LoopKind::Serial));
  body.push_back(
      kir::Store{lower_.written_param(list_.counts), list, pool().cast(n, DType::I32), {}});
  return body;
}

// Where the window's element lies, in the steps of the one who reads the list.
Expr ListBuilder::place() {
  const Attrs& a = spec_.unpool->attrs;
  const auto &window = a.ints("window"), &stride = a.ints("stride"), &dilation = a.ints("dilation");
  Expr offset = lower_.value(spec_.unpool->inputs[1], at_), sum = number(0);
  for (std::size_t p = spec_.position_dims.size(); p-- > 0;) {
    const auto d = static_cast<std::size_t>(spec_.position_dims[p]);
    Expr k = number(0);
    if (window[d] > 1) {
      const bool outermost = std::all_of(
          spec_.position_dims.begin(), spec_.position_dims.begin() + static_cast<std::ptrdiff_t>(p),
          [&](int o) { return window[static_cast<std::size_t>(o)] == 1; });
      k = outermost ? offset : kir::floor_mod(offset, window[d]);
      offset = kir::floor_div(offset, window[d]);
    }
    sum = sum + (at_[d] * number(stride[d]) + k * number(dilation[d])) * number(list_.strides[p]);
  }
  return sum;
}

// 1 where the value may differ from zero: select(%m, 0, %x) says where it does not.
Expr ListBuilder::live() {
  NodeImpl* n = values();
  if (n->op->zeros == Zeros::AsChosen) {
    for (const std::size_t zero : {std::size_t{1}, std::size_t{2}}) {
      if (!passes::is_zero(n->inputs[zero])) continue;
      const Expr m = lower_.value(n->inputs[0], at_);
      return pool().cast(zero == 1 ? kir::logical_not(m) : m, DType::I64);
    }
  }
  return number(1);
}

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
