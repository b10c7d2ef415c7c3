#include "parity/modules.h"

namespace lilith::parity {
namespace {

/// The constructor's reduction; what size_average and reduce, the older words, say comes before it.
std::string reduction_of(const Call& k) {
  if (!k.flag(-1, "reduce", true)) return "none";
  if (k.has(-1, "size_average")) return k.flag(-1, "size_average", true) ? "mean" : "sum";
  return k.text(-1, "reduction", "mean");
}
Buffer weight_of(const Call& k, const char* name = "weight") {
  const int position = std::string_view(name) == "weight" ? 0 : -1;
  return k.is_tensor(position, name) ? Buffer(k.tensor(position, name)) : Buffer();
}

/// One that has a reduction alone.
template <class L>
void reduced(Table& t, const std::string& name) {
  t["nn." + name] = [](const Call& c) { return at_two(c, L{.reduction = reduction_of(c.ctor())}); };
}
template <class L>
void weighted(Table& t, const std::string& name) {
  t["nn." + name] = [](const Call& c) {
    return at_two(c, L{.weight = weight_of(c.ctor()), .reduction = reduction_of(c.ctor())});
  };
}
template <class L>
void with_margin(Table& t, const std::string& name, double margin) {
  t["nn." + name] = [margin](const Call& c) {
    const L loss{.margin = c.ctor().real(0, "margin", margin), .reduction = reduction_of(c.ctor())};
    if constexpr (std::is_invocable_v<L, Tensor, Tensor, Tensor>)
      return at_three(c, loss);
    else
      return at_two(c, loss);
  };
}

void bind_class_losses(Table& t) {
  t["nn.NLLLoss"] = [](const Call& c) {
    const Call& k = c.ctor();
    return at_two(c, NLLLoss{.weight = weight_of(k),
                             .ignore_index = k.integer(2, "ignore_index", -100),
                             .reduction = reduction_of(k)});
  };
  t["nn.CrossEntropyLoss"] = [](const Call& c) {
    const Call& k = c.ctor();
    return at_two(c, CrossEntropyLoss{.weight = weight_of(k),
                                      .ignore_index = k.integer(2, "ignore_index", -100),
                                      .reduction = reduction_of(k),
                                      .label_smoothing = k.real(5, "label_smoothing", 0)});
  };
  t["nn.BCEWithLogitsLoss"] = [](const Call& c) {
    const Call& k = c.ctor();
    return at_two(c, BCEWithLogitsLoss{.weight = weight_of(k),
                                       .reduction = reduction_of(k),
                                       .pos_weight = weight_of(k, "pos_weight")});
  };
  t["nn.MultiMarginLoss"] = [](const Call& c) {
    const Call& k = c.ctor();
    return at_two(c,
                  MultiMarginLoss{
                      .p = k.real(0, "p", 1),
                      .margin = k.real(1, "margin", 1),
                      .weight = k.is_tensor(2, "weight") ? Buffer(k.tensor(2, "weight")) : Buffer(),
                      .reduction = reduction_of(k)});
  };
  t["nn.CTCLoss"] = [](const Call& c) {
    const Call& k = c.ctor();
    const CTCLoss loss{.blank = k.integer(0, "blank", 0),
                       .reduction = k.text(1, "reduction", "mean"),
                       .zero_infinity = k.flag(2, "zero_infinity", false)};
    if (c.is_tensor(2)) return one(loss(c.tensor(0), c.tensor(1), c.tensor(2), c.tensor(3)));
    return one(loss(c.tensor(0), c.tensor(1), c.longs(2, ""), c.longs(3, "")));
  };
}

}  // namespace

void bind_loss_modules(Table& t) {
  bind_class_losses(t);
  reduced<L1Loss>(t, "L1Loss");
  reduced<MSELoss>(t, "MSELoss");
  reduced<SoftMarginLoss>(t, "SoftMarginLoss");
  reduced<MultiLabelMarginLoss>(t, "MultiLabelMarginLoss");
  weighted<BCELoss>(t, "BCELoss");
  weighted<MultiLabelSoftMarginLoss>(t, "MultiLabelSoftMarginLoss");
  with_margin<HingeEmbeddingLoss>(t, "HingeEmbeddingLoss", 1);
  with_margin<MarginRankingLoss>(t, "MarginRankingLoss", 0);
  with_margin<CosineEmbeddingLoss>(t, "CosineEmbeddingLoss", 0);
  t["nn.SmoothL1Loss"] = [](const Call& c) {
    return at_two(
        c, SmoothL1Loss{.reduction = reduction_of(c.ctor()), .beta = c.ctor().real(3, "beta", 1)});
  };
  t["nn.HuberLoss"] = [](const Call& c) {
    const Call& k = c.ctor();
    return at_two(
        c, HuberLoss{.reduction = k.text(0, "reduction", "mean"), .delta = k.real(1, "delta", 1)});
  };
  t["nn.KLDivLoss"] = [](const Call& c) {
    return at_two(c, KLDivLoss{.reduction = reduction_of(c.ctor()),
                               .log_target = c.ctor().flag(-1, "log_target", false)});
  };
  t["nn.GaussianNLLLoss"] = [](const Call& c) {
    const Call& k = c.ctor();
    return at_three(c, GaussianNLLLoss{.full = k.flag(-1, "full", false),
                                       .eps = k.real(-1, "eps", 1e-6),
                                       .reduction = reduction_of(k)});
  };
  t["nn.PoissonNLLLoss"] = [](const Call& c) {
    const Call& k = c.ctor();
    return at_two(c, PoissonNLLLoss{.log_input = k.flag(0, "log_input", true),
                                    .full = k.flag(1, "full", false),
                                    .eps = k.real(3, "eps", 1e-8),
                                    .reduction = reduction_of(k)});
  };
  t["nn.TripletMarginLoss"] = [](const Call& c) {
    const Call& k = c.ctor();
    return at_three(c, TripletMarginLoss{.margin = k.real(0, "margin", 1),
                                         .p = k.real(1, "p", 2),
                                         .eps = k.real(2, "eps", 1e-6),
                                         .swap = k.flag(3, "swap", false),
                                         .reduction = reduction_of(k)});
  };
}

}  // namespace lilith::parity
