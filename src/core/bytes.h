#pragma once
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

namespace lilith {

/// Values one after another, as files of this machine keep them.
class ByteWriter {
 public:
  /// In base 128, the least digit first, the sign in its lowest bit.
  void number(std::int64_t x) {
    auto rest = (static_cast<std::uint64_t>(x) << 1) ^ static_cast<std::uint64_t>(x >> 63);
    for (; rest >= 128; rest >>= 7) out_.push_back(static_cast<char>((rest & 127) | 128));
    out_.push_back(static_cast<char>(rest));
  }
  void count(std::size_t n) { number(static_cast<std::int64_t>(n)); }
  void real(double x) { out_.append(reinterpret_cast<const char*>(&x), sizeof x); }
  void text(std::string_view bytes) {
    count(bytes.size());
    out_ += bytes;
  }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

/// Reads them back. Past the end there are zeros and empty texts, and `ok` says so.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}

  std::int64_t number() {
    std::uint64_t x = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (rest_.empty()) return fail();
      const auto digit = static_cast<unsigned char>(rest_[0]);
      rest_.remove_prefix(1);
      x |= std::uint64_t{digit & 127u} << shift;
      if (digit < 128) return static_cast<std::int64_t>(x >> 1) ^ -static_cast<std::int64_t>(x & 1);
    }
    return fail();
  }
  double real() {
    double x = 0;
    if (rest_.size() < sizeof x) return static_cast<double>(fail());
    std::memcpy(&x, rest_.data(), sizeof x);
    rest_.remove_prefix(sizeof x);
    return x;
  }
  std::string_view text() {
    const std::string_view out = rest_.substr(0, count());
    rest_.remove_prefix(out.size());
    return out;
  }
  /// Of things that follow: not more than there are bytes.
  std::size_t count() {
    const auto n = static_cast<std::uint64_t>(number());
    return n > rest_.size() ? static_cast<std::size_t>(fail()) : n;
  }
  /// Nothing was missing so far.
  bool ok() const { return ok_; }
  /// And nothing is left.
  bool done() const { return ok_ && rest_.empty(); }

 private:
  std::int64_t fail() {
    ok_ = false;
    rest_ = {};
    return 0;
  }

  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace lilith
