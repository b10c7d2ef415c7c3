#include "ops/critical.h"

#include <cmath>
#include <span>

// The functions of critical.py.
namespace lilith::testing {
namespace {

using Ts = std::vector<Tensor>;
using F1 = Tensor (*)(const Arg&);
using F2 = Tensor (*)(const Arg&, const Arg&);
using Table = std::map<std::string, std::function<Tensor(const Ts&)>>;

constexpr auto kNone = Reduction::None;

Tensor counted(const Tensor& x) { return x * arange(3).to(x.dtype()); }

constexpr std::pair<const char*, F1> kMaths[] = {
    {"exp", exp},       {"exp2", exp2},       {"expm1", expm1},
    {"log", log},       {"log2", log2},       {"log10", log10},
    {"log1p", log1p},   {"sin", sin},         {"cos", cos},
    {"tan", tan},       {"asin", asin},       {"acos", acos},
    {"atan", atan},     {"sinh", sinh},       {"cosh", cosh},
    {"tanh", tanh},     {"asinh", asinh},     {"acosh", acosh},
    {"atanh", atanh},   {"sqrt", sqrt},       {"rsqrt", rsqrt},
    {"erf", erf},       {"erfc", erfc},       {"erfinv", erfinv},
    {"lgamma", lgamma}, {"digamma", digamma}, {"sigmoid", sigmoid},
    {"sinc", sinc},     {"neg", neg},         {"reciprocal", reciprocal},
    {"abs", abs},       {"sign", sign},       {"floor", floor},
    {"frac", frac},     {"square", square}};
constexpr std::pair<const char*, F1> kActivations[] = {{"relu", relu},
                                                       {"selu", selu},
                                                       {"silu", silu},
                                                       {"mish", mish},
                                                       {"relu6", relu6},
                                                       {"softsign", softsign},
                                                       {"hardswish", hardswish},
                                                       {"hardsigmoid", hardsigmoid},
                                                       {"logsigmoid", logsigmoid},
                                                       {"tanhshrink", tanhshrink}};

void add_each(Table& t, std::span<const std::pair<const char*, F1>> functions) {
  for (const auto& [name, f] : functions) t[name] = [f = f](const Ts& x) { return f(x[0]); };
}

void add_maths(Table& t) {
  add_each(t, kMaths);
  t["nan_to_num"] = [](const Ts& x) { return nan_to_num(x[0]); };
  t["logit"] = [](const Ts& x) { return logit(x[0]); };
  t["logit_eps"] = [](const Ts& x) { return logit(x[0], 1e-3); };
  t["clamp"] = [](const Ts& x) { return clamp(x[0], -1.0, 1.0); };
  t["clamp_min"] = [](const Ts& x) { return clamp_min(x[0], 0.5); };
  t["clamp_max"] = [](const Ts& x) { return clamp_max(x[0], 0.5); };
  t["hypot_big"] = [](const Ts& x) { return hypot(x[0], 3 * x[0]); };
  t["xlogy_self"] = [](const Ts& x) { return xlogy(x[0], x[0]); };
  t["where_log"] = [](const Ts& x) {
    const Tensor in = x[0] > 0;
    return where(in, log(where(in, x[0], 1.0)), 0.0);
  };
  const std::pair<const char*, double> powers[] = {
      {"pow_0", 0}, {"pow_half", 0.5}, {"pow_1", 1},   {"pow_1_5", 1.5},      {"pow_2", 2},
      {"pow_3", 3}, {"pow_4", 4},      {"pow_m1", -1}, {"pow_third", 1.0 / 3}};
  for (const auto& [name, p] : powers) t[name] = [p = p](const Ts& x) { return pow(x[0], p); };
  t["rpow_0"] = [](const Ts& x) { return pow(zeros({}, {.dtype = x[0].dtype()}), x[0]); };
  t["rpow_2"] = [](const Ts& x) { return pow(2.0, x[0]); };
}

void add_activations(Table& t) {
  add_each(t, kActivations);
  t["leaky_relu"] = [](const Ts& x) { return leaky_relu(x[0]); };
  t["elu"] = [](const Ts& x) { return elu(x[0]); };
  t["celu"] = [](const Ts& x) { return celu(x[0]); };
  t["gelu"] = [](const Ts& x) { return gelu(x[0]); };
  t["gelu_tanh"] = [](const Ts& x) { return gelu(x[0], GeluApproximation::Tanh); };
  t["softplus"] = [](const Ts& x) { return softplus(x[0]); };
  t["softplus_beta"] = [](const Ts& x) { return softplus(x[0], 2, 5); };
  t["hardtanh"] = [](const Ts& x) { return hardtanh(x[0]); };
  t["hardshrink"] = [](const Ts& x) { return hardshrink(x[0]); };
  t["softshrink"] = [](const Ts& x) { return softshrink(x[0]); };
  t["threshold"] = [](const Ts& x) { return threshold(x[0], 0, -1); };
  t["prelu"] = [](const Ts& x) { return prelu(x[0], full({1}, 0.25, {.dtype = x[0].dtype()})); };
}

void add_pairs(Table& t) {
  const std::pair<const char*, F2> functions[] = {{"mul", mul},
                                                  {"maximum", maximum},
                                                  {"minimum", minimum},
                                                  {"fmax", fmax},
                                                  {"fmin", fmin},
                                                  {"atan2", atan2},
                                                  {"hypot", hypot},
                                                  {"copysign", copysign},
                                                  {"logaddexp", logaddexp},
                                                  {"xlogy", xlogy},
                                                  {"logaddexp2", logaddexp2},
                                                  {"xlog1py", xlog1py},
                                                  {"pow", pow},
                                                  {"remainder", remainder},
                                                  {"fmod", fmod}};
  for (const auto& [name, f] : functions) t[name] = [f](const Ts& x) { return f(x[0], x[1]); };
  t["div"] = [](const Ts& x) { return div(x[0], x[1]); };
  t["mse_loss"] = [](const Ts& x) { return mse_loss(x[0], x[1], kNone); };
  t["l1_loss"] = [](const Ts& x) { return l1_loss(x[0], x[1], kNone); };
  t["smooth_l1_loss"] = [](const Ts& x) { return smooth_l1_loss(x[0], x[1], kNone); };
  t["huber_loss"] = [](const Ts& x) { return huber_loss(x[0], x[1], kNone); };
  t["soft_margin_loss"] = [](const Ts& x) { return soft_margin_loss(x[0], detach(x[1]), kNone); };
}

void add_norms(Table& t) {
  const std::pair<const char*, double> orders[] = {
      {"norm_0", 0}, {"norm_half", 0.5}, {"norm_1", 1},          {"norm_1_5", 1.5},
      {"norm_2", 2}, {"norm_3", 3},      {"norm_inf", INFINITY}, {"norm_minf", -INFINITY},
      {"norm_4", 4}, {"norm_m1", -1}};
  for (const auto& [name, p] : orders) t[name] = [p = p](const Ts& x) { return norm(x[0], p, 1); };
  const std::pair<const char*, double> units[] = {
      {"normalize", 2}, {"normalize_1", 1}, {"normalize_3", 3}, {"normalize_inf", INFINITY}};
  for (const auto& [name, p] : units) t[name] = [p = p](const Ts& x) { return normalize(x[0], p); };
  t["norm_all"] = [](const Ts& x) { return norm(x[0]); };
  t["cosine_similarity"] = [](const Ts& x) { return cosine_similarity(x[0], x[1]); };
  t["pairwise_distance"] = [](const Ts& x) { return pairwise_distance(x[0], x[1], 2, 0); };
  t["pairwise_distance_1"] = [](const Ts& x) { return pairwise_distance(x[0], x[1], 1, 0); };
  t["dist"] = [](const Ts& x) { return dist(x[0], x[1]); };
  t["cdist"] = [](const Ts& x) { return norm(unsqueeze(x[0], 1) - unsqueeze(x[1], 0), 2, -1); };
  t["layer_norm"] = [](const Ts& x) { return counted(layer_norm(x[0], 3)); };
  t["rms_norm"] = [](const Ts& x) { return x[0] * rsqrt(mean(x[0] * x[0], 1, true) + 1e-6); };
  t["group_norm"] = [](const Ts& x) { return counted(group_norm(x[0], 1)); };
  t["batch_norm"] = [](const Ts& x) {
    return counted(batch_norm(x[0].t(), {}, {}, {}, {}, true).t());
  };
  t["instance_norm"] = [](const Ts& x) { return counted(instance_norm(unsqueeze(x[0], 0))); };
}

void add_reductions(Table& t) {
  t["softmax"] = [](const Ts& x) { return softmax(x[0], 1); };
  t["softmin"] = [](const Ts& x) { return softmin(x[0], 1); };
  t["log_softmax"] = [](const Ts& x) { return log_softmax(x[0], 1); };
  t["logsumexp"] = [](const Ts& x) { return logsumexp(x[0], 1); };
  t["logcumsumexp"] = [](const Ts& x) { return logcumsumexp(x[0], 1); };
  t["prod"] = [](const Ts& x) { return prod(x[0], 1); };
  t["cumprod"] = [](const Ts& x) { return cumprod(x[0], 1); };
  t["amax"] = [](const Ts& x) { return amax(x[0], 1); };
  t["amin"] = [](const Ts& x) { return amin(x[0], 1); };
  t["max_dim"] = [](const Ts& x) { return max(x[0], 1).values; };
  t["var"] = [](const Ts& x) { return var(x[0], 1); };
  t["std"] = [](const Ts& x) { return lilith::std(x[0], 1); };
  t["std_0"] = [](const Ts& x) { return lilith::std(x[0], 1, 0); };
  t["std_3"] = [](const Ts& x) { return lilith::std(x[0], 1, 3); };
  t["var_4"] = [](const Ts& x) { return var(x[0], 1, 4); };
  t["std_all"] = [](const Ts& x) { return lilith::std(x[0]); };
  t["std_mean"] = [](const Ts& x) {
    const auto [s, m] = std_mean(x[0], 1);
    return s + m;
  };
  t["advantage"] = [](const Ts& x) {
    return (x[0] - mean(x[0], 1, true)) / (lilith::std(x[0], 1, 1, true) + 1e-8);
  };
}

void add_losses(Table& t) {
  t["bce"] = [](const Ts& x) { return binary_cross_entropy(x[0], x[1], {}, kNone); };
  t["bce_of_sigmoid"] = [](const Ts& x) {
    return binary_cross_entropy(sigmoid(x[0]), x[1], {}, kNone);
  };
  t["bce_with_logits"] = [](const Ts& x) {
    return binary_cross_entropy_with_logits(x[0], x[1], {.reduction = kNone});
  };
  t["kl_div"] = [](const Ts& x) { return kl_div(x[0], x[1], KLDivReduction::None); };
  t["kl_div_log"] = [](const Ts& x) { return kl_div(x[0], x[1], KLDivReduction::None, true); };
  t["poisson_nll"] = [](const Ts& x) { return poisson_nll_loss(x[0], x[1], {.reduction = kNone}); };
  t["poisson_nll_plain"] = [](const Ts& x) {
    return poisson_nll_loss(x[0], x[1], {.log_input = false, .full = true, .reduction = kNone});
  };
  t["gaussian_nll"] = [](const Ts& x) {
    return gaussian_nll_loss(x[0], ones_like(x[0]), x[1], {.reduction = kNone});
  };
  t["hinge_embedding"] = [](const Ts& x) {
    return hinge_embedding_loss(x[0], sign(x[0] + 0.5), 1, kNone);
  };
  t["margin_ranking"] = [](const Ts& x) {
    return margin_ranking_loss(x[0], x[1], ones_like(x[0]), 1, kNone);
  };
  t["cosine_embedding"] = [](const Ts& x) {
    return cosine_embedding_loss(x[0], x[1], tensor({1.f, -1.f, 1.f, -1.f, 1.f}), 0, kNone);
  };
  t["triplet_margin"] = [](const Ts& x) {
    return triplet_margin_loss(x[0], x[1], detach(x[0]) * 2, {.reduction = kNone});
  };
  t["multilabel_soft_margin"] = [](const Ts& x) {
    return multilabel_soft_margin_loss(x[0], x[1], {}, kNone);
  };
  t["cross_entropy"] = [](const Ts& x) {
    return cross_entropy_loss(x[0], arange(3), {.reduction = kNone});
  };
  t["cross_entropy_soft"] = [](const Ts& x) {
    return cross_entropy_loss(x[0], x[1], {.reduction = kNone});
  };
  t["glu"] = [](const Ts& x) { return glu(x[0], 0); };
  t["attention"] = [](const Ts& x) {
    return scaled_dot_product_attention(
        x[0], x[0], x[0],
        tensor({{true, false, false}, {false, false, false}, {true, true, true}}));
  };
  t["attention_added"] = [](const Ts& x) {
    const float out = -INFINITY;
    const Tensor mask = tensor({{0.f, out, out}, {out, out, out}, {0.f, 1.f, 0.f}});
    return scaled_dot_product_attention(x[0], x[0], x[0], mask.to(x[0].dtype()));
  };
}

}  // namespace

const Table& critical_functions() {
  static const Table table = [] {
    Table t;
    add_maths(t);
    add_activations(t);
    add_pairs(t);
    add_norms(t);
    add_reductions(t);
    add_losses(t);
    return t;
  }();
  return table;
}

}  // namespace lilith::testing
