#include "parity/modules.h"

namespace lilith::parity {
namespace {

template <class L>
using Pooled = std::pair<Tensor, Tensor> (*)(const Arg&, const IntList&, const IntList&,
                                             const IntList&, const IntList&, bool);

template <class L>
void max_pool(Table& t, const std::string& name, Pooled<L> with_indices) {
  t["nn." + name] = [with_indices](const Call& c) {
    const Call& k = c.ctor();
    const MaxPoolOptions o{.stride = k.longs(1, "stride", {}),
                           .padding = k.longs(2, "padding", {0}),
                           .dilation = k.longs(3, "dilation", {1}),
                           .ceil_mode = k.flag(5, "ceil_mode", false)};
    const IntList size = k.longs(0, "kernel_size");
    if (k.flag(4, "return_indices", false))
      return two(
          with_indices(c.operand(0, "input"), size, o.stride, o.padding, o.dilation, o.ceil_mode));
    return at_input(c, L(size, o));
  };
}
template <class L>
void avg_pool(Table& t, const std::string& name) {
  t["nn." + name] = [](const Call& c) {
    const Call& k = c.ctor();
    AvgPoolOptions o{.stride = k.longs(1, "stride", {}),
                     .padding = k.longs(2, "padding", {0}),
                     .ceil_mode = k.flag(3, "ceil_mode", false),
                     .count_include_pad = k.flag(4, "count_include_pad", true)};
    if (k.has(5, "divisor_override")) o.divisor_override = k.integer(5, "divisor_override");
    return at_input(c, L(k.longs(0, "kernel_size"), o));
  };
}
template <class L>
void adaptive_avg_pool(Table& t, const std::string& name) {
  t["nn." + name] = [](const Call& c) { return at_input(c, L(c.ctor().longs(0, "output_size"))); };
}
template <class L>
void adaptive_max_pool(Table& t, const std::string& name,
                       std::pair<Tensor, Tensor> (*with_indices)(const Arg&, const IntList&)) {
  t["nn." + name] = [with_indices](const Call& c) {
    const IntList size = c.ctor().longs(0, "output_size");
    if (c.ctor().flag(1, "return_indices", false))
      return two(with_indices(c.operand(0, "input"), size));
    return at_input(c, L(size));
  };
}
template <class L>
void lp_pool(Table& t, const std::string& name) {
  t["nn." + name] = [](const Call& c) {
    const Call& k = c.ctor();
    return at_input(c, L(k.real(0, "norm_type", 2), k.longs(1, "kernel_size"),
                         k.longs(2, "stride", {}), k.flag(3, "ceil_mode", false)));
  };
}
template <class L>
void max_unpool(Table& t, const std::string& name) {
  t["nn." + name] = [](const Call& c) {
    const Call& k = c.ctor();
    const L layer(k.longs(0, "kernel_size"), k.longs(1, "stride", {}), k.longs(2, "padding", {0}));
    return one(layer(c.tensor(0), c.tensor(1), c.longs(2, "output_size", {})));
  };
}

template <class L>
void batch_norm(Table& t, const std::string& name) {
  t["nn." + name] = [](const Call& c) {
    const Call& k = c.ctor();
    BatchNormOptions o{.eps = k.real(1, "eps", 1e-5),
                       .affine = k.flag(3, "affine", true),
                       .track_running_stats = k.flag(4, "track_running_stats", true)};
    if (k.is_none(2, "momentum"))
      o.momentum = std::nullopt;
    else
      o.momentum = k.real(2, "momentum", 0.1);
    L layer(k.integer(0, "num_features"), o);
    if (!k.flag(-1, "bias", true)) layer.bias = Tensor();
    return at_input(c, layer);
  };
}
template <class L>
void instance_norm(Table& t, const std::string& name) {
  t["nn." + name] = [](const Call& c) {
    const Call& k = c.ctor();
    L layer(k.integer(0, "num_features"),
            {.eps = k.real(1, "eps", 1e-5),
             .momentum = k.real(2, "momentum", 0.1),
             .affine = k.flag(3, "affine", false),
             .track_running_stats = k.flag(4, "track_running_stats", false)});
    if (!k.flag(-1, "bias", true)) layer.bias = Tensor();
    return at_input(c, layer);
  };
}

}  // namespace

void bind_pool_modules(Table& t) {
  max_pool<MaxPool1d>(t, "MaxPool1d", max_pool1d_with_indices);
  max_pool<MaxPool2d>(t, "MaxPool2d", max_pool2d_with_indices);
  max_pool<MaxPool3d>(t, "MaxPool3d", max_pool3d_with_indices);
  avg_pool<AvgPool1d>(t, "AvgPool1d");
  avg_pool<AvgPool2d>(t, "AvgPool2d");
  avg_pool<AvgPool3d>(t, "AvgPool3d");
  adaptive_avg_pool<AdaptiveAvgPool1d>(t, "AdaptiveAvgPool1d");
  adaptive_avg_pool<AdaptiveAvgPool2d>(t, "AdaptiveAvgPool2d");
  adaptive_avg_pool<AdaptiveAvgPool3d>(t, "AdaptiveAvgPool3d");
  adaptive_max_pool<AdaptiveMaxPool1d>(t, "AdaptiveMaxPool1d", adaptive_max_pool1d_with_indices);
  adaptive_max_pool<AdaptiveMaxPool2d>(t, "AdaptiveMaxPool2d", adaptive_max_pool2d_with_indices);
  adaptive_max_pool<AdaptiveMaxPool3d>(t, "AdaptiveMaxPool3d", adaptive_max_pool3d_with_indices);
  lp_pool<LPPool1d>(t, "LPPool1d");
  lp_pool<LPPool2d>(t, "LPPool2d");
  lp_pool<LPPool3d>(t, "LPPool3d");
  max_unpool<MaxUnpool1d>(t, "MaxUnpool1d");
  max_unpool<MaxUnpool2d>(t, "MaxUnpool2d");
  max_unpool<MaxUnpool3d>(t, "MaxUnpool3d");
  for (const char* name : {"nn.FractionalMaxPool2d", "nn.FractionalMaxPool3d"}) {
    t[name] = [](const Call&) -> std::vector<Tensor> {
      throw Unsupported("windows are drawn by another generator than PyTorch's");
    };
  }
}

void bind_norm_modules(Table& t) {
  batch_norm<BatchNorm1d>(t, "BatchNorm1d");
  batch_norm<BatchNorm2d>(t, "BatchNorm2d");
  batch_norm<BatchNorm3d>(t, "BatchNorm3d");
  instance_norm<InstanceNorm1d>(t, "InstanceNorm1d");
  instance_norm<InstanceNorm2d>(t, "InstanceNorm2d");
  instance_norm<InstanceNorm3d>(t, "InstanceNorm3d");
  t["nn.LayerNorm"] = [](const Call& c) {
    const Call& k = c.ctor();
    return at_input(c, LayerNorm(k.longs(0, "normalized_shape"),
                                 {.eps = k.real(1, "eps", 1e-5),
                                  .elementwise_affine = k.flag(2, "elementwise_affine", true),
                                  .bias = k.flag(3, "bias", true)}));
  };
  t["nn.RMSNorm"] = [](const Call& c) {
    const Call& k = c.ctor();
    RMSNormOptions o{.elementwise_affine = k.flag(2, "elementwise_affine", true)};
    if (k.has(1, "eps")) o.eps = k.real(1, "eps", 0);
    return at_input(c, RMSNorm(k.longs(0, "normalized_shape"), o));
  };
  t["nn.GroupNorm"] = [](const Call& c) {
    const Call& k = c.ctor();
    GroupNorm layer(k.integer(0, "num_groups"), k.integer(1, "num_channels"),
                    {.eps = k.real(2, "eps", 1e-5), .affine = k.flag(3, "affine", true)});
    if (!k.flag(-1, "bias", true)) layer.bias = Tensor();
    return at_input(c, layer);
  };
  t["nn.LocalResponseNorm"] = [](const Call& c) {
    const Call& k = c.ctor();
    return at_input(c, LocalResponseNorm{k.integer(0, "size"), k.real(1, "alpha", 1e-4),
                                         k.real(2, "beta", 0.75), k.real(3, "k", 1)});
  };
}

}  // namespace lilith::parity
