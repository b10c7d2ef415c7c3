#include "ops/fft/calls.h"

#include <cmath>

#include "lilith/ops/elementwise.h"
#include "lilith/ops/shape.h"
#include "ops/define.h"
#include "ops/fft/transform.h"
#include "ops/host_function.h"
#include "ops/primitives.h"

namespace lilith::ops {
namespace {

using I = std::int64_t;
using Cts = std::vector<Tensor>;

void check_floating(const InferCtx& c, int rank, bool pairs) {
  const Aval& x = c.in[0];
  LILITH_CHECK(x.dtype == DType::F32 || x.dtype == DType::F64, "{}: got {}; need f32 or f64", c.op,
               describe(c));
  LILITH_CHECK(x.shape.rank() >= rank && (!pairs || x.shape.back() == 2), "{}: got {}; need {}",
               c.op, describe(c), pairs ? "[..., n, 2]" : "[..., n]");
}

template <class T>
struct Signals {
  explicit Signals(I n)
      : transform(fourier_transform<T>(n)),
        work(static_cast<std::size_t>(transform->work_size())),
        one(static_cast<std::size_t>(n)) {}
  void run(std::complex<T>* x, bool inverse) { transform->run(x, inverse, work.data()); }
  std::shared_ptr<const FourierTransform<T>> transform;
  std::vector<std::complex<T>> work, one;
};

const OpDef& fft_op = define(HostFunction{.name = "fft",
                                          .results =
                                              [](const InferCtx& c) {
                                                check_floating(c, 2, true);
                                                static_cast<void>(c.attrs.flag("inverse"));
                                                return std::vector{c.in[0]};
                                              },
                                          .call = by_dtype([]<class T>(CallCtx& c) {
                                            const Shape& s = c.in_avals[0].shape;
                                            const I n = s[s.rank() - 2], all = s.numel() / 2;
                                            std::copy_n(c.input<T>(0), s.numel(), c.output<T>(0));
                                            if (all == 0) return;
                                            Signals<T> signals(n);
                                            auto* y =
                                                reinterpret_cast<std::complex<T>*>(c.output<T>(0));
                                            for (I b = 0; b < all; b += n)
                                              signals.run(y + b, c.attrs.flag("inverse"));
                                          }),
                                          .vjp = [](const VjpCtx& c, const Cts& cts) -> Cts {
                                            return {call_fft(cts[0], !c.attrs.flag("inverse"))};
                                          }});

// x with its elements between the first and (of an even length) the last times `by`, along the
// half spectrum of a signal of length n.
Tensor inner_times(const Tensor& x, I n, double by) {
  const int d = x.ndim() - 2;
  const I last = n % 2 == 0 ? n / 2 : n / 2 + 1;
  const Tensor at = make_iota(x.shape(), d, DType::I64, x.device());
  const Tensor inner = make_select(compare("lt", at, static_cast<double>(last)),
                                   compare("gt", at, 0), compare("lt", at, 0));
  return make_select(inner, scale(x, by), x);
}

const OpDef& rfft_op =
    define(HostFunction{.name = "rfft",
                        .results =
                            [](const InferCtx& c) {
                              check_floating(c, 1, false);
                              Aval out = c.in[0];
                              out.shape[out.shape.rank() - 1] = out.shape.back() / 2 + 1;
                              out.shape.push_back(2);
                              return std::vector{out};
                            },
                        .call = by_dtype([]<class T>(CallCtx& c) {
                          const I n = c.in_avals[0].shape.back(), half = n / 2 + 1;
                          const I all = c.in_avals[0].numel();
                          if (all == 0) return;
                          Signals<T> signals(n);
                          auto* y = reinterpret_cast<std::complex<T>*>(c.output<T>(0));
                          for (I b = 0; b < all; b += n, y += half) {
                            std::copy_n(c.input<T>(0) + b, n, signals.one.data());
                            signals.run(signals.one.data(), false);
                            std::copy_n(signals.one.data(), half, y);
                          }
                        }),
                        .vjp = [](const VjpCtx& c, const Cts& cts) -> Cts {
                          const I n = c.in[0].size(-1);
                          return {call_irfft(inner_times(cts[0], n, 0.5), n)};
                        }});

// What the half says of the whole spectrum; imaginary parts of what is real are not read.
template <class T>
void complete(const std::complex<T>* half, I n, std::complex<T>* whole) {
  for (I j = 0; j <= n / 2; ++j) whole[j] = half[j];
  whole[0] = half[0].real();
  if (n % 2 == 0) whole[n / 2] = half[n / 2].real();
  for (I j = n / 2 + 1; j < n; ++j) whole[j] = std::conj(half[n - j]);
}

const OpDef& irfft_op =
    define(HostFunction{.name = "irfft",
                        .results =
                            [](const InferCtx& c) {
                              check_floating(c, 2, true);
                              const I n = c.attrs.integer("n");
                              Aval out = c.in[0];
                              out.shape.erase(out.shape.rank() - 1);
                              LILITH_CHECK(n >= 1 && out.shape.back() == n / 2 + 1,
                                           "{}: got {} for length {}; need {} elements", c.op,
                                           describe(c), n, n / 2 + 1);
                              out.shape[out.shape.rank() - 1] = n;
                              return std::vector{out};
                            },
                        .call = by_dtype([]<class T>(CallCtx& c) {
                          const I n = c.out_avals[0].shape.back(), half = n / 2 + 1;
                          const I all = c.out_avals[0].numel();
                          if (all == 0) return;
                          Signals<T> signals(n);
                          const auto* x = reinterpret_cast<const std::complex<T>*>(c.input<T>(0));
                          for (I b = 0; b < all; b += n, x += half) {
                            complete(x, n, signals.one.data());
                            signals.run(signals.one.data(), true);
                            for (I k = 0; k < n; ++k)
                              c.output<T>(0)[b + k] =
                                  signals.one[static_cast<std::size_t>(k)].real();
                          }
                        }),
                        .vjp = [](const VjpCtx& c, const Cts& cts) -> Cts {
                          return {inner_times(call_rfft(cts[0]), c.attrs.integer("n"), 2)};
                        }});

const OpDef& covered_op =
    define(HostFunction{.name = "istft_envelope",
                        .results =
                            [](const InferCtx& c) {
                              check_floating(c, 0, false);
                              return std::vector{c.in[0]};
                            },
                        .call = by_dtype([]<class T>(CallCtx& c) {
                          constexpr double kLeast = 1e-11;
                          const I n = c.in_avals[0].numel();
                          for (I k = 0; k < n; ++k) {
                            const T x = c.input<T>(0)[k];
                            if (!(std::fabs(x) > kLeast))
                              throw CallError(fmt::format(
                                  "the windows leave sample {} uncovered: their squares add up "
                                  "to {}; need more than {}",
                                  k, x, kLeast));
                            c.output<T>(0)[k] = x;
                          }
                        }),
                        .vjp = [](const VjpCtx&, const Cts& cts) -> Cts { return {cts[0]}; }});

}  // namespace

Tensor call_fft(const Tensor& x, bool inverse) {
  return apply(fft_op, {x}, {{"inverse", inverse}});
}
Tensor call_rfft(const Tensor& x) { return apply(rfft_op, {x}); }
Tensor call_irfft(const Tensor& x, I n) { return apply(irfft_op, {x}, {{"n", n}}); }
Tensor call_covered(const Tensor& x) { return apply(covered_op, {x}); }

}  // namespace lilith::ops
