#pragma once
#include <vector>

#include "parity/call.h"

namespace lilith::parity {

/// What PyTorch leaves open is as stored: the order of `unique` without sorting, and which one of
/// equal elements is named.
void put_in_order(const Sample& sample, const Call& call, const GoldenFile& file,
                  std::vector<Tensor>& values);

}  // namespace lilith::parity
