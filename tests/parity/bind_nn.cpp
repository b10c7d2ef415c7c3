#include <cmath>

#include "lilith/nn/attention.h"
#include "lilith/ops.h"
#include "parity/bind.h"

namespace lilith::parity {
namespace {

const std::string kPrefix = "nn.functional.";

IntList list_of(const Call& c, int position, const std::string& name,
                std::vector<std::int64_t> otherwise) {
  return c.longs(position, name, std::move(otherwise));
}
Padding padding_of(const Call& c, int position) {
  if (c.is_text(position, "padding")) return c.text(position, "padding", "").c_str();
  return c.longs(position, "padding", {0});
}

using Conv = Tensor (*)(const Arg&, const Tensor&, const Tensor&, const IntList&, const Padding&,
                        const IntList&, Int);
using ConvTranspose = Tensor (*)(const Arg&, const Tensor&, const Tensor&, const IntList&,
                                 const IntList&, const IntList&, Int, const IntList&);
using MaxPool = Tensor (*)(const Arg&, const IntList&, const IntList&, const IntList&,
                           const IntList&, bool);
using MaxPoolAt = std::pair<Tensor, Tensor> (*)(const Arg&, const IntList&, const IntList&,
                                                const IntList&, const IntList&, bool);
using AvgPool = Tensor (*)(const Arg&, const IntList&, const IntList&, const IntList&, bool, bool,
                           std::optional<Int>);
using Adaptive = Tensor (*)(const Arg&, const IntList&);
using AdaptiveAt = std::pair<Tensor, Tensor> (*)(const Arg&, const IntList&);

void bind_convolutions(Table& t) {
  for (const auto& [name, f] :
       {std::pair<const char*, Conv>{"conv1d", conv1d}, {"conv2d", conv2d}, {"conv3d", conv3d}}) {
    t[kPrefix + name] = [f = f](const Call& c) {
      return one(f(c.operand(0), c.tensor(1), c.maybe_tensor(2, "bias"),
                   list_of(c, 3, "stride", {1}), padding_of(c, 4), list_of(c, 5, "dilation", {1}),
                   c.integer(6, "groups", 1)));
    };
  }
  for (const auto& [name, f] :
       {std::pair<const char*, ConvTranspose>{"conv_transpose1d", conv_transpose1d},
        {"conv_transpose2d", conv_transpose2d},
        {"conv_transpose3d", conv_transpose3d}}) {
    t[kPrefix + name] = [f = f](const Call& c) {
      return one(f(c.operand(0), c.tensor(1), c.maybe_tensor(2, "bias"),
                   list_of(c, 3, "stride", {1}), list_of(c, 4, "padding", {0}),
                   list_of(c, 5, "output_padding", {0}), c.integer(6, "groups", 1),
                   list_of(c, 7, "dilation", {1})));
    };
  }
}

struct MaxPools {
  const char* name;
  MaxPool values;
  MaxPoolAt with_indices;
};
void bind_max_pools(Table& t) {
  for (const MaxPools& f : {MaxPools{"max_pool1d", max_pool1d, max_pool1d_with_indices},
                            {"max_pool2d", max_pool2d, max_pool2d_with_indices},
                            {"max_pool3d", max_pool3d, max_pool3d_with_indices}}) {
    t[kPrefix + f.name] = [f](const Call& c) {
      const IntList size = list_of(c, 1, "kernel_size", {}), stride = list_of(c, 2, "stride", {}),
                    padding = list_of(c, 3, "padding", {0}),
                    dilation = list_of(c, 4, "dilation", {1});
      const bool ceil_mode = c.flag(5, "ceil_mode", false);
      if (c.flag(6, "return_indices", false))
        return two(f.with_indices(c.operand(0), size, stride, padding, dilation, ceil_mode));
      return one(f.values(c.operand(0), size, stride, padding, dilation, ceil_mode));
    };
  }
  // PyTorch's sample is the gradient for a cotangent of ones.
  t["max_pool2d_with_indices_backward"] = [](const Call& c) {
    const IntList size = list_of(c, -1, "kernel_size", {}), stride = list_of(c, -1, "stride", {}),
                  padding = list_of(c, -1, "padding", {0}),
                  dilation = list_of(c, -1, "dilation", {1});
    const bool ceil_mode = c.flag(-1, "ceil_mode", false);
    const auto [values, indices] =
        max_pool2d_with_indices(c.operand(0), size, stride, padding, dilation, ceil_mode);
    return one(max_pool2d_with_indices_backward(ones_like(values), c.tensor(0), size, stride,
                                                padding, dilation, ceil_mode, indices));
  };
  const std::tuple<const char*, Adaptive, AdaptiveAt> adaptive[] = {
      {"adaptive_max_pool1d", adaptive_max_pool1d, adaptive_max_pool1d_with_indices},
      {"adaptive_max_pool2d", adaptive_max_pool2d, adaptive_max_pool2d_with_indices},
      {"adaptive_max_pool3d", adaptive_max_pool3d, adaptive_max_pool3d_with_indices}};
  for (const auto& [name, values, with_indices] : adaptive) {
    t[kPrefix + name] = [values = values, with_indices = with_indices](const Call& c) {
      const IntList size = c.longs(1, "output_size");
      if (c.flag(2, "return_indices", false)) return two(with_indices(c.operand(0), size));
      return one(values(c.operand(0), size));
    };
  }
}

void bind_attention(Table& t) {
  t[kPrefix + "multi_head_attention_forward"] = [](const Call& c) -> std::vector<Tensor> {
    const double dropout = c.real(10, "dropout_p", 0);
    const bool training = c.flag(-1, "training", true);
    if (dropout > 0 && training) throw Unsupported("what is drawn");
    const auto [output, weights] = multi_head_attention_forward(
        c.tensor(0), c.tensor(1), c.tensor(2), c.integer(3, "embed_dim_to_check"),
        c.integer(4, "num_heads"), c.maybe_tensor(5), c.maybe_tensor(6), c.maybe_tensor(7),
        c.maybe_tensor(8), c.flag(9, "add_zero_attn", false), dropout, c.tensor(11),
        c.maybe_tensor(12),
        {.training = training,
         .key_padding_mask = c.maybe_tensor(-1, "key_padding_mask"),
         .need_weights = c.flag(-1, "need_weights", true),
         .attn_mask = c.maybe_tensor(-1, "attn_mask"),
         .q_proj_weight = c.maybe_tensor(-1, "q_proj_weight"),
         .k_proj_weight = c.maybe_tensor(-1, "k_proj_weight"),
         .v_proj_weight = c.maybe_tensor(-1, "v_proj_weight"),
         .static_k = c.maybe_tensor(-1, "static_k"),
         .static_v = c.maybe_tensor(-1, "static_v"),
         .average_attn_weights = c.flag(-1, "average_attn_weights", true),
         .is_causal = c.flag(-1, "is_causal", false)});
    if (c.num_outs() == 1) return one(output);
    return {output, weights};
  };
}

void bind_avg_pools(Table& t) {
  t[kPrefix + "avg_pool1d"] = [](const Call& c) {
    return one(avg_pool1d(c.operand(0), list_of(c, 1, "kernel_size", {}),
                          list_of(c, 2, "stride", {}), list_of(c, 3, "padding", {0}),
                          c.flag(4, "ceil_mode", false), c.flag(5, "count_include_pad", true)));
  };
  for (const auto& [name, f] :
       {std::pair<const char*, AvgPool>{"avg_pool2d", avg_pool2d}, {"avg_pool3d", avg_pool3d}}) {
    t[kPrefix + name] = [f = f](const Call& c) {
      std::optional<std::int64_t> divisor;
      if (c.has(6, "divisor_override")) divisor = c.integer(6, "divisor_override");
      return one(f(c.operand(0), list_of(c, 1, "kernel_size", {}), list_of(c, 2, "stride", {}),
                   list_of(c, 3, "padding", {0}), c.flag(4, "ceil_mode", false),
                   c.flag(5, "count_include_pad", true), divisor));
    };
  }
  const std::pair<const char*, Adaptive> adaptive[] = {
      {"adaptive_avg_pool1d", adaptive_avg_pool1d},
      {"adaptive_avg_pool2d", adaptive_avg_pool2d},
      {"adaptive_avg_pool3d", adaptive_avg_pool3d}};
  for (const auto& [name, f] : adaptive) {
    t[kPrefix + name] = [f = f](const Call& c) {
      return one(f(c.operand(0), c.longs(1, "output_size")));
    };
  }
}

void bind_norms(Table& t) {
  t[kPrefix + "batch_norm"] = [](const Call& c) {
    return one(batch_norm(c.operand(0), c.maybe_tensor(1, "running_mean"),
                          c.maybe_tensor(2, "running_var"), c.maybe_tensor(3, "weight"),
                          c.maybe_tensor(4, "bias"), c.flag(5, "training", false),
                          c.real(6, "momentum", 0.1), c.real(7, "eps", 1e-5)));
  };
  t[kPrefix + "layer_norm"] = [](const Call& c) {
    return one(layer_norm(c.operand(0), c.longs(1, "normalized_shape"), c.maybe_tensor(2, "weight"),
                          c.maybe_tensor(3, "bias"), c.real(4, "eps", 1e-5)));
  };
  t[kPrefix + "group_norm"] = [](const Call& c) {
    return one(group_norm(c.operand(0), c.integer(1, "num_groups"), c.maybe_tensor(2, "weight"),
                          c.maybe_tensor(3, "bias"), c.real(4, "eps", 1e-5)));
  };
  t[kPrefix + "instance_norm"] = [](const Call& c) {
    return one(instance_norm(c.operand(0), c.maybe_tensor(1, "running_mean"),
                             c.maybe_tensor(2, "running_var"), c.maybe_tensor(3, "weight"),
                             c.maybe_tensor(4, "bias"), c.flag(5, "use_input_stats", true),
                             c.real(6, "momentum", 0.1), c.real(7, "eps", 1e-5)));
  };
  t[kPrefix + "normalize"] = [](const Call& c) {
    return one(normalize(c.operand(0), c.real(1, "p", 2), c.longs(2, "dim", {1}),
                         c.real(3, "eps", 1e-12)));
  };
  t[kPrefix + "local_response_norm"] = [](const Call& c) {
    return one(local_response_norm(c.operand(0), c.integer(1, "size"), c.real(2, "alpha", 1e-4),
                                   c.real(3, "beta", 0.75), c.real(4, "k", 1)));
  };
}

}  // namespace

void bind_nn(Table& t) {
  bind_convolutions(t);
  bind_max_pools(t);
  bind_avg_pools(t);
  bind_attention(t);
  bind_norms(t);
  t[kPrefix + "linear"] = [](const Call& c) {
    return one(linear(c.operand(0), c.tensor(1), c.maybe_tensor(2, "bias")));
  };
  t[kPrefix + "bilinear"] = [](const Call& c) {
    return one(bilinear(c.operand(0), c.tensor(1), c.tensor(2), c.maybe_tensor(3, "bias")));
  };
  t[kPrefix + "cosine_similarity"] = [](const Call& c) {
    return one(cosine_similarity(c.operand(0), c.operand(1),
                                 static_cast<int>(c.integer(2, "dim", 1)), c.real(3, "eps", 1e-8)));
  };
  t[kPrefix + "pairwise_distance"] = [](const Call& c) {
    return one(pairwise_distance(c.operand(0), c.operand(1), c.real(2, "p", 2),
                                 c.real(3, "eps", 1e-6), c.flag(4, "keepdim", false)));
  };
  t[kPrefix + "pixel_shuffle"] = [](const Call& c) {
    return one(pixel_shuffle(c.operand(0), c.integer(1, "upscale_factor")));
  };
  t[kPrefix + "pixel_unshuffle"] = [](const Call& c) {
    return one(pixel_unshuffle(c.operand(0), c.integer(1, "downscale_factor")));
  };
  // PyTorch 1's, which gives the attention weights too.
  t[kPrefix + "_scaled_dot_product_attention"] = [](const Call& c) -> std::vector<Tensor> {
    if (c.real(4, "dropout_p", 0) > 0) throw Unsupported("random");
    const Tensor q = c.tensor(0), k = c.tensor(1), v = c.tensor(2);
    const bool causal = c.flag(6, "is_causal", false);
    const Tensor out =
        scaled_dot_product_attention(q, k, v, c.maybe_tensor(3, "attn_mask"), 0, causal);
    Tensor scores = matmul(q, k.mT()) / std::sqrt(static_cast<double>(q.size(-1)));
    if (c.has(3, "attn_mask")) scores = scores + c.tensor(3, "attn_mask");
    if (causal) {
      const Tensor seen = tril(ones({q.size(-2), k.size(-2)}, {.dtype = DType::Bool}));
      scores = where(seen, scores, -INFINITY);
    }
    return {out, softmax(scores, -1)};
  };
}

}  // namespace lilith::parity
