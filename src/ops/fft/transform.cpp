#include "ops/fft/transform.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>
#include <numbers>

namespace lilith::ops {
namespace {

using I = std::int64_t;

template <class T>
std::complex<T> turn_of(double turns) {
  const double angle = -2 * std::numbers::pi * turns;
  return {static_cast<T>(std::cos(angle)), static_cast<T>(std::sin(angle))};
}

// The factors 4, 2, 3, 5, 7 of n; empty where there are others.
std::vector<int> factors_of(I n) {
  std::vector<int> out;
  for (const int f : {4, 2, 3, 5, 7})
    for (; n % f == 0; n /= f) out.push_back(f);
  return n == 1 ? out : std::vector<int>();
}

I next_smooth(I n) {
  while (factors_of(n).empty()) ++n;
  return n;
}

// Without the care for infinities that std::complex takes.
template <class T>
std::complex<T> times(std::complex<T> a, std::complex<T> b) {
  return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
}
template <class T>
std::complex<T> times_minus_i(std::complex<T> a) {
  return {a.imag(), -a.real()};
}

/// Transforms of 4 or 2 numbers in place.
template <class T>
void butterfly4(std::complex<T>* t) {
  const std::complex<T> a = t[0] + t[2], b = t[0] - t[2], c = t[1] + t[3],
                        d = times_minus_i(t[1] - t[3]);
  t[0] = a + c;
  t[1] = b + d;
  t[2] = a - c;
  t[3] = b - d;
}

template <class T>
void butterfly(std::complex<T>* t, int r, const std::complex<T>* roots) {
  if (r == 4) return butterfly4(t);
  if (r == 2) {
    const std::complex<T> a = t[0];
    t[0] = a + t[1];
    t[1] = a - t[1];
    return;
  }
  std::complex<T> out[7];
  for (int j = 0; j < r; ++j) {
    out[j] = t[0];
    for (int q = 1; q < r; ++q) out[j] += times(t[q], roots[j * q % r]);
  }
  std::copy_n(out, r, t);
}

}  // namespace

template <class T>
FourierTransform<T>::FourierTransform(I n) : n_(n), factors_(factors_of(n)) {
  if (n == 1 || !factors_.empty()) {
    for (I k = 0; k < n; ++k)
      roots_.push_back(turn_of<T>(static_cast<double>(k) / static_cast<double>(n)));
    return;
  }
  inner_ = fourier_transform<T>(next_smooth(2 * n - 1));
  spectrum_.resize(static_cast<std::size_t>(inner_->size()));
  I square = 0;  // k^2 modulo 2n, so that large ones keep their angle
  for (I k = 0; k < n; square = (square + 2 * k + 1) % (2 * n), ++k) {
    chirp_.push_back(turn_of<T>(static_cast<double>(square) / static_cast<double>(2 * n)));
    spectrum_[static_cast<std::size_t>(k)] = std::conj(chirp_.back());
    if (k > 0) spectrum_[spectrum_.size() - static_cast<std::size_t>(k)] = std::conj(chirp_.back());
  }
  std::vector<Complex> work(static_cast<std::size_t>(inner_->work_size()));
  inner_->run(spectrum_.data(), false, work.data());
}

template <class T>
void FourierTransform<T>::run(Complex* x, bool inverse, Complex* work) const {
  const auto conjugate = [&] {
    for (I k = 0; inverse && k < n_; ++k) x[k] = std::conj(x[k]);
  };
  conjugate();
  if (chirp_.empty())
    run_factors(x, work);
  else
    run_chirp(x, work);
  conjugate();
}

// After the factors with the product l, a[j m + k] is element j of the transform of the l numbers
// x[k], x[k + m], …, where l m = n.
template <class T>
void FourierTransform<T>::run_factors(Complex* x, Complex* work) const {
  Complex *from = x, *to = work;
  I l = 1;
  for (const int r : factors_) {
    const I m = n_ / (l * r);
    Complex own[7];
    for (int q = 0; q < r; ++q) own[q] = roots_[static_cast<std::size_t>(q * (n_ / r))];
    for (I j = 0; j < l; ++j) {
      for (I k = 0; k < m; ++k) {
        Complex t[7];
        t[0] = from[j * r * m + k];
        for (int q = 1; q < r; ++q)
          t[q] = times(from[(j * r + q) * m + k], roots_[static_cast<std::size_t>(j * q * m)]);
        butterfly(t, r, own);
        for (int q = 0; q < r; ++q) to[(q * l + j) * m + k] = t[q];
      }
    }
    l *= r;
    std::swap(from, to);
  }
  if (from != x) std::copy_n(from, n_, x);
}

template <class T>
void FourierTransform<T>::run_chirp(Complex* x, Complex* work) const {
  const I size = inner_->size();
  Complex* padded = work;
  for (I k = 0; k < n_; ++k) padded[k] = times(x[k], chirp_[static_cast<std::size_t>(k)]);
  std::fill(padded + n_, padded + size, Complex());
  inner_->run(padded, false, work + size);
  for (I k = 0; k < size; ++k) padded[k] = times(padded[k], spectrum_[static_cast<std::size_t>(k)]);
  inner_->run(padded, true, work + size);
  const T scale = T{1} / static_cast<T>(size);
  for (I k = 0; k < n_; ++k) x[k] = times(padded[k], chirp_[static_cast<std::size_t>(k)]) * scale;
}

template <class T>
std::shared_ptr<const FourierTransform<T>> fourier_transform(I n) {
  static std::mutex mutex;
  static auto* made = new std::map<I, std::shared_ptr<const FourierTransform<T>>>;
  {
    const std::lock_guard lock(mutex);
    if (const auto at = made->find(n); at != made->end()) return at->second;
  }
  auto fresh = std::make_shared<const FourierTransform<T>>(n);
  const std::lock_guard lock(mutex);
  if (made->size() >= 64) made->clear();
  return made->emplace(n, std::move(fresh)).first->second;
}

template class FourierTransform<float>;
template class FourierTransform<double>;
template std::shared_ptr<const FourierTransform<float>> fourier_transform<float>(I);
template std::shared_ptr<const FourierTransform<double>> fourier_transform<double>(I);

}  // namespace lilith::ops
