#pragma once
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <string>

#include "lilith/error.h"

namespace lilith::runtime {

/// "12.0 MiB"
inline std::string bytes_text(std::size_t bytes) {
  if (bytes < std::size_t{1} << 20) return fmt::format("{} bytes", bytes);
  const double mib = static_cast<double>(bytes) / (1 << 20);
  return mib < 1024 ? fmt::format("{:.1f} MiB", mib) : fmt::format("{:.1f} GiB", mib / 1024);
}

/// The blocks that are in use, by size, for an out-of-memory error: without a lock, since it is
/// asked in the middle of an allocation.
class HeldBlocks {
 public:
  void add(std::size_t bytes) { class_of(bytes).add(bytes, 1); }
  void remove(std::size_t bytes) { class_of(bytes).add(-bytes, -1); }

  /// "1.2 GiB in 40 tensors and temporaries, of which 1.0 GiB in 2 of 512.0 MiB or more".
  std::string text() const {
    std::size_t bytes = 0, most = 0;
    int blocks = 0;
    for (std::size_t k = 0; k < classes_.size(); ++k) {
      bytes += classes_[k].bytes;
      blocks += classes_[k].blocks;
      if (classes_[k].bytes > classes_[most].bytes) most = k;
    }
    std::string out = fmt::format("{} in {} tensors and temporaries", bytes_text(bytes), blocks);
    if (blocks > 1)
      out += fmt::format(", {} of it in {} of {} or more", bytes_text(classes_[most].bytes),
                         classes_[most].blocks.load(),
                         bytes_text(most == 0 ? 0 : std::size_t{1} << (most - 1)));
    return out;
  }

 private:
  struct Class {  // of sizes of so many bits
    std::atomic<std::size_t> bytes{0};
    std::atomic<int> blocks{0};
    void add(std::size_t b, int n) {
      bytes += b;  // wraps where b is negative
      blocks += n;
    }
  };
  Class& class_of(std::size_t bytes) {
    return classes_[static_cast<std::size_t>(std::bit_width(bytes))];
  }
  std::array<Class, 65> classes_;
};

}  // namespace lilith::runtime
