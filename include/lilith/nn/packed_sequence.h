#pragma once
#include <optional>

#include "lilith/ops/int_list.h"
#include "lilith/tensor.h"

namespace lilith {

/// Sequences of different lengths, padded, with their lengths: what RNN, GRU and LSTM take to stop
/// each row at its end. PyTorch's holds no padding; here each layer sees rows of one length, and
/// what lies behind a row's end is neither read nor has a gradient.
struct PackedSequence {
  Tensor padded;   // [T, N, …]
  Tensor lengths;  // i64 [N]
};
struct PadPackedResult {
  Tensor output;   // [T, N, …], or with batch_first [N, T, …]
  Tensor lengths;  // i64 [N]
};

struct PackPaddedKeywords {
  detail::Named named = {};
  bool batch_first = false;
  bool enforce_sorted = true;
};
struct PadPackedKeywords {
  detail::Named named = {};
  bool batch_first = false;
  Real padding_value = 0;
  std::optional<Int> total_length = {};
};

/// x [T, N, …], or with batch_first [N, T, …], with its rows' lengths, integers [N] from 1 to T, in
/// any order, whatever enforce_sorted says. What is behind the longest row is cut off, unless
/// lengths' values are not known, inside of `compile`. Errors: lengths of another number or dtype;
/// values out of range, where they are known. Ref: torch.nn.utils.rnn.pack_padded_sequence.
PackedSequence pack_padded_sequence(const Tensor& x, const Tensor& lengths,
                                    bool batch_first = false, bool enforce_sorted = true,
                                    SourceLocation loc = SourceLocation::current());
PackedSequence pack_padded_sequence(const Tensor& x, const IntList& lengths,
                                    bool batch_first = false, bool enforce_sorted = true,
                                    SourceLocation loc = SourceLocation::current());
inline PackedSequence pack_padded_sequence(const Tensor& x, const Tensor& lengths,
                                           const PackPaddedKeywords& k,
                                           SourceLocation loc = SourceLocation::current()) {
  return pack_padded_sequence(x, lengths, k.batch_first, k.enforce_sorted, loc);
}
inline PackedSequence pack_padded_sequence(const Tensor& x, const IntList& lengths,
                                           const PackPaddedKeywords& k,
                                           SourceLocation loc = SourceLocation::current()) {
  return pack_padded_sequence(x, lengths, k.batch_first, k.enforce_sorted, loc);
}

/// Back to a tensor, with padding_value behind the rows' ends, of total_length steps where that is
/// given: auto [output, lengths] = pad_packed_sequence(packed). Error: a total_length below the
/// longest row's. Ref: torch.nn.utils.rnn.pad_packed_sequence.
PadPackedResult pad_packed_sequence(const PackedSequence& packed, bool batch_first = false,
                                    Real padding_value = 0, std::optional<Int> total_length = {},
                                    SourceLocation loc = SourceLocation::current());
inline PadPackedResult pad_packed_sequence(const PackedSequence& packed, const PadPackedKeywords& k,
                                           SourceLocation loc = SourceLocation::current()) {
  return pad_packed_sequence(packed, k.batch_first, k.padding_value, k.total_length, loc);
}

}  // namespace lilith
