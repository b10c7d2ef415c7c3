#include <algorithm>

#include "schedule/cpu/sparse/sparse.h"
#include "schedule/kernel/lowering.h"

namespace lilith::schedule {

using ir::NodeImpl;

namespace {

// The axes of the kernel's taps that move the same dimension as position `p`.
std::vector<int> taps_of(const SparseSpec& s, const Coefficients& dense, std::size_t p) {
  std::vector<int> list;
  if (s.scatter) {
    for (const SparseSpec::Tap& t : s.taps) {
      if (t.position == static_cast<int>(p)) list.push_back(t.axis);
    }
    return list;
  }
  const auto& moved = dense[static_cast<std::size_t>(s.position_axes[p])];
  for (const int f : s.free) {
    const auto& c = dense[static_cast<std::size_t>(f)];
    for (std::size_t d = 0; d < c.size(); ++d) {
      if (c[d] != 0 && moved[d] != 0) list.push_back(f);
    }
  }
  return list;
}

}  // namespace

// Cycles of one thread, dense and sparse; what the model knows before any layout is chosen: the
// taps of the last position and the channels lie in one row, which ends in a vector that is not
// full.
bool sparse_pays(const SparseSpec& s, const NodeImpl* core, const Target& target) {
  const Coefficients dense = operand_coefficients(core, 1 - s.side);
  const auto extent = [&](int i) {
    return static_cast<double>(s.axes[static_cast<std::size_t>(i)].extent);
  };
  double macs = 1, work = 1, rows = 1;
  for (std::size_t i = 0; i < s.axes.size(); ++i) macs *= extent(static_cast<int>(i));
  for (const int i : s.free) work *= extent(i);
  for (const SparseSpec::Tap& t : s.taps) work *= extent(t.axis);
  for (std::size_t p = 0; p + 1 < s.position_dims.size(); ++p) {
    for (const int i : taps_of(s, dense, p)) rows *= extent(i);
  }
  const double lanes = target.lanes(compute_dtype(core->aval.dtype));
  const double vectors = work / lanes + rows * 0.5;
  const auto elements = static_cast<double>(s.unpool->inputs[0]->aval.numel());
  double summed_lists = 1, result_lists = 1;
  for (const int i : s.list_axes)
    (s.axes[static_cast<std::size_t>(i)].summed() ? summed_lists : result_lists) *= extent(i);
  // What is added to: a copy of the result that every image passes through, or an image's tile.
  double sums = s.scatter ? 1 : result_lists;
  for (const int i : s.free) sums *= extent(i);
  for (const int d : s.position_dims)
    sums *= s.scatter ? static_cast<double>(s.unpool->aval.shape[d]) : 1;
  const double bytes = sums * static_cast<double>(size_of(core->aval.dtype));
  if (s.scatter && bytes > static_cast<double>(target.l2_bytes) / 2) return false;
  const double traffic =
      bytes > static_cast<double>(target.l2_bytes) / 2 ? summed_lists * bytes / 8 : 0;
  // Places are 32 bits wide.
  for (const NodeImpl* in : core->inputs) {
    if (in->aval.numel() > INT32_MAX) return false;
  }
  // A scatter's images are what the team shares.
  const double idle =
      s.scatter ? target.threads / std::min<double>(target.threads, result_lists) : 1;
  // A scatter reads and writes its sums in memory for each product; an element costs a few steps
  // of the list's loops. The dense form needs the zeros in memory.
  const double sparse =
      (elements * (std::max(4.0, vectors * (s.scatter ? 2.0 : 1.3)) + 6) + traffic) * idle;
  const double dense_form = 1.5 * macs / lanes + 0.7 * static_cast<double>(s.unpool->aval.numel());
  return sparse < dense_form;
}

}  // namespace lilith::schedule
