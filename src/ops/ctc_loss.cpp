#include <algorithm>
#include <cmath>

#include "lilith/ops/create.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/loss.h"
#include "lilith/ops/reduce.h"
#include "lilith/ops/shape.h"
#include "ops/autocast.h"
#include "ops/half.h"
#include "ops/operand.h"
#include "ops/primitives.h"

// Connectionist temporal classification: the forward variables of Graves et al., "Connectionist
// temporal classification" (ICML 2006), section 4.1, in logarithms.
namespace lilith {

using namespace ops;
using I = std::int64_t;

namespace {

// The logarithm of a probability that is 0: finite, so that no path has a NaN for a gradient.
constexpr double kNever = -1e30;

struct Problem {
  Tensor log_probs;       // [T, N, C], as composites compute with it
  Tensor targets;         // i64 [N, S]
  Tensor steps, letters;  // i64 [N]: the lengths of inputs and targets
  I blank;
  I batch() const { return log_probs.size(1); }
};

// Moved by k to the right along the last dimension of [N, L], kNever coming in.
Tensor moved(const Tensor& alpha, I k) {
  const Tensor kept = slice_dim(alpha, 1, 0, std::max<I>(alpha.size(1) - k, 0));
  return make_pad(kept, {0, alpha.size(1) - kept.size(1)}, {0, 0}, {0, 0}, kNever);
}

// log(exp(a) + exp(b) + exp(c)).
Tensor log_sum(const Tensor& a, const Tensor& b, const Tensor& c) {
  const Tensor top = stop_gradient(maximum(maximum(a, b), c));
  const Tensor total = add(add(exp(sub(a, top)), exp(sub(b, top))), exp(sub(c, top)));
  return add(top, log(total));
}

// One number of each row of [N, L], at i64 [N].
Tensor entry(const Tensor& alpha, const Tensor& at) {
  return squeeze(make_gather(alpha, 1, unsqueeze(at, 1)), 1);
}

// The targets with a blank before, between and after: i64 [N, 2 S + 1]. What lies beyond a target's
// length is blank.
Tensor spelled(const Problem& p) {
  const I n = p.batch(), s = p.targets.size(1);
  const Tensor place = make_iota({n, s}, 1, DType::I64, p.targets.device());
  const Tensor inside = lt(place, make_broadcast(p.letters, {n, s}, {0}));
  const Tensor labels =
      make_select(inside, p.targets, full_as(p.targets, static_cast<double>(p.blank)));
  return make_pad(labels, {0, 1}, {0, 1}, {0, 1}, static_cast<double>(p.blank));
}

// -log of each target's probability: [N]; -kNever and more where no path spells it.
Tensor negative_log_likelihood(const Problem& p) {
  const Tensor labels = spelled(p);
  const I steps = p.log_probs.size(0), n = p.batch(), states = labels.size(1);
  const Shape row{n, states}, all{steps, n, states};
  const Tensor emitted = make_gather(p.log_probs, 2, make_broadcast(labels, all, {1, 2}));
  const Tensor state = make_iota(row, 1, DType::I64, labels.device());
  // A letter may follow the one before without a blank where they differ.
  const Tensor two_back =
      make_pad(slice_dim(labels, 1, 0, std::max<I>(states - 2, 0)), {0, std::min<I>(states, 2)},
               {0, 0}, {0, 0}, static_cast<double>(p.blank));
  const Tensor skips =
      logical_and(ne(labels, two_back), compare("ne", labels, static_cast<double>(p.blank)));
  const auto at = [&](I t) { return make_reshape(slice_dim(emitted, 0, t, t + 1), row); };
  Tensor alpha = at(0);
  const Tensor never = full_as(alpha, kNever);
  alpha = make_select(compare("le", state, 1), alpha, never);
  for (I t = 1; t < steps; ++t) {
    const Tensor jump = make_select(skips, moved(alpha, 2), never);
    const Tensor next = add(log_sum(alpha, moved(alpha, 1), jump), at(t));
    const Tensor runs = compare("gt", p.steps, static_cast<double>(t));
    alpha = make_select(make_broadcast(runs, row, {0}), next, alpha);
  }
  const Tensor last = scale(p.letters, 2), empty = compare("eq", p.letters, 0);
  const Tensor a = entry(alpha, last), b = entry(alpha, maximum(shift(last, -1), full_as(last, 0)));
  const Tensor none = full_as(a, kNever);
  const Tensor ended = log_sum(a, make_select(empty, none, b), none);
  // Without a step the empty target alone is certain.
  const Tensor still = make_select(empty, full_as(a, 0), none);
  return neg(make_select(compare("gt", p.steps, 0), ended, still));
}

// sum(exp(log_probs)) over each input's steps, whose slope makes the gradient that of the logits.
Tensor mass(const Problem& p) {
  const Shape& s = p.log_probs.shape();
  const Tensor t = make_iota(s, 0, DType::I64, p.log_probs.device());
  const Tensor runs = lt(t, make_broadcast(p.steps, s, {1}));
  return sum(masked(runs, exp(p.log_probs)), {0, 2});
}

// Targets in a row as rows, padded to the longest.
Tensor as_rows(const Tensor& targets, const Tensor& letters, I longest) {
  const I n = letters.numel();
  const Tensor begin = sub(cumsum(letters, 0), letters);
  const Shape shape{n, longest};
  const Tensor place =
      add(make_broadcast(begin, shape, {0}), make_iota(shape, 1, DType::I64, targets.device()));
  if (targets.numel() == 0) return make_full(shape, 0, DType::I64, targets.device());
  const Tensor held = minimum(place, full_as(place, static_cast<double>(targets.numel() - 1)));
  return make_reshape(make_gather(targets, 0, make_reshape(held, {n * longest})), shape);
}

Tensor lengths(const char* what, const Tensor& given, I n) {
  LILITH_CHECK(is_integral(given.dtype()) && given.ndim() <= 1 && given.numel() == n,
               "ctc_loss: {} are {}; need integers [{}]", what, given.aval().str(), n);
  return make_reshape(make_cast(given, DType::I64), {n});
}

Tensor loss_of(const Problem& p, const CTCLossOptions& o) {
  const Tensor nll = negative_log_likelihood(p);
  const Tensor spells = compare("lt", nll, -kNever / 2);
  Tensor losses = straight_through(nll, add(nll, mass(p)));
  losses = make_select(spells, losses, full_as(losses, o.zero_infinity ? 0 : INFINITY));
  if (o.reduction == Reduction::None) return losses;
  if (o.reduction == Reduction::Sum) return sum(losses);
  const Tensor each = make_cast(maximum(p.letters, full_as(p.letters, 1)), losses.dtype());
  return mean(div(losses, each));
}

// longest: of the targets in a row.
template <class Longest>
Tensor ctc(const Arg& input, const Tensor& targets, const Tensor& input_lengths,
           const Tensor& target_lengths, const CTCLossOptions& o, Longest&& longest) {
  const Tensor given = lifted(input.tensor());
  const bool batched = given.ndim() == 3;
  LILITH_CHECK(is_floating(given.dtype()) && (batched || given.ndim() == 2) && given.size(0) >= 1,
               "ctc_loss: log_probs are {}; need floating [T, N, C] or [T, C]", given.aval().str());
  const Tensor log_probs = widened(batched ? given : unsqueeze(given, 1));
  const I n = log_probs.size(1), classes = log_probs.size(2);
  LILITH_CHECK(o.blank >= 0 && o.blank < classes, "ctc_loss: blank is {}; need 0 to {}", o.blank,
               classes - 1);
  LILITH_CHECK(is_integral(targets.dtype()) &&
                   (targets.ndim() == 1 || (targets.ndim() == 2 && targets.size(0) == n)),
               "ctc_loss: targets are {}; need integers [{}, S], or all in a row",
               targets.aval().str(), n);
  const Tensor letters = lengths("target_lengths", target_lengths, n);
  Tensor labels = make_cast(targets, DType::I64);
  if (targets.ndim() == 1)
    labels = n == 1 ? unsqueeze(labels, 0) : as_rows(labels, letters, longest());
  const Problem p{log_probs, labels, lengths("input_lengths", input_lengths, n), letters, o.blank};
  const Tensor loss = loss_of(p, o);
  return narrowed(batched || o.reduction != Reduction::None ? loss : squeeze(loss, 0),
                  given.dtype());
}

}  // namespace

Tensor ctc_loss(const Arg& log_probs, const Tensor& targets, const Tensor& input_lengths,
                const Tensor& target_lengths, const CTCLossOptions& o) {
  LocScope scope(log_probs.loc());
  return ctc(log_probs, targets, input_lengths, target_lengths, o, [&] {
    return target_lengths.numel() == 0 ? I{0} : max(target_lengths).to(DType::I64).item<I>();
  });
}
Tensor ctc_loss(const Arg& log_probs, const Tensor& targets, const IntList& input_lengths,
                const IntList& target_lengths, const CTCLossOptions& o) {
  LocScope scope(log_probs.loc());
  const auto leaf = [&](const IntList& list) {
    return from_data(list.vec().data(), {static_cast<I>(list.size())}).to(targets.device());
  };
  return ctc(log_probs, targets, leaf(input_lengths), leaf(target_lengths), o, [&] {
    return target_lengths.empty() ? I{0}
                                  : *std::max_element(target_lengths.begin(), target_lengths.end());
  });
}

}  // namespace lilith
