#include "schedule/way_times.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <map>

namespace lilith::schedule {
namespace {

constexpr std::size_t kMostWays = 4;
// What the model says to be slower by more than that is not tried.
constexpr double kHopeless = 2;
// What is faster by less than that is not: it may be noise.
constexpr double kGain = 0.97;

std::string kind_of(const Group& g, const std::vector<Choice>& ways) {
  std::string kind;
  for (const ir::NodeImpl* n : results_of(g)) kind += n->aval.str();
  for (const Choice& w : ways)
    kind += fmt::format("|{} {} {}", w.name, w.cycles, fmt::join(w.sum_order, ","));
  return kind;
}

}  // namespace

WayTimes::Way::Way(const Choice& c) : name(c.name), sum_order(c.sum_order) {
  for (const auto& [node, layout] : c.results) layouts.push_back(layout);
}
bool WayTimes::Way::gives_the_same_as(const Way& o) const {
  return sum_order == o.sum_order && layouts == o.layouts;
}

std::size_t WayTimes::find(const Way& way, const std::vector<Choice>& choices) {
  std::size_t same = choices.size();
  for (std::size_t k = 0; k < choices.size(); ++k) {
    const Way found(choices[k]);
    if (found == way) return k;
    if (same == choices.size() && found.gives_the_same_as(way)) same = k;
  }
  if (same == choices.size()) throw WayGone();
  return same;
}

Pick WayTimes::variant(std::size_t number) {
  return [this, number, at = std::size_t{0}](const Group& g,
                                             const std::vector<Choice>& choices) mutable {
    if (number == 0) {
      Ways& all = decisions_.emplace_back(Ways{kind_of(g, choices), {}, {}});
      for (const Choice& c : choices) {
        const Way way(c);
        if (all.ways.size() == kMostWays || c.cycles > kHopeless * choices.front().cycles) continue;
        if (all.ways.empty() || way.gives_the_same_as(all.ways.front())) all.ways.push_back(way);
      }
      all.ms.resize(all.ways.size(), std::numeric_limits<double>::infinity());
    }
    Ways& all = decisions_.at(at++);
    const std::size_t taken = std::min(number, all.ways.size() - 1);
    const std::size_t found = find(all.ways[taken], choices);
    // What stands in for it is not timed in its name.
    if (Way(choices[found]) != all.ways[taken]) all.gone.insert(number);
    return found;
  };
}

std::size_t WayTimes::variants() const {
  std::size_t most = 0;
  for (const Ways& w : decisions_) most = std::max(most, w.ways.size());
  return most;
}

void WayTimes::add(std::size_t number, const Plan& plan, const std::vector<double>& ms) {
  std::vector<double> sums(decisions_.size(), 0);
  for (std::size_t l = 0; l < plan.launches.size(); ++l)
    sums.at(static_cast<std::size_t>(plan.launches[l].decision)) += ms[l];
  for (std::size_t k = 0; k < decisions_.size(); ++k) {
    if (number >= decisions_[k].ms.size() || decisions_[k].gone.contains(number)) continue;
    double& least = decisions_[k].ms[number];
    least = std::min(least, sums[k]);
  }
}

std::vector<std::size_t> WayTimes::fastest() const {
  std::map<std::string, std::vector<double>> by_kind;
  for (const Ways& w : decisions_) {
    std::vector<double>& sums = by_kind[w.kind];
    sums.resize(w.ms.size(), 0);
    for (std::size_t k = 0; k < w.ms.size(); ++k) sums[k] += w.ms[k];
  }
  std::vector<std::size_t> out;
  for (const Ways& w : decisions_) {
    const std::vector<double>& ms = by_kind.at(w.kind);
    const auto least = std::ranges::min_element(ms);
    out.push_back(*least < kGain * ms.front() ? static_cast<std::size_t>(least - ms.begin()) : 0);
  }
  return out;
}

Pick WayTimes::best() const {
  std::vector<Way> best;
  const std::vector<std::size_t> numbers = fastest();
  for (std::size_t k = 0; k < numbers.size(); ++k) best.push_back(decisions_[k].ways[numbers[k]]);
  return [best = std::move(best), at = std::size_t{0}](const Group&,
                                                       const std::vector<Choice>& choices) mutable {
    if (at == best.size()) throw WayGone();  // a plan of another graph
    return find(best[at++], choices);
  };
}

Pick ways_of(const Plan& plan) {
  return [&plan, at = 0](const Group&, const std::vector<Choice>& ways) mutable {
    const int decision = at++;
    for (const LaunchPlan& l : plan.launches) {
      if (l.decision != decision) continue;
      const auto way = std::ranges::find(ways, l.how, &Choice::name);
      if (way != ways.end()) return static_cast<std::size_t>(way - ways.begin());
    }
    return std::size_t{0};
  };
}

std::size_t WayTimes::measured() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(decisions_, [](const Ways& w) { return w.ways.size() > 1; }));
}
std::size_t WayTimes::changed() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(fastest(), [](std::size_t way) { return way > 0; }));
}

}  // namespace lilith::schedule
