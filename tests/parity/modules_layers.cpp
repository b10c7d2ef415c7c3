#include "parity/modules.h"

namespace lilith::parity {
namespace {

template <class L>
void with_dim(Table& t, const std::string& name) {
  t["nn." + name] = [](const Call& c) {
    L layer;
    if (c.ctor().has(0, "dim")) layer.dim = Dim(static_cast<int>(c.ctor().integer(0, "dim")));
    return at_input(c, layer);
  };
}
template <class L>
void with_alpha(Table& t, const std::string& name) {
  t["nn." + name] = [](const Call& c) {
    return at_input(c, L{.alpha = c.ctor().real(0, "alpha", 1)});
  };
}
template <class L>
void with_lambd(Table& t, const std::string& name) {
  t["nn." + name] = [](const Call& c) {
    return at_input(c, L{.lambd = c.ctor().real(0, "lambd", 0.5)});
  };
}

template <class L>
void padding(Table& t, const std::string& name) {
  t["nn." + name] = [](const Call& c) { return at_input(c, L(c.ctor().longs(0, "padding"))); };
}
template <class L>
void constant_padding(Table& t, const std::string& name) {
  t["nn." + name] = [](const Call& c) {
    return at_input(c, L(c.ctor().longs(0, "padding"), c.ctor().real(1, "value", 0)));
  };
}

template <class L>
void conv(Table& t, const std::string& name) {
  t["nn." + name] = [](const Call& c) {
    const Call& k = c.ctor();
    const std::string mode = k.text(8, "padding_mode", "zeros");
    ConvOptions o{.stride = k.longs(3, "stride", {1}),
                  .dilation = k.longs(5, "dilation", {1}),
                  .groups = k.integer(6, "groups", 1),
                  .bias = k.flag(7, "bias", true),
                  .padding_mode = mode == "zeros" ? PadMode() : PadMode(mode.c_str())};
    if (k.is_text(4, "padding"))
      o.padding = k.text(4, "padding", "").c_str();
    else
      o.padding = k.longs(4, "padding", {0});
    return at_input(c, L(k.integer(0, "in_channels"), k.integer(1, "out_channels"),
                         k.longs(2, "kernel_size"), o));
  };
}
template <class L>
void conv_transpose(Table& t, const std::string& name) {
  t["nn." + name] = [](const Call& c) {
    const Call& k = c.ctor();
    L layer = loaded(
        c, L(k.integer(0, "in_channels"), k.integer(1, "out_channels"), k.longs(2, "kernel_size"),
             ConvTransposeOptions{.stride = k.longs(3, "stride", {1}),
                                  .padding = k.longs(4, "padding", {0}),
                                  .output_padding = k.longs(5, "output_padding", {0}),
                                  .groups = k.integer(6, "groups", 1),
                                  .bias = k.flag(7, "bias", true),
                                  .dilation = k.longs(8, "dilation", {1})}));
    if (c.has(1, "output_size")) throw Unsupported("output_size of a transposed convolution");
    return one(layer(c.tensor(0, "input")));
  };
}

}  // namespace

void bind_activation_modules(Table& t) {
  plain<ReLU>(t, "ReLU");
  plain<ReLU6>(t, "ReLU6");
  plain<SELU>(t, "SELU");
  plain<SiLU>(t, "SiLU");
  plain<Mish>(t, "Mish");
  plain<Tanh>(t, "Tanh");
  plain<Sigmoid>(t, "Sigmoid");
  plain<LogSigmoid>(t, "LogSigmoid");
  plain<Softsign>(t, "Softsign");
  plain<Hardswish>(t, "Hardswish");
  plain<Hardsigmoid>(t, "Hardsigmoid");
  plain<Tanhshrink>(t, "Tanhshrink");
  plain<Softmax2d>(t, "Softmax2d");
  plain<Identity>(t, "Identity");
  with_dim<GLU>(t, "GLU");
  with_dim<Softmax>(t, "Softmax");
  with_dim<Softmin>(t, "Softmin");
  with_dim<LogSoftmax>(t, "LogSoftmax");
  with_alpha<ELU>(t, "ELU");
  with_alpha<CELU>(t, "CELU");
  with_lambd<Hardshrink>(t, "Hardshrink");
  with_lambd<Softshrink>(t, "Softshrink");
  t["nn.LeakyReLU"] = [](const Call& c) {
    return at_input(c, LeakyReLU{.negative_slope = c.ctor().real(0, "negative_slope", 0.01)});
  };
  t["nn.GELU"] = [](const Call& c) {
    return at_input(c, GELU{.approximate = c.ctor().text(0, "approximate", "none")});
  };
  t["nn.Softplus"] = [](const Call& c) {
    return at_input(c, Softplus{.beta = c.ctor().real(0, "beta", 1),
                                .threshold = c.ctor().real(1, "threshold", 20)});
  };
  t["nn.Hardtanh"] = [](const Call& c) {
    return at_input(c, Hardtanh{.min_val = c.ctor().real(0, "min_val", -1),
                                .max_val = c.ctor().real(1, "max_val", 1)});
  };
  t["nn.Threshold"] = [](const Call& c) {
    return at_input(c, Threshold{.threshold = c.ctor().real(0, "threshold", 0),
                                 .value = c.ctor().real(1, "value", 0)});
  };
  t["nn.RReLU"] = [](const Call& c) {
    return at_input(c, RReLU{.lower = c.ctor().real(0, "lower", 1.0 / 8),
                             .upper = c.ctor().real(1, "upper", 1.0 / 3)});
  };
  t["nn.PReLU"] = [](const Call& c) {
    return at_input(
        c, PReLU(c.ctor().integer(0, "num_parameters", 1), c.ctor().real(1, "init", 0.25)));
  };
}

void bind_shape_modules(Table& t) {
  padding<ZeroPad1d>(t, "ZeroPad1d");
  padding<ZeroPad2d>(t, "ZeroPad2d");
  padding<ZeroPad3d>(t, "ZeroPad3d");
  padding<ReflectionPad1d>(t, "ReflectionPad1d");
  padding<ReflectionPad2d>(t, "ReflectionPad2d");
  padding<ReflectionPad3d>(t, "ReflectionPad3d");
  padding<ReplicationPad1d>(t, "ReplicationPad1d");
  padding<ReplicationPad2d>(t, "ReplicationPad2d");
  padding<ReplicationPad3d>(t, "ReplicationPad3d");
  padding<CircularPad1d>(t, "CircularPad1d");
  padding<CircularPad2d>(t, "CircularPad2d");
  padding<CircularPad3d>(t, "CircularPad3d");
  constant_padding<ConstantPad1d>(t, "ConstantPad1d");
  constant_padding<ConstantPad2d>(t, "ConstantPad2d");
  constant_padding<ConstantPad3d>(t, "ConstantPad3d");
  t["nn.PixelShuffle"] = [](const Call& c) {
    return at_input(c, PixelShuffle{c.ctor().integer(0, "upscale_factor")});
  };
  t["nn.PixelUnshuffle"] = [](const Call& c) {
    return at_input(c, PixelUnshuffle{c.ctor().integer(0, "downscale_factor")});
  };
  t["nn.ChannelShuffle"] = [](const Call& c) {
    return at_input(c, ChannelShuffle{c.ctor().integer(0, "groups")});
  };
  t["nn.Unfold"] = [](const Call& c) {
    const Call& k = c.ctor();
    return at_input(c, Unfold{k.longs(0, "kernel_size"), k.longs(1, "dilation", {1}),
                              k.longs(2, "padding", {0}), k.longs(3, "stride", {1})});
  };
  t["nn.Fold"] = [](const Call& c) {
    const Call& k = c.ctor();
    return at_input(
        c, Fold{k.longs(0, "output_size"), k.longs(1, "kernel_size"), k.longs(2, "dilation", {1}),
                k.longs(3, "padding", {0}), k.longs(4, "stride", {1})});
  };
  t["nn.CosineSimilarity"] = [](const Call& c) {
    return at_two(c, CosineSimilarity{static_cast<int>(c.ctor().integer(0, "dim", 1)),
                                      c.ctor().real(1, "eps", 1e-8)});
  };
  t["nn.PairwiseDistance"] = [](const Call& c) {
    return at_two(c, PairwiseDistance{c.ctor().real(0, "p", 2), c.ctor().real(1, "eps", 1e-6),
                                      c.ctor().flag(2, "keepdim", false)});
  };
}

void bind_weighted_modules(Table& t) {
  conv<Conv1d>(t, "Conv1d");
  conv<Conv2d>(t, "Conv2d");
  conv<Conv3d>(t, "Conv3d");
  conv_transpose<ConvTranspose1d>(t, "ConvTranspose1d");
  conv_transpose<ConvTranspose2d>(t, "ConvTranspose2d");
  conv_transpose<ConvTranspose3d>(t, "ConvTranspose3d");
  t["nn.Linear"] = [](const Call& c) {
    const Call& k = c.ctor();
    return at_input(c, Linear(k.integer(0, "in_features"), k.integer(1, "out_features"),
                              {.bias = k.flag(2, "bias", true)}));
  };
  t["nn.Bilinear"] = [](const Call& c) {
    const Call& k = c.ctor();
    return at_two(c, Bilinear(k.integer(0, "in1_features"), k.integer(1, "in2_features"),
                              k.integer(2, "out_features"), {.bias = k.flag(3, "bias", true)}));
  };
  t["nn.Embedding"] = [](const Call& c) {
    const Call& k = c.ctor();
    if (k.has(3, "max_norm"))
      throw Unsupported("max_norm of Embedding, which writes to the weight");
    EmbeddingOptions o;
    if (k.has(2, "padding_idx")) o.padding_idx = k.integer(2, "padding_idx");
    return at_input(c, Embedding(k.integer(0, "num_embeddings"), k.integer(1, "embedding_dim"), o));
  };
  t["nn.EmbeddingBag"] = [](const Call& c) {
    const Call& k = c.ctor();
    EmbeddingBagOptions o{.norm_type = k.real(3, "norm_type", 2),
                          .scale_grad_by_freq = k.flag(4, "scale_grad_by_freq", false),
                          .mode = k.text(5, "mode", "mean").c_str(),
                          .include_last_offset = k.flag(8, "include_last_offset", false)};
    if (k.has(2, "max_norm")) o.max_norm = k.real(2, "max_norm", 0);
    if (k.has(9, "padding_idx")) o.padding_idx = k.integer(9, "padding_idx");
    const EmbeddingBag layer =
        loaded(c, EmbeddingBag(k.integer(0, "num_embeddings"), k.integer(1, "embedding_dim"), o));
    return one(layer(c.tensor(0, "input"), c.maybe_tensor(1, "offsets"),
                     c.maybe_tensor(2, "per_sample_weights")));
  };
}

}  // namespace lilith::parity
