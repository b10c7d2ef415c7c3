#pragma once
#include <cstdint>
#include <vector>

#include "schedule/kernel/axes.h"
#include "schedule/kernel/builder.h"

namespace lilith::schedule {

/// dot_general and conv_general as one thing: out[Σ] = sum over the summed axes of a[Σ] * b[Σ],
/// where every place is an offset plus strides times axes.
struct ContractionSpec {
  std::vector<Axis> axes;
  int a_buffer = -1, b_buffer = -1;
  std::int64_t a_offset = 0, b_offset = 0;
};
ContractionSpec make_spec(const Builder& b, ir::NodeImpl* core);

/// An operand as memory: the buffer, and the step of each dimension of the operand's own shape.
struct Operand {
  int buffer = -1;
  std::int64_t offset = 0;
  std::vector<std::int64_t> stride;
};
Operand make_operand(const Builder& b, ir::NodeImpl* node);
}  // namespace lilith::schedule
