#pragma once
#include <array>
#include <cstdint>
#include <string>

namespace lilith {

/// What making a program consists of, in order. Key: the graph is numbered, hashed and copied;
/// Memory: donors, barriers, the arena; Names: kernels are written down to be looked up; Machine:
/// LLVM and the loader, or what was found on disk instead.
enum class Phase : std::uint8_t { Key, Passes, Prepare, Fuse, Build, Memory, Names, Machine };
inline constexpr std::size_t kNumPhases = 8;

/// Milliseconds of processor time in each phase.
struct PhaseTimes {
  std::array<double, kNumPhases> ms{};
  double operator[](Phase p) const { return ms[static_cast<std::size_t>(p)]; }
  double& operator[](Phase p) { return ms[static_cast<std::size_t>(p)]; }
  PhaseTimes& operator+=(const PhaseTimes& other);
  PhaseTimes operator-(const PhaseTimes& other) const;
  double sum() const;
  /// "passes 1.2, fuse 0.3 ms"
  std::string str() const;
};

/// Of this thread since it began; a thread that helps hands over its own.
PhaseTimes& phase_times();

/// Whether phases are counted that every evaluation goes through: where LILITH_DEBUG shows them, or
/// once a benchmark has asked.
bool every_phase_counts();
void count_every_phase();

/// Counts the time of its scope to a phase of this thread.
class PhaseScope {
 public:
  explicit PhaseScope(Phase phase);
  ~PhaseScope();
  PhaseScope(const PhaseScope&) = delete;
  PhaseScope& operator=(const PhaseScope&) = delete;

 private:
  Phase phase_;
  double start_;
};

}  // namespace lilith
