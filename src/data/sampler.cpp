#include "lilith/data/sampler.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "data/random.h"
#include "lilith/data/dataset.h"

namespace lilith {

using I = std::int64_t;

namespace {

std::uint64_t mixed(std::uint64_t seed, I epoch) {
  return data::HostRandom(seed, static_cast<std::uint64_t>(epoch)).next();
}

}  // namespace

Sampler data::in_order(Int n) {
  return {n, false, [n = I(n)](std::uint64_t, I) {
            std::vector<I> out(static_cast<std::size_t>(n));
            std::iota(out.begin(), out.end(), 0);
            return out;
          }};
}

Sampler data::at_random(Int n, bool replacement, std::optional<Int> num_samples,
                        SourceLocation loc) {
  LocScope scope(loc, "RandomSampler");
  const I count = num_samples ? I(*num_samples) : I(n);
  LILITH_CHECK(
      n >= 1 && count >= 1 && (replacement || count <= n),
      "RandomSampler: {} of {} rows; need at least 1 of 1, and without replacement no more", count,
      n);
  return {count, true, [n = I(n), count, replacement](std::uint64_t seed, I epoch) {
            if (!replacement) {
              std::vector<I> out = data::permutation(n, mixed(seed, epoch));
              out.resize(static_cast<std::size_t>(count));
              return out;
            }
            data::HostRandom random(mixed(seed, epoch));
            std::vector<I> out(static_cast<std::size_t>(count));
            for (I& row : out) row = static_cast<I>(random.below(static_cast<std::uint64_t>(n)));
            return out;
          }};
}

Sampler data::weighted(std::vector<double> weights, Int num_samples, bool replacement,
                       SourceLocation loc) {
  LocScope scope(loc, "WeightedRandomSampler");
  I positive = 0;
  for (const double w : weights) {
    LILITH_CHECK(w >= 0 && std::isfinite(w),
                 "WeightedRandomSampler: a weight is {}; need finite weights >= 0", w);
    positive += w > 0;
  }
  LILITH_CHECK(num_samples >= 1 && positive >= (replacement ? 1 : I(num_samples)),
               "WeightedRandomSampler: {} of {} rows with a weight; need at least 1, and without "
               "replacement no more than there are",
               num_samples, positive);
  const auto uniform = [](data::HostRandom& random) {
    return (static_cast<double>(random.next() >> 11) + 0.5) * 0x1p-53;
  };
  const auto draw = [=, weights = std::move(weights), count = I(num_samples)](std::uint64_t seed,
                                                                              I epoch) {
    data::HostRandom random(mixed(seed, epoch));
    std::vector<I> out(static_cast<std::size_t>(count));
    if (replacement) {
      std::vector<double> ends(weights.size());
      std::partial_sum(weights.begin(), weights.end(), ends.begin());
      for (I& row : out) {
        const auto at = std::upper_bound(ends.begin(), ends.end(), uniform(random) * ends.back());
        row = std::min<I>(at - ends.begin(), static_cast<I>(ends.size()) - 1);
      }
      return out;
    }
    // The largest of log(u) / w: Efraimidis and Spirakis, 2006.
    std::vector<std::pair<double, I>> keys;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const double u = uniform(random);
      if (weights[i] > 0) keys.emplace_back(-std::log(u) / weights[i], static_cast<I>(i));
    }
    std::partial_sort(keys.begin(), keys.begin() + count, keys.end());
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = keys[i].second;
    return out;
  };
  return {num_samples, true, draw};
}

Sampler data::subset_at_random(std::vector<I> indices) {
  const I n = static_cast<I>(indices.size());
  return {n, true, [indices = std::move(indices)](std::uint64_t seed, I epoch) {
            std::vector<I> out =
                data::permutation(static_cast<I>(indices.size()), mixed(seed, epoch));
            for (I& row : out) row = indices[static_cast<std::size_t>(row)];
            return out;
          }};
}

Sampler data::distributed(Int n, Int num_replicas, Int rank, bool shuffle, std::uint64_t seed,
                          bool drop_last, SourceLocation loc) {
  LocScope scope(loc, "DistributedSampler");
  LILITH_CHECK(n >= 1 && num_replicas >= 1 && rank >= 0 && rank < num_replicas,
               "DistributedSampler: rank {} of {} for {} rows; need 0 <= rank < num_replicas", rank,
               num_replicas, n);
  const I parts = num_replicas, rows = n;
  const I each = drop_last ? rows / parts : (rows + parts - 1) / parts;
  LILITH_CHECK(each >= 1, "DistributedSampler: {} rows for {} processes leave none with drop_last",
               rows, parts);
  // The common order is of the sampler's seed: the loops of all processes have others.
  return {each, false, [=, mine = I(rank)](std::uint64_t, I epoch) {
            std::vector<I> all(static_cast<std::size_t>(rows));
            std::iota(all.begin(), all.end(), 0);
            if (shuffle) all = data::permutation(rows, mixed(seed, epoch));
            std::vector<I> out;
            for (I k = 0; k < each; ++k)
              out.push_back(all[static_cast<std::size_t>((k * parts + mine) % rows)]);
            return out;
          }};
}

}  // namespace lilith
