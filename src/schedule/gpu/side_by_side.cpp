#include "schedule/gpu/side_by_side.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <queue>
#include <unordered_set>

#include "kernel_ir/grid.h"
#include "kernel_ir/merge.h"
#include "schedule/launch_graph.h"

// Launches have levels: how many of those that wait for them stand behind them, at the most. What
// is of one level waits for nobody of it, and a level's launches as one make no way longer.
namespace lilith::schedule::gpu {
namespace {

constexpr std::size_t kMostParts = 16;
constexpr std::size_t kMostParams = 60;  // OpenCL promises 1024 bytes of them
// Of threads that a unit runs at the same time; kernels of blocks leave room for that many.
constexpr std::int64_t kThreadsOfAUnit = 1024;
// What a launch may touch whose inputs are kept for it, where memory is scarce.
constexpr double kLittle = 1 << 20;

using Group = std::vector<std::size_t>;  // launches, by their place

class SideBySide {
 public:
  SideBySide(Plan* plan, const GpuTarget& target)
      : plan_(*plan), target_(target), needs_(value_needs(*plan)) {}

  void run() {
    const std::vector<Group> groups = find_groups();
    if (groups.size() == plan_.launches.size()) return;
    std::vector<LaunchPlan> launches;
    for (const Group& g : in_order(groups)) launches.push_back(merged(g));
    plan_.launches = std::move(launches);
  }

 private:
  const LaunchPlan& launch(std::size_t k) const { return plan_.launches[k]; }

  static std::int64_t threads(const LaunchPlan& l) {
    return kir::num_blocks(l.kernel) * l.kernel.threads;
  }

  // By launch: the longest way behind it.
  std::vector<std::size_t> levels() const {
    std::vector<std::size_t> level(needs_.size(), 0);
    for (std::size_t k = needs_.size(); k-- > 0;) {
      for (const int n : needs_[k]) {
        std::size_t& before = level[static_cast<std::size_t>(n)];
        before = std::max(before, level[k] + 1);
      }
    }
    return level;
  }

  std::vector<Group> find_groups() const {
    std::size_t arena = 0;
    for (const BufferPlan& b : plan_.buffers)
      arena += b.kind == BufferPlan::Kind::Arena ? b.bytes : 0;
    const bool scarce = arena > target_.spread_bytes;
    const std::vector<std::size_t> level = levels();
    std::map<std::size_t, std::vector<Group>> by_level;
    for (std::size_t k = 0; k < level.size(); ++k) {
      const LaunchPlan& l = launch(k);
      std::vector<Group>& groups = by_level[level[k]];
      const bool may =
          l.kernel.threads > 0 && !l.kernel.body.empty() && !(scarce && l.bytes > kLittle);
      const auto with = std::ranges::find_if(groups, [&](const Group& g) { return fits(g, k); });
      if (may && with != groups.end())
        with->push_back(k);
      else
        groups.push_back({k});
    }
    std::vector<Group> all;
    for (auto& [n, groups] : by_level) std::ranges::move(groups, std::back_inserter(all));
    return all;
  }

  // Whether the device has room for the group and one more.
  bool fits(const Group& g, std::size_t one) const {
    if (g.size() >= kMostParts) return false;
    std::int64_t blocks = 0, most = 0, shared = 0;
    std::unordered_set<int> params;
    Group all = g;
    all.push_back(one);
    for (const std::size_t k : all) {
      const LaunchPlan& l = launch(k);
      if (l.kernel.threads == 0 || l.kernel.body.empty()) return false;
      blocks += kir::num_blocks(l.kernel);
      most = std::max<std::int64_t>(most, l.kernel.threads);
      params.insert(l.buffers.begin(), l.buffers.end());
      for (const kir::BufferDecl& b : l.kernel.buffers)
        if (b.space == kir::Space::Shared)
          shared += b.size * static_cast<std::int64_t>(size_of(b.dtype));
    }
    // Lanes whose sums are combined need room too.
    return blocks * most <= target_.units * kThreadsOfAUnit && params.size() <= kMostParams &&
           shared + 2 * 8 * most <= target_.shared_bytes;
  }

  // Each behind what it needs, otherwise where its last launch stood.
  std::vector<Group> in_order(const std::vector<Group>& groups) const {
    std::vector<std::size_t> group_of(needs_.size());
    for (std::size_t g = 0; g < groups.size(); ++g)
      for (const std::size_t k : groups[g]) group_of[k] = g;
    std::vector<std::vector<std::size_t>> needed_by(groups.size());
    std::vector<std::size_t> left(groups.size(), 0);
    for (std::size_t k = 0; k < needs_.size(); ++k) {
      for (const int n : needs_[k]) {
        needed_by[group_of[static_cast<std::size_t>(n)]].push_back(group_of[k]);
        ++left[group_of[k]];
      }
    }
    using Ready = std::pair<std::size_t, std::size_t>;  // the last launch, the group
    std::priority_queue<Ready, std::vector<Ready>, std::greater<>> ready;
    const auto look = [&](std::size_t g) {
      if (left[g] == 0) ready.emplace(groups[g].back(), g);
    };
    for (std::size_t g = 0; g < groups.size(); ++g) look(g);
    std::vector<Group> sorted;
    while (!ready.empty()) {
      const std::size_t g = ready.top().second;
      ready.pop();
      sorted.push_back(groups[g]);
      for (const std::size_t m : needed_by[g]) {
        --left[m];
        look(m);
      }
    }
    return sorted;
  }

  LaunchPlan merged(Group g) {
    if (g.size() == 1) return std::move(plan_.launches[g[0]]);
    // Blocks that take long begin first.
    const auto work = [&](std::size_t k) {
      return launch(k).flops / static_cast<double>(kir::num_blocks(launch(k).kernel));
    };
    std::ranges::stable_sort(g, std::ranges::greater(), work);
    LaunchPlan out;
    std::vector<kir::GridPart> parts;
    for (const std::size_t k : g) {
      const LaunchPlan& l = launch(k);
      parts.push_back({&l.kernel, l.buffers});
      out.what += (out.what.empty() ? "" : " | ") + l.what;
      out.how += (out.how.empty() ? fmt::format("{} side by side: ", g.size()) : " | ") + l.how;
      out.flops += l.flops;
      out.loc = l.loc;
    }
    out.kernel = kir::merge_grids(parts, &out.buffers);
    for (const int b : out.buffers)
      out.bytes += static_cast<double>(plan_.buffers[static_cast<std::size_t>(b)].bytes);
    for (std::size_t b = 0; b < out.kernel.buffers.size(); ++b) {
      if (out.kernel.buffers[b].space != kir::Space::Param) continue;
      if (out.kernel.buffers[b].written) out.written.push_back(out.buffers[out.params.size()]);
      out.params.push_back(static_cast<kir::BufferId>(b));
    }
    return out;
  }

  Plan& plan_;
  const GpuTarget& target_;
  const LaunchNeeds needs_;
};

}  // namespace

void put_side_by_side(Plan* plan, const GpuTarget& target) { SideBySide(plan, target).run(); }

}  // namespace lilith::schedule::gpu
