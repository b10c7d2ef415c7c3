#include "schedule/barriers.h"

#include <algorithm>
#include <cstddef>
#include <queue>
#include <tuple>
#include <utility>
#include <vector>

namespace lilith::schedule {
namespace {

constexpr std::size_t kLargeArena = std::size_t{64} << 20;
constexpr std::size_t kWorthwhile = 64;  // a barrier is for a 64th of the peak at least

/// The bytes that the arena's buffers take during some launches, of which no barrier parts any.
class Live {
 public:
  explicit Live(const Plan& plan)
      : begun_(plan.launches.size() + 1, 0), ended_(plan.launches.size() + 1, 0) {
    std::vector<std::pair<int, int>> touched(plan.buffers.size(), {-1, -1});
    for (std::size_t k = 0; k < plan.launches.size(); ++k) {
      for (const int id : plan.launches[k].buffers) {
        auto& [first, last] = touched[static_cast<std::size_t>(id)];
        if (first < 0) first = static_cast<int>(k);
        last = static_cast<int>(k);
      }
    }
    for (std::size_t id = 0; id < touched.size(); ++id) {
      const BufferPlan& b = plan.buffers[id];
      const auto [first, last] = touched[id];
      if (b.kind != BufferPlan::Kind::Arena || first < 0) continue;
      all_ += b.bytes;
      begun_[static_cast<std::size_t>(first) + 1] += b.bytes;
      ended_[static_cast<std::size_t>(last) + 1] += b.bytes;
    }
    for (std::size_t k = 1; k < begun_.size(); ++k) {
      begun_[k] += begun_[k - 1];
      ended_[k] += ended_[k - 1];
    }
  }
  std::size_t all() const { return all_; }
  /// From launch `first` up to `end`, which is not one of them.
  std::size_t during(std::size_t first, std::size_t end) const {
    return begun_[end] - ended_[first];
  }

 private:
  std::size_t all_ = 0;
  std::vector<std::size_t> begun_, ended_;  // by all launches before
};

/// Launches between two barriers, and what they take.
struct Stretch {
  std::size_t first, end, bytes;
  bool operator<(const Stretch& other) const { return bytes < other.bytes; }
};

std::priority_queue<Stretch> stretches_of(const Plan& plan, const Live& live) {
  std::priority_queue<Stretch> stretches;
  for (std::size_t first = 0, end = 0; first < plan.launches.size(); first = end) {
    end = first + 1;
    while (end < plan.launches.size() && !plan.launches[end].barrier_before) ++end;
    stretches.push({first, end, live.during(first, end)});
  }
  return stretches;
}

}  // namespace

void place_barriers(Plan* plan) {
  struct Touch {
    bool read = false, write = false, all = false;  // all: by more than thread 0
  };
  std::vector<Touch> since(plan->buffers.size());
  std::vector<int> touched;  // since the last barrier
  for (LaunchPlan& l : plan->launches) {
    bool conflict = false;
    const auto each_touch = [&](auto&& f) {
      for (std::size_t p = 0; p < l.buffers.size(); ++p) {
        const bool write = l.kernel.buffers[static_cast<std::size_t>(l.params[p])].written;
        f(l.buffers[p], write);
        const int donor = plan->buffers[static_cast<std::size_t>(l.buffers[p])].donor;
        if (donor >= 0) f(donor, write);
      }
    };
    each_touch([&](int buffer, bool write) {
      const Touch& t = since[static_cast<std::size_t>(buffer)];
      const bool clash = t.write || (write && t.read);
      conflict = conflict || (clash && (t.all || !l.single));
    });
    l.barrier_before = conflict;
    if (conflict) {
      for (const int buffer : touched) since[static_cast<std::size_t>(buffer)] = {};
      touched.clear();
    }
    each_touch([&](int buffer, bool write) {
      touched.push_back(buffer);
      Touch& t = since[static_cast<std::size_t>(buffer)];
      (write ? t.write : t.read) = true;
      t.all = t.all || !l.single;
    });
  }
}

void part_peaks(Plan* plan) {
  const Live live(*plan);
  if (live.all() < kLargeArena || plan->once > 0) return;
  std::priority_queue<Stretch> stretches = stretches_of(*plan, live);
  while (!stretches.empty()) {
    const Stretch peak = stretches.top();
    stretches.pop();
    std::size_t best = 0, least = peak.bytes - peak.bytes / kWorthwhile;
    for (std::size_t k = peak.first + 1; k < peak.end; ++k) {
      const std::size_t bytes = std::max(live.during(peak.first, k), live.during(k, peak.end));
      if (bytes < least) std::tie(best, least) = std::pair(k, bytes);
    }
    if (best == 0) return;  // the arena is no smaller for what is parted elsewhere
    plan->launches[best].barrier_before = true;
    stretches.push({peak.first, best, live.during(peak.first, best)});
    stretches.push({best, peak.end, live.during(best, peak.end)});
  }
}

}  // namespace lilith::schedule
