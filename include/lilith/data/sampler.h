#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "lilith/tensor.h"

namespace lilith {

/// The rows that an epoch of a DataLoader visits, in order: a function of the loop's seed and the
/// epoch alone, so that a loop can be resumed. `{.sampler = WeightedRandomSampler(weights, 100)}`.
struct Sampler {
  std::int64_t size = 0;  // rows an epoch; 0: no sampler
  bool random = false;    // whether the seed matters
  std::function<std::vector<std::int64_t>(std::uint64_t seed, std::int64_t epoch)> order = {};
  explicit operator bool() const { return size > 0; }
};

/// 0, 1, …, n - 1. Ref: torch.utils.data.SequentialSampler.
Sampler SequentialSampler(Int n);
/// All of n rows in a random order, or num_samples of them; with `replacement` each is drawn from
/// all. Errors: more without replacement than there are. Ref: torch.utils.data.RandomSampler.
Sampler RandomSampler(Int n, bool replacement = false, std::optional<Int> num_samples = {},
                      SourceLocation loc = SourceLocation::current());
/// num_samples rows, row i drawn with a probability in proportion to weights[i]; without
/// replacement each at most once. Errors: weights below 0 or none above, fewer rows of weight than
/// are drawn without replacement. Ref: torch.utils.data.WeightedRandomSampler.
Sampler WeightedRandomSampler(std::vector<double> weights, Int num_samples, bool replacement = true,
                              SourceLocation loc = SourceLocation::current());
/// These rows in a random order. Ref: torch.utils.data.SubsetRandomSampler.
Sampler SubsetRandomSampler(std::vector<std::int64_t> indices);
/// The part of n rows that process `rank` of num_replicas visits: every num_replicas-th of a common
/// order, which `seed` and the epoch shuffle; all parts are of one size, by repeating rows or, with
/// drop_last, leaving some out. Errors: rank out of range. Ref:
/// torch.utils.data.distributed.DistributedSampler.
Sampler DistributedSampler(Int n, Int num_replicas, Int rank, bool shuffle = true,
                           std::uint64_t seed = 0, bool drop_last = false,
                           SourceLocation loc = SourceLocation::current());

}  // namespace lilith
