#pragma once
#include <chrono>
#include <cstdint>
#include <string>

namespace lilith::train {

/// What the bar shows of a running epoch.
struct ProgressState {
  std::int64_t epoch = 0, epochs = 0;   // epoch counts from 1
  std::int64_t batch = 0, batches = 0;  // done, all of this epoch
  std::int64_t samples = 0;             // seen by this call in this epoch
  double loss = 0;
  std::string metric_name;  // empty: none
  double metric = 0;
};

/// Writes the course of a training run to stderr: a bar that is redrawn on a terminal, otherwise a
/// plain line now and then. Drawing is rare (ten times a second at most), so that it costs no step
/// anything.
class Progress {
 public:
  enum class Style { Off, Lines, Bar };
  explicit Progress(Style style);
  /// Bar on a terminal, else Lines.
  static Style detect();

  void start_epoch();
  /// Whether it is time to draw: cheap, asked after every step.
  bool due() const;
  void update(const ProgressState& state);
  /// The epoch's last line; `suffix` is what validation found.
  void finish_epoch(const ProgressState& state, const std::string& suffix);
  /// A message of its own line.
  void message(const std::string& text);
  /// Seconds since start_epoch.
  double seconds() const;

 private:
  using Clock = std::chrono::steady_clock;
  void clear_bar();
  Style style_;
  Clock::time_point start_, drawn_;
  bool bar_shown_ = false;
};

/// "0:07", "12:34", "1:02:03".
std::string format_duration(double seconds);
/// "48,211"; with a digit after the point below 100.
std::string format_rate(double per_second);
/// The bar's line, without a line end, at most `width` columns wide.
std::string progress_line(const ProgressState& state, double seconds, int width);

}  // namespace lilith::train
