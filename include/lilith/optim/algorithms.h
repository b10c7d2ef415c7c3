#pragma once
#include <array>

#include "lilith/optim/optimizer.h"

namespace lilith {

// torch.optim's algorithms, options and defaults. Whether a state exists at all (momentum = 0,
// amsgrad) is decided when the optimiser is made; every number can be changed at any time with
// `hyper`. Options are given by name, Adam({.lr = 1e-3}), or in PyTorch's order, Adam(1e-3). Each
// opens its LocScope before its base is made.

struct SGDOptions {
  Real lr = 1e-3;
  Real momentum = 0;
  Real dampening = 0;
  Real weight_decay = 0;
  bool nesterov = false;
  detail::ByName by_name = {};
  bool maximize = false;
};
/// Stochastic gradient descent. Errors: nesterov without momentum or with dampening. Ref:
/// torch.optim.SGD.
class SGD : public Optimizer {
 public:
  explicit SGD(const SGDOptions& options = {}, SourceLocation loc = SourceLocation::current())
      : SGD(options, LocScope(loc)) {}
  template <detail::AnyNumber N>
  explicit SGD(N lr, Real momentum = 0, Real dampening = 0, Real weight_decay = 0,
               bool nesterov = false, SourceLocation loc = SourceLocation::current())
      : SGD(SGDOptions{.lr = lr,
                       .momentum = momentum,
                       .dampening = dampening,
                       .weight_decay = weight_decay,
                       .nesterov = nesterov},
            loc) {}
  template <detail::AnyNumber N>
  SGD(N lr, const SGDOptions& options, SourceLocation loc = SourceLocation::current())
      : SGD(detail::with_first(options, &SGDOptions::lr, lr, "lr", loc), loc) {}
  template <detail::GivenFirst<SGDOptions> P, class O = SGDOptions, class... A>
  explicit SGD(const P&, const O& = {}, const A&...) : SGD() {
    detail::refuse_parameters<P>();
  }

 private:
  SGD(const SGDOptions& options, const LocScope&);
};

struct AdamOptions {
  detail::Named named = {};
  Real lr = 1e-3;
  std::array<double, 2> betas = {0.9, 0.999};
  Real eps = 1e-8;
  Real weight_decay = 0;
  bool amsgrad = false;
  detail::ByName by_name = {};
  bool maximize = false;
};
/// Kingma and Ba, arXiv:1412.6980; weight decay is added to the gradient. Ref: torch.optim.Adam.
class Adam : public Optimizer {
 public:
  explicit Adam(const AdamOptions& options = {}, SourceLocation loc = SourceLocation::current())
      : Adam(options, LocScope(loc)) {}
  template <detail::AnyNumber N>
  explicit Adam(N lr, std::array<double, 2> betas = {0.9, 0.999}, Real eps = 1e-8,
                Real weight_decay = 0, bool amsgrad = false, detail::ByName = {},
                SourceLocation loc = SourceLocation::current())
      : Adam(AdamOptions{.lr = lr,
                         .betas = betas,
                         .eps = eps,
                         .weight_decay = weight_decay,
                         .amsgrad = amsgrad},
             loc) {}
  template <detail::AnyNumber N>
  Adam(N lr, const AdamOptions& options, SourceLocation loc = SourceLocation::current())
      : Adam(detail::with_first(options, &AdamOptions::lr, lr, "lr", loc), loc) {}
  template <detail::GivenFirst<AdamOptions> P, class O = AdamOptions, class... A>
  explicit Adam(const P&, const O& = {}, const A&...) : Adam() {
    detail::refuse_parameters<P>();
  }

 private:
  Adam(const AdamOptions& options, const LocScope&);
};

struct AdamWOptions {
  detail::Named named = {};
  Real lr = 1e-3;
  std::array<double, 2> betas = {0.9, 0.999};
  Real eps = 1e-8;
  Real weight_decay = 1e-2;
  bool amsgrad = false;
  detail::ByName by_name = {};
  bool maximize = false;
};
/// Adam with decoupled weight decay. Loshchilov and Hutter, arXiv:1711.05101. Ref:
/// torch.optim.AdamW.
class AdamW : public Optimizer {
 public:
  explicit AdamW(const AdamWOptions& options = {}, SourceLocation loc = SourceLocation::current())
      : AdamW(options, LocScope(loc)) {}
  template <detail::AnyNumber N>
  explicit AdamW(N lr, std::array<double, 2> betas = {0.9, 0.999}, Real eps = 1e-8,
                 Real weight_decay = 1e-2, bool amsgrad = false, detail::ByName = {},
                 SourceLocation loc = SourceLocation::current())
      : AdamW(AdamWOptions{.lr = lr,
                           .betas = betas,
                           .eps = eps,
                           .weight_decay = weight_decay,
                           .amsgrad = amsgrad},
              loc) {}
  template <detail::AnyNumber N>
  AdamW(N lr, const AdamWOptions& options, SourceLocation loc = SourceLocation::current())
      : AdamW(detail::with_first(options, &AdamWOptions::lr, lr, "lr", loc), loc) {}
  template <detail::GivenFirst<AdamWOptions> P, class O = AdamWOptions, class... A>
  explicit AdamW(const P&, const O& = {}, const A&...) : AdamW() {
    detail::refuse_parameters<P>();
  }

