#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "schedule/cpu/contraction/operand_walk.h"
#include "schedule/cpu/contraction/tile_cycles.h"
#include "schedule/cpu/winograd/cycles.h"
#include "schedule/cpu/winograd/schedule.h"

namespace lilith::schedule {

std::string WinogradSumSchedule::name() const {
  std::string text =
      fmt::format("winograd F(3x3, {0}x{0}), sums of {1} tiles, {2} x {3} at a time, blocks of {4}",
                  taps, tiles, rows, columns, block);
  if (in_rows) text += ", epilogue in rows";
  return text + (chunks > 0 ? fmt::format(", in {} chunks", chunks) : ", staged");
}

namespace {

// Tiles that are added up before they join the sum: of the product alone, so that its bits are no
// machine's. Few, for the sake of the error; many, so that sums are loaded and stored less often.
constexpr std::int64_t kTiles = 64;
constexpr std::int64_t kFewTiles = 8;  // sums would be loaded and stored all the time
constexpr double kPassing = 8;  // cycles of a line that the L2 cache does not keep until it is read
constexpr std::int64_t kBlock = 16, kMostRows = 128;  // rows of a block, in whole lines

class Search {
 public:
  Search(const ContractionSpec& spec, const Correlation& c, int taps, const Target& target)
      : spec_(spec),
        form_(c),
        target_(target),
        matrices_(winograd_matrices(3, taps)),
        grid_(spec, c.summed, c.taps, taps),
        lanes_(target.lanes(DType::F32)),
        squares_(std::int64_t{matrices_.size} * matrices_.size),
        rows_(extent_of(spec.axes, c.rows)),
        columns_(axis(c.columns).extent),
        data_(squares_cycles(spec, &Axis::a, c.rows, grid_, matrices_.data, target) +
              squares_cycles(spec, &Axis::b, {c.columns}, grid_, matrices_.kernel, target)),
        result_(transform_cycles(matrices_.output, static_cast<double>(squares_ + 27))) {}

  std::vector<WinogradSumSchedule> run() const;
  std::vector<WinogradSumSchedule> shapes() const;
  std::vector<WinogradSumSchedule> shaped_like(
      const std::vector<WinogradSumSchedule>& shapes) const;

 private:
  struct Order {
    std::int64_t tiles, chunks;
  };
  std::vector<Order> orders() const;
  const Axis& axis(int i) const { return spec_.axes[static_cast<std::size_t>(i)]; }
  WinogradSumSchedule best(std::int64_t tiles, std::int64_t chunks) const;
  void price(WinogradSumSchedule* s) const;
  double product_cycles(const WinogradSumSchedule& s) const;
  double traffic_cycles(const WinogradSumSchedule& s) const;

