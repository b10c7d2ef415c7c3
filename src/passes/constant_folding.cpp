// Ops on constants, computed by the reference interpreter and rounded to their dtype. Only results
// that are one number throughout are folded: a constant takes no memory and fuses into anything.
//
//   %1: f32[4] = constant {value=2.0}         |
//   %2: f32[4] = sqrt(%1)                     |  %1: f32[4] = constant {value=1.4142135381698608}
//   %3: f32[4] = mul(%x, %2)                  |  %2: f32[4] = mul(%x, %1)
//   return %3                                 |  return %2
#include <algorithm>
#include <cstring>

#include "ir/host.h"
#include "ir/rebuild.h"
#include "ir/reference.h"
#include "passes/pipeline.h"
#include "passes/rules.h"

namespace lilith::passes {
namespace {

using ir::NodeImpl;

// More elements than this are not interpreted at compile time.
constexpr std::int64_t kMaxElements = 4096;

bool is_foldable(const NodeImpl& n) {
  return n.op->pure && n.op->reference && n.op->cls != OpClass::Loop &&
         n.op->cls != OpClass::Call && n.aval.numel() != 0;
}

// One element stands for all of an elementwise op on constants.
Aval folded_aval(const NodeImpl& n, const Aval& aval) {
  return n.op->cls == OpClass::Elementwise ? Aval{.dtype = aval.dtype, .device = aval.device}
                                           : aval;
}

RefTensor filled(const NodeImpl& leaf, const Aval& aval) {
  RefTensor out(aval);
  const Attr& value = *leaf.attrs.find("value");
  if (const double* f = std::get_if<double>(&value)) {
    std::fill(out.f.begin(), out.f.end(), ir::round_to(*f, aval.dtype));
  } else {
    std::fill(out.i.begin(), out.i.end(), ir::wrap(std::get<std::int64_t>(value), aval.dtype));
  }
  return out;
}

std::int64_t total_elements(const NodeImpl& n) {
  std::int64_t total = folded_aval(n, n.aval).numel();
  for (const NodeImpl* input : n.inputs) total += folded_aval(n, input->aval).numel();
  return total;
}

bool same_bits(double a, double b) { return std::memcmp(&a, &b, sizeof a) == 0; }

Tensor fold(const NodeImpl& n) {
  std::vector<RefTensor> values;
  values.reserve(n.inputs.size());
  for (const NodeImpl* input : n.inputs)
    values.push_back(filled(*input, folded_aval(n, input->aval)));
  std::vector<const RefTensor*> in;
  for (const RefTensor& v : values) in.push_back(&v);
  RefTensor out(folded_aval(n, n.aval));
  RefCtx ctx{in, out, n.attrs};
  n.op->reference(ctx);
  if (out.floating()) {
    for (double& v : out.f) v = ir::round_to(v, n.aval.dtype);
    const bool uniform =
        std::all_of(out.f.begin(), out.f.end(), [&](double v) { return same_bits(v, out.f[0]); });
    return uniform ? ir::make_constant({Scalar::Kind::Float, 0, out.f[0]}, n.aval) : Tensor();
  }
  const bool uniform =
      std::all_of(out.i.begin(), out.i.end(), [&](std::int64_t v) { return v == out.i[0]; });
  return uniform ? ir::make_constant({Scalar::Kind::Int, out.i[0], 0}, n.aval) : Tensor();
}

}  // namespace

Graph constant_folding(const ir::Numbered& g) {
  return ir::transform(g, [&](std::size_t i, std::span<NodeImpl* const> inputs) -> Tensor {
    const auto is_constant = [](const NodeImpl* in) { return passes::is_constant(*in); };
    if (inputs.empty() || !std::all_of(inputs.begin(), inputs.end(), is_constant)) return {};
    const LocScope::Override scope(g.node(i).loc);
    Tensor current = ir::rebuild(&g.node(i), inputs);
    const NodeImpl& n = *current.node();
    if (!is_foldable(n) || total_elements(n) > kMaxElements) return current;
    Tensor folded = fold(n);
    return folded.defined() ? folded : current;
  });
}

}  // namespace lilith::passes
