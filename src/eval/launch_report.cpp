#include "eval/launch_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <functional>

#include "core/dump.h"
#include "core/env.h"
#include "lilith/compile.h"

namespace lilith {
namespace {

using schedule::LaunchPlan;

/// One column; without any cell it is left out.
struct Column {
  std::string title;
  bool number;  // to the right
  std::vector<std::string> cells;

  bool empty() const {
    return std::all_of(cells.begin(), cells.end(), [](const auto& c) { return c.empty(); });
  }
  std::size_t width() const {
    std::size_t w = title.size();
    for (const std::string& c : cells) w = std::max(w, c.size());
    return w;
  }
};

std::string aligned(std::vector<Column> columns) {
  std::erase_if(columns, [](const Column& c) { return c.empty(); });
  if (columns.empty()) return "";
  std::vector<std::string> lines(columns[0].cells.size() + 1);
  for (const Column& c : columns) {
    const std::size_t width = &c == &columns.back() && !c.number ? 0 : c.width();
    for (std::size_t row = 0; row < lines.size(); ++row) {
      const std::string& cell = row == 0 ? c.title : c.cells[row - 1];
      if (!lines[row].empty()) lines[row] += "  ";
      lines[row] +=
          c.number ? fmt::format("{:>{}}", cell, width) : fmt::format("{:{}}", cell, width);
    }
  }
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

}  // namespace

void show_plan(const schedule::Plan& plan) {
  const bool print = env::debug(4, "schedule");
  if (!print && !dump::on()) return;
  if (dump::on()) dump::write("plan", plan.str());
  for (std::size_t i = 0; i < plan.launches.size(); ++i) {
    const LaunchPlan& l = plan.launches[i];
    const std::string text = fmt::format("{}\n  {}\n{}", l.what, l.how, kir::to_string(l.kernel));
    if (print) fmt::print(stderr, "{}\n", text);
    if (dump::on()) dump::write(fmt::format("kernel_{}", i), text);
  }
  if (print) fmt::print(stderr, "{}\n", plan.str());
}

std::string launch_table(const schedule::Plan& plan, const std::vector<double>& ms) {
  std::vector<Column> columns;
  const auto add = [&](const char* title, bool number,
                       const std::function<std::string(const LaunchPlan&, std::size_t)>& cell) {
    Column c{title, number, {}};
    for (std::size_t i = 0; i < plan.launches.size(); ++i)
      c.cells.push_back(cell(plan.launches[i], i));
    columns.push_back(std::move(c));
  };
  // Per millisecond and million: giga per second.
  const auto rate = [&](double amount, std::size_t i) {
    return ms.empty() ? "" : fmt::format("{:.1f}", amount / 1e6 / ms[i]);
  };
  add("kernel", false, [](const LaunchPlan& l, std::size_t i) {
    return fmt::format("kernel {:3}{}", i, l.barrier_before ? "*" : "");
  });
  add("ms", true, [&](const LaunchPlan&, std::size_t i) {
    return ms.empty() ? "" : fmt::format("{:.4f}", ms[i]);
  });
  add("GFLOP/s", true, [&](const LaunchPlan& l, std::size_t i) { return rate(l.flops, i); });
  add("GB/s", true, [&](const LaunchPlan& l, std::size_t i) { return rate(l.bytes, i); });
  add("MFLOP", true,
      [](const LaunchPlan& l, std::size_t) { return fmt::format("{:.3f}", l.flops / 1e6); });
  add("KiB", true,
      [](const LaunchPlan& l, std::size_t) { return fmt::format("{:.1f}", l.bytes / 1024); });
  add("line", false, [](const LaunchPlan& l, std::size_t) { return l.loc.str(); });
  add("schedule", false,
      [](const LaunchPlan& l, std::size_t) { return l.how + (l.single ? ", one thread" : ""); });
  add("computes", false, [](const LaunchPlan& l, std::size_t) { return l.what; });
  return aligned(std::move(columns));
}

std::string memory_table(const schedule::Plan& plan) {
  using schedule::BufferPlan;
  std::string rows;
  std::size_t total = 0;
  for (const BufferPlan& b : plan.buffers) {
    if (b.kind != BufferPlan::Kind::Arena || b.bytes == 0) continue;
    total += b.bytes;
    rows +=
        fmt::format("  {:>10} +{:<10} launches {:>3} to {:>3}  {}{}{}\n", b.offset, b.bytes,
                    b.first, b.last, name(b.dtype), b.shape.str(), b.scratch ? " (scratch)" : "");
  }
  return fmt::format("arena: {:.1f} KiB for {:.1f} KiB of values (* = barrier)\n",
                     static_cast<double>(plan.arena_bytes) / 1024,
                     static_cast<double>(total) / 1024) +
         rows;
}

void LaunchTimes::add(const std::vector<double>& ms) {
  const std::lock_guard lock(mutex_);
  if (best_.empty()) best_ = ms;
  for (std::size_t i = 0; i < ms.size(); ++i) best_[i] = std::min(best_[i], ms[i]);
}

std::vector<double> LaunchTimes::best() const {
  const std::lock_guard lock(mutex_);
  return best_;
}

namespace {

std::atomic<bool> timing{false};

}  // namespace

void set_time_kernels(bool on) { timing.store(on, std::memory_order_relaxed); }
bool time_kernels() { return timing.load(std::memory_order_relaxed); }

}  // namespace lilith
