#include <gtest/gtest.h>

#include <cmath>
#include <complex>
#include <numbers>

#include "lilith/lilith.h"

// Linear algebra, Fourier transforms and special functions: what the tables of tests/ops and parity
// do not say.
namespace lilith {
namespace {

double distance(const Tensor& a, const Tensor& b) {
  return (a - b).abs().max().to(kFloat64).item<double>();
}

TEST(Linalg, DecompositionsGiveBackTheMatrix) {
  const Tensor x = randn({2, 5, 3}, {.dtype = kFloat64});
  const auto [q, r] = linalg::qr(x, "complete");
  EXPECT_LT(distance(matmul(q, r), x), 1e-12);
  const auto [u, s, vh] = linalg::svd(x, false);
  EXPECT_LT(distance(matmul(u * s.unsqueeze(-2), vh), x), 1e-12);
  const auto [p, l, upper] = linalg::lu(x);
  EXPECT_LT(distance(matmul(p, matmul(l, upper)), x), 1e-12);
  const auto [a, tau] = geqrf(x);
  EXPECT_LT(distance(orgqr(a, tau), linalg::qr(x).Q), 1e-12);
  const auto [small_u, small_s, small_v] = svd_lowrank(x, 3);
  EXPECT_LT(distance(small_s, s), 1e-12);
}

TEST(Linalg, AllSolversAgree) {
  const Tensor a = randn({4, 4}, {.dtype = kFloat64}) + eye(4, {}, {.dtype = kFloat64}) * 4;
  const Tensor b = randn({3, 4, 2}, {.dtype = kFloat64});
  const Tensor x = linalg::solve(a, b);
  EXPECT_LT(distance(matmul(a, x), b), 1e-12);
  const auto [LU, pivots] = linalg::lu_factor(a);
  EXPECT_LT(distance(linalg::lu_solve(LU, pivots, b), x), 1e-12);
  const Tensor right = transpose(b, -2, -1);
  EXPECT_LT(distance(matmul(linalg::lu_solve(LU, pivots, right, false), a), right), 1e-12);
  EXPECT_LT(distance(matmul(transpose(a, 0, 1), linalg::lu_solve(LU, pivots, b, true, true)), b),
            1e-12);
  EXPECT_LT(distance(matmul(linalg::pinv(a), b), x), 1e-12);
  EXPECT_LT(distance(linalg::lstsq(a, b[0]).solution, x[0]), 1e-12);
  EXPECT_LT(distance(matrix_power(a, -2), inverse(matmul(a, a))), 1e-12);
}

TEST(Linalg, NormsAndRanks) {
  const Tensor x = diag(tensor({3.0, -2.0, 0.0}));
  EXPECT_NEAR(linalg::matrix_norm(x, 2).item<double>(), 3, 1e-12);
  EXPECT_NEAR(linalg::norm(x, "nuc").item<double>(), 5, 1e-12);
  EXPECT_NEAR(linalg::norm(x, INFINITY).item<double>(), 3, 1e-12);
  EXPECT_EQ(linalg::matrix_rank(x).item<std::int64_t>(), 2);
  EXPECT_EQ(linalg::matrix_rank(x, {}, {}, true).item<std::int64_t>(), 2);
  EXPECT_TRUE(std::isinf(linalg::cond(x, 1).item<double>()));
  const Tensor tall = ones({40, 2}), narrow = ones({2, 40});
  EXPECT_EQ(linalg::multi_dot({tall, narrow, tall, ones({2})}).shape(), Shape{40});
}

TEST(Linalg, ValuesAndGradientsInACompiledStep) {
  const auto loss = [](const Tensor& a) { return logdet(matmul(a, transpose(a, 0, 1))); };
  auto step = compile([&](const Tensor& a) { return grad(loss, a).second; });
  const Tensor a = randn({3, 3}) + eye(3) * 3;
  EXPECT_LT(distance(step(a), 2 * transpose(inverse(a), 0, 1)), 1e-4);
}

// ---- Fourier transforms ----

using Complex = std::complex<double>;

std::vector<Complex> slow_transform(const std::vector<Complex>& x, double sign) {
  const auto n = static_cast<double>(x.size());
  std::vector<Complex> out(x.size());
  for (std::size_t j = 0; j < x.size(); ++j)
    for (std::size_t k = 0; k < x.size(); ++k)
      out[j] +=
          x[k] * std::polar(1.0, sign * 2 * std::numbers::pi * std::fmod(double(j * k), n) / n);
  return out;
}

TEST(Fft, AnyLength) {
  for (const int n : {1, 2, 3, 4, 6, 7, 8, 11, 12, 13, 30, 64, 97, 120, 210, 243, 1001}) {
    const Tensor x = randn({n, 2}, {.dtype = kFloat64});
    const std::vector<double> values = x.to_vector<double>();
    std::vector<Complex> signal;
    for (int k = 0; k < n; ++k)
      signal.emplace_back(values[static_cast<std::size_t>(2 * k)],
                          values[static_cast<std::size_t>(2 * k + 1)]);
    const std::vector<Complex> want = slow_transform(signal, -1);
    const std::vector<double> got = fft::fft(x).to_vector<double>();
    for (std::size_t k = 0; k < want.size(); ++k) {
      EXPECT_NEAR(got[2 * k], want[k].real(), 1e-11) << n;
      EXPECT_NEAR(got[2 * k + 1], want[k].imag(), 1e-11) << n;
    }
    EXPECT_LT(distance(fft::ifft(fft::fft(x)), x), 1e-12) << n;
    const Tensor real = x.select(1, 0);
    EXPECT_LT(distance(fft::irfft(fft::rfft(real), n), real), 1e-12) << n;
    EXPECT_LT(distance(fft::hfft(fft::ihfft(real), n), real), 1e-12) << n;
  }
}

TEST(Fft, SeveralDimensionsAndShifts) {
  const Tensor x = randn({3, 4, 6});
  EXPECT_LT(distance(fft::irfftn(fft::rfftn(x)), x), 1e-5);
  EXPECT_LT(distance(fft::irfft2(fft::rfft2(x, {}, {0, 2}, "ortho"), {3, 6}, {0, 2}, "ortho"), x),
            1e-5);
  EXPECT_EQ(fft::fftfreq(5, 0.5).to_vector<float>(),
            (std::vector<float>{0, 0.4f, 0.8f, -0.8f, -0.4f}));
  EXPECT_EQ(fft::rfftfreq(4).to_vector<float>(), (std::vector<float>{0, 0.25f, 0.5f}));
  EXPECT_EQ(fft::fftshift(arange(5)).to_vector<std::int64_t>(),
            (std::vector<std::int64_t>{3, 4, 0, 1, 2}));
  EXPECT_EQ(distance(fft::ifftshift(fft::fftshift(x)), x), 0);
}

TEST(Fft, ShortTimeTransformsGiveBackTheSignal) {
  const Tensor x = randn({2, 50}), window = hann_window(16);
  const Tensor y = stft(x, 16, {.hop_length = 4, .window = window, .normalized = true});
  EXPECT_EQ(y.shape(), (Shape{2, 9, 13, 2}));
  const Tensor back =
      istft(y, 16, {.hop_length = 4, .window = window, .normalized = true, .length = 50});
  EXPECT_LT(distance(back.slice(1, 0, 48), x.slice(1, 0, 48)), 1e-5);
}

// ---- Special functions: values from mpmath ----

void expect_value(const Tensor& got, double want) {
  EXPECT_NEAR(got.item<double>(), want, 1e-12 * std::fabs(want));
}

TEST(Special, ValuesInDoublePrecision) {
  const auto at = [](double x) { return tensor(x, {.dtype = kFloat64}); };
  expect_value(special::i0e(at(0.3)), 0.75758062518254785);
  expect_value(special::i0e(at(5.0)), 0.18354081260932835);
  expect_value(special::i0e(at(60.0)), 0.051611549173609841);
  expect_value(special::i0e(at(700.0)), 0.015081295651531358);
  expect_value(special::i1(at(-0.3)), -0.15169384000359278);
  expect_value(special::i1(at(20.0)), 42454973.38512777);
  expect_value(special::erfcx(at(-3.0)), 16205.988853999587);
  expect_value(special::erfcx(at(0.5)), 0.61569034419292587);
  expect_value(special::erfcx(at(19.9)), 0.028315573983185767);
  expect_value(special::erfcx(at(20.1)), 0.028034523526966877);
  expect_value(special::erfcx(at(1000000.0)), 5.6418958354747419e-7);
  expect_value(special::ndtri(at(1e-300)), -37.047096299361199);
  expect_value(special::ndtri(at(1e-10)), -6.3613409024040562);
  expect_value(special::ndtri(at(0.02)), -2.0537489106318231);
  expect_value(special::ndtri(at(0.3)), -0.52440051270804078);
  expect_value(special::ndtri(at(0.999)), 3.0902323061678135);
  expect_value(special::log_ndtr(at(-40.0)), -804.60844201375379);
  expect_value(special::log_ndtr(at(-1.0)), -1.8410216450092635);
  expect_value(special::log_ndtr(at(2.0)), -0.023012909328963488);
  expect_value(special::zeta(at(1.5), at(0.25)), 10.213055360466601);
  expect_value(special::zeta(at(3.0), at(2.0)), 0.20205690315959429);
  expect_value(special::zeta(at(4.0), at(-2.5)), 32.457979369864604);
  expect_value(special::zeta(at(20.0), at(0.1)), 1.0e+20);
  expect_value(igamma(at(0.5), at(0.1)), 0.34527915398142297);
  expect_value(igamma(at(3.0), at(10.0)), 0.99723060428448842);
  expect_value(igamma(at(200.0), at(210.0)), 0.76396967450115385);
  expect_value(igammac(at(2.5), at(40.0)), 8.3918251148316101e-16);
  expect_value(special::modified_bessel_k0(at(0.01)), 4.721244730161095);
  expect_value(special::modified_bessel_k0(at(1.0)), 0.42102443824070833);
  expect_value(special::modified_bessel_k0(at(50.0)), 3.4101677497894955e-23);
  expect_value(special::scaled_modified_bessel_k1(at(1000.0)), 0.03964813081296021);
  expect_value(special::bessel_j1(at(3.5)), 0.13737752736232719);
  expect_value(special::bessel_y0(at(3.5)), 0.18902194392082651);
  expect_value(special::airy_ai(at(-7.0)), 0.18428083525050564);
  expect_value(special::airy_ai(at(-0.5)), 0.47572809161053959);
  expect_value(special::airy_ai(at(0.0)), 0.35502805388781724);
  expect_value(special::airy_ai(at(3.0)), 0.0065911393574607191);
  expect_value(special::airy_ai(at(20.0)), 1.6916728686705403e-27);
  expect_value(special::legendre_polynomial_p(at(0.3), at(7.0)), -0.22407298125);
  expect_value(special::hermite_polynomial_h(at(0.3), at(5.9)), 31.75776);
  expect_value(special::laguerre_polynomial_l(at(2.5), at(4.0)), 0.9609375);
  expect_value(special::shifted_chebyshev_polynomial_u(at(0.3), at(6.0)), 1.054144);
  expect_value(special::spherical_bessel_j0(at(2.0)), 0.45464871341284085);
}

}  // namespace
}  // namespace lilith
