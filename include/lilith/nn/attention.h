#pragma once
#include <optional>
#include <string_view>
#include <vector>

#include "lilith/nn/linear.h"
#include "lilith/nn/norm.h"
#include "lilith/reflect.h"
#include "lilith/tensor.h"

namespace lilith {

struct MultiheadAttentionOptions {
  Real dropout = 0;  // of the attention weights, in training
  bool bias = true;
  bool add_bias_kv = false;
  bool add_zero_attn = false;
  std::optional<Int> kdim = {}, vdim = {};  // default: embed_dim
  bool batch_first = false;
  DType dtype = DType::F32;
};
struct AttentionOptions {
  Tensor key_padding_mask = {};  // [N, S]: bool, true is left out; or added to the scores
  Tensor attn_mask = {};         // [L, S] or [N heads, L, S]: the same
  bool need_weights = true;
  bool average_attn_weights = true;
};
/// output [L, N, E]; weights [N, L, S] (with average_attn_weights = false [N, heads, L, S]),
/// undefined unless asked for.
struct AttentionResult {
  Tensor output, weights;
};

/// softmax(q k^T / sqrt(E / heads) + masks) v for each head, projected in and out. query [L, N, E],
/// key [S, N, kdim], value [S, N, vdim]; batch first or without a batch as in PyTorch. Errors:
/// heads that do not divide E. Ref: torch.nn.MultiheadAttention, arXiv:1706.03762.
class MultiheadAttention {
 public:
  MultiheadAttention(Int embed_dim, Int num_heads, const MultiheadAttentionOptions& options = {},
                     SourceLocation loc = SourceLocation::current());
  AttentionResult operator()(const Tensor& query, const Tensor& key, const Tensor& value,
                             const AttentionOptions& options = {},
                             SourceLocation loc = SourceLocation::current()) const;

  Tensor in_proj_weight;  // [3 E, E]; undefined when kdim or vdim differ from E
  Tensor q_proj_weight, k_proj_weight, v_proj_weight;
  Tensor in_proj_bias;    // [3 E]
  Tensor bias_k, bias_v;  // [1, 1, E]
  Linear out_proj;
  std::int64_t num_heads = 1;
  double dropout = 0;
  bool add_zero_attn = false, batch_first = false, training = true;
  LILITH_FIELDS(in_proj_weight, q_proj_weight, k_proj_weight, v_proj_weight, in_proj_bias, bias_k,
                bias_v, out_proj, num_heads, dropout, add_zero_attn, batch_first, training)

 private:
  MultiheadAttention(Int embed_dim, Int num_heads, const MultiheadAttentionOptions& options,
                     const LocScope&);
  struct Projected {
    Tensor q, k, v;
  };
  Projected project(const Tensor& q, const Tensor& k, const Tensor& v) const;
};

struct TransformerLayerOptions {
  Int dim_feedforward = 2048;
  Real dropout = 0.1;
  std::string_view activation = "relu";  // or "gelu"
  Real layer_norm_eps = 1e-5;
  bool batch_first = false;
  bool norm_first = false;
  DType dtype = DType::F32;
};
struct EncoderMasks {
  Tensor src_mask = {}, src_key_padding_mask = {};
};
struct DecoderMasks {
  Tensor tgt_mask = {}, memory_mask = {}, tgt_key_padding_mask = {}, memory_key_padding_mask = {};
};

/// Self-attention and a feed-forward network, each with a residual and a norm. src [S, N, d_model].
/// Ref: torch.nn.TransformerEncoderLayer.
class TransformerEncoderLayer {
 public:
  TransformerEncoderLayer(Int d_model, Int nhead, const TransformerLayerOptions& options = {},
                          SourceLocation loc = SourceLocation::current());
  Tensor operator()(const Tensor& src, const EncoderMasks& masks = {},
                    SourceLocation loc = SourceLocation::current()) const;

