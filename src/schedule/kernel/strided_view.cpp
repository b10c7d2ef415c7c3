#include "schedule/kernel/strided_view.h"

#include "schedule/kernel/lowering.h"

namespace lilith::schedule {

using ir::NodeImpl;

namespace {

StridedView identity_view(NodeImpl* node) {
  StridedView v;
  v.base = node;
  const auto rank = static_cast<std::size_t>(node->aval.shape.rank());
  v.offset.assign(rank, 0);
  v.coefficient.assign(rank, std::vector<std::int64_t>(rank, 0));
  for (std::size_t d = 0; d < rank; ++d) v.coefficient[d][d] = 1;
  return v;
}

// One view op as a map from its own index to its input's; false when it is not affine.
bool step_view(NodeImpl* node, StridedView* map) {
  const std::string& op = node->op->name;
  const Shape& out = node->aval.shape;
  const Shape& in = node->inputs.empty() ? out : node->inputs[0]->aval.shape;
  const auto rank_in = static_cast<std::size_t>(in.rank());
  map->offset.assign(rank_in, 0);
  map->coefficient.assign(rank_in, std::vector<std::int64_t>(out.size(), 0));
  if (op == "transpose") {
    const auto& perm = node->attrs.ints("perm");
    for (std::size_t o = 0; o < perm.size(); ++o)
      map->coefficient[static_cast<std::size_t>(perm[o])][o] = 1;
    return true;
  }
  if (op == "slice") {
    const auto &start = node->attrs.ints("start"), &stride = node->attrs.ints("stride");
    for (std::size_t d = 0; d < rank_in; ++d) {
      map->offset[d] = start[d];
      map->coefficient[d][d] = stride[d];
    }
    return true;
  }
  if (op == "reverse") {
    for (std::size_t d = 0; d < rank_in; ++d) map->coefficient[d][d] = 1;
    for (const std::int64_t d : node->attrs.ints("dims")) {
      map->offset[static_cast<std::size_t>(d)] = in[static_cast<int>(d)] - 1;
      map->coefficient[static_cast<std::size_t>(d)][static_cast<std::size_t>(d)] = -1;
    }
    return true;
  }
  if (op == "broadcast") {
    const auto& dims = node->attrs.ints("dims");
    for (std::size_t d = 0; d < rank_in; ++d) {
      if (in[static_cast<int>(d)] != 1) map->coefficient[d][static_cast<std::size_t>(dims[d])] = 1;
    }
    return true;
  }
  if (op == "reshape") {
    // Affine when every input dimension is a product of neighbouring output dimensions.
    int o = 0;
    for (int d = 0; d < in.rank(); ++d) {
      std::int64_t product = 1;
      std::vector<int> parts;
      while (product < in[d] && o < out.rank()) {
        product *= out[o];
        parts.push_back(o++);
      }
      if (product != in[d]) return false;
      std::int64_t stride = 1;
      for (auto it = parts.rbegin(); it != parts.rend(); ++it) {
        map->coefficient[static_cast<std::size_t>(d)][static_cast<std::size_t>(*it)] = stride;
        stride *= out[*it];
      }
      while (o < out.rank() && out[o] == 1) ++o;
    }
    return true;
  }
  return false;
}

// outer: view -> middle index, inner: middle index -> base index.
StridedView compose(const StridedView& outer, const StridedView& inner) {
  StridedView r;
  r.base = inner.base;
  r.offset = inner.offset;
  const std::size_t view_rank = outer.coefficient.empty() ? 0 : outer.coefficient[0].size();
  r.coefficient.assign(inner.offset.size(), std::vector<std::int64_t>(view_rank, 0));
  for (std::size_t b = 0; b < inner.offset.size(); ++b) {
    for (std::size_t m = 0; m < inner.coefficient[b].size(); ++m) {
      const std::int64_t c = inner.coefficient[b][m];
      if (c == 0) continue;
      r.offset[b] += c * outer.offset[m];
      for (std::size_t v = 0; v < view_rank; ++v)
        r.coefficient[b][v] += c * outer.coefficient[m][v];
    }
  }
  return r;
}

// A half as the f32 that loading it gives.
bool only_widens(const NodeImpl* node) {
  return node->op->name == "cast" && node->aval.dtype == DType::F32 &&
         compute_dtype(node->inputs[0]->aval.dtype) == DType::F32 &&
         is_floating(node->inputs[0]->aval.dtype);
}

}  // namespace

StridedView strided_view(NodeImpl* node) {
  StridedView view = identity_view(node);
  for (;;) {
    if (only_widens(view.base)) {
      view.base = view.base->inputs[0];
      continue;
    }
    if (view.base->op->cls != OpClass::View || view.base->inputs.empty()) break;
    StridedView step;
    if (view.base->aval.shape.rank() == 0 || !step_view(view.base, &step)) break;
    step.base = view.base->inputs[0];
    view = compose(view, step);
  }
  return view;
}

}  // namespace lilith::schedule
