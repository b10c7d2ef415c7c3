#pragma once
#include <cmath>
#include <cstdint>

namespace lilith::data {

/// SplitMix64: the host-side generator of shuffles and drawn digits. The same numbers on every
/// machine and library, which the standard library's distributions do not promise. Ref: Steele,
/// Lea, Flood 2014.
class HostRandom {
 public:
  explicit HostRandom(std::uint64_t seed) : state_(seed) {}
  /// A generator whose stream depends on both numbers.
  HostRandom(std::uint64_t seed, std::uint64_t stream) : state_(seed) {
    state_ = next() ^ (stream * 0xd1342543de82ef95ull);
    state_ = next();
  }

  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15ull;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }
  /// Uniform in [0, n), without bias (Lemire's multiplication with rejection).
  std::uint64_t below(std::uint64_t n) {
    while (true) {
      const unsigned __int128 product = static_cast<unsigned __int128>(next()) * n;
      if (static_cast<std::uint64_t>(product) >= -n % n)
        return static_cast<std::uint64_t>(product >> 64);
    }
  }
  /// Uniform in [a, b).
  float uniform(float a, float b) {
    return a + (b - a) * (static_cast<float>(next() >> 40) * 0x1p-24f);
  }
  /// Close to a standard normal: the sum of four uniforms, scaled; never beyond 3.5.
  float bell() {
    const float sum = uniform(-1, 1) + uniform(-1, 1) + uniform(-1, 1) + uniform(-1, 1);
    return sum * 0.8660254f;
  }

 private:
  std::uint64_t state_;
};

}  // namespace lilith::data
