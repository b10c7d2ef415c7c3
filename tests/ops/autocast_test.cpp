#include "lilith/autocast.h"

#include <gtest/gtest.h>

#include <cmath>

#include "ir/host.h"
#include "ir/node.h"
#include "lilith/graph_names.h"
#include "ops/check.h"
#include "support/to_storage.h"

// What each function of autocast's lists gives: in bf16, what f64 gives for the rounded operands,
// rounded once; in f32, as good as in f32. Of every row of the table: that nothing throws.
namespace lilith::testing {
namespace {

using Function = std::function<Tensor(const std::vector<Tensor>&)>;

// A function of autocast's lists, and operands in (0.1, 0.9).
struct Listed {
  const char* name;
  std::vector<Shape> in;
  Function f;
};
#define LILITH_LISTED(name, shapes, expr) \
  {#name, shapes, [](const std::vector<Tensor>& x) { return expr; }}
#define SHAPES(...) \
  std::vector<Shape> { __VA_ARGS__ }

const Shape kMatrix{4, 6}, kOther{6, 5}, kBatch{2, 4, 6}, kBatchOther{2, 6, 5};
const Tensor& classes() {
  static const Tensor t = arange(4).to(kInt64);
  return t;
}

std::vector<Listed> lowered() {
  const Shape v6{6}, v5{5}, v4{4}, out{4, 5};
  return {
      LILITH_LISTED(matmul, SHAPES(kMatrix, kOther), matmul(x[0], x[1])),
      LILITH_LISTED(mm, SHAPES(kMatrix, kOther), mm(x[0], x[1])),
      LILITH_LISTED(bmm, SHAPES(kBatch, kBatchOther), bmm(x[0], x[1])),
      LILITH_LISTED(mv, SHAPES(kMatrix, v6), mv(x[0], x[1])),
      LILITH_LISTED(addmm, SHAPES(out, kMatrix, kOther), addmm(x[0], x[1], x[2])),
      LILITH_LISTED(addmv, SHAPES(v4, kMatrix, v6), addmv(x[0], x[1], x[2])),
      LILITH_LISTED(addr, SHAPES(out, v4, v5), addr(x[0], x[1], x[2])),
      LILITH_LISTED(addbmm, SHAPES(out, kBatch, kBatchOther), addbmm(x[0], x[1], x[2])),
      LILITH_LISTED(baddbmm, SHAPES(out, kBatch, kBatchOther), baddbmm(x[0], x[1], x[2])),
      LILITH_LISTED(einsum, SHAPES(kMatrix, kOther), einsum("ij,jk->ki", {x[0], x[1]})),
      LILITH_LISTED(linear, SHAPES(kMatrix, Shape({5, 6}), v5), linear(x[0], x[1], x[2])),
      LILITH_LISTED(conv1d, SHAPES(Shape({2, 3, 8}), Shape({4, 3, 3}), v4),
                    conv1d(x[0], x[1], x[2])),
      LILITH_LISTED(conv2d, SHAPES(Shape({2, 3, 6, 5}), Shape({4, 3, 3, 3}), v4),
                    conv2d(x[0], x[1], x[2])),
      LILITH_LISTED(conv3d, SHAPES(Shape({1, 2, 4, 4, 4}), Shape({4, 2, 2, 2, 2}), v4),
                    conv3d(x[0], x[1], x[2])),
      LILITH_LISTED(conv_transpose1d, SHAPES(Shape({2, 3, 8}), Shape({3, 4, 3}), v4),
                    conv_transpose1d(x[0], x[1], x[2], 2)),
      LILITH_LISTED(conv_transpose2d, SHAPES(Shape({1, 3, 4, 4}), Shape({3, 2, 3, 3})),
                    conv_transpose2d(x[0], x[1])),
      LILITH_LISTED(conv_transpose3d, SHAPES(Shape({1, 2, 2, 2, 2}), Shape({2, 2, 2, 2, 2})),
                    conv_transpose3d(x[0], x[1])),
      LILITH_LISTED(prelu, SHAPES(kMatrix, v6), prelu(-x[0], x[1])),
      LILITH_LISTED(attention, SHAPES(kBatch, kBatch, kBatch),
                    scaled_dot_product_attention(x[0], x[1], x[2])),
  };
}

std::vector<Listed> lifted() {
  const Shape one{4, 6};
  return {
      LILITH_LISTED(exp, SHAPES(one), exp(x[0])),
      LILITH_LISTED(expm1, SHAPES(one), expm1(x[0])),
      LILITH_LISTED(log, SHAPES(one), log(x[0])),
      LILITH_LISTED(log2, SHAPES(one), log2(x[0])),
      LILITH_LISTED(log10, SHAPES(one), log10(x[0])),
      LILITH_LISTED(log1p, SHAPES(one), log1p(x[0])),
      LILITH_LISTED(pow, SHAPES(one), pow(x[0], 1.7)),
      LILITH_LISTED(square, SHAPES(one), square(x[0])),
      LILITH_LISTED(reciprocal, SHAPES(one), reciprocal(x[0])),
      LILITH_LISTED(rsqrt, SHAPES(one), rsqrt(x[0])),
      LILITH_LISTED(acos, SHAPES(one), acos(x[0])),
      LILITH_LISTED(asin, SHAPES(one), asin(x[0])),
      LILITH_LISTED(cosh, SHAPES(one), cosh(x[0])),
      LILITH_LISTED(sinh, SHAPES(one), sinh(x[0])),
      LILITH_LISTED(tan, SHAPES(one), tan(x[0])),
      LILITH_LISTED(erfinv, SHAPES(one), erfinv(x[0])),
      LILITH_LISTED(softplus, SHAPES(one), softplus(x[0])),
      LILITH_LISTED(softmax, SHAPES(one), softmax(x[0], -1)),
      LILITH_LISTED(softmin, SHAPES(one), softmin(x[0], -1)),
      LILITH_LISTED(log_softmax, SHAPES(one), log_softmax(x[0], -1)),
      LILITH_LISTED(layer_norm, SHAPES(one, Shape({6}), Shape({6})),
                    layer_norm(x[0], {6}, x[1], x[2])),
      LILITH_LISTED(rms_norm, SHAPES(one), rms_norm(x[0], {6}, {}, 1e-5)),
      LILITH_LISTED(group_norm, SHAPES(one), group_norm(x[0], 2)),
      LILITH_LISTED(normalize, SHAPES(one), normalize(x[0], 2, 1)),
      LILITH_LISTED(norm, SHAPES(one), norm(x[0])),
      LILITH_LISTED(renorm, SHAPES(one), renorm(x[0], 2, 0, 0.5)),
      LILITH_LISTED(sum, SHAPES(one), sum(x[0], 0)),
      LILITH_LISTED(prod, SHAPES(one), prod(x[0], 1)),
      LILITH_LISTED(cumsum, SHAPES(one), cumsum(x[0], 1)),
      LILITH_LISTED(cumprod, SHAPES(one), cumprod(x[0], 1)),
      LILITH_LISTED(dist, SHAPES(one, one), dist(x[0], x[1])),
      LILITH_LISTED(cdist, SHAPES(one, one), cdist(x[0], x[1])),
      LILITH_LISTED(pdist, SHAPES(one), pdist(x[0])),
      LILITH_LISTED(cosine_similarity, SHAPES(one, one), cosine_similarity(x[0], x[1])),
      LILITH_LISTED(pairwise_distance, SHAPES(one, one), pairwise_distance(x[0], x[1])),
      LILITH_LISTED(grid_sample, SHAPES(Shape({1, 2, 4, 4}), Shape({1, 3, 3, 2})),
                    grid_sample(x[0], x[1])),
      LILITH_LISTED(mse_loss, SHAPES(one, one), mse_loss(x[0], x[1])),
      LILITH_LISTED(l1_loss, SHAPES(one, one), l1_loss(x[0], x[1])),
      LILITH_LISTED(smooth_l1_loss, SHAPES(one, one), smooth_l1_loss(x[0], x[1])),
      LILITH_LISTED(huber_loss, SHAPES(one, one), huber_loss(x[0], x[1])),
      LILITH_LISTED(binary_cross_entropy, SHAPES(one, one), binary_cross_entropy(x[0], x[1])),
      LILITH_LISTED(bce_with_logits, SHAPES(one, one),
                    binary_cross_entropy_with_logits(x[0], x[1])),
      LILITH_LISTED(kl_div, SHAPES(one, one), kl_div(x[0], x[1])),
      LILITH_LISTED(poisson_nll_loss, SHAPES(one, one), poisson_nll_loss(x[0], x[1])),
      LILITH_LISTED(gaussian_nll_loss, SHAPES(one, one, one), gaussian_nll_loss(x[0], x[1], x[2])),
      LILITH_LISTED(cross_entropy_loss, SHAPES(one), cross_entropy_loss(x[0], classes())),
      LILITH_LISTED(nll_loss, SHAPES(one), nll_loss(x[0], classes())),
      LILITH_LISTED(multi_margin_loss, SHAPES(one), multi_margin_loss(x[0], classes())),
      LILITH_LISTED(multilabel_margin_loss, SHAPES(Shape({4})),
                    multilabel_margin_loss(x[0], classes() - 1)),
      LILITH_LISTED(multilabel_soft_margin_loss, SHAPES(one, one),
                    multilabel_soft_margin_loss(x[0], x[1])),
      LILITH_LISTED(soft_margin_loss, SHAPES(one, one), soft_margin_loss(x[0], x[1])),
      LILITH_LISTED(hinge_embedding_loss, SHAPES(one, one),
                    hinge_embedding_loss(x[0], sign(x[1] - 0.5))),
      LILITH_LISTED(margin_ranking_loss, SHAPES(one, one, one),
                    margin_ranking_loss(x[0], x[1], sign(x[2] - 0.5))),
      LILITH_LISTED(cosine_embedding_loss, SHAPES(one, one, Shape({4})),
                    cosine_embedding_loss(x[0], x[1], sign(x[2] - 0.5))),
      LILITH_LISTED(triplet_margin_loss, SHAPES(one, one, one),
                    triplet_margin_loss(x[0], x[1], x[2])),
      LILITH_LISTED(triplet_margin_with_distance_loss, SHAPES(one, one, one),
                    triplet_margin_with_distance_loss(x[0], x[1], x[2])),
  };
}

// Numbers in (0.1, 0.9) as `dtype` holds them.
std::vector<Tensor> operands(const std::vector<Shape>& shapes, DType dtype) {
  std::vector<Tensor> out;
  double at = 0.37;
  for (const Shape& s : shapes) {
    std::vector<double> values;
    for (std::int64_t k = 0; k < s.numel(); ++k) {
      at = std::fmod(at + 0.6180339887, 1);
      values.push_back(0.1 + 0.8 * at);
    }
    const Tensor t = from_data(values.data(), s);
    out.push_back(t.to(dtype));
  }
  return out;
}
std::vector<double> doubles(const Tensor& t) { return t.to(kFloat64).to_vector<double>(); }

void expect_within(const Listed& l, const Tensor& got, const Tensor& truth, double relative) {
  const std::vector<double> values = doubles(got), want = doubles(truth);
  ASSERT_EQ(values.size(), want.size()) << l.name;
  for (std::size_t k = 0; k < want.size(); ++k)
    EXPECT_LE(std::fabs(values[k] - want[k]), relative * std::fmax(0.1, std::fabs(want[k])))
        << l.name << ", element " << k;
}

std::vector<Tensor> cast_all(std::vector<Tensor> x, DType dtype) {
  for (Tensor& t : x) t = t.to(dtype);
  return x;
}

TEST(AutocastLists, ProductsRoundTheirOperandsAndTheirResultOnce) {
  for (const Listed& l : lowered()) {
    for (const auto& [dtype, unit] : {std::pair(kBFloat16, 0x1p-9), {kFloat16, 0x1p-12}}) {
      const std::vector<Tensor> x = operands(l.in, kFloat32);
      const Tensor exact = l.f(cast_all(x, kFloat64)),
                   truth = l.f(cast_all(cast_all(x, dtype), kFloat64));
      const Autocast scope(dtype);
      const Tensor got = l.f(x);
      ASSERT_EQ(got.dtype(), dtype) << l.name;
      expect_within(l, got, truth, 2 * unit);
      expect_within(l, got, exact, 4 * unit);
      EXPECT_EQ(l.f(cast_all(x, kFloat64)).dtype(), kFloat64) << l.name;
    }
  }
}

TEST(AutocastLists, OthersTakeHalvesInF32) {
  for (const Listed& l : lifted()) {
    const std::vector<Tensor> x = operands(l.in, kBFloat16);
    const Tensor truth = l.f(cast_all(x, kFloat64));
    EXPECT_NE(l.f(x).dtype(), kFloat32) << l.name;
    const Autocast scope(kBFloat16);
    const Tensor got = l.f(x);
    ASSERT_EQ(got.dtype(), kFloat32) << l.name;
    expect_within(l, got, truth, 2e-5);
    EXPECT_EQ(l.f(cast_all(x, kFloat64)).dtype(), kFloat64) << l.name;
  }
}

Tensor leaf(const RefTensor& t, DType dtype) {
  return ir::make_data({.shape = t.aval.shape, .dtype = dtype}, to_storage(t, dtype));
}

TEST(AutocastLists, NoRowThrows) {
  for (const Case& row : cases()) {
    const std::vector<RefTensor> values = draw(row, 5);
    const Autocast scope(kBFloat16);
    for (const DType dtype : {kFloat32, kBFloat16}) {
      std::vector<Tensor> x;
      for (const RefTensor& t : values) x.push_back(leaf(t, t.floating() ? dtype : t.aval.dtype));
      const bool took_halves = [&] {
        const Autocast off(kBFloat16, false);
        try {
          row.build(x);
          return true;
        } catch (const Error&) {
          return false;
        }
      }();
      if (!took_halves) continue;
      EXPECT_NO_THROW(ir::interpret(Graph({}, {row.build(x)}), {})) << row.op;
    }
  }
}

}  // namespace
}  // namespace lilith::testing
