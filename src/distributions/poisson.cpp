#include <limits>
#include <tuple>

#include "lilith/loops.h"
#include "lilith/ops/create.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/reduce.h"
#include "lilith/ops/sampling.h"
#include "ops/primitives.h"
#include "ops/random_key.h"
#include "ops/sampling.h"

// Poisson numbers, by a loop that draws until every element has its own.
namespace lilith {

using namespace ops;

namespace {

/// One step of drawing: numbers so far, the product of uniform numbers, and who is done.
struct Draw {
  Tensor number, product, done;
};

// Multiplying uniform numbers until the product falls below exp(-rate).
Tensor small_step(const Draw& d, const Tensor& limit, const Tensor& u, Tensor* number,
                  Tensor* product) {
  *product = mul(d.product, u);
  const Tensor goes_on = gt(*product, limit);
  *number = make_select(goes_on, shift(d.number, 1), d.number);
  return logical_not(goes_on);
}

// Transformed rejection with squeeze (PTRS).
Tensor large_step(const Tensor& rate, const Tensor& u, const Tensor& v, Tensor* number) {
  const Tensor b = shift(scale(sqrt(rate), 2.53), 0.931), a = shift(scale(b, 0.02483), -0.059);
  const Tensor inverse_alpha = shift(div(full_as(b, 1.1328), shift(b, -3.4)), 1.1239);
  const Tensor limit = sub(full_as(b, 0.9277), div(full_as(b, 3.6224), shift(b, -2)));
  const Tensor centred = shift(u, -0.5), edge = sub(full_as(u, 0.5), abs(centred));
  *number = floor(shift(add(mul(add(div(scale(a, 2), edge), b), centred), rate), 0.43));
  const Tensor inside = logical_and(ge(edge, 0.07), le(v, limit));
  const Tensor outside =
      logical_or(compare("lt", *number, 0), logical_and(lt(edge, 0.013), gt(v, edge)));
  const Tensor left = sub(log(mul(v, inverse_alpha)), log(add(div(a, mul(edge, edge)), b)));
  const Tensor right = sub(sub(mul(*number, log(rate)), rate), lgamma(shift(*number, 1)));
  return logical_or(inside, logical_and(logical_not(outside), le(left, right)));
}

}  // namespace

Tensor poisson(const Arg& rate, const std::optional<RandomGenerator>& generator) {
  LocScope scope(rate.loc());
  const GeneratorScope chosen_here(generator);
  const Tensor given = stop_gradient(rate.tensor());
  LILITH_CHECK(is_floating(given.dtype()), "poisson: rate is {}; need a floating dtype",
               given.aval().str());
  const Tensor r = make_cast(given, DType::F64);
  const Tensor is_small = compare("lt", r, 10);
  const Tensor limit = exp(neg(r)), large = maximum(r, full_as(r, 10));
  // NaN of what is no rate.
  const double infinity = std::numeric_limits<double>::infinity();
  const Tensor is_valid = logical_and(ge(r, 0), compare("lt", r, infinity));
  const Tensor none = full_as(r, std::numeric_limits<double>::quiet_NaN());
  Draw start{make_select(is_valid, full_as(r, 0), none), full_as(r, 1), logical_not(is_valid)};
  const auto uniform = [&] { return open_uniform(r.shape(), DType::F64, r.device()); };
  const auto [number, product, done] = while_loop(
      [](const std::tuple<Tensor, Tensor, Tensor>& d) { return any(logical_not(std::get<2>(d))); },
      [&](const std::tuple<Tensor, Tensor, Tensor>& d) {
        const Draw now{std::get<0>(d), std::get<1>(d), std::get<2>(d)};
        Tensor of_small, product_now, of_large;
        const Tensor u = uniform();
        const Tensor small_done = small_step(now, limit, u, &of_small, &product_now);
        const Tensor large_done = large_step(large, u, uniform(), &of_large);
        const Tensor next = make_select(is_small, of_small, of_large);
        return std::tuple(make_select(now.done, now.number, next), product_now,
                          logical_or(now.done, make_select(is_small, small_done, large_done)));
      },
      std::tuple(start.number, start.product, start.done));
  return make_cast(number, given.dtype());
}

}  // namespace lilith
