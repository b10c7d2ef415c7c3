#include <algorithm>

#include "schedule/rewrite/rewrites.h"

//   %y = conv_general(%x, %w) {lo=[1,1] hi=[1,1]}   ->
//   %p = pad(%x); %y = conv_general(%p, %w) {lo=[0,0] …}
namespace lilith::schedule {
namespace {

bool all_equal(const std::vector<std::int64_t>& v, std::int64_t x) {
  return std::all_of(v.begin(), v.end(), [x](std::int64_t y) { return y == x; });
}

}  // namespace

Tensor explicit_padding(const Node& n, const std::vector<Tensor>& in) {
  const Attrs& a = n.attrs();
  const auto &lo = a.ints("lo"), &hi = a.ints("hi"), &dilation = a.ints("lhs_dilation"),
             &spec = a.ints("lhs_spec");
  if (all_equal(lo, 0) && all_equal(hi, 0) && all_equal(dilation, 1)) return {};
  const auto rank = in[0].shape().size();
  std::vector<std::int64_t> pad_lo(rank, 0), pad_hi(rank, 0), interior(rank, 0);
  std::vector<std::int64_t> start(rank, 0), limit = in[0].shape().vec();
  bool cut = false;
  for (std::size_t s = 0; s < lo.size(); ++s) {
    const auto d = static_cast<std::size_t>(spec[2 + s]);
    interior[d] = dilation[s] - 1;
    pad_lo[d] = std::max<std::int64_t>(0, lo[s]);
    pad_hi[d] = std::max<std::int64_t>(0, hi[s]);
    start[d] = std::max<std::int64_t>(0, -lo[s]);
    limit[d] = (limit[d] - 1) * dilation[s] + 1 + pad_lo[d] + pad_hi[d] -
               std::max<std::int64_t>(0, -hi[s]);
    cut = cut || lo[s] < 0 || hi[s] < 0;
  }
  for (std::size_t d = 0; d < rank; ++d) {
    if (std::find(spec.begin() + 2, spec.end(), static_cast<std::int64_t>(d)) == spec.end())
      limit[d] = in[0].shape()[static_cast<int>(d)];
  }
  Tensor x = apply("pad", {in[0]},
                   {{"lo", pad_lo}, {"hi", pad_hi}, {"interior", interior}, {"value", 0.0}});
  // A negative padding cuts.
  if (cut)
    x = apply("slice", {x},
              {{"start", start}, {"limit", limit}, {"stride", std::vector<std::int64_t>(rank, 1)}});
  Attrs attrs = a;
  const std::vector<std::int64_t> zeros(lo.size(), 0), ones(lo.size(), 1);
  attrs.set("lo", zeros);
  attrs.set("hi", zeros);
  attrs.set("lhs_dilation", ones);
  return apply(n.op(), {x, in[1]}, attrs);
}

}  // namespace lilith::schedule
