#include "schedule/way_times.h"

#include <fmt/format.h>

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

std::vector<std::size_t> worth_measuring(const std::vector<Choice>& ways) {
  std::vector<std::size_t> found;
  const Choice& first = ways.front();
  for (std::size_t k = 0; k < ways.size() && found.size() < kMostWays; ++k) {
    const Choice& w = ways[k];
    const bool same = w.sum_order == first.sum_order && w.results == first.results;
    if (same && w.cycles <= kHopeless * first.cycles) found.push_back(k);
  }
  return found;
}

std::string kind_of(const Group& g, const std::vector<Choice>& ways) {
  std::string kind;
  for (const ir::NodeImpl* n : results_of(g)) kind += n->aval.str();
  for (const Choice& w : ways) kind += fmt::format("|{} {}", w.name, w.cycles);
  return kind;
}

}  // namespace

Pick WayTimes::variant(std::size_t number) {
  return
      [this, number, at = std::size_t{0}](const Group& g, const std::vector<Choice>& ways) mutable {
        if (number == 0) {
          const std::vector<std::size_t> numbers = worth_measuring(ways);
          decisions_.push_back({kind_of(g, ways), numbers, {}});
          decisions_.back().ms.resize(numbers.size(), std::numeric_limits<double>::infinity());
        }
        const std::vector<std::size_t>& numbers = decisions_.at(at++).numbers;
        return numbers[std::min(number, numbers.size() - 1)];
      };
}

std::size_t WayTimes::variants() const {
  std::size_t most = 0;
  for (const Ways& w : decisions_) most = std::max(most, w.numbers.size());
  return most;
}

void WayTimes::add(std::size_t number, const Plan& plan, const std::vector<double>& ms) {
  std::vector<double> sums(decisions_.size(), 0);
  for (std::size_t l = 0; l < plan.launches.size(); ++l)
    sums.at(static_cast<std::size_t>(plan.launches[l].decision)) += ms[l];
  for (std::size_t k = 0; k < decisions_.size(); ++k) {
    if (number >= decisions_[k].ms.size()) continue;
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
  std::vector<std::size_t> numbers = fastest();
  for (std::size_t k = 0; k < numbers.size(); ++k) numbers[k] = decisions_[k].numbers[numbers[k]];
  return [numbers = std::move(numbers), at = std::size_t{0}](
             const Group&, const std::vector<Choice>& ways) mutable {
    const std::size_t number = at < numbers.size() ? numbers[at++] : 0;
    return number < ways.size() ? number : 0;
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
      std::ranges::count_if(decisions_, [](const Ways& w) { return w.numbers.size() > 1; }));
}
std::size_t WayTimes::changed() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(fastest(), [](std::size_t way) { return way > 0; }));
}

}  // namespace lilith::schedule
