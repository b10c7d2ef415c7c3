#pragma once
#include <array>
#include <optional>
#include <string_view>

#include "lilith/optim/optimizer.h"

namespace lilith {

// Algorithms of recent years. Options as those of lilith/optim/algorithms.h.

struct LionOptions {
  detail::Named named = {};
  Real lr = 1e-4;
  std::array<double, 2> betas = {0.9, 0.99};
  Real weight_decay = 0;
  detail::ByName by_name = {};
  bool maximize = false;
};
/// Steps of one size, in the sign of an average of gradients; decoupled weight decay. Chen et al.,
/// arXiv:2302.06675.
class Lion : public Optimizer {
 public:
  explicit Lion(const LionOptions& options = {}, SourceLocation loc = SourceLocation::current())
      : Lion(options, LocScope(loc)) {}
  template <detail::AnyNumber N>
  explicit Lion(N lr, std::array<double, 2> betas = {0.9, 0.99}, Real weight_decay = 0,
                SourceLocation loc = SourceLocation::current())
      : Lion(LionOptions{.lr = lr, .betas = betas, .weight_decay = weight_decay}, loc) {}
  template <detail::AnyNumber N>
  Lion(N lr, const LionOptions& options, SourceLocation loc = SourceLocation::current())
      : Lion(detail::with_first(options, &LionOptions::lr, lr, "lr", loc), loc) {}
  template <detail::GivenFirst<LionOptions> P, class O = LionOptions, class... A>
  explicit Lion(const P&, const O& = {}, const A&...) : Lion() {
    detail::refuse_parameters<P>();
  }

 private:
  Lion(const LionOptions& options, const LocScope&);
};

struct MuonOptions {
  detail::Named named = {};
  Real lr = 1e-3;
  Real weight_decay = 0.1;
  Real momentum = 0.95;
  bool nesterov = true;
  std::array<double, 3> ns_coefficients = {3.4445, -4.7750, 2.0315};
  Real eps = 1e-7;
  Int ns_steps = 5;
  /// "original": the rate times sqrt(max(1, rows / columns)); "match_rms_adamw": times
  /// 0.2 sqrt(max(rows, columns)).
  std::string_view adjust_lr_fn = "original";
  detail::ByName by_name = {};
  bool maximize = false;
};
/// Momentum whose matrices are made orthogonal by Newton-Schulz steps; decoupled weight decay. For
/// parameters of two dimensions: freeze or ignore the others and give them to another optimiser.
/// The steps are computed in the parameter's precision, where PyTorch takes bfloat16. Errors: a
/// parameter of other rank, at its update; ns_steps outside 1 to 99. Jordan et al. 2024. Ref:
/// torch.optim.Muon.
class Muon : public Optimizer {
 public:
  explicit Muon(const MuonOptions& options = {}, SourceLocation loc = SourceLocation::current())
      : Muon(options, LocScope(loc)) {}
  template <detail::AnyNumber N>
  explicit Muon(N lr, Real weight_decay = 0.1, Real momentum = 0.95, bool nesterov = true,
                SourceLocation loc = SourceLocation::current())
      : Muon(
            MuonOptions{
                .lr = lr, .weight_decay = weight_decay, .momentum = momentum, .nesterov = nesterov},
            loc) {}
  template <detail::AnyNumber N>
  Muon(N lr, const MuonOptions& options, SourceLocation loc = SourceLocation::current())
      : Muon(detail::with_first(options, &MuonOptions::lr, lr, "lr", loc), loc) {}
  template <detail::GivenFirst<MuonOptions> P, class O = MuonOptions, class... A>
  explicit Muon(const P&, const O& = {}, const A&...) : Muon() {
    detail::refuse_parameters<P>();
  }

 private:
  Muon(const MuonOptions& options, const LocScope&);
};

struct AdafactorOptions {
  Real lr = 1e-2;
  Real beta2_decay = -0.8;
  /// The least estimate of a gradient's square is the first one's square (none: the dtype's
  /// smallest step at 1); the least root mean square that a parameter counts as is the second.
  std::optional<Real> eps1 = {};
  Real eps2 = 1e-3;
  Real d = 1;  // updates of a larger root mean square are scaled to it
  Real weight_decay = 0;
  detail::ByName by_name = {};
  bool maximize = false;
};
/// Adam's second moments as products of a row's and a column's means; steps relative to the size of
/// the parameter. Shazeer and Stern, arXiv:1804.04235. Ref: torch.optim.Adafactor.
class Adafactor : public Optimizer {
 public:
  explicit Adafactor(const AdafactorOptions& options = {},
                     SourceLocation loc = SourceLocation::current())
      : Adafactor(options, LocScope(loc)) {}
  template <detail::AnyNumber N>
  explicit Adafactor(N lr, Real beta2_decay = -0.8, SourceLocation loc = SourceLocation::current())
      : Adafactor(AdafactorOptions{.lr = lr, .beta2_decay = beta2_decay}, loc) {}
  template <detail::AnyNumber N>
  Adafactor(N lr, const AdafactorOptions& options, SourceLocation loc = SourceLocation::current())
      : Adafactor(detail::with_first(options, &AdafactorOptions::lr, lr, "lr", loc), loc) {}
  template <detail::GivenFirst<AdafactorOptions> P, class O = AdafactorOptions, class... A>
  explicit Adafactor(const P&, const O& = {}, const A&...) : Adafactor() {
    detail::refuse_parameters<P>();
  }

 private:
  Adafactor(const AdafactorOptions& options, const LocScope&);
};

}  // namespace lilith
