// Layers and losses against torch.nn: outputs, and gradients of inputs and parameters, in float64.
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "lilith/io.h"
#include "lilith/nn.h"
#include "lilith/ops.h"
#include "lilith/transforms.h"
#include "support/shared.h"

namespace lilith {
namespace {

using Json = nlohmann::ordered_json;

struct Golden {
  const TensorDict& file;
  std::string name;
  Json info;

  Tensor tensor(const std::string& key) const {
    const Tensor& t = file[key];
    return is_floating(t.dtype()) ? t.to(DType::F64) : t;
  }
  /// Arguments in order, lists flattened.
  std::vector<Tensor> inputs() const {
    std::vector<Tensor> out;
    for (const Json& a : info["args"])
      if (a.is_object())
        out.push_back(tensor(a["t"]));
      else
        for (const Json& e : a) out.push_back(tensor(e["t"]));
    if (const Tensor input = named("input"); input.defined()) out.push_back(input);
    return out;
  }
  /// A tensor given by name, undefined when there is none.
  Tensor named(const char* key) const {
    const Json& kwargs = info["kwargs"];
    return kwargs.contains(key) && kwargs[key].is_object() ? tensor(kwargs[key]["t"]) : Tensor();
  }
  /// Constructor argument `i`, or of that name; `otherwise` when it is not given.
  template <class T>
  T ctor(std::size_t i, const char* key, T otherwise = {}) const {
    const Json& args = info["ctor_args"];
    if (i < args.size()) return args[i].get<T>();
    const Json& kwargs = info["ctor_kwargs"];
    return kwargs.contains(key) ? kwargs[key].get<T>() : otherwise;
  }
  Buffer weight() const {
    const Json& kwargs = info["ctor_kwargs"];
    return kwargs.contains("weight") ? Buffer(tensor(kwargs["weight"]["t"])) : Buffer();
  }
  Reduction reduction() const {
    const auto text = ctor<std::string>(9, "reduction", "mean");
    return text == "none" ? Reduction::None : text == "sum" ? Reduction::Sum : Reduction::Mean;
  }
};

void expect_near(const Tensor& got, const Tensor& want, const std::string& what) {
  ASSERT_TRUE(got.defined()) << what;
  ASSERT_EQ(got.shape().str(), want.shape().str()) << what;
  const auto a = got.to(DType::F64).to_vector<double>(),
             b = want.to(DType::F64).to_vector<double>();
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::isnan(b[i]) && std::isnan(a[i])) continue;
    ASSERT_NEAR(a[i], b[i], 1e-9 + 1e-7 * std::abs(b[i])) << what << " at " << i;
  }
}

using Tensors = std::vector<Tensor>;

template <class L>
Tensors call(L& layer, const Golden&, const Tensors& in) {
  if constexpr (std::is_invocable_v<L&, const Tensor&>)
    return {layer(in[0])};
  else if constexpr (std::is_invocable_v<L&, const Tensor&, const Tensor&>)
    return {layer(in[0], in[1])};
  else
    return {layer(in[0], in[1], in[2])};
}
template <class L>
  requires std::is_base_of_v<detail::Recurrent, L>
