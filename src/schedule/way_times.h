#pragma once
#include <cstdint>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "schedule/choose.h"
#include "schedule/plan.h"

namespace lilith::schedule {

/// A way that was there is not: of the groups before it some took others, and it would have shared
/// a copy with theirs.
class WayGone : public std::runtime_error {
 public:
  WayGone() : std::runtime_error("schedule: no way is left with the same bits and layouts") {}
};

/// What the ways of a graph's groups take where they are measured: in plans of the whole graph
/// whose groups take their first way, their second, and so on, all at once, since a way changes
/// neither bits nor layouts. Which ways there are may depend on what the groups before took, whose
/// copies of operands are free: ways are known by what they are, not by their number. Groups that
/// are alike are one.
class WayTimes {
 public:
  /// For the plan number `variant`; the first one finds the ways. This outlives it. The plan throws
  /// WayGone where a group has no way with the bits and layouts of its first.
  Pick variant(std::size_t number);
  /// Of how many plans all ways are measured; after the first one was made.
  std::size_t variants() const;
  /// The milliseconds of the launches of a plan; the least counts.
  void add(std::size_t number, const Plan& plan, const std::vector<double>& ms);
  /// The fastest ways, for a plan of the same graph, which may throw WayGone.
  Pick best() const;
  /// Decisions that have several ways, and those of them whose fastest is not the model's.
  std::size_t measured() const;
  std::size_t changed() const;

 private:
  /// What a way is, whatever else there is.
  struct Way {
    std::string name;
    std::vector<std::int64_t> sum_order;
    std::vector<Layout> layouts;
    explicit Way(const Choice& c);
    bool gives_the_same_as(const Way& o) const;
    bool operator==(const Way&) const = default;
  };
  struct Ways {
    std::string kind;  // alike for groups that are alike
    std::vector<Way> ways;
    std::vector<double> ms;
    std::set<std::size_t> gone;  // the plans in which another one stood in for it
  };
  /// Its number in `choices`; where it is not there, that of the best one that gives the same.
  static std::size_t find(const Way& way, const std::vector<Choice>& choices);
  // By decision: which of its ways. Of those that are alike the sums of their times decide.
  std::vector<std::size_t> fastest() const;

  std::vector<Ways> decisions_;
};

/// The ways that a plan took, by their names, for people who look at a plan of the same graph; the
/// model's where they are not found. The plan outlives it.
Pick ways_of(const Plan& plan);

}  // namespace lilith::schedule
