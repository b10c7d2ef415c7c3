#include <lilith/ops.h>

#include <algorithm>

#include "network_of.h"

// Networks of depthwise convolutions.
namespace lilith::bench {
namespace {

using I = std::int64_t;
constexpr I kClasses = 1000;

/// Convolution, batch norm and activation.
template <class Activation>
Sequential conv(I in, I out, I kernel, I stride = 1, I groups = 1) {
  return {Conv2d(in, out, kernel,
                 {.stride = stride, .padding = kernel / 2, .groups = groups, .bias = false}),
          BatchNorm2d(out), Activation()};
}
Sequential projection(I in, I out) {
  return {Conv2d(in, out, 1, {.bias = false}), BatchNorm2d(out)};
}

struct SqueezeExcitation {
  Conv2d fc1, fc2;

  SqueezeExcitation(I channels, I squeezed)
      : fc1(channels, squeezed, 1), fc2(squeezed, channels, 1) {}
  Tensor operator()(const Tensor& x) const {
    return x * sigmoid(fc2(silu(fc1(adaptive_avg_pool2d(x, 1)))));
  }
  LILITH_FIELDS(fc1, fc2)
};

/// An inverted residual: wider, depthwise, narrower again.
struct Inverted {
  Sequential block;
  bool adds;

  Inverted(Sequential b, bool adds_input) : block(std::move(b)), adds(adds_input) {}
  Tensor operator()(const Tensor& x) { return adds ? x + block(x) : block(x); }
  LILITH_FIELDS(block, adds)
};

struct Stage {
  I expand, kernel, stride, out, layers;
};

template <class Activation>
void add_stage(Sequential* net, const Stage& s, I* in, bool excites) {
  for (I k = 0; k < s.layers; ++k) {
    const I stride = k == 0 ? s.stride : 1, wide = *in * s.expand;
    Sequential block;
    if (s.expand != 1) block.push_back(conv<Activation>(*in, wide, 1));
    block.push_back(conv<Activation>(wide, wide, s.kernel, stride, wide));
    if (excites) block.push_back(SqueezeExcitation(wide, std::max<I>(1, *in / 4)));
    block.push_back(projection(wide, s.out));
    net->push_back(Inverted(std::move(block), stride == 1 && *in == s.out));
    *in = s.out;
  }
}

template <class Activation>
Sequential inverted_net(std::initializer_list<Stage> stages, bool excites, double dropout) {
  Sequential net = conv<Activation>(3, 32, 3, 2);
  I in = 32;
  for (const Stage& s : stages) add_stage<Activation>(&net, s, &in, excites);
  net.push_back(conv<Activation>(in, 1280, 1));
  net.push_back(AdaptiveAvgPool2d(1));
  net.push_back(Flatten());
  net.push_back(Dropout(dropout));
  net.push_back(Linear(1280, kClasses));
  return net;
}

/// Sandler et al., arXiv:1801.04381. Ref: torchvision.models.mobilenet_v2.
Sequential mobilenet() {
  return inverted_net<ReLU6>({{1, 3, 1, 16, 1},
                              {6, 3, 2, 24, 2},
                              {6, 3, 2, 32, 3},
                              {6, 3, 2, 64, 4},
                              {6, 3, 1, 96, 3},
                              {6, 3, 2, 160, 3},
                              {6, 3, 1, 320, 1}},
                             false, 0.2);
}

/// Tan and Le, arXiv:1905.11946. Ref: torchvision.models.efficientnet_b0.
Sequential efficientnet() {
  return inverted_net<SiLU>({{1, 3, 1, 16, 1},
                             {6, 3, 2, 24, 2},
                             {6, 5, 2, 40, 2},
                             {6, 3, 2, 80, 3},
                             {6, 5, 1, 112, 3},
                             {6, 5, 2, 192, 4},
                             {6, 3, 1, 320, 1}},
                            true, 0.2);
}

/// A layer norm over the channels of images.
struct ChannelNorm {
  LayerNorm norm;

  explicit ChannelNorm(I channels) : norm(channels, {.eps = 1e-6}) {}
  Tensor operator()(const Tensor& x) const {
    return norm(x.permute({0, 2, 3, 1})).permute({0, 3, 1, 2});
  }
  LILITH_FIELDS(norm)
};

struct ConvNextBlock {
  Tensor layer_scale;
  Conv2d depthwise;
  LayerNorm norm;
  Linear wider, narrower;

  explicit ConvNextBlock(I width)
      : layer_scale(full({width, 1, 1}, 0.1)),
        depthwise(width, width, 7, {.padding = 3, .groups = width}),
        norm(width, {.eps = 1e-6}),
        wider(width, 4 * width),
        narrower(4 * width, width) {}
  Tensor operator()(const Tensor& x) const {
    const Tensor y = norm(depthwise(x).permute({0, 2, 3, 1}));
    return x + layer_scale * narrower(gelu(wider(y))).permute({0, 3, 1, 2});
  }
  LILITH_FIELDS(layer_scale, depthwise, norm, wider, narrower)
};

/// Liu et al., arXiv:2201.03545, the tiny form. Ref: torchvision.models.convnext_tiny.
Sequential convnext() {
  Sequential net{Conv2d(3, 96, 4, {.stride = 4}), ChannelNorm(96)};
  I width = 96;
  for (const I blocks : {3, 3, 9, 3}) {
    for (I k = 0; k < blocks; ++k) net.push_back(ConvNextBlock(width));
    if (width == 768) break;
    net.push_back(ChannelNorm(width));
    net.push_back(Conv2d(width, 2 * width, 2, {.stride = 2}));
    width *= 2;
  }
  net.push_back(AdaptiveAvgPool2d(1));
  net.push_back(ChannelNorm(width));
  net.push_back(Flatten());
  net.push_back(Linear(width, kClasses));
  return net;
}

}  // namespace

void add_mobile(std::map<std::string, NetworkKind>* all) {
  (*all)["mobilenet"] = kind_of(mobilenet);
  (*all)["efficientnet"] = kind_of(efficientnet);
  (*all)["convnext"] = kind_of(convnext);
}

}  // namespace lilith::bench
