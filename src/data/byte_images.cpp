#include "data/byte_images.h"

namespace lilith::data {

ByteImages::ByteImages(std::vector<std::uint8_t> pixels, std::vector<std::uint8_t> labels, const Shape& shape)
    : pixels_(std::move(pixels)),
      labels_(std::move(labels)),
      columns_{Aval{shape, DType::F32, {}}, Aval{{}, DType::I64, {}}} {}

void ByteImages::read(const std::int64_t* rows, std::int64_t n, void* const* out) const {
  const std::int64_t pixels = columns_[0].numel();
  if (auto* x = static_cast<float*>(out[0])) {
    for (std::int64_t i = 0; i < n; ++i, x += pixels) {
      const std::uint8_t* p = pixels_.data() + rows[i] * pixels;
      for (std::int64_t j = 0; j < pixels; ++j) x[j] = static_cast<float>(p[j]) / 255.0f;
    }
  }
  if (auto* y = static_cast<std::int64_t*>(out[1])) {
    for (std::int64_t i = 0; i < n; ++i) y[i] = labels_[static_cast<std::size_t>(rows[i])];
  }
}

}  // namespace lilith::data
