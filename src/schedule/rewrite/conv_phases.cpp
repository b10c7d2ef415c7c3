#include "schedule/rewrite/rewrites.h"

#include <algorithm>

#include "ir/node.h"
#include "ops/conv.h"
#include "ops/define.h"

//   %y = conv_general(%x, %w) {lhs_dilation=[2] stride=[1]}   ->
//   %0 = conv_general(%x, %w[0::2]); %1 = conv_general(%x, %w[1::2])
//   %y = the elements of %0 and %1 in turn
namespace lilith::schedule {
namespace {

using namespace ops;
using I = std::int64_t;

constexpr double kWorthwhile = 1e6;  // products with zeros that pay for more kernels

I floor_mod(I a, I n) { return (a % n + n) % n; }

// One phase along a dimension: result elements r, r + d, … take the taps first, first + d, …
struct Phase {
  I offset = 0, results = 0;
  I first = 0, taps = 0;
  I lo = 0, hi = 0;  // of the input that is not dilated
};

// An element r + d t meets the taps k with r + k - lo = d i, and these meet the elements
// t + (k - first) / d + (r + first - lo) / d.
std::vector<Phase> phases_of(I size, I taps, I results, I d, I lo) {
  std::vector<Phase> all;
  for (I r = 0; r < std::min(d, results); ++r) {
    Phase p{r, (results - r + d - 1) / d, floor_mod(lo - r, d)};
    p.taps = p.first < taps ? (taps - p.first + d - 1) / d : 0;
    p.lo = (lo - r - p.first) / d;
    p.hi = p.results + p.taps - 1 - size - p.lo;
    if (p.taps > 0) all.push_back(p);
  }
  return all;
}

struct Split {
  ConvSpec spec;
  Tensor x, w;
  std::vector<std::vector<Phase>> phases;  // of each spatial dimension
  Ints before, after;                      // what pads x for all of them
};

std::size_t lhs_dim(const Split& s, std::size_t i) {
  return static_cast<std::size_t>(s.spec.lhs[2 + i]);
}

// The phase with these numbers, spread over the whole result.
Tensor one_phase(const Split& s, const Ints& which, const Shape& out) {
  const std::size_t rank = s.x.shape().size();
  Ints start(rank, 0), limit = s.x.shape().vec(), ones(rank, 1);
  Ints tap(rank, 0), taps = s.w.shape().vec(), tap_step(rank, 1);
  Ints lo(rank, 0), hi(rank, 0), interior(rank, 0);
  for (std::size_t i = 0; i < which.size(); ++i) {
    const Phase& p = s.phases[i][static_cast<std::size_t>(which[i])];
    const I d = s.spec.lhs_dilation[i];
    start[lhs_dim(s, i)] = s.before[i] - p.lo;
    limit[lhs_dim(s, i)] -= s.after[i] - p.hi;
    const auto k = static_cast<std::size_t>(s.spec.rhs[2 + i]);
    const auto o = static_cast<std::size_t>(s.spec.out[2 + i]);
    tap[k] = p.first;
    tap_step[k] = d;
    lo[o] = p.offset;
    interior[o] = d - 1;
    hi[o] = out[static_cast<int>(o)] - p.offset - (p.results - 1) * d - 1;
  }
  ConvSpec conv = s.spec;
  std::fill(conv.lhs_dilation.begin(), conv.lhs_dilation.end(), 1);
  std::fill(conv.lo.begin(), conv.lo.end(), 0);
  std::fill(conv.hi.begin(), conv.hi.end(), 0);
  const Tensor part =
      make_conv(make_slice(s.x, start, limit, ones), make_slice(s.w, tap, taps, tap_step), conv);
  return make_pad(part, lo, hi, interior, 0);
}

bool worthwhile(const ConvSpec& spec, const Tensor& w, const Shape& out) {
  double zeros = 1, macs = static_cast<double>(out.numel()) *
                           static_cast<double>(w.shape()[static_cast<int>(spec.rhs[1])]);
  for (std::size_t i = 0; i < spec.stride.size(); ++i) {
    zeros *= static_cast<double>(spec.lhs_dilation[i]);
    macs *= static_cast<double>(w.shape()[static_cast<int>(spec.rhs[2 + i])]);
    if (spec.stride[i] != 1 || (spec.lhs_dilation[i] > 1 && spec.rhs_dilation[i] != 1))
      return false;
  }
  return zeros > 1 && zeros <= 16 && macs * (1 - 1 / zeros) > kWorthwhile;
}

}  // namespace

Tensor split_phases(const Node& n, const std::vector<Tensor>& in) {
  const Shape& out = n.aval().shape;
  Split s{ConvSpec::of(n.attrs()), in[0], in[1], {}, {}, {}};
  if (!worthwhile(s.spec, s.w, out)) return {};
  const std::size_t rank = s.x.shape().size();
  Ints lo(rank, 0), hi(rank, 0);
  Shape counts;
  for (std::size_t i = 0; i < s.spec.stride.size(); ++i) {
    const I size = s.x.shape()[static_cast<int>(lhs_dim(s, i))];
    const I taps = s.w.shape()[static_cast<int>(s.spec.rhs[2 + i])];
    const I results = out[static_cast<int>(s.spec.out[2 + i])];
    if (s.spec.rhs_dilation[i] != 1) return {};
    s.phases.push_back(phases_of(size, taps, results, s.spec.lhs_dilation[i], s.spec.lo[i]));
    counts.push_back(static_cast<I>(s.phases.back().size()));
    I before = 0, after = 0;
    for (const Phase& p : s.phases.back()) {
      before = std::max(before, p.lo);
      after = std::max(after, p.hi);
    }
    s.before.push_back(before);
    s.after.push_back(after);
    lo[lhs_dim(s, i)] = before;
    hi[lhs_dim(s, i)] = after;
  }
  s.x = make_pad(s.x, lo, hi, Ints(rank, 0), 0);
  Tensor sum;
  for_each_index(counts, [&](const Ints& which, I) {
    const Tensor part = one_phase(s, which, out);
    sum = sum.defined() ? apply("add", {sum, part}) : part;
  });
  return sum;
}

}  // namespace lilith::schedule