 private:
  AdamW(const AdamWOptions& options, const LocScope&);
};

struct RMSpropOptions {
  Real lr = 1e-2;
  Real alpha = 0.99;
  Real eps = 1e-8;
  Real weight_decay = 0;
  Real momentum = 0;
  bool centered = false;
  detail::ByName by_name = {};
  bool maximize = false;
};
/// Ref: torch.optim.RMSprop.
class RMSprop : public Optimizer {
 public:
  explicit RMSprop(const RMSpropOptions& options = {},
                   SourceLocation loc = SourceLocation::current())
      : RMSprop(options, LocScope(loc)) {}
  template <detail::AnyNumber N>
  explicit RMSprop(N lr, Real alpha = 0.99, Real eps = 1e-8, Real weight_decay = 0,
                   Real momentum = 0, bool centered = false,
                   SourceLocation loc = SourceLocation::current())
      : RMSprop(RMSpropOptions{.lr = lr,
                               .alpha = alpha,
                               .eps = eps,
                               .weight_decay = weight_decay,
                               .momentum = momentum,
                               .centered = centered},
                loc) {}
  template <detail::AnyNumber N>
  RMSprop(N lr, const RMSpropOptions& options, SourceLocation loc = SourceLocation::current())
      : RMSprop(detail::with_first(options, &RMSpropOptions::lr, lr, "lr", loc), loc) {}
  template <detail::GivenFirst<RMSpropOptions> P, class O = RMSpropOptions, class... A>
  explicit RMSprop(const P&, const O& = {}, const A&...) : RMSprop() {
    detail::refuse_parameters<P>();
  }

 private:
  RMSprop(const RMSpropOptions& options, const LocScope&);
};

struct AdagradOptions {
  Real lr = 1e-2;
  Real lr_decay = 0;
  Real weight_decay = 0;
  Real initial_accumulator_value = 0;
  Real eps = 1e-10;
  detail::ByName by_name = {};
  bool maximize = false;
};
/// Duchi, Hazan and Singer 2011. Ref: torch.optim.Adagrad.
class Adagrad : public Optimizer {
 public:
  explicit Adagrad(const AdagradOptions& options = {},
                   SourceLocation loc = SourceLocation::current())
      : Adagrad(options, LocScope(loc)) {}
  template <detail::AnyNumber N>
  explicit Adagrad(N lr, Real lr_decay = 0, Real weight_decay = 0,
                   Real initial_accumulator_value = 0, Real eps = 1e-10,
                   SourceLocation loc = SourceLocation::current())
      : Adagrad(AdagradOptions{.lr = lr,
                               .lr_decay = lr_decay,
                               .weight_decay = weight_decay,
                               .initial_accumulator_value = initial_accumulator_value,
                               .eps = eps},
                loc) {}
  template <detail::AnyNumber N>
  Adagrad(N lr, const AdagradOptions& options, SourceLocation loc = SourceLocation::current())
      : Adagrad(detail::with_first(options, &AdagradOptions::lr, lr, "lr", loc), loc) {}
  template <detail::GivenFirst<AdagradOptions> P, class O = AdagradOptions, class... A>
  explicit Adagrad(const P&, const O& = {}, const A&...) : Adagrad() {
    detail::refuse_parameters<P>();
  }

