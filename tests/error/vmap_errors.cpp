#include "lilith/lilith.h"
#include "support/expect_error.h"

namespace lilith {
namespace {

Tensor twice(const Tensor& x) { return x * 2; }

TEST(VmapErrors, Axes) {
  const Tensor a = ones({3, 4}), b = ones({5});
  const auto add = [](const Tensor& x, const Tensor& y) { return x.sum() + y.sum(); };
  EXPECT_ERROR_HERE(vmap(add)(a, b),
                    "vmap: argument 1 is f32[5], with 5 examples along axis 0, but argument 0 is "
                    "f32[3,4], with 3 examples along axis 0; need as many");
  EXPECT_ERROR_HERE(vmap(twice, 2)(a),
                    "vmap: argument 0 is f32[3,4], which has no axis 2; an axis std::nullopt "
                    "shares it between the examples");
  EXPECT_ERROR_HERE(vmap(add)(a, ones({})),
                    "vmap: argument 1 is f32[], which has no axis 0; an axis std::nullopt shares "
                    "it between the examples");
  EXPECT_ERROR_HERE(vmap(add, {0, 0, 0})(a, a),
                    "vmap: in_axes has 3 entries, the function is called with 2 arguments; need "
                    "one each, or one for all");
  EXPECT_ERROR_HERE(vmap(twice, std::nullopt)(a),
                    "vmap: no argument has an axis along which examples lie; give one tensor at "
                    "least");
  EXPECT_ERROR_HERE(
      vmap(twice)(ones({0, 2})),
      "vmap: argument 0 is f32[0,2], with 0 examples along axis 0; need at least one");
  EXPECT_ERROR_HERE(vmap(twice, 0, {0, 1})(a),
                    "vmap: out_axes has 2 entries, the function gives 1 results; need one each, "
                    "or one for all");
  EXPECT_ERROR_HERE(vmap(twice, {.out_axes = 2})(a),
                    "vmap: dimension 2 is out of range for 2 dimensions; need -2 <= dim < 2");
  EXPECT_ERROR_HERE(vmap(twice, {.out_axes = std::nullopt})(a),
                    "vmap: result 0 has the axis std::nullopt, the same for all examples, but it "
                    "depends on the example");
}

TEST(VmapErrors, NameTheField) {
  Linear layer(4, 3);
  EXPECT_ERROR_HERE(
      vmap([](const Linear& m, const Tensor& x) { return m(x); })(layer, ones({2, 4})),
      "vmap: argument 1 is f32[2,4], with 2 examples along axis 0, but 'weight' of "
      "argument 0 is f32[3,4], with 3 examples along axis 0; need as many");
}

TEST(VmapErrors, ValuesInside) {
  EXPECT_ERROR_HERE(vmap([](const Tensor& x) { return x.item() > 0 ? x : -x; })(ones({3})),
                    "item: the tensor is an input of a traced function and has no value; return "
                    "it from the function instead");
  EXPECT_ERROR_HERE(vmap([](const Tensor& x) { return (x * 2).item() > 0 ? x : -x; })(ones({3})),
                    "item: a value was asked for while a function is traced; return it from the "
                    "function, or ask outside of it");
}

TEST(VmapErrors, ModelsThatAreWrittenTo) {
  BatchNorm1d norm(3);
  const auto call = [](BatchNorm1d& m, const Tensor& x) { return m(x); };
  EXPECT_ERROR_HERE(vmap(call, {std::nullopt, 0})(norm, ones({2, 4, 3})),
                    "vmap: the function writes to 'running_mean' of argument 0, of which there is "
                    "not one for each example; return the new value instead, or call "
                    "test_mode(model) where a layer keeps statistics");
  test_mode(norm);
  EXPECT_EQ(vmap(call, {std::nullopt, 0})(norm, ones({2, 4, 3})).shape(), Shape({2, 4, 3}));
}

TEST(VmapErrors, OfTheFunction) {
  const Loc here = std::source_location::current();
  const auto f = [](const Tensor& x) { return matmul(x, x); };
  EXPECT_ERROR(vmap(f)(ones({5, 2, 3})),
               fmt::format("matmul: inner sizes differ: a f32[2,3], b f32[2,3]; need a.shape[-1] "
                           "== b.shape[-2] (3 vs 2). b.transpose() fits. (vmap_errors.cpp:{})",
                           here.line + 1));
  EXPECT_ERROR_HERE(grad([](const Tensor& x) { return vmap(twice)(x); }, ones({3})),
                    "grad: the function's value is f32[3]; need a floating scalar, as sum() or "
                    "mean() give");
}

TEST(VmapErrors, ViewsOfIndicesNeedARule) {
  const OpDef& first = register_op({.name = "vmap_errors_first",
                                    .arity = 2,
                                    .cls = OpClass::View,
                                    .infer =
                                        [](const InferCtx& c) {
                                          Aval out = c.in[0];
                                          out.shape = {1};
                                          return out;
                                        },
                                    .no_vjp_reason = "none",
                                    .lower = [](LowerCtx& c) { return c[0]; },
                                    .index_operand = 1});
  const auto f = [&](const Tensor& x) { return apply(first, {x, x}); };
  EXPECT_ERROR_HERE(
      vmap(f)(ones({2, 4})),
      "vmap: 'vmap_errors_first' has no batching rule, and an operand of indices; give "
      "its definition a batch");
}

TEST(VmapErrors, Ensembles) {
  EXPECT_ERROR_HERE(stack_models(std::vector<Linear>{}),
                    "stack_models: there is no model; need at least one");
  EXPECT_ERROR_HERE(stack_models(std::vector{Linear(2, 3), Linear(2, 4)}),
                    "stack_models: 'weight' is f32[3,2] in model 0 and f32[4,2] in model 1; need "
                    "the same");
  EXPECT_ERROR_HERE(stack_models(std::vector{LayerNorm(3), LayerNorm(3, {.eps = 1e-3})}),
                    "stack_models: model 1 has other fields, numbers or ties than model 0; need "
                    "one structure");
  EXPECT_ERROR_HERE(
      stack_models(std::vector{ones({2}), ones({3})}),
      "stack_models: the tensor is f32[2] in model 0 and f32[3] in model 1; need the same");
}

TEST(VmapErrors, Jacobians) {
  EXPECT_ERROR_HERE(jacrev(twice, ones({0})),
                    "jacrev: the function's value is f32[0]; need at least one element");
}

}  // namespace
}  // namespace lilith
