#include <cmath>

#include "lilith/ops/elementwise.h"
#include "lilith/ops/random.h"
#include "ops/factory.h"
#include "ops/half.h"
#include "ops/operand.h"
#include "ops/primitives.h"
#include "ops/random_key.h"

// Dropout in all its forms: elements or channels that a coin drops.
namespace lilith {

using namespace ops;

namespace {

// x / (1 - p) where a coin of `shape` says so, else 0. shape broadcasts to x's.
Tensor dropped(const char* op, const Arg& input, double p, bool training, const Shape& shape) {
  LocScope scope(input.loc(), op);
  const Tensor x = input.tensor();
  LILITH_CHECK(p >= 0 && p <= 1, "{}: p is {}; need 0 <= p <= 1", op, p);
  LILITH_CHECK(is_floating(x.dtype()), "{}: got {}; need a floating dtype", op, x.aval().str());
  if (!training || p == 0) return x;
  if (p == 1) return full_as(x, 0);
  const Tensor keep = coin(shape, make_full(shape, 1 - p, work_type(x.dtype()), x.device()));
  return masked(broadcast_last(keep, x.shape()), scale(x, 1 / (1 - p)));
}

// The shape of a mask that drops whole channels of [N, C, ...].
Shape channels(const char* op, const Arg& x) {
  const Tensor t = x.tensor();
  LocScope scope(x.loc(), op);
  LILITH_CHECK(t.ndim() >= 2, "{}: got {}; need [N, C, ...]", op, t.aval().str());
  Shape shape(Ints(t.shape().size(), 1));
  shape[0] = t.shape()[0];
  shape[1] = t.shape()[1];
  return shape;
}

// dropout of whole channels of D spatial dimensions, with or without a batch.
Tensor dropped_channels(const char* op, const Arg& x, double p, bool training, int d) {
  const Tensor t = x.tensor();
  LocScope scope(x.loc(), op);
  LILITH_CHECK(t.ndim() == d + 1 || t.ndim() == d + 2,
               "{}: got {}; need [N, C, …] or [C, …] with {} spatial dimension{}", op,
               t.aval().str(), d, d == 1 ? "" : "s");
  Shape shape(Ints(t.shape().size(), 1));
  for (int i = 0; i < t.ndim() - d; ++i) shape[i] = t.shape()[i];
  return dropped(op, x, p, training, shape);
}

// SELU's saturation where `mask`, repeated to x's shape, drops; then as of mean 0 and variance 1.
Tensor alpha_dropped(const char* op, const Arg& x, double p, bool training, const Shape& mask) {
  LocScope scope(x.loc(), op);
  const Tensor given = x.tensor();
  LILITH_CHECK(p >= 0 && p <= 1, "{}: p is {}; need 0 <= p <= 1", op, p);
  LILITH_CHECK(is_floating(given.dtype()), "{}: got {}; need a floating dtype", op,
               given.aval().str());
  if (!training || p == 0) return given;
  if (p == 1) return full_as(given, 0);
  // What SELU tends to below: -scale alpha.
  constexpr double kSaturated = -1.7580993408473766;
  const double a = 1 / std::sqrt((kSaturated * kSaturated * p + 1) * (1 - p));
  return rounded_once(given, [&](const Tensor& t) {
    const Tensor keep = coin(mask, make_full(mask, 1 - p, t.dtype(), t.device()));
    const Tensor kept = make_select(broadcast_last(keep, t.shape()), t, full_as(t, kSaturated));
    return shift(scale(kept, a), -a * kSaturated * p);
  });
}

}  // namespace

Tensor dropout(const Arg& x, Real p, bool training) {
  return dropped("dropout", x, p, training, x.tensor().shape());
}

Tensor feature_dropout(const Arg& x, Real p, bool training) {
  return dropped("feature_dropout", x, p, training, channels("feature_dropout", x));
}

Tensor dropout1d(const Arg& x, Real p, bool training) {
  return dropped_channels("dropout1d", x, p, training, 1);
}
Tensor dropout2d(const Arg& x, Real p, bool training) {
  return dropped_channels("dropout2d", x, p, training, 2);
}
Tensor dropout3d(const Arg& x, Real p, bool training) {
  return dropped_channels("dropout3d", x, p, training, 3);
}

Tensor alpha_dropout(const Arg& x, Real p, bool training) {
  return alpha_dropped("alpha_dropout", x, p, training, x.tensor().shape());
}
Tensor feature_alpha_dropout(const Arg& x, Real p, bool training) {
  return alpha_dropped("feature_alpha_dropout", x, p, training,
                       channels("feature_alpha_dropout", x));
}

}  // namespace lilith
