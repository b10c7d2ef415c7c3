#include "core/phases.h"

#include <fmt/format.h>

#include <atomic>
#include <ctime>
#include <numeric>

#include "core/env.h"

namespace lilith {
namespace {

constexpr std::array<const char*, kNumPhases> kNames = {"key",   "passes", "prepare", "fuse",
                                                        "build", "memory", "names",   "machine"};

// Of this thread alone: neighbours on the machine do not count.
double cpu_ms() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_nsec) / 1e6;
}

}  // namespace

PhaseTimes& PhaseTimes::operator+=(const PhaseTimes& other) {
  for (std::size_t i = 0; i < kNumPhases; ++i) ms[i] += other.ms[i];
  return *this;
}

PhaseTimes PhaseTimes::operator-(const PhaseTimes& other) const {
  PhaseTimes out = *this;
  for (std::size_t i = 0; i < kNumPhases; ++i) out.ms[i] -= other.ms[i];
  return out;
}

double PhaseTimes::sum() const { return std::accumulate(ms.begin(), ms.end(), 0.0); }

std::string PhaseTimes::str() const {
  std::string text;
  for (std::size_t i = 0; i < kNumPhases; ++i)
    text += fmt::format("{}{} {:.1f}", i == 0 ? "" : ", ", kNames[i], ms[i]);
  return text + " ms";
}

PhaseTimes& phase_times() {
  thread_local PhaseTimes times;
  return times;
}

namespace {
std::atomic<bool> every_phase{false};
}

bool every_phase_counts() {
  return every_phase.load(std::memory_order_relaxed) || env::debug(1, "phases");
}
void count_every_phase() { every_phase = true; }

PhaseScope::PhaseScope(Phase phase) : phase_(phase), start_(cpu_ms()) {}
PhaseScope::~PhaseScope() { phase_times()[phase_] += cpu_ms() - start_; }

}  // namespace lilith
