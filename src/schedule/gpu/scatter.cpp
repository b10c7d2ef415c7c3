#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "schedule/gpu/backend.h"
#include "schedule/gpu/blocks.h"
#include "schedule/kernel/reduction.h"

// scatter_add: an element of the result is one thread's, which goes over the index in order and
// adds what is meant for it: the sums of a CPU, in every bit, and no two threads at one place. An
// index that is the same for all other dimensions passes through shared memory a slice at a time,
// and a block that no element of a slice is meant for skips it:
//
//   grid block { decl acc[t]; thread t { acc[t] = base[…] }
//     for slice { decl any = 0
//       thread u { list[u] = index[slice, u]; if in block's rows { any max= 1 } }; barrier
//       if any { thread t { for s { if list[s] == row { acc[t] += src[…, s, …] } } } }; barrier }
//     thread t { out[…] = acc[t] } }
namespace lilith::schedule::gpu {

using kir::Block;
using kir::Expr;
using kir::LoopKind;

namespace {

constexpr std::int64_t kMostReads = std::int64_t{1} << 28;  // of the index, by all threads
constexpr std::int64_t kList = 32;  // elements of an index that are worth shared memory

class OwnerScan {
 public:
  OwnerScan(Builder& b, const Scatter& g)
      : b_(b),
        n_(g.core),
        axis_(static_cast<std::size_t>(n_->attrs.integer("axis"))),
        lower_(b.lowerer(kernel_)),
        elements_(n_->aval.shape.numel()),
        steps_(n_->inputs[1]->aval.shape[static_cast<int>(axis_)]),
        rows_(n_->aval.shape[static_cast<int>(axis_)]) {
    kernel_.name = n_->op->name;
    threads_ = std::min<std::int64_t>(b.target.gpu->threads, power_of_two(elements_));
    blocks_ = divide_up(elements_, threads_);
    is_list_ = steps_ >= kList && index_is_shared();
  }

  bool is_short_enough() const {
    if (elements_ == 0 || steps_ == 0) return false;
    return (is_list_ ? blocks_ : elements_) <= kMostReads / steps_;
  }
  std::string name() const {
    return is_list_ ? "owners scan a list in slices" : "owners scan the index";
  }
  void emit();

 private:
  kir::Pool& pool() { return *kernel_.pool; }
  Expr number(std::int64_t n) { return pool().integer(n); }
  bool index_is_shared();
  Expr clamped(Expr to) { return kir::min(kir::max(to, number(0)), number(rows_ - 1)); }
  /// An operand where the thread's element is, at this step along the axis.
  Expr operand(int k, Expr step, Expr guard = {}) {
    Index at = place_;
    at[axis_] = step;
    return lower_.value(n_->inputs[static_cast<std::size_t>(k)], at, guard);
  }
  // What a sum (or what else the op combines by) becomes: it is in memory after each step where a
  // CPU computes it.
  Expr add(Expr sum, Expr step) {
    const Expr source = operand(2, step);
    const bool replaces = n_->op->combine == Combination::None;
    return kir::rounded(replaces ? source : combine(combine_of(n_), sum, source), n_->aval.dtype);
  }
  void begin();
  Block scan_index();
  Block scan_list();
  Block fetch(Expr slice, kir::BufferId list, kir::RegId any);

