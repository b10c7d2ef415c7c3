#pragma once
#include <algorithm>
#include <concepts>
#include <optional>
#include <string_view>
#include <utility>
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
  bool is_causal = false;  // without an attn_mask: keys that come later are left out
};
/// output [L, N, E]; weights [N, L, S] (with average_attn_weights = false [N, heads, L, S]),
/// undefined unless asked for.
struct AttentionResult {
  Tensor output, weights;
};

/// What torch.nn.functional.multi_head_attention_forward takes behind its projections.
struct MultiHeadAttentionForwardOptions {
  bool training = true;          // dropout_p of the weights counts
  Tensor key_padding_mask = {};  // as AttentionOptions has them
  bool need_weights = true;
  Tensor attn_mask = {};
  Tensor q_proj_weight = {}, k_proj_weight = {}, v_proj_weight = {};  // without in_proj_weight
  Tensor static_k = {}, static_v = {};  // [N heads, S, E / heads], in place of key and value
  bool average_attn_weights = true;
  bool is_causal = false;
};
/// MultiheadAttention with parameters of the caller's: query [L, N, E], key [S, N, kdim], value
/// [S, N, vdim], or all without N; in_proj_weight [3 E, E], in_proj_bias [3 E] and the others as
/// the layer has them, undefined where there are none. Errors: E other than embed_dim_to_check,
/// heads that do not divide it, parameters of other shapes, batches or lengths of key and value
/// that differ, bias_k beside static_k. Ref:
/// torch.nn.functional.multi_head_attention_forward
AttentionResult multi_head_attention_forward(
    const Tensor& query, const Tensor& key, const Tensor& value, Int embed_dim_to_check,
    Int num_heads, const Tensor& in_proj_weight, const Tensor& in_proj_bias, const Tensor& bias_k,
    const Tensor& bias_v, bool add_zero_attn, Real dropout_p, const Tensor& out_proj_weight,
    const Tensor& out_proj_bias, const MultiHeadAttentionForwardOptions& options = {},
    SourceLocation loc = SourceLocation::current());

namespace detail {
/// What stands for a mask in PyTorch's order.
template <class T>
concept TensorOrNone = std::derived_from<T, Tensor> || std::same_as<T, std::nullopt_t>;
}  // namespace detail

