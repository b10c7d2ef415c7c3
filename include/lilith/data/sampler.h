#pragma once
#include <concepts>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "lilith/tensor.h"

namespace lilith {

/// The rows that an epoch of a DataLoader visits, in order: a function of the loop's seed and the
/// epoch alone, so that a loop can be resumed. `{.sampler = WeightedRandomSampler(weights, 100)}`.
struct Sampler {
  std::int64_t size = 0;  // rows an epoch
  bool random = false;    // whether the seed matters
  std::function<std::vector<std::int64_t>(std::uint64_t seed, std::int64_t epoch)> order = {};
  /// Whether it is one: of none there is no order. One of no rows is.
  explicit operator bool() const { return order != nullptr; }
};

namespace data {
Sampler in_order(Int n);
Sampler at_random(Int n, bool replacement, std::optional<Int> num_samples, SourceLocation loc);
Sampler weighted(std::vector<double> weights, Int num_samples, bool replacement,
                 SourceLocation loc);
Sampler subset_at_random(std::vector<std::int64_t> indices);
Sampler distributed(Int n, Int num_replicas, Int rank, bool shuffle, std::uint64_t seed,
                    bool drop_last, SourceLocation loc);

/// A dataset: its size is what a sampler wants.
template <class T>
concept Sized = requires(const T& t) {
  { t.size() } -> std::convertible_to<std::int64_t>;
  t.source();
};
}  // namespace data

/// 0, 1, …, n - 1; n may be a dataset. Ref: torch.utils.data.SequentialSampler.
struct SequentialSampler : Sampler {
  explicit SequentialSampler(Int n) : Sampler(data::in_order(n)) {}
  template <data::Sized D>
  explicit SequentialSampler(const D& dataset) : SequentialSampler(dataset.size()) {}
};
/// All of n rows in a random order, or num_samples of them; with `replacement` each is drawn from
/// all. Errors: more without replacement than there are. Ref: torch.utils.data.RandomSampler.
struct RandomSampler : Sampler {
  explicit RandomSampler(Int n, bool replacement = false, std::optional<Int> num_samples = {},
                         SourceLocation loc = SourceLocation::current())
      : Sampler(data::at_random(n, replacement, num_samples, loc)) {}
  template <data::Sized D>
  explicit RandomSampler(const D& dataset, bool replacement = false,
                         std::optional<Int> num_samples = {},
                         SourceLocation loc = SourceLocation::current())
      : RandomSampler(dataset.size(), replacement, num_samples, loc) {}
};
/// num_samples rows, row i drawn with a probability in proportion to weights[i]; without
/// replacement each at most once. Errors: weights below 0 or none above, fewer rows of weight than
/// are drawn without replacement. Ref: torch.utils.data.WeightedRandomSampler.
struct WeightedRandomSampler : Sampler {
  WeightedRandomSampler(std::vector<double> weights, Int num_samples, bool replacement = true,
                        SourceLocation loc = SourceLocation::current())
      : Sampler(data::weighted(std::move(weights), num_samples, replacement, loc)) {}
  template <std::derived_from<Tensor> T>
  WeightedRandomSampler(const T& weights, Int num_samples, bool replacement = true,
                        SourceLocation loc = SourceLocation::current())
      : WeightedRandomSampler(weights.to(kDouble, loc).template to_vector<double>(loc), num_samples,
                              replacement, loc) {}
};
/// These rows in a random order. Ref: torch.utils.data.SubsetRandomSampler.
struct SubsetRandomSampler : Sampler {
  explicit SubsetRandomSampler(std::vector<std::int64_t> indices)
      : Sampler(data::subset_at_random(std::move(indices))) {}
  template <std::derived_from<Tensor> T>
  explicit SubsetRandomSampler(const T& indices, SourceLocation loc = SourceLocation::current())
      : SubsetRandomSampler(indices.to(kInt64, loc).template to_vector<std::int64_t>(loc)) {}
};
/// The part of n rows that process `rank` of num_replicas visits: every num_replicas-th of a common
/// order, which `seed` and the epoch shuffle; all parts are of one size, by repeating rows or, with
/// drop_last, leaving some out. Errors: rank out of range. Ref:
/// torch.utils.data.distributed.DistributedSampler.
struct DistributedSampler : Sampler {
  DistributedSampler(Int n, Int num_replicas, Int rank, bool shuffle = true, std::uint64_t seed = 0,
                     bool drop_last = false, SourceLocation loc = SourceLocation::current())
      : Sampler(data::distributed(n, num_replicas, rank, shuffle, seed, drop_last, loc)) {}
  template <data::Sized D>
  DistributedSampler(const D& dataset, Int num_replicas, Int rank, bool shuffle = true,
                     std::uint64_t seed = 0, bool drop_last = false,
                     SourceLocation loc = SourceLocation::current())
      : DistributedSampler(dataset.size(), num_replicas, rank, shuffle, seed, drop_last, loc) {}
};

}  // namespace lilith
