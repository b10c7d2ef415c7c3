#include "lilith/nn/adaptive.h"

#include <cmath>

#include "lilith/ops/activation.h"
#include "lilith/ops/create.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/index.h"
#include "lilith/ops/reduce.h"
#include "lilith/ops/shape.h"

namespace lilith {

namespace {

using I = std::int64_t;

std::vector<I> with_end(std::vector<I> cutoffs, I n_classes) {
  I last = 0;
  bool rises = !cutoffs.empty();
  for (const I c : cutoffs) {
    rises = rises && c > last && c < n_classes;
    last = c;
  }
  LILITH_CHECK(rises,
               "AdaptiveLogSoftmaxWithLoss: cutoffs are {}; need numbers that rise, from 1 to "
               "n_classes - 1 = {}",
               Shape(cutoffs).str(), n_classes - 1);
  cutoffs.push_back(n_classes);
  return cutoffs;
}

// Column index[n] of row n.
Tensor picked(const Tensor& rows, const Tensor& index) {
  return gather(rows, 1, index.unsqueeze(1)).squeeze(1);
}

}  // namespace

AdaptiveLogSoftmaxWithLoss::AdaptiveLogSoftmaxWithLoss(Int in_features, Int n_classes,
                                                       std::vector<I> cutoffs,
                                                       const AdaptiveLogSoftmaxOptions& options,
                                                       SourceLocation loc)
    : AdaptiveLogSoftmaxWithLoss(in_features, n_classes, std::move(cutoffs), options,
                                 LocScope(loc)) {}

AdaptiveLogSoftmaxWithLoss::AdaptiveLogSoftmaxWithLoss(Int in_features, Int n_classes,
                                                       std::vector<I> given,
                                                       const AdaptiveLogSoftmaxOptions& options,
                                                       const LocScope&)
    : head(1, 1), cutoffs(with_end(std::move(given), n_classes)) {
  const auto clusters = static_cast<I>(cutoffs.size()) - 1;
  LILITH_CHECK(double(options.div_value) > 0,
               "AdaptiveLogSoftmaxWithLoss: div_value is {}; need > 0", double(options.div_value));
  head = Linear(in_features, cutoffs[0] + clusters, {.bias = options.head_bias});
  for (I i = 0; i < clusters; ++i) {
    const auto k = static_cast<std::size_t>(i);
    const double narrowed = static_cast<double>(I(in_features)) /
                            std::pow(double(options.div_value), static_cast<double>(i + 1));
    LILITH_CHECK(narrowed >= 1 && narrowed < 0x1p31,
                 "AdaptiveLogSoftmaxWithLoss: in_features {} divided by div_value {} {} times is "
                 "less than 1, or far too much; need fewer cutoffs or another div_value",
                 I(in_features), double(options.div_value), i + 1);
    const auto width = static_cast<I>(narrowed);
    tail.push_back(Sequential(Linear(in_features, width, {.bias = false}),
                              Linear(width, cutoffs[k + 1] - cutoffs[k], {.bias = false})));
  }
}

AdaptiveLogSoftmaxResult AdaptiveLogSoftmaxWithLoss::operator()(const Tensor& input,
                                                                const Tensor& target,
                                                                SourceLocation loc) const {
  LocScope scope(loc);
  LILITH_CHECK(is_integral(target.dtype()) && (input.ndim() == 1 || input.ndim() == 2) &&
                   target.ndim() == input.ndim() - 1 &&
                   (target.ndim() == 0 || target.size(0) == input.size(0)),
               "AdaptiveLogSoftmaxWithLoss: input is {}, target {}; need [N, in_features] and "
               "integers [N], or [in_features] and one integer",
               input.aval().str(), target.aval().str());
  const bool one = input.ndim() == 1;
  const Tensor x = one ? input.unsqueeze(0) : input,
               y = (one ? target.unsqueeze(0) : target).to(DType::I64);
  const Tensor in_head = log_softmax(head(x), 1);
  // A target beyond the head is there its cluster.
  Tensor column = y;
  Tensor within = zeros({x.size(0)}, {.dtype = x.dtype(), .device = x.device()});
  for (std::size_t i = 0; i < tail.size(); ++i) {
    const I low = cutoffs[i], size = cutoffs[i + 1] - low;
    const Tensor here = logical_and(y >= low, y < low + size);
    const Tensor p = picked(log_softmax(tail[i](x), 1), clamp(y - low, 0, size - 1));
    within = where(here, p, within);
    column = where(here, cutoffs[0] + static_cast<I>(i), column);
  }
  Tensor output = picked(in_head, column) + within;
  Tensor loss = -mean(output);
  return {one ? output.squeeze(0) : output, loss};
}

Tensor AdaptiveLogSoftmaxWithLoss::log_prob(const Tensor& input, SourceLocation loc) const {
  LocScope scope(loc);
  const Tensor in_head = log_softmax(head(input), 1);
  std::vector<Tensor> parts{in_head.slice(1, 0, cutoffs[0])};
  for (std::size_t i = 0; i < tail.size(); ++i) {
    const I at = cutoffs[0] + static_cast<I>(i);
    parts.push_back(log_softmax(tail[i](input), 1) + in_head.slice(1, at, at + 1));
  }
  return cat(parts, 1);
}

Tensor AdaptiveLogSoftmaxWithLoss::predict(const Tensor& input, SourceLocation loc) const {
  LocScope scope(loc);
  return argmax(log_prob(input), 1);
}

}  // namespace lilith
