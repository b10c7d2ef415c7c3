#include "ops/sort_rows.h"

#include <algorithm>
#include <memory>
#include <type_traits>
#include <utility>

#include "lilith/error.h"
#include "ops/radix_sort.h"
#include "ops/select_ranks.h"

// Rows that are long and few are shared by all threads, one after another; else threads have rows
// of their own. Rows of some elements are sorted by comparing.
namespace lilith::ops {
namespace {

constexpr std::int64_t kShort = 96;      // sorted by comparing
constexpr std::int64_t kLong = 1 << 16;  // worth meeting for
constexpr std::int64_t kFew = 16384;     // that FirstFew keeps

enum class Way : std::uint8_t { Sort, FirstFew, OneRank };

Way way_of(const RowOrder& o) {
  if (o.first == 0 && o.count <= std::min(kFew, o.n / 16)) return Way::FirstFew;
  return o.count == 1 ? Way::OneRank : Way::Sort;
}
bool is_shared(const RowOrder& o) { return o.n >= kLong && o.rows < 64; }

std::int64_t aligned(std::int64_t bytes) { return (bytes + 63) / 64 * 64; }

template <DType dtype>
class RowSorter {
 public:
  using Item = ItemOf<dtype>;
  using Bits = typename Keyed<dtype>::Bits;
  using Radix = RadixSort<KeyRow<dtype>, Item>;
  using Rank = OneRank<dtype>;

  RowSorter(const RowOrder& order, const void* in, std::int64_t* out, const TeamPart& part)
      : o_(order), in_(static_cast<const Bits*>(in)), out_(out), part_(part) {}

  /// Of one row, for a team of that many threads.
  static std::int64_t scratch_bytes(const RowOrder& o, int threads) {
    const auto size = static_cast<std::int64_t>(sizeof(Item));
    const auto counts = [&](std::size_t bytes) {
      return aligned(static_cast<std::int64_t>(bytes)) * threads;
    };
    switch (way_of(o)) {
      case Way::FirstFew:
        return threads * (aligned(FirstFew<dtype>::room(o.count) * size) + 64);
      case Way::OneRank:
        return aligned(o.n * size) + counts(sizeof(typename Rank::Counts));
      case Way::Sort:
        break;
    }
    return 2 * aligned(o.n * size) + counts(sizeof(typename Radix::Counts));
  }

  /// All rows, each by all threads.
  void run_shared(std::byte* scratch) {
    scratch_ = scratch;
    for (std::int64_t r = 0; r < o_.rows; ++r) run_row(r);
  }

  void run_own() {
    const std::int64_t each = (o_.rows + part_.num_threads - 1) / part_.num_threads;
    const std::int64_t begin = std::min(o_.rows, each * part_.thread),
                       end = std::min(o_.rows, begin + each);
    if (begin == end) return;
    part_ = {};
    const auto bytes = static_cast<std::size_t>(scratch_bytes(o_, 1)) + 64;
    const std::unique_ptr<std::byte[]> memory(new std::byte[bytes]);
    auto at = reinterpret_cast<std::uintptr_t>(memory.get());
    scratch_ = memory.get() + ((at + 63) / 64 * 64 - at);
    for (std::int64_t r = begin; r < end; ++r) run_row(r);
  }

 private:
  void run_row(std::int64_t r) {
    row_ = {in_ + r * o_.n, o_.descending ? static_cast<Bits>(~Bits{0}) : Bits{0}};
    const RankWindow window{o_.first, o_.count, out_ + r * o_.count};
    const Way way = way_of(o_);
    if (way == Way::FirstFew)
      first_few(window.out);
    else if (o_.n <= kShort)
      by_comparing(window);
    else if (way == Way::OneRank)
      one_rank(window.out);
    else
      sort(window);
  }

  Item* items() const { return reinterpret_cast<Item*>(scratch_); }
  std::byte* behind_items(std::int64_t n) const {
    return scratch_ + aligned(n * static_cast<std::int64_t>(sizeof(Item)));
  }

  void by_comparing(const RankWindow& window) {
    Item* const x = items();
    for (std::int64_t i = 0; i < o_.n; ++i) x[i] = Item::of(row_[i], i);
    std::sort(x, x + o_.n);
    for (std::int64_t k = 0; k < o_.count; ++k) window.out[k] = x[o_.first + k].place();
  }

  void sort(const RankWindow& window) {
    std::byte* const b = behind_items(o_.n);
    std::byte* const counts = b + aligned(o_.n * static_cast<std::int64_t>(sizeof(Item)));
    const auto run = [&]<class Row, class I>(const Row& row, I*) {
      using Sort = RadixSort<Row, I>;
      Sort(row, o_.n, reinterpret_cast<I*>(scratch_), reinterpret_cast<I*>(b),
           reinterpret_cast<typename Sort::Counts*>(counts), part_)
          .run(window);
    };
    if constexpr (sizeof(Bits) == 8 && !is_floating(dtype)) {
      const auto [least, most] = bounds(reinterpret_cast<std::uint64_t*>(counts));
      if (most - least <= 0xffffffff)
        return run(NarrowRow<dtype>{row_, least}, static_cast<NarrowItem*>(nullptr));
    }
    run(row_, static_cast<Item*>(nullptr));
  }

