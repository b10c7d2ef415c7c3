#include "lilith/optim/grad_scaler.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "eval/lazy.h"
#include "ir/one_device.h"
#include "lilith/compile.h"
#include "lilith/ops/create.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/reduce.h"
#include "ops/half.h"

namespace lilith {

GradScaler::GradScaler(const GradScalerOptions& o, SourceLocation loc)
    : growth_factor(o.growth_factor),
      backoff_factor(o.backoff_factor),
      growth_interval(o.growth_interval),
      enabled(o.enabled) {
  const LocScope scope(loc, "GradScaler");
  LILITH_CHECK(o.init_scale > 0 && std::isfinite(double{o.init_scale}),
               "GradScaler: init_scale is {}; need a finite number > 0", double{o.init_scale});
  LILITH_CHECK(o.growth_factor > 1, "GradScaler: growth_factor is {}; need > 1", growth_factor);
  LILITH_CHECK(o.backoff_factor > 0 && o.backoff_factor < 1,
               "GradScaler: backoff_factor is {}; need one between 0 and 1", backoff_factor);
  LILITH_CHECK(growth_interval >= 1, "GradScaler: growth_interval is {}; need >= 1",
               growth_interval);
  current_scale = full({}, enabled ? double{o.init_scale} : 1.0);
  growth_tracker = zeros({}, {.dtype = DType::I32});
}

Tensor GradScaler::scale(const Tensor& loss, SourceLocation loc) const {
  const LocScope scope(loc);
  return enabled ? loss * ir::on_device(Tensor(current_scale), loss.device()) : loss;
}

bool GradScaler::is_unscaled(const Optimizer& opt) const {
  return std::ranges::any_of(used_, [&](const Used& u) { return u.opt == &opt; });
}
GradScaler::Used& GradScaler::last(const Optimizer& opt) {
  return *std::ranges::find_if(used_, [&](const Used& u) { return u.opt == &opt; });
}

void GradScaler::begin(const Optimizer& opt, bool stepped, SourceLocation loc) {
  const LocScope scope(loc, stepped ? "step" : "unscale_");
  if (stepped) {
    LILITH_CHECK(!last(opt).stepped,
                 "step: this optimiser has made its step since the last update(); call update()");
    last(opt).stepped = true;
    return;
  }
  LILITH_CHECK(!is_unscaled(opt),
               "unscale_: the gradients of this optimiser are unscaled since the last update()");
  used_.push_back({&opt});
}

// It grows as long as it is finite.
void GradScaler::update(SourceLocation loc) {
  const LocScope scope(loc);
  const std::vector<Used> used = std::exchange(used_, {});
  if (!enabled) return;
  LILITH_CHECK(!used.empty(), "update: no step or unscale_ since the last update()");
  const Tensor now = current_scale, run = Tensor(growth_tracker) + 1;
  Tensor found;
  for (const Used& u : used) {
    const Tensor here = ir::on_device(u.found, now.device());
    found = found.defined() ? logical_or(found, here) : here;
  }
  const Tensor full_run = run == growth_interval, grown = now * growth_factor;
  current_scale =
      where(found, now * backoff_factor, where(logical_and(full_run, isfinite(grown)), grown, now));
  growth_tracker = where(logical_or(found, full_run), zeros_like(run), run);
  if (!tracing()) eval_pending(*this);
}

void GradScaler::update(Real new_scale, SourceLocation loc) {
  const LocScope scope(loc);
  LILITH_CHECK(new_scale > 0 && std::isfinite(double{new_scale}),
               "update: new_scale is {}; need a finite number > 0", double{new_scale});
  used_.clear();
  if (enabled)
    current_scale = full({}, double{new_scale}, {.device = Tensor(current_scale).device()});
}

double GradScaler::get_scale(SourceLocation loc) const {
  const LocScope scope(loc);
  LILITH_CHECK(!tracing(),
               "get_scale: the scale's value is asked for while a function is traced; return the "
               "tensor scaler.current_scale from the function, from a loss with grad_aux, or ask "
               "outside of it");
  return Tensor(current_scale).item<double>();
}

Tensor detail::unscale(const Tensor& scale, ModelRef grads) {
  const LocScope scope(grads.loc(), "unscale_");
  const driver::BuildingScope building;
  const Tensor factor = 1 / scale;
  Tensor found = zeros({}, {.dtype = DType::Bool, .device = scale.device()});
  for_each_parameter(grads, [&](const std::string&, Tensor& g) {
    if (!g.defined() || !is_floating(g.dtype())) return;
    const DType dtype = g.dtype();
    const Tensor by = ir::on_device(factor, g.device()).to(compute_dtype(dtype));
    const Tensor wide = ops::widened(g) * by;
    found = logical_or(found, ir::on_device(logical_not(isfinite(wide)).any(), found.device()));
    g = ops::narrowed(wide, dtype);
  });
  return found;
}

}  // namespace lilith
