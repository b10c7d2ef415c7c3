#include <cmath>

#include "ops/cases.h"

namespace lilith::testing {
namespace {

using Ts = std::vector<Tensor>;

std::vector<Case> activation_cases() {
  const auto row = [](const char* name, auto f, double (*value)(double),
                      std::vector<double> avoid = {}, std::vector<Kink> kinks = {}) {
    return Case{name,
                {{{3, 4}, -4, 4}},
                [f](const Ts& x) { return f(x[0]); },
                [value](const double* x) { return value(x[0]); },
                std::move(avoid),
                std::move(kinks)};
  };
  return {
      row(
          "relu", [](Tensor x) { return relu(x); }, [](double x) { return x > 0 ? x : 0; }, {0},
          {{{0}, {0}}}),
      row(
          "leaky_relu", [](Tensor x) { return leaky_relu(x, 0.1); },
          [](double x) { return x > 0 ? x : 0.1 * x; }, {0}, {{{0}, {0.1}}}),
      row(
          "elu", [](Tensor x) { return elu(x); },
          [](double x) { return x > 0 ? x : std::expm1(x); }, {0}),
      row(
          "gelu", [](Tensor x) { return gelu(x); },
          [](double x) { return 0.5 * x * std::erfc(-x / std::sqrt(2)); }),
      row(
          "silu", [](Tensor x) { return silu(x); },
          [](double x) { return x / (1 + std::exp(-x)); }),
      row(
          "softplus", [](Tensor x) { return softplus(x); },
          [](double x) { return std::log1p(std::exp(x)); }, {}, {{{0}, {0.5}}}),
      row(
          "mish", [](Tensor x) { return mish(x); },
          [](double x) { return x * std::tanh(std::log1p(std::exp(x))); }),
      row(
          "hardswish", [](Tensor x) { return hardswish(x); },
          [](double x) { return x * std::fmin(std::fmax(x + 3, 0), 6) / 6; }, {-3, 3}),
      row(
          "logsigmoid", [](Tensor x) { return logsigmoid(x); },
          [](double x) { return -std::log1p(std::exp(-x)); }, {}, {{{0}, {0.5}}}),
      row(
          "clamp", [](Tensor x) { return clamp(x, -1, 2); },
          [](double x) { return std::fmin(std::fmax(x, -1), 2); }, {-1, 2},
          {{{-1}, {1}}, {{2}, {1}}}),
      row(
          "polygamma", [](Tensor x) { return polygamma(1, x + 5); },
          [](double x) {
            double sum = 0;  // the first terms, and the integral of the rest
            for (int k = 0; k < 100000; ++k) sum += 1 / ((x + 5 + k) * (x + 5 + k));
            return sum + 1 / (x + 5 + 100000 - 0.5);
          }),
  };
}

}  // namespace

std::vector<Case> composite_cases() {
  std::vector<Case> out = activation_cases();
  const std::vector<Case> more = {
      {"logaddexp",
       {{{3, 4}}, {{3, 4}}},
       [](const Ts& x) { return logaddexp(x[0], x[1]); },
       [](const double* x) { return std::log(std::exp(x[0]) + std::exp(x[1])); },
       {},
       {{{1, 1}, {0.5, 0.5}}}},
      {"softmax", {{{3, 4}}}, [](const Ts& x) { return softmax(x[0], 1); }},
      {"log_softmax", {{{3, 4}}}, [](const Ts& x) { return log_softmax(x[0], 0); }},
      {"logsumexp", {{{3, 4}}}, [](const Ts& x) { return logsumexp(x[0], {0, 1}); }},
      {"layer_norm",
       {{{3, 4}}, {{4}}, {{4}}},
       [](const Ts& x) { return layer_norm(x[0], {4}, x[1], x[2]); }},
      {"batch_norm",
       {{{4, 3, 2}}, {{3}}, {{3}}},
       [](const Ts& x) { return batch_norm(x[0], {}, {}, x[1], x[2], true); }},
      {"rms_norm", {{{3, 4}}, {{4}}}, [](const Ts& x) { return rms_norm(x[0], {4}, x[1], 1e-3); }},
      {"var", {{{3, 4}}}, [](const Ts& x) { return var(x[0], {1}); }},
      {"cov", {{{3, 4}}}, [](const Ts& x) { return cov(x[0]); }},
      {"corrcoef", {{{3, 4}}}, [](const Ts& x) { return corrcoef(x[0]); }},
      {"kron", {{{2, 3}}, {{2, 2}}}, [](const Ts& x) { return kron(x[0], x[1]); }},
      {"matrix_power", {{{3, 3}}}, [](const Ts& x) { return matrix_power(x[0], 3); }},
      {"vander", {{{4}}}, [](const Ts& x) { return vander(x[0]); }},
      {"renorm", {{{3, 4}}}, [](const Ts& x) { return renorm(x[0], 2, 0, 0.5); }},
      {"mvlgamma", {{{3, 4}, 2, 4}}, [](const Ts& x) { return mvlgamma(x[0], 2); }},
      {"diagonal_scatter",
       {{{3, 5}}, {{3}}},
       [](const Ts& x) { return diagonal_scatter(x[0], x[1], 2); }},
      {"as_strided", {{{3, 4}}}, [](const Ts& x) { return as_strided(x[0], {3, 2}, {2, 1}, 1); }},
      {"gradient", {{{5, 4}}}, [](const Ts& x) { return gradient(x[0], 0.5, 0, 2)[0]; }},
      {"cumulative_trapezoid", {{{3, 5}}}, [](const Ts& x) { return cumulative_trapezoid(x[0]); }},
      {"lp_pool2d", {{{1, 2, 4, 4}}}, [](const Ts& x) { return lp_pool2d(x[0], 2, 2); }},
      {"channel_shuffle", {{{2, 6, 3}}}, [](const Ts& x) { return channel_shuffle(x[0], 3); }},
      {"norm", {{{3, 4}}}, [](const Ts& x) { return norm(x[0], 2, {1}); }},
      {"cumsum", {{{3, 5}}}, [](const Ts& x) { return cumsum(x[0], 1); }},
      {"cumprod", {{{3, 5}}}, [](const Ts& x) { return cumprod(x[0], 1); }},
      {"max_pool2d", {{{1, 2, 5, 5}}}, [](const Ts& x) { return max_pool2d(x[0], 3, 2, 1); }},
      {"avg_pool2d",
       {{{1, 2, 5, 5}}},
       [](const Ts& x) { return avg_pool2d(x[0], 3, 2, 1, true, false); }},
      {"conv2d",
       {{{2, 4, 5, 5}}, {{6, 2, 3, 3}}, {{6}}},
       [](const Ts& x) { return conv2d(x[0], x[1], x[2], 2, 1, 1, 2); }},
      {"conv_transpose2d",
       {{{2, 4, 3, 3}}, {{4, 3, 3, 3}}, {{6}}},
       [](const Ts& x) { return conv_transpose2d(x[0], x[1], x[2], 2, 1, 1, 2); }},
      {"interpolate",
       {{{1, 2, 4, 3}}},
       [](const Ts& x) {
         return interpolate(x[0], {.size = {5, 6}, .mode = Interpolation::Bicubic});
       }},
      {"unfold", {{{2, 2, 5, 4}}}, [](const Ts& x) { return unfold(x[0], {3, 2}, 1, 1, 2); }},
      {"fold", {{{1, 12, 9}}}, [](const Ts& x) { return fold(x[0], {5, 4}, {3, 2}, 1, 1, 2); }},
      {"grid_sample",
       {{{1, 2, 4, 3}}, {{1, 3, 2, 2}, -1.3, 1.3}},
       [](const Ts& x) { return grid_sample(x[0], x[1], "bilinear", "reflection"); }},
      {"affine_grid", {{{2, 2, 3}}}, [](const Ts& x) { return affine_grid(x[0], {2, 1, 3, 2}); }},
      {"max_unpool2d",
       {{{1, 2, 2, 2}}},
       [](const Ts& x) {
         return max_unpool2d(
             x[0], tensor({{{{0, 3}, {9, 10}}, {{5, 6}, {12, 15}}}}).to(x[0].device()), 2);
       }},
      {"embedding_bag",
       {{{4, 3}}, {{6}, 0, 3, DType::I64}},
       [](const Ts& x) {
         return embedding_bag(x[1], x[0],
                              {.offsets = tensor({0, 0}).to(x[0].device()), .mode = "mean"});
       }},
      {"ctc_loss",
       {{{4, 2, 3}}},
       [](const Ts& x) {
         return ctc_loss(log_softmax(x[0], 2), tensor({{0, 0}, {0, 0}}).to(x[0].device()), {4, 3},
                         {2, 1}, {.blank = x[0].size(2) - 1});
       }},
      {"multilabel_margin_loss",
       {{{2, 4}}},
       [](const Ts& x) {
         return multilabel_margin_loss(x[0],
                                       tensor({{3, 0, -1, 1}, {2, -1, 0, 0}}).to(x[0].device()));
       }},
      {"einsum",
       {{{2, 3, 4}}, {{4, 5}}},
       [](const Ts& x) { return einsum("bij,jk->bki", {x[0], x[1]}); }},
      {"nll_loss",
       {{{5, 3}}, {{5}, 0, 2, DType::I64}},
       [](const Ts& x) { return nll_loss(log_softmax(x[0], 1), x[1]); }},
      {"cross_entropy_loss",
       {{{5, 3}}, {{5}, 0, 2, DType::I64}},
       [](const Ts& x) { return cross_entropy_loss(x[0], x[1], {.label_smoothing = 0.1}); }},
      {"binary_cross_entropy_with_logits",
       {{{5, 3}}, {{5, 3}, 0.1, 0.9}},
       [](const Ts& x) { return binary_cross_entropy_with_logits(x[0], x[1]); }},
      {"attention",
       {{{2, 3, 4}}, {{2, 5, 4}}, {{2, 5, 4}}},
       [](const Ts& x) { return scaled_dot_product_attention(x[0], x[1], x[2]); }},
  };
  out.insert(out.end(), more.begin(), more.end());
  return out;
}

}  // namespace lilith::testing
