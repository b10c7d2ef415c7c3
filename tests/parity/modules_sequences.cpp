#include "parity/modules.h"

namespace lilith::parity {
namespace {

template <class Options>
Options recurrent_options(const Call& k) {
  const int shift = std::is_same_v<Options, RNNOptions> ? 1 : 0;  // nonlinearity stands between
  Options o;
  o.num_layers = k.integer(2, "num_layers", 1);
  o.bias = k.flag(3 + shift, "bias", true);
  o.batch_first = k.flag(4 + shift, "batch_first", false);
  o.dropout = k.real(5 + shift, "dropout", 0);
  o.bidirectional = k.flag(6 + shift, "bidirectional", false);
  return o;
}

/// Layer norms and projections without a bias.
template <class L>
L without_bias(L layer) {
  for_each_parameter(layer, [](const std::string& path, Tensor& t) {
    if (path.ends_with("bias")) t = Tensor();
  });
  return layer;
}

template <class L>
L transformer_layer(const Call& k) {
  const std::string activation = k.text(4, "activation", "relu");
  L layer(k.integer(0, "d_model"), k.integer(1, "nhead"),
          {.dim_feedforward = k.integer(2, "dim_feedforward", 2048),
           .dropout = k.real(3, "dropout", 0.1),
           .activation = activation,
           .layer_norm_eps = k.real(5, "layer_norm_eps", 1e-5),
           .batch_first = k.flag(6, "batch_first", false),
           .norm_first = k.flag(7, "norm_first", false)});
  return k.flag(8, "bias", true) ? layer : without_bias(std::move(layer));
}

}  // namespace

void bind_recurrent_modules(Table& t) {
  t["nn.RNN"] = [](const Call& c) -> std::vector<Tensor> {
    const Call& k = c.ctor();
    const std::string nonlinearity = k.text(3, "nonlinearity", "tanh");
    auto o = recurrent_options<RNNOptions>(k);
    o.nonlinearity = nonlinearity;
    const RNN layer = loaded(c, RNN(k.integer(0, "input_size"), k.integer(1, "hidden_size"), o));
    const auto [y, h] = layer(c.tensor(0, "input"), c.maybe_tensor(1, "hx"));
    return {y, h};
  };
  t["nn.GRU"] = [](const Call& c) -> std::vector<Tensor> {
    const Call& k = c.ctor();
    const GRU layer = loaded(c, GRU(k.integer(0, "input_size"), k.integer(1, "hidden_size"),
                                    recurrent_options<GRUOptions>(k)));
    const auto [y, h] = layer(c.tensor(0, "input"), c.maybe_tensor(1, "hx"));
    return {y, h};
  };
  t["nn.LSTM"] = [](const Call& c) -> std::vector<Tensor> {
    const Call& k = c.ctor();
    auto o = recurrent_options<LSTMOptions>(k);
    o.proj_size = k.integer(7, "proj_size", 0);
    const LSTM layer = loaded(c, LSTM(k.integer(0, "input_size"), k.integer(1, "hidden_size"), o));
    LSTMState state;
    if (c.has(1, "hx")) {
      const std::vector<Tensor> given = c.tensors(1, "hx");
      state = {given.at(0), given.at(1)};
    }
    const auto [y, last] = layer(c.tensor(0, "input"), state);
    return {y, last.h, last.c};
  };
  const auto cell_options = [](const Call& k) {
    return CellOptions{.bias = k.flag(2, "bias", true)};
  };
  t["nn.RNNCell"] = [cell_options](const Call& c) {
    const Call& k = c.ctor();
    const std::string nonlinearity = k.text(3, "nonlinearity", "tanh");
    CellOptions o = cell_options(k);
    o.nonlinearity = nonlinearity;
    const RNNCell cell =
        loaded(c, RNNCell(k.integer(0, "input_size"), k.integer(1, "hidden_size"), o));
    return one(cell(c.tensor(0, "input"), c.maybe_tensor(1, "hx")));
  };
  t["nn.GRUCell"] = [cell_options](const Call& c) {
    const Call& k = c.ctor();
    const GRUCell cell = loaded(
        c, GRUCell(k.integer(0, "input_size"), k.integer(1, "hidden_size"), cell_options(k)));
    return one(cell(c.tensor(0, "input"), c.maybe_tensor(1, "hx")));
  };
  t["nn.LSTMCell"] = [cell_options](const Call& c) -> std::vector<Tensor> {
    const Call& k = c.ctor();
    const LSTMCell cell = loaded(
        c, LSTMCell(k.integer(0, "input_size"), k.integer(1, "hidden_size"), cell_options(k)));
    LSTMState state;
    if (c.has(1, "hx")) {
      const std::vector<Tensor> given = c.tensors(1, "hx");
      state = {given.at(0), given.at(1)};
    }
    const auto [h, last] = cell(c.tensor(0, "input"), state);
    return {h, last};
  };
}

void bind_transformer_modules(Table& t) {
  t["nn.MultiheadAttention"] = [](const Call& c) -> std::vector<Tensor> {
    const Call& k = c.ctor();
    MultiheadAttentionOptions o{.dropout = k.real(2, "dropout", 0),
                                .bias = k.flag(3, "bias", true),
                                .add_bias_kv = k.flag(4, "add_bias_kv", false),
                                .add_zero_attn = k.flag(5, "add_zero_attn", false),
                                .batch_first = k.flag(8, "batch_first", false)};
    if (k.has(6, "kdim")) o.kdim = k.integer(6, "kdim");
    if (k.has(7, "vdim")) o.vdim = k.integer(7, "vdim");
    const MultiheadAttention layer =
        loaded(c, MultiheadAttention(k.integer(0, "embed_dim"), k.integer(1, "num_heads"), o));
    const bool wants_weights = c.flag(4, "need_weights", true);
    const auto [y, weights] =
        layer(c.tensor(0, "query"), c.tensor(1, "key"), c.tensor(2, "value"),
              {.key_padding_mask = c.maybe_tensor(3, "key_padding_mask"),
               .attn_mask = c.maybe_tensor(5, "attn_mask"),
               .need_weights = wants_weights,
               .average_attn_weights = c.flag(6, "average_attn_weights", true)});
    if (!wants_weights) return {y};
    return {y, weights};
  };
  t["nn.TransformerEncoderLayer"] = [](const Call& c) {
    const auto layer = loaded(c, transformer_layer<TransformerEncoderLayer>(c.ctor()));
    return one(layer(c.tensor(0, "src"),
                     {.src_mask = c.maybe_tensor(1, "src_mask"),
                      .src_key_padding_mask = c.maybe_tensor(2, "src_key_padding_mask")}));
  };
  t["nn.TransformerDecoderLayer"] = [](const Call& c) {
    const auto layer = loaded(c, transformer_layer<TransformerDecoderLayer>(c.ctor()));
    return one(layer(c.tensor(0, "tgt"), c.tensor(1, "memory"),
                     {.tgt_mask = c.maybe_tensor(2, "tgt_mask"),
                      .memory_mask = c.maybe_tensor(3, "memory_mask"),
                      .tgt_key_padding_mask = c.maybe_tensor(4, "tgt_key_padding_mask"),
                      .memory_key_padding_mask = c.maybe_tensor(5, "memory_key_padding_mask")}));
  };
  t["nn.Transformer"] = [](const Call& c) {
    const Call& k = c.ctor();
    const std::string activation = k.text(6, "activation", "relu");
    Transformer layer({.d_model = k.integer(0, "d_model", 512),
                       .nhead = k.integer(1, "nhead", 8),
                       .num_encoder_layers = k.integer(2, "num_encoder_layers", 6),
                       .num_decoder_layers = k.integer(3, "num_decoder_layers", 6),
                       .dim_feedforward = k.integer(4, "dim_feedforward", 2048),
                       .dropout = k.real(5, "dropout", 0.1),
                       .activation = activation,
                       .layer_norm_eps = k.real(9, "layer_norm_eps", 1e-5),
                       .batch_first = k.flag(10, "batch_first", false),
                       .norm_first = k.flag(11, "norm_first", false)});
    if (!k.flag(12, "bias", true)) layer = without_bias(std::move(layer));
    layer = loaded(c, std::move(layer));
    return one(layer(c.tensor(0, "src"), c.tensor(1, "tgt"),
                     {.src_mask = c.maybe_tensor(2, "src_mask"),
                      .tgt_mask = c.maybe_tensor(3, "tgt_mask"),
                      .memory_mask = c.maybe_tensor(4, "memory_mask"),
                      .src_key_padding_mask = c.maybe_tensor(5, "src_key_padding_mask"),
                      .tgt_key_padding_mask = c.maybe_tensor(6, "tgt_key_padding_mask"),
                      .memory_key_padding_mask = c.maybe_tensor(7, "memory_key_padding_mask")}));
  };
}

}  // namespace lilith::parity
