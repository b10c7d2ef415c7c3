// A view whose elements lie at affine places is read where its operand lies: by what its own
// `lower` says, whatever it is called.
#include <gtest/gtest.h>

#include "ir/node.h"
#include "lilith/lower.h"
#include "lilith/op_def.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/shape.h"
#include "ops/primitives.h"
#include "schedule/kernel/axes.h"
#include "schedule/kernel/strided_view.h"

namespace lilith::schedule {
namespace {

using Ints = std::vector<std::int64_t>;
using Rows = std::vector<Ints>;

Tensor input(const Shape& shape, DType dtype = DType::F32) {
  return ir::make_parameter({.shape = shape, .dtype = dtype}, 0, "x");
}

void expect_view(const Tensor& view, const Tensor& base, const Ints& offset, const Rows& rows) {
  const StridedView v = strided_view(view.node());
  EXPECT_EQ(v.base, base.node());
  EXPECT_EQ(v.offset, offset);
  EXPECT_EQ(v.coefficient, rows);
}

TEST(StridedViews, AreReadOffTheLowering) {
  const Tensor x = input({4, 6});
  expect_view(x, x, {0, 0}, {{1, 0}, {0, 1}});
  expect_view(ops::make_transpose(x, {1, 0}), x, {0, 0}, {{0, 1}, {1, 0}});
  expect_view(ops::make_slice(x, {1, 2}, {4, 6}, {1, 3}), x, {1, 2}, {{1, 0}, {0, 3}});
  expect_view(flip(x, {1}), x, {0, 5}, {{1, 0}, {0, -1}});
  const Tensor row = input({1, 6});
  expect_view(ops::make_broadcast(row, {4, 2, 6}, {0, 2}), row, {0, 0}, {{0, 0, 0}, {0, 0, 1}});
}

TEST(StridedViews, OfReshapesSplitDimensions) {
  const Tensor x = input({4, 6});
  expect_view(ops::make_reshape(x, {2, 2, 6}), x, {0, 0}, {{2, 1, 0}, {0, 0, 1}});
  expect_view(ops::make_reshape(x, {4, 1, 2, 3}), x, {0, 0}, {{1, 0, 0, 0}, {0, 0, 3, 1}});
  expect_view(ops::make_reshape(x, {1, 4, 6, 1}), x, {0, 0}, {{4, 1, 0, 0}, {0, 0, 1, 0}});
  const Tensor joined = ops::make_reshape(x, {24});
  expect_view(joined, joined, {0}, {{1}});
  const Tensor across = ops::make_reshape(x, {2, 12});
  expect_view(across, across, {0, 0}, {{1, 0}, {0, 1}});
  const Tensor one = input({1, 6});
  expect_view(ops::make_reshape(one, {1, 2, 3}), one, {0, 0}, {{0, 0, 0}, {0, 3, 1}});
}

TEST(StridedViews, EndAtWhatIsComputed) {
  const Tensor x = input({4, 6}, DType::F16);
  const Tensor wide = ops::make_cast(x, DType::F32);
  expect_view(ops::make_transpose(wide, {1, 0}), x, {0, 0}, {{0, 1}, {1, 0}});
  const Tensor grown = ops::make_pad(wide, {0, 1}, {0, 0}, {0, 0}, 0);
  expect_view(grown, grown, {0, 0}, {{1, 0}, {0, 1}});
  const Tensor y = exp(wide);
  expect_view(y, y, {0, 0}, {{1, 0}, {0, 1}});
  const Tensor narrow = ops::make_cast(wide, DType::F16);
  expect_view(narrow, narrow, {0, 0}, {{1, 0}, {0, 1}});
}

TEST(StridedViews, OfAUsersOp) {
  static const OpDef& every_second = register_op(
      {.name = "test_every_second",
       .cls = OpClass::View,
       .infer =
           [](const InferCtx& c) {
             Aval out = c.in[0];
             out.shape[0] /= 2;
             return out;
           },
       .no_vjp_reason = "a test's op",
       .lower =
           [](LowerCtx& c) { return c.element(0, {c.index[0] * c.integer(2) + c.integer(1)}); }});
  const Tensor x = input({8});
  expect_view(apply(every_second, {x}), x, {1}, {{2}});
}

TEST(ContractionAxes, OfAMatrixProduct) {
  const Tensor a = input({2, 4, 5}), b = input({2, 5, 3});
  const Tensor c = apply("dot_general", {a, b},
                         {{"lhs_batch", Ints{0}},
                          {"rhs_batch", Ints{0}},
                          {"lhs_contract", Ints{2}},
                          {"rhs_contract", Ints{1}}});
  std::string text;
  for (const Axis& x : contraction_axes(c.node(), {20, 5, 1}, {15, 3, 1}))
    text +=
        fmt::format("{}:{} a{} b{} out{}*{}; ", x.name, x.extent, x.a, x.b, x.out_dim, x.out_step);
  EXPECT_EQ(text,
            "batch0:2 a20 b15 out0*1; m1:4 a5 b0 out1*1; n2:3 a0 b1 out2*1; k0:5 a1 b3 out-1*0; ");
  EXPECT_EQ(operand_coefficients(c.node(), 0), (Rows{{1, 0, 0}, {0, 1, 0}, {0, 0, 0}, {0, 0, 1}}));
  EXPECT_FALSE(slides(c.node(), 1));
  EXPECT_EQ(column_extent(c.node()), 3);
}

TEST(ContractionAxes, OfAConvolution) {
  const Tensor x = input({2, 4, 9}), w = input({6, 2, 3});
  const Tensor y = apply("conv_general", {x, w},
                         {{"stride", Ints{2}},
                          {"lo", Ints{0}},
                          {"hi", Ints{0}},
                          {"lhs_dilation", Ints{1}},
                          {"rhs_dilation", Ints{3}},
                          {"groups", std::int64_t{2}},
                          {"batch_groups", std::int64_t{1}},
                          {"lhs_spec", Ints{0, 1, 2}},
                          {"rhs_spec", Ints{0, 1, 2}},
                          {"out_spec", Ints{0, 1, 2}}});
  std::string text;
  for (const Axis& a : contraction_axes(y.node(), {36, 9, 1}, {6, 3, 1}))
    text +=
        fmt::format("{}:{} a{} b{} out{}*{}; ", a.name, a.extent, a.a, a.b, a.out_dim, a.out_step);
  EXPECT_EQ(text,
            "group:2 a18 b18 out1*3; n:2 a36 b0 out0*1; o0:2 a2 b0 out2*1; oc:3 a0 b6 out1*1; "
            "k0:3 a3 b1 out-1*0; ic:2 a9 b3 out-1*0; ");
  EXPECT_TRUE(slides(y.node(), 2));
  EXPECT_FALSE(slides(y.node(), 0));
  EXPECT_FALSE(slides(y.node(), 1));
  EXPECT_EQ(column_extent(y.node()), 6);
}

}  // namespace
}  // namespace lilith::schedule
