#include <cmath>
#include <limits>

#include "lilith/lilith.h"
#include "support/expect_error.h"

// Linear algebra, Fourier transforms and special functions.
namespace lilith {
namespace {

const Tensor kSingular = tensor({{1.0f, 2.0f}, {2.0f, 4.0f}});

TEST(LinalgErrors, ASingularMatrixIsFoundWhereItsInverseIsComputed) {
  EXPECT_ERROR_HERE(eval(inverse(kSingular)),
                    "inverse: the diagonal element 2 is zero, the inversion could not be completed "
                    "because the input matrix is singular");
  const Tensor batch = stack({eye(2), kSingular});
  EXPECT_ERROR_HERE(eval(linalg::solve(batch, ones({2, 2}))),
                    "solve: (batch element 1) the solver failed because the input matrix is "
                    "singular");
  EXPECT_ERROR_HERE(eval(cholesky(-eye(2))),
                    "cholesky: the factorization could not be completed because the input is not "
                    "positive-definite (the leading minor of order 1 is not positive-definite)");
  EXPECT_EQ(linalg::inv_ex(kSingular).info.item<int>(), 2);
  EXPECT_EQ(linalg::cholesky_ex(-eye(2)).info.item<int>(), 1);
}

// LAPACK's own functions end the process at some of these, or do not return.
TEST(LinalgErrors, MatricesThatAreNotFinite) {
  const double inf = std::numeric_limits<double>::infinity(), nan = std::nan("");
  for (const double bad : {inf, -inf, nan}) {
    for (const std::int64_t n : {3, 40}) {
      const Tensor x = eye(n) + full({n, n}, 0.5) * (arange(n * n).reshape({n, n}) == 4) * bad;
      const std::string text = ": the input matrix contained non-finite values";
      EXPECT_ERROR_HERE(eval(linalg::svdvals(x)), "svdvals" + text);
      EXPECT_ERROR_HERE(eval(linalg::eigvalsh(x)), "eigvalsh" + text);
      EXPECT_ERROR_HERE(eval(linalg::lstsq(x, ones({n, 1})).solution), "lstsq" + text);
      EXPECT_ERROR_HERE(eval(linalg::lstsq(eye(n), full({n, 1}, bad)).solution), "lstsq" + text);
      const Tensor g = grad([](const Tensor& m) { return det(m); }, x).second;
      EXPECT_TRUE(isnan(g).all().item<bool>());
    }
  }
}

TEST(LinalgErrors, AFailureInACompiledStepLeavesItsStateAsItWas) {
  auto step = compile([](Tensor& state, const Tensor& a) {
    state = state + linalg::solve(a, state);
    return state.sum();
  });
  Tensor state = ones({2});
  eval(state);
  step(state, eye(2));
  EXPECT_THROW(step(state, kSingular), Error);
  EXPECT_EQ(state.to_vector<float>(), (std::vector<float>{2, 2}));
}

TEST(LinalgErrors, ShapesAreCheckedAtOnce) {
  EXPECT_ERROR_HERE(det(ones({2, 3})), "det: got f32[2,3]; need square matrices [..., M, M]");
  EXPECT_ERROR_HERE(inverse(ones({3})),
                    "inverse: got f32[3]; need matrices, at least 2 dimensions");
  EXPECT_ERROR_HERE(linalg::solve(eye(3), ones({2, 2})),
                    "solve: got A f32[3,3], B f32[2,2]; need as many rows");
  EXPECT_ERROR_HERE(linalg::qr(eye(3), "full"), "qr: mode is 'full'; need reduced, complete or r");
  EXPECT_ERROR_HERE(linalg::matrix_norm(eye(3), 3),
                    "matrix_norm: ord is 3; need 1, -1, 2, -2, inf, -inf, fro or nuc");
}

// LAPACK trusts pivots, and reads and writes where they point.
TEST(LinalgErrors, PivotsOfLdlSolve) {
  const Tensor LD = eye(3), b = ones({3, 1});
  EXPECT_ERROR_HERE(eval(linalg::ldl_solve(LD, tensor({1, 4, 3}), b)),
                    "ldl_solve: pivot 1 is 4; need a row from 1 to 3, or its negative in a block "
                    "of two");
  EXPECT_ERROR_HERE(eval(linalg::ldl_solve(LD, tensor({0, 2, 3}), b)),
                    "ldl_solve: pivot 0 is 0; need a row from 1 to 3, or its negative in a block "
                    "of two");
  EXPECT_ERROR_HERE(
      eval(linalg::ldl_solve(
          LD, tensor({std::int64_t{1}, (std::int64_t{1} << 32) + 2, std::int64_t{3}}), b)),
      "ldl_solve: pivot 1 is 4294967298; need a row from 1 to 3, or its negative in "
      "a block of two");
  EXPECT_ERROR_HERE(eval(linalg::ldl_solve(LD, tensor({1, 2, -3}), b)),
                    "ldl_solve: pivot 2 is -3, and the last; need negative ones in pairs of equal "
                    "numbers");
  EXPECT_ERROR_HERE(eval(linalg::ldl_solve(stack({LD, LD}), tensor({{1, 2, 3}, {1, -2, -3}}), b)),
                    "ldl_solve: (batch element 1) pivot 1 is -2, and the next -3; need negative "
                    "ones in pairs of equal numbers");
  EXPECT_ERROR_HERE(linalg::ldl_solve(LD, tensor({1, 2}), b),
                    "ldl_solve: pivots i64[2] of LD f32[3,3]; need a whole number for each row");
  EXPECT_ERROR_HERE(eval(linalg::ldl_factor(zeros({2, 2})).LD),
                    "ldl_factor: the diagonal block 1 of D is zero: the input matrix is singular");
  EXPECT_ERROR_HERE(linalg::ldl_factor(ones({2, 3})),
                    "ldl_factor: got f32[2,3]; need square matrices [..., M, M]");
}

TEST(FftErrors, ComplexValuesArePairs) {
  EXPECT_ERROR_HERE(fft::fft(ones({8})),
                    "fft: got f32[8]; need complex values [..., n, 2], as view_as_real shows them "
                    "(stack({re, im}, -1))");
  EXPECT_ERROR_HERE(fft::rfft(ones({8}), 0), "rfft: the length is 0; need 1 or more");
  EXPECT_ERROR_HERE(stft(ones({20}), 8, {.window = ones({4})}),
                    "stft: the window is f32[4]; need win_length elements, 8");
  EXPECT_ERROR_HERE(eval(istft(ones({5, 3, 2}), 8, {.window = zeros({8})})),
                    "istft: the windows leave sample 0 uncovered: their squares add up to 0; need "
                    "more than 1e-11");
}

TEST(SpecialErrors, SomeHaveNoGradient) {
  const auto loss = [](const Tensor& a) { return igamma(a, 1).sum(); };
  EXPECT_NE(testing::error_text([&] {
              grad(loss, ones({2}));
            }).find("igamma: there is a gradient for its second operand, x, alone ("),
            std::string::npos);
}

}  // namespace
}  // namespace lilith
