// A scatter of one value per row into zeros is a comparison, which fuses with its neighbours: the
// gradient of picking the target's log-probability.
//
//   %1: f32[8,1] = gather(%p, %t) {axis=1}              |  %1: f32[8,1] = gather(%p, %t) {axis=1}
//   %2: f32[8,10] = constant {value=0.0}                |  %2: f32[8,10] = constant {value=0.0}
//   %3: f32[8,10] = scatter_add(%2, %t, %1) {axis=1}    |  %3: i64[8,10] = iota {dim=1 …}
//   return %3                                           |  %4: bool[8,10] = eq(%3,
//   broadcast(clamp(%t)))
//                                                       |  %5: f32[8,10] = select(%4,
//                                                       broadcast(%1), %2)
#include <numeric>
#include <unordered_set>

#include "ir/rebuild.h"
#include "ops/primitives.h"
#include "passes/pipeline.h"
#include "passes/rules.h"

namespace lilith::passes {
namespace {

using ir::NodeImpl;

// Only where a gather by the same index stays: the check of indices at run time hangs on it.
struct Gathers {
  std::unordered_set<const NodeImpl*> indices[Shape::kMaxRank];

  explicit Gathers(const ir::Numbered& g) {
    for (const NodeImpl* n : g.nodes()) {
      if (is(*n, "gather")) indices[axis_of(*n)].insert(n->inputs[1]);
    }
  }
  bool has_index_of(const NodeImpl& scatter) const {
    return indices[axis_of(scatter)].count(scatter.inputs[1]) > 0;
  }
  static std::size_t axis_of(const NodeImpl& n) {
    return static_cast<std::size_t>(n.attrs.integer("axis"));
  }
};

Tensor spread(const Tensor& x, const Shape& shape) {
  Ints dims(shape.size());
  std::iota(dims.begin(), dims.end(), 0);
  return apply("broadcast", {x}, {{"shape", shape.vec()}, {"dims", dims}});
}

Tensor compare_with_iota(const NodeImpl& n, const Tensor& index, const Tensor& value) {
  const Shape& shape = n.aval.shape;
  const std::int64_t axis = n.attrs.integer("axis");
  const std::int64_t last = shape[static_cast<int>(axis)] - 1;
  // An index outside is clamped, as scatter_add does.
  const Tensor low = lilith::apply("maximum", {index, constant(0, index.aval())});
  const Tensor clamped =
      lilith::apply("minimum", {low, constant(static_cast<double>(last), index.aval())});
  const Tensor place = ops::make_iota(shape, static_cast<int>(axis), DType::I64, n.aval.device);
  const Tensor hit = lilith::apply("eq", {place, spread(clamped, shape)});
  return lilith::apply("select", {hit, spread(value, shape), constant(0, n.aval)});
}

}  // namespace

Graph one_hot(const ir::Numbered& g) {
  if (!g.has("scatter_add")) return g.graph();
  const Gathers gathers(g);
  return ir::transform(g, [&](std::size_t i, std::span<NodeImpl* const> inputs) -> Tensor {
    const NodeImpl& n = g.node(i);
    if (!is(n, "scatter_add") || !is_constant(*inputs[0], 0) || !gathers.has_index_of(n)) return {};
    if (inputs[2]->aval.shape[static_cast<int>(n.attrs.integer("axis"))] != 1) return {};
    const LocScope::Override scope(n.loc);
    return compare_with_iota(n, Tensor(inputs[1]), Tensor(inputs[2]));
  });
}

}  // namespace lilith::passes
