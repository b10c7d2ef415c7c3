#include <fmt/format.h>

#include <algorithm>

#include "schedule/cpu/contraction/operand_walk.h"
#include "schedule/cpu/contraction/product_kernel.h"
#include "schedule/cpu/contraction/tile_cycles.h"
#include "schedule/cpu/contraction/ways.h"

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

using kir::LoopKind;

namespace {

constexpr std::int64_t kMostSums = 8;  // elements of the result that share what they read

/// The lanes run along a summed axis, and so many elements of the result next to each other along
/// another one share what they read.
struct DotSchedule {
  int sum_axis = -1, group_axis = -1;
  std::int64_t group = 1;
};

// So that each FMA need not wait for the one before it, as far as there are registers; the same for
// all groups that one extent may be given.
int sums_of(std::int64_t group, const Target& target) {
  if (group < kMostSums / 2) return 4;
  return target.vector_registers >= 32 ? 2 : 1;
}

class Dots : private ProductKernel {
 public:
  Dots(Builder& b, const Product& g, const ContractionSpec& spec, const Layout& layout,
       const DotSchedule& schedule)
      : ProductKernel(b, g, spec, layout), schedule_(schedule) {}
  void emit(const std::string& how);

 private:
  const DotSchedule schedule_;
};

void Dots::emit(const std::string& how) {
  const auto& [sum_axis, group_axis, group] = schedule_;
  std::vector<Expr> at;
  std::vector<LoopDim> outer;
  for (int i = 0; i < axes(); ++i) {
    const std::int64_t n = divide_up(axis(i).extent, i == group_axis ? group : 1);
    at.push_back(axis(i).summed() ? pool().var(n, axis(i).name)
                                  : loop_var(pool(), n, axis(i).name));
    if (!axis(i).summed())
      outer.push_back({at.back(), n, false, typical_steps(i, i == group_axis ? group : 1)});
  }
  Block terms, body, results;
  const bool is_open = group_axis >= 0 && axis(group_axis).varies;
  Expr left;  // of an extent that varies, from this group on
  if (is_open) {
    const Expr begun = at[static_cast<std::size_t>(group_axis)] * number(group);
    left = unknown("left", number(axis(group_axis).extent) - begun, &body);
  }
  for (std::int64_t j = 0; j < group; ++j) {
    std::vector<Expr> here = at, read = at;
    Expr inside;
    if (group_axis >= 0) {
      const auto g = static_cast<std::size_t>(group_axis);
      const std::int64_t extent = axis(group_axis).extent;
      here[g] = read[g] = at[g] * number(group) + number(j);
      // What lies beyond: the last element again, not stored.
      if (is_open) {
        read[g] = at[g] * number(group) + kir::min(number(j), left - number(1));
        inside = kir::lt(number(j), left);
      } else if (extent % group != 0) {
        read[g] = kir::min(here[g], number(extent - 1));
        inside = kir::lt(here[g], number(extent));
      }
    }
    const kir::RegId acc = kernel_.add_reg("acc", dtype_);
    const Expr x = load_a(read), y = load_b(read);
    body.push_back(kir::DeclReg{acc, pool().constant(dtype_, 0)});
    terms.push_back(kir::Accumulate{acc, {}, kir::Combine::Add, x * y, {}, {}});
    append(&results, only_where(inside, epilogue(out_index(here), pool().read(acc, dtype_))));
  }
  Block sum = in_loop(at[static_cast<std::size_t>(sum_axis)], LoopKind::Vector, std::move(terms));
  sum.back().loop.sums = sums_of(group, b_.target);
  const std::vector<int> summed = summed_axes();
  for (auto it = summed.rbegin(); it != summed.rend(); ++it) {
    if (*it != sum_axis)
      sum = in_loop(at[static_cast<std::size_t>(*it)], LoopKind::Serial, std::move(sum));
  }
  append(&body, std::move(sum));
  append(&body, std::move(results));
  kernel_.body.push_back(share_loops(pool(), outer, std::move(body), tasks()));
  launch(how);
}

// The summed axis that both operands have innermost; -1 without one.
int lanes_of_sum(const std::vector<Axis>& axes) {
  for (int i = static_cast<int>(axes.size()) - 1; i >= 0; --i) {
    const Axis& x = axes[static_cast<std::size_t>(i)];
    if (x.summed() && x.a == 1 && x.b == 1 && x.extent > 1) return i;
  }
  return -1;
}

// Groups of one size: their last one may reach beyond the result. Along an extent that varies they
// are as large for all, but for the smallest, which are summed otherwise (sums_of).
std::int64_t group_of(const Axis& axis) {
  if (axis.varies && axis.extent >= kMostSums / 2) return kMostSums;
  return divide_up(axis.extent, divide_up(axis.extent, kMostSums));
}

DotSchedule find_group(const ContractionSpec& spec) {
  DotSchedule s{lanes_of_sum(spec.axes)};
  for (int i = 0; i < static_cast<int>(spec.axes.size()); ++i) {
    const Axis& x = spec.axes[static_cast<std::size_t>(i)];
    const bool shares = !x.summed() && (x.a == 0) != (x.b == 0);
    const std::int64_t group = shares ? group_of(x) : 1;
    if (group <= s.group) continue;
    s.group_axis = i;
    s.group = group;
  }
  return s;
}

// Whether the elements that are summed side by side read an operand that others read again, of
// which the L1 cache keeps too little beside what streams by.
bool reloads(const ContractionSpec& spec, const Target& target, DType dtype, const DotSchedule& s) {
  if (s.group_axis < 0) return false;
  const auto axis = [&](int i) -> const Axis& { return spec.axes[static_cast<std::size_t>(i)]; };
  const auto step = axis(s.group_axis).a != 0 ? &Axis::a : &Axis::b;
  const bool again = std::any_of(spec.axes.begin(), spec.axes.end(), [&](const Axis& x) {
    return !x.summed() && x.extent > 1 && x.*step == 0;
  });
  const std::int64_t bytes =
      s.group * axis(s.sum_axis).extent * static_cast<std::int64_t>(size_of(dtype));
  return again && 2 * bytes > target.l1_bytes;
}

// Both operands pass by once, in lines of the sum.
double wait_for_operands(const ContractionSpec& spec, const Target& target, DType dtype,
                         std::int64_t line) {
  const auto size = static_cast<std::int64_t>(size_of(dtype));
  return walk_in_runs(span_bytes(spec.axes, &Axis::a, size), line * size, target).far(1) +
         walk_in_runs(span_bytes(spec.axes, &Axis::b, size), line * size, target).far(1);
}

// Elements that are summed, those beyond the result too.
double summed_elements(const ContractionSpec& spec, const DotSchedule& s) {
  if (s.group_axis < 0) return spec.result_elements();
  const std::int64_t extent = spec.axes[static_cast<std::size_t>(s.group_axis)].extent;
  return spec.result_elements() / static_cast<double>(extent) *
         static_cast<double>(divide_up(extent, s.group) * s.group);
}

double cycles_of(const ContractionSpec& spec, const Target& target, DType dtype,
                 const DotSchedule& s) {
  const std::int64_t k = spec.axes[static_cast<std::size_t>(s.sum_axis)].extent;
  const double result = spec.result_elements(),
               outer = spec.macs() / result / static_cast<double>(k);
  const auto vectors = static_cast<double>(divide_up(k, target.lanes(dtype)));
  const auto group = static_cast<double>(s.group);
  // An FMA waits for one read of its own, one of the group's, or for the FMA before it; at the end
  // of each line the lanes are added up.
  const double lines = outer > 1 ? 7 : 0;
  const double widened =
      kWidenedVector * ((is_half(spec.a_dtype) ? 1 : 0) + (is_half(spec.b_dtype) ? 1 / group : 0));
  const double vector = (reloads(spec, target, dtype, s) ? kReloaded : std::max(1.0, 4 / group)) +
                        widened + byte_products(spec);
  return summed_elements(spec, s) * (outer * (vectors * vector + 2 / group + lines) + 14) +
         wait_for_operands(spec, target, dtype, k);
}

}  // namespace

void add_dot_ways(Builder& b, const Product& g, const ContractionSpec& spec,
                  std::vector<Choice>* ways) {
  const DotSchedule s = find_group(spec);
  if (s.sum_axis < 0 || g.pool != nullptr) return;
  // Work for each thread.
  if (spec.result_elements() / static_cast<double>(s.group) < b.target.threads) return;
  const DType dtype = compute_dtype(g.core->aval.dtype);
  const std::string name =
      fmt::format("lanes along the sum over {}, {} side by side",
                  spec.axes[static_cast<std::size_t>(s.sum_axis)].name, s.group);
  const Layout layout = Layout::row_major(g.domain.rank());
  Choice way = laid_out(name, cycles_of(spec, b.target, dtype, s), g.stores, layout);
  way.sum_order = {kInLanes, s.sum_axis};
  way.emit = [&b, g, spec, layout, s, name] { Dots(b, g, spec, layout, s).emit(name); };
  ways->push_back(std::move(way));
}

}  // namespace lilith::schedule
