#pragma once
#include <lilith/nn.h>
#include <lilith/ops.h>

#include <cmath>

namespace lilith::zoo {

/// Sines and cosines of t [N] at `size` / 2 frequencies -> [N,size]. Vaswani et al.,
/// arXiv:1706.03762, section 3.5.
inline Tensor time_embedding(const Tensor& t, std::int64_t size) {
  const std::int64_t half = size / 2;
  const Tensor frequencies = exp(arange(half, {.dtype = kFloat32, .device = t.device()}) *
                                 (-std::log(10000.0) / static_cast<double>(half)));
  const Tensor angles = t.to(kFloat32).unsqueeze(1) * frequencies;
  return cat({sin(angles), cos(angles)}, 1);
}

/// Two convolutions with what the time says added between them, and a shortcut.
struct TimedBlock {
  GroupNorm norm1;
  Conv2d conv1;
  Linear time;
  GroupNorm norm2;
  Conv2d conv2, shortcut;

  TimedBlock(std::int64_t in, std::int64_t out, std::int64_t embedded)
      : norm1(8, in),
        conv1(in, out, 3, {.padding = 1}),
        time(embedded, out),
        norm2(8, out),
        conv2(out, out, 3, {.padding = 1}),
        shortcut(in, out, 1) {}

  // x [N,in,H,W], embedding [N,embedded] -> [N,out,H,W]
  Tensor operator()(const Tensor& x, const Tensor& embedding) const {
    Tensor y = conv1(silu(norm1(x)));
    y = y + time(silu(embedding)).unsqueeze(-1).unsqueeze(-1);
    return conv2(silu(norm2(y))) + shortcut(x);
  }
  LILITH_FIELDS(norm1, conv1, time, norm2, conv2, shortcut)
};

/// Every place of an image looks at all others. x [N,C,H,W] -> the same shape.
struct PlaceAttention {
  GroupNorm norm;
  Conv2d qkv, out;

  explicit PlaceAttention(std::int64_t channels)
      : norm(8, channels), qkv(channels, 3 * channels, 1), out(channels, channels, 1) {}

  Tensor operator()(const Tensor& x) const {
    const auto parts = qkv(norm(x)).flatten(2).transpose(1, 2).chunk<3>(2);  // [N,H W,C] each
    const Tensor seen = scaled_dot_product_attention(parts[0], parts[1], parts[2]);
    return x + out(seen.transpose(1, 2).reshape(x.shape()));
  }
  LILITH_FIELDS(norm, qkv, out)
};

/// Says which noise is in an image: down to a quarter of its sides and up again, with what is seen
/// on the way down joined on the way up; at the bottom all places see each other. x f32
/// [N,1,28,28], t i64 [N] -> [N,1,28,28]. Ronneberger et al., arXiv:1505.04597; Ho et al.,
/// arXiv:2006.11239.
struct UNet {
  static constexpr std::int64_t kWidth = 32, kEmbedded = 128;
  Linear time1{kWidth, kEmbedded}, time2{kEmbedded, kEmbedded};
  Conv2d first{1, kWidth, 3, {.padding = 1}};
  TimedBlock down1{kWidth, kWidth, kEmbedded};
  Conv2d halve1{kWidth, kWidth, 3, {.stride = 2, .padding = 1}};
  TimedBlock down2{kWidth, 2 * kWidth, kEmbedded};
  Conv2d halve2{2 * kWidth, 2 * kWidth, 3, {.stride = 2, .padding = 1}};
  TimedBlock middle1{2 * kWidth, 2 * kWidth, kEmbedded}, middle2{2 * kWidth, 2 * kWidth, kEmbedded};
  PlaceAttention attention{2 * kWidth};
  TimedBlock up2{4 * kWidth, 2 * kWidth, kEmbedded}, up1{3 * kWidth, kWidth, kEmbedded};
  GroupNorm norm{8, kWidth};
  Conv2d last{kWidth, 1, 3, {.padding = 1}};

  Tensor operator()(const Tensor& x, const Tensor& t) const {
    const Tensor embedding = time2(silu(time1(time_embedding(t, kWidth))));
    const Tensor high = down1(first(x), embedding);     // 28 x 28
    const Tensor mid = down2(halve1(high), embedding);  // 14 x 14
    Tensor y = middle1(halve2(mid), embedding);         // 7 x 7
    y = middle2(attention(y), embedding);
    y = up2(cat({interpolate(y, {.scale_factor = 2}), mid}, 1), embedding);
    y = up1(cat({interpolate(y, {.scale_factor = 2}), high}, 1), embedding);
    return last(silu(norm(y)));
  }
};

/// Noise added in steps: x_t = sqrt(a_t) x + sqrt(1 - a_t) noise, where a_t is the product of 1 -
/// beta up to t, and the betas rise evenly.
struct NoiseSchedule {
  static constexpr std::int64_t kSteps = 400;
  Buffer beta, kept;  // [kSteps]: beta_t and a_t

  NoiseSchedule() {
    beta = linspace(1e-4 * 1000.0 / kSteps, 0.02 * 1000.0 / kSteps, kSteps);
    kept = cumprod(1 - beta, 0);
  }
  LILITH_FIELDS(beta, kept)
};

/// A model of images with the schedule that it learns to undo.
struct Diffusion {
  UNet unet;
  NoiseSchedule schedule;

  /// The mean squared error of the noise that the network finds in x f32 [N,1,28,28] in [-1, 1] at
  /// times drawn at random. Ho et al., algorithm 1.
  Tensor loss(const Tensor& x) const {
    const Tensor t =
        randint(0, NoiseSchedule::kSteps, {x.size(0)}, {.dtype = kInt64, .device = x.device()});
    const Tensor noise = randn_like(x),
                 a = index_select(schedule.kept, 0, t).reshape({-1, 1, 1, 1});
    return mse_loss(unet(sqrt(a) * x + sqrt(1 - a) * noise, t), noise);
  }
  /// One step back: x_t and t i64 [N], all alike, -> x_{t-1}: what x_0 seems to be, kept within
  /// what images are, and x_t, each by its share. Equation 7.
  Tensor denoise(const Tensor& x, const Tensor& t) const {
    const auto at = [&](const Tensor& of) { return index_select(of, 0, t).reshape({-1, 1, 1, 1}); };
    const Tensor b = at(schedule.beta), a = at(schedule.kept), before = a / (1 - b);
    const Tensor image = clamp((x - sqrt(1 - a) * unet(x, t)) / sqrt(a), -1, 1);
    const Tensor mean =
        sqrt(before) * b / (1 - a) * image + sqrt(1 - b) * (1 - before) / (1 - a) * x;
    return mean + sqrt(clamp_min(b * (1 - before) / (1 - a), 0)) * randn_like(x);
  }
};

}  // namespace lilith::zoo