  MultiheadAttention self_attn;
  Linear linear1;
  Dropout dropout;
  Linear linear2;
  LayerNorm norm1, norm2;
  Dropout dropout1, dropout2;
  bool gelu_activation = false, norm_first = false;
  LILITH_FIELDS(self_attn, linear1, dropout, linear2, norm1, norm2, dropout1, dropout2,
                gelu_activation, norm_first)

 private:
  TransformerEncoderLayer(Int d_model, Int nhead, const TransformerLayerOptions& options,
                          const LocScope&);
};

/// Self-attention, attention to the encoder's memory, and a feed-forward network. tgt [T, N,
/// d_model], memory [S, N, d_model]. Ref: torch.nn.TransformerDecoderLayer.
class TransformerDecoderLayer {
 public:
  TransformerDecoderLayer(Int d_model, Int nhead, const TransformerLayerOptions& options = {},
                          SourceLocation loc = SourceLocation::current());
  Tensor operator()(const Tensor& tgt, const Tensor& memory, const DecoderMasks& masks = {},
                    SourceLocation loc = SourceLocation::current()) const;

  MultiheadAttention self_attn, multihead_attn;
  Linear linear1;
  Dropout dropout;
  Linear linear2;
  LayerNorm norm1, norm2, norm3;
  Dropout dropout1, dropout2, dropout3;
  bool gelu_activation = false, norm_first = false;
  LILITH_FIELDS(self_attn, multihead_attn, linear1, dropout, linear2, norm1, norm2, norm3, dropout1,
                dropout2, dropout3, gelu_activation, norm_first)

 private:
  TransformerDecoderLayer(Int d_model, Int nhead, const TransformerLayerOptions& options,
                          const LocScope&);
};

/// num_layers copies of a layer, and a norm where one is given. Ref: torch.nn.TransformerEncoder.
struct TransformerEncoder {
  std::vector<TransformerEncoderLayer> layers;
  std::optional<LayerNorm> norm = {};
  Tensor operator()(const Tensor& src, const EncoderMasks& masks = {},
                    SourceLocation loc = SourceLocation::current()) const;
  LILITH_FIELDS(layers, norm)
};
struct TransformerDecoder {
  std::vector<TransformerDecoderLayer> layers;
  std::optional<LayerNorm> norm = {};
  Tensor operator()(const Tensor& tgt, const Tensor& memory, const DecoderMasks& masks = {},
                    SourceLocation loc = SourceLocation::current()) const;
  LILITH_FIELDS(layers, norm)
};

struct TransformerOptions {
  Int d_model = 512;
  Int nhead = 8;
  Int num_encoder_layers = 6;
  Int num_decoder_layers = 6;
  Int dim_feedforward = 2048;
  Real dropout = 0.1;
  std::string_view activation = "relu";
  Real layer_norm_eps = 1e-5;
  bool batch_first = false;
  bool norm_first = false;
  DType dtype = DType::F32;
};
struct TransformerMasks {
  Tensor src_mask = {}, tgt_mask = {}, memory_mask = {};
  Tensor src_key_padding_mask = {}, tgt_key_padding_mask = {}, memory_key_padding_mask = {};
};

/// Encoder and decoder; matrices start xavier-uniform. Vaswani et al., arXiv:1706.03762.
/// Ref: torch.nn.Transformer.
class Transformer {
 public:
  explicit Transformer(const TransformerOptions& options = {},
                       SourceLocation loc = SourceLocation::current());
  Tensor operator()(const Tensor& src, const Tensor& tgt, const TransformerMasks& masks = {},
                    SourceLocation loc = SourceLocation::current()) const;
  /// The additive mask [size, size] that hides what comes later: -inf above the diagonal.
  static Tensor generate_square_subsequent_mask(Int size,
                                                SourceLocation loc = SourceLocation::current());

  TransformerEncoder encoder;
  TransformerDecoder decoder;
  LILITH_FIELDS(encoder, decoder)
};

}  // namespace lilith
