#include "schedule/rewrite/rewrites.h"

#include "ops/primitives.h"

//   %y = argmax(%x) {axes=[1]}   ->   %m = reduce_max(%x); %y = reduce_min(where(%x == %m, iota,
//   n))
namespace lilith::schedule {
namespace {

using namespace ops;

constexpr std::int64_t kLong = 64;       // elements of a row that are worth two reductions
constexpr std::int64_t kColumns = 1024;  // that keep the lanes of all threads busy

}  // namespace

Tensor split_argmax(const Node& n, const std::vector<Tensor>& in) {
  const Tensor& x = in[0];
  const Ints& axes = n.attrs().ints("axes");
  const auto axis = static_cast<int>(axes[0]);
  const std::int64_t extent = x.shape()[axis];
  const bool in_line = axis == x.ndim() - 1;
  if (extent < kLong || (!in_line && n.aval().numel() >= kColumns)) return {};
  const Tensor best = make_reduce(n.op_name() == "argmax" ? "reduce_max" : "reduce_min", x, axes);
  Tensor hit = apply("eq", {x, broadcast_over(best, x.shape(), axes)});
  // A NaN beats all, and equals none.
  if (is_floating(x.dtype())) hit = apply("or", {hit, apply("ne", {x, x})});
  const Tensor place = make_iota(x.shape(), axis, DType::I64, x.device());
  const Tensor none = full_as(place, static_cast<double>(extent - 1));
  return make_reduce("reduce_min", make_select(hit, place, none), axes);
}

}  // namespace lilith::schedule
