#include <algorithm>
#include <cmath>

#include "schedule/cpu/contraction/builder.h"

// A sum along memory that is contiguous in both operands, for results too small to pay for panels
// (a matrix times a few vectors, the weights of a depthwise convolution): the lanes hold parts of
// the sum, and a few elements of the result are summed side by side.
//
//   parallel result / group {
//     decl acc0, acc1, …
//     for summed… { vector k { acc0 += a[k] * b0[k]; acc1 += a[k] * b1[k]; … } }
//     epilogue of acc0, of acc1, …
//   }
namespace lilith::schedule {

using kir::Block;
using kir::Expr;
using kir::LoopKind;

namespace {

constexpr std::int64_t kMostSums = 8;  // elements of the result that share what they read

// The summed axis that both operands have innermost; -1 without one.
int lanes_of_sum(const std::vector<Axis>& axes) {
  for (int i = static_cast<int>(axes.size()) - 1; i >= 0; --i) {
    const Axis& x = axes[static_cast<std::size_t>(i)];
    if (x.summed() && x.a == 1 && x.b == 1 && x.extent > 1) return i;
  }
  return -1;
}

std::int64_t largest_group(std::int64_t extent) {
  for (std::int64_t n = std::min(extent, kMostSums); n > 1; --n) {
    if (extent % n == 0) return n;
  }
  return 1;
}

}  // namespace

ContractionSchedule choose_dots(const ContractionSpec& spec, const Target& target, DType dtype) {
  ContractionSchedule s;
  s.cycles = INFINITY;
  s.sum_axis = lanes_of_sum(spec.axes);
  if (s.sum_axis < 0) return s;
  double result = 1, outer = 1;
  for (int i = 0; i < static_cast<int>(spec.axes.size()); ++i) {
    const Axis& x = spec.axes[static_cast<std::size_t>(i)];
    if (x.unit > 1) return s;
    if (!x.summed()) {
      result *= static_cast<double>(x.extent);
      const std::int64_t group = (x.a == 0) != (x.b == 0) ? largest_group(x.extent) : 1;
      if (group > s.group) {
        s.group_axis = i;
        s.group = group;
      }
    } else if (i != s.sum_axis) {
      outer *= static_cast<double>(x.extent);
    }
  }
  const std::int64_t k = spec.axes[static_cast<std::size_t>(s.sum_axis)].extent;
  const auto vectors = static_cast<double>((k + target.lanes(dtype) - 1) / target.lanes(dtype));
  const auto group = static_cast<double>(s.group);
  // An FMA waits for one read of its own, one of the group's, or for the FMA before it; in the end
  // the lanes are added up.
  s.cycles = result * (outer * (vectors * std::max(1.0, 4 / group) + 2 / group) + 14);
  if (result / group < target.threads) s.cycles = INFINITY;
  return s;
}

void ContractionBuilder::emit_dots() {
  std::vector<Expr> at;
  std::vector<LoopDim> outer;
  for (int i = 0; i < axes(); ++i) {
    const std::int64_t n = axis(i).extent / (i == choice_.group_axis ? choice_.group : 1);
    at.push_back(axis(i).summed() ? pool().var(n, axis(i).name)
                                  : loop_var(pool(), n, axis(i).name));
    if (!axis(i).summed()) outer.push_back({at.back(), n});
  }
  Block terms, body, results;
  for (std::int64_t j = 0; j < choice_.group; ++j) {
    std::vector<Expr> here = at;
    if (choice_.group_axis >= 0) {
      Expr& place = here[static_cast<std::size_t>(choice_.group_axis)];
      place = place * number(choice_.group) + number(j);
    }
    const kir::RegId acc = kernel_.add_reg("acc", dtype_);
    const Expr x = load_operand(spec_.a_buffer, place_a(pool(), here));
    const Expr y = load_operand(spec_.b_buffer, place_b(pool(), here));
    body.push_back(kir::DeclReg{acc, pool().constant(dtype_, 0)});
    terms.push_back(kir::Accumulate{acc, {}, kir::Combine::Add, x * y, {}, {}});
    append(&results, epilogue(out_index(here), pool().read(acc, dtype_)));
  }
  Block sum =
      in_loop(at[static_cast<std::size_t>(choice_.sum_axis)], LoopKind::Vector, std::move(terms));
  const std::vector<int> summed = summed_axes();
  for (auto it = summed.rbegin(); it != summed.rend(); ++it) {
    if (*it != choice_.sum_axis)
      sum = in_loop(at[static_cast<std::size_t>(*it)], LoopKind::Serial, std::move(sum));
  }
  append(&body, std::move(sum));
  append(&body, std::move(results));
  kernel_.body.push_back(share_loops(pool(), outer, std::move(body), tasks()));
}

}  // namespace lilith::schedule
