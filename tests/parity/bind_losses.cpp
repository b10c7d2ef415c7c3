#include "lilith/ops.h"
#include "parity/bind.h"

namespace lilith::parity {
namespace {

const std::string kPrefix = "nn.functional.";

Reduction reduction_of(const Call& c) {
  const std::string name = c.text(-1, "reduction", "mean");
  return name == "none" ? Reduction::None : name == "sum" ? Reduction::Sum : Reduction::Mean;
}

using Pointwise = Tensor (*)(const Arg&, const Tensor&, Reduction);

void bind_classification(Table& t) {
  t[kPrefix + "nll_loss"] = [](const Call& c) {
    return one(nll_loss(c.operand(0), c.tensor(1),
                        {.weight = c.maybe_tensor(-1, "weight"),
                         .ignore_index = c.integer(-1, "ignore_index", -100),
                         .reduction = reduction_of(c)}));
  };
  t[kPrefix + "cross_entropy"] = [](const Call& c) {
    return one(cross_entropy_loss(c.operand(0), c.tensor(1),
                                  {.weight = c.maybe_tensor(-1, "weight"),
                                   .ignore_index = c.integer(-1, "ignore_index", -100),
                                   .reduction = reduction_of(c),
                                   .label_smoothing = c.real(-1, "label_smoothing", 0)}));
  };
  t[kPrefix + "linear_cross_entropy"] = [](const Call& c) {
    return one(linear_cross_entropy(c.operand(0), c.tensor(1), c.tensor(2),
                                    {.linear_bias = c.maybe_tensor(-1, "linear_bias"),
                                     .weight = c.maybe_tensor(-1, "weight"),
                                     .reduction = reduction_of(c),
                                     .ignore_index = c.integer(-1, "ignore_index", -100),
                                     .label_smoothing = c.real(-1, "label_smoothing", 0)}));
  };
  t[kPrefix + "binary_cross_entropy"] = [](const Call& c) {
    return one(binary_cross_entropy(c.operand(0), c.tensor(1), c.maybe_tensor(-1, "weight"),
                                    reduction_of(c)));
  };
  t[kPrefix + "binary_cross_entropy_with_logits"] = [](const Call& c) {
    return one(binary_cross_entropy_with_logits(c.operand(0), c.tensor(1),
                                                {.weight = c.maybe_tensor(-1, "weight"),
                                                 .reduction = reduction_of(c),
                                                 .pos_weight = c.maybe_tensor(-1, "pos_weight")}));
  };
  t[kPrefix + "kl_div"] = [](const Call& c) {
    const std::string name = c.text(-1, "reduction", "mean");
    const KLDivReduction reduction = name == "none"        ? KLDivReduction::None
                                     : name == "sum"       ? KLDivReduction::Sum
                                     : name == "batchmean" ? KLDivReduction::BatchMean
                                                           : KLDivReduction::Mean;
    return one(kl_div(c.operand(0), c.tensor(1), reduction, c.flag(-1, "log_target", false)));
  };
  t[kPrefix + "multilabel_soft_margin_loss"] = [](const Call& c) {
    return one(multilabel_soft_margin_loss(c.operand(0), c.tensor(1), c.maybe_tensor(-1, "weight"),
                                           reduction_of(c)));
  };
  t[kPrefix + "multi_margin_loss"] = [](const Call& c) {
    return one(multi_margin_loss(c.operand(0), c.tensor(1),
                                 {.p = c.real(-1, "p", 1),
                                  .margin = c.real(-1, "margin", 1),
                                  .weight = c.maybe_tensor(-1, "weight"),
                                  .reduction = reduction_of(c)}));
  };
}

void bind_alignment(Table& t) {
  t[kPrefix + "multilabel_margin_loss"] = [](const Call& c) {
    return one(multilabel_margin_loss(c.operand(0), c.tensor(1), reduction_of(c)));
  };
  t[kPrefix + "ctc_loss"] = [](const Call& c) {
    const CTCLossOptions o{.blank = c.integer(4, "blank", 0),
                           .reduction = reduction_of(c),
                           .zero_infinity = c.flag(6, "zero_infinity", false)};
    if (c.is_tensor(2, "input_lengths"))
      return one(ctc_loss(c.operand(0), c.tensor(1), c.tensor(2), c.tensor(3), o));
    const IntList inputs = c.longs(2, "input_lengths"), targets = c.longs(3, "target_lengths");
    return one(ctc_loss(c.operand(0), c.tensor(1), inputs, targets, o));
  };
  t[kPrefix + "triplet_margin_with_distance_loss"] = [](const Call& c) {
    if (c.has(-1, "distance_function")) throw Unsupported("a function of Python");
    return one(triplet_margin_with_distance_loss(c.operand(0), c.tensor(1), c.tensor(2),
                                                 {.margin = c.real(-1, "margin", 1),
                                                  .swap = c.flag(-1, "swap", false),
                                                  .reduction = reduction_of(c)}));
  };
}

void bind_regression(Table& t) {
  for (const auto& [name, f] : {std::pair<const char*, Pointwise>{"mse_loss", mse_loss},
                                {"l1_loss", l1_loss},
                                {"soft_margin_loss", soft_margin_loss}}) {
    t[kPrefix + name] = [f = f](const Call& c) {
      return one(f(c.operand(0), c.tensor(1), reduction_of(c)));
    };
  }
  t[kPrefix + "smooth_l1_loss"] = [](const Call& c) {
    return one(smooth_l1_loss(c.operand(0), c.tensor(1), reduction_of(c), c.real(-1, "beta", 1)));
  };
  t[kPrefix + "huber_loss"] = [](const Call& c) {
    return one(huber_loss(c.operand(0), c.tensor(1), reduction_of(c), c.real(-1, "delta", 1)));
  };
  t[kPrefix + "poisson_nll_loss"] = [](const Call& c) {
    return one(poisson_nll_loss(c.operand(0), c.tensor(1),
                                {.log_input = c.flag(-1, "log_input", true),
                                 .full = c.flag(-1, "full", false),
                                 .eps = c.real(-1, "eps", 1e-8),
                                 .reduction = reduction_of(c)}));
  };
  t[kPrefix + "gaussian_nll_loss"] = [](const Call& c) {
    return one(gaussian_nll_loss(c.operand(0), c.tensor(1), c.tensor(2),
                                 {.full = c.flag(-1, "full", false),
                                  .eps = c.real(-1, "eps", 1e-6),
                                  .reduction = reduction_of(c)}));
  };
}

void bind_margins(Table& t) {
  t[kPrefix + "hinge_embedding_loss"] = [](const Call& c) {
    return one(
        hinge_embedding_loss(c.operand(0), c.tensor(1), c.real(-1, "margin", 1), reduction_of(c)));
  };
  t[kPrefix + "margin_ranking_loss"] = [](const Call& c) {
    return one(margin_ranking_loss(c.operand(0), c.tensor(1), c.tensor(2), c.real(-1, "margin", 0),
                                   reduction_of(c)));
  };
  t[kPrefix + "cosine_embedding_loss"] = [](const Call& c) {
    return one(cosine_embedding_loss(c.operand(0), c.tensor(1), c.tensor(2),
                                     c.real(-1, "margin", 0), reduction_of(c)));
  };
  t[kPrefix + "triplet_margin_loss"] = [](const Call& c) {
    return one(triplet_margin_loss(c.operand(0), c.tensor(1), c.tensor(2),
                                   {.margin = c.real(-1, "margin", 1),
                                    .p = c.real(-1, "p", 2),
                                    .eps = c.real(-1, "eps", 1e-6),
                                    .swap = c.flag(-1, "swap", false),
                                    .reduction = reduction_of(c)}));
  };
}

}  // namespace

void bind_losses(Table& t) {
  bind_classification(t);
  bind_alignment(t);
  bind_regression(t);
  bind_margins(t);
}

}  // namespace lilith::parity
