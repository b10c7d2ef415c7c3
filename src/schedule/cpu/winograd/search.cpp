#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "schedule/cpu/contraction/operand_walk.h"
#include "schedule/cpu/contraction/tile_cycles.h"
#include "schedule/cpu/winograd/cycles.h"
#include "schedule/cpu/winograd/schedule.h"

// The model: cycles of one thread for the transforms, for the products between them, and for what
// passes between the caches.
namespace lilith::schedule {

std::string WinogradSchedule::name() const {
  std::string text =
      fmt::format("winograd F({0}x{0}, {1}x{1}), groups of {2} tiles, {3} x {4} at a time", outputs,
                  taps, tiles, rows, columns);
  if (parts > 1) text += fmt::format(", columns in {} parts", parts);
  if (in_rows) text += ", epilogue in rows";
  return text + (staged ? ", staged" : "");
}

namespace {

constexpr std::int64_t kMostTiles = 128;

class Search {
 public:
  Search(const ContractionSpec& spec, const Correlation& c, int outputs, const Target& target)
      : spec_(spec),
        form_(c),
        target_(target),
        matrices_(winograd_matrices(
            outputs, static_cast<int>(spec.axes[static_cast<std::size_t>(c.taps[0])].extent))),
        grid_(spec, c.rows, c.result, outputs),
        lanes_(target.lanes(DType::F32)),
        squares_(std::int64_t{matrices_.size} * matrices_.size),
        steps_(extent_of(spec.axes, c.summed)),
        columns_(axis(c.columns).extent),
        data_(squares_cycles(spec, &Axis::a, c.summed, grid_, matrices_.data, target)),
        result_(transform_cycles(matrices_.output,
                                 static_cast<double>(squares_ + 3 * outputs * outputs))),
        weight_(transform_cycles(matrices_.kernel, 2.0 * static_cast<double>(squares_))) {}

  std::vector<WinogradSchedule> run();

 private:
  const Axis& axis(int i) const { return spec_.axes[static_cast<std::size_t>(i)]; }
  void try_registers(std::int64_t vectors, std::int64_t rows);
  void price(WinogradSchedule* s) const;
  double product_cycles(const WinogradSchedule& s) const;
  double result_cycles(const WinogradSchedule& s) const;
  double traffic_cycles(const WinogradSchedule& s) const;
  double weight_cycles(const WinogradSchedule& s) const;
  std::int64_t panels(const WinogradSchedule& s) const { return divide_up(columns_, s.columns); }
  std::int64_t groups(const WinogradSchedule& s) const { return divide_up(grid_.all, s.tiles); }

