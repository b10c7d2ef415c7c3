#include <lilith/ops.h>

#include <vector>

#include "network_of.h"

namespace lilith::bench {
namespace {

using I = std::int64_t;

TransformerLayerOptions layer_options(I width, bool norm_first, double eps) {
  return {.dim_feedforward = 4 * width,
          .dropout = 0.1,
          .activation = "gelu",
          .layer_norm_eps = eps,
          .batch_first = true,
          .norm_first = norm_first};
}

/// Dosovitskiy et al., arXiv:2010.11929, the base form of patches of 16. Ref:
/// torchvision.models.vit_b_16.
struct Vit {
  static constexpr I kWidth = 768, kPatch = 16, kTokens = 197;
  Tensor class_token = zeros({1, 1, kWidth});
  Conv2d conv_proj{3, kWidth, kPatch, {.stride = kPatch}};
  Tensor pos_embedding = randn({1, kTokens, kWidth}) * 0.02;
  std::vector<TransformerEncoderLayer> layers;
  LayerNorm ln{kWidth, {.eps = 1e-6}};
  Linear head{kWidth, 1000};

  Vit() {
    for (int i = 0; i < 12; ++i) layers.emplace_back(kWidth, 12, layer_options(kWidth, true, 1e-6));
  }
  Tensor operator()(Tensor x) const {
    const Tensor patches = conv_proj(x).flatten(2).transpose(1, 2);
    x = cat({class_token.expand({x.size(0), 1, kWidth}), patches}, 1) + pos_embedding;
    for (const TransformerEncoderLayer& layer : layers) x = layer(x);
    return head(ln(x.select(1, 0)));
  }
  LILITH_FIELDS(class_token, conv_proj, pos_embedding, layers, ln, head)
};

/// An encoder of sentences: the mean of what six layers after BERT's make of its words. Wang et
/// al., arXiv:2002.10957; Devlin et al., arXiv:1810.04805.
struct MiniLm {
  static constexpr I kWidth = 384, kSymbols = 30522;
  Embedding words{kSymbols, kWidth};
  Embedding places{512, kWidth};
  LayerNorm norm{kWidth, {.eps = 1e-12}};
  std::vector<TransformerEncoderLayer> layers;

  MiniLm() {
    for (int i = 0; i < 6; ++i)
      layers.emplace_back(kWidth, 12, layer_options(kWidth, false, 1e-12));
  }
  Tensor operator()(const Tensor& tokens) const {
    Tensor x = norm(words(tokens) + places(arange(tokens.size(1))));
    for (const TransformerEncoderLayer& layer : layers) x = layer(x);
    return x.mean(1);
  }
  LILITH_FIELDS(words, places, norm, layers)
};

struct GptBlock {
  LayerNorm ln_1;
  Linear c_attn, attn_proj;
  LayerNorm ln_2;
  Linear c_fc, mlp_proj;
  I heads;

  GptBlock(I width, I n)
      : ln_1(width),
        c_attn(width, 3 * width),
        attn_proj(width, width),
        ln_2(width),
        c_fc(width, 4 * width),
        mlp_proj(4 * width, width),
        heads(n) {}
  Tensor operator()(Tensor x) const {
    const I n = x.size(0), length = x.size(1), width = x.size(2);
    const auto parts = chunk(c_attn(ln_1(x)), 3, -1);
    const auto split = [&](const Tensor& t) {
      return t.reshape({n, length, heads, width / heads}).transpose(1, 2);
    };
    const Tensor y = scaled_dot_product_attention(split(parts[0]), split(parts[1]), split(parts[2]),
                                                  {}, 0.0, true);
    x = x + attn_proj(y.transpose(1, 2).reshape({n, length, width}));
    return x + mlp_proj(gelu(c_fc(ln_2(x)), "tanh"));
  }
  LILITH_FIELDS(ln_1, c_attn, attn_proj, ln_2, c_fc, mlp_proj, heads)
};

/// Radford et al., 2019, the small form, 128 symbols: the logits behind the last.
struct Gpt2 {
  static constexpr I kWidth = 768, kSymbols = 50257;
  Embedding wte{kSymbols, kWidth};
  Embedding wpe{1024, kWidth};
  std::vector<GptBlock> h;
  LayerNorm ln_f{kWidth};
  Linear lm_head{kWidth, kSymbols, {.bias = false}};

  Gpt2() {
    for (int i = 0; i < 12; ++i) h.emplace_back(kWidth, 12);
  }
  Tensor operator()(const Tensor& tokens) const {
    Tensor x = wte(tokens) + wpe(arange(tokens.size(1)));
    for (const GptBlock& block : h) x = block(x);
    return lm_head(ln_f(x.select(1, -1)));
  }
  LILITH_FIELDS(wte, wpe, h, ln_f, lm_head)
};

}  // namespace

void add_transformers(std::map<std::string, NetworkKind>* all) {
  (*all)["vit"] = kind_of([] { return Vit(); });
  (*all)["minilm"] = kind_of([] { return MiniLm(); }, 0, MiniLm::kSymbols);
  (*all)["gpt2"] = kind_of([] { return Gpt2(); }, 0, Gpt2::kSymbols);
}

}  // namespace lilith::bench