/// softmax(q k^T / sqrt(E / heads) + masks) v for each head, projected in and out. query [L, N, E],
/// key [S, N, kdim], value [S, N, vdim]; batch first or without a batch as in PyTorch. Errors:
/// heads that do not divide E, batches or lengths of key and value that differ. Ref:
/// torch.nn.MultiheadAttention, arXiv:1706.03762.
class MultiheadAttention {
 public:
  MultiheadAttention(Int embed_dim, Int num_heads, const MultiheadAttentionOptions& options = {},
                     SourceLocation loc = SourceLocation::current());
  /// PyTorch's order: MultiheadAttention(64, 8, 0.1).
  template <detail::AnyNumber N>
  MultiheadAttention(Int embed_dim, Int num_heads, N dropout, bool bias = true,
                     bool add_bias_kv = false, bool add_zero_attn = false,
                     std::optional<Int> kdim = {}, std::optional<Int> vdim = {},
                     bool batch_first = false, SourceLocation loc = SourceLocation::current())
      : MultiheadAttention(embed_dim, num_heads,
                           {.dropout = dropout,
                            .bias = bias,
                            .add_bias_kv = add_bias_kv,
                            .add_zero_attn = add_zero_attn,
                            .kdim = kdim,
                            .vdim = vdim,
                            .batch_first = batch_first},
                           loc) {}
  template <detail::AnyNumber N>
  MultiheadAttention(Int embed_dim, Int num_heads, N dropout,
                     const MultiheadAttentionOptions& options,
                     SourceLocation loc = SourceLocation::current())
      : MultiheadAttention(embed_dim, num_heads,
                           detail::with_first(options, &MultiheadAttentionOptions::dropout, dropout,
                                              "dropout", loc),
                           loc) {}
  AttentionResult operator()(const Tensor& query, const Tensor& key, const Tensor& value,
                             const AttentionOptions& options = {},
                             SourceLocation loc = SourceLocation::current()) const;
  /// PyTorch's order.
  template <detail::TensorOrNone T>
  AttentionResult operator()(const Tensor& query, const Tensor& key, const Tensor& value,
                             const T& key_padding_mask, bool need_weights = true,
                             const Tensor& attn_mask = {}, bool average_attn_weights = true,
                             bool is_causal = false,
                             SourceLocation loc = SourceLocation::current()) const {
    return (*this)(query, key, value,
                   {.key_padding_mask = key_padding_mask,
                    .attn_mask = attn_mask,
                    .need_weights = need_weights,
                    .average_attn_weights = average_attn_weights,
                    .is_causal = is_causal},
                   loc);
  }

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
/// Masks of a layer of S rows, N examples and H heads: src_mask [S, S] or [N H, S, S],
/// src_key_padding_mask [N, S]; bool (true: hidden) or added to the scores. With is_causal and
/// without a mask, what comes later is hidden. Error where .mask and .src_mask are both given.
struct EncoderMasks {
  Tensor src_mask = {};
  Tensor mask = {};  // src_mask, as TransformerEncoder calls it
  Tensor src_key_padding_mask = {};
  bool is_causal = false;
};
/// The same of T rows of the target that read S of the memory: tgt_mask [T, T], memory_mask [T, S],
/// tgt_key_padding_mask [N, T], memory_key_padding_mask [N, S].
struct DecoderMasks {
  Tensor tgt_mask = {}, memory_mask = {}, tgt_key_padding_mask = {}, memory_key_padding_mask = {};
  bool tgt_is_causal = false, memory_is_causal = false;
};

namespace detail {
struct EncoderLayer {
  static constexpr const char* kName = "TransformerEncoderLayer";
  EncoderLayer(Int d_model, Int nhead, const TransformerLayerOptions& options, const LocScope&);
  MultiheadAttention self_attn;
  Linear linear1;
  Dropout dropout;
  Linear linear2;
  LayerNorm norm1, norm2;
  Dropout dropout1, dropout2;
  bool gelu_activation = false, norm_first = false;
};
struct DecoderLayer {
  static constexpr const char* kName = "TransformerDecoderLayer";
  DecoderLayer(Int d_model, Int nhead, const TransformerLayerOptions& options, const LocScope&);
  MultiheadAttention self_attn, multihead_attn;
  Linear linear1;
  Dropout dropout;
  Linear linear2;
  LayerNorm norm1, norm2, norm3;
  Dropout dropout1, dropout2, dropout3;
  bool gelu_activation = false, norm_first = false;
};
/// How both are made.
template <class Fields>
class TransformerLayer : public Fields {
 public:
  TransformerLayer(Int d_model, Int nhead, const TransformerLayerOptions& options = {},
                   SourceLocation loc = SourceLocation::current())
      : Fields(d_model, nhead, options, LocScope(loc, Fields::kName)) {}
  /// PyTorch's order: TransformerEncoderLayer(512, 8, 2048, 0.1, "gelu").
  template <detail::AnyNumber N>
  TransformerLayer(Int d_model, Int nhead, N dim_feedforward, Real dropout = 0.1,
                   std::string_view activation = "relu", Real layer_norm_eps = 1e-5,
                   bool batch_first = false, bool norm_first = false,
                   SourceLocation loc = SourceLocation::current())
      : TransformerLayer(d_model, nhead,
                         {.dim_feedforward = dim_feedforward,
                          .dropout = dropout,
                          .activation = activation,
                          .layer_norm_eps = layer_norm_eps,
                          .batch_first = batch_first,
                          .norm_first = norm_first},
                         loc) {}
  template <detail::AnyNumber N>
  TransformerLayer(Int d_model, Int nhead, N dim_feedforward, Real dropout,
                   const TransformerLayerOptions& options,
                   SourceLocation loc = SourceLocation::current())
      : TransformerLayer(
            d_model, nhead, dim_feedforward,
            detail::with_first(options, &TransformerLayerOptions::dropout, dropout, "dropout", loc),
            loc) {}
  template <detail::AnyNumber N>
  TransformerLayer(Int d_model, Int nhead, N dim_feedforward,
                   const TransformerLayerOptions& options,
                   SourceLocation loc = SourceLocation::current())
      : TransformerLayer(d_model, nhead,
                         detail::with_first(options, &TransformerLayerOptions::dim_feedforward,
                                            dim_feedforward, "dim_feedforward", loc),
                         loc) {}
};
}  // namespace detail

/// Self-attention and a feed-forward network, each with a residual and a norm. src [S, N, d_model].
/// Ref: torch.nn.TransformerEncoderLayer.
class TransformerEncoderLayer : public detail::TransformerLayer<detail::EncoderLayer> {
 public:
  using TransformerLayer::TransformerLayer;
  Tensor operator()(const Tensor& src, const EncoderMasks& masks = {},
                    SourceLocation loc = SourceLocation::current()) const;
  /// PyTorch's order.
  template <detail::TensorOrNone T>
  Tensor operator()(const Tensor& src, const T& src_mask, const Tensor& src_key_padding_mask = {},
                    bool is_causal = false, SourceLocation loc = SourceLocation::current()) const {
    const EncoderMasks masks{
        .src_mask = src_mask, .src_key_padding_mask = src_key_padding_mask, .is_causal = is_causal};
    return (*this)(src, masks, loc);
  }
  LILITH_FIELDS(self_attn, linear1, dropout, linear2, norm1, norm2, dropout1, dropout2,
                gelu_activation, norm_first)
};

/// Self-attention, attention to the encoder's memory, and a feed-forward network. tgt [T, N,
/// d_model], memory [S, N, d_model]. Ref: torch.nn.TransformerDecoderLayer.
class TransformerDecoderLayer : public detail::TransformerLayer<detail::DecoderLayer> {
 public:
  using TransformerLayer::TransformerLayer;
  Tensor operator()(const Tensor& tgt, const Tensor& memory, const DecoderMasks& masks = {},
                    SourceLocation loc = SourceLocation::current()) const;
  /// PyTorch's order.
  template <detail::TensorOrNone T>
  Tensor operator()(const Tensor& tgt, const Tensor& memory, const T& tgt_mask,
                    const Tensor& memory_mask = {}, const Tensor& tgt_key_padding_mask = {},
                    const Tensor& memory_key_padding_mask = {},
                    SourceLocation loc = SourceLocation::current()) const {
    return (*this)(tgt, memory,
                   {.tgt_mask = tgt_mask,
                    .memory_mask = memory_mask,
                    .tgt_key_padding_mask = tgt_key_padding_mask,
                    .memory_key_padding_mask = memory_key_padding_mask},
                   loc);
  }
  LILITH_FIELDS(self_attn, multihead_attn, linear1, dropout, linear2, norm1, norm2, norm3, dropout1,
                dropout2, dropout3, gelu_activation, norm_first)
};

struct StackOptions {
  detail::Named named = {};
  Int num_layers = 1;
  std::optional<LayerNorm> norm = {};
};
/// num_layers copies of a layer, and a norm where one is given. Ref: torch.nn.TransformerEncoder.
struct TransformerEncoder {
  TransformerEncoder() = default;
  TransformerEncoder(std::vector<TransformerEncoderLayer> layers,
                     std::optional<LayerNorm> norm = {})
      : layers(std::move(layers)), norm(std::move(norm)) {}
  /// PyTorch's order: num_layers copies of a layer, which start alike.
  TransformerEncoder(const TransformerEncoderLayer& layer, Int num_layers,
                     std::optional<LayerNorm> norm = {})
      : TransformerEncoder(
            std::vector<TransformerEncoderLayer>(
                static_cast<std::size_t>(std::max<std::int64_t>(num_layers, 0)), layer),
            std::move(norm)) {}
  TransformerEncoder(const TransformerEncoderLayer& layer, const StackOptions& options)
      : TransformerEncoder(layer, options.num_layers, options.norm) {}
  std::vector<TransformerEncoderLayer> layers;
  std::optional<LayerNorm> norm = {};
  Tensor operator()(const Tensor& src, const EncoderMasks& masks = {},
                    SourceLocation loc = SourceLocation::current()) const;
  /// PyTorch's order.
  template <detail::TensorOrNone T>
  Tensor operator()(const Tensor& src, const T& src_mask, const Tensor& src_key_padding_mask = {},
                    bool is_causal = false, SourceLocation loc = SourceLocation::current()) const {
    const EncoderMasks masks{
        .src_mask = src_mask, .src_key_padding_mask = src_key_padding_mask, .is_causal = is_causal};
    return (*this)(src, masks, loc);
  }
  LILITH_FIELDS(layers, norm)
};
struct TransformerDecoder {
  TransformerDecoder() = default;
  TransformerDecoder(std::vector<TransformerDecoderLayer> layers,
                     std::optional<LayerNorm> norm = {})
      : layers(std::move(layers)), norm(std::move(norm)) {}
  /// PyTorch's order: num_layers copies of a layer, which start alike.
  TransformerDecoder(const TransformerDecoderLayer& layer, Int num_layers,
                     std::optional<LayerNorm> norm = {})
      : TransformerDecoder(
            std::vector<TransformerDecoderLayer>(
                static_cast<std::size_t>(std::max<std::int64_t>(num_layers, 0)), layer),
            std::move(norm)) {}
  TransformerDecoder(const TransformerDecoderLayer& layer, const StackOptions& options)
      : TransformerDecoder(layer, options.num_layers, options.norm) {}
  std::vector<TransformerDecoderLayer> layers;
  std::optional<LayerNorm> norm = {};
  Tensor operator()(const Tensor& tgt, const Tensor& memory, const DecoderMasks& masks = {},
                    SourceLocation loc = SourceLocation::current()) const;
  /// PyTorch's order.
  template <detail::TensorOrNone T>
  Tensor operator()(const Tensor& tgt, const Tensor& memory, const T& tgt_mask,
                    const Tensor& memory_mask = {}, const Tensor& tgt_key_padding_mask = {},
                    const Tensor& memory_key_padding_mask = {},
                    SourceLocation loc = SourceLocation::current()) const {
    return (*this)(tgt, memory,
                   {.tgt_mask = tgt_mask,
                    .memory_mask = memory_mask,
                    .tgt_key_padding_mask = tgt_key_padding_mask,
                    .memory_key_padding_mask = memory_key_padding_mask},
                   loc);
  }
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
  bool src_is_causal = false, tgt_is_causal = false, memory_is_causal = false;
};

/// Encoder and decoder; matrices start xavier-uniform. Vaswani et al., arXiv:1706.03762.
/// Ref: torch.nn.Transformer.
class Transformer {
 public:
  explicit Transformer(const TransformerOptions& options = {},
                       SourceLocation loc = SourceLocation::current());
  /// PyTorch's order: Transformer(512, 8, 6, 6).
  template <detail::AnyNumber N>
  explicit Transformer(N d_model, Int nhead = 8, Int num_encoder_layers = 6,
                       Int num_decoder_layers = 6, Int dim_feedforward = 2048, Real dropout = 0.1,
                       std::string_view activation = "relu",
                       SourceLocation loc = SourceLocation::current())
      : Transformer({.d_model = d_model,
                     .nhead = nhead,
                     .num_encoder_layers = num_encoder_layers,
                     .num_decoder_layers = num_decoder_layers,
                     .dim_feedforward = dim_feedforward,
                     .dropout = dropout,
                     .activation = activation},
                    loc) {}
  /// The rest by name: Transformer(512, 8, {.batch_first = true}), Transformer(512, 8, 6, 6, 2048,
  /// {.batch_first = true}).
  template <detail::AnyNumber N>
  Transformer(N d_model, Int nhead, const TransformerOptions& options,
              SourceLocation loc = SourceLocation::current())
      : Transformer(detail::with_first(detail::with_first(options, &TransformerOptions::d_model,
                                                          d_model, "d_model", loc),
                                       &TransformerOptions::nhead, nhead, "nhead", loc),
                    loc) {}
  template <detail::AnyNumber N>
  Transformer(N d_model, Int nhead, Int num_encoder_layers, Int num_decoder_layers,
              const TransformerOptions& options, SourceLocation loc = SourceLocation::current())
      : Transformer(
            d_model, nhead,
            detail::with_first(detail::with_first(options, &TransformerOptions::num_encoder_layers,
                                                  num_encoder_layers, "num_encoder_layers", loc),
                               &TransformerOptions::num_decoder_layers, num_decoder_layers,
                               "num_decoder_layers", loc),
            loc) {}
  template <detail::AnyNumber N>
  Transformer(N d_model, Int nhead, Int num_encoder_layers, Int num_decoder_layers,
              Int dim_feedforward, const TransformerOptions& options,
              SourceLocation loc = SourceLocation::current())
      : Transformer(d_model, nhead, num_encoder_layers, num_decoder_layers,
                    detail::with_first(options, &TransformerOptions::dim_feedforward,
                                       dim_feedforward, "dim_feedforward", loc),
                    loc) {}
  Tensor operator()(const Tensor& src, const Tensor& tgt, const TransformerMasks& masks = {},
                    SourceLocation loc = SourceLocation::current()) const;
  /// PyTorch's order.
  template <detail::TensorOrNone T>
  Tensor operator()(const Tensor& src, const Tensor& tgt, const T& src_mask,
                    const Tensor& tgt_mask = {}, const Tensor& memory_mask = {},
                    const Tensor& src_key_padding_mask = {},
                    const Tensor& tgt_key_padding_mask = {},
                    const Tensor& memory_key_padding_mask = {},
                    SourceLocation loc = SourceLocation::current()) const {
    return (*this)(src, tgt,
                   {.src_mask = src_mask,
                    .tgt_mask = tgt_mask,
                    .memory_mask = memory_mask,
                    .src_key_padding_mask = src_key_padding_mask,
                    .tgt_key_padding_mask = tgt_key_padding_mask,
                    .memory_key_padding_mask = memory_key_padding_mask},
                   loc);
  }
  /// The additive mask [size, size] that hides what comes later: -inf above the diagonal.
  static Tensor generate_square_subsequent_mask(Int size,
                                                SourceLocation loc = SourceLocation::current());

  TransformerEncoder encoder;
  TransformerDecoder decoder;
  LILITH_FIELDS(encoder, decoder)
};

}  // namespace lilith