Tensors call(L& layer, const Golden&, const Tensors& in) {
  if constexpr (std::is_same_v<L, LSTM>) {
    const auto [y, state] = layer(in[0], in.size() > 1 ? LSTMState{in[1], in[2]} : LSTMState{});
    return {y, state.h, state.c};
  } else {
    const auto [y, state] = layer(in[0], in.size() > 1 ? in[1] : Tensor());
    return {y, state};
  }
}
Tensors call(LSTMCell& layer, const Golden&, const Tensors& in) {
  const auto [h, c] = layer(in[0], {in[1], in[2]});
  return {h, c};
}
Tensors call(RNNCell& layer, const Golden&, const Tensors& in) { return {layer(in[0], in[1])}; }
Tensors call(GRUCell& layer, const Golden&, const Tensors& in) { return {layer(in[0], in[1])}; }
Tensors call(MultiheadAttention& layer, const Golden& g, const Tensors& in) {
  const auto [y, weights] =
      layer(in[0], in[1], in[2],
            {.key_padding_mask = g.named("key_padding_mask"), .attn_mask = g.named("attn_mask")});
  return {y, weights};
}
Tensors call(TransformerEncoderLayer& layer, const Golden& g, const Tensors& in) {
  return {layer(in[0], {.src_mask = g.named("src_mask"),
                        .src_key_padding_mask = g.named("src_key_padding_mask")})};
}
Tensors call(TransformerDecoderLayer& layer, const Golden& g, const Tensors& in) {
  return {layer(in[0], in[1],
                {.tgt_mask = g.named("tgt_mask"),
                 .memory_mask = g.named("memory_mask"),
                 .tgt_key_padding_mask = g.named("tgt_key_padding_mask"),
                 .memory_key_padding_mask = g.named("memory_key_padding_mask")})};
}
Tensors call(Transformer& layer, const Golden& g, const Tensors& in) {
  return {layer(in[0], in[1],
                {.src_mask = g.named("src_mask"),
                 .tgt_mask = g.named("tgt_mask"),
                 .src_key_padding_mask = g.named("src_key_padding_mask"),
                 .tgt_key_padding_mask = g.named("tgt_key_padding_mask")})};
}

// Casts to float64 and loads the module's state.
template <class L>
void load_golden(const Golden& golden, L& layer) {
  StateDict state;
  for (const auto& [key, at] : golden.info["state"].items()) state[key] = golden.tensor(at);
  for_each_parameter(layer, [](const std::string&, Tensor& t) { t = t.to(DType::F64); });
  for_each_buffer(layer, [](const std::string&, Buffer& b) {
    if (is_floating(b.dtype())) b = b.to(DType::F64);
  });
  load_state_dict(layer, state);
  test_mode(layer);  // as the producer's modules
}

template <class L>
void check(const Golden& golden, L layer) {
  load_golden(golden, layer);
  const Tensors inputs = golden.inputs();
  L fresh = layer;
  const Tensors got_outputs = call(fresh, golden, inputs);
  const Json& outs = golden.info["outs"];
  ASSERT_EQ(got_outputs.size(), outs.size());
  for (std::size_t i = 0; i < outs.size(); ++i)
    expect_near(got_outputs[i], golden.tensor(outs[i]),
                golden.name + " output " + std::to_string(i));
  if (!golden.info.contains("grad")) return;
  // Cotangents are listed in the order of the outputs that have one.
  std::map<std::string, Tensor> cot;
  for (const auto& [key, at] : golden.info["cot"].items()) cot[std::string(at)] = golden.tensor(at);
  const auto loss_fn = [&](L& m, const Tensors& in) {
    const Tensors out = call(m, golden, in);
    Tensor total;
    for (std::size_t i = 0; i < out.size(); ++i) {
      const std::string name = outs[i];
      const auto slash = name.rfind('/') + 1;
      const auto it = cot.find(name.substr(0, slash) + "cot_" + name.substr(slash));
      if (it == cot.end()) continue;
      const Tensor part = sum(out[i] * it->second);
      total = total.defined() ? total + part : part;
    }
    return total;
  };
  auto [loss, gradients] = grad<0, 1>(GradOptions{.allow_unused = true}, loss_fn, layer, inputs);
  auto& [of_layer, of_inputs] = gradients;
  Tensors differentiable;
  for (std::size_t i = 0; i < inputs.size(); ++i)
    if (is_floating(inputs[i].dtype())) differentiable.push_back(of_inputs[i]);
  std::map<std::string, Tensor> parameters;
  for_each_parameter(of_layer, [&](const std::string& path, Tensor& t) { parameters[path] = t; });
  for (const auto& [key, at] : golden.info["grad"].items()) {
    if (key.rfind("gk.", 0) == 0) continue;
    // "g.1.1" is the second tensor of a list that is argument 1.
    const std::size_t inner = key.find('.', 2);
    const bool parameter = key.rfind("gp.", 0) == 0;
    const int position = parameter || inner == key.npos ? 0 : std::stoi(key.substr(inner + 1));
    const Tensor got =
        parameter
            ? parameters[key.substr(3)]
            : differentiable.at(static_cast<std::size_t>(std::stoi(key.substr(2)) + position));
    expect_near(got, golden.tensor(at), golden.name + " " + key);
  }
}

