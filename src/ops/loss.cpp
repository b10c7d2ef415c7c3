#include "lilith/ops/loss.h"

#include <cmath>
#include <numbers>

#include "lilith/ops/activation.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/index.h"
#include "lilith/ops/nn.h"
#include "lilith/ops/reduce.h"
#include "lilith/ops/shape.h"
#include "ops/autocast.h"
#include "ops/half.h"
#include "ops/operand.h"
#include "ops/primitives.h"

// The losses of torch.nn.functional.
namespace lilith {

using namespace ops;
using I = std::int64_t;

namespace {

Tensor reduced(const Tensor& x, Reduction reduction) {
  switch (reduction) {
    case Reduction::None:
      return x;
    case Reduction::Sum:
      return sum(x);
    case Reduction::Mean:
      break;
  }
  return mean(x);
}

// Both operands of one dtype, as composites compute with them, and the dtype of the loss.
struct Pair : Operands {
  DType dtype;
};
Pair wide_pair(const char* op, const Arg& a, const Arg& b) {
  const DType dtype = lifted(floating_type(ops::result_type({&a, &b})));
  const Operands o = broadcast_operands(op, a, b, dtype);
  return {{widened(o.a), widened(o.b)}, dtype};
}
// Error unless they have one shape.
Pair pair(const char* op, const Arg& input, const Tensor& target) {
  const Arg t(target);
  check_one_shape(op, "input", input, "target", t);
  return wide_pair(op, input, t);
}
// The reduction of what was computed from a pair.
Tensor reduced(const Tensor& x, Reduction reduction, DType dtype) {
  return narrowed(reduced(x, reduction), dtype);
}

Tensor at_least_zero(const Tensor& x) { return clamp_min(x, full_as(x, 0)); }

void check_classes(const char* op, const Tensor& x, const Tensor& target) {
  Shape expected = x.shape();
  expected.erase(x.ndim() == 1 ? 0 : 1);
  const bool fits = target.shape() == expected, whole = is_integral(target.dtype());
  LILITH_CHECK(whole && fits, "{}: target is {}; input {} needs integers of shape {}{}", op,
               target.aval().str(), x.aval().str(), expected.str(),
               class_cure(x.shape(), target.aval()));
}

void check_weight(const char* op, const Tensor& weight, I classes) {
  LILITH_CHECK(!weight.defined() || (weight.ndim() == 1 && weight.numel() == classes),
               "{}: weight is {}; need [{}]", op, weight.defined() ? weight.aval().str() : "",
               classes);
}

// Class-index targets over dimension 1 of x (0 when x is 1-d): which targets count, a safe index,
// the weight of each target.
struct Targets {
  Tensor counts, index, weight;
};
Targets targets_of(const Tensor& x, const Tensor& target, const Tensor& weight, I ignore_index) {
  const Tensor t = make_cast(target, DType::I64);
  const Tensor counts = compare("ne", t, static_cast<double>(ignore_index));
  const Tensor index = masked(counts, t);
  Tensor w = make_cast(counts, x.dtype());
  if (weight.defined()) {
    const Tensor flat = make_reshape(index, {index.numel()});
    const Tensor chosen = make_gather(make_cast(weight, x.dtype()), 0, flat);
    w = masked(counts, make_reshape(chosen, index.shape()));
  }
  return {counts, index, w};
}

Tensor picked(const Tensor& x, const Tensor& index) {
  const int d = x.ndim() == 1 ? 0 : 1;
  return make_reshape(make_gather(x, d, unsqueeze(index, d)), index.shape());
}

// Over the sum of the weights, as nll_loss's mean is.
Tensor weighted(const Tensor& values, const Tensor& weight, Reduction reduction) {
  if (reduction == Reduction::None) return values;
  const Tensor total = sum(values);
  return reduction == Reduction::Sum ? total : div(total, sum(weight));
}

Tensor nll(const char* op, const Tensor& x, const Tensor& target, const Tensor& weight,
           I ignore_index, Reduction reduction) {
  LILITH_CHECK(is_floating(x.dtype()) && x.ndim() >= 1,
               "{}: input is {}; need floating [C], [N, C] or [N, C, d...]", op, x.aval().str());
  check_classes(op, x, target);
  check_weight(op, weight, x.shape()[x.ndim() == 1 ? 0 : 1]);
  return rounded_once(x, [&](const Tensor& wide) {
    const Targets t = targets_of(wide, target, weight, ignore_index);
    const Tensor minus = neg(picked(wide, t.index));
    const Tensor values = masked(t.counts, weight.defined() ? mul(minus, t.weight) : minus);
    return weighted(values, t.weight, reduction);
  });
}

}  // namespace

Tensor nll_loss(const Arg& input, const Tensor& target, const NLLLossOptions& o) {
  LocScope scope(input.loc());
  return nll("nll_loss", lifted(input.tensor()), target, o.weight, o.ignore_index, o.reduction);
}

Tensor cross_entropy_loss(const Arg& input, const Tensor& target,
                          const CrossEntropyLossOptions& o) {
  LocScope scope(input.loc());
  const Tensor given = lifted(input.tensor()), x = widened(given);
  LILITH_CHECK(is_floating(x.dtype()) && x.ndim() >= 1,
               "cross_entropy_loss: input is {}; need floating [C], [N, C] or [N, C, d...]",
               given.aval().str());
  LILITH_CHECK(o.label_smoothing >= 0 && o.label_smoothing <= 1,
               "cross_entropy_loss: label_smoothing is {}; need 0 to 1", o.label_smoothing);
  const int d = x.ndim() == 1 ? 0 : 1;
  const I classes = x.shape()[d];
  check_weight("cross_entropy_loss", o.weight, classes);
  const Tensor logp = log_softmax(x, d);
  const double smoothing = o.label_smoothing, each = smoothing / static_cast<double>(classes);
  const Tensor class_weight = o.weight.defined()
                                  ? make_broadcast(make_cast(o.weight, x.dtype()), x.shape(), {d})
                                  : Tensor();
  if (is_floating(target.dtype())) {
    Shape numbers = x.shape();
    numbers.erase(d);
    LILITH_CHECK(
        target.shape() == x.shape(),
        "cross_entropy_loss: probabilities {} for input {}; need the same shape{}",
        target.aval().str(), given.aval().str(),
        target.shape() == numbers ? " (class numbers are integers: target.to(kInt64))" : "");
    Tensor p = make_cast(target, x.dtype());
    if (smoothing > 0) p = shift(scale(p, 1 - smoothing), each);
    Tensor values = mul(logp, p);
    if (class_weight.defined()) values = mul(values, class_weight);
    const Tensor losses = neg(sum(values, d));
    if (o.reduction == Reduction::None) return narrowed(losses, given.dtype());
    const Tensor total = sum(losses);
    const double rows = static_cast<double>(x.numel() / std::max<I>(classes, 1));
    return narrowed(o.reduction == Reduction::Sum ? total : scale(total, 1 / rows), given.dtype());
  }
  const Tensor chosen =
      nll("cross_entropy_loss", logp, target, o.weight, o.ignore_index, o.reduction);
  if (smoothing == 0) return narrowed(chosen, given.dtype());
  const Targets t = targets_of(x, target, o.weight, o.ignore_index);
  const Tensor all = neg(sum(class_weight.defined() ? mul(logp, class_weight) : logp, d));
  const Tensor spread = weighted(masked(t.counts, all), t.weight, o.reduction);
  return narrowed(add(scale(chosen, 1 - smoothing), scale(spread, each)), given.dtype());
}

Tensor linear_cross_entropy(const Arg& input, const Tensor& linear_weight, const Tensor& target,
                            const LinearCrossEntropyOptions& o) {
  LocScope scope(input.loc());
  const Tensor x = input.tensor();
  LILITH_CHECK(
      linear_weight.ndim() >= 2 && (x.ndim() == 1 || x.ndim() == 2) &&
          (x.ndim() == 2 || linear_weight.ndim() == 2) && x.size(-1) == linear_weight.size(-1),
      "linear_cross_entropy: input is {}, linear_weight {}; need [N, E] or [E] and [C, E], "
      "or [N, E] and [C, d..., E]",
      x.aval().str(), linear_weight.aval().str());
  Shape classes = linear_weight.shape();
  classes.erase(classes.rank() - 1);
  LILITH_CHECK(!o.linear_bias.defined() || o.linear_bias.shape() == classes,
               "linear_cross_entropy: linear_bias is {}; need the shape {}",
               o.linear_bias.aval().str(), classes.str());
  const I outputs = classes.numel();
  const Tensor logits =
      linear(x, make_reshape(linear_weight, {outputs, x.size(-1)}),
             o.linear_bias.defined() ? make_reshape(o.linear_bias, {outputs}) : Tensor());
  Shape shape(x.shape().begin(), static_cast<std::size_t>(x.ndim() - 1));
  for (const I size : classes) shape.push_back(size);
  return cross_entropy_loss(make_reshape(logits, shape), target,
                            {.weight = o.weight,
                             .ignore_index = o.ignore_index,
                             .reduction = o.reduction,
                             .label_smoothing = o.label_smoothing});
}
Tensor mse_loss(const Arg& input, const Tensor& target, Reduction reduction) {
  LocScope scope(input.loc());
  const Pair o = pair("mse_loss", input, target);
  const Tensor d = sub(o.a, o.b);
  return reduced(mul(d, d), reduction, o.dtype);
}
Tensor l1_loss(const Arg& input, const Tensor& target, Reduction reduction) {
  LocScope scope(input.loc());
  const Pair o = pair("l1_loss", input, target);
  return reduced(abs(sub(o.a, o.b)), reduction, o.dtype);
}
Tensor smooth_l1_loss(const Arg& input, const Tensor& target, Reduction reduction, Real beta) {
  LocScope scope(input.loc());
  LILITH_CHECK(beta >= 0, "smooth_l1_loss: beta is {}; need beta >= 0", beta);
  if (beta == 0) return l1_loss(input, target, reduction);
  const Pair o = pair("smooth_l1_loss", input, target);
  const Tensor d = sub(o.a, o.b), z = abs(d), near = compare("lt", z, beta), n = masked(near, d);
  return reduced(make_select(near, scale(mul(n, n), 0.5 / beta), shift(z, -0.5 * beta)), reduction,
                 o.dtype);
}
Tensor huber_loss(const Arg& input, const Tensor& target, Reduction reduction, Real delta) {
  LocScope scope(input.loc());
  LILITH_CHECK(delta > 0, "huber_loss: delta is {}; need delta > 0", delta);
  const Pair o = pair("huber_loss", input, target);
  const Tensor d = sub(o.a, o.b), z = abs(d), near = compare("le", z, delta), n = masked(near, d);
  const Tensor far = scale(shift(z, -0.5 * delta), delta);
  return reduced(make_select(near, scale(mul(n, n), 0.5), far), reduction, o.dtype);
}

namespace {

// log(x), at least -100. Where not `steep` its slope is that of `bend` / 1e-12.
Tensor bounded_log(const Tensor& x, const Tensor& steep, const Tensor& bend) {
  const Tensor inner = log(make_select(steep, x, full_as(x, 1)));
  const Tensor value = clamp_min(log(x), full_as(x, -100));
  const Tensor outer = add(stop_gradient(value), scale(sub(bend, stop_gradient(bend)), 1e12));
  return make_select(steep, inner, outer);
}

}  // namespace

Tensor binary_cross_entropy(const Arg& input, const Tensor& target, const Tensor& weight,
                            Reduction reduction) {
  LocScope scope(input.loc());
  const Pair o = pair("binary_cross_entropy", input, target);
  const Tensor one = full_as(o.a, 1), p = o.a, q = sub(one, p);
  // The slopes of the logarithms are q / max(p q, 1e-12) and -p / max(p q, 1e-12), so that the
  // gradient is PyTorch's (p - t) / max(p q, 1e-12), finite where p is exactly 0 or 1.
  const Tensor steep = compare("ge", mul(p, q), 1e-12), half = scale(mul(p, p), 0.5);
  const Tensor hit = mul(o.b, bounded_log(p, steep, sub(p, half))),
               miss = mul(sub(one, o.b), bounded_log(q, steep, neg(half)));
  Tensor values = neg(add(hit, miss));
  if (weight.defined())
    values = mul(values, broadcast_into("binary_cross_entropy", "weight", weight, values.shape()));
  return reduced(values, reduction, o.dtype);
}
Tensor binary_cross_entropy_with_logits(const Arg& input, const Tensor& target,
                                        const BCEWithLogitsLossOptions& opt) {
  LocScope scope(input.loc());
  constexpr char kName[] = "binary_cross_entropy_with_logits";
  const Pair o = pair(kName, input, target);
  Tensor tail = softplus(neg(o.a), 1, INFINITY);
  if (opt.pos_weight.defined()) {
    const Tensor w = broadcast_into(kName, "pos_weight", opt.pos_weight, o.a.shape());
    tail = mul(tail, shift(mul(shift(w, -1), o.b), 1));
  }
  Tensor values = add(mul(sub(full_as(o.b, 1), o.b), o.a), tail);
  if (opt.weight.defined())
    values = mul(values, broadcast_into(kName, "weight", opt.weight, values.shape()));
  return reduced(values, opt.reduction, o.dtype);
}

Tensor kl_div(const Arg& input, const Tensor& target, KLDivReduction reduction, bool log_target) {
  LocScope scope(input.loc());
  const Pair o = pair("kl_div", input, target);
  const Tensor values =
      log_target ? mul(exp(o.b), sub(o.b, o.a)) : sub(xlogy(o.b, o.b), mul(o.b, o.a));
  switch (reduction) {
    case KLDivReduction::None:
      return narrowed(values, o.dtype);
    case KLDivReduction::Sum:
      return narrowed(sum(values), o.dtype);
    case KLDivReduction::Mean:
      return narrowed(mean(values), o.dtype);
    case KLDivReduction::BatchMean:
      break;
  }
  const double rows = values.ndim() > 0 ? static_cast<double>(values.shape()[0]) : 1;
  return narrowed(scale(sum(values), 1 / rows), o.dtype);
}

Tensor poisson_nll_loss(const Arg& input, const Tensor& target, const PoissonNLLLossOptions& opt) {
  LocScope scope(input.loc());
  const Pair o = pair("poisson_nll_loss", input, target);
  Tensor values =
      opt.log_input ? sub(exp(o.a), mul(o.b, o.a)) : sub(o.a, mul(o.b, log(shift(o.a, opt.eps))));
  if (opt.full) {
    // Stirling's formula for log(target!), where target > 1.
    const Tensor big = compare("gt", o.b, 1), t = make_select(big, o.b, full_as(o.b, 2));
    const Tensor stirling =
        add(sub(mul(t, log(t)), t), scale(log(scale(t, 2 * std::numbers::pi)), 0.5));
    values = add(values, masked(big, stirling));
  }
  return reduced(values, opt.reduction, o.dtype);
}
Tensor gaussian_nll_loss(const Arg& input, const Tensor& target, const Tensor& var,
                         const GaussianNLLLossOptions& opt) {
  LocScope scope(input.loc());
  // The target may repeat for the input, as PyTorch has it; [N] for [N, 1] never does.
  const Shape shape = input.tensor().shape();
  const Tensor whole =
      broadcasts_into(target.shape(), shape) ? broadcast_to(target, shape) : target;
  const Pair o = pair("gaussian_nll_loss", input, whole);
  Tensor v = make_cast(var, o.a.dtype());
  // One variance for the last dimension, or for all.
  Shape leading = o.a.shape();
  if (leading.rank() > 0) leading.erase(leading.rank() - 1);
  if (v.ndim() > 0 && v.shape() == leading) v = unsqueeze(v, -1);
  LILITH_CHECK(
      v.ndim() == 0 || v.ndim() == o.a.ndim(),
      "gaussian_nll_loss: var is {}, input is {}; need the input's shape, with sizes of 1, "
      "without the last dimension, or a number",
      var.aval().str(), o.a.aval().str());
  v = broadcast_into("gaussian_nll_loss", "var", v, o.a.shape());
  // Held at eps in value; the gradient passes as if it were not.
  v = add(v, stop_gradient(sub(clamp_min(v, full_as(v, opt.eps)), v)));
  const Tensor d = sub(o.a, o.b);
  Tensor values = scale(add(log(v), div(mul(d, d), v)), 0.5);
  if (opt.full) values = shift(values, 0.5 * std::log(2 * std::numbers::pi));
  return reduced(values, opt.reduction, o.dtype);
}

Tensor soft_margin_loss(const Arg& input, const Tensor& target, Reduction reduction) {
  LocScope scope(input.loc());
  const Pair o = pair("soft_margin_loss", input, target);
  return reduced(softplus(neg(mul(o.b, o.a)), 1, INFINITY), reduction, o.dtype);
}
Tensor hinge_embedding_loss(const Arg& input, const Tensor& target, Real margin,
                            Reduction reduction) {
  LocScope scope(input.loc());
  const Pair o = pair("hinge_embedding_loss", input, target);
  const Tensor gap = at_least_zero(shift(neg(o.a), margin));
  const Tensor values =
      add(masked(compare("ne", o.b, 1), gap), masked(compare("ne", o.b, -1), o.a));
  return reduced(values, reduction, o.dtype);
}
Tensor margin_ranking_loss(const Arg& a, const Tensor& b, const Tensor& target, Real margin,
                           Reduction reduction) {
  LocScope scope(a.loc());
  LILITH_CHECK(a.tensor().ndim() == b.ndim(),
               "margin_ranking_loss: a is {}, b is {}; need as many dimensions{}",
               a.tensor().aval().str(), b.aval().str(),
               shape_cure("a", a.tensor().shape(), "b", b.shape()));
  const Arg other(b), sign(target);
  const DType dtype = lifted(floating_type(ops::result_type({&a, &other, &sign})));
  const Tensor apart = sub(widened(a.tensor()), widened(b));
  check_one_shape("margin_ranking_loss", "difference", apart, "target", target);
  // Products of integers are of their dtype.
  const Tensor signed_gap = mul(neg(widened(target)), apart);
  const Tensor gap = shift(make_cast(signed_gap, compute_dtype(dtype)), margin);
  return reduced(at_least_zero(gap), reduction, dtype);
}
Tensor cosine_embedding_loss(const Arg& a, const Tensor& b, const Tensor& target, Real margin,
                             Reduction reduction) {
  LocScope scope(a.loc());
  constexpr double kEps = 1e-12;
  const Tensor x = a.tensor();
  LILITH_CHECK(
      x.ndim() == b.ndim() && x.ndim() == target.ndim() + 1 && target.ndim() <= 1,
      "cosine_embedding_loss: a is {}, b is {}, target is {}; need [N, D], [N, D] and [N], "
      "or [D], [D] and []",
      x.aval().str(), b.aval().str(), target.aval().str());
  const Pair o = wide_pair("cosine_embedding_loss", a, Arg(b));
  const int dim = target.ndim() == 0 ? 0 : 1;
  const Tensor squares =
      mul(shift(sum(mul(o.a, o.a), dim), kEps), shift(sum(mul(o.b, o.b), dim), kEps));
  const Tensor cosine = div(sum(mul(o.a, o.b), dim), sqrt(squares));
  check_one_shape("cosine_embedding_loss", "cosine", cosine, "target", target);
  const Tensor t = make_cast(target, cosine.dtype());
  const Tensor alike = masked(compare("eq", t, 1), sub(full_as(cosine, 1), cosine));
  const Tensor unlike = masked(compare("eq", t, -1), at_least_zero(shift(cosine, -margin)));
  return reduced(add(alike, unlike), reduction, o.dtype);
}
Tensor triplet_margin_loss(const Arg& anchor, const Tensor& positive, const Tensor& negative,
                           const TripletMarginLossOptions& o) {
  LocScope scope(anchor.loc());
  const Tensor x = anchor.tensor();
  LILITH_CHECK(x.ndim() == positive.ndim() && x.ndim() == negative.ndim(),
               "triplet_margin_loss: anchor is {}, positive {}, negative {}; need as many "
               "dimensions each",
               x.aval().str(), positive.aval().str(), negative.aval().str());
  const Arg yes(positive), no(negative);
  const DType dtype = lifted(floating_type(ops::result_type({&anchor, &yes, &no})));
  const Tensor a = widened(x), p = widened(positive), n = widened(negative);
  const Tensor near = pairwise_distance(a, p, o.p, o.eps);
  Tensor far = pairwise_distance(a, n, o.p, o.eps);
  if (o.swap) far = minimum(far, pairwise_distance(p, n, o.p, o.eps));
  return reduced(at_least_zero(shift(sub(near, far), o.margin)), o.reduction, dtype);
}
Tensor triplet_margin_with_distance_loss(const Arg& anchor, const Tensor& positive,
                                         const Tensor& negative,
                                         const TripletMarginWithDistanceLossOptions& o) {
  LocScope scope(anchor.loc());
  const Tensor a = anchor.tensor();
  LILITH_CHECK(a.ndim() == positive.ndim() && a.ndim() == negative.ndim(),
               "triplet_margin_with_distance_loss: anchor is {}, positive {}, negative {}; need as "
               "many dimensions each",
               a.aval().str(), positive.aval().str(), negative.aval().str());
  const auto distance = [&](const Tensor& x, const Tensor& y) {
    return o.distance_function ? o.distance_function(x, y) : pairwise_distance(x, y);
  };
  const Tensor near = distance(a, positive);
  Tensor far = distance(a, negative);
  if (o.swap) far = minimum(far, distance(positive, negative));
  const Tensor gap = shift(sub(widened(near), widened(far)), o.margin);
  return reduced(at_least_zero(gap), o.reduction, lifted(near.dtype()));
}
Tensor multilabel_margin_loss(const Arg& input, const Tensor& target, Reduction reduction) {
  LocScope scope(input.loc());
  const DType dtype = lifted(input.tensor().dtype());
  Tensor x = widened(input.tensor());
  LILITH_CHECK(is_floating(dtype) && is_integral(target.dtype()) && x.ndim() <= 2 &&
                   target.shape() == x.shape(),
               "multilabel_margin_loss: input {}, target {}; need floating [N, C] or [C] and "
               "integers of that shape",
               input.tensor().aval().str(), target.aval().str());
  const bool single = x.ndim() <= 1;
  const Shape rows = single ? Shape{1, x.numel()} : x.shape();
  x = make_reshape(x, rows);
  const Tensor t = make_reshape(make_cast(target, DType::I64), rows);
  const I classes = x.size(1);
  const Tensor named = cumprod(make_cast(compare("ge", t, 0), DType::I64), 1);
  const Tensor listed = compare("ne", named, 0), index = masked(listed, t);
  const Tensor hits = make_scatter_add(full_as(named, 0), 1, index, named);
  // [N, j, i]: listed j, and i that is not.
  const Shape pairs{x.size(0), classes, classes};
  const Tensor own = make_broadcast(make_gather(x, 1, index), pairs, {0, 1});
  const Tensor gap = at_least_zero(shift(sub(make_broadcast(x, pairs, {0, 2}), own), 1));
  const Tensor counts = logical_and(make_broadcast(listed, pairs, {0, 1}),
                                    make_broadcast(compare("eq", hits, 0), pairs, {0, 2}));
  const Tensor losses = scale(sum(masked(counts, gap), {1, 2}), 1 / static_cast<double>(classes));
  return reduced(single ? squeeze(losses, 0) : losses, reduction, dtype);
}
Tensor multilabel_soft_margin_loss(const Arg& input, const Tensor& target, const Tensor& weight,
                                   Reduction reduction) {
  LocScope scope(input.loc());
  const Pair o = pair("multilabel_soft_margin_loss", input, target);
  Tensor values =
      neg(add(mul(o.b, logsigmoid(o.a)), mul(sub(full_as(o.b, 1), o.b), logsigmoid(neg(o.a)))));
  if (weight.defined())
    values = mul(values,
                 broadcast_into("multilabel_soft_margin_loss", "weight", weight, values.shape()));
  return reduced(mean(values, -1), reduction, o.dtype);
}
Tensor multi_margin_loss(const Arg& input, const Tensor& target, const MultiMarginLossOptions& o) {
  LocScope scope(input.loc());
  const DType dtype = lifted(input.tensor().dtype());
  Tensor x = widened(input.tensor());
  const bool single = x.ndim() <= 1;
  if (single) x = make_reshape(x, {1, x.numel()});
  const Tensor t = make_reshape(make_cast(target, DType::I64), {target.numel()});
  LILITH_CHECK(
      is_integral(target.dtype()) && target.ndim() <= 1 && x.ndim() == 2 && x.size(0) == t.numel(),
      "multi_margin_loss: input {}, target {}; need [N, C] and integers [N]{}",
      input.tensor().aval().str(), target.aval().str(),
      x.ndim() == 2 ? class_cure(x.shape(), target.aval()) : "");
  LILITH_CHECK(o.p == 1 || o.p == 2, "multi_margin_loss: p is {}; need 1 or 2", o.p);
  check_weight("multi_margin_loss", o.weight, x.size(1));
  const Tensor own = make_broadcast(picked(x, t), x.shape(), {0});
  Tensor gap = at_least_zero(shift(sub(x, own), o.margin));
  if (o.p == 2) gap = mul(gap, gap);
  if (o.weight.defined())
    gap =
        mul(gap, make_broadcast(make_gather(make_cast(o.weight, x.dtype()), 0, t), x.shape(), {0}));
  const Tensor index = make_broadcast(t, x.shape(), {0});
  const Tensor others = apply("ne", {index, make_iota(x.shape(), 1, DType::I64, x.device())});
  const Tensor losses = scale(sum(masked(others, gap), 1), 1 / static_cast<double>(x.size(1)));
  return reduced(single ? squeeze(losses, 0) : losses, o.reduction, dtype);
}

}  // namespace lilith
