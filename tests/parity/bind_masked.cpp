#include "lilith/ops.h"
#include "lilith/ops/masked.h"
#include "parity/bind.h"

// torch.masked.
namespace lilith::parity {
namespace {

namespace masked = lilith::pytorch::masked;

masked::ReductionOptions options_of(const Call& c) {
  masked::ReductionOptions o{.keepdim = c.flag(-1, "keepdim", false),
                             .mask = c.maybe_tensor(-1, "mask")};
  if (c.has(-1, "dtype")) o.dtype = c.dtype(-1, "dtype", DType::F32);
  return o;
}
masked::MaskOptions mask_of(const Call& c) {
  const masked::ReductionOptions o = options_of(c);
  return {.dtype = o.dtype, .mask = o.mask};
}

using Reduce = Tensor (*)(const Arg&, const IntList&, const masked::ReductionOptions&);
using Choose = Tensor (*)(const Arg&, std::optional<Dim>, const masked::ReductionOptions&);
using Spread = Tensor (*)(const Arg&, const IntList&, Real, const masked::ReductionOptions&);
using Along = Tensor (*)(const Arg&, Dim, const masked::MaskOptions&);

}  // namespace

void bind_masked(Table& t) {
  const std::pair<const char*, Reduce> reductions[] = {
      {"sum", masked::sum},   {"prod", masked::prod}, {"amax", masked::amax},
      {"amin", masked::amin}, {"mean", masked::mean}, {"logsumexp", masked::logsumexp}};
  for (const auto& [name, f] : reductions)
    t[std::string("masked.") + name] = [f = f](const Call& c) {
      return one(f(c.operand(0), c.longs(1, "dim", {}), options_of(c)));
    };
  const std::pair<const char*, Choose> choices[] = {{"argmax", masked::argmax},
                                                    {"argmin", masked::argmin}};
  for (const auto& [name, f] : choices)
    t[std::string("masked.") + name] = [f = f](const Call& c) {
      std::optional<Dim> dim;
      if (c.has(1, "dim")) dim = static_cast<int>(c.integer(1, "dim"));
      // PyTorch gives places in x's dtype.
      return one(f(c.operand(0), dim, options_of(c)).to(c.tensor(0).dtype()));
    };
  const std::pair<const char*, Spread> spreads[] = {{"var", masked::var}, {"std", masked::std}};
  for (const auto& [name, f] : spreads)
    t[std::string("masked.") + name] = [f = f](const Call& c) {
      const bool unbiased = c.flag(2, "unbiased", true);
      return one(f(c.operand(0), c.longs(1, "dim", {}), c.real(-1, "correction", unbiased ? 1 : 0),
                   options_of(c)));
    };
  const std::pair<const char*, Along> along[] = {{"softmax", masked::softmax},
                                                 {"log_softmax", masked::log_softmax},
                                                 {"softmin", masked::softmin},
                                                 {"cumsum", masked::cumsum},
                                                 {"cumprod", masked::cumprod}};
  for (const auto& [name, f] : along)
    t[std::string("masked.") + name] = [f = f](const Call& c) {
      return one(f(c.operand(0), static_cast<int>(c.integer(1, "dim")), mask_of(c)));
    };
  t["masked.median"] = [](const Call& c) {
    return one(
        masked::median(c.operand(0), static_cast<int>(c.integer(1, "dim", -1)), options_of(c)));
  };
  t["masked.norm"] = [](const Call& c) {
    return one(
        masked::norm(c.operand(0), c.real(1, "ord", 2), c.longs(2, "dim", {}), options_of(c)));
  };
  t["masked.normalize"] = [](const Call& c) {
    return one(masked::normalize(c.operand(0), c.real(1, "ord", 2),
                                 static_cast<int>(c.integer(2, "dim")), c.real(-1, "eps", 1e-12),
                                 mask_of(c)));
  };
  t["masked.logaddexp"] = [](const Call& c) {
    masked::PairMaskOptions o{.input_mask = c.maybe_tensor(-1, "input_mask"),
                              .other_mask = c.maybe_tensor(-1, "other_mask")};
    return one(masked::logaddexp(c.operand(0), c.operand(1), o));
  };
}

}  // namespace lilith::parity
