#pragma once
#include <vector>

#include "lilith/tensor.h"

namespace lilith::detail {

/// Which of these fields of one model, its parameters in order, are one parameter: per slot the
/// first of those that it is tied to, itself where it is alone. Empty when nothing is tied. Values
/// that init:: functions set reach the others here, where they may be written.
std::vector<std::size_t> tie_roots(const std::vector<Tensor*>& slots, bool writable = true);

/// These fields' tensors, or of tied ones that whose value an init:: function set last, for reading
/// a model whose fields may not be written.
std::vector<const Tensor*> tied_values(const std::vector<Tensor*>& slots);

/// The first of the slots that slot i is tied to.
inline std::size_t root_of(const std::vector<std::size_t>& roots, std::size_t i) {
  return roots.empty() ? i : roots[i];
}

}  // namespace lilith::detail
