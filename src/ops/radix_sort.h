#pragma once
#include <algorithm>
#include <array>
#include <cstdint>

#include "ops/line_writer.h"
#include "ops/sort_items.h"
#include "ops/sort_rows.h"

// Radix sort from the least digit on: each pass moves what a thread has of the row to where its
// digit's elements begin, in order. Digits that are the same throughout are left out.
namespace lilith::ops {

constexpr std::int64_t kLongRow = 1 << 15;  // does not stay in a cache
constexpr int kMostThreads = 128;           // that share a row

/// Of a thread: how many elements have each value of each digit.
using DigitCounts = std::array<std::uint32_t, kDigits>;

/// Where the ranks that are asked for go.
struct RankWindow {
  std::int64_t first, count;
  std::int64_t* out;
  void put(std::int64_t rank, std::int64_t place) const {
    const auto k = static_cast<std::uint64_t>(rank - first);
    if (k < static_cast<std::uint64_t>(count)) out[k] = place;
  }
};

template <class Row, class Item>
class RadixSort {
 public:
  static constexpr int kPasses = static_cast<int>(sizeof(typename Row::Bits));
  using Counts = std::array<DigitCounts, kPasses>;

  /// counts: one for each thread of the part; a, b: n items each.
  RadixSort(Row row, std::int64_t n, Item* a, Item* b, Counts* counts, const TeamPart& part)
      : row_(row), n_(n), a_(a), b_(b), counts_(counts), part_(part) {
    const std::int64_t each = (n + part.num_threads - 1) / part.num_threads;
    begin_ = std::min(n, each * part.thread);
    end_ = std::min(n, begin_ + each);
  }

  void run(const RankWindow& window) {
    count_all();
    part_.meet();
    int passes[kPasses], num_passes = 0;
    for (int p = 0; p < kPasses; ++p)
      if (!is_trivial(p)) passes[num_passes++] = p;
    if (num_passes == 0) {
      in_order(window);
      part_.meet();  // others may still look at the counts
      return;
    }
    for (int k = 0; k < num_passes; ++k) {
      const int p = passes[k];
      if (k > 0 && part_.num_threads > 1) {
        count(p);
        part_.meet();
      }
      std::uint32_t at[kDigits];
      find_offsets(p, at);
      move(p, k == 0, k == num_passes - 1, at, window);
      part_.meet();
      std::swap(a_, b_);
    }
  }

 private:
  static std::uint32_t digit(auto key, int p) {
    return static_cast<std::uint32_t>(key >> (p * kDigitBits)) & (kDigits - 1);
  }

  void count_all() {
    Counts& mine = counts_[part_.thread];
    for (DigitCounts& c : mine) c.fill(0);
    for (std::int64_t i = begin_; i < end_; ++i) {
      const auto key = row_[i];
      for (int p = 0; p < kPasses; ++p) ++mine[static_cast<std::size_t>(p)][digit(key, p)];
    }
  }

  void count(int p) {
    DigitCounts& mine = counts_[part_.thread][static_cast<std::size_t>(p)];
    mine.fill(0);
    for (std::int64_t i = begin_; i < end_; ++i) ++mine[digit(a_[i].key(), p)];
  }

  bool is_trivial(int p) const {
    const std::uint32_t d = digit(row_[0], p);
    std::int64_t all = 0;
    for (int t = 0; t < part_.num_threads; ++t) all += counts_[t][static_cast<std::size_t>(p)][d];
    return all == n_;
  }

  // Smaller digits first, of one digit those of the threads before.
  void find_offsets(int p, std::uint32_t* at) const {
    std::uint32_t sum = 0;
    for (std::uint32_t d = 0; d < kDigits; ++d) {
      for (int t = 0; t < part_.num_threads; ++t) {
        if (t == part_.thread) at[d] = sum;
        sum += counts_[t][static_cast<std::size_t>(p)][d];
      }
    }
  }

  void move(int p, bool first, bool last, std::uint32_t* at, const RankWindow& window) {
    const auto each = [&](auto&& put) {
      if (first) {
        for (std::int64_t i = begin_; i < end_; ++i) put(Item::of(row_[i], i));
      } else {
        for (std::int64_t i = begin_; i < end_; ++i) put(a_[i]);
      }
    };
    const bool is_long = n_ >= kLongRow;
    if (last && is_long && window.first == 0 && window.count == n_) {
      LineWriter<std::int64_t> writer(window.out, at);
      each([&](const Item& x) { writer.put(digit(x.key(), p), x.place()); });
    } else if (last) {
      each([&](const Item& x) { window.put(at[digit(x.key(), p)]++, x.place()); });
    } else if (is_long) {
      LineWriter<Item> writer(b_, at);
      each([&](const Item& x) { writer.put(digit(x.key(), p), x); });
    } else {
      each([&](const Item& x) { b_[at[digit(x.key(), p)]++] = x; });
    }
  }

  void in_order(const RankWindow& window) const {
    for (std::int64_t i = begin_; i < end_; ++i) window.put(i, i);
  }

  const Row row_;
  const std::int64_t n_;
  Item *a_, *b_;
  Counts* const counts_;
  const TeamPart part_;
  std::int64_t begin_ = 0, end_ = 0;
};

}  // namespace lilith::ops