 private:
  Adagrad(const AdagradOptions& options, const LocScope&);
};

struct AdadeltaOptions {
  Real lr = 1;
  Real rho = 0.9;
  Real eps = 1e-6;
  Real weight_decay = 0;
  detail::ByName by_name = {};
  bool maximize = false;
};
/// Zeiler, arXiv:1212.5701. Ref: torch.optim.Adadelta.
class Adadelta : public Optimizer {
 public:
  explicit Adadelta(const AdadeltaOptions& options = {},
                    SourceLocation loc = SourceLocation::current())
      : Adadelta(options, LocScope(loc)) {}
  template <detail::AnyNumber N>
  explicit Adadelta(N lr, Real rho = 0.9, Real eps = 1e-6, Real weight_decay = 0,
                    SourceLocation loc = SourceLocation::current())
      : Adadelta(AdadeltaOptions{.lr = lr, .rho = rho, .eps = eps, .weight_decay = weight_decay},
                 loc) {}
  template <detail::AnyNumber N>
  Adadelta(N lr, const AdadeltaOptions& options, SourceLocation loc = SourceLocation::current())
      : Adadelta(detail::with_first(options, &AdadeltaOptions::lr, lr, "lr", loc), loc) {}
  template <detail::GivenFirst<AdadeltaOptions> P, class O = AdadeltaOptions, class... A>
  explicit Adadelta(const P&, const O& = {}, const A&...) : Adadelta() {
    detail::refuse_parameters<P>();
  }

 private:
  Adadelta(const AdadeltaOptions& options, const LocScope&);
};

struct AdamaxOptions {
  detail::Named named = {};
  Real lr = 2e-3;
  std::array<double, 2> betas = {0.9, 0.999};
  Real eps = 1e-8;
  Real weight_decay = 0;
  detail::ByName by_name = {};
  bool maximize = false;
};
/// Adam with the infinity norm. Ref: torch.optim.Adamax.
class Adamax : public Optimizer {
 public:
  explicit Adamax(const AdamaxOptions& options = {}, SourceLocation loc = SourceLocation::current())
      : Adamax(options, LocScope(loc)) {}
  template <detail::AnyNumber N>
  explicit Adamax(N lr, std::array<double, 2> betas = {0.9, 0.999}, Real eps = 1e-8,
                  Real weight_decay = 0, detail::ByName = {},
                  SourceLocation loc = SourceLocation::current())
      : Adamax(AdamaxOptions{.lr = lr, .betas = betas, .eps = eps, .weight_decay = weight_decay},
               loc) {}
  template <detail::AnyNumber N>
  Adamax(N lr, const AdamaxOptions& options, SourceLocation loc = SourceLocation::current())
      : Adamax(detail::with_first(options, &AdamaxOptions::lr, lr, "lr", loc), loc) {}
  template <detail::GivenFirst<AdamaxOptions> P, class O = AdamaxOptions, class... A>
  explicit Adamax(const P&, const O& = {}, const A&...) : Adamax() {
    detail::refuse_parameters<P>();
  }

 private:
  Adamax(const AdamaxOptions& options, const LocScope&);
};

struct NAdamOptions {
  detail::Named named = {};
  Real lr = 2e-3;
  std::array<double, 2> betas = {0.9, 0.999};
  Real eps = 1e-8;
  Real weight_decay = 0;
  Real momentum_decay = 4e-3;
  detail::ByName by_name = {};
  bool maximize = false;
};
/// Adam with Nesterov's momentum. Dozat 2016. Ref: torch.optim.NAdam.
class NAdam : public Optimizer {
 public:
  explicit NAdam(const NAdamOptions& options = {}, SourceLocation loc = SourceLocation::current())
      : NAdam(options, LocScope(loc)) {}
  template <detail::AnyNumber N>
  explicit NAdam(N lr, std::array<double, 2> betas = {0.9, 0.999}, Real eps = 1e-8,
                 Real weight_decay = 0, Real momentum_decay = 4e-3, detail::ByName = {},
                 SourceLocation loc = SourceLocation::current())
      : NAdam(NAdamOptions{.lr = lr,
                           .betas = betas,
                           .eps = eps,
                           .weight_decay = weight_decay,
                           .momentum_decay = momentum_decay},
              loc) {}
  template <detail::AnyNumber N>
  NAdam(N lr, const NAdamOptions& options, SourceLocation loc = SourceLocation::current())
      : NAdam(detail::with_first(options, &NAdamOptions::lr, lr, "lr", loc), loc) {}
  template <detail::GivenFirst<NAdamOptions> P, class O = NAdamOptions, class... A>
  explicit NAdam(const P&, const O& = {}, const A&...) : NAdam() {
    detail::refuse_parameters<P>();
  }