  const ContractionSpec& spec_;
  const Correlation& form_;
  const Target& target_;
  const WinogradMatrices matrices_;
  const TileGrid grid_;
  std::int64_t lanes_, squares_, steps_, columns_;
  double data_, result_, weight_;  // cycles of all data, of a vector of results and of weights
  WinogradSchedule best_[2];       // staged or not
};

std::vector<WinogradSchedule> Search::run() {
  for (WinogradSchedule& s : best_) s.cycles = INFINITY;
  for (std::int64_t vectors = 1; vectors <= 4; ++vectors) {
    if ((vectors - 1) * lanes_ >= columns_) break;
    const std::int64_t most = most_rows(target_, vectors);
    for (std::int64_t rows = std::min<std::int64_t>(4, most); rows <= most; ++rows)
      try_registers(vectors, rows);
  }
  std::vector<WinogradSchedule> found;
  for (const WinogradSchedule& s : best_) {
    if (std::isfinite(s.cycles)) found.push_back(s);
  }
  return found;
}

void Search::try_registers(std::int64_t vectors, std::int64_t rows) {
  for (std::int64_t tiles = rows; tiles <= kMostTiles; tiles += rows) {
    for (const bool staged : {false, true}) {
      WinogradSchedule s{matrices_.outputs, matrices_.taps, std::min(tiles, grid_.all), rows,
                         vectors * lanes_};
      s.staged = staged;
      const std::int64_t bytes = squares_ * s.tiles * 4 * (s.columns + (staged ? 0 : steps_));
      if (tiles > rows && 4 * bytes > 3 * target_.l2_bytes) continue;
      for (s.parts = 1; s.parts <= panels(s); s.parts *= 2) {
        price(&s);
        WinogradSchedule& best = best_[staged];
        if (s.cycles < 0.999 * best.cycles) best = s;
        if (groups(s) * s.parts >= 4 * target_.threads) break;
      }
    }
    if (tiles >= grid_.all) break;
  }
}

double Search::product_cycles(const WinogradSchedule& s) const {
  const LaneLoads loads{steps_ * s.columns * 4 * 4 <= target_.l1_bytes * 3, true};
  const std::int64_t vectors = s.columns / lanes_;
  const auto tile = [&](std::int64_t rows) {
    return step_cycles(rows, vectors, loads, target_.has_fma()) * static_cast<double>(steps_) *
               1.03 +
           20 + static_cast<double>(rows * vectors);
  };
  const std::int64_t rest = s.tiles % s.rows;
  const double group =
      static_cast<double>(s.tiles / s.rows) * tile(s.rows) + (rest > 0 ? tile(rest) : 0);
  return static_cast<double>(groups(s) * panels(s) * squares_) * group;
}

double Search::result_cycles(const WinogradSchedule& s) const {
  const Axis& lanes = axis(form_.columns);
  const double transforms =
      static_cast<double>(grid_.all * panels(s) * (s.columns / lanes_)) * result_;
  const double stored =
      lanes.strided > 0
          ? 0
          : stored_cycles(spec_.result_elements() * 4, s.columns * 4,
                          std::max(axis(form_.result[1]).apart, lanes.extent) * 4, target_);
  return beside(transforms, stored);
}

// The weights pass by for each group; staged, the data is written and then read for each panel.
double Search::traffic_cycles(const WinogradSchedule& s) const {
  const double weights = static_cast<double>(squares_ * steps_ * columns_ * 4),
               data = static_cast<double>(squares_ * grid_.all * steps_ * 4),
               in_group = static_cast<double>(squares_ * s.tiles * (steps_ + s.columns) * 4);
  const OperandWalk of_weights = walk_along(weights, target_);
  const bool stay = weights + in_group <= 0.75 * static_cast<double>(target_.l2_bytes);
  double cycles = of_weights.far(stay ? 1 : static_cast<double>(groups(s)));
  if (s.staged) {
    const OperandWalk of_data = walk_along(data, target_);
    cycles += kWritten * of_data.lines + of_data.far(static_cast<double>(panels(s)));
  }
  return cycles;
}

double Search::weight_cycles(const WinogradSchedule& s) const {
  const double gathered =
      (axis(form_.columns).b == 1 ? 1 : kGathered * static_cast<double>(lanes_)) * matrices_.taps *
      matrices_.taps;
  const double elements = static_cast<double>(panels(s) * s.columns * steps_);
  return elements / static_cast<double>(lanes_) * (weight_ + gathered) +
         walk_along(elements * static_cast<double>(squares_) * 4, target_).far(1) +
         launch_cycles(elements);
}

void Search::price(WinogradSchedule* s) const {
  const auto parts = static_cast<double>(s->parts);
  const double tasks = static_cast<double>(groups(*s)) * parts,
               uneven = static_cast<double>(divide_up(panels(*s), s->parts)) * parts /
                        static_cast<double>(panels(*s));
  const double scattered = scattered_cycles(axis(form_.columns).apart * 4, s->columns, 1, target_);
  const StridedEpilogue strided = strided_epilogue(spec_, form_.columns, scattered);
  s->in_rows = strided.in_rows;
  const double data = data_ * (s->staged ? 1 : parts);
  s->pack_cycles = spec_.copies_of_b() * weight_cycles(*s);
  s->cycles = (data + uneven * (product_cycles(*s) + result_cycles(*s)) + traffic_cycles(*s) +
               strided.cycles) *
                  idle_factor(target_, tasks) +
              (s->staged ? launch_cycles(static_cast<double>(grid_.all * steps_)) : 0) +
              s->pack_cycles;
}

}  // namespace

std::vector<WinogradSchedule> search_winograd(const ContractionSpec& spec, const Correlation& c,
                                              int outputs, const Target& target) {
  return Search(spec, c, outputs, target).run();
}

}  // namespace lilith::schedule
