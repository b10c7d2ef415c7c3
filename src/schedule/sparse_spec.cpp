#include <algorithm>

#include "core/env.h"
#include "schedule/sparse.h"

// Which contractions have a sparse operand, and what each of their axes means to it.
namespace lilith::schedule {

using ir::NodeImpl;

namespace {

// Looks through padding; fills in the unpool and where its elements lie in the operand.
bool find_unpool(NodeImpl* operand, SparseSpec* spec) {
  const auto rank = static_cast<std::size_t>(operand->aval.shape.rank());
  spec->lo.assign(rank, 0);
  spec->step.assign(rank, 1);
  if (operand->op->name == "pad") {
    spec->lo = operand->attrs.ints("lo");
    for (std::size_t d = 0; d < rank; ++d) {
      spec->step[d] = operand->attrs.ints("interior")[d] + 1;
      if (spec->lo[d] < 0 || operand->attrs.ints("hi")[d] < 0) return false;
    }
    operand = operand->inputs[0];
  }
  if (operand->op->name != "unpool") return false;
  spec->unpool = operand;
  for (const std::int64_t lo : operand->attrs.ints("lo")) {
    if (lo != 0) return false;
  }
  for (const std::int64_t hi : operand->attrs.ints("hi")) {
    if (hi > 0) return false;
  }
  return is_floating(operand->aval.dtype);
}

// coefficient[axis][dimension] of an operand's index in terms of the axes.
using Coefficients = std::vector<std::vector<std::int64_t>>;
Coefficients coefficients(const NodeImpl* core, int side) {
  const auto rank = static_cast<std::size_t>(core->inputs[0]->aval.shape.rank());
  const auto other = static_cast<std::size_t>(core->inputs[1]->aval.shape.rank());
  const std::size_t dims = side == 0 ? rank : other;
  Coefficients c;
  for (std::size_t d = 0; d < dims; ++d) {
    std::vector<std::int64_t> a(rank, 0), b(other, 0);
    (side == 0 ? a : b)[d] = 1;
    const std::vector<Axis> axes = contraction_axes(core, a, b);
    c.resize(axes.size(), std::vector<std::int64_t>(dims, 0));
    for (std::size_t i = 0; i < axes.size(); ++i) c[i][d] = side == 0 ? axes[i].a : axes[i].b;
  }
  return c;
}

std::vector<int> axes_of_dim(const Coefficients& c, int dim) {
  std::vector<int> list;
  for (std::size_t i = 0; i < c.size(); ++i) {
    if (c[i][static_cast<std::size_t>(dim)] != 0) list.push_back(static_cast<int>(i));
  }
  return list;
}

bool contains(const std::vector<int>& v, int x) {
  return std::find(v.begin(), v.end(), x) != v.end();
}

class Classifier {
 public:
  Classifier(SparseSpec& s, const Coefficients& sparse, const Coefficients& dense)
      : s_(s), sparse_(sparse), dense_(dense) {}

  bool run() {
    const auto& window = s_.unpool->attrs.ints("window");
    for (std::size_t d = 0; d < window.size(); ++d) {
      const std::vector<int> list = axes_of_dim(sparse_, static_cast<int>(d));
      const bool plain =
          list.size() == 1 && coefficient(list[0], d) == 1 && s_.lo[d] == 0 && s_.step[d] == 1;
      if (window[d] == 1 && plain && axes_once(list[0])) {
        s_.list_dims.push_back(static_cast<int>(d));
        s_.list_axes.push_back(list[0]);
      } else if (!position(static_cast<int>(d), list, plain)) {
        return false;
      }
    }
    if (s_.position_dims.empty() || mixed_) return false;
    return rest();
  }

 private:
  const Axis& axis(int i) const { return s_.axes[static_cast<std::size_t>(i)]; }
  std::int64_t coefficient(int a, std::size_t d) const {
    return sparse_[static_cast<std::size_t>(a)][d];
  }
  // An axis moves one dimension of the operand alone.
  bool axes_once(int a) const {
    const auto& c = sparse_[static_cast<std::size_t>(a)];
    return std::count(c.begin(), c.end(), 0) + 1 == static_cast<std::ptrdiff_t>(c.size());
  }
  bool in_dense(int a) const {
    const auto& c = dense_[static_cast<std::size_t>(a)];
    return std::any_of(c.begin(), c.end(), [](std::int64_t x) { return x != 0; });
  }

  bool position(int dim, const std::vector<int>& list, bool plain) {
    const auto d = static_cast<std::size_t>(dim);
    for (const int a : list) {
      if (!axes_once(a)) return false;
    }
    const bool gather = plain && axis(list[0]).summed();
    mixed_ = mixed_ || (!s_.position_dims.empty() && s_.scatter == gather);
    s_.scatter = !gather;
    const int at = static_cast<int>(s_.position_dims.size());
    s_.position_dims.push_back(dim);
    if (gather) {
      s_.position_axes.push_back(list[0]);
      return true;
    }
    int result = -1;
    for (const int a : list) {
      const std::int64_t c = coefficient(a, d);
      if (axis(a).summed()) {
        if (c < 1) return false;
        s_.taps.push_back({a, at, c});
      } else if (result >= 0 || c != 1 || axis(a).out_step != 1 || in_dense(a)) {
        return false;
      } else {
        result = a;
      }
    }
    s_.position_axes.push_back(result);
    return result >= 0;
  }

  // The other axes: of the result and the dense operand alone.
  bool rest() {
    for (int i = 0; i < static_cast<int>(s_.axes.size()); ++i) {
      if (axis(i).out_step > 1) return false;
      if (contains(s_.list_axes, i)) {
        // The weights of a scatter are packed once for all of the result's lists.
        if (s_.scatter && !axis(i).summed() && in_dense(i)) return false;
        continue;
      }
      if (contains(s_.position_axes, i)) continue;
      if (std::any_of(s_.taps.begin(), s_.taps.end(), [&](const auto& t) { return t.axis == i; }))
        continue;
      if (axis(i).summed()) return false;
      s_.free.push_back(i);
    }
    return true;
  }

  SparseSpec& s_;
  const Coefficients &sparse_, &dense_;
  bool mixed_ = false;
};

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

// Cycles of one thread, dense and sparse; what the model knows before any layout is chosen: the
// taps of the last position and the channels lie in one row, which ends in a vector that is not
// full.
bool pays(const SparseSpec& s, const Coefficients& dense, const NodeImpl* core,
          const Target& target) {
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

}  // namespace

std::optional<SparseSpec> sparse_spec(const NodeImpl* core, const Target& target) {
  if (core->op->cls != OpClass::Contraction || env::disabled("sparse")) return {};
  for (int side = 0; side < 2; ++side) {
    SparseSpec s;
    s.side = side;
    if (!find_unpool(core->inputs[static_cast<std::size_t>(side)], &s)) continue;
    const Coefficients sparse = coefficients(core, side), dense = coefficients(core, 1 - side);
    const auto rank = [&](std::size_t k) {
      return static_cast<std::size_t>(core->inputs[k]->aval.shape.rank());
    };
    s.axes = contraction_axes(core, std::vector<std::int64_t>(rank(0), 0),
                              std::vector<std::int64_t>(rank(1), 0));
    if (Classifier(s, sparse, dense).run() && pays(s, dense, core, target)) return s;
  }
  return {};
}

}  // namespace lilith::schedule
