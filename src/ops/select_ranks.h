#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>

#include "ops/radix_sort.h"
#include "ops/sort_items.h"
#include "ops/sort_rows.h"

// Ranks without sorting the others. Items are all different, for the place is part of them, so that
// there is one answer.
namespace lilith::ops {

/// The `count` first of a part of a row: those that may be among them are collected, and as soon as
/// there are twice as many the rest is dropped. What is above the worst of the kept is passed over
/// many elements at a time.
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
    constexpr std::int64_t kBlock = 32;
    std::int64_t i = begin;
    for (; i + kBlock <= end; i += kBlock) {
      if (is_full_ && !any_below(i, kBlock)) continue;
      for (std::int64_t k = i; k < i + kBlock; ++k) add(k);
    }
    for (; i < end; ++i) add(i);
    if (size_ > count_) cut();
    return size_;
  }

 private:
  static constexpr std::int64_t kLeast = 64;

  bool any_below(std::int64_t i, std::int64_t n) const {
    if constexpr (dtype == DType::F32) {
      return row_.flip ? any_precedes<true>(row_.in + i, n) : any_precedes<false>(row_.in + i, n);
    }
    Bits least = static_cast<Bits>(~Bits{0});
    for (std::int64_t k = i; k < i + n; ++k) least = std::min(least, row_[k]);
    return least < worst_;
  }

  template <bool kLargestFirst>
  bool any_precedes(const Bits* at, std::int64_t n) const {
    const Bits worst = worst_bits_;
    std::uint32_t any = 0;
    for (std::int64_t k = 0; k < n; ++k) any |= may_precede(at[k], worst, kLargestFirst) ? 1u : 0u;
    return any != 0;
  }

  // An equal one further on comes after those that are kept.
  void add(std::int64_t i) {
    const Bits key = row_[i];
    if (is_full_ && key >= worst_) return;
    kept_[size_++] = Item::of(key, i);
    if (size_ == room_) cut();
  }

  void cut() {
    std::nth_element(kept_, kept_ + count_ - 1, kept_ + size_);
    size_ = count_;
    is_full_ = true;
    worst_ = static_cast<Bits>(kept_[count_ - 1].key());
    worst_bits_ = row_.in[kept_[count_ - 1].place()];
    // A NaN is the largest whatever its sign.
    if (dtype == DType::F32 && (worst_bits_ & 0x7fffffffu) > 0x7f800000u) worst_bits_ = 0x7fffffffu;
  }

  const KeyRow<dtype> row_;
  const std::int64_t count_, room_;
  Item* const kept_;
  std::int64_t size_ = 0;
  bool is_full_ = false;
  Bits worst_ = 0, worst_bits_ = 0;
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
