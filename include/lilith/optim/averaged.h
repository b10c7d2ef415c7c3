#pragma once
#include <optional>
#include <utility>

#include "lilith/model.h"
#include "lilith/nn/norm.h"
#include "lilith/ops/create.h"
#include "lilith/ops/elementwise.h"

namespace lilith {

struct AveragedModelOptions {
  detail::Named named = {};
  /// Exponential: average = decay average + (1 - decay) parameter. None: the mean of all that came.
  std::optional<Real> decay = {};
  /// Averages floating buffers too; else they are copied.
  bool use_buffers = false;
};

namespace detail {
/// Moves the tensors of `average` towards those of `model` by `rate`, 0-d f64; others are copied.
void average_into(ModelRef average, ConstModelRef model, const Tensor& rate, bool use_buffers);
/// Computes what is pending in a model.
void settle(ConstModelRef model);
}  // namespace detail

/// A model with averages of another one's parameters, called as that one is: stochastic weight
/// averaging, or an exponential moving average ({.decay = 0.999}). State as PyTorch's: "module.…",
/// "n_averaged". May be updated inside `compile`. Ref: torch.optim.swa_utils.AveragedModel,
/// arXiv:1803.05407.
template <class M>
class AveragedModel {
 public:
  explicit AveragedModel(const M& model, const AveragedModelOptions& options = {},
                         SourceLocation loc = SourceLocation::current())
      : module(clone(model)), use_buffers(options.use_buffers) {
    LocScope scope(loc, "AveragedModel");
    if (options.decay) {
      decay = double(*options.decay);
      LILITH_CHECK(*decay >= 0 && *decay <= 1, "AveragedModel: decay is {}; need 0 to 1", *decay);
    }
    n_averaged = zeros({}, {.dtype = DType::I64});
  }
  /// The model's parameters count once more.
  void update_parameters(const M& model, SourceLocation loc = SourceLocation::current()) {
    LocScope scope(loc, nullptr);
    const Tensor n = Tensor(n_averaged).to(DType::F64);
    // The first are taken as they are.
    const Tensor rate = decay ? where(n == 0, 1.0, 1 - *decay) : 1 / (n + 1);
    detail::average_into(ModelRef(module, loc), model, rate, use_buffers);
    n_averaged = Tensor(n_averaged) + 1;
  }
  template <class... A>
  auto operator()(const A&... args) {
    return module(args...);
  }
  template <class... A>
  auto operator()(const A&... args) const {
    return module(args...);
  }

  M module;
  Buffer n_averaged;  // i64 []
  std::optional<double> decay;
  bool use_buffers = false;
  LILITH_FIELDS(module, n_averaged, decay, use_buffers)
};

/// Computes the running statistics of the batch norms of `model` anew, as means over the loader's
/// batches: after weights were averaged. Layers keep their modes. Ref:
/// torch.optim.swa_utils.update_bn.
template <class Loader, class M>
void update_bn(const Loader& loader, M& model) {
  using Momentum = std::optional<double>;
  std::vector<std::pair<Momentum*, Momentum>> before;
  std::vector<std::pair<bool*, bool>> modes;
  const auto reset = [&](auto& layer) {
    if (!layer.running_mean.defined()) return;
    layer.running_mean = zeros_like(layer.running_mean);
    layer.running_var = ones_like(layer.running_var);
    layer.num_batches_tracked = zeros({}, {.dtype = DType::I64});
    before.emplace_back(&layer.momentum, std::exchange(layer.momentum, {}));
  };
  apply(
      model, [&](BatchNorm1d& l) { reset(l); }, [&](BatchNorm2d& l) { reset(l); },
      [&](BatchNorm3d& l) { reset(l); });
  if (before.empty()) return;
  visit_fields(ModelRef(model), [&](const std::string& path, bool& flag) {
    if (path.ends_with("training")) modes.emplace_back(&flag, flag);
  });
  train_mode(model);
  for (auto batch : loader) {
    model(batch[0]);
    detail::settle(model);  // holds no batch until the end
  }
  for (auto& [flag, mode] : modes) *flag = mode;
  for (auto& [momentum, value] : before) *momentum = value;
}

}  // namespace lilith
