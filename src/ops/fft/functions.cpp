#include <algorithm>
#include <cmath>

#include "lilith/ops/create.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/fft.h"
#include "lilith/ops/shape.h"
#include "ops/fft/calls.h"
#include "ops/half.h"
#include "ops/operand.h"
#include "ops/primitives.h"

// torch.fft: transforms along a dimension are those along the last one, of what is cut or padded.
namespace lilith {

using namespace ops;
using I = std::int64_t;

namespace {

Tensor complex_of(const char* op, const Arg& x) {
  const Tensor t = widened(floating(x));
  LILITH_CHECK(t.ndim() >= 2 && t.size(-1) == 2,
               "{}: got {}; need complex values [..., n, 2], as view_as_real shows them "
               "(stack({{re, im}}, -1))",
               op, x.tensor().aval().str());
  return t;
}
Tensor real_of(const char* op, const Arg& x) {
  const Tensor t = widened(floating(x));
  LILITH_CHECK(t.ndim() >= 1, "{}: got {}; need one dimension or more", op,
               x.tensor().aval().str());
  return t;
}

// A dimension of `n` elements: cut, or padded with zeros behind.
Tensor resized(const Tensor& x, int d, I n) {
  const I size = x.shape()[d];
  return n == size ? x : n < size ? slice_dim(x, d, 0, n) : pad_dim(x, d, 0, n - size);
}

// f of x with dimension d behind the others, of which the last `pairs_in` stays where it is; back
// in its place, of which `pairs_out` are behind.
template <class F>
Tensor along(const Tensor& x, int d, int pairs_in, int pairs_out, F&& f) {
  const int last = x.ndim() - 1 - pairs_in;
  const Tensor at_end = d == last ? x : movedim(x, d, last);
  const Tensor y = f(at_end);
  const int out = y.ndim() - 1 - pairs_out;
  return d == out ? y : movedim(y, out, d);
}

// By which a transform that adds up n elements is multiplied.
double factor(FftNorm norm, bool inverse, I n) {
  if (norm == FftNorm::Ortho) return 1 / std::sqrt(static_cast<double>(n));
  return (norm == FftNorm::Forward) != inverse ? 1 / static_cast<double>(n) : 1;
}
Tensor scaled(const Tensor& x, double by) { return by == 1 ? x : scale(x, by); }

void check_length(const char* op, I n) {
  LILITH_CHECK(n >= 1, "{}: the length is {}; need 1 or more", op, n);
}

// ---- One dimension, halves widened. ----

struct Form {
  const char* op;
  FftNorm norm;
  bool inverse;
};

Tensor c2c(const Form& f, const Tensor& x, int d, std::optional<I> n) {
  const I size = n ? *n : x.shape()[d];
  check_length(f.op, size);
  const Tensor y =
      along(resized(x, d, size), d, 1, 1, [&](const Tensor& t) { return call_fft(t, f.inverse); });
  return scaled(y, factor(f.norm, f.inverse, size));
}

Tensor conjugated(const Tensor& x) {
  const int d = x.ndim() - 1;
  return make_concat({slice_dim(x, d, 0, 1), neg(slice_dim(x, d, 1, 2))}, d);
}

// Real to half the spectrum; inverse: of the conjugate signs.
Tensor r2c(const Form& f, const Tensor& x, int d, std::optional<I> n) {
  const I size = n ? *n : x.shape()[d];
  check_length(f.op, size);
  const Tensor y =
      along(resized(x, d, size), d, 0, 1, [](const Tensor& t) { return call_rfft(t); });
  return scaled(f.inverse ? conjugated(y) : y, factor(f.norm, f.inverse, size));
}

Tensor c2r(const Form& f, const Tensor& x, int d, std::optional<I> n) {
  const I size = n ? *n : 2 * (x.shape()[d] - 1);
  check_length(f.op, size);
  const Tensor half = resized(f.inverse ? x : conjugated(x), d, size / 2 + 1);
  const Tensor y = along(half, d, 1, 0, [&](const Tensor& t) { return call_irfft(t, size); });
  return scaled(y, factor(f.norm, f.inverse, size));
}

template <class F>
Tensor one_dim(const Form& form, const Arg& x, bool complex, std::optional<Int> n, Dim dim, F&& f) {
  const Tensor t = complex ? complex_of(form.op, x) : real_of(form.op, x);
  const int d = wrap_dim(form.op, dim, t.ndim() - (complex ? 1 : 0));
  std::optional<I> size;
  if (n) size = I{*n};
  return narrowed(f(form, t, d, size), x.tensor().dtype());
}

// ---- Several. ----

struct Dims {
  Ints dims;
  std::vector<std::optional<I>> sizes;
};

Dims dims_of(const char* op, int rank, const IntList& s, const IntList& dim) {
  Dims out;
  const I count = std::ssize(s.vec());
  if (!dim.empty()) {
    out.dims = wrap_dims(op, dim, rank);
  } else {
    LILITH_CHECK(count <= rank, "{}: s has {} sizes; the operand has {} dimensions", op, count,
                 rank);
    out.dims = range(rank);
    if (count > 0) out.dims.erase(out.dims.begin(), out.dims.end() - count);
  }
  LILITH_CHECK(s.empty() || s.size() == out.dims.size(),
               "{}: {} sizes for {} dimensions; need as many", op, s.size(), out.dims.size());
  LILITH_CHECK(!out.dims.empty(), "{}: no dimension is given; need one or more", op);
  for (std::size_t k = 0; k < out.dims.size(); ++k) {
    const bool given = !s.empty() && s[k] != -1;
    out.sizes.push_back(given ? std::optional<I>(s[k]) : std::nullopt);
  }
  return out;
}

Tensor all_c2c(const Form& f, const Arg& x, const IntList& s, const IntList& dim) {
  Tensor t = complex_of(f.op, x);
  const Dims d = dims_of(f.op, t.ndim() - 1, s, dim);
  for (std::size_t k = d.dims.size(); k-- > 0;)
    t = c2c(f, t, static_cast<int>(d.dims[k]), d.sizes[k]);
  return narrowed(t, x.tensor().dtype());
}

// The last dimension first, then the others of its half spectrum.
Tensor all_r2c(const Form& f, const Arg& x, const IntList& s, const IntList& dim) {
  const Tensor given = real_of(f.op, x);
  const Dims d = dims_of(f.op, given.ndim(), s, dim);
  Tensor t = r2c(f, given, static_cast<int>(d.dims.back()), d.sizes.back());
  for (std::size_t k = d.dims.size() - 1; k-- > 0;)
    t = c2c(f, t, static_cast<int>(d.dims[k]), d.sizes[k]);
  return narrowed(t, x.tensor().dtype());
}

Tensor all_c2r(const Form& f, const Arg& x, const IntList& s, const IntList& dim) {
  Tensor t = complex_of(f.op, x);
  const Dims d = dims_of(f.op, t.ndim() - 1, s, dim);
  for (std::size_t k = 0; k + 1 < d.dims.size(); ++k)
    t = c2c(f, t, static_cast<int>(d.dims[k]), d.sizes[k]);
  return narrowed(c2r(f, t, static_cast<int>(d.dims.back()), d.sizes.back()), x.tensor().dtype());
}

}  // namespace

namespace fft {

Tensor fft(const Arg& x, std::optional<Int> n, Dim dim, FftNorm norm) {
  LocScope scope(x.loc());
  return one_dim({"fft", norm, false}, x, true, n, dim, c2c);
}
Tensor ifft(const Arg& x, std::optional<Int> n, Dim dim, FftNorm norm) {
  LocScope scope(x.loc());
  return one_dim({"ifft", norm, true}, x, true, n, dim, c2c);
}
Tensor rfft(const Arg& x, std::optional<Int> n, Dim dim, FftNorm norm) {
  LocScope scope(x.loc());
  return one_dim({"rfft", norm, false}, x, false, n, dim, r2c);
}
Tensor irfft(const Arg& x, std::optional<Int> n, Dim dim, FftNorm norm) {
  LocScope scope(x.loc());
  return one_dim({"irfft", norm, true}, x, true, n, dim, c2r);
}
Tensor hfft(const Arg& x, std::optional<Int> n, Dim dim, FftNorm norm) {
  LocScope scope(x.loc());
  return one_dim({"hfft", norm, false}, x, true, n, dim, c2r);
}
Tensor ihfft(const Arg& x, std::optional<Int> n, Dim dim, FftNorm norm) {
  LocScope scope(x.loc());
  return one_dim({"ihfft", norm, true}, x, false, n, dim, r2c);
}

Tensor fftn(const Arg& x, const IntList& s, const IntList& dim, FftNorm norm) {
  LocScope scope(x.loc());
  return all_c2c({"fftn", norm, false}, x, s, dim);
}
Tensor ifftn(const Arg& x, const IntList& s, const IntList& dim, FftNorm norm) {
  LocScope scope(x.loc());
  return all_c2c({"ifftn", norm, true}, x, s, dim);
}
Tensor rfftn(const Arg& x, const IntList& s, const IntList& dim, FftNorm norm) {
  LocScope scope(x.loc());
  return all_r2c({"rfftn", norm, false}, x, s, dim);
}
Tensor irfftn(const Arg& x, const IntList& s, const IntList& dim, FftNorm norm) {
  LocScope scope(x.loc());
  return all_c2r({"irfftn", norm, true}, x, s, dim);
}
Tensor hfftn(const Arg& x, const IntList& s, const IntList& dim, FftNorm norm) {
  LocScope scope(x.loc());
  return all_c2r({"hfftn", norm, false}, x, s, dim);
}
Tensor ihfftn(const Arg& x, const IntList& s, const IntList& dim, FftNorm norm) {
  LocScope scope(x.loc());
  return all_r2c({"ihfftn", norm, true}, x, s, dim);
}
Tensor fft2(const Arg& x, const IntList& s, const IntList& dim, FftNorm norm) {
  LocScope scope(x.loc());
  return fftn(x, s, dim, norm);
}
Tensor ifft2(const Arg& x, const IntList& s, const IntList& dim, FftNorm norm) {
  LocScope scope(x.loc());
  return ifftn(x, s, dim, norm);
}
Tensor rfft2(const Arg& x, const IntList& s, const IntList& dim, FftNorm norm) {
  LocScope scope(x.loc());
  return rfftn(x, s, dim, norm);
}
Tensor irfft2(const Arg& x, const IntList& s, const IntList& dim, FftNorm norm) {
  LocScope scope(x.loc());
  return irfftn(x, s, dim, norm);
}
Tensor hfft2(const Arg& x, const IntList& s, const IntList& dim, FftNorm norm) {
  LocScope scope(x.loc());
  return hfftn(x, s, dim, norm);
}
Tensor ihfft2(const Arg& x, const IntList& s, const IntList& dim, FftNorm norm) {
  LocScope scope(x.loc());
  return ihfftn(x, s, dim, norm);
}

namespace {

Tensor frequencies(const char* op, I n, I first, I count, double d, const TensorOptions& options) {
  LILITH_CHECK(n >= 1, "{}: n is {}; need 1 or more", op, n);
  std::vector<double> values;
  for (I k = 0; k < count; ++k) {
    const I at = k < first ? k : k - n;
    values.push_back(static_cast<double>(at) / (static_cast<double>(n) * d));
  }
  return make_cast(tensor(values).to(options.device), options.dtype);
}

}  // namespace

Tensor fftfreq(Int n, Real d, const TensorOptions& options, SourceLocation loc) {
  LocScope scope(loc);
  return frequencies("fftfreq", n, (n + 1) / 2, n, d, options);
}
Tensor rfftfreq(Int n, Real d, const TensorOptions& options, SourceLocation loc) {
  LocScope scope(loc);
  return frequencies("rfftfreq", n, n / 2 + 1, n / 2 + 1, d, options);
}

namespace {

Tensor shifted(const char* op, const Arg& x, const IntList& dim, bool back) {
  Tensor t = x.tensor();
  for (const I d : wrap_dims(op, dim, t.ndim())) {
    const I n = t.shape()[static_cast<int>(d)];
    t = roll(t, back ? (n + 1) / 2 : n / 2, d);
  }
  return t;
}

}  // namespace

Tensor fftshift(const Arg& x, const IntList& dim) {
  LocScope scope(x.loc());
  return shifted("fftshift", x, dim, false);
}
Tensor ifftshift(const Arg& x, const IntList& dim) {
  LocScope scope(x.loc());
  return shifted("ifftshift", x, dim, true);
}

}  // namespace fft
}  // namespace lilith
