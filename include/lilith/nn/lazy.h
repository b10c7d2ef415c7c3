#pragma once
#include <concepts>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include "lilith/model.h"
#include "lilith/nn/conv.h"
#include "lilith/nn/linear.h"
#include "lilith/nn/norm.h"
#include "lilith/reflect.h"
#include "lilith/tensor.h"

namespace lilith {

namespace detail {

/// Size of the dimension that a lazy layer takes from its first input. Errors: too few dimensions,
/// a first input inside of grad, compile and the like, where what it makes would be lost.
std::int64_t lazy_size(const char* layer, const Tensor& x, std::int64_t dim);
[[noreturn]] void fail_not_made(const char* layer);

/// A layer that is made when the size of its input is known: at its first call, on that input's
/// device. From then on it is that layer, its parameters named as the layer's own; before it has
/// none.
template <class Layer>
class Lazy {
 public:
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) {
    LocScope scope(loc);
    if (!layer_) {
      layer_ = make_(lazy_size(name_, x, dim_));
      if constexpr (requires { layer_->training; }) layer_->training = training_;
      move_to(x.device(), *layer_);
    }
    return (*layer_)(x, loc);
  }
  /// Error before the first call.
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const
    requires std::is_invocable_v<const Layer&, const Tensor&>
  {
    LocScope scope(loc);
    if (!layer_) fail_not_made(name_);
    return (*layer_)(x, loc);
  }
  bool made() const { return layer_.has_value(); }
  /// The layer: `net.fc->weight`. Error before the first call.
  Layer* operator->() {
    if (!layer_) fail_not_made(name_);
    return &*layer_;
  }
  const Layer* operator->() const { return const_cast<Lazy*>(this)->operator->(); }

  LILITH_CLASS
  void visit_fields(Visitor& v) {
    v.structure(layer_.has_value());
    if (layer_) return layer_->visit_fields(v);
    v.enter("training");
    v.flag(training_);
    v.leave();
  }

 protected:
  /// dim: of the input, whose size `make` takes.
  Lazy(const char* name, std::int64_t dim, std::function<Layer(std::int64_t size)> make)
      : name_(name), dim_(dim), make_(std::move(make)) {}

 private:
  const char* name_;
  std::int64_t dim_;
  std::function<Layer(std::int64_t size)> make_;
  std::optional<Layer> layer_;
  bool training_ = true;
};

}  // namespace detail

// Layers whose number of input features or channels is that of their first input: net(example) once
// before training, outside of grad and compile. Ref: torch.nn.LazyLinear, LazyConv2d, …

class LazyLinear : public detail::Lazy<Linear> {
 public:
  explicit LazyLinear(Int out_features, const LinearOptions& options = {})
      : Lazy("LazyLinear", -1, [=](std::int64_t in) { return Linear(in, out_features, options); }) {
  }
  template <std::same_as<bool> B>
  LazyLinear(Int out_features, B bias) : LazyLinear(out_features, LinearOptions{.bias = bias}) {}
};

namespace detail {

/// Options are those of Layer; channels are dimension 1 of a batch, here counted from the end.
template <class Layer, class Options, int D>
class LazyConvOf : public Lazy<Layer> {
 protected:
  LazyConvOf(const char* name, Int out_channels, const IntList& kernel_size, const Options& options)
      : Lazy<Layer>(name, -1 - D, [=](std::int64_t in) {
          return Layer(in, out_channels, kernel_size, options);
        }) {}
};
template <class Layer, int D>
class LazyNormOf : public Lazy<Layer> {
 protected:
  LazyNormOf(const char* name, const BatchNormOptions& options)
      : Lazy<Layer>(name, D == 1 ? 1 : -1 - D,
                    [=](std::int64_t channels) { return Layer(channels, options); }) {}
};

}  // namespace detail

class LazyConv1d : public detail::LazyConvOf<Conv1d, ConvOptions, 1> {
 public:
  LazyConv1d(Int out_channels, const IntList& kernel_size, const ConvOptions& options = {})
      : LazyConvOf("LazyConv1d", out_channels, kernel_size, options) {}
};
class LazyConv2d : public detail::LazyConvOf<Conv2d, ConvOptions, 2> {
 public:
  LazyConv2d(Int out_channels, const IntList& kernel_size, const ConvOptions& options = {})
      : LazyConvOf("LazyConv2d", out_channels, kernel_size, options) {}
};
class LazyConv3d : public detail::LazyConvOf<Conv3d, ConvOptions, 3> {
 public:
  LazyConv3d(Int out_channels, const IntList& kernel_size, const ConvOptions& options = {})
      : LazyConvOf("LazyConv3d", out_channels, kernel_size, options) {}
};
class LazyConvTranspose1d : public detail::LazyConvOf<ConvTranspose1d, ConvTransposeOptions, 1> {
 public:
  LazyConvTranspose1d(Int out_channels, const IntList& kernel_size,
                      const ConvTransposeOptions& options = {})
      : LazyConvOf("LazyConvTranspose1d", out_channels, kernel_size, options) {}
};
class LazyConvTranspose2d : public detail::LazyConvOf<ConvTranspose2d, ConvTransposeOptions, 2> {
 public:
  LazyConvTranspose2d(Int out_channels, const IntList& kernel_size,
                      const ConvTransposeOptions& options = {})
      : LazyConvOf("LazyConvTranspose2d", out_channels, kernel_size, options) {}
};
class LazyConvTranspose3d : public detail::LazyConvOf<ConvTranspose3d, ConvTransposeOptions, 3> {
 public:
  LazyConvTranspose3d(Int out_channels, const IntList& kernel_size,
                      const ConvTransposeOptions& options = {})
      : LazyConvOf("LazyConvTranspose3d", out_channels, kernel_size, options) {}
};
class LazyBatchNorm1d : public detail::LazyNormOf<BatchNorm1d, 1> {
 public:
  explicit LazyBatchNorm1d(const BatchNormOptions& options = {})
      : LazyNormOf("LazyBatchNorm1d", options) {}
};
class LazyBatchNorm2d : public detail::LazyNormOf<BatchNorm2d, 2> {
 public:
  explicit LazyBatchNorm2d(const BatchNormOptions& options = {})
      : LazyNormOf("LazyBatchNorm2d", options) {}
};
class LazyBatchNorm3d : public detail::LazyNormOf<BatchNorm3d, 3> {
 public:
  explicit LazyBatchNorm3d(const BatchNormOptions& options = {})
      : LazyNormOf("LazyBatchNorm3d", options) {}
};

}  // namespace lilith
