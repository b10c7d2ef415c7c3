#include "lilith/data/transforms.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "data/pixels.h"
#include "lilith/data/dataset.h"
#include "lilith/ops/create.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/index.h"
#include "lilith/ops/linalg.h"

namespace lilith::transforms {

using I = std::int64_t;
using data::below, data::drawing, data::grey_of, data::uniform;
using data::HostImage, data::HostRandom, data::Resampling;

namespace {

std::pair<I, I> two(const char* op, const IntList& size) {
  LILITH_CHECK((size.size() == 1 || size.size() == 2) && size[0] >= 1 && size[size.size() - 1] >= 1,
               "{}: size has {} numbers; need 1 or 2, each at least 1", op, size.size());
  return {size[0], size[size.size() - 1]};
}
Resampling resampling(const char* op, Interpolation mode) {
  switch (mode) {
    case Interpolation::Nearest:
      return Resampling::Nearest;
    case Interpolation::Bilinear:
      return Resampling::Bilinear;
    case Interpolation::Bicubic:
      return Resampling::Bicubic;
    default:
      fail("{}: mode '{}'; need 'nearest', 'bilinear' or 'bicubic'", op, mode.word());
  }
}

// Rows or columns the other way round.
Tensor flipped(const char* op, const Tensor& x, double p, bool columns) {
  HostRandom random = drawing();
  HostImage image(op, x);
  if (uniform(random, 0, 1) >= p) return x;
  for (I k = 0; k < image.planes(); ++k) {
    float* plane = image.plane(k);
    for (I r = 0; columns && r < image.height; ++r)
      std::reverse(plane + r * image.width, plane + (r + 1) * image.width);
    for (I r = 0; !columns && r < image.height / 2; ++r)
      std::swap_ranges(plane + r * image.width, plane + (r + 1) * image.width,
                       plane + (image.height - 1 - r) * image.width);
  }
  return image.tensor();
}

// A rectangle of a random share of the area and a random aspect (width over height), by ten tries;
// else none.
struct Box {
  I top = 0, left = 0, height = 0, width = 0;
};
Box drawn_box(HostRandom& random, I height, I width, const std::array<double, 2>& scale,
              const std::array<double, 2>& ratio) {
  for (int i = 0; i < 10; ++i) {
    const double area = uniform(random, scale[0], scale[1]) * static_cast<double>(height) *
                        static_cast<double>(width);
    const double aspect = std::exp(uniform(random, std::log(ratio[0]), std::log(ratio[1])));
    const I w = std::lrint(std::sqrt(area * aspect)), h = std::lrint(std::sqrt(area / aspect));
    if (w < 1 || h < 1 || w > width || h > height) continue;
    return {below(random, height - h + 1), below(random, width - w + 1), h, w};
  }
  return {};
}

// Gamma(shape, 1). Marsaglia and Tsang, "A simple method for generating gamma variables" (2000).
double drawn_gamma(HostRandom& random, double shape) {
  if (shape < 1) {
    const double u = 1 - uniform(random, 0, 1);
    return drawn_gamma(random, shape + 1) * std::pow(u, 1 / shape);
  }
  const double d = shape - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  while (true) {
    const double radius = std::sqrt(-2 * std::log(1 - uniform(random, 0, 1)));
    const double x = radius * std::cos(2 * std::numbers::pi * uniform(random, 0, 1));
    const double v = std::pow(1 + c * x, 3), u = 1 - uniform(random, 0, 1);
    if (v > 0 && std::log(u) < 0.5 * x * x + d - d * v + d * std::log(v)) return d * v;
  }
}
double drawn_beta(HostRandom& random, double alpha) {
  const double a = drawn_gamma(random, alpha), b = drawn_gamma(random, alpha);
  return a + b > 0 ? a / (a + b) : 0.5;
}

void check_mixed(const char* op, const Tensor& x, const Tensor& y, I classes, double alpha) {
  LILITH_CHECK(is_floating(x.dtype()) && x.ndim() == 4 && is_integral(y.dtype()) && y.ndim() == 1 &&
                   y.size(0) == x.size(0),
               "{}: x is {}, y is {}; need floating [N, C, H, W] and integers [N]", op,
               x.aval().str(), y.aval().str());
  LILITH_CHECK(classes >= 1 && alpha > 0, "{}: num_classes {}, alpha {}; need 1 and more than 0",
               op, classes, alpha);
}
// Class numbers as probabilities, kept of y and the rest of the partners'.
Tensor mixed_labels(const Tensor& y, const Tensor& partner, I classes, double kept) {
  const Tensor part = from_data(&kept, {}).to(DType::F32).to(y.device());
  const Tensor own = one_hot(y, classes).to(DType::F32);
  const Tensor other = index_select(own, 0, partner);
  return own * part + other * (1 - part);
}
Tensor drawn_order(HostRandom& random, I n, Device device) {
  const std::vector<I> order = data::permutation(n, random.next());
  return from_data(order.data(), {n}).to(device);
}

}  // namespace

Tensor Compose::operator()(const Tensor& x, SourceLocation loc) const {
  const LocScope::Fallback line(data::line_of(loc));
  Tensor out = x;
  for (const auto& step : steps_) out = step(out);
  return out;
}

Tensor ToFloat::operator()(const Tensor& x, SourceLocation loc) const {
  const LocScope scope(data::line_of(loc));
  if (is_floating(x.dtype())) return x;
  const HostImage image("ToFloat", x);
  std::vector<float> values(image.values.size());
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = image.values[i] / 255.0f;
  return from_data(values.data(), x.shape());
}

Tensor Normalize::operator()(const Tensor& x, SourceLocation loc) const {
  const LocScope scope(data::line_of(loc));
  HostImage image("Normalize", x);
  const auto channels = static_cast<std::size_t>(image.channels);
  const auto fits = [&](const std::vector<double>& v) {
    return v.size() == 1 || v.size() == channels;
  };
  LILITH_CHECK(is_floating(x.dtype()) && fits(mean) && fits(std),
               "Normalize: image is {}, mean has {} numbers, std {}; need a floating one and a "
               "number a channel",
               x.aval().str(), mean.size(), std.size());
  const I area = image.height * image.width;
  for (I p = 0; p < image.planes(); ++p) {
    const auto c = static_cast<std::size_t>(p % image.channels);
    const auto m = static_cast<float>(mean[mean.size() == 1 ? 0 : c]),
               s = static_cast<float>(std[std.size() == 1 ? 0 : c]);
    LILITH_CHECK(s != 0, "Normalize: std of channel {} is 0", c);
    for (I i = 0; i < area; ++i) image.plane(p)[i] = (image.plane(p)[i] - m) / s;
  }
  return image.tensor();
}

Tensor Resize::operator()(const Tensor& x, SourceLocation loc) const {
  const LocScope scope(data::line_of(loc));
  const HostImage image("Resize", x);
  auto [h, w] = two("Resize", size);
  if (size.size() == 1) {
    const I side = size[0];
    const bool tall = image.height > image.width;
    h = tall ? side * image.height / image.width : side;
    w = tall ? side : side * image.width / image.height;
  }
  if (h == image.height && w == image.width) return x;
  return resized(image, h, w, resampling("Resize", mode), antialias).tensor();
}

Tensor CenterCrop::operator()(const Tensor& x, SourceLocation loc) const {
  const LocScope scope(data::line_of(loc));
  const HostImage image("CenterCrop", x);
  const auto [h, w] = two("CenterCrop", size);
  const auto start = [](I n, I part) {
    return static_cast<I>(std::nearbyint(static_cast<double>(n - part) / 2));
  };
  return cropped(image, start(image.height, h), start(image.width, w), h, w).tensor();
}

Tensor RandomCrop::operator()(const Tensor& x, SourceLocation loc) const {
  const LocScope scope(data::line_of(loc));
  const I p = padding;
  Tensor padded = x;
  if (p > 0 && padding_mode != PadMode::Constant) padded = pad(x, {p, p, p, p}, padding_mode);
  const HostImage image("RandomCrop", padded);
  const auto [h, w] = two("RandomCrop", size);
  const I border = padding_mode == PadMode::Constant ? p : 0;
  const I rows = image.height + 2 * border - h, columns = image.width + 2 * border - w;
  LILITH_CHECK(rows >= 0 && columns >= 0,
               "RandomCrop: {} x {} of {} with padding {}; need no more than that", h, w,
               x.aval().str(), p);
  HostRandom random = drawing();
  const I top = below(random, rows + 1) - border, left = below(random, columns + 1) - border;
  return cropped(image, top, left, h, w).tensor();
}

Tensor RandomResizedCrop::operator()(const Tensor& x, SourceLocation loc) const {
  const LocScope scope(data::line_of(loc));
  const HostImage image("RandomResizedCrop", x);
  const auto [h, w] = two("RandomResizedCrop", size);
  HostRandom random = drawing();
  Box box = drawn_box(random, image.height, image.width, scale, ratio);
  if (box.height == 0) {
    // The middle, as near to the aspects as it goes.
    const double aspect = std::clamp(
        static_cast<double>(image.width) / static_cast<double>(image.height), ratio[0], ratio[1]);
    box.width = std::min(image.width, std::lrint(static_cast<double>(image.height) * aspect));
    box.height = std::min(image.height, std::lrint(static_cast<double>(box.width) / aspect));
    box.top = (image.height - box.height) / 2;
    box.left = (image.width - box.width) / 2;
  }
  return resized(cropped(image, box.top, box.left, box.height, box.width), h, w,
                 resampling("RandomResizedCrop", mode), true)
      .tensor();
}

Tensor RandomHorizontalFlip::operator()(const Tensor& x, SourceLocation loc) const {
  const LocScope scope(data::line_of(loc));
  return flipped("RandomHorizontalFlip", x, p, true);
}
Tensor RandomVerticalFlip::operator()(const Tensor& x, SourceLocation loc) const {
  const LocScope scope(data::line_of(loc));
  return flipped("RandomVerticalFlip", x, p, false);
}

Tensor RandomAffine::operator()(const Tensor& x, SourceLocation loc) const {
  const LocScope scope(data::line_of(loc));
  const HostImage image("RandomAffine", x);
  LILITH_CHECK(mode != GridMode::Bicubic,
               "RandomAffine: mode 'bicubic'; need 'nearest' or "
               "'bilinear'");
  HostRandom random = drawing();
  constexpr double kRadian = std::numbers::pi / 180;
  const double angle = uniform(random, degrees[0], degrees[1]) * kRadian,
               size = uniform(random, scale[0], scale[1]),
               slant = std::tan(uniform(random, shear[0], shear[1]) * kRadian);
  const double dx = std::round(uniform(random, -1, 1) * translate[0] *
                               static_cast<double>(image.width)),
               dy = std::round(uniform(random, -1, 1) * translate[1] *
                               static_cast<double>(image.height));
  // The inverse: back by the translation, then turned back, scaled back and sheared back.
  const double c = std::cos(angle) / size, s = std::sin(angle) / size;
  data::Affine map{c, -s, 0, s, c, 0};
  map.a += slant * map.c;
  map.b += slant * map.d;
  map.tx = -(map.a * dx + map.b * dy);
  map.ty = -(map.c * dx + map.d * dy);
  return warped(image, map, mode == GridMode::Bilinear).tensor();
}
Tensor RandomRotation::operator()(const Tensor& x, SourceLocation loc) const {
  const LocScope scope(data::line_of(loc));
  LILITH_CHECK(degrees[1] >= degrees[0],
               "RandomRotation: degrees from {} to {}; need at least 0, or from less to more",
               degrees[0], degrees[1]);
  return RandomAffine{.degrees = degrees, .mode = mode}(x);
}

namespace {

struct Rgb {
  float r, g, b;
};

// Turned about the grey axis: hue to hue, by HSV.
Rgb turned(const Rgb& p, double by) {
  const float high = std::max({p.r, p.g, p.b}), low = std::min({p.r, p.g, p.b}), span = high - low;
  if (span == 0) return p;
  double h = high == p.r   ? static_cast<double>((p.g - p.b) / span)
             : high == p.g ? 2 + static_cast<double>((p.b - p.r) / span)
                           : 4 + static_cast<double>((p.r - p.g) / span);
  h = h / 6 + by;
  h = (h - std::floor(h)) * 6;
  const auto channel = [&](double n) {
    const double k = std::fmod(n + h, 6);
    return static_cast<float>(high -
                              static_cast<double>(span) * std::max(0.0, std::min({k, 4 - k, 1.0})));
  };
  return {channel(5), channel(3), channel(1)};
}

// Of one channel all three are its value.
template <class F>
void each_pixel(HostImage& image, F&& f) {
  const I area = image.height * image.width, c = image.channels, step = c == 3;
  for (I n = 0; n < image.lead; ++n) {
    float* planes[] = {image.plane(c * n), image.plane(c * n + step),
                       image.plane(c * n + 2 * step)};
    for (I i = 0; i < area; ++i) {
      const Rgb p = f(Rgb{planes[0][i], planes[1][i], planes[2][i]});
      planes[0][i] = p.r, planes[1][i] = p.g, planes[2][i] = p.b;
    }
  }
}

}  // namespace

Tensor ColorJitter::operator()(const Tensor& x, SourceLocation loc) const {
  const LocScope scope(data::line_of(loc));
  HostImage image("ColorJitter", x);
  const bool coloured = data::is_coloured("ColorJitter", image, x);
  LILITH_CHECK(brightness >= 0 && contrast >= 0 && saturation >= 0 && hue >= 0 && hue <= 0.5,
               "ColorJitter: brightness {}, contrast {}, saturation {}, hue {}; need at least 0, "
               "and of the hue at most 0.5",
               brightness, contrast, saturation, hue);
  HostRandom random = drawing();
  const float top = data::top_of(x);
  const auto grey = [coloured](const Rgb& p) { return coloured ? grey_of(p.r, p.g, p.b) : p.r; };
  const auto held = [top](float v) { return std::clamp(v, 0.0f, top); };
  const auto towards = [&](const Rgb& p, float to, float factor) {
    const auto one = [&](float v) { return held(to + factor * (v - to)); };
    return Rgb{one(p.r), one(p.g), one(p.b)};
  };
  const auto factor = [&](double by) {
    return static_cast<float>(uniform(random, std::max(0.0, 1 - by), 1 + by));
  };
  for (const I step : data::permutation(4, random.next())) {
    if (step == 0 && brightness > 0) {
      const float f = factor(brightness);
      each_pixel(image, [&](const Rgb& p) { return towards(p, 0, f); });
    } else if (step == 1 && contrast > 0) {
      double total = 0;
      each_pixel(image, [&](const Rgb& p) {
        total += static_cast<double>(grey(p));
        return p;
      });
      const auto mean =
          static_cast<float>(total / static_cast<double>(image.lead * image.height * image.width));
      const float f = factor(contrast);
      each_pixel(image, [&](const Rgb& p) { return towards(p, mean, f); });
    } else if (step == 2 && saturation > 0) {
      const float f = factor(saturation);
      if (coloured) each_pixel(image, [&](const Rgb& p) { return towards(p, grey(p), f); });
    } else if (step == 3 && hue > 0) {
      const double by = uniform(random, -hue, hue);
      if (coloured) each_pixel(image, [&](const Rgb& p) { return turned(p, by); });
    }
  }
  return image.tensor();
}

Tensor RandomErasing::operator()(const Tensor& x, SourceLocation loc) const {
  const LocScope scope(data::line_of(loc));
  HostImage image("RandomErasing", x);
  HostRandom random = drawing();
  if (uniform(random, 0, 1) >= p) return x;
  const Box box = drawn_box(random, image.height, image.width, scale, ratio);
  for (I k = 0; k < image.planes(); ++k)
    for (I r = box.top; r < box.top + box.height; ++r)
      std::fill_n(image.plane(k) + r * image.width + box.left, box.width,
                  static_cast<float>(double(value)));
  return image.tensor();
}

std::pair<Tensor, Tensor> MixUp::operator()(const Tensor& x, const Tensor& y,
                                            SourceLocation loc) const {
  const LocScope scope(data::line_of(loc));
  check_mixed("MixUp", x, y, num_classes, alpha);
  HostRandom random = drawing();
  const double kept = drawn_beta(random, alpha);
  const Tensor partner = drawn_order(random, x.size(0), x.device());
  const Tensor part = from_data(&kept, {}).to(x.dtype()).to(x.device());
  return {x * part + index_select(x, 0, partner) * (1 - part),
          mixed_labels(y, partner, num_classes, kept)};
}

std::pair<Tensor, Tensor> CutMix::operator()(const Tensor& x, const Tensor& y,
                                             SourceLocation loc) const {
  const LocScope scope(data::line_of(loc));
  check_mixed("CutMix", x, y, num_classes, alpha);
  HostRandom random = drawing();
  const I h = x.size(2), w = x.size(3);
  const double side = std::sqrt(1 - drawn_beta(random, alpha));
  const I row = below(random, h), column = below(random, w);
  const I tall = static_cast<I>(side * static_cast<double>(h)) / 2,
          wide = static_cast<I>(side * static_cast<double>(w)) / 2;
  const I top = std::max<I>(row - tall, 0), bottom = std::min(row + tall, h),
          left = std::max<I>(column - wide, 0), right = std::min(column + wide, w);
  std::vector<std::int64_t> inside(static_cast<std::size_t>(h * w), 0);
  for (I r = top; r < bottom; ++r)
    for (I c = left; c < right; ++c) inside[static_cast<std::size_t>(r * w + c)] = 1;
  const double kept =
      1 - static_cast<double>((bottom - top) * (right - left)) / static_cast<double>(h * w);
  const Tensor partner = drawn_order(random, x.size(0), x.device());
  const Tensor mask = from_data(inside.data(), {h, w}).to(x.device()) == 1;
  return {where(mask, index_select(x, 0, partner), x), mixed_labels(y, partner, num_classes, kept)};
}

}  // namespace lilith::transforms
