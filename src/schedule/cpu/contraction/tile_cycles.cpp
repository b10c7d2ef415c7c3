#include "schedule/cpu/contraction/tile_cycles.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "schedule/cpu/contraction/operand_walk.h"

namespace lilith::schedule {

namespace {

constexpr double kIssued = 6;  // instructions of a cycle

double step_with(double registers, double loads) {
  const double fma = registers / 2, latency = 4;
  return std::max({fma, loads, latency}) + 0.25 * std::min(fma, loads);
}

// A sum takes a copy of a factor, a product and an addition.
double step_without_fma(double registers, double loads, double load_instructions) {
  return std::max(step_with(registers, loads), (3 * registers + load_instructions) / kIssued);
}

}  // namespace

double step_cycles(std::int64_t rows, std::int64_t vectors, const LaneLoads& b, bool has_fma) {
  const auto registers = static_cast<double>(rows * vectors);
  const double loads = static_cast<double>(rows) / 2 + static_cast<double>(vectors) * b.cycles();
  return has_fma ? step_with(registers, loads)
                 : step_without_fma(registers, loads, static_cast<double>(2 * rows + vectors));
}

double vector_step_cycles(std::int64_t rows, std::int64_t vectors, const LaneLoads& own,
                          double shared, bool has_fma, double loaded) {
  const auto registers = static_cast<double>(rows * vectors);
  const double loads = registers * loaded * own.cycles() + shared;
  return has_fma ? step_with(registers, loads)
                 : step_without_fma(registers, loads, static_cast<double>(vectors));
}

bool Window::is_written_out(const Target& target, std::int64_t rows, std::int64_t vectors) const {
  constexpr std::int64_t kMostFmas = 256;
  const std::int64_t product = target.has_fma() ? 0 : 1;
  return shift > 0 && extent * rows * vectors <= kMostFmas &&
         (rows * (1 + shift) + 1) * vectors + product <= target.vector_registers;
}

double Window::loads(std::int64_t rows) const {
  return static_cast<double>((rows - 1) * shift + extent) / static_cast<double>(rows * extent);
}

Window window_of(const std::vector<Axis>& axes, int vector_axis, int row_axis) {
  const Axis &lanes = axes[static_cast<std::size_t>(vector_axis)],
             &row = axes[static_cast<std::size_t>(row_axis)];
  const auto inner =
      std::find_if(axes.rbegin(), axes.rend(), [](const Axis& x) { return x.summed(); });
  if (lanes.a == 0 || lanes.b == 0 || inner == axes.rend() || inner->varies) return {};
  if (inner->a == 0 || row.b != 0 || row.a % inner->a != 0) return {};
  const std::int64_t shift = std::abs(row.a / inner->a);
  return shift < inner->extent ? Window{shift, inner->extent} : Window{};
}

std::int64_t most_rows(const Target& target, std::int64_t vectors) {
  const std::int64_t others = vectors + (target.has_fma() ? 1 : 2);
  return std::max<std::int64_t>(1, (target.vector_registers - others) / vectors);
}

double masked_tiles(std::int64_t extent, std::int64_t tile) {
  return static_cast<double>(extent) / static_cast<double>(tile) + 0.5;
}

bool is_aligned(const std::vector<Axis>& axes, int vector_axis, std::int64_t lanes) {
  for (int i = 0; i < static_cast<int>(axes.size()); ++i) {
    if (i != vector_axis && axes[static_cast<std::size_t>(i)].b % lanes != 0) return false;
  }
  return true;
}

double idle_factor(const Target& target, double tasks) {
  const double threads = target.threads;
  if (tasks == 0) return 1;  // of an empty result
  return std::ceil(tasks / threads) * threads / tasks;
}

StridedEpilogue strided_epilogue(const ContractionSpec& spec, int vector_axis, double scattered) {
  // An element's way through memory and to its place in a row, and that of one of its arrays.
  constexpr double kTurned = 2, kInRows = 0.3;
  const Axis& lanes = spec.axes[static_cast<std::size_t>(vector_axis)];
  if (lanes.strided == 0) return {};
  const double elements = spec.result_elements();
  const StridedEpilogue there{lanes.strided * elements * scattered, false};
  if (!spec.in_rows) return there;  // who reads them wants the lanes innermost
  const Axis* last = nullptr;
  for (const Axis& x : spec.axes) {
    if (x.summed()) continue;
    if (x.varies || x.unit > 1) return there;
    if (last == nullptr || x.out_dim > last->out_dim) last = &x;
  }
  if (last->strided > 0) return there;
  const StridedEpilogue rows{
      elements * (kTurned + kInRows * lanes.strided) + launch_cycles(elements), true};
  return rows.cycles < there.cycles ? rows : there;
}

double layout_factor(const ContractionSpec& spec, int vector_axis) {
  if (spec.fixed_layout) return 1;
  const std::string& name = spec.axes[static_cast<std::size_t>(vector_axis)].name;
  const auto numbered = [&](char kind) {
    return name.size() == 2 && name[0] == kind && name[1] >= '0' && name[1] <= '9';
  };
  return numbered('o') ? 1.35 : numbered('m') ? 1.1 : 1;
}

}  // namespace lilith::schedule
