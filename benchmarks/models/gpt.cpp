#include <lilith/nn.h>
#include <lilith/ops.h>

#include <vector>

#include "workload.h"

namespace lilith::bench {
namespace {

constexpr std::int64_t kSymbols = 65, kWidth = 384, kHeads = 6, kBlocks = 6, kLength = 128;

struct Attention {
  Linear c_attn{kWidth, 3 * kWidth};
  Linear c_proj{kWidth, kWidth};

  // x [B,T,C] -> [B,T,C]
  Tensor operator()(const Tensor& x) const {
    const auto qkv = chunk(c_attn(x), 3, 2);
    const auto heads = [](const Tensor& t) {  // [B,H,T,C/H]
      return t.reshape({t.size(0), t.size(1), kHeads, kWidth / kHeads}).transpose(1, 2);
    };
    const Tensor y =
        scaled_dot_product_attention(heads(qkv[0]), heads(qkv[1]), heads(qkv[2]), {}, 0.0, true);
    return c_proj(y.transpose(1, 2).reshape(x.shape()));
  }
};

struct Mlp {
  Linear c_fc{kWidth, 4 * kWidth};
  Linear c_proj{4 * kWidth, kWidth};

  Tensor operator()(const Tensor& x) const {
    return c_proj(gelu(c_fc(x), GeluApproximation::Tanh));
  }
};

struct Block {
  LayerNorm ln_1{kWidth};
  Attention attn;
  LayerNorm ln_2{kWidth};
  Mlp mlp;

  Tensor operator()(Tensor x) const {
    x = x + attn(ln_1(x));
    return x + mlp(ln_2(x));
  }
};

/// A decoder that predicts the next symbol, its head untied and without a bias. x i64 [B,T] ->
/// [B,T,65]. Ref: Radford et al. 2019.
struct Gpt {
  static constexpr std::int64_t kBatch = 16;
  Embedding wte{kSymbols, kWidth};
  Embedding wpe{kLength, kWidth};
  std::vector<Block> h = std::vector<Block>(kBlocks);
  LayerNorm ln_f{kWidth};
  Linear lm_head{kWidth, kSymbols, {.bias = false}};

  Tensor operator()(const Tensor& tokens) const {
    Tensor x = wte(tokens) + wpe(arange(tokens.size(1)));
    for (const Block& block : h) x = block(x);
    return lm_head(ln_f(x));
  }
  Tensor loss(const Tensor& x, const Tensor& y) const {
    return cross_entropy_loss((*this)(x).reshape({-1, kSymbols}), y.reshape({-1}));
  }

  static Batch batch(std::int64_t i, std::int64_t size) { return text_batch(i, size, kLength); }
  static double multiply_adds(bool trains) {
    constexpr double kToken =
        kBlocks * (12 * kWidth * kWidth + 2 * kLength * kWidth) + kWidth * kSymbols;
    return kLength * kToken * (trains ? 3 : 1);
  }
};

}  // namespace

std::unique_ptr<Workload> make_gpt(std::int64_t batch, double lr) {
  return std::make_unique<WorkloadOf<Gpt>>(batch, lr);
}

}  // namespace lilith::bench
