#include "lilith/ops.h"
#include "parity/bind.h"

namespace lilith::parity {
namespace {

const std::string kPrefix = "nn.functional.";

std::optional<Int> maybe_integer(const Call& c, int position, const std::string& name) {
  if (!c.has(position, name)) return {};
  return c.integer(position, name);
}
std::optional<Real> maybe_real(const Call& c, int position, const std::string& name) {
  if (!c.has(position, name)) return {};
  return c.real(position, name, 0);
}

// The samples are weight, indices.
void bind_embeddings(Table& t) {
  t[kPrefix + "embedding"] = [](const Call& c) {
    return one(embedding(
        c.operand(1), c.tensor(0),
        EmbeddingFunctionOptions{.padding_idx = maybe_integer(c, 2, "padding_idx"),
                                 .max_norm = maybe_real(c, 3, "max_norm"),
                                 .norm_type = c.real(4, "norm_type", 2),
                                 .scale_grad_by_freq = c.flag(5, "scale_grad_by_freq", false)}));
  };
  t[kPrefix + "embedding_bag"] = [](const Call& c) {
    const std::string mode = c.text(6, "mode", "mean");
    return one(embedding_bag(
        c.operand(1), c.tensor(0),
        EmbeddingBagFunctionOptions{.offsets = c.maybe_tensor(2, "offsets"),
                                    .max_norm = maybe_real(c, 3, "max_norm"),
                                    .norm_type = c.real(4, "norm_type", 2),
                                    .scale_grad_by_freq = c.flag(5, "scale_grad_by_freq", false),
                                    .mode = mode,
                                    .per_sample_weights = c.maybe_tensor(8, "per_sample_weights"),
                                    .include_last_offset = c.flag(9, "include_last_offset", false),
                                    .padding_idx = maybe_integer(c, 10, "padding_idx")}));
  };
}

using FractionalPool = std::pair<Tensor, Tensor> (*)(const Arg&, const IntList&,
                                                     const FractionalPoolOptions&);
void bind_fractional_pools(Table& t) {
  for (const auto& [name, f] : {std::pair<const char*, FractionalPool>{
                                    "fractional_max_pool2d", fractional_max_pool2d_with_indices},
                                {"fractional_max_pool3d", fractional_max_pool3d_with_indices}}) {
    t[kPrefix + name] = [f = f](const Call& c) -> std::vector<Tensor> {
      if (!c.has(-1, "_random_samples"))
        throw Unsupported("windows are drawn by another generator than PyTorch's");
      FractionalPoolOptions o{.random_samples = c.tensor(-1, "_random_samples")};
      if (c.has(-1, "output_size")) o.output_size = c.longs(-1, "output_size");
      if (c.has(-1, "output_ratio"))
        o.output_ratio = c.json(-1, "output_ratio").get<std::vector<double>>();
      const auto [values, indices] = f(c.operand(0), c.longs(1, "kernel_size"), o);
      if (!c.flag(-1, "return_indices", false)) return {values};
      return {values, indices};
    };
  }
}

using MaxUnpool = Tensor (*)(const Arg&, const Tensor&, const IntList&, const IntList&,
                             const IntList&, const IntList&);

void bind_unpools(Table& t) {
  for (const auto& [name, f] : {std::pair<const char*, MaxUnpool>{"max_unpool1d", max_unpool1d},
                                {"max_unpool2d", max_unpool2d},
                                {"max_unpool3d", max_unpool3d}}) {
    for (const char* variant : {"", "__grad"}) {
      t[kPrefix + name + variant] = [f = f](const Call& c) {
        return one(f(c.operand(0), c.tensor(1, "indices"), c.longs(2, "kernel_size"),
                     c.longs(3, "stride", {}), c.longs(4, "padding", {0}),
                     c.longs(5, "output_size", {})));
      };
    }
  }
}

}  // namespace

void bind_spatial(Table& t) {
  bind_embeddings(t);
  bind_unpools(t);
  bind_fractional_pools(t);
  t[kPrefix + "one_hot"] = [](const Call& c) {
    return one(one_hot(c.operand(0), c.integer(1, "num_classes", -1)));
  };
  t["tril_indices"] = [](const Call& c) {
    return one(tril_indices(c.integer(0, "row"), c.integer(1, "col"), c.integer(2, "offset", 0)));
  };
  t["triu_indices"] = [](const Call& c) {
    return one(triu_indices(c.integer(0, "row"), c.integer(1, "col"), c.integer(2, "offset", 0)));
  };
  t[kPrefix + "unfold"] = [](const Call& c) {
    return one(unfold(c.operand(0), c.longs(1, "kernel_size"), c.longs(2, "dilation", {1}),
                      c.longs(3, "padding", {0}), c.longs(4, "stride", {1})));
  };
  t[kPrefix + "fold"] = [](const Call& c) {
    return one(fold(c.operand(0), c.longs(1, "output_size"), c.longs(2, "kernel_size"),
                    c.longs(3, "dilation", {1}), c.longs(4, "padding", {0}),
                    c.longs(5, "stride", {1})));
  };
  t[kPrefix + "grid_sample"] = [](const Call& c) {
    const std::string mode = c.text(2, "mode", "bilinear"),
                      padding = c.text(3, "padding_mode", "zeros");
    return one(
        grid_sample(c.operand(0), c.tensor(1), mode, padding, c.flag(4, "align_corners", false)));
  };
  t[kPrefix + "affine_grid"] = [](const Call& c) {
    return one(affine_grid(c.operand(0), c.longs(1, "size"), c.flag(2, "align_corners", false)));
  };
  t[kPrefix + "rms_norm"] = [](const Call& c) {
    return one(rms_norm(c.operand(0), c.longs(1, "normalized_shape"), c.maybe_tensor(2, "weight"),
                        maybe_real(c, 3, "eps")));
  };
  t[kPrefix + "channel_shuffle"] = [](const Call& c) {
    return one(channel_shuffle(c.operand(0), c.integer(1, "groups")));
  };
  t[kPrefix + "alpha_dropout"] = [](const Call& c) {
    if (c.flag(2, "training", false)) throw Unsupported("random");
    return one(alpha_dropout(c.operand(0), c.real(1, "p", 0.5), false));
  };
  t[kPrefix + "rrelu"] = [](const Call& c) {
    if (c.flag(3, "training", false)) throw Unsupported("random");
    return one(rrelu(c.operand(0), c.real(1, "lower", 1.0 / 8), c.real(2, "upper", 1.0 / 3)));
  };
}

}  // namespace lilith::parity
