#include "lilith/distributions.h"

#include "distributions/parameters.h"
#include "lilith/more_distributions.h"
#include "ops/operand.h"
#include "ops/sampling.h"

// What all distributions have in common.
namespace lilith::distributions {

Distribution::~Distribution() = default;

void Distribution::has_no(const char* what) const {
  throw Error(fmt::format("{}: has no {}", name_, what), LocScope::current());
}
Tensor Distribution::distribution_function(const Tensor&) const { has_no("cdf in closed form"); }
Tensor Distribution::entropy_of() const { has_no("entropy in closed form"); }

Shape Distribution::extended(const Shape& sample_shape) const {
  Shape out = sample_shape;
  for (const Shape& part : {batch_shape_, event_shape_})
    for (const std::int64_t n : part) out.push_back(n);
  return out;
}

Tensor Distribution::sample(const Shape& sample_shape, SourceLocation loc) const {
  const LocScope scope(loc, name_);
  return stop_gradient(draw(sample_shape));
}
Tensor Distribution::rsample(const Shape& sample_shape, SourceLocation loc) const {
  const LocScope scope(loc, name_);
  if (!has_rsample_) has_no("rsample: its values are discrete; use sample and log_prob");
  return draw(sample_shape);
}
Tensor Distribution::log_prob(const Arg& value) const {
  const LocScope scope(value.loc(), name_);
  return log_density(value.tensor());
}
Tensor Distribution::cdf(const Arg& value) const {
  const LocScope scope(value.loc(), name_);
  return distribution_function(value.tensor());
}
Tensor Distribution::entropy(SourceLocation loc) const {
  const LocScope scope(loc, name_);
  return entropy_of();
}
Tensor Distribution::mean(SourceLocation loc) const {
  const LocScope scope(loc, name_);
  return mean_of();
}
Tensor Distribution::variance(SourceLocation loc) const {
  const LocScope scope(loc, name_);
  return variance_of();
}
Tensor Distribution::stddev(SourceLocation loc) const {
  const LocScope scope(loc, name_);
  return sqrt(variance_of());
}

Tensor floating_parameter(const char* distribution, const char* name, const Arg& x) {
  const Tensor t = ops::floating(x);
  LILITH_CHECK(is_floating(t.dtype()), "{}: {} is {}; need a floating dtype", distribution, name,
               t.aval().str());
  return t;
}
Tensor positive_parameter(const char* distribution, const char* name, const Arg& x) {
  if (const auto number = ops::constant_value(x))
    LILITH_CHECK(*number > 0, "{}: {} is {}; need {} > 0", distribution, name, *number, name);
  return floating_parameter(distribution, name, x);
}
const Tensor& one_of(const char* distribution, const ProbsOrLogits& o) {
  LILITH_CHECK(o.probs.defined() != o.logits.defined(),
               "{}: got {} of probs and logits; need one of them", distribution,
               o.probs.defined() ? "both" : "neither");
  return o.probs.defined() ? o.probs : o.logits;
}

Tensor times_log(const Tensor& number, const Tensor& log_p) {
  return number * where(number == 0, 0.0, log_p);
}

Tensor uniform_like(const Shape& shape, const Tensor& like) {
  const DType dtype = like.dtype() == DType::F64 ? DType::F64 : DType::F32;
  return ops::open_uniform(shape, dtype, like.device());
}

Tensor detail::sum_of_last(const Tensor& x, std::int64_t dims) {
  std::vector<std::int64_t> all;
  for (std::int64_t d = 1; d <= dims; ++d) all.push_back(-d);
  return all.empty() ? x : sum(x, IntList(all));
}
Shape detail::first_of(const Shape& shape, std::int64_t count, SourceLocation loc) {
  const LocScope scope(loc, "Independent");
  LILITH_CHECK(count >= 0 && count <= shape.rank(),
               "Independent: {} dimensions of the base's batch shape {}; need from 0 to {}",
               shape.rank() - count, shape.str(), shape.rank());
  return Shape(shape.begin(), static_cast<std::size_t>(count));
}
Shape detail::mixture_shape(const Shape& chooser, std::int64_t classes, const Shape& components,
                            SourceLocation loc) {
  const LocScope scope(loc, "MixtureSameFamily");
  LILITH_CHECK(!components.empty() && components[components.rank() - 1] == classes,
               "MixtureSameFamily: the components' batch shape is {}, the mixture chooses of {}; "
               "need a last dimension of as many",
               components.str(), classes);
  const Shape rest(components.begin(), components.size() - 1);
  LILITH_CHECK(ops::broadcasts_into(chooser, rest),
               "MixtureSameFamily: the mixture's batch shape is {}, the components' {}; need one "
               "that broadcasts to {}",
               chooser.str(), components.str(), rest.str());
  return rest;
}
Shape detail::last_of(const Distribution& base, std::int64_t count) {
  Shape out;
  const Shape& batch = base.batch_shape();
  for (int d = batch.rank() - static_cast<int>(count); d < batch.rank(); ++d)
    out.push_back(batch[d]);
  for (const std::int64_t n : base.event_shape()) out.push_back(n);
  return out;
}

detail::Pair::Pair(const char* what, const char* positive, const Arg& x, const Arg& y) {
  const LocScope scope(x.loc(), what);
  if (positive) positive_parameter(what, positive, y);
  const DType dtype = ops::floating_type(ops::result_type({&x, &y}));
  const ops::Operands o = ops::broadcast_operands(what, x, y, dtype);
  a = o.a;
  b = o.b;
}

}  // namespace lilith::distributions
