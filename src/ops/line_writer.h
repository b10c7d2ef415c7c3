#pragma once
#if defined(__x86_64__)
#include <emmintrin.h>
#endif

#include <algorithm>
#include <cstdint>
#include <cstring>

// Writes to many places of a long array in turn: what goes to one place is collected until it is a
// cache line, which then goes to memory without being read before (Wassenberg and Sanders, 2011).
namespace lilith::ops {

constexpr int kDigitBits = 8;
constexpr std::uint32_t kDigits = 1 << kDigitBits;

template <class T>
class LineWriter {
 public:
  /// at: by digit, where its first element goes.
  LineWriter(T* to, const std::uint32_t* at)
      : to_(to), is_aligned_(reinterpret_cast<std::uintptr_t>(to) % kLine == 0) {
    std::copy_n(at, kDigits, at_);
    std::copy_n(at, kDigits, start_);
  }
  ~LineWriter() {
    for (std::uint32_t d = 0; d < kDigits; ++d) {
      const std::uint32_t held = at_[d] % kEach;
      if (held > 0) copy(d, at_[d] - held, at_[d]);
    }
#if defined(__x86_64__)
    _mm_sfence();
#endif
  }
  LineWriter(const LineWriter&) = delete;
  LineWriter& operator=(const LineWriter&) = delete;

  void put(std::uint32_t digit, const T& x) {
    const std::uint32_t at = at_[digit]++;
    lines_[digit][at % kEach] = x;
    if (at % kEach == kEach - 1) flush(digit, at + 1);
  }

 private:
  static constexpr std::size_t kLine = 64;
  static constexpr std::uint32_t kEach = kLine / sizeof(T);

  void flush(std::uint32_t d, std::uint32_t end) {
    const std::uint32_t begin = end - kEach;
    if (!is_aligned_ || begin < start_[d]) return copy(d, begin, end);
#if defined(__x86_64__)
    const auto* from = reinterpret_cast<const __m128i*>(lines_[d]);
    auto* line = reinterpret_cast<__m128i*>(to_ + begin);
    for (std::size_t k = 0; k < kLine / sizeof(__m128i); ++k)
      _mm_stream_si128(line + k, _mm_load_si128(from + k));
#else
    std::memcpy(to_ + begin, lines_[d], kLine);
#endif
  }

  // Those before the first element belong to others.
  void copy(std::uint32_t d, std::uint32_t begin, std::uint32_t end) {
    for (std::uint32_t k = std::max(begin, start_[d]); k < end; ++k) to_[k] = lines_[d][k % kEach];
  }

  T* const to_;
  const bool is_aligned_;
  std::uint32_t at_[kDigits], start_[kDigits];
  alignas(kLine) T lines_[kDigits][kEach];
};

}  // namespace lilith::ops
