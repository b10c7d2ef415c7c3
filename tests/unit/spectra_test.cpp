// Complex eigenvalues, L D L^T, and systems whose failure is a number.
#include "lilith/ops/spectra.h"

#include <gtest/gtest.h>

#include <cmath>

#include "lilith/compile.h"
#include "lilith/ops.h"
#include "lilith/ops/signal.h"
#include "lilith/transforms.h"
#include "lilith/vmap.h"

namespace lilith {
namespace {

constexpr TensorOptions kWide{.dtype = DType::F64};

double largest(const Tensor& x) { return x.abs().max().item<double>(); }
Tensor real(const Tensor& pairs) { return pairs.select(-1, 0); }
Tensor imag(const Tensor& pairs) { return pairs.select(-1, 1); }

TEST(Eig, ValuesAndVectorsBelongTogether) {
  manual_seed(3);
  const Tensor a = randn({4, 5, 5}, kWide);
  const auto [w, v] = linalg::eig(a);
  EXPECT_EQ(w.shape(), (Shape{4, 5, 2}));
  EXPECT_EQ(v.shape(), (Shape{4, 5, 5, 2}));
  EXPECT_GT(largest(imag(w)), 0.1);
  const Tensor wr = real(w).unsqueeze(1), wi = imag(w).unsqueeze(1);
  EXPECT_LT(largest(matmul(a, real(v)) - (real(v) * wr - imag(v) * wi)), 1e-12);
  EXPECT_LT(largest(matmul(a, imag(v)) - (real(v) * wi + imag(v) * wr)), 1e-12);
  EXPECT_LT(largest((v * v).sum(-1).sum(1) - 1), 1e-12);
  EXPECT_EQ(largest(linalg::eigvals(a) - w), 0);
}

TEST(Eig, OfASymmetricMatrixTheyAreReal) {
  const Tensor x = randn({4, 4}, kWide), a = x + x.t();
  const Tensor w = linalg::eigvals(a);
  EXPECT_EQ(largest(imag(w)), 0);
  EXPECT_LT(largest(real(w).sort().values - linalg::eigvalsh(a)), 1e-12);
}

TEST(Eig, ShapesDtypesAndErrors) {
  EXPECT_EQ(linalg::eigvals(zeros({0, 0})).shape(), (Shape{0, 2}));
  EXPECT_EQ(linalg::eigvals(ones({2, 2}, {.dtype = DType::BF16})).dtype(), DType::BF16);
  EXPECT_THROW(linalg::eig(ones({2, 3})), Error);
  EXPECT_THROW(eval(linalg::eigvals(full({2, 2}, NAN))), Error);
}

// Of the values and, whatever their phases are, of the vectors.
Tensor eig_loss(const Tensor& a) {
  const auto [w, v] = linalg::eig(a);
  const Tensor factors = arange(1, 1 + v.size(0) * v.size(0), kWide).reshape({v.size(0), -1});
  return (real(w) * real(w) * 0.3 + imag(w) * imag(w) * 0.7).sum() +
         (sin(factors) * (v * v).sum(-1)).sum();
}

TEST(Eig, GradientsAreThoseOfDifferences) {
  manual_seed(5);
  const Tensor a = randn({4, 4}, kWide);
  ASSERT_GT(largest(imag(linalg::eigvals(a))), 0.1);
  const Tensor g = grad(eig_loss, a).second;
  const auto got = g.to_vector<double>();
  constexpr double kStep = 1e-5;
  for (std::size_t k = 0; k < got.size(); ++k) {
    std::vector<double> e(16, 0.0);
    e[k] = kStep;
    const Tensor d = from_data(e.data(), {4, 4});
    const double slope =
        (eig_loss(a + d).item<double>() - eig_loss(a - d).item<double>()) / (2 * kStep);
    EXPECT_NEAR(got[k], slope, 1e-6 * std::max(1.0, std::abs(slope))) << k;
  }
}

TEST(Eig, UnderVmapAndCompiled) {
  const Tensor a = randn({3, 4, 4}, kWide);
  const Tensor all = linalg::eigvals(a);
  const auto of_one = [](const Tensor& x) { return linalg::eigvals(x); };
  EXPECT_EQ(largest(vmap(of_one)(a) - all), 0);
  EXPECT_EQ(largest(compile(of_one)(a) - all), 0);
}

TEST(Ldl, SolvesIndefiniteSystems) {
  manual_seed(7);
  const Tensor x = randn({3, 5, 5}, kWide), a = x + transpose(x, -2, -1);
  const Tensor b = randn({5, 2}, kWide);
  const auto [LD, pivots] = linalg::ldl_factor(tril(a));  // the upper triangle is not read
  EXPECT_EQ(pivots.dtype(), DType::I32);
  EXPECT_EQ(largest(triu(LD, 1)), 0);
  const Tensor solution = linalg::ldl_solve(LD, pivots, b);
  EXPECT_EQ(solution.shape(), (Shape{3, 5, 2}));
  EXPECT_LT(largest(matmul(a, solution) - b), 1e-9);
  EXPECT_THROW(linalg::ldl_solve(LD, pivots.slice(1, 0, 4), b), Error);
}

// P_0 L_0 P_1 L_1 … D, and the same from the right: what LAPACK's sytrf says of its lower triangle.
std::vector<double> product_of(const std::vector<double>& ld, const std::vector<int>& pivots) {
  const auto n = static_cast<int>(pivots.size());
  const auto at = [n](int r, int c) { return static_cast<std::size_t>(r * n + c); };
  std::vector<double> m(ld.size(), 0);
  std::vector<std::pair<int, int>> blocks;  // the first row, how many
  for (int k = 0; k < n; k += blocks.back().second) {
    blocks.emplace_back(k, pivots[static_cast<std::size_t>(k)] > 0 ? 1 : 2);
    m[at(k, k)] = ld[at(k, k)];
    if (blocks.back().second == 1) continue;
    m[at(k + 1, k + 1)] = ld[at(k + 1, k + 1)];
    m[at(k, k + 1)] = m[at(k + 1, k)] = ld[at(k + 1, k)];
  }
  for (; !blocks.empty(); blocks.pop_back()) {
    const auto [k, size] = blocks.back();
    for (const bool columns : {false, true}) {
      const auto cell = [&](int r, int c) -> double& { return m[columns ? at(c, r) : at(r, c)]; };
      for (int r = k + size; r < n; ++r)
        for (int from = k; from < k + size; ++from)
          for (int c = 0; c < n; ++c) cell(r, c) += ld[at(r, from)] * cell(from, c);
      const int swapped = std::abs(pivots[static_cast<std::size_t>(k)]) - 1;
      for (int c = 0; c < n; ++c) std::swap(cell(k + size - 1, c), cell(swapped, c));
    }
  }
  return m;
}

TEST(Ldl, TheFactorsMultiplyToTheMatrix) {
  manual_seed(11);
  bool has_block = false, has_swap = false;
  for (int trial = 0; trial < 20; ++trial) {
    const Tensor x = randn({6, 6}, kWide), a = x + x.t();
    const auto [LD, pivots] = linalg::ldl_factor(a);
    const auto swaps = pivots.to_vector<int>();
    const auto rebuilt = product_of(LD.to_vector<double>(), swaps), want = a.to_vector<double>();
    for (std::size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(rebuilt[i], want[i], 1e-12);
    for (std::size_t k = 0; k < swaps.size(); ++k) {
      has_block |= swaps[k] < 0;
      has_swap |= swaps[k] > 0 && swaps[k] != static_cast<int>(k) + 1;
    }
  }
  EXPECT_TRUE(has_block && has_swap);
}

TEST(Ldl, SingularOnesSaySo) {
  const Tensor a = zeros({2, 3, 3}, kWide);
  EXPECT_EQ(linalg::ldl_factor_ex(a).info.to_vector<int>(), (std::vector<int>{1, 1}));
  EXPECT_THROW(eval(linalg::ldl_factor(a).LD), Error);
  EXPECT_EQ(linalg::ldl_factor_ex(eye(2)).info.item<int>(), 0);
}

TEST(SolveEx, InfoSaysWhichRowFailed) {
  const Tensor a = tensor({{2.0, 1.0}, {1.0, 3.0}}), b = tensor({1.0, 2.0});
  const auto [x, info] = linalg::solve_ex(a, b);
  EXPECT_EQ(info.item<int>(), 0);
  EXPECT_LT(largest(matmul(a, x) - b), 1e-6);
  EXPECT_EQ(linalg::solve_ex(tensor({{1.0, 2.0}, {2.0, 4.0}}), b).info.item<int>(), 2);
  EXPECT_EQ(linalg::lu_factor_ex(tensor({{1.0, 2.0}, {2.0, 4.0}})).info.item<int>(), 2);
  const Tensor wide = tensor({{1.0, 2.0}});
  EXPECT_LT(largest(matmul(linalg::solve_ex(a, wide, false).result, a) - wide), 1e-6);
}

// scipy.signal.windows gives these.
TEST(SignalWindows, OfFivePoints) {
  using namespace windows;
  const auto near = [](const Tensor& window, std::vector<double> want) {
    EXPECT_LT(largest(window - from_data(want.data(), {5})), 1e-6);
  };
  near(hann(5, true, kWide), {0, 0.5, 1, 0.5, 0});
  near(gaussian(5, 1, true, kWide), {0.1353352832, 0.6065306597, 1, 0.6065306597, 0.1353352832});
  near(exponential(5, 2, true, kWide), {0.3678794412, 0.6065306597, 1, 0.6065306597, 0.3678794412});
  near(cosine(5, true, kWide), {0.3090169944, 0.8090169944, 1, 0.8090169944, 0.3090169944});
  near(kaiser(5, 12, true, kWide), {5.2773413e-05, 0.215672745, 1, 0.215672745, 5.2773413e-05});
  near(general_hamming(5, 0.6, false, kWide),
       {0.2, 0.4763932023, 0.9236067977, 0.9236067977, 0.4763932023});
  EXPECT_EQ(hann(1).item<float>(), 1);
  EXPECT_THROW(gaussian(4, 0), Error);
}

}  // namespace
}  // namespace lilith
