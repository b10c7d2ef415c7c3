#pragma once
#include "lilith/optim/optimizer.h"
#include "lilith/real.h"

namespace lilith {

struct GradScalerOptions {
  detail::Named named = {};
  Real init_scale = 65536;
  /// What the scale is multiplied by after growth_interval steps without an infinity, and after a
  /// step with one.
  Real growth_factor = 2;
  Real backoff_factor = 0.5;
  Int growth_interval = 2000;
  bool enabled = true;  // false: scale 1, and every step is taken
};

namespace detail {
/// Gradients over the scale, in place; bool []: whether one of them is not finite.
Tensor unscale(const Tensor& scale, ModelRef grads);
/// While it lives, updates of this thread leave every parameter and all state as they were where
/// `skip`, bool [], is true.
class UpdateUnless {
 public:
  explicit UpdateUnless(const Tensor& skip);
  ~UpdateUnless();
  UpdateUnless(const UpdateUnless&) = delete;
  /// Undefined: updates are done.
  static Tensor condition();

 private:
  Tensor skip_;
  const Tensor* saved_;
};
}  // namespace detail

/// Keeps gradients of f16 from vanishing: the loss is scaled up before it is differentiated, the
/// gradients down before they are used; a step whose gradients hold an infinity or a NaN is left
/// out, and the scale falls; it grows again after a while. All of it is data: no value is asked
/// for, inside of compile and outside. A struct of tensors: an argument of compiled functions, a
/// part of checkpoints. bf16 needs none. Ref: torch.amp.GradScaler.
///
///   auto [loss, g] = grad([&](Net& m, Tensor x, Tensor y) {
///     return scaler.scale(loss_of(m, x, y)); }, net, x, y);
///   scaler.unscale_(opt, g);   // where they are clipped; step does it otherwise
///   scaler.step(opt, net, g);
///   scaler.update();
class GradScaler {
 public:
  /// Errors: numbers out of range: init_scale > 0, growth_factor > 1, backoff_factor in (0, 1),
  /// growth_interval >= 1.
  explicit GradScaler(const GradScalerOptions& options = {},
                      SourceLocation loc = SourceLocation::current());

  /// GradScaler(1024.0); GradScaler("cuda"), whose device is of no matter here. Error: a word that
  /// names none.
  template <detail::AnyNumber N>
  explicit GradScaler(N init_scale, const GradScalerOptions& options = {},
                      SourceLocation loc = SourceLocation::current())
      : GradScaler(detail::with_first(options, &GradScalerOptions::init_scale, init_scale,
                                      "init_scale", loc),
                   loc) {}
  template <detail::Word W>
  explicit GradScaler(const W& device, const GradScalerOptions& options = {},
                      SourceLocation loc = SourceLocation::current())
      : GradScaler((detail::check_device_word("GradScaler", device, loc), options), loc) {}

  /// loss * scale.
  Tensor scale(const Tensor& loss, SourceLocation loc = SourceLocation::current()) const;
  /// The gradients that step will be given, over the scale, in place. Error the second time for one
  /// optimiser before update().
  template <class G>
  void unscale_(const Optimizer& opt, G&& grads, SourceLocation loc = SourceLocation::current()) {
    begin(opt, false, loc);
    if (enabled)
      last(opt).found =
          detail::unscale(current_scale, ModelRef(detail::gradients_to_change(grads), loc));
  }
  /// lilith::update(opt, model, grads) where all gradients are finite, else nothing at all: no
  /// parameter, no state, no count of steps changes. Unscales them where unscale_ was not called.
  /// Several optimisers, one after another, are told apart. Error the second time for one before
  /// update().
  template <class M, class G>
  void step(Optimizer& opt, M& model, G&& grads, const UpdateOptions& options = {},
            SourceLocation loc = SourceLocation::current()) {
    if (!is_unscaled(opt)) unscale_(opt, grads, loc);
    begin(opt, true, loc);
    const detail::UpdateUnless condition(last(opt).found);
    try {
      lilith::update(opt, model, std::forward<G>(grads), options, loc);
    } catch (...) {
      used_.clear();  // a trace begins anew, too
      throw;
    }
  }
  /// The scale of the next step.
  void update(SourceLocation loc = SourceLocation::current());
  /// Sets it.
  void update(Real new_scale, SourceLocation loc = SourceLocation::current());

  /// Asks for the value. Error while a function is traced, which may return current_scale.
  double get_scale(SourceLocation loc = SourceLocation::current()) const;
  /// The scale and the steps since it grew. Ref: torch.amp.GradScaler.state_dict
  StateDict state_dict() const { return lilith::state_dict(*this); }
  void load_state_dict(const StateDict& dict, SourceLocation loc = SourceLocation::current()) {
    lilith::load_state_dict(ModelRef(*this, loc), dict);
  }
  bool is_enabled() const { return enabled; }
  double get_growth_factor() const { return growth_factor; }
  double get_backoff_factor() const { return backoff_factor; }
  std::int64_t get_growth_interval() const { return growth_interval; }

  Buffer current_scale, growth_tracker;  // f32 [], i32 []
  double growth_factor = 2, backoff_factor = 0.5;
  std::int64_t growth_interval = 2000;
  bool enabled = true;
  LILITH_FIELDS(current_scale, growth_tracker, growth_factor, backoff_factor, growth_interval,
                enabled)

 private:
  // Of an optimiser, since the last update().
  struct Used {
    const Optimizer* opt;
    Tensor found = {};  // bool []: its gradients are not all finite
    bool stepped = false;
  };
  void begin(const Optimizer& opt, bool stepped, SourceLocation loc);
  bool is_unscaled(const Optimizer& opt) const;
  Used& last(const Optimizer& opt);

  std::vector<Used> used_;
};

}  // namespace lilith
