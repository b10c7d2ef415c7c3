#include "eval/launch_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <numeric>

#include "core/dump.h"
#include "core/env.h"
#include "core/text_table.h"
#include "lilith/compile.h"
#include "schedule/memory_plan.h"

namespace lilith {
namespace {

using schedule::LaunchPlan;

}  // namespace

void show_plan(const schedule::Plan& plan) {
  const bool print = env::debug(4, "schedule");
  if (!print && !dump::on()) return;
  if (dump::on()) dump::write("plan", plan.str());
  const std::vector<const LaunchPlan*> launches = schedule::kernel_launches(plan);
  for (std::size_t i = 0; i < launches.size(); ++i) {
    const LaunchPlan& l = *launches[i];
    const std::string text = fmt::format("{}\n  {}\n{}", l.what, l.how, kir::to_string(l.kernel));
    if (print) fmt::print(stderr, "{}\n", text);
    if (dump::on()) dump::write(fmt::format("kernel_{}", i), text);
  }
  if (print) fmt::print(stderr, "{}\n", plan.str());
}

namespace {

using Align = TextColumn::Align;

// 12.3M: a number of which the size matters.
std::string rough(double x) {
  constexpr const char* kUnits[] = {"", "k", "M", "G", "T"};
  std::size_t unit = 0;
  for (; x >= 1000 && unit < 4; ++unit) x /= 1000;
  return fmt::format("{:.{}f}{}", x, unit == 0 || x >= 100 ? 0 : x >= 10 ? 1 : 2, kUnits[unit]);
}

// The table while it grows: a cell for each launch, then one for all of them together.
class LaunchColumns {
 public:
  explicit LaunchColumns(const std::vector<LaunchPlan>& launches) : launches_(launches) {}

  /// of(launch, its number); `total`: the last row's.
  template <class Of>
  TextColumn& add(const char* title, Align align, Of&& of, std::string total = " ") {
    TextColumn c{title, align, {}, 0};
    for (std::size_t i = 0; i < launches_.size(); ++i) c.cells.push_back(of(launches_[i], i));
    if (launches_.size() > 1) c.cells.push_back(std::move(total));
    return columns_.emplace_back(std::move(c));
  }
  std::string text(std::size_t width) && { return text_table(std::move(columns_), width); }

 private:
  const std::vector<LaunchPlan>& launches_;
  std::vector<TextColumn> columns_;
};

// What all launches take together.
LaunchPlan sum_of(const std::vector<LaunchPlan>& launches) {
  LaunchPlan all;
  for (const LaunchPlan& l : launches) {
    all.flops += l.flops;
    all.bytes += l.bytes;
    all.cycles += l.cycles;
  }
  return all;
}

void add_times(LaunchColumns& table, const LaunchPlan& all, const std::vector<double>& ms) {
  const double sum = std::accumulate(ms.begin(), ms.end(), 0.0);
  const auto time = [](double t) { return fmt::format("{:.4f}", t); };
  // Per millisecond and million: giga per second.
  const auto rate = [](double amount, double t) { return fmt::format("{:.1f}", amount / 1e6 / t); };
  table.add(
      "ms", Align::Right, [&](const LaunchPlan&, std::size_t i) { return time(ms[i]); }, time(sum));
  table.add("%", Align::Right, [&](const LaunchPlan&, std::size_t i) {
    return fmt::format("{:.1f}", 100 * ms[i] / sum);
  });
  table.add(
      "GFLOP/s", Align::Right,
      [&](const LaunchPlan& l, std::size_t i) { return rate(l.flops, ms[i]); },
      rate(all.flops, sum));
  table.add(
      "GB/s", Align::Right,
      [&](const LaunchPlan& l, std::size_t i) { return rate(l.bytes, ms[i]); },
      rate(all.bytes, sum));
}

void add_work(LaunchColumns& table, const LaunchPlan& all) {
  const auto add = [&](const char* title, auto of) {
    table.add(
        title, Align::Right, [&](const LaunchPlan& l, std::size_t) { return of(l); }, of(all));
  };
  add("MFLOP", [](const LaunchPlan& l) { return fmt::format("{:.3f}", l.flops / 1e6); });
  add("KiB", [](const LaunchPlan& l) { return fmt::format("{:.1f}", l.bytes / 1024); });
  add("cycles", [](const LaunchPlan& l) { return l.cycles > 0 ? rough(l.cycles) : ""; });
}

}  // namespace

std::string launch_table(const schedule::Plan& plan, const std::vector<double>& ms, int width) {
  constexpr std::size_t kLeast = 24;  // of a text that is cut
  LaunchColumns table(plan.launches);
  const LaunchPlan all = sum_of(plan.launches);
  table.add(
      "kernel", Align::Left,
      [](const LaunchPlan& l, std::size_t i) {
        return fmt::format("kernel {:3}{}", i, l.barrier_before ? "*" : "");
      },
      "total");
  if (!ms.empty()) add_times(table, all, ms);
  add_work(table, all);
  table.add("line", Align::Left, [](const LaunchPlan& l, std::size_t) { return l.loc.str(); });
  const auto add_text = [&](const char* title, auto of) {
    table.add(title, Align::Left, [&](const LaunchPlan& l, std::size_t) { return of(l); }).least =
        kLeast;
  };
  add_text("computes", [](const LaunchPlan& l) { return l.what; });
  add_text("schedule",
           [](const LaunchPlan& l) { return l.how + (l.single ? ", one thread" : ""); });
  add_text("next best", [](const LaunchPlan& l) { return l.next_best; });
  std::string text = std::move(table).text(static_cast<std::size_t>(width));
  for (std::size_t i = 0; i < plan.launches.size(); ++i) {
    if (!plan.launches[i].loop) continue;
    for (const schedule::Plan& body : plan.launches[i].loop->bodies) {
      text += fmt::format("in each step of kernel {}", i);
      if (body.once > 0) text += fmt::format(" (the first {} in the first step alone)", body.once);
      text += "\n" + launch_table(body, {}, width);
    }
  }
  return text;
}

std::string memory_table(const schedule::Plan& plan) {
  using schedule::BufferPlan;
  std::string rows;
  std::size_t total = 0;
  const auto taken = schedule::taken_launches(plan);
  for (std::size_t i = 0; i < plan.buffers.size(); ++i) {
    const BufferPlan& b = plan.buffers[i];
    if (b.kind != BufferPlan::Kind::Arena || b.bytes == 0) continue;
    total += b.bytes;
    rows += fmt::format("  {:>10} +{:<10} launches {:>3} to {:>3}  {}{}{}\n", b.offset, b.bytes,
                        taken[i].first, taken[i].second, name(b.dtype), b.shape.str(),
                        b.scratch ? " (scratch)" : "");
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
