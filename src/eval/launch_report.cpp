#include "eval/launch_report.h"

#include <fmt/core.h>

#include <cstdio>

#include "core/dump.h"
#include "core/env.h"

namespace lilith {

void show_plan(const schedule::Plan& plan) {
  const bool print = env::debug(4, "schedule");
  if (!print && !dump::on()) return;
  if (dump::on()) dump::write("plan", plan.str());
  for (std::size_t i = 0; i < plan.launches.size(); ++i) {
    const schedule::LaunchPlan& l = plan.launches[i];
    const std::string text = fmt::format("{}\n  {}\n{}", l.what, l.how, kir::to_string(l.kernel));
    if (print) fmt::print(stderr, "{}\n", text);
    if (dump::on()) dump::write(fmt::format("kernel_{}", i), text);
  }
  if (print) fmt::print(stderr, "{}\n", plan.str());
}

void print_times(const schedule::Plan& plan, const Launcher& launcher,
                 const std::vector<double>& ms) {
  for (std::size_t i = 0; i < ms.size(); ++i) {
    const schedule::LaunchPlan& l = plan.launches[i];
    fmt::print(
        stderr,
        "kernel {:3} {:8.4f} ms {:7.1f} GFLOP/s {:6.1f} GB/s  compiled in {:.1f} ms  {}  [{}]\n", i,
        ms[i], l.flops / 1e6 / ms[i], l.bytes / 1e6 / ms[i], launcher.compile_ms(i), l.what, l.how);
  }
}

}  // namespace lilith
