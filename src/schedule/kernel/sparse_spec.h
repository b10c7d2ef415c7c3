#pragma once
#include <cstdint>
#include <vector>

#include "schedule/kernel/axes.h"

namespace lilith::schedule {

/// A contraction with an operand that is zero but for one element of each pooling window:
/// unpool(values, offsets), perhaps padded. Only the elements that are not zero are multiplied.
///
/// `values` has list dimensions (images, channels) and position dimensions (where a window chose).
/// A position either selects what is read of the other operand and all of it is summed (gather: the
/// gradient of a convolution's weights), or it selects where in the result the product is added
/// (scatter: the gradient of a convolution's input).
///
/// What an unpool or the select before it makes zero meets nothing: an inf or a NaN on the other
/// side is annihilated, where a product with a stored zero would give NaN.
struct SparseSpec {
  ir::NodeImpl* unpool = nullptr;
  int side = 0;                        // which operand of the contraction it is
  std::vector<int> dims;               // of the unpool: which one of the operand each is
  std::vector<std::int64_t> lo, step;  // operand's index = lo + step * unpool's index
  std::vector<Axis> axes;              // of the contraction; `a` of the dense operand once known
  bool scatter = false;
  std::vector<int> list_dims;  // of the unpool's dimensions
  std::vector<int> list_axes;  // the axis of each
  std::vector<int> position_dims;
  std::vector<int> position_axes;  // gather: the summed axis of each, scatter: the result's
  // Scatter: the summed axes that move a position, which dimension (of position_dims), and how far.
  struct Tap {
    int axis = 0, position = 0;
    std::int64_t step = 0;
  };
  std::vector<Tap> taps;
  std::vector<int> free;  // axes of the result alone
};
/// The sparse forms that a contraction has: one for each operand that allows it.
std::vector<SparseSpec> sparse_forms(const ir::NodeImpl* core);

/// The elements of an unpool that may differ from zero: for each combination of the list
/// dimensions a run of places and values.
struct SparseList {
  const ir::NodeImpl* unpool = nullptr;
  std::vector<std::int64_t> strides;  // place = sum over position dimensions of stride * index
  std::vector<int> list_dims;
  int counts = -1, places = -1,
      values = -1;  // buffers: i32[lists], i32 and value [lists, capacity]
  std::int64_t capacity = 0;
};

}  // namespace lilith::schedule
