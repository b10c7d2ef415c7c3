#pragma once
#include <algorithm>
#include <chrono>

namespace lilith::runtime {

/// Whether it pays to run on the team. On a machine whose cores are wanted by others a thread of
/// the team may be without one for milliseconds, and all others wait for it at the next barrier:
/// where that was more than half of the time of late, the caller runs alone for a while, which is
/// then at least as fast. Results are the same.
class Pace {
 public:
  using Clock = std::chrono::steady_clock;
  using Duration = Clock::duration;

  bool wants_team(Clock::time_point now) const { return now >= alone_until_; }
  /// A run on the team ended: how long it took, and for how much of that the caller slept until the
  /// others had arrived somewhere.
  void note(Clock::time_point now, Duration took, Duration slept) {
    took_ += took;
    slept_ += slept;
    if (took_ < kWindow) return;
    if (stalls(took_, slept_))
      pause(now);
    else
      alone_for_ = kShortest;
    took_ = slept_ = {};
  }
  /// Of a run that is not over: whether the caller had better go on alone.
  static bool stalls(Duration took, Duration slept) { return took >= kWindow && slept * 2 > took; }
  /// It did.
  void pause(Clock::time_point now) {
    alone_until_ = now + alone_for_;
    alone_for_ = std::min(alone_for_ * 2, kLongest);
    took_ = slept_ = {};
  }

 private:
  static constexpr Duration kWindow = std::chrono::milliseconds(4),
                            kShortest = std::chrono::milliseconds(5),
                            kLongest = std::chrono::milliseconds(160);
  Duration took_{}, slept_{};  // of the runs that were looked at together
  Duration alone_for_ = kShortest;
  Clock::time_point alone_until_{};
};

}  // namespace lilith::runtime
