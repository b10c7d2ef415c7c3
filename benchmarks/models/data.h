#pragma once
#include <lilith/tensor.h>

namespace lilith::bench {

/// The inputs of one step and what it should answer.
struct Batch {
  Tensor x, y;
};

// Batches that any language makes alike, from integers alone: benchmarks/peers/large_data.py is the
// other side of this file.

/// Text of 65 symbols, in which a symbol leaves four choices for the next one: x i64 [batch,
/// length], y the same one symbol later. Step i has text of its own.
Batch text_batch(std::int64_t i, std::int64_t batch, std::int64_t length);

/// Noise with a bright line whose height tells which of ten classes it is: x f32 [batch, channels,
/// side, side] in [-0.5, 1.5), y i64 [batch]. Step i has images of its own.
Batch image_batch(std::int64_t i, std::int64_t batch, std::int64_t channels, std::int64_t side);

}  // namespace lilith::bench