  const ContractionSpec& spec_;
  const Correlation& form_;
  const Target& target_;
  const WinogradMatrices matrices_;
  const TileGrid grid_;
  std::int64_t lanes_, squares_, rows_, columns_;
  double data_, result_;  // cycles of all data, of a vector of results
};

// Staged, then in chunks: as many, and in the same order, whatever the grid is.
std::vector<Search::Order> Search::orders() const {
  std::vector<Order> all{{divide_up(grid_.all, divide_up(grid_.all, kTiles)), 0}};
  const std::int64_t one = squares_ * (rows_ + columns_) * 4;
  for (std::int64_t bytes = target_.l2_bytes / 2; bytes <= 2 * target_.l2_bytes; bytes *= 2) {
    const std::int64_t tiles = std::min(kTiles, bytes / one);
    if (tiles < kFewTiles) continue;
    const std::int64_t groups = divide_up(grid_.all, tiles),
                       chunks = std::min<std::int64_t>(groups, target_.threads);
    all.push_back({divide_up(grid_.all, groups), divide_up(groups, divide_up(groups, chunks))});
  }
  return all;
}

std::vector<WinogradSumSchedule> Search::run() const {
  std::vector<WinogradSumSchedule> found;
  for (const WinogradSumSchedule& s : shapes()) {
    if (found.size() < 2)
      found.push_back(s);
    else if (s.cycles < found[1].cycles)
      found[1] = s;
  }
  return found;
}

std::vector<WinogradSumSchedule> Search::shapes() const {
  std::vector<WinogradSumSchedule> found;
  for (const Order& order : orders()) {
    const bool again =
        !found.empty() && found.back().tiles == order.tiles && found.back().chunks == order.chunks;
    found.push_back(again ? found.back() : best(order.tiles, order.chunks));
  }
  return found;
}

std::vector<WinogradSumSchedule> Search::shaped_like(
    const std::vector<WinogradSumSchedule>& shapes) const {
  const std::vector<Order> mine = orders();
  std::vector<WinogradSumSchedule> found;
  for (std::size_t k = 0; k < mine.size(); ++k) {
    WinogradSumSchedule s = shapes.at(k);
    s.tiles = mine[k].tiles;
    s.chunks = mine[k].chunks;
    const auto alike = [&](const WinogradSumSchedule& x) {
      return x.tiles == s.tiles && x.chunks == s.chunks;
    };
    if (std::ranges::any_of(found, alike)) continue;
    price(&s);
    found.push_back(s);
  }
  return found;
}

// The best shape of the registers' tile and of the blocks.
WinogradSumSchedule Search::best(std::int64_t tiles, std::int64_t chunks) const {
  WinogradSumSchedule best;
  best.cycles = INFINITY;
  for (std::int64_t vectors = 1; vectors <= 4; ++vectors) {
    if ((vectors - 1) * lanes_ >= columns_) break;
    const std::int64_t most = most_rows(target_, vectors);
    for (std::int64_t rows = std::min<std::int64_t>(4, most); rows <= most; ++rows) {
      for (std::int64_t block = kBlock; block <= kMostRows; block += kBlock) {
        WinogradSumSchedule s{matrices_.taps, tiles, rows, vectors * lanes_, block, chunks};
        if (block > kBlock && 2 * squares_ * block * s.columns * 4 > target_.l2_bytes) break;
        price(&s);
        if (s.cycles < 0.999 * best.cycles) best = s;
        if (block >= rows_) break;
      }
    }
  }
  return best;
}

double Search::product_cycles(const WinogradSumSchedule& s) const {
  const std::int64_t vectors = s.columns / lanes_;
  const LaneLoads loads{s.tiles * (s.columns + s.block) * 4 * 4 <= target_.l1_bytes * 3, true};
  const auto tile = [&](std::int64_t rows) {
    return step_cycles(rows, vectors, loads, target_.has_fma()) * static_cast<double>(s.tiles) *
               1.03 +
           20 + 2 * static_cast<double>(rows * vectors);
  };
  const std::int64_t rest = s.block % s.rows;
  const double block =
      static_cast<double>(s.block / s.rows) * tile(s.rows) + (rest > 0 ? tile(rest) : 0);
  return block * static_cast<double>(divide_up(grid_.all, s.tiles) * squares_ *
                                     divide_up(rows_, s.block) * divide_up(columns_, s.columns));
}

// Transformed tiles are written, and read once for each block of the other operand. In chunks, the
// sums come and go for each group instead.
double Search::traffic_cycles(const WinogradSumSchedule& s) const {
  const auto walk = [&](std::int64_t elements) {
    return walk_along(static_cast<double>(squares_ * elements * 4), target_);
  };
  if (s.chunks > 0) {
    const OperandWalk sums = walk(rows_ * columns_);
    const double groups = static_cast<double>(divide_up(grid_.all, s.tiles)),
                 chunks = static_cast<double>(s.chunks);
    const OperandWalk tiles = walk(s.tiles * (rows_ + columns_));
    return (sums.fits ? 0 : 2 * sums.far(groups)) + chunks * sums.far(2) +
           (tiles.fits ? 0 : kPassing * tiles.lines * groups);
  }
  const OperandWalk a = walk(grid_.all * rows_), b = walk(grid_.all * columns_);
  return kWritten * (a.lines + b.lines) +
         a.far(static_cast<double>(divide_up(columns_, s.columns))) +
         b.far(static_cast<double>(divide_up(rows_, s.block)));
}

void Search::price(WinogradSumSchedule* s) const {
  const std::int64_t blocks = divide_up(rows_, s->block), panels = divide_up(columns_, s->columns);
  const auto tasks = static_cast<double>(s->chunks > 0 ? s->chunks : blocks * panels);
  const double back = static_cast<double>(rows_ * panels * (s->columns / lanes_)) * result_;
  const double scattered = scattered_cycles(axis(form_.columns).apart * 4, s->columns, 1, target_);
  const StridedEpilogue strided = strided_epilogue(spec_, form_.columns, scattered);
  s->in_rows = strided.in_rows;
  s->cycles = data_ + traffic_cycles(*s) + launch_cycles(static_cast<double>(grid_.all * rows_)) +
              (product_cycles(*s) + back) * idle_factor(target_, tasks) + strided.cycles;
}

}  // namespace

std::vector<WinogradSumSchedule> search_winograd_sums(const ContractionSpec& spec,
                                                      const Correlation& c, int taps,
                                                      const Target& target) {
  return Search(spec, c, taps, target).run();
}

std::vector<WinogradSumSchedule> search_winograd_sum_shapes(const ContractionSpec& spec,
                                                            const Correlation& c, int taps,
                                                            const Target& target) {
  return Search(spec, c, taps, target).shapes();
}

std::vector<WinogradSumSchedule> winograd_sums_like(
    const ContractionSpec& spec, const Correlation& c, int taps, const Target& target,
    const std::vector<WinogradSumSchedule>& shapes) {
  return Search(spec, c, taps, target).shaped_like(shapes);
}

}  // namespace lilith::schedule
