#include <limits>

#include "lilith/init.h"
#include "lilith/model.h"
#include "lilith/nn/attention.h"
#include "lilith/ops/activation.h"
#include "lilith/ops/create.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/index.h"

namespace lilith {

namespace {

bool is_gelu(std::string_view activation) {
  LILITH_CHECK(activation == "relu" || activation == "gelu",
               "Transformer: activation is '{}'; need 'relu' or 'gelu'.", activation);
  return activation == "gelu";
}

MultiheadAttention attention(Int d_model, Int nhead, const TransformerLayerOptions& o) {
  return {d_model, nhead, {.dropout = o.dropout, .batch_first = o.batch_first, .dtype = o.dtype}};
}
LayerNorm layer_norm_of(Int d_model, const TransformerLayerOptions& o) {
  return LayerNorm(d_model, {.eps = o.layer_norm_eps, .dtype = o.dtype});
}

Tensor attend(const MultiheadAttention& attention, const Tensor& x, const Tensor& to,
              const Tensor& mask, const Tensor& padding, bool is_causal) {
  return attention(x, to, to,
                   {.key_padding_mask = padding,
                    .attn_mask = mask,
                    .need_weights = false,
                    .is_causal = is_causal})
      .output;
}
Tensor mask_of(const EncoderMasks& m) {
  LILITH_CHECK(!m.mask.defined() || !m.src_mask.defined(),
               "TransformerEncoder: .mask and .src_mask are one mask; give one of them");
  return m.mask.defined() ? m.mask : m.src_mask;
}

template <class L>
Tensor feed_forward(const L& layer, const Tensor& x) {
  const Tensor hidden = layer.linear1(x);
  return layer.linear2(layer.dropout(layer.gelu_activation ? gelu(hidden) : relu(hidden)));
}

// x + f(norm(x)), or norm(x + f(x)).
template <class F>
Tensor residual(const Tensor& x, const LayerNorm& norm, bool norm_first, F f) {
  return norm_first ? x + f(norm(x)) : norm(x + f(x));
}

}  // namespace

detail::EncoderLayer::EncoderLayer(Int d_model, Int nhead, const TransformerLayerOptions& o,
                                   const LocScope&)
    : self_attn(attention(d_model, nhead, o)),
      linear1(d_model, o.dim_feedforward, {.dtype = o.dtype}),
      dropout{o.dropout},
      linear2(o.dim_feedforward, d_model, {.dtype = o.dtype}),
      norm1(layer_norm_of(d_model, o)),
      norm2(layer_norm_of(d_model, o)),
      dropout1{o.dropout},
      dropout2{o.dropout},
      gelu_activation(is_gelu(o.activation)),
      norm_first(o.norm_first) {}

Tensor TransformerEncoderLayer::operator()(const Tensor& src, const EncoderMasks& m,
                                           SourceLocation loc) const {
  LocScope scope(loc);
  const Tensor x = residual(src, norm1, norm_first, [&](const Tensor& y) {
    return dropout1(attend(self_attn, y, y, mask_of(m), m.src_key_padding_mask, m.is_causal));
  });
  return residual(x, norm2, norm_first,
                  [&](const Tensor& y) { return dropout2(feed_forward(*this, y)); });
}

detail::DecoderLayer::DecoderLayer(Int d_model, Int nhead, const TransformerLayerOptions& o,
                                   const LocScope&)
    : self_attn(attention(d_model, nhead, o)),
      multihead_attn(attention(d_model, nhead, o)),
      linear1(d_model, o.dim_feedforward, {.dtype = o.dtype}),
      dropout{o.dropout},
      linear2(o.dim_feedforward, d_model, {.dtype = o.dtype}),
      norm1(layer_norm_of(d_model, o)),
      norm2(layer_norm_of(d_model, o)),
      norm3(layer_norm_of(d_model, o)),
      dropout1{o.dropout},
      dropout2{o.dropout},
      dropout3{o.dropout},
      gelu_activation(is_gelu(o.activation)),
      norm_first(o.norm_first) {}

Tensor TransformerDecoderLayer::operator()(const Tensor& tgt, const Tensor& memory,
                                           const DecoderMasks& m, SourceLocation loc) const {
  LocScope scope(loc);
  Tensor x = residual(tgt, norm1, norm_first, [&](const Tensor& y) {
    return dropout1(attend(self_attn, y, y, m.tgt_mask, m.tgt_key_padding_mask, m.tgt_is_causal));
  });
  x = residual(x, norm2, norm_first, [&](const Tensor& y) {
    return dropout2(attend(multihead_attn, y, memory, m.memory_mask, m.memory_key_padding_mask,
                           m.memory_is_causal));
  });
  return residual(x, norm3, norm_first,
                  [&](const Tensor& y) { return dropout3(feed_forward(*this, y)); });
}

Tensor TransformerEncoder::operator()(const Tensor& src, const EncoderMasks& masks,
                                      SourceLocation loc) const {
  LocScope scope(loc);
  Tensor x = src;
  for (const auto& layer : layers) x = layer(x, masks);
  return norm ? (*norm)(x) : x;
}

Tensor TransformerDecoder::operator()(const Tensor& tgt, const Tensor& memory,
                                      const DecoderMasks& masks, SourceLocation loc) const {
  LocScope scope(loc);
  Tensor x = tgt;
  for (const auto& layer : layers) x = layer(x, memory, masks);
  return norm ? (*norm)(x) : x;
}

Transformer::Transformer(const TransformerOptions& o, SourceLocation loc) {
  LocScope scope(loc);
  const TransformerLayerOptions layer{.dim_feedforward = o.dim_feedforward,
                                      .dropout = o.dropout,
                                      .activation = o.activation,
                                      .layer_norm_eps = o.layer_norm_eps,
                                      .batch_first = o.batch_first,
                                      .norm_first = o.norm_first,
                                      .dtype = o.dtype};
  for (std::int64_t i = 0; i < o.num_encoder_layers; ++i)
    encoder.layers.emplace_back(o.d_model, o.nhead, layer);
  for (std::int64_t i = 0; i < o.num_decoder_layers; ++i)
    decoder.layers.emplace_back(o.d_model, o.nhead, layer);
  encoder.norm = layer_norm_of(o.d_model, layer);
  decoder.norm = layer_norm_of(o.d_model, layer);
  for_each_parameter(*this, [](const std::string&, Tensor& t) {
    if (t.ndim() > 1) init::xavier_uniform_(t);
  });
}

Tensor Transformer::operator()(const Tensor& src, const Tensor& tgt, const TransformerMasks& m,
                               SourceLocation loc) const {
  LocScope scope(loc);
  const Tensor memory = encoder(src, {.src_mask = m.src_mask,
                                      .src_key_padding_mask = m.src_key_padding_mask,
                                      .is_causal = m.src_is_causal});
  return decoder(tgt, memory,
                 {.tgt_mask = m.tgt_mask,
                  .memory_mask = m.memory_mask,
                  .tgt_key_padding_mask = m.tgt_key_padding_mask,
                  .memory_key_padding_mask = m.memory_key_padding_mask,
                  .tgt_is_causal = m.tgt_is_causal,
                  .memory_is_causal = m.memory_is_causal});
}

Tensor Transformer::generate_square_subsequent_mask(Int size, SourceLocation loc) {
  LocScope scope(loc);
  const double hidden = -std::numeric_limits<double>::infinity();
  const Tensor later = triu(ones({size, size}, {.dtype = DType::I64}), 1) > 0;
  return where(later, full({size, size}, hidden), zeros({size, size}));
}

}  // namespace lilith
