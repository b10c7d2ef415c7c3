#pragma once
#include <cstdint>
#include <vector>

#include "schedule/kernel/axes.h"
#include "schedule/kernel/builder.h"

namespace lilith::schedule {

/// dot_general and conv_general as one thing: out[Σ] = sum over the summed axes of a[Σ] * b[Σ],
/// where every place is an offset plus strides times axes.
/// A field that a search for tiles looks at is a part of search_key (cpu/contraction).
struct ContractionSpec {
  std::vector<Axis> axes;
  int a_buffer = -1, b_buffer = -1;
  std::int64_t a_offset = 0, b_offset = 0;
  bool a_constant = false, b_constant = false;  // in a loop: a copy is made once for all its steps
  bool a_kept = false, b_kept = false;          // copies outlive the run (eval/kept_copies.h)
  DType a_dtype = DType::F32,
        b_dtype = DType::F32;  // in memory; halves are widened as they are read
  bool in_rows = false;        // the epilogue may run in rows: its results are row-major
  bool fixed_layout = false;   // the results lie as they do, whatever lies in the lanes
  double macs() const;         // multiplications
  /// How often a run copies b, on average.
  double copies_of_b() const;
  double result_elements() const;  // of the product itself
  /// Where an element of a lies, of b; `at` is the value of every axis.
  kir::Expr place_a(kir::Pool& p, const std::vector<kir::Expr>& at) const;
  kir::Expr place_b(kir::Pool& p, const std::vector<kir::Expr>& at) const;
  /// The same with a and b in each other's place.
  ContractionSpec swapped() const;
};
ContractionSpec make_spec(const Builder& b, ir::NodeImpl* core);

/// An operand as memory: the buffer, and the step of each dimension of the operand's own shape.
struct Operand {
  int buffer = -1;
  std::int64_t offset = 0;
  std::vector<std::int64_t> stride;
};
/// Of what no kernel pads: the buffer of what is inside, and the steps that it would have if it was
/// stored.
Operand make_operand(const Builder& b, ir::NodeImpl* node);
/// What the first operand is, but for the order of its dimensions, where the product itself has to
/// put the zeros around that; else null.
ir::NodeImpl* padded_operand(const Builder& b, const ir::NodeImpl* core);
}  // namespace lilith::schedule
