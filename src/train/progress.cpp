#include "train/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "core/text_table.h"

namespace lilith::train {
namespace {

int terminal_width() {
  const int columns = terminal_columns(STDERR_FILENO, 80);
  return (columns > 20 ? columns : 80) - 1;
}

std::string values(const ProgressState& s) {
  std::string text = fmt::format("loss {:.4f}", s.loss);
  if (!s.metric_name.empty()) text += fmt::format("  {} {:.4f}", s.metric_name, s.metric);
  return text;
}

std::string epoch_label(const ProgressState& s) {
  return fmt::format("epoch {}/{}", s.epoch, s.epochs);
}

double rate(const ProgressState& s, double seconds) {
  return seconds > 0 ? static_cast<double>(s.samples) / seconds : 0;
}

}  // namespace

std::string format_duration(double seconds) {
  const auto s = static_cast<std::int64_t>(std::max(0.0, std::round(seconds)));
  if (s >= 3600) return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
  return fmt::format("{}:{:02}", s / 60, s % 60);
}

std::string format_rate(double per_second) {
  if (per_second < 100) return fmt::format("{:.1f}", per_second);
  std::string digits = fmt::format("{:.0f}", per_second);
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3) {
    digits.insert(static_cast<std::size_t>(at), ",");
  }
  return digits;
}

std::string progress_line(const ProgressState& s, double seconds, int width) {
  const double part =
      s.batches > 0 ? static_cast<double>(s.batch) / static_cast<double>(s.batches) : 0;
  const double left = s.batch > 0 ? seconds * static_cast<double>(s.batches - s.batch) /
                                        static_cast<double>(s.batch)
                                  : 0;
  const std::string head = epoch_label(s) + " ";
  const std::string tail =
      fmt::format(" {}/{}  {}  {} samples/s  {} left", s.batch, s.batches, values(s),
                  format_rate(rate(s, seconds)), format_duration(left));
  const int room = std::min(24, width - static_cast<int>(head.size() + tail.size()) - 2);
  std::string line = head;
  if (room >= 4) {
    const auto filled = static_cast<std::size_t>(std::lround(part * room));
    line += "[" + std::string(filled, '=') +
            std::string(static_cast<std::size_t>(room) - filled, ' ') + "]";
  }
  line += tail;
  return line.substr(0, static_cast<std::size_t>(std::max(width, 0)));
}

Progress::Progress(Style style) : style_(style), start_(Clock::now()), drawn_(start_) {}

Progress::Style Progress::detect() { return isatty(STDERR_FILENO) ? Style::Bar : Style::Lines; }

void Progress::start_epoch() { start_ = drawn_ = Clock::now(); }

double Progress::seconds() const {
  return std::chrono::duration<double>(Clock::now() - start_).count();
}

bool Progress::due() const {
  if (style_ == Style::Off) return false;
  return Clock::now() - drawn_ >=
         (style_ == Style::Bar ? std::chrono::milliseconds(100) : std::chrono::seconds(10));
}

void Progress::update(const ProgressState& state) {
  if (style_ == Style::Off) return;
  drawn_ = Clock::now();
  if (style_ == Style::Lines) {
    fmt::print(stderr, "{}\n", progress_line(state, seconds(), 160));
  } else {
    fmt::print(stderr, "\r{}\x1b[K", progress_line(state, seconds(), terminal_width()));
    bar_shown_ = true;
  }
  std::fflush(stderr);
}

void Progress::finish_epoch(const ProgressState& state, const std::string& suffix) {
  if (style_ == Style::Off) return;
  clear_bar();
  fmt::print(stderr, "{}  {}{}  {} samples/s  {:.1f} s\n", epoch_label(state), values(state),
             suffix, format_rate(rate(state, seconds())), seconds());
  std::fflush(stderr);
}

void Progress::message(const std::string& text) {
  if (style_ == Style::Off) return;
  clear_bar();
  fmt::print(stderr, "{}\n", text);
  std::fflush(stderr);
}

void Progress::clear_bar() {
  if (bar_shown_) fmt::print(stderr, "\r\x1b[K");
  bar_shown_ = false;
}

}  // namespace lilith::train
