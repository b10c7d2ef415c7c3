#pragma once
#include <string>
#include <vector>

#include "schedule/choose.h"
#include "schedule/plan.h"

namespace lilith::schedule {

/// What the ways of a graph's groups take where they are measured: in plans of the whole graph
/// whose groups take their first way, their second, and so on, all at once, since a way changes
/// neither bits nor layouts, so that no group sees what another one took. Groups that are alike are
/// one.
class WayTimes {
 public:
  /// For the plan number `variant`; the first one finds the ways. This outlives it.
  Pick variant(std::size_t number);
  /// Of how many plans all ways are measured; after the first one was made.
  std::size_t variants() const;
  /// The milliseconds of the launches of a plan; the least counts.
  void add(std::size_t number, const Plan& plan, const std::vector<double>& ms);
  /// The fastest ways.
  Pick best() const;
  /// Decisions that have several ways, and those of them whose fastest is not the model's.
  std::size_t measured() const;
  std::size_t changed() const;

 private:
  struct Ways {
    std::string kind;                  // alike for groups that are alike
    std::vector<std::size_t> numbers;  // among all that the device has
    std::vector<double> ms;
  };
  // By decision: which of its ways. Of those that are alike the sums of their times decide.
  std::vector<std::size_t> fastest() const;

  std::vector<Ways> decisions_;
};

/// The ways that a plan took, for a plan of the same graph; the model's where they are not found.
/// The plan outlives it.
Pick ways_of(const Plan& plan);

}  // namespace lilith::schedule
