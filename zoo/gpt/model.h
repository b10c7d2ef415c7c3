#pragma once
#include <lilith/init.h>
#include <lilith/nn.h>
#include <lilith/ops.h>

#include <cmath>
#include <vector>

namespace lilith::zoo {

struct GptConfig {
  std::int64_t symbols;
  std::int64_t length = 128;  // the longest context
  std::int64_t width = 192, heads = 6, blocks = 4;
  double dropout = 0;
};

struct CausalAttention {
  Linear c_attn, c_proj;
  std::int64_t heads;
  Dropout dropout;

  explicit CausalAttention(const GptConfig& c)
      : c_attn(c.width, 3 * c.width),
        c_proj(c.width, c.width),
        heads(c.heads),
        dropout(c.dropout) {}

  // x [B,T,C] -> [B,T,C]
  Tensor operator()(const Tensor& x) const {
    const auto split = [&](const Tensor& t) {  // [B,H,T,C/H]
      return t.reshape({t.size(0), t.size(1), heads, t.size(2) / heads}).transpose(1, 2);
    };
    const auto qkv = chunk(c_attn(x), 3, 2);
    const Tensor y = scaled_dot_product_attention(split(qkv[0]), split(qkv[1]), split(qkv[2]), {},
                                                  0.0, /*is_causal=*/true);
    return dropout(c_proj(y.transpose(1, 2).reshape(x.shape())));
  }
  LILITH_FIELDS(c_attn, c_proj, heads, dropout)
};

struct GptBlock {
  LayerNorm ln_1;
  CausalAttention attn;
  LayerNorm ln_2;
  Linear c_fc, c_proj;
  Dropout dropout;

  explicit GptBlock(const GptConfig& c)
      : ln_1(c.width),
        attn(c),
        ln_2(c.width),
        c_fc(c.width, 4 * c.width),
        c_proj(4 * c.width, c.width),
        dropout(c.dropout) {}

  Tensor operator()(Tensor x) const {
    x = x + attn(ln_1(x));
    return x + dropout(c_proj(gelu(c_fc(ln_2(x)), GeluApproximation::Tanh)));
  }
  LILITH_FIELDS(ln_1, attn, ln_2, c_fc, c_proj, dropout)
};

/// A decoder that predicts the next symbol; the head is the embedding. x i64 [B,T], T at most
/// length -> logits [B,T,symbols]. Radford et al. 2019, "Language models are unsupervised multitask
/// learners".
struct Gpt {
  Embedding wte, wpe;
  Dropout dropout;
  std::vector<GptBlock> h;
  LayerNorm ln_f;
  Linear lm_head;

  explicit Gpt(const GptConfig& c)
      : wte(c.symbols, c.width),
        wpe(c.length, c.width),
        dropout(c.dropout),
        h(static_cast<std::size_t>(c.blocks), GptBlock(c)),
        ln_f(c.width),
        lm_head(c.width, c.symbols, false) {
    lm_head.weight = wte.weight;
    // Residual branches start smaller, by the number of their additions.
    const double branch = 0.02 / std::sqrt(2.0 * static_cast<double>(c.blocks));
    for_each_parameter(*this, [&](const std::string& path, Tensor& t) {
      if (t.ndim() == 2) init::normal_(t, 0, path.ends_with("c_proj.weight") ? branch : 0.02);
      if (t.ndim() == 1 && path.ends_with("bias")) init::zeros_(t);
    });
  }

  Tensor operator()(const Tensor& tokens) const {
    Tensor x = dropout(wte(tokens) +
                       wpe(arange(tokens.size(1), {.dtype = kInt64, .device = tokens.device()})));
    for (const GptBlock& block : h) x = block(x);
    return lm_head(ln_f(x));
  }
  LILITH_FIELDS(wte, wpe, dropout, h, ln_f, lm_head)
};

}  // namespace lilith::zoo
