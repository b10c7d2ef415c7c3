#include "lilith/optim/newer.h"

#include <algorithm>
#include <cmath>

#include "lilith/ops/create.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/linalg.h"
#include "lilith/ops/reduce.h"
#include "lilith/ops/shape.h"
#include "optim/rule.h"

namespace lilith {

namespace optim {
namespace {

using Flags = std::map<std::string, bool>;

// param (1 - lr weight_decay)
Tensor decayed(Step& s) {
  return s.param * s.derived("decay", [&] { return 1 - s.hyper("lr") * s.hyper("weight_decay"); });
}

std::vector<StateDef> lion_state(const Flags&) { return {{"exp_avg"}}; }
void lion(Step& s) {
  Buffer& average = s.state("exp_avg");
  const auto blend = [&](const char* beta) {
    const Tensor rest = s.derived(std::string("1-") + beta, [&] { return 1 - s.hyper(beta); });
    return s.value(beta) * average + rest * s.grad;
  };
  const Tensor direction = sign(blend("beta1"));
  s.param = decayed(s) - s.value("lr") * direction;
  average = blend("beta2");
}
const Rule kLion{"Lion", lion_state, lion};

// Static facts are flags: "ns_steps_5" says that there are five.
std::string ns_steps_flag(std::int64_t steps) { return "ns_steps_" + std::to_string(steps); }
std::int64_t ns_steps(const Flags& flags) {
  std::int64_t n = 1;
  while (flags.count(ns_steps_flag(n)) == 0) ++n;
  return n;
}

// A matrix with x's singular vectors, and singular values near 1: a quintic polynomial applied
// again and again.
Tensor orthogonalised(Step& s, const Tensor& x) {
  const bool tall = x.size(0) > x.size(1);
  Tensor m = tall ? transpose(x, 0, 1) : x;
  m = m / maximum(norm(m), s.value("eps"));
  for (std::int64_t i = ns_steps(s.flags); i > 0; --i) {
    const Tensor gram = matmul(m, transpose(m, 0, 1));
    const Tensor of_gram = s.value("ns_b") * gram + s.value("ns_c") * matmul(gram, gram);
    m = s.value("ns_a") * m + matmul(of_gram, m);
  }
  return tall ? transpose(m, 0, 1) : m;
}

std::vector<StateDef> muon_state(const Flags&) { return {{"momentum_buffer"}}; }
void muon(Step& s) {
  LILITH_CHECK(s.param.ndim() == 2,
               "update: Muon takes matrices, a parameter is {}; freeze the others and give them to "
               "another optimiser",
               s.param.aval().str());
  const double rows = static_cast<double>(s.param.size(0)),
               columns = static_cast<double>(s.param.size(1));
  const double ratio = s.flag("match_rms_adamw") ? 0.2 * std::sqrt(std::max(rows, columns))
                                                 : std::sqrt(std::max(1.0, rows / columns));
  Buffer& buffer = s.state("momentum_buffer");
  const Tensor rest = s.derived("1-momentum", [&] { return 1 - s.hyper("momentum"); });
  buffer = buffer + rest * (s.grad - buffer);
  const Tensor direction =
      s.flag("nesterov") ? s.grad + s.value("momentum") * (buffer - s.grad) : Tensor(buffer);
  s.param = decayed(s) - s.value("lr") * ratio * orthogonalised(s, direction);
}
const Rule kMuon{"Muon", muon_state, muon};

// Of matrices and stacks of them: [..., n, 1] and [..., 1, m].
std::optional<Shape> row_shape(const Shape& param) {
  if (param.rank() < 2) return {};
  Shape out = param;
  out[param.rank() - 1] = 1;
  return out;
}
std::optional<Shape> column_shape(const Shape& param) {
  if (param.rank() < 2) return {};
  Shape out = param;
  out[param.rank() - 2] = 1;
  return out;
}
std::optional<Shape> vector_shape(const Shape& param) {
  return param.rank() < 2 ? std::optional(param) : std::nullopt;
}
std::vector<StateDef> adafactor_state(const Flags&) {
  return {{.name = "row_var", .shape = row_shape},
          {.name = "col_var", .shape = column_shape},
          {.name = "variance", .shape = vector_shape}};
}

// The least square that counts: as given, else the dtype's.
Tensor least(Step& s) {
  if (s.flag("eps1")) return s.value("eps1");
  const double step = s.param.dtype() == DType::F64 ? 0x1p-52 : 0x1p-23;
  return full({}, step, {.dtype = s.param.dtype(), .device = s.param.device()});
}
Tensor square_estimate(Step& s, const Tensor& least) {
  const Tensor rate = s.derived("1-beta2", [&] { return pow(s.count, s.hyper("beta2_decay")); });
  const auto follow = [&](const char* name, const Tensor& x) {
    Buffer& average = s.state(name);
    average = average + rate * (x - average);
    return Tensor(average);
  };
  const Tensor square = s.grad * s.grad;
  if (s.param.ndim() < 2) return follow("variance", square);
  const Tensor rows = follow("row_var", mean(square, -1, true)),
               columns = follow("col_var", mean(square, -2, true));
  return rows * columns / maximum(mean(rows, -2, true), least);
}
void adafactor(Step& s) {
  const double size = std::sqrt(static_cast<double>(std::max<std::int64_t>(s.param.numel(), 1)));
  const Tensor relative = s.derived("rho", [&] { return minimum(s.hyper("lr"), rsqrt(s.count)); });
  const Tensor alpha = maximum(norm(s.param) / size, s.value("eps2")) * relative;
  const Tensor eps = least(s);
  const Tensor change = rsqrt(maximum(square_estimate(s, eps), eps * eps)) * s.grad;
  const Tensor excess = maximum(norm(change) / (size * s.value("d")), 1.0);
  s.param = decayed(s) - alpha / excess * change;
}
const Rule kAdafactor{"Adafactor", adafactor_state, adafactor};

}  // namespace
}  // namespace optim

Lion::Lion(const LionOptions& o, const LocScope&)
    : Optimizer(optim::kLion,
                {{"lr", o.lr},
                 {"beta1", o.betas[0]},
                 {"beta2", o.betas[1]},
                 {"weight_decay", o.weight_decay}},
                {{"maximize", o.maximize}}) {}

Muon::Muon(const MuonOptions& o, const LocScope&)
    : Optimizer(optim::kMuon,
                {{"lr", o.lr},
                 {"weight_decay", o.weight_decay},
                 {"momentum", o.momentum},
                 {"ns_a", o.ns_coefficients[0]},
                 {"ns_b", o.ns_coefficients[1]},
                 {"ns_c", o.ns_coefficients[2]},
                 {"eps", o.eps}},
                {{"maximize", o.maximize},
                 {"nesterov", o.nesterov},
                 {"match_rms_adamw", o.adjust_lr_fn == "match_rms_adamw"},
                 {optim::ns_steps_flag(std::clamp<std::int64_t>(o.ns_steps, 1, 99)), true}}) {
  LILITH_CHECK(o.ns_steps >= 1 && o.ns_steps <= 99, "Muon: ns_steps is {}; need 1 to 99",
               o.ns_steps);
  LILITH_CHECK(o.adjust_lr_fn == "original" || o.adjust_lr_fn == "match_rms_adamw",
               "Muon: adjust_lr_fn is '{}'; need 'original' or 'match_rms_adamw'", o.adjust_lr_fn);
}

Adafactor::Adafactor(const AdafactorOptions& o, const LocScope&)
    : Optimizer(optim::kAdafactor,
                {{"lr", o.lr},
                 {"beta2_decay", o.beta2_decay},
                 {"eps1", o.eps1.value_or(0)},
                 {"eps2", o.eps2},
                 {"d", o.d},
                 {"weight_decay", o.weight_decay}},
                {{"maximize", o.maximize}, {"eps1", o.eps1.has_value()}}) {
  LILITH_CHECK(o.d >= 1, "Adafactor: d is {}; need d >= 1", o.d);
}

}  // namespace lilith
