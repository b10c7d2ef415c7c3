#include "schedule/kernel/sparse_spec.h"

#include <algorithm>

#include "schedule/kernel/strided_view.h"

// Which contractions have a sparse operand, and what each of their axes means to it.
namespace lilith::schedule {

using ir::NodeImpl;

namespace {

bool contains(const std::vector<int>& v, int x) {
  return std::find(v.begin(), v.end(), x) != v.end();
}

// A value seen through views that move its dimensions: which one of the view each of them is.
struct Moved {
  NodeImpl* value = nullptr;
  std::vector<int> dims;
};

// The one dimension of a view that an operand's dimension moves along; -1 where there is none.
int moved_by(const std::vector<std::int64_t>& coefficient, std::int64_t extent, const Shape& view,
             const std::vector<int>& taken) {
  int found = -1;
  for (int k = 0; k < view.rank(); ++k) {
    const std::int64_t c = coefficient[static_cast<std::size_t>(k)];
    if (view[k] == 1 && extent > 1) continue;
    if (c == 1 && view[k] == extent && found < 0 && !contains(taken, k))
      found = k;
    else if (c != 0 && view[k] > 1)
      return -1;
  }
  return found;
}

// Views that leave dimensions of extent 1 out, add some or change the order; else no value.
Moved behind_views(NodeImpl* view) {
  const StridedView v = strided_view(view);
  for (const NodeImpl* n = view; n != v.base; n = n->inputs[0])
    if (n->op->cls != OpClass::View) return {};
  if (v.base->aval.numel() != view->aval.numel()) return {};
  Moved m{v.base, {}};
  for (std::size_t d = 0; d < v.offset.size(); ++d) {
    m.dims.push_back(moved_by(v.coefficient[d], v.base->aval.shape[static_cast<int>(d)],
                              view->aval.shape, m.dims));
    if (m.dims.back() < 0 || v.offset[d] != 0) return {};
  }
  return m;
}

template <class T>
std::vector<T> by(const std::vector<int>& dims, const std::vector<T>& list) {
  std::vector<T> out;
  for (const int d : dims) out.push_back(list[static_cast<std::size_t>(d)]);
  return out;
}

// Looks through views and padding; fills in the unpool and where its elements lie in the operand.
bool find_unpool(NodeImpl* operand, SparseSpec* spec) {
  Moved m = behind_views(operand);
  if (m.value == nullptr) return false;
  const auto rank = static_cast<std::size_t>(m.value->aval.shape.rank());
  spec->lo.assign(rank, 0);
  spec->step.assign(rank, 1);
  if (m.value->op->zeros == Zeros::Around) {
    const Attrs& pad = m.value->attrs;
    if (pad.real("value") != 0) return false;
    const Moved inside = behind_views(m.value->inputs[0]);
    if (inside.value == nullptr) return false;
    for (std::size_t d = 0; d < rank; ++d) {
      const std::int64_t lo = pad.ints("lo")[d], hi = pad.ints("hi")[d];
      if (lo < 0 || hi < 0) return false;
      if (lo + hi > 0 && !contains(inside.dims, static_cast<int>(d))) return false;
    }
    spec->lo = by(inside.dims, pad.ints("lo"));
    spec->step = by(inside.dims, pad.ints("interior"));
    for (std::int64_t& step : spec->step) ++step;
    m = {inside.value, by(inside.dims, m.dims)};
  }
  if (m.value->op->zeros != Zeros::Beside) return false;
  spec->unpool = m.value;
  spec->dims = std::move(m.dims);
  for (const std::int64_t lo : spec->unpool->attrs.ints("lo")) {
    if (lo != 0) return false;
  }
  for (const std::int64_t hi : spec->unpool->attrs.ints("hi")) {
    if (hi > 0) return false;
  }
  return is_floating(spec->unpool->aval.dtype);
}

std::vector<int> axes_of_dim(const Coefficients& c, int dim) {
  std::vector<int> list;
  for (std::size_t i = 0; i < c.size(); ++i) {
    if (c[i][static_cast<std::size_t>(dim)] != 0) list.push_back(static_cast<int>(i));
  }
  return list;
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
      if (contains(s_.position_axes, i) || (axis(i).summed() && axis(i).extent == 1)) continue;
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

}  // namespace

std::vector<SparseSpec> sparse_forms(const NodeImpl* core) {
  std::vector<SparseSpec> forms;
  if (core->op->cls != OpClass::Contraction) return forms;
  for (int side = 0; side < 2; ++side) {
    SparseSpec s;
    s.side = side;
    if (!find_unpool(core->inputs[static_cast<std::size_t>(side)], &s)) continue;
    Coefficients sparse = operand_coefficients(core, side);
    for (auto& moves : sparse) moves = by(s.dims, moves);
    const Coefficients dense = operand_coefficients(core, 1 - side);
    const auto rank = [&](std::size_t k) {
      return static_cast<std::size_t>(core->inputs[k]->aval.shape.rank());
    };
    s.axes = contraction_axes(core, std::vector<std::int64_t>(rank(0), 0),
                              std::vector<std::int64_t>(rank(1), 0));
    if (Classifier(s, sparse, dense).run()) forms.push_back(std::move(s));
  }
  return forms;
}

}  // namespace lilith::schedule
