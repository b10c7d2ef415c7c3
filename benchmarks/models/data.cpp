#include "data.h"

#include <lilith/ops.h>

#include <cstdint>
#include <vector>

namespace lilith::bench {
namespace {

// Random number k of step i. Ref: Steele, Lea, Flood 2014, the mixing function of SplitMix64.
std::uint64_t random_bits(std::int64_t i, std::int64_t k) {
  std::uint64_t z = (static_cast<std::uint64_t>(i) << 32) + static_cast<std::uint64_t>(k);
  z = (z + 1) * 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

// Uniform in [0, 1), a multiple of 2^-24.
float uniform(std::int64_t i, std::int64_t k) {
  return static_cast<float>(random_bits(i, k) >> 40) * 0x1p-24f;
}

}  // namespace

Batch text_batch(std::int64_t i, std::int64_t batch, std::int64_t length) {
  constexpr std::uint64_t kSymbols = 65;
  std::vector<std::int64_t> x, y;
  for (std::int64_t n = 0; n < batch; ++n) {
    const std::int64_t row = n * (length + 1);
    std::uint64_t symbol = random_bits(i, row) % kSymbols;
    for (std::int64_t t = 0; t < length; ++t) {
      x.push_back(static_cast<std::int64_t>(symbol));
      symbol = (3 * symbol + 1 + random_bits(i, row + t + 1) % 4) % kSymbols;
      y.push_back(static_cast<std::int64_t>(symbol));
    }
  }
  return {from_data(x.data(), {batch, length}), from_data(y.data(), {batch, length})};
}

Batch image_batch(std::int64_t i, std::int64_t batch, std::int64_t channels, std::int64_t side) {
  constexpr std::int64_t kClasses = 10;
  std::vector<float> x;
  std::vector<std::int64_t> y;
  std::int64_t k = batch;  // the labels take those before
  for (std::int64_t n = 0; n < batch; ++n) {
    y.push_back(static_cast<std::int64_t>(random_bits(i, n) % kClasses));
    const std::int64_t bright = (side - 2) / kClasses * y.back() + 1;
    for (std::int64_t row = 0; row < channels * side; ++row) {
      const float level = row % side == bright ? 0.5f : -0.5f;
      for (std::int64_t column = 0; column < side; ++column) x.push_back(uniform(i, k++) + level);
    }
  }
  return {from_data(x.data(), {batch, channels, side, side}), from_data(y.data(), {batch})};
}

}  // namespace lilith::bench