  // The least and the largest key; found has room for a pair of each thread.
  std::pair<std::uint64_t, std::uint64_t> bounds(std::uint64_t* found) const {
    const std::int64_t each = (o_.n + part_.num_threads - 1) / part_.num_threads;
    const std::int64_t begin = std::min(o_.n, each * part_.thread),
                       end = std::min(o_.n, begin + each);
    std::uint64_t least = ~std::uint64_t{0}, most = 0;
    for (std::int64_t i = begin; i < end; ++i) {
      least = std::min<std::uint64_t>(least, row_[i]);
      most = std::max<std::uint64_t>(most, row_[i]);
    }
    found[2 * part_.thread] = least;
    found[2 * part_.thread + 1] = most;
    part_.meet();
    for (int t = 0; t < part_.num_threads; ++t) {
      least = std::min(least, found[2 * t]);
      most = std::max(most, found[2 * t + 1]);
    }
    part_.meet();
    return {least, most};
  }

  void one_rank(std::int64_t* out) {
    if (part_.num_threads > 1 || o_.n >= kLong) {
      Rank(row_, o_.n, items(), reinterpret_cast<typename Rank::Counts*>(behind_items(o_.n)), part_)
          .run(o_.first, out);
      return;
    }
    Item* const x = items();
    for (std::int64_t i = 0; i < o_.n; ++i) x[i] = Item::of(row_[i], i);
    std::nth_element(x, x + o_.first, x + o_.n);
    *out = x[o_.first].place();
  }

  // Each thread finds those of its part, behind their number; the first one merges them.
  void first_few(std::int64_t* out) {
    const std::int64_t room =
        aligned(FirstFew<dtype>::room(o_.count) * static_cast<std::int64_t>(sizeof(Item)));
    const auto number_of = [&](int t) {
      return reinterpret_cast<std::int64_t*>(scratch_ + t * (room + 64));
    };
    const auto items_of = [&](int t) {
      return reinterpret_cast<Item*>(scratch_ + t * (room + 64) + 64);
    };
    const std::int64_t each = (o_.n + part_.num_threads - 1) / part_.num_threads;
    const std::int64_t begin = std::min(o_.n, each * part_.thread);
    *number_of(part_.thread) = FirstFew<dtype>(row_, o_.count, items_of(part_.thread))
                                   .run(begin, std::min(o_.n, begin + each));
    part_.meet();
    if (part_.thread == 0) merge(number_of, items_of, out);
    part_.meet();
  }

  // There is room for twice as many as are asked for.
  void merge(const auto& number_of, const auto& items_of, std::int64_t* out) {
    Item* const first = items_of(0);
    std::int64_t size = *number_of(0);
    for (int t = 1; t < part_.num_threads; ++t) {
      std::copy_n(items_of(t), *number_of(t), first + size);
      size += *number_of(t);
      if (size <= o_.count) continue;
      std::nth_element(first, first + o_.count - 1, first + size);
      size = o_.count;
    }
    std::sort(first, first + size);
    for (std::int64_t k = 0; k < o_.count; ++k) out[k] = first[k].place();
  }

  const RowOrder o_;
  const Bits* const in_;
  std::int64_t* const out_;
  TeamPart part_;
  KeyRow<dtype> row_ = {};
  std::byte* scratch_ = nullptr;
};

template <class F>
auto with_dtype(DType dtype, F&& f) {
  switch (dtype) {
    case DType::Bool:
    case DType::U8:
      return f(std::integral_constant<DType, DType::U8>());
    case DType::I8:
      return f(std::integral_constant<DType, DType::I8>());
    case DType::I16:
      return f(std::integral_constant<DType, DType::I16>());
    case DType::I32:
      return f(std::integral_constant<DType, DType::I32>());
    case DType::I64:
      return f(std::integral_constant<DType, DType::I64>());
    case DType::F16:
      return f(std::integral_constant<DType, DType::F16>());
    case DType::BF16:
      return f(std::integral_constant<DType, DType::BF16>());
    case DType::F32:
      return f(std::integral_constant<DType, DType::F32>());
    case DType::F64:
      return f(std::integral_constant<DType, DType::F64>());
    case DType::C64:
    case DType::C128:
      break;
  }
  throw InternalError("sort: a dtype without an order");
}

}  // namespace

std::int64_t order_scratch_bytes(const RowOrder& order, DType dtype) {
  if (!is_shared(order)) return 0;
  return with_dtype(dtype, [&](auto d) {
    return RowSorter<decltype(d)::value>::scratch_bytes(order, kMostThreads);
  });
}

void order_rows(const RowOrder& order, DType dtype, const void* in, std::int64_t* out,
                void* scratch, const TeamPart& part) {
  if (order.rows == 0 || order.count == 0) return;
  // A larger team would need more scratch than there is: one thread does it.
  const bool is_alone = is_shared(order) && part.num_threads > kMostThreads;
  if (is_alone && part.thread > 0) return;
  with_dtype(dtype, [&](auto d) {
    RowSorter<decltype(d)::value> sorter(order, in, out, is_alone ? TeamPart{} : part);
    if (is_shared(order))
      sorter.run_shared(static_cast<std::byte*>(scratch));
    else
      sorter.run_own();
  });
}

}  // namespace lilith::ops