 private:
  NAdam(const NAdamOptions& options, const LocScope&);
};

struct RAdamOptions {
  detail::Named named = {};
  Real lr = 1e-3;
  std::array<double, 2> betas = {0.9, 0.999};
  Real eps = 1e-8;
  Real weight_decay = 0;
  detail::ByName by_name = {};
  bool maximize = false;
};
/// Rectified Adam. Liu et al., arXiv:1908.03265. Ref: torch.optim.RAdam.
class RAdam : public Optimizer {
 public:
  explicit RAdam(const RAdamOptions& options = {}, SourceLocation loc = SourceLocation::current())
      : RAdam(options, LocScope(loc)) {}
  template <detail::AnyNumber N>
  explicit RAdam(N lr, std::array<double, 2> betas = {0.9, 0.999}, Real eps = 1e-8,
                 Real weight_decay = 0, detail::ByName = {},
                 SourceLocation loc = SourceLocation::current())
      : RAdam(RAdamOptions{.lr = lr, .betas = betas, .eps = eps, .weight_decay = weight_decay},
              loc) {}
  template <detail::AnyNumber N>
  RAdam(N lr, const RAdamOptions& options, SourceLocation loc = SourceLocation::current())
      : RAdam(detail::with_first(options, &RAdamOptions::lr, lr, "lr", loc), loc) {}
  template <detail::GivenFirst<RAdamOptions> P, class O = RAdamOptions, class... A>
  explicit RAdam(const P&, const O& = {}, const A&...) : RAdam() {
    detail::refuse_parameters<P>();
  }

 private:
  RAdam(const RAdamOptions& options, const LocScope&);
};

struct ASGDOptions {
  Real lr = 1e-2;
  Real lambd = 1e-4;
  Real alpha = 0.75;
  Real t0 = 1e6;
  Real weight_decay = 0;
  detail::ByName by_name = {};
  bool maximize = false;
};
/// Averaged SGD; the average is the state "ax". Polyak and Juditsky 1992. Ref: torch.optim.ASGD.
class ASGD : public Optimizer {
 public:
  explicit ASGD(const ASGDOptions& options = {}, SourceLocation loc = SourceLocation::current())
      : ASGD(options, LocScope(loc)) {}
  template <detail::AnyNumber N>
  explicit ASGD(N lr, Real lambd = 1e-4, Real alpha = 0.75, Real t0 = 1e6, Real weight_decay = 0,
                SourceLocation loc = SourceLocation::current())
      : ASGD(
            ASGDOptions{
                .lr = lr, .lambd = lambd, .alpha = alpha, .t0 = t0, .weight_decay = weight_decay},
            loc) {}
  template <detail::AnyNumber N>
  ASGD(N lr, const ASGDOptions& options, SourceLocation loc = SourceLocation::current())
      : ASGD(detail::with_first(options, &ASGDOptions::lr, lr, "lr", loc), loc) {}
  template <detail::GivenFirst<ASGDOptions> P, class O = ASGDOptions, class... A>
  explicit ASGD(const P&, const O& = {}, const A&...) : ASGD() {
    detail::refuse_parameters<P>();
  }

 private:
  ASGD(const ASGDOptions& options, const LocScope&);
};

struct RpropOptions {
  detail::Named named = {};
  Real lr = 1e-2;
  std::array<double, 2> etas = {0.5, 1.2};
  std::array<double, 2> step_sizes = {1e-6, 50};
  detail::ByName by_name = {};
  bool maximize = false;
};
/// Resilient backpropagation. Ref: torch.optim.Rprop.
class Rprop : public Optimizer {
 public:
  explicit Rprop(const RpropOptions& options = {}, SourceLocation loc = SourceLocation::current())
      : Rprop(options, LocScope(loc)) {}
  template <detail::AnyNumber N>
  explicit Rprop(N lr, std::array<double, 2> etas = {0.5, 1.2},
                 std::array<double, 2> step_sizes = {1e-6, 50}, detail::ByName = {},
                 SourceLocation loc = SourceLocation::current())
      : Rprop(RpropOptions{.lr = lr, .etas = etas, .step_sizes = step_sizes}, loc) {}
  template <detail::AnyNumber N>
  Rprop(N lr, const RpropOptions& options, SourceLocation loc = SourceLocation::current())
      : Rprop(detail::with_first(options, &RpropOptions::lr, lr, "lr", loc), loc) {}
  template <detail::GivenFirst<RpropOptions> P, class O = RpropOptions, class... A>
  explicit Rprop(const P&, const O& = {}, const A&...) : Rprop() {
    detail::refuse_parameters<P>();
  }

 private:
  Rprop(const RpropOptions& options, const LocScope&);
};

}  // namespace lilith