template <class C>
void check_conv(const Golden& g) {
  ConvOptions o{.bias = g.ctor(9, "bias", true)};
  const Json& kwargs = g.info["ctor_kwargs"];
  if (kwargs.contains("padding") && kwargs["padding"].is_string()) o.padding = "same";
  check(g, C(g.ctor<int>(0, "in_channels"), g.ctor<int>(1, "out_channels"),
             g.ctor<int>(2, "kernel_size"), o));
}
template <class C>
void check_conv_transpose(const Golden& g) {
  check(g, C(g.ctor<int>(0, "in_channels"), g.ctor<int>(1, "out_channels"),
             g.ctor<int>(2, "kernel_size")));
}

template <class L, class O>
void check_recurrent(const Golden& g, O o) {
  o.num_layers = g.ctor<std::int64_t>(9, "num_layers", 1);
  o.bias = g.ctor(9, "bias", true);
  o.batch_first = g.ctor(9, "batch_first", false);
  o.bidirectional = g.ctor(9, "bidirectional", false);
  check(g, L(g.ctor<int>(0, "input_size"), g.ctor<int>(1, "hidden_size"), o));
}
template <class L>
void check_cell(const Golden& g) {
  check(g, L(g.ctor<int>(0, "input_size"), g.ctor<int>(1, "hidden_size")));
}
template <class L>
void check_transformer_layer(const Golden& g) {
  check(g, L(g.ctor<int>(0, "d_model"), g.ctor<int>(1, "nhead"),
             {.dim_feedforward = g.ctor<int>(2, "dim_feedforward"),
              .dropout = g.ctor(3, "dropout", 0.1),
              .batch_first = g.ctor(9, "batch_first", false),
              .norm_first = g.ctor(9, "norm_first", false)}));
}

