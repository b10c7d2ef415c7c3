#pragma once
#include <lilith/nn.h>
#include <lilith/ops.h>

namespace lilith::zoo {

/// A vision transformer: patches of 7 x 7 as tokens, a token of the class in front of them.
/// x f32 [N,1,28,28] -> log-probabilities [N,10]. Dosovitskiy et al., arXiv:2010.11929.
struct Vit {
  static constexpr std::int64_t kWidth = 64, kPatch = 7, kTokens = 16;
  Conv2d conv_proj{1, kWidth, kPatch, {.stride = kPatch}};
  Tensor class_token = zeros({1, 1, kWidth});
  Tensor pos_embedding = randn({1, kTokens + 1, kWidth}) * 0.02;
  std::vector<TransformerEncoderLayer> layers;
  LayerNorm ln{kWidth};
  Linear head{kWidth, 10};

  Vit() {
    for (int i = 0; i < 4; ++i)
      layers.emplace_back(kWidth, 4,
                          TransformerLayerOptions{.dim_feedforward = 4 * kWidth,
                                                  .dropout = 0.1,
                                                  .activation = "gelu",
                                                  .batch_first = true,
                                                  .norm_first = true});
  }

  Tensor operator()(Tensor x) const {
    const Tensor patches = conv_proj(x).flatten(2).transpose(1, 2);  // [N,tokens,width]
    x = cat({class_token.expand({x.size(0), 1, kWidth}), patches}, 1) + pos_embedding;
    for (const TransformerEncoderLayer& layer : layers) x = layer(x);
    return log_softmax(head(ln(x.select(1, 0))), 1);
  }
  LILITH_FIELDS(conv_proj, class_token, pos_embedding, layers, ln, head)
};

}  // namespace lilith::zoo
