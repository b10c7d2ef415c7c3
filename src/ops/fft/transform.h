#pragma once
#include <complex>
#include <cstdint>
#include <memory>
#include <vector>

namespace lilith::ops {

/// The discrete Fourier transform of complex signals of one length, y_j = sum_k x_k w^(jk), w =
/// e^(-2 pi i / n), not divided by anything. Lengths made of the factors 2, 3, 5 and 7: by them,
/// in order of time, sorted on the way (Stockham; see Van Loan, "Computational Frameworks for the
/// Fast Fourier Transform", 1992, 1.7). Others: as a convolution of a length that is (L. Bluestein,
/// "A linear filtering approach to the computation of discrete Fourier transform", 1970).
template <class T>
class FourierTransform {
 public:
  using Complex = std::complex<T>;
  explicit FourierTransform(std::int64_t n);

  std::int64_t size() const { return n_; }
  /// In place, with `work_size` numbers of memory. inverse: e^(+2 pi i / n).
  void run(Complex* x, bool inverse, Complex* work) const;
  std::int64_t work_size() const { return chirp_.empty() ? n_ : 2 * inner_->size(); }

 private:
  void run_factors(Complex* x, Complex* work) const;
  void run_chirp(Complex* x, Complex* work) const;

  std::int64_t n_;
  std::vector<int> factors_;
  std::vector<Complex> roots_;  // w^k
  // Of other lengths: e^(-pi i k^2 / n), and the transform of its conjugate.
  std::vector<Complex> chirp_, spectrum_;
  std::shared_ptr<const FourierTransform> inner_;
};

/// The transform of a length, made once.
template <class T>
std::shared_ptr<const FourierTransform<T>> fourier_transform(std::int64_t n);

}  // namespace lilith::ops