using Check = void (*)(const Golden&);
const std::map<std::string, Check> kChecks = {
    {"nn.AdaptiveAvgPool2d",
     [](const Golden& g) { check(g, AdaptiveAvgPool2d(g.ctor<int>(0, "output_size"))); }},
    {"nn.AvgPool1d", [](const Golden& g) { check(g, AvgPool1d(g.ctor<int>(0, "kernel_size"))); }},
    {"nn.BatchNorm2d",
     [](const Golden& g) { check(g, BatchNorm2d(g.ctor<int>(0, "num_features"))); }},
    {"nn.BatchNorm3d",
     [](const Golden& g) { check(g, BatchNorm3d(g.ctor<int>(0, "num_features"))); }},
    {"nn.Bilinear",
     [](const Golden& g) {
       check(g, Bilinear(g.ctor<int>(0, "in1_features"), g.ctor<int>(1, "in2_features"),
                         g.ctor<int>(2, "out_features"), {.bias = g.ctor(3, "bias", true)}));
     }},
    {"nn.Conv1d", check_conv<Conv1d>},
    {"nn.Conv2d", check_conv<Conv2d>},
    {"nn.Conv3d", check_conv<Conv3d>},
    {"nn.ConvTranspose1d", check_conv_transpose<ConvTranspose1d>},
    {"nn.ConvTranspose2d", check_conv_transpose<ConvTranspose2d>},
    {"nn.ConvTranspose3d", check_conv_transpose<ConvTranspose3d>},
    {"nn.CrossEntropyLoss",
     [](const Golden& g) {
       check(g, CrossEntropyLoss{.weight = g.weight(),
                                 .ignore_index = g.ctor<std::int64_t>(9, "ignore_index", -100),
                                 .reduction = g.reduction(),
                                 .label_smoothing = g.ctor(9, "label_smoothing", 0.0)});
     }},
    {"nn.ELU", [](const Golden& g) { check(g, ELU{.alpha = g.ctor(0, "alpha", 1.0)}); }},
    {"nn.Embedding",
     [](const Golden& g) {
       check(g, Embedding(g.ctor<int>(0, "num_embeddings"), g.ctor<int>(1, "embedding_dim")));
     }},
    {"nn.GaussianNLLLoss",
     [](const Golden& g) { check(g, GaussianNLLLoss{.reduction = g.reduction()}); }},
    {"nn.Hardswish", [](const Golden& g) { check(g, Hardswish{}); }},
    {"nn.L1Loss", [](const Golden& g) { check(g, L1Loss{.reduction = g.reduction()}); }},
    {"nn.Linear",
     [](const Golden& g) {
       check(g, Linear(g.ctor<int>(0, "in_features"), g.ctor<int>(1, "out_features"),
                       {.bias = g.ctor(2, "bias", true)}));
     }},
    {"nn.NLLLoss",
     [](const Golden& g) {
       check(g, NLLLoss{.weight = g.weight(),
                        .ignore_index = g.ctor<std::int64_t>(9, "ignore_index", -100),
                        .reduction = g.reduction()});
     }},
    {"nn.RNN",
     [](const Golden& g) {
       const auto nonlinearity = g.ctor<std::string>(9, "nonlinearity", "tanh");
       check_recurrent<RNN>(g, RNNOptions{.nonlinearity = nonlinearity});
     }},
    {"nn.GRU", [](const Golden& g) { check_recurrent<GRU>(g, GRUOptions{}); }},
    {"nn.LSTM",
     [](const Golden& g) {
       check_recurrent<LSTM>(g, LSTMOptions{.proj_size = g.ctor<int>(9, "proj_size", 0)});
     }},
    {"nn.RNNCell", check_cell<RNNCell>},
    {"nn.GRUCell", check_cell<GRUCell>},
    {"nn.LSTMCell", check_cell<LSTMCell>},
    {"nn.MultiheadAttention",
     [](const Golden& g) {
       check(g, MultiheadAttention(g.ctor<int>(0, "embed_dim"), g.ctor<int>(1, "num_heads"),
                                   {.bias = g.ctor(9, "bias", true),
                                    .add_bias_kv = g.ctor(9, "add_bias_kv", false),
                                    .add_zero_attn = g.ctor(9, "add_zero_attn", false),
                                    .batch_first = g.ctor(9, "batch_first", false)}));
     }},
    {"nn.TransformerEncoderLayer", check_transformer_layer<TransformerEncoderLayer>},
    {"nn.TransformerDecoderLayer", check_transformer_layer<TransformerDecoderLayer>},
    {"nn.Transformer",
     [](const Golden& g) {
       check(g, Transformer({.d_model = g.ctor<int>(9, "d_model"),
                             .nhead = g.ctor<int>(9, "nhead"),
                             .num_encoder_layers = g.ctor<int>(9, "num_encoder_layers"),
                             .num_decoder_layers = g.ctor<int>(9, "num_decoder_layers"),
                             .dim_feedforward = g.ctor<int>(9, "dim_feedforward"),
                             .dropout = g.ctor(9, "dropout", 0.1),
                             .batch_first = g.ctor(9, "batch_first", false),
                             .norm_first = g.ctor(9, "norm_first", false)}));
     }},
    {"nn.ReLU", [](const Golden& g) { check(g, ReLU{}); }},
    {"nn.Sigmoid", [](const Golden& g) { check(g, Sigmoid{}); }},
};

class NnGolden : public ::testing::TestWithParam<std::string> {};

TEST_P(NnGolden, AsTorch) {
  LILITH_SHARED_OR_SKIP(path, "golden/torch/modules.safetensors");
  static const TensorDict file = load_tensors(path);
  int compared = 0;
  for (const auto& [key, text] : file.metadata) {
    if (key.substr(0, key.find('/')) != GetParam()) continue;
    SCOPED_TRACE(key);
    kChecks.at(GetParam())(Golden{file, key, Json::parse(text)});
    ++compared;
  }
  EXPECT_GT(compared, 0);
}

std::vector<std::string> names() {
  std::vector<std::string> out;
  for (const auto& [name, check] : kChecks) out.push_back(name);
  return out;
}
INSTANTIATE_TEST_SUITE_P(Modules, NnGolden, ::testing::ValuesIn(names()),
                         [](const auto& info) { return info.param.substr(3); });

}  // namespace
}  // namespace lilith
