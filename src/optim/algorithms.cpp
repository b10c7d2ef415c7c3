#include "lilith/optim/algorithms.h"

#include "lilith/ops/create.h"
#include "lilith/ops/elementwise.h"
#include "optim/rule.h"

namespace lilith {

namespace optim {
namespace {

using Flags = std::map<std::string, bool>;

Tensor decayed_grad(Step& s) { return s.grad + s.value("weight_decay") * s.param; }

// state = rate state + (1 - rate) x
Tensor average(Step& s, const char* state, const char* rate, const Tensor& x) {
  const Tensor rest = s.derived(std::string("1-") + rate, [&] { return 1 - s.hyper(rate); });
  Buffer& average = s.state(state);
  average = s.value(rate) * average + rest * x;
  return average;
}

// 1 - beta^step, f64 [].
Tensor correction(Step& s, const char* beta) {
  return s.scalars.get(s.clock + "/correction/" + beta,
                       [&] { return 1 - pow(s.hyper(beta), s.count); });
}

// lr / (1 - beta1^step): the step's size once the first moment's bias is taken out.
Tensor corrected_rate(Step& s) {
  return s.derived("size", [&] { return s.hyper("lr") / correction(s, "beta1"); });
}
// sqrt(v / (1 - beta2^step)) + eps.
Tensor corrected_deviation(Step& s, const Tensor& v) {
  const Tensor scale = s.derived("scale", [&] { return rsqrt(correction(s, "beta2")); });
  return sqrt(v) * scale + s.value("eps");
}

std::vector<StateDef> sgd_state(const Flags& flags) {
  if (!flags.at("momentum")) return {};
  return {{"momentum_buffer"}};
}
void sgd(Step& s) {
  Tensor g = decayed_grad(s);
  if (s.flag("momentum")) {
    // The first gradient is not dampened.
    const Tensor rate =
        s.derived("rate", [&] { return where(s.count == 1, 1.0, 1 - s.hyper("dampening")); });
    Buffer& buffer = s.state("momentum_buffer");
    buffer = s.value("momentum") * buffer + rate * g;
    g = s.flag("nesterov") ? g + s.value("momentum") * buffer : Tensor(buffer);
  }
  s.param = s.param - s.value("lr") * g;
}
const Rule kSgd{"SGD", sgd_state, sgd};

std::vector<StateDef> adam_state(const Flags& flags) {
  if (flags.at("amsgrad")) return {{"exp_avg"}, {"exp_avg_sq"}, {"max_exp_avg_sq"}};
  return {{"exp_avg"}, {"exp_avg_sq"}};
}
// p - lr / c1 * m / (sqrt(v) / sqrt(c2) + eps)
void adam_step(Step& s, const Tensor& g) {
  const Tensor m = average(s, "exp_avg", "beta1", g);
  Tensor v = average(s, "exp_avg_sq", "beta2", g * g);
  if (s.flag("amsgrad")) {
    s.state("max_exp_avg_sq") = maximum(s.state("max_exp_avg_sq"), v);
    v = s.state("max_exp_avg_sq");
  }
  s.param = s.param - corrected_rate(s) * m / corrected_deviation(s, v);
}
void adam(Step& s) { adam_step(s, decayed_grad(s)); }
void adamw(Step& s) {
  s.param =
      s.param * s.derived("decay", [&] { return 1 - s.hyper("lr") * s.hyper("weight_decay"); });
  adam_step(s, s.grad);
}
const Rule kAdam{"Adam", adam_state, adam};
const Rule kAdamW{"AdamW", adam_state, adamw};

std::vector<StateDef> rmsprop_state(const Flags& flags) {
  std::vector<StateDef> state = {{"square_avg"}};
  if (flags.at("momentum")) state.push_back({"momentum_buffer"});
  if (flags.at("centered")) state.push_back({"grad_avg"});
  return state;
}
void rmsprop(Step& s) {
  const Tensor g = decayed_grad(s);
  Tensor square = average(s, "square_avg", "alpha", g * g);
  if (s.flag("centered")) {
    const Tensor mean = average(s, "grad_avg", "alpha", g);
    square = square - mean * mean;
  }
  Tensor change = g / (sqrt(square) + s.value("eps"));
  if (s.flag("momentum")) {
    Buffer& buffer = s.state("momentum_buffer");
    buffer = s.value("momentum") * buffer + change;
    change = buffer;
  }
  s.param = s.param - s.value("lr") * change;
}
const Rule kRmsprop{"RMSprop", rmsprop_state, rmsprop};

std::vector<StateDef> adagrad_state(const Flags&) {
  return {{.name = "sum", .init_hyper = "initial_accumulator_value"}};
}
void adagrad(Step& s) {
  const Tensor g = decayed_grad(s);
  const Tensor lr =
      s.derived("rate", [&] { return s.hyper("lr") / (1 + (s.count - 1) * s.hyper("lr_decay")); });
  Buffer& sum = s.state("sum");
  sum = sum + g * g;
  s.param = s.param - lr * g / (sqrt(sum) + s.value("eps"));
}
const Rule kAdagrad{"Adagrad", adagrad_state, adagrad};

std::vector<StateDef> adadelta_state(const Flags&) { return {{"square_avg"}, {"acc_delta"}}; }
void adadelta(Step& s) {
  const Tensor g = decayed_grad(s), eps = s.value("eps");
  const Tensor square = average(s, "square_avg", "rho", g * g);
  const Tensor delta = sqrt(s.state("acc_delta") + eps) / sqrt(square + eps) * g;
  average(s, "acc_delta", "rho", delta * delta);
  s.param = s.param - s.value("lr") * delta;
}
const Rule kAdadelta{"Adadelta", adadelta_state, adadelta};

std::vector<StateDef> adamax_state(const Flags&) { return {{"exp_avg"}, {"exp_inf"}}; }
void adamax(Step& s) {
  const Tensor g = decayed_grad(s);
  const Tensor m = average(s, "exp_avg", "beta1", g);
  Buffer& u = s.state("exp_inf");
  u = maximum(s.value("beta2") * u, abs(g) + s.value("eps"));
  s.param = s.param - corrected_rate(s) * m / u;
}
const Rule kAdamax{"Adamax", adamax_state, adamax};

std::vector<StateDef> nadam_state(const Flags&) {
  return {{"exp_avg"}, {"exp_avg_sq"}, {.name = "mu_product", .scalar = true, .init = 1}};
}
void nadam(Step& s) {
  const Tensor g = decayed_grad(s);
  const Tensor m = average(s, "exp_avg", "beta1", g);
  const Tensor v = average(s, "exp_avg_sq", "beta2", g * g);
  const auto mu = [&](const Tensor& step) {
    return s.hyper("beta1") * (1 - 0.5 * pow(0.96, step * s.hyper("momentum_decay")));
  };
  const Tensor now = mu(s.count), next = mu(s.count + 1), lr = s.hyper("lr");
  Buffer& product = s.state("mu_product");
  product = product * now;
  const DType dtype = s.param.dtype();
  const Tensor of_grad = (lr * (1 - now) / (1 - product)).to(dtype);
  const Tensor of_mean = (lr * next / (1 - product * next)).to(dtype);
  s.param = s.param - (of_grad * g + of_mean * m) / corrected_deviation(s, v);
}
const Rule kNadam{"NAdam", nadam_state, nadam};

std::vector<StateDef> radam_state(const Flags&) { return {{"exp_avg"}, {"exp_avg_sq"}}; }
void radam(Step& s) {
  const Tensor g = decayed_grad(s);
  const Tensor m = average(s, "exp_avg", "beta1", g);
  const Tensor v = average(s, "exp_avg_sq", "beta2", g * g);
  const auto rho = [&] {
    const Tensor beta2 = s.hyper("beta2"), infinite = 2 / (1 - beta2) - 1;
    return std::pair(infinite - 2 * s.count * pow(beta2, s.count) / correction(s, "beta2"),
                     infinite);
  };
  // 0 while the variance is not tractable: the step is then a plain one.
  const Tensor rectified = s.derived("rectified", [&] {
    const auto [r, inf] = rho();
    const Tensor square = (r - 4) * (r - 2) * inf / ((inf - 4) * (inf - 2) * r);
    return where(r > 5, sqrt(maximum(square, 0.0) * correction(s, "beta2")), 0.0);
  });
  const Tensor adapted = rectified / (sqrt(v) + s.value("eps"));
  s.param = s.param - corrected_rate(s) * m * where(rectified > 0, adapted, 1.0);
}
const Rule kRadam{"RAdam", radam_state, radam};

std::vector<StateDef> asgd_state(const Flags&) { return {{"ax"}}; }
void asgd(Step& s) {
  const Tensor g = decayed_grad(s);
  const auto eta = [&] {
    return s.hyper("lr") /
           pow(1 + s.hyper("lambd") * s.hyper("lr") * (s.count - 1), s.hyper("alpha"));
  };
  const Tensor rate = s.derived("eta", eta);
  const Tensor keep = s.derived("keep", [&] { return 1 - s.hyper("lambd") * eta(); });
  const Tensor mu = s.derived("mu", [&] { return 1 / maximum(1.0, s.count - 1 - s.hyper("t0")); });
  s.param = s.param * keep - rate * g;
  Buffer& mean = s.state("ax");
  mean = mean + (s.param - mean) * mu;
}
const Rule kAsgd{"ASGD", asgd_state, asgd};

std::vector<StateDef> rprop_state(const Flags&) {
  return {{"prev"}, {.name = "step_size", .init_hyper = "lr"}};
}
void rprop(Step& s) {
  Buffer &previous = s.state("prev"), &size = s.state("step_size");
  const Tensor turn = s.grad * previous;
  const Tensor factor =
      where(turn > 0, s.value("eta_plus"), where(turn < 0, s.value("eta_minus"), ones_like(turn)));
  size = minimum(maximum(size * factor, s.value("min_step")), s.value("max_step"));
  const Tensor g = where(turn < 0, zeros_like(turn), s.grad);
  s.param = s.param - sign(g) * size;
  previous = g;
}
const Rule kRprop{"Rprop", rprop_state, rprop};

}  // namespace
}  // namespace optim

namespace {

/// What Adam and its kin share, and what one of them has beside it.
template <class Options>
std::map<std::string, double> adam_hypers(const Options& o,
                                          std::map<std::string, double> own = {}) {
  own.insert({{"lr", o.lr},
              {"beta1", o.betas[0]},
              {"beta2", o.betas[1]},
              {"eps", o.eps},
              {"weight_decay", o.weight_decay}});
  return own;
}

}  // namespace

SGD::SGD(const SGDOptions& o, const LocScope&)
    : Optimizer(
          optim::kSgd,
          {{"lr", o.lr},
           {"momentum", o.momentum},
           {"dampening", o.dampening},
           {"weight_decay", o.weight_decay}},
          {{"momentum", o.momentum != 0}, {"nesterov", o.nesterov}, {"maximize", o.maximize}}) {
  LILITH_CHECK(!o.nesterov || (o.momentum > 0 && o.dampening == 0),
               "SGD: nesterov needs momentum > 0 and dampening 0; got {} and {}.", o.momentum,
               o.dampening);
}

Adam::Adam(const AdamOptions& o, const LocScope&)
    : Optimizer(optim::kAdam, adam_hypers(o), {{"amsgrad", o.amsgrad}, {"maximize", o.maximize}}) {}

AdamW::AdamW(const AdamWOptions& o, const LocScope&)
    : Optimizer(optim::kAdamW, adam_hypers(o), {{"amsgrad", o.amsgrad}, {"maximize", o.maximize}}) {
}

RMSprop::RMSprop(const RMSpropOptions& o, const LocScope&)
    : Optimizer(
          optim::kRmsprop,
          {{"lr", o.lr},
           {"alpha", o.alpha},
           {"eps", o.eps},
           {"weight_decay", o.weight_decay},
           {"momentum", o.momentum}},
          {{"momentum", o.momentum != 0}, {"centered", o.centered}, {"maximize", o.maximize}}) {}

Adagrad::Adagrad(const AdagradOptions& o, const LocScope&)
    : Optimizer(optim::kAdagrad,
                {{"lr", o.lr},
                 {"lr_decay", o.lr_decay},
                 {"weight_decay", o.weight_decay},
                 {"initial_accumulator_value", o.initial_accumulator_value},
                 {"eps", o.eps}},
                {{"maximize", o.maximize}}) {}

Adadelta::Adadelta(const AdadeltaOptions& o, const LocScope&)
    : Optimizer(optim::kAdadelta,
                {{"lr", o.lr}, {"rho", o.rho}, {"eps", o.eps}, {"weight_decay", o.weight_decay}},
                {{"maximize", o.maximize}}) {}

Adamax::Adamax(const AdamaxOptions& o, const LocScope&)
    : Optimizer(optim::kAdamax, adam_hypers(o), {{"maximize", o.maximize}}) {}

NAdam::NAdam(const NAdamOptions& o, const LocScope&)
    : Optimizer(optim::kNadam, adam_hypers(o, {{"momentum_decay", o.momentum_decay}}),
                {{"maximize", o.maximize}}) {}

RAdam::RAdam(const RAdamOptions& o, const LocScope&)
    : Optimizer(optim::kRadam, adam_hypers(o), {{"maximize", o.maximize}}) {}

ASGD::ASGD(const ASGDOptions& o, const LocScope&)
    : Optimizer(optim::kAsgd,
                {{"lr", o.lr},
                 {"lambd", o.lambd},
                 {"alpha", o.alpha},
                 {"t0", o.t0},
                 {"weight_decay", o.weight_decay}},
                {{"maximize", o.maximize}}) {}

Rprop::Rprop(const RpropOptions& o, const LocScope&)
    : Optimizer(optim::kRprop,
                {{"lr", o.lr},
                 {"eta_minus", o.etas[0]},
                 {"eta_plus", o.etas[1]},
                 {"min_step", o.step_sizes[0]},
                 {"max_step", o.step_sizes[1]}},
                {{"maximize", o.maximize}}) {}

}  // namespace lilith
