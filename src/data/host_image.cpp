#include "data/host_image.h"

#include <algorithm>
#include <cmath>

#include "ir/host_copy.h"
#include "lilith/ops/create.h"

namespace lilith::data {

namespace {

using I = std::int64_t;

// An output's weights over a stretch of the input.
struct Taps {
  I from = 0;
  std::vector<float> weight;
};

double filter_at(double t, Resampling mode, bool antialias) {
  const double d = std::fabs(t);
  if (mode == Resampling::Bilinear) return std::max(0.0, 1 - d);
  const double a = antialias ? -0.5 : -0.75;
  if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? (((d - 5) * d + 8) * d - 4) * a : 0;
}

std::vector<Taps> taps_of(I n, I out, Resampling mode, bool antialias) {
  const double step = static_cast<double>(n) / static_cast<double>(out);
  const double widening = antialias ? std::max(step, 1.0) : 1,
               support = (mode == Resampling::Bicubic ? 2 : 1) * widening;
  std::vector<Taps> all(static_cast<std::size_t>(out));
  for (I i = 0; i < out; ++i) {
    Taps& t = all[static_cast<std::size_t>(i)];
    const double middle = (static_cast<double>(i) + 0.5) * step;
    if (mode == Resampling::Nearest) {
      t = {std::min<I>(static_cast<I>(static_cast<double>(i) * step), n - 1), {1}};
      continue;
    }
    // Elements outside count as the nearest inside; with antialias they are left out.
    const I first = static_cast<I>(std::floor(middle - support + 0.5)),
            last = static_cast<I>(std::ceil(middle + support - 0.5));
    const I from = std::clamp<I>(first, 0, n - 1), to = std::clamp<I>(last, 0, n - 1);
    std::vector<double> sums(static_cast<std::size_t>(to - from + 1), 0);
    double total = 0;
    for (I j = first; j <= last; ++j) {
      const double w =
          filter_at((static_cast<double>(j) + 0.5 - middle) / widening, mode, antialias);
      if (antialias && (j < 0 || j >= n)) continue;
      sums[static_cast<std::size_t>(std::clamp<I>(j, 0, n - 1) - from)] += w;
      total += w;
    }
    t.from = from;
    for (const double w : sums) t.weight.push_back(static_cast<float>(w / total));
  }
  return all;
}

}  // namespace

HostImage::HostImage(const char* op, const Tensor& x) : dtype_(x.dtype()) {
  LILITH_CHECK(x.ndim() >= 3 && (x.dtype() == DType::U8 || is_floating(x.dtype())) && x.numel() > 0,
               "{}: image is {}; need u8 or floating [..., C, H, W]", op, x.aval().str());
  channels = x.size(-3);
  height = x.size(-2);
  width = x.size(-1);
  front_ = Shape(x.shape().begin(), x.shape().size() - 2);
  lead = front_.numel() / channels;
  const Tensor host = ir::host_copy(dtype_ == DType::U8 ? x : x.to(DType::F32), op);
  values.resize(static_cast<std::size_t>(x.numel()));
  if (dtype_ == DType::U8) {
    const auto* from = static_cast<const std::uint8_t*>(host.raw_data());
    std::copy(from, from + values.size(), values.begin());
  } else {
    const auto* from = static_cast<const float*>(host.raw_data());
    std::copy(from, from + values.size(), values.begin());
  }
}

HostImage HostImage::like(std::int64_t h, std::int64_t w) const {
  HostImage out;
  out.lead = lead;
  out.channels = channels;
  out.height = h;
  out.width = w;
  out.front_ = front_;
  out.dtype_ = dtype_;
  out.values.resize(static_cast<std::size_t>(planes() * h * w));
  return out;
}

Tensor HostImage::tensor() const {
  Shape shape = front_;
  shape.push_back(height);
  shape.push_back(width);
  if (dtype_ != DType::U8) {
    const Tensor out = lilith::detail::copy_from(values.data(), shape, DType::F32, {}, {});
    return dtype_ == DType::F32 ? out : out.to(dtype_);
  }
  std::vector<std::uint8_t> bytes(values.size());
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<std::uint8_t>(std::lrint(std::clamp(values[i], 0.0f, 255.0f)));
  return lilith::detail::copy_from(bytes.data(), shape, DType::U8, {}, {});
}

HostImage resized(const HostImage& x, I height, I width, Resampling mode, bool antialias) {
  const auto rows = taps_of(x.height, height, mode, antialias),
             columns = taps_of(x.width, width, mode, antialias);
  HostImage narrow = x.like(x.height, width), out = x.like(height, width);
  for (I p = 0; p < x.planes(); ++p) {
    for (I r = 0; r < x.height; ++r) {
      const float* from = x.plane(p) + r * x.width;
      float* to = narrow.plane(p) + r * width;
      for (I c = 0; c < width; ++c) {
        const Taps& t = columns[static_cast<std::size_t>(c)];
        float sum = 0;
        for (std::size_t k = 0; k < t.weight.size(); ++k)
          sum += t.weight[k] * from[t.from + static_cast<I>(k)];
        to[c] = sum;
      }
    }
    for (I r = 0; r < height; ++r) {
      const Taps& t = rows[static_cast<std::size_t>(r)];
      float* to = out.plane(p) + r * width;
      std::fill(to, to + width, 0.0f);
      for (std::size_t k = 0; k < t.weight.size(); ++k) {
        const float* from = narrow.plane(p) + (t.from + static_cast<I>(k)) * width;
        for (I c = 0; c < width; ++c) to[c] += t.weight[k] * from[c];
      }
    }
  }
  return out;
}

HostImage cropped(const HostImage& x, I top, I left, I height, I width) {
  HostImage out = x.like(height, width);
  for (I p = 0; p < x.planes(); ++p)
    for (I r = 0; r < height; ++r) {
      if (top + r < 0 || top + r >= x.height) continue;
      const I from = std::max<I>(left, 0), to = std::min<I>(left + width, x.width);
      if (from < to)
        std::copy_n(x.plane(p) + (top + r) * x.width + from, to - from,
                    out.plane(p) + r * width + from - left);
    }
  return out;
}

HostImage warped(const HostImage& x, const Affine& m, bool bilinear) {
  HostImage out = x.like(x.height, x.width);
  const double cx = static_cast<double>(x.width - 1) / 2,
               cy = static_cast<double>(x.height - 1) / 2;
  const auto at = [&](I p, I r, I c) {
    return r < 0 || r >= x.height || c < 0 || c >= x.width ? 0.0f : x.plane(p)[r * x.width + c];
  };
  for (I r = 0; r < x.height; ++r) {
    for (I c = 0; c < x.width; ++c) {
      const double u = static_cast<double>(c) - cx, v = static_cast<double>(r) - cy;
      const double sx = m.a * u + m.b * v + m.tx + cx, sy = m.c * u + m.d * v + m.ty + cy;
      if (!bilinear) {
        const I y = std::lrint(sy), z = std::lrint(sx);
        for (I p = 0; p < x.planes(); ++p) out.plane(p)[r * x.width + c] = at(p, y, z);
        continue;
      }
      const I y = static_cast<I>(std::floor(sy)), z = static_cast<I>(std::floor(sx));
      const auto fy = static_cast<float>(sy - std::floor(sy)),
                 fx = static_cast<float>(sx - std::floor(sx));
      for (I p = 0; p < x.planes(); ++p)
        out.plane(p)[r * x.width + c] =
            (1 - fy) * ((1 - fx) * at(p, y, z) + fx * at(p, y, z + 1)) +
            fy * ((1 - fx) * at(p, y + 1, z) + fx * at(p, y + 1, z + 1));
    }
  }
  return out;
}

}  // namespace lilith::data
