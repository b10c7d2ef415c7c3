#include "lilith/ops.h"
#include "parity/bind.h"

namespace lilith::parity {
namespace {

std::optional<DType> dtype_of_call(const Call& c) {
  if (!c.has(-1, "dtype")) return {};
  return c.dtype(-1, "dtype", DType::F32);
}

const std::pair<const char*, Unary> kUnary[] = {{"abs", abs},
                                                {"angle", angle},
                                                {"bitwise_not", bitwise_not},
                                                {"acos", acos},
                                                {"acosh", acosh},
                                                {"asin", asin},
                                                {"asinh", asinh},
                                                {"atan", atan},
                                                {"atanh", atanh},
                                                {"ceil", ceil},
                                                {"cos", cos},
                                                {"cosh", cosh},
                                                {"deg2rad", deg2rad},
                                                {"digamma", digamma},
                                                {"erf", erf},
                                                {"erfc", erfc},
                                                {"erfinv", erfinv},
                                                {"exp", exp},
                                                {"exp2", exp2},
                                                {"expm1", expm1},
                                                {"floor", floor},
                                                {"frac", frac},
                                                {"isfinite", isfinite},
                                                {"isinf", isinf},
                                                {"isnan", isnan},
                                                {"isneginf", isneginf},
                                                {"isposinf", isposinf},
                                                {"lgamma", lgamma},
                                                {"log", log},
                                                {"log10", log10},
                                                {"log1p", log1p},
                                                {"log2", log2},
                                                {"neg", neg},
                                                {"positive", positive},
                                                {"rad2deg", rad2deg},
                                                {"rsqrt", rsqrt},
                                                {"reciprocal", reciprocal},
                                                {"sgn", sgn},
                                                {"sigmoid", sigmoid},
                                                {"sign", sign},
                                                {"signbit", signbit},
                                                {"sin", sin},
                                                {"sinc", sinc},
                                                {"sinh", sinh},
                                                {"sqrt", sqrt},
                                                {"square", square},
                                                {"tan", tan},
                                                {"tanh", tanh},
                                                {"trunc", trunc},
                                                {"logical_not", logical_not},
                                                {"clone", clone}};

void bind_unary(Table& t) {
  for (const auto& [name, function] : kUnary) unary(t, name, function);
  for (const char* name :
       {"round", "round__decimals_0", "round__decimals_3", "round__decimals_neg_3"}) {
    t[name] = [](const Call& c) {
      return one(round(c.operand(0), static_cast<int>(c.integer(-1, "decimals", 0))));
    };
  }
  t["logit"] = [](const Call& c) {
    return one(c.has(1, "eps") ? logit(c.operand(0), c.real(1, "eps", 0)) : logit(c.operand(0)));
  };
  t["nan_to_num"] = [](const Call& c) {
    std::optional<double> posinf, neginf;
    if (c.has(2, "posinf")) posinf = c.real(2, "posinf", 0);
    if (c.has(3, "neginf")) neginf = c.real(3, "neginf", 0);
    return one(nan_to_num(c.operand(0), c.real(1, "nan", 0), posinf, neginf));
  };
  for (int n = 0; n <= 4; ++n) {
    t["polygamma__polygamma_n_" + std::to_string(n)] = [](const Call& c) {
      return one(polygamma(static_cast<int>(c.integer(1, "n")), c.operand(0)));
    };
  }
  t["special.polygamma__special_polygamma_n_0"] = t["polygamma__polygamma_n_0"];
  const std::pair<const char*, DType> casts[] = {
      {"bool", DType::Bool}, {"byte", DType::U8},  {"char", DType::I8},   {"short", DType::I16},
      {"int", DType::I32},   {"long", DType::I64}, {"float", DType::F32}, {"double", DType::F64}};
  for (const auto& [name, dtype] : casts) {
    t[name] = [dtype = dtype](const Call& c) { return one(c.tensor(0).to(dtype)); };
  }
}

void bind_binary(Table& t) {
  const std::pair<const char*, Binary> functions[] = {{"mul", mul},
                                                      {"true_divide", true_divide},
                                                      {"floor_divide", floor_divide},
                                                      {"remainder", remainder},
                                                      {"fmod", fmod},
                                                      {"pow", pow},
                                                      {"float_power", float_power},
                                                      {"bitwise_and", bitwise_and},
                                                      {"bitwise_or", bitwise_or},
                                                      {"bitwise_xor", bitwise_xor},
                                                      {"bitwise_left_shift", bitwise_left_shift},
                                                      {"bitwise_right_shift", bitwise_right_shift},
                                                      {"gcd", gcd},
                                                      {"lcm", lcm},
                                                      {"maximum", maximum},
                                                      {"minimum", minimum},
                                                      {"fmax", fmax},
                                                      {"fmin", fmin},
                                                      {"atan2", atan2},
                                                      {"hypot", hypot},
                                                      {"copysign", copysign},
                                                      {"logaddexp", logaddexp},
                                                      {"logaddexp2", logaddexp2},
                                                      {"xlogy", xlogy},
                                                      {"special.xlog1py", xlog1py},
                                                      {"ldexp", ldexp},
                                                      {"heaviside", heaviside},
                                                      {"logical_and", logical_and},
                                                      {"logical_or", logical_or},
                                                      {"logical_xor", logical_xor},
                                                      {"eq", eq},
                                                      {"ne", ne},
                                                      {"lt", lt},
                                                      {"le", le},
                                                      {"gt", gt},
                                                      {"ge", ge},
                                                      {"clamp_min", clamp_min},
                                                      {"clamp_max", clamp_max}};
  for (const auto& [name, function] : functions) binary(t, name, function);
  const auto alpha = [](const Call& c) -> Arg {
    return c.has(-1, "alpha") ? c.operand(-1, "alpha") : 1;
  };
  t["add"] = [alpha](const Call& c) { return one(add(c.operand(0), c.operand(1), alpha(c))); };
  t["sub"] = [alpha](const Call& c) { return one(sub(c.operand(0), c.operand(1), alpha(c))); };
  t["rsub"] = [alpha](const Call& c) { return one(rsub(c.operand(0), c.operand(1), alpha(c))); };
  for (const char* name : {"div__no_rounding_mode", "div__trunc_rounding", "div__floor_rounding"}) {
    t[name] = [](const Call& c) {
      const std::string mode = c.text(-1, "rounding_mode", "");
      if (mode.empty()) return one(div(c.operand(0), c.operand(1)));
      return one(div(c.operand(0), c.operand(1),
                     mode == "floor" ? RoundingMode::Floor : RoundingMode::Trunc));
    };
  }
  t["isclose"] = [](const Call& c) {
    return one(isclose(c.operand(0), c.operand(1), c.real(-1, "rtol", 1e-5),
                       c.real(-1, "atol", 1e-8), c.flag(-1, "equal_nan", false)));
  };
}

void bind_ternary(Table& t) {
  t["lerp"] = [](const Call& c) { return one(lerp(c.operand(0), c.operand(1), c.operand(2))); };
  const auto value = [](const Call& c) -> Arg {
    return c.has(-1, "value") ? c.operand(-1, "value") : 1;
  };
  t["addcmul"] = [value](const Call& c) {
    return one(addcmul(c.operand(0), c.operand(1), c.operand(2), value(c)));
  };
  t["addcdiv"] = [value](const Call& c) {
    return one(addcdiv(c.operand(0), c.operand(1), c.operand(2), value(c)));
  };
  t["clamp"] = [](const Call& c) {
    if (!c.has(1)) return one(clamp_max(c.operand(0), c.operand(2)));
    if (!c.has(2)) return one(clamp_min(c.operand(0), c.operand(1)));
    return one(clamp(c.operand(0), c.operand(1), c.operand(2)));
  };
  // The samples are x, condition, other.
  t["where"] = [](const Call& c) { return one(where(c.operand(1), c.operand(0), c.operand(2))); };
  t["masked_fill"] = [](const Call& c) {
    return one(masked_fill(c.operand(0), c.operand(1), c.operand(2)));
  };
}

void bind_activations(Table& t) {
  const std::pair<const char*, Unary> functions[] = {{"relu", relu},
                                                     {"relu6", relu6},
                                                     {"selu", selu},
                                                     {"silu", silu},
                                                     {"mish", mish},
                                                     {"softsign", softsign},
                                                     {"hardswish", hardswish},
                                                     {"hardsigmoid", hardsigmoid},
                                                     {"logsigmoid", logsigmoid},
                                                     {"tanhshrink", tanhshrink}};
  for (const auto& [name, function] : functions) {
    unary(t, "nn.functional." + std::string(name), function);
  }
  const std::string f = "nn.functional.";
  t[f + "leaky_relu"] = [](const Call& c) {
    return one(leaky_relu(c.operand(0), c.real(1, "negative_slope", 0.01)));
  };
  t[f + "prelu"] = [](const Call& c) { return one(prelu(c.operand(0), c.tensor(1, "weight"))); };
  t[f + "elu"] = [](const Call& c) { return one(elu(c.operand(0), c.real(1, "alpha", 1))); };
  t[f + "celu"] = [](const Call& c) { return one(celu(c.operand(0), c.real(1, "alpha", 1))); };
  t[f + "gelu"] = [](const Call& c) {
    return one(gelu(c.operand(0), c.text(-1, "approximate", "none") == "tanh"
                                      ? GeluApproximation::Tanh
                                      : GeluApproximation::None));
  };
  t[f + "softplus"] = [](const Call& c) {
    return one(softplus(c.operand(0), c.real(1, "beta", 1), c.real(2, "threshold", 20)));
  };
  t[f + "hardtanh"] = [](const Call& c) {
    return one(hardtanh(c.operand(0), c.real(1, "min_val", -1), c.real(2, "max_val", 1)));
  };
  t[f + "hardshrink"] = [](const Call& c) {
    return one(hardshrink(c.operand(0), c.real(1, "lambd", 0.5)));
  };
  t[f + "softshrink"] = [](const Call& c) {
    return one(softshrink(c.operand(0), c.real(1, "lambd", 0.5)));
  };
  t[f + "threshold"] = [](const Call& c) {
    return one(threshold(c.operand(0), c.real(1, "threshold", 0), c.real(2, "value", 0)));
  };
  t[f + "glu"] = [](const Call& c) {
    return one(glu(c.operand(0), static_cast<int>(c.integer(1, "dim", -1))));
  };
  for (const char* name : {"softmax", "softmax__with_dtype"}) {
    t[name] = [](const Call& c) {
      return one(softmax(c.operand(0), static_cast<int>(c.integer(1, "dim")), dtype_of_call(c)));
    };
  }
  for (const char* name : {"log_softmax", "log_softmax__dtype"}) {
    t[name] = [](const Call& c) {
      return one(
          log_softmax(c.operand(0), static_cast<int>(c.integer(1, "dim")), dtype_of_call(c)));
    };
  }
  for (const char* name : {"nn.functional.softmin", "nn.functional.softmin__with_dtype"}) {
    t[name] = [](const Call& c) {
      return one(softmin(c.operand(0), static_cast<int>(c.integer(1, "dim")), dtype_of_call(c)));
    };
  }
}

}  // namespace

void bind_elementwise(Table& t) {
  bind_unary(t);
  bind_binary(t);
  bind_ternary(t);
  bind_activations(t);
}

}  // namespace lilith::parity
