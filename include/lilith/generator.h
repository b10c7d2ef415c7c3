#pragma once
#include <cstdint>
#include <memory>

namespace lilith {

/// The state of a generator: a seed and the number of draws since.
struct RngState {
  std::uint64_t seed = 0;
  std::uint64_t counter = 0;
  bool operator==(const RngState&) const = default;
};

/// A stream of random numbers of one's own: rand({2, 3}, {.generator = g}). Draws of it neither
/// move the process's generator nor are moved by others; with one seed both give the same numbers.
/// A handle: copies are one stream. Inside `compile` a captured generator advances at every call as
/// it does outside. May be used from many threads. PyTorch's name is
/// pytorch::Generator: programs have a Generator of their own. Ref: torch.Generator.
class RandomGenerator {
 public:
  /// PyTorch's default seed.
  explicit RandomGenerator(std::uint64_t seed = 67280421310721);
  /// Restarts the stream.
  RandomGenerator& manual_seed(std::uint64_t seed);
  std::uint64_t initial_seed() const;  // of the last restart. Ref: torch.Generator.initial_seed
  /// What set_state takes, here or in another generator, to go on from this point.
  RngState get_state() const;
  void set_state(const RngState& state);

  struct Stream;
  const std::shared_ptr<Stream>& stream() const { return stream_; }  // what copies share

 private:
  std::shared_ptr<Stream> stream_;
};

namespace pytorch {
using Generator = RandomGenerator;
}

}  // namespace lilith