  Builder& b_;
  ir::NodeImpl* n_;
  const std::size_t axis_;
  kir::Kernel kernel_;
  Lowerer lower_;
  const std::int64_t elements_, steps_, rows_;
  std::int64_t threads_, blocks_;
  bool is_list_;
  int out_ = -1;
  Expr block_, thread_;
  Expr inside_;  // whether the thread has an element; null: always
  Index place_;  // of it
};

// Whether the index does not depend on dimensions other than the axis.
bool OwnerScan::index_is_shared() {
  Index at;
  std::vector<Expr> by;
  for (const std::int64_t n : n_->inputs[1]->aval.shape) {
    at.push_back(loop_var(pool(), n, "i"));
    if (at.size() - 1 != axis_ && n != 1) set_var(&by, at.back(), number(0));
  }
  const Expr to = lower_.value(n_->inputs[1], at);
  return kir::substitute(to, by) == to;
}

// Which element is whose.
void OwnerScan::begin() {
  out_ = b_.buffer(n_);
  block_ = pool().var(blocks_, "block");
  thread_ = pool().var(threads_, "t");
  const Expr element = block_ * number(threads_) + thread_;
  if (blocks_ * threads_ != elements_) inside_ = kir::lt(element, number(elements_));
  std::vector<LoopDim> dims;
  for (const std::int64_t n : n_->aval.shape) dims.push_back({loop_var(pool(), n, "o"), n});
  std::vector<Expr> by;
  if (elements_ > 1) split_index(element, proper_loops(dims), &by);
  for (const LoopDim& d : dims) place_.push_back(kir::substitute(d.var, by));
}

Block OwnerScan::scan_index() {
  const DType dtype = compute_dtype(n_->aval.dtype);
  const kir::RegId acc = kernel_.add_reg("acc", dtype);
  const Expr step = loop_var(pool(), steps_, "s"), sum = pool().read(acc, dtype);
  Block set, body;
  set.push_back(kir::SetReg{acc, {}, add(sum, step)});
  set = only_where(kir::eq(clamped(operand(1, step)), place_[axis_]), std::move(set));
  body.push_back(kir::DeclReg{acc, lower_.value(n_->inputs[0], place_)});
  append(&body, in_loop(step, LoopKind::Serial, std::move(set)));
  body.push_back(lower_.store(out_, place_, sum));
  return threads_loop(thread_, only_where(inside_, std::move(body)));
}

// Brings a slice of the index into the list; says whether any of it is meant for the block's rows.
Block OwnerScan::fetch(Expr slice, kir::BufferId list, kir::RegId any) {
  const Expr u = pool().var(threads_, "u"), step = slice * number(threads_) + u;
  Expr has;
  if (steps_ % threads_ != 0) has = kir::lt(step, number(steps_));
  Index at(place_.size(), number(0));
  at[axis_] = step;
  const Expr to = clamped(lower_.value(n_->inputs[1], at, has));
  // Rows are counted through all dimensions before the axis.
  std::int64_t row_elements = 1;
  for (std::size_t d = axis_ + 1; d < place_.size(); ++d)
    row_elements *= n_->aval.shape[static_cast<int>(d)];
  const Expr from = block_ * number(threads_);
  const Expr first = kir::floor_div(from, row_elements),
             last = kir::floor_div(from + number(threads_ - 1), row_elements);
  const Expr hits = kir::le(kir::floor_mod(to - first, rows_), last - first);
  Block body, found;
  body.push_back(kir::Store{list, u, has ? pool().select(has, to, number(-1)) : to, {}});
  found.push_back(
      kir::Accumulate{any, {}, kir::Combine::Max, pool().integer(1, DType::I32), {}, {}});
  append(&body, only_where(kir::logical_and(has, hits), std::move(found)));
  return threads_loop(u, std::move(body));
}

Block OwnerScan::scan_list() {
  const DType dtype = compute_dtype(n_->aval.dtype);
  const kir::RegId acc = kernel_.add_thread_reg("acc", dtype, {threads_}, 1),
                   any = kernel_.add_reg("any", DType::I32);
  const kir::BufferId list = kernel_.add_buffer("list", DType::I64, threads_, kir::Space::Shared);
  const Expr sum = pool().read(acc, dtype, {thread_});
  const std::int64_t slices = divide_up(steps_, threads_);
  const Expr slice = loop_var(pool(), slices, "slice"), s = loop_var(pool(), threads_, "s");

  Block begin, set, each, end, body;
  begin.push_back(kir::SetReg{acc, {thread_}, lower_.value(n_->inputs[0], place_)});
  set.push_back(kir::SetReg{acc, {thread_}, add(sum, slice * number(threads_) + s)});
  set = only_where(kir::eq(pool().load(list, DType::I64, s), place_[axis_]), std::move(set));
  set = only_where(inside_, in_loop(s, LoopKind::Serial, std::move(set)));
  each.push_back(kir::DeclReg{any, pool().integer(0, DType::I32)});
  append(&each, fetch(slice, list, any));
  each.push_back(kir::Barrier{});
  append(&each, only_where(kir::gt(pool().read(any, DType::I32), pool().integer(0, DType::I32)),
                           threads_loop(thread_, std::move(set))));
  if (slices > 1) each.push_back(kir::Barrier{});
  end.push_back(lower_.store(out_, place_, sum));

  body.push_back(kir::DeclReg{acc, pool().constant(dtype, 0)});
  append(&body, threads_loop(thread_, only_where(inside_, std::move(begin))));
  append(&body, in_loop(slice, LoopKind::Serial, std::move(each)));
  append(&body, threads_loop(thread_, only_where(inside_, std::move(end))));
  return body;
}

void OwnerScan::emit() {
  begin();
  make_grid(&kernel_, block_, threads_, is_list_ ? scan_list() : scan_index());
  b_.launch(std::move(kernel_), lower_, {n_},
            fmt::format("{}, {} blocks, {} steps", name(), blocks_, steps_),
            static_cast<double>(n_->inputs[2]->aval.shape.numel()), n_);
}

}  // namespace

std::vector<Choice> scatter_ways(Builder& b, const Scatter& g) {
  const auto scan = std::make_shared<OwnerScan>(b, g);
  if (!scan->is_short_enough()) return {};
  return {{scan->name(), 0, {{g.core, Layout::row_major(g.core->aval.shape.rank())}}, [scan] {
             scan->emit();
           }}};
}

}  // namespace lilith::schedule::gpu
