#include "lilith/data/more_transforms.h"

#include <algorithm>
#include <cmath>

#include "data/pixels.h"
#include "lilith/ops/elementwise.h"

namespace lilith::transforms {

using I = std::int64_t;
using data::comes, data::drawing, data::HostImage, data::HostRandom, data::top_of;

namespace {

// Of u8 torchvision cuts where it does not round.
void cut(HostImage& image, const Tensor& x) {
  const float top = top_of(x);
  for (float& v : image.values) {
    v = std::clamp(v, 0.0f, top);
    if (x.dtype() == DType::U8) v = std::floor(v);
  }
}
// a + factor (x - a), held in range.
HostImage blended(const HostImage& a, HostImage x, float factor, const Tensor& of) {
  for (std::size_t i = 0; i < x.values.size(); ++i)
    x.values[i] = a.values[i] + factor * (x.values[i] - a.values[i]);
  cut(x, of);
  return x;
}
// Three equal grey channels; of one channel itself.
HostImage greyed(const char* op, const Tensor& x) {
  HostImage image(op, x);
  if (!data::is_coloured(op, image, x)) return image;
  const I area = image.height * image.width;
  for (I n = 0; n < image.lead; ++n) {
    float *r = image.plane(3 * n), *g = image.plane(3 * n + 1), *b = image.plane(3 * n + 2);
    for (I i = 0; i < area; ++i) {
      float v = data::grey_of(r[i], g[i], b[i]);
      if (x.dtype() == DType::U8) v = std::floor(v);
      r[i] = g[i] = b[i] = v;
    }
  }
  return image;
}
I reflected(I i, I n) {
  if (i < 0) i = -i;
  return i >= n ? 2 * (n - 1) - i : i;
}
std::vector<float> bell(I n, double sigma) {
  std::vector<float> w;
  double sum = 0;
  for (I k = 0; k < n; ++k) {
    const double at = static_cast<double>(k) - static_cast<double>(n - 1) / 2;
    w.push_back(static_cast<float>(std::exp(-0.5 * at * at / (sigma * sigma))));
    sum += static_cast<double>(w.back());
  }
  for (float& v : w) v = static_cast<float>(static_cast<double>(v) / sum);
  return w;
}

}  // namespace

Tensor ConvertImageDtype::operator()(const Tensor& x, SourceLocation loc) const {
  const LocScope scope(data::line_of(loc));
  LILITH_CHECK((is_floating(dtype) || dtype == DType::U8) &&
                   (is_floating(x.dtype()) || x.dtype() == DType::U8),
               "ConvertImageDtype: {} to {}; need u8 or floating", x.aval().str(), name(dtype));
  if (is_floating(dtype)) return ToFloat{}(x).to(dtype);
  if (x.dtype() == DType::U8) return x;
  return (x * (256 - 1e-3)).to(DType::U8);
}

Tensor Grayscale::operator()(const Tensor& x, SourceLocation loc) const {
  const LocScope scope(data::line_of(loc));
  LILITH_CHECK(num_output_channels == 1 || num_output_channels == 3,
               "Grayscale: {} channels; need 1 or 3", num_output_channels);
  const HostImage image = greyed("Grayscale", x);
  const Tensor grey = image.tensor();
  if (num_output_channels == image.channels) return grey;
  return image.channels == 3 ? grey.slice(-3, 0, 1) : cat({grey, grey, grey}, -3);
}
Tensor RandomGrayscale::operator()(const Tensor& x, SourceLocation loc) const {
  const LocScope scope(data::line_of(loc));
  return comes(p) ? greyed("RandomGrayscale", x).tensor() : x;
}

Tensor Pad::operator()(const Tensor& x, SourceLocation loc) const {
  const LocScope scope(data::line_of(loc));
  LILITH_CHECK(padding.size() == 1 || padding.size() == 2 || padding.size() == 4,
               "Pad: {} numbers; need 1, 2 or 4", padding.size());
  const auto at = [&](std::size_t i) { return padding[i % padding.size()]; };
  return lilith::pad(x, {at(0), at(2), at(1), at(3)}, padding_mode, static_cast<double>(fill));
}

Tensor GaussianBlur::operator()(const Tensor& x, SourceLocation loc) const {
  const LocScope scope(data::line_of(loc));
  HostImage image("GaussianBlur", x);
  LILITH_CHECK(kernel_size.size() == 1 || kernel_size.size() == 2,
               "GaussianBlur: kernel_size has {} numbers; need 1 or 2", kernel_size.size());
  const I wide = kernel_size[0], high = kernel_size[kernel_size.size() - 1];
  LILITH_CHECK(wide % 2 == 1 && high % 2 == 1 && wide > 0 && high > 0 && wide / 2 < image.width &&
                   high / 2 < image.height,
               "GaussianBlur: kernel of {} x {} for {}; need odd sizes below twice the image's",
               wide, high, x.aval().str());
  LILITH_CHECK(sigma[0] > 0 && sigma[1] >= sigma[0],
               "GaussianBlur: sigma from {} to {}; need positive numbers", sigma[0], sigma[1]);
  HostRandom random = drawing();
  const double s = data::uniform(random, sigma[0], sigma[1]);
  const std::vector<float> across = bell(wide, s), down = bell(high, s);
  std::vector<float> rows(static_cast<std::size_t>(image.width * image.height));
  for (I p = 0; p < image.planes(); ++p) {
    float* plane = image.plane(p);
    for (I r = 0; r < image.height; ++r)
      for (I c = 0; c < image.width; ++c) {
        float v = 0;
        for (I k = 0; k < wide; ++k)
          v += across[static_cast<std::size_t>(k)] *
               plane[r * image.width + reflected(c + k - wide / 2, image.width)];
        rows[static_cast<std::size_t>(r * image.width + c)] = v;
      }
    for (I r = 0; r < image.height; ++r)
      for (I c = 0; c < image.width; ++c) {
        float v = 0;
        for (I k = 0; k < high; ++k)
          v += down[static_cast<std::size_t>(k)] *
               rows[static_cast<std::size_t>(
                   reflected(r + k - high / 2, image.height) * image.width + c)];
        plane[r * image.width + c] = v;
      }
  }
  return image.tensor();
}

Tensor RandomApply::operator()(const Tensor& x, SourceLocation loc) const {
  const LocScope::Fallback line(data::line_of(loc));
  if (!comes(p)) return x;
  Tensor out = x;
  for (const Transform& f : transforms) out = f(out);
  return out;
}
Tensor RandomChoice::operator()(const Tensor& x, SourceLocation loc) const {
  const LocScope::Fallback line(data::line_of(loc));
  LILITH_CHECK(!transforms.empty(), "RandomChoice: there are no transforms");
  HostRandom random = drawing();
  return transforms[random.below(transforms.size())](x);
}

Tensor RandomInvert::operator()(const Tensor& x, SourceLocation loc) const {
  const LocScope scope(data::line_of(loc));
  return RandomSolarize{x.dtype() == DType::U8 ? 0.0 : -1e30, p}(x);
}
Tensor RandomSolarize::operator()(const Tensor& x, SourceLocation loc) const {
  const LocScope scope(data::line_of(loc));
  HostImage image("RandomSolarize", x);
  if (!comes(p)) return x;
  const float top = top_of(x), from = static_cast<float>(static_cast<double>(threshold));
  for (float& v : image.values)
    if (v >= from) v = top - v;
  return image.tensor();
}
Tensor RandomPosterize::operator()(const Tensor& x, SourceLocation loc) const {
  const LocScope scope(data::line_of(loc));
  LILITH_CHECK(x.dtype() == DType::U8 && bits >= 0 && bits <= 8,
               "RandomPosterize: {} bits of {}; need 0 to 8 of u8", bits, x.aval().str());
  HostImage image("RandomPosterize", x);
  if (!comes(p)) return x;
  const int mask = 256 - (1 << (8 - static_cast<int>(bits)));
  for (float& v : image.values) v = static_cast<float>(static_cast<int>(v) & mask);
  return image.tensor();
}
Tensor RandomAutocontrast::operator()(const Tensor& x, SourceLocation loc) const {
  const LocScope scope(data::line_of(loc));
  HostImage image("RandomAutocontrast", x);
  if (!comes(p)) return x;
  const float top = top_of(x);
  const I area = image.height * image.width;
  for (I k = 0; k < image.planes(); ++k) {
    float* plane = image.plane(k);
    const auto [low, high] = std::minmax_element(plane, plane + area);
    const float from = *low, span = *high - *low;
    if (span == 0) continue;
    for (I i = 0; i < area; ++i) plane[i] = (plane[i] - from) * (top / span);
  }
  cut(image, x);
  return image.tensor();
}
Tensor RandomAdjustSharpness::operator()(const Tensor& x, SourceLocation loc) const {
  const LocScope scope(data::line_of(loc));
  LILITH_CHECK(sharpness_factor >= 0, "RandomAdjustSharpness: the factor is {}; need at least 0",
               sharpness_factor);
  const HostImage image("RandomAdjustSharpness", x);
  if (!comes(p) || image.height <= 2 || image.width <= 2) return x;
  HostImage smooth = image;
  for (I k = 0; k < image.planes(); ++k) {
    const float* from = image.plane(k);
    float* to = smooth.plane(k);
    const I w = image.width;
    for (I r = 1; r + 1 < image.height; ++r)
      for (I c = 1; c + 1 < w; ++c) {
        float sum = 4 * from[r * w + c];
        for (I dr = -1; dr <= 1; ++dr)
          for (I dc = -1; dc <= 1; ++dc) sum += from[(r + dr) * w + c + dc];
        to[r * w + c] = x.dtype() == DType::U8 ? std::nearbyint(sum / 13) : sum / 13;
      }
  }
  return blended(smooth, image, static_cast<float>(static_cast<double>(sharpness_factor)), x)
      .tensor();
}

namespace functional {

namespace {
float checked(const char* op, Real factor) {
  LILITH_CHECK(factor >= 0, "{}: the factor is {}; need at least 0", op, factor);
  return static_cast<float>(static_cast<double>(factor));
}
}  // namespace

Tensor crop(const Tensor& x, Int top, Int left, Int height, Int width, SourceLocation loc) {
  const LocScope scope(loc);
  LILITH_CHECK(x.ndim() >= 2, "crop: image is {}; need [..., H, W]", x.aval().str());
  LILITH_CHECK(height >= 1 && width >= 1, "crop: a part of {} x {}; need at least 1 x 1", height,
               width);
  const I rows = x.size(-2), columns = x.size(-1);
  const I first = std::clamp<I>(top, 0, rows), last = std::clamp<I>(top + height, first, rows),
          from = std::clamp<I>(left, 0, columns), to = std::clamp<I>(left + width, from, columns);
  if (first == last || from == to) {
    Shape shape = x.shape();
    shape[x.ndim() - 2] = height;
    shape[x.ndim() - 1] = width;
    return x.new_zeros(shape);
  }
  const Tensor part = x.slice(-2, first, last).slice(-1, from, to);
  if (part.size(-2) == height && part.size(-1) == width) return part;
  return lilith::pad(part, {from - left, left + width - to, first - top, top + height - last});
}

Tensor adjust_brightness(const Tensor& x, Real factor, SourceLocation loc) {
  const LocScope scope(loc);
  HostImage image("adjust_brightness", x), black = image;
  data::check_channels("adjust_brightness", image, x);
  std::fill(black.values.begin(), black.values.end(), 0.0f);
  return blended(black, std::move(image), checked("adjust_brightness", factor), x).tensor();
}
Tensor adjust_contrast(const Tensor& x, Real factor, SourceLocation loc) {
  const LocScope scope(loc);
  HostImage grey = greyed("adjust_contrast", x);
  const I each = grey.channels * grey.height * grey.width;
  for (I n = 0; n < grey.lead; ++n) {
    float* from = grey.plane(grey.channels * n);
    double sum = 0;
    for (I i = 0; i < each; ++i) sum += static_cast<double>(from[i]);
    std::fill(from, from + each, static_cast<float>(sum / static_cast<double>(each)));
  }
  return blended(grey, HostImage("adjust_contrast", x), checked("adjust_contrast", factor), x)
      .tensor();
}
Tensor adjust_saturation(const Tensor& x, Real factor, SourceLocation loc) {
  const LocScope scope(loc);
  const float by = checked("adjust_saturation", factor);
  HostImage image("adjust_saturation", x);
  if (!data::is_coloured("adjust_saturation", image, x)) return x;
  return blended(greyed("adjust_saturation", x), std::move(image), by, x).tensor();
}

}  // namespace functional

}  // namespace lilith::transforms
