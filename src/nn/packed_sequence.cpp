#include "nn/packed_sequence.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "ir/node.h"
#include "ir/one_device.h"
#include "lilith/ops/create.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/shape.h"
#include "ops/asked_values.h"

namespace lilith {

namespace {

void check_packed(const char* op, const PackedSequence& packed) {
  const Tensor &x = packed.padded, &lengths = packed.lengths;
  LILITH_CHECK(x.ndim() >= 2, "{}: x is {}; need at least two dimensions, of steps and of rows", op,
               x.aval().str());
  LILITH_CHECK(is_integral(lengths.dtype()) && lengths.ndim() == 1 && lengths.size(0) == x.size(1),
               "{}: lengths are {}; need integers [{}], one a row", op, lengths.aval().str(),
               x.size(1));
}

// Without what is behind the longest row.
PackedSequence shortened(const PackedSequence& packed, const std::vector<std::int64_t>& lengths) {
  const std::int64_t steps = packed.padded.size(0);
  for (const std::int64_t n : lengths)
    LILITH_CHECK(n >= 1 && n <= steps,
                 "pack_padded_sequence: a row's length is {}; need 1 to {}, the steps of x", n,
                 steps);
  const std::int64_t longest = lengths.empty() ? steps : std::ranges::max(lengths);
  return longest == steps ? packed
                          : PackedSequence{narrow(packed.padded, 0, 0, longest), packed.lengths};
}

PackedSequence packed_of(const Tensor& x, const Tensor& lengths, bool batch_first) {
  LILITH_CHECK(x.ndim() >= 2,
               "pack_padded_sequence: x is {}; need at least two dimensions, of steps and of rows",
               x.aval().str());
  PackedSequence packed{batch_first ? transpose(x, 0, 1) : x, lengths};
  check_packed("pack_padded_sequence", packed);
  packed.lengths = lengths.to(DType::I64);
  return packed;
}

bool has_values(const Tensor& x) { return ir::trace_depth() == 0 && !ops::depends_on_inputs(x); }

}  // namespace

Tensor detail::steps_within(const char* op, const PackedSequence& packed) {
  check_packed(op, packed);
  const Tensor& x = packed.padded;
  const Tensor ends = ir::on_device(packed.lengths, x.device());
  Shape shape(std::vector<std::int64_t>(static_cast<std::size_t>(x.ndim()), 1));
  shape[0] = x.size(0);
  const Tensor steps =
      arange(x.size(0), ValueOptions{.dtype = DType::I64, .device = x.device()}).view(shape);
  shape[0] = 1;
  shape[1] = x.size(1);
  return steps < ends.view(shape);
}

PackedSequence pack_padded_sequence(const Tensor& x, const Tensor& lengths, bool batch_first, bool,
                                    SourceLocation loc) {
  const LocScope scope(loc);
  const PackedSequence packed = packed_of(x, lengths, batch_first);
  return has_values(lengths) ? shortened(packed, packed.lengths.to_vector<std::int64_t>()) : packed;
}
PackedSequence pack_padded_sequence(const Tensor& x, const IntList& lengths, bool batch_first, bool,
                                    SourceLocation loc) {
  const LocScope scope(loc);
  const Tensor held =
      from_data(lengths.vec().data(), {static_cast<std::int64_t>(lengths.size())}).to(x.device());
  return shortened(packed_of(x, held, batch_first), lengths.vec());
}

PadPackedResult pad_packed_sequence(const PackedSequence& packed, bool batch_first,
                                    Real padding_value, std::optional<Int> total_length,
                                    SourceLocation loc) {
  const LocScope scope(loc);
  const Tensor within = detail::steps_within("pad_packed_sequence", packed);
  Tensor out = masked_fill(packed.padded, logical_not(within), padding_value);
  const std::int64_t steps = out.size(0);
  if (total_length && *total_length != steps) {
    LILITH_CHECK(*total_length > steps,
                 "pad_packed_sequence: total_length is {}; need {}, the steps of the longest row, "
                 "or more",
                 *total_length, steps);
    std::vector<std::int64_t> sides(2 * out.shape().size(), 0);
    sides.back() = *total_length - steps;
    out = constant_pad_nd(out, sides, padding_value);
  }
  return {batch_first ? transpose(out, 0, 1) : out, packed.lengths};
}

}  // namespace lilith
