#pragma once
#include <algorithm>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "ops/radix_sort.h"
#include "ops/sort_items.h"
#include "ops/sort_rows.h"

// Ranks without sorting the others. Items are all different, for the place is part of them, so that
// there is one answer.
namespace lilith::ops {

/// The `count` first of a part of a row. The least of each of some groups of its first elements say
/// how large the last of them can be; what is above that is passed over many elements at a time,
/// the others are kept, and where too many are, those behind the `count` first of them are dropped.
template <DType dtype>
class FirstFew {
 public:
  using Item = ItemOf<dtype>;
  using Bits = typename Keyed<dtype>::Bits;

  static constexpr std::int64_t room(std::int64_t count) {
    return 2 * std::max<std::int64_t>(count, kLeast);
  }

  /// kept: room(count) items.
  FirstFew(KeyRow<dtype> row, std::int64_t count, Item* kept)
      : row_(row), count_(count), room_(room(count)), kept_(kept) {}

  /// The elements of [begin, end) that are among its first `count`, unordered; how many.
  std::int64_t run(std::int64_t begin, std::int64_t end) {
    bound(begin, end);
    std::int64_t i = begin;
    for (; i + kBlock <= end && !done_; i += kBlock)
      if (any_passes(i)) add(i, i + kBlock);
    if (!done_) add(i, end);
    if (size_ > count_) cut();
    return size_;
  }

 private:
  static constexpr std::int64_t kLeast = 64, kBlock = 32;
  static constexpr std::int64_t kLanes = 16;        // of a vector of minima
  static constexpr std::int64_t kLooked = 1 << 14;  // elements that the bound is made from
  // Vectors compare f32 as signed numbers, others as keys.
  using Quick = std::conditional_t<dtype == DType::F32, std::int32_t, Bits>;

  // -0 lies below 0, where the keys are equal; else as the keys.
  Quick quick(std::int64_t i) const {
    if constexpr (dtype == DType::F32)
      return ordered_number(row_.in[i]) ^ static_cast<std::int32_t>(row_.flip);
    else
      return row_[i];
  }

  // As many groups as `count` each have an element that is not above the bound.
  void bound(std::int64_t begin, std::int64_t end) {
    std::int64_t groups = kLeast;
    while (groups < 2 * count_) groups *= 2;
    const std::int64_t each = std::min(end - begin, std::max(kLooked, 4 * groups)) / groups;
    if (each < 4) return;
    // Fewer than four for each of `count`, or kLeast: they fit what is kept later.
    static_assert(2 * sizeof(Quick) <= sizeof(Item));
    Quick* const least = reinterpret_cast<Quick*>(kept_);
    for (std::int64_t g = 0; g < groups; g += kLanes) {
      const std::int64_t from = begin + g * each;
      Quick lanes[kLanes];
      for (std::int64_t l = 0; l < kLanes; ++l) lanes[l] = quick(from + l);
      for (std::int64_t k = 1; k < each; ++k)
        for (std::int64_t l = 0; l < kLanes; ++l)
          lanes[l] = std::min(lanes[l], quick(from + k * kLanes + l));
      std::copy_n(lanes, kLanes, least + g);
    }
    std::nth_element(least, least + count_ - 1, least + groups);
    Quick last = least[count_ - 1];
    if constexpr (dtype == DType::F32) {
      if (last == -1) last = 0;  // -0 is 0
      pass_until(static_cast<Bits>(last) ^ kSign);
    } else {
      pass_until(last);
    }
  }

  void pass_until(Bits last) {
    last_ = last;
    if constexpr (dtype == DType::F32) {
      quick_last_ = static_cast<std::int32_t>(last ^ kSign);
      // 0, and behind it -0, where the largest comes first; else what lies below both.
      if (quick_last_ == -1) quick_last_ = row_.flip ? 0 : -2;
    } else {
      quick_last_ = last;
    }
  }

  bool any_passes(std::int64_t i) const {
    const Quick last = quick_last_;
    Quick least = quick(i);
    for (std::int64_t k = i + 1; k < i + kBlock; ++k) least = std::min(least, quick(k));
    return least <= last;
  }

  void add(std::int64_t begin, std::int64_t end) {
    if (size_ + end - begin > room_) cut();
    if (done_) return;
    for (std::int64_t k = begin; k < end; ++k) {
      const Bits key = row_[k];
      kept_[size_] = Item::of(key, k);
      size_ += key <= last_ ? 1 : 0;
    }
  }

  // An equal one further on comes after those that are kept.
  void cut() {
    std::nth_element(kept_, kept_ + count_ - 1, kept_ + size_);
    size_ = count_;
    const Bits worst = static_cast<Bits>(kept_[count_ - 1].key());
    done_ = worst == 0;
    if (!done_) pass_until(static_cast<Bits>(worst - 1));
  }

  static constexpr Bits kSign = static_cast<Bits>(Bits{1} << (8 * sizeof(Bits) - 1));
  const KeyRow<dtype> row_;
  const std::int64_t count_, room_;
  Item* const kept_;
  std::int64_t size_ = 0;
  bool done_ = false;  // nothing comes before those that are kept
  Bits last_ = static_cast<Bits>(~Bits{0});
  Quick quick_last_ = std::numeric_limits<Quick>::max();
};

/// One rank of a row by all threads: from the highest digits on those are kept that share the
/// rank's, until few are left.
template <DType dtype>
class OneRank {
 public:
  using Item = ItemOf<dtype>;
  using Bits = typename Keyed<dtype>::Bits;
  static constexpr int kBits = std::min<int>(11, 8 * static_cast<int>(sizeof(Bits)));
  using Counts = std::array<std::uint32_t, 1 << kBits>;

  /// counts: one for each thread; items: n.
  OneRank(KeyRow<dtype> row, std::int64_t n, Item* items, Counts* counts, const TeamPart& part)
      : row_(row), items_(items), counts_(counts), part_(part) {
    const std::int64_t each = (n + part.num_threads - 1) / part.num_threads;
    begin_ = std::min(n, each * part.thread);
    end_ = std::min(n, begin_ + each);
  }

  void run(std::int64_t rank, std::int64_t* out) {
    Counts& mine = counts_[part_.thread];
    mine.fill(0);
    for (std::int64_t i = begin_; i < end_; ++i) ++mine[bin_of(row_[i])];
    part_.meet();
    std::int64_t before = 0, at = 0;  // elements of lower bins; where mine of the rank's bin go
    std::size_t bin = 0;
    for (;; ++bin) {
      std::int64_t here = 0;
      at = 0;
      for (int t = 0; t < part_.num_threads; ++t) {
        if (t == part_.thread) at = here;
        here += counts_[t][bin];
      }
      if (rank < before + here) {
        size_ = here;
        break;
      }
      before += here;
    }
    for (std::int64_t i = begin_; i < end_; ++i) {
      const Bits key = row_[i];
      if (bin_of(key) == bin) items_[at++] = Item::of(key, i);
    }
    part_.meet();
    if (part_.thread == 0) {
      Item* const it = items_ + (rank - before);
      std::nth_element(items_, it, items_ + size_);
      *out = it->place();
    }
    part_.meet();
  }

 private:
  static std::size_t bin_of(Bits key) {
    return static_cast<std::size_t>(key >> (8 * static_cast<int>(sizeof(Bits)) - kBits));
  }

  const KeyRow<dtype> row_;
  Item* const items_;
  Counts* const counts_;
  const TeamPart part_;
  std::int64_t begin_ = 0, end_ = 0, size_ = 0;
};

}  // namespace lilith::ops
