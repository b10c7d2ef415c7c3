#include "schedule/kernel/strided_view.h"

#include <algorithm>

#include "lilith/lower.h"
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

// What an op of one operand says of its element at an index of variables.
struct Lowered {
  kir::Pool pool;
  std::vector<kir::Expr> at;  // where it reads the operand; variable d is the index of dimension d
  bool plain = false;         // the element is what it read, once and without a guard
  bool converted = false;     // the same, as the node's dtype
};

void lower_at_variables(const NodeImpl* node, Lowered* l) {
  const Shape& out = node->aval.shape;
  std::vector<kir::Expr> index;
  // The variable of a single index stays one, and counts as that of any other dimension.
  for (const std::int64_t n : out) index.push_back(l->pool.var(std::max<std::int64_t>(n, 2), "i"));
  const Aval& in = node->inputs[0]->aval;
  const kir::Expr read = l->pool.read(0, compute_dtype(in.dtype));
  int reads = 0;
  LowerCtx ctx{l->pool, node->attrs, node->aval, {&in, 1}, index, {}, {}};
  ctx.element = [&](int, std::vector<kir::Expr> at) {
    l->at = std::move(at);
    ++reads;
    return read;
  };
  ctx.guarded = [&](int, std::vector<kir::Expr>, kir::Expr) {
    reads = 2;
    return read;
  };
  const kir::Expr element = node->op->lower(ctx);
  l->plain = element == read && reads == 1;
  l->converted = element->op == kir::Op::Cast && element->args[0] == read && reads == 1;
}

// One view op as a map from its own index to its input's, by its `lower`; false when it is not
// affine.
bool step_view(const NodeImpl* node, StridedView* map) {
  if (node->inputs.size() != 1 || node->aval.numel() == 0) return false;
  Lowered l;
  lower_at_variables(node, &l);
  if (!l.plain) return false;
  map->offset.clear();
  map->coefficient.clear();
  for (const kir::Expr& at : l.at) {
    const std::optional<kir::Affine> a = kir::affine(at);
    if (!a) return false;
    map->offset.push_back(a->constant);
    map->coefficient.emplace_back();
    for (int d = 0; d < node->aval.shape.rank(); ++d)
      map->coefficient.back().push_back(a->coefficient(static_cast<kir::VarId>(d)));
  }
  return true;
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

// A half as the f32 that loading it gives, a byte as an i32: an op that only changes the dtype.
bool only_widens(const NodeImpl* node) {
  if (node->op->cls != OpClass::Elementwise || node->op->arity != 1 || !node->op->pure)
    return false;
  const DType from = node->inputs[0]->aval.dtype, to = node->aval.dtype;
  const bool is_float = is_floating(from) && compute_dtype(from) == DType::F32 && to == DType::F32,
             is_byte = (from == DType::I8 || from == DType::U8) && to == DType::I32;
  if (!is_float && !is_byte) return false;
  Lowered l;
  lower_at_variables(node, &l);
  return is_byte ? l.converted : l.plain;
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
