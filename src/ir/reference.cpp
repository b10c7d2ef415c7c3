#include "ir/reference.h"

#include "core/compute_dtype.h"
#include "ir/host.h"
#include "ir/host_copy.h"
#include "ir/node.h"
#include "ir/node_map.h"
#include "kernel_ir/kernel.h"
#include "lilith/lower.h"

namespace lilith {

RefTensor::RefTensor(Aval a) : aval(a) {
  const auto n = static_cast<std::size_t>(a.numel());
  if (floating())
    f.resize(n);
  else
    i.resize(n);
}

void RefTensor::set(std::int64_t k, double v) {
  const auto at = static_cast<std::size_t>(k);
  if (floating())
    f[at] = v;
  else
    i[at] = ir::saturate(v, aval.dtype);
}

void RefTensor::set_int(std::int64_t k, std::int64_t v) {
  const auto at = static_cast<std::size_t>(k);
  if (floating())
    f[at] = static_cast<double>(v);
  else
    i[at] = ir::wrap(v, aval.dtype);
}

namespace ir {
namespace {

void* bytes_of(RefTensor& t) {
  return t.floating() ? static_cast<void*>(t.f.data()) : static_cast<void*>(t.i.data());
}

// The dtype that a RefTensor holds its elements in.
DType wide(DType dtype) { return is_floating(dtype) ? DType::F64 : DType::I64; }

Aval flat(const Aval& a) {
  return {.shape = {a.numel()}, .dtype = is_floating(a.dtype) ? DType::F64 : a.dtype};
}

// A registered elementwise op, from its lowering: a loop over all elements, floats as F64.
void interpret_lowering(const NodeImpl& node, std::vector<RefTensor>& in, RefTensor& out) {
  kir::Kernel kernel;
  kernel.name = node.op->name;
  std::vector<Aval> avals;
  std::vector<void*> params;
  for (RefTensor& t : in) {
    avals.push_back(flat(t.aval));
    kernel.add_buffer("in", wide(t.aval.dtype), t.aval.numel());
    params.push_back(bytes_of(t));
  }
  const Aval out_aval = flat(out.aval);
  const kir::BufferId result = kernel.add_buffer("out", wide(out.aval.dtype), out.aval.numel());
  kernel.buffers[static_cast<std::size_t>(result)].written = true;
  params.push_back(bytes_of(out));

  kir::Pool& pool = *kernel.pool;
  const kir::Expr i = pool.var(out.aval.numel(), "i");
  const std::vector<kir::Expr> index = {i};
  const auto read = [&](int k, std::vector<kir::Expr> at, kir::Expr inside) {
    const DType dtype = avals[static_cast<std::size_t>(k)].dtype;
    return pool.cast(pool.load(k, wide(dtype), at.at(0), inside), dtype);
  };
  LowerCtx ctx{
      pool,     node.attrs,
      out_aval, avals,
      index,    [&](int k, std::vector<kir::Expr> at) { return read(k, std::move(at), {}); },
      read};
  const kir::Expr value = pool.cast(node.op->lower(ctx), wide(out.aval.dtype));
  kernel.body.push_back(
      kir::make_for(i, kir::LoopKind::Serial, {kir::Store{result, i, value, {}}}));
  kir::interpret(kernel, params);
}

void round_halves(RefTensor* t) {
  if (!is_half(t->aval.dtype)) return;
  for (double& v : t->f) v = round_to(v, t->aval.dtype);
}

RefTensor compute(const NodeImpl& node, const std::vector<const RefTensor*>& in) {
  RefTensor out(node.aval);
  if (node.op->reference) {
    RefCtx ctx{in, out, node.attrs};
    node.op->reference(ctx);
    round_halves(&out);
    return out;
  }
  if (node.op->cls != OpClass::Elementwise || !node.op->lower) {
    throw Error(fmt::format("interpret: '{}' has no reference; give its OpDef one", node.op->name),
                node.loc);
  }
  if (node.aval.numel() == 0) return out;
  std::vector<RefTensor> copies;
  for (const RefTensor* t : in) copies.push_back(*t);
  interpret_lowering(node, copies, out);
  round_halves(&out);
  return out;
}

}  // namespace

RefTensor to_reference(const Tensor& leaf) {
  const NodeImpl& node = *leaf.node();
  RefTensor out(node.aval);
  const DType dtype = node.aval.dtype;
  const StoragePtr value = host_value(leaf, "interpret");
  const void* data = value->data();
  for (std::int64_t k = 0; k < node.aval.numel(); ++k) {
    if (out.floating())
      out.f[static_cast<std::size_t>(k)] = read_f64(data, dtype, k);
    else
      out.i[static_cast<std::size_t>(k)] = read_i64(data, dtype, k);
  }
  return out;
}

std::vector<RefTensor> interpret(const Graph& g, const std::vector<RefTensor>& inputs) {
  LILITH_CHECK(inputs.size() == g.inputs().size(), "interpret: got {} inputs; need {}",
               inputs.size(), g.inputs().size());
  NodeMap<std::shared_ptr<RefTensor>> values(256);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    LILITH_CHECK(inputs[i].aval == g.inputs()[i].aval(), "interpret: input {} is {}; need {}", i,
                 inputs[i].aval.str(), g.inputs()[i].aval().str());
    values.insert(g.inputs()[i].node(), std::make_shared<RefTensor>(inputs[i]));
  }
  for (NodeImpl* node : topological_order(g.outputs())) {
    if (values.contains(node)) continue;
    std::vector<const RefTensor*> in;
    for (const NodeImpl* input : node->inputs) in.push_back(values.find(input)->get());
    values.insert(node, std::make_shared<RefTensor>(node->is_leaf() ? to_reference(Tensor(node))
                                                                    : compute(*node, in)));
  }
  std::vector<RefTensor> out;
  for (const Tensor& t : g.outputs()) out.push_back(**values.find(t.node()));
  return out;
}

}  // namespace ir
}  // namespace lilith
