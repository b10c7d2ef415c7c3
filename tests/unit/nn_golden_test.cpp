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
  std::vector<Tensor> inputs() const {
    std::vector<Tensor> out;
    for (const Json& a : info["args"]) out.push_back(tensor(a["t"]));
    return out;
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
  const auto a = got.to(DType::F64).to_vector<double>(), b = want.to(DType::F64).to_vector<double>();
  for (std::size_t i = 0; i < a.size(); ++i)
    ASSERT_NEAR(a[i], b[i], 1e-9 + 1e-7 * std::abs(b[i])) << what << " at " << i;
}

template <class L>
Tensor call(L& layer, const std::vector<Tensor>& in) {
  if constexpr (std::is_invocable_v<L&, const Tensor&>) return layer(in[0]);
  else if constexpr (std::is_invocable_v<L&, const Tensor&, const Tensor&>) return layer(in[0], in[1]);
  else return layer(in[0], in[1], in[2]);
}

template <class L>
void check(const Golden& golden, L layer) {
  StateDict state;
  for (const auto& [key, at] : golden.info["state"].items()) state[key] = golden.tensor(at);
  for_each_parameter(layer, [](const std::string&, Tensor& t) { t = t.to(DType::F64); });
  for_each_buffer(layer, [](const std::string&, Buffer& b) {
    if (is_floating(b.dtype())) b = b.to(DType::F64);
  });
  load_state_dict(layer, state);
  const std::vector<Tensor> inputs = golden.inputs();
  L fresh = layer;
  const Tensor want = golden.tensor(golden.info["outs"][0]);
  expect_near(call(fresh, inputs), want, golden.name + " output");
  if (!golden.info.contains("grad")) return;
  const Tensor cot = golden.tensor(golden.info["cot"]["out.0"]);
  auto [loss, of_layer, of_inputs] = grad<0, 1>(
      GradOptions{.allow_unused = true},
      [&](L& m, const std::vector<Tensor>& in) { return sum(call(m, in) * cot); }, layer, inputs);
  std::vector<Tensor> differentiable;
  for (std::size_t i = 0; i < inputs.size(); ++i)
    if (is_floating(inputs[i].dtype())) differentiable.push_back(of_inputs[i]);
  std::map<std::string, Tensor> parameters;
  for_each_parameter(of_layer, [&](const std::string& path, Tensor& t) { parameters[path] = t; });
  for (const auto& [key, at] : golden.info["grad"].items()) {
    if (key.rfind("gk.", 0) == 0) continue;
    const Tensor got = key.rfind("gp.", 0) == 0
                           ? parameters[key.substr(3)]
                           : differentiable.at(static_cast<std::size_t>(std::stoi(key.substr(2))));
    expect_near(got, golden.tensor(at), golden.name + " " + key);
  }
}

template <class C>
void check_conv(const Golden& g) {
  ConvOptions o{.bias = g.ctor(9, "bias", true)};
  const Json& kwargs = g.info["ctor_kwargs"];
  if (kwargs.contains("padding") && kwargs["padding"].is_string()) o.padding = "same";
  check(g, C(g.ctor<int>(0, "in_channels"), g.ctor<int>(1, "out_channels"), g.ctor<int>(2, "kernel_size"), o));
}
template <class C>
void check_conv_transpose(const Golden& g) {
  check(g, C(g.ctor<int>(0, "in_channels"), g.ctor<int>(1, "out_channels"), g.ctor<int>(2, "kernel_size")));
}

using Check = void (*)(const Golden&);
const std::map<std::string, Check> kChecks = {
    {"nn.AdaptiveAvgPool2d",
     [](const Golden& g) { check(g, AdaptiveAvgPool2d(g.ctor<int>(0, "output_size"))); }},
    {"nn.AvgPool1d", [](const Golden& g) { check(g, AvgPool1d(g.ctor<int>(0, "kernel_size"))); }},
    {"nn.BatchNorm2d", [](const Golden& g) { check(g, BatchNorm2d(g.ctor<int>(0, "num_features"))); }},
    {"nn.BatchNorm3d", [](const Golden& g) { check(g, BatchNorm3d(g.ctor<int>(0, "num_features"))); }},
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
