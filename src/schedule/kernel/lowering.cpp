#include "schedule/kernel/lowering.h"

#include <algorithm>

#include "lilith/lower.h"

namespace lilith::schedule {

kir::Expr place_of(kir::Pool& pool, const Index& at, const Layout& layout, const Shape& shape) {
  const auto strides = layout.strides(shape);
  kir::Expr sum = pool.integer(0);
  for (std::size_t d = 0; d < at.size(); ++d) sum = sum + at[d] * pool.integer(strides[d]);
  return sum;
}

std::size_t Lowerer::KeyHash::operator()(const Key& k) const {
  std::size_t h = std::hash<const void*>{}(k.node) * 31 + std::hash<const void*>{}(k.guard);
  for (const kir::ExprNode* e : k.at) h = h * 1000003 + std::hash<const void*>{}(e);
  return h;
}

kir::BufferId Lowerer::param(int buffer) {
  if (const auto it = param_of_.find(buffer); it != param_of_.end()) return it->second;
  const BufferPlan& b = plan_.buffers[static_cast<std::size_t>(buffer)];
  const kir::BufferId id = kernel_.add_buffer(b.name, b.dtype, b.shape.numel());
  params_.push_back(buffer);
  param_of_.emplace(buffer, id);
  return id;
}

kir::BufferId Lowerer::written_param(int buffer) {
  const kir::BufferId id = param(buffer);
  kernel_.buffers[static_cast<std::size_t>(id)].written = true;
  return id;
}

kir::Expr Lowerer::address(int buffer, const Index& at) {
  const BufferPlan& b = plan_.buffers[static_cast<std::size_t>(buffer)];
  return place_of(*kernel_.pool, at, b.layout, b.shape);
}

kir::Expr Lowerer::load(int buffer, kir::Expr place, DType dtype, kir::Expr guard) {
  const DType memory = plan_.buffers[static_cast<std::size_t>(buffer)].dtype;
  const kir::Expr raw = kernel_.pool->load(param(buffer), memory, place, guard);
  return raw.dtype() == dtype ? raw : kernel_.pool->cast(raw, dtype);
}

kir::Stmt Lowerer::store(int buffer, const Index& at, kir::Expr value) {
  return kir::Store{written_param(buffer), address(buffer, at), value, {}};
}

kir::Expr Lowerer::value(ir::NodeImpl* node, const Index& at, kir::Expr guard) {
  Key key{node, {}, guard.node()};
  key.at.reserve(at.size());
  for (const kir::Expr& e : at) key.at.push_back(e.node());
  if (const auto it = memo_.find(key); it != memo_.end()) return it->second;
  // A value is rounded to its dtype whether it is stored or not.
  const kir::Expr result = kir::rounded(compute(node, at, guard), node->aval.dtype);
  memo_.emplace(std::move(key), result);
  return result;
}

kir::Expr Lowerer::compute(ir::NodeImpl* node, const Index& at, kir::Expr guard) {
  if (const auto it = bound_.find(node); it != bound_.end()) return it->second(at, guard);
  const DType dtype = compute_dtype(node->aval.dtype);
  if (node->op == &ir::constant_op()) {
    const Attr* value = node->attrs.find("value");
    if (const auto* f = std::get_if<double>(value)) return kernel_.pool->constant(dtype, *f);
    if (const auto* b = std::get_if<bool>(value)) return kernel_.pool->integer(*b, dtype);
    const std::int64_t i = std::get<std::int64_t>(*value);
    return is_floating(dtype) ? kernel_.pool->constant(dtype, static_cast<double>(i))
                              : kernel_.pool->integer(i, dtype);
  }
  const bool in_place = std::find(in_place_.begin(), in_place_.end(), node) != in_place_.end();
  if (const int buffer = in_place ? -1 : stored_(node); buffer >= 0)
    return load(buffer, address(buffer, at), dtype, guard);
  if (!node->op->lower) {
    throw InternalError(
        fmt::format("schedule: '{}' is neither stored nor has a lowering", node->op->name));
  }
  std::vector<Aval> in;
  in.reserve(node->inputs.size());
  for (const ir::NodeImpl* input : node->inputs) in.push_back(input->aval);
  LowerCtx ctx{*kernel_.pool, node->attrs, node->aval, in, at, {}, {}};
  ctx.element = [&](int i, std::vector<kir::Expr> index) {
    return value(node->inputs[static_cast<std::size_t>(i)], index, guard);
  };
  ctx.guarded = [&](int i, std::vector<kir::Expr> index, kir::Expr inside) {
    ir::NodeImpl* input = node->inputs[static_cast<std::size_t>(i)];
    const kir::Expr v = value(input, index, kir::logical_and(guard, inside));
    if (v->op == kir::Op::Load) return v;  // a masked load is 0 where the mask is false
    return kernel_.pool->select(inside, v, v.like(0));
  };
  return node->op->lower(ctx);
}

}  // namespace lilith::schedule
