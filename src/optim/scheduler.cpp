#include "lilith/optim/scheduler.h"

#include <algorithm>
#include <cmath>

#include "optim/numbers.h"

namespace lilith {

optim::OptimizerPointer& optim::OptimizerPointer::operator=(Optimizer& opt) {
  if (opt.places_.empty()) opt.places_.push_back(std::make_shared<Followed*>(&opt));
  place_ = opt.places_.front();
  return *this;
}

Optimizer& optim::OptimizerPointer::need(std::string_view who) const {
  LILITH_CHECK(place_ != nullptr, "{}: no optimiser; call attach(opt) before.", who);
  LILITH_CHECK(*place_ != nullptr,
               "{}: its optimiser is gone; keep an optimiser as long as its schedule, or attach "
               "the schedule to another (a copy of an optimiser is another).",
               who);
  return *get();
}

LRScheduler::LRScheduler(Rate rate, Momentum momentum)
    : schedule_{
          .name = "LRScheduler",
          .next =
              [rate](const optim::RateStep& s) {
                return rate(static_cast<std::int64_t>(s.time), s.base);
              },
          .closed = [rate](double time, std::size_t,
                           double base) { return rate(static_cast<std::int64_t>(time), base); }} {
  if (momentum)
    schedule_.momentum = [momentum = std::move(momentum)](double time, std::size_t) {
      return momentum(static_cast<std::int64_t>(time));
    };
}

LRScheduler::LRScheduler(Optimizer& opt, Rate rate, Momentum momentum)
    : LRScheduler(std::move(rate), std::move(momentum)) {
  attach(opt);
}

LRScheduler::LRScheduler(std::string name, std::vector<LRScheduler> children,
                         std::vector<std::int64_t> milestones, bool chained)
    : schedule_{.name = std::move(name), .next = {}, .closed = {}},
      kind_(chained ? Kind::Chained : Kind::Sequential),
      children_(std::move(children)),
      milestones_(std::move(milestones)) {
  if (!chained) return;
  // Chained schedules that have their optimiser are at its rates already.
  opt_ = children_.front().opt_;
  for (const LRScheduler& child : children_)
    LILITH_CHECK(child.opt_.get() == opt_.get(),
                 "{}: its schedules belong to several optimisers; need one, or none of them "
                 "attached.",
                 schedule_.name);
  if (opt_) note_rates();
}

void LRScheduler::attach(Optimizer& opt, SourceLocation loc) {
  LocScope scope(loc, nullptr);
  for (const LRScheduler& child : children_)
    LILITH_CHECK(!child.attached() || child.opt_.get() == &opt,
                 "{}: one of its schedules ({}) belongs to another optimiser.", schedule_.name,
                 child.name());
  const bool chained_before = kind_ == Kind::Chained && opt_.get() == &opt;
  opt_ = opt;
  for (LRScheduler& child : children_)
    if (!child.attached()) child.attach(opt, loc);
  if (schedule_.prepare) schedule_.prepare(opt);
  bases_.clear();
  for (ParamGroup& group : opt.param_groups()) {
    if (!group.initial_lr) group.initial_lr = group.hyper["lr"].value();
    bases_.push_back(*group.initial_lr);
  }
  epoch_ = -1;
  fraction_ = 0;
  if (kind_ == Kind::Leaf)
    initial_step();
  else if (kind_ == Kind::Sequential)
    begin();
  else if (!chained_before)
    note_rates();
}

// Makes a schedule of others stand at its start: the rates are the initial ones, and those
// schedules are stepped that run at epoch 0.
void LRScheduler::begin() {
  for (ParamGroup& group : its_optimizer().param_groups())
    if (group.initial_lr) group.hyper["lr"] = *group.initial_lr;
  for (LRScheduler& child : children_) child.undo();
  if (kind_ == Kind::Sequential) {
    children_[child_at(0)].initial_step();
    epoch_ = 0;
  } else {
    for (LRScheduler& child : children_) child.initial_step();
  }
  note_rates();
}

// Takes back the step that attaching made.
void LRScheduler::undo() {
  if (kind_ == Kind::Leaf) --epoch_;
  for (LRScheduler& child : children_) child.undo();
}

void LRScheduler::initial_step() {
  if (kind_ == Kind::Leaf)
    advance(true);
  else
    step();
}

// Stands at epoch 0 again: where SequentialLR enters it.
void LRScheduler::restart() {
  if (kind_ != Kind::Leaf) {
    struct Rewind {
      static void all(LRScheduler& s) {
        s.epoch_ = s.kind_ == Kind::Leaf ? 0 : -1;
        for (LRScheduler& child : s.children_) all(child);
      }
    };
    Rewind::all(*this);
    begin();
    epoch_ = 0;
    return;
  }
  epoch_ = 0;
  fraction_ = 0;
  if (schedule_.only_next)
    set_rates(schedule_.next, false);
  else
    set_rates([this](const auto& s) { return schedule_.closed(s.time, s.group, s.base); }, false);
}

std::size_t LRScheduler::child_at(std::int64_t epoch) const {
  return static_cast<std::size_t>(std::upper_bound(milestones_.begin(), milestones_.end(), epoch) -
                                  milestones_.begin());
}

void LRScheduler::advance(bool initial) {
  ++epoch_;
  try {
    set_rates(schedule_.next, initial);
  } catch (...) {
    --epoch_;
    throw;
  }
}

void LRScheduler::step(SourceLocation loc) {
  const LocScope::Fallback line(loc);
  opt_.need("LRScheduler::step");
  if (kind_ == Kind::Leaf) {
    advance(false);
    return;
  }
  if (kind_ == Kind::Chained) {
    for (LRScheduler& child : children_) child.step(loc);
  } else {
    const std::size_t i = child_at(epoch_ + 1);
    if (i > 0 && milestones_[i - 1] == epoch_ + 1)
      children_[i].restart();
    else
      children_[i].step(loc);
    ++epoch_;
  }
  note_rates();
}

void LRScheduler::step_to(double time) {
  opt_.need("LRScheduler::step");
  LILITH_CHECK(time >= 0, "{}: the epoch must not be negative; got {}.", schedule_.name, time);
  epoch_ = static_cast<std::int64_t>(std::floor(time));
  fraction_ = time - std::floor(time);
  set_rates(schedule_.next, false);
}

void LRScheduler::set_rates(const std::function<double(const optim::RateStep&)>& rate,
                            bool initial) {
  Optimizer& opt = its_optimizer();
  auto& groups = opt.param_groups();
  // A group that was added later starts from the rate it has.
  while (bases_.size() < groups.size()) {
    ParamGroup& group = groups[bases_.size()];
    if (!group.initial_lr) group.initial_lr = group.hyper["lr"].value();
    bases_.push_back(*group.initial_lr);
  }
  const double time = static_cast<double>(epoch_) + fraction_;
  std::vector<double> rates, momenta;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    rates.push_back(rate({time, initial, g, bases_[g], groups[g].hyper["lr"].value()}));
    if (schedule_.momentum) momenta.push_back(schedule_.momentum(time, g));
  }
  for (std::size_t g = 0; g < groups.size(); ++g) {
    groups[g].hyper["lr"] = rates[g];
    if (schedule_.momentum) optim::cycled_momentum(opt, g) = momenta[g];
  }
  last_lr_ = std::move(rates);
}

void LRScheduler::note_rates() { last_lr_ = optim::rates(its_optimizer()); }

void LRScheduler::set_last_epoch(std::int64_t epoch) {
  LILITH_CHECK(epoch >= 0, "LRScheduler: last_epoch must not be negative; got {}.", epoch);
  fraction_ = 0;
  if (kind_ == Kind::Chained && opt_) {
    restart();
    for (std::int64_t t = 0; t < epoch; ++t) step();
    return;
  }
  epoch_ = epoch;
  if (!opt_) return;
  if (kind_ == Kind::Leaf) {
    set_rates([this](const auto& s) { return schedule_.closed(s.time, s.group, s.base); }, false);
    return;
  }
  const std::size_t i = child_at(epoch);
  children_[i].set_last_epoch(i == 0 ? epoch : epoch - milestones_[i - 1]);
  note_rates();
}

void LRScheduler::set_base_lrs(std::vector<double> bases) {
  if (opt_) {
    const std::size_t groups = its_optimizer().param_groups().size();
    LILITH_CHECK(bases.size() == groups, "LRScheduler: {} base rates for {} parameter groups.",
                 bases.size(), groups);
  }
  bases_ = std::move(bases);
  for (LRScheduler& child : children_) child.set_base_lrs(bases_);
  if (opt_ && kind_ != Kind::Chained) set_last_epoch(std::max<std::int64_t>(epoch_, 0));
}

optim::Numbers LRScheduler::numbers() const {
  optim::Numbers out;
  if (kind_ != Kind::Chained) out["last_epoch"] = {static_cast<double>(epoch_)};
  if (kind_ == Kind::Leaf) out["fraction"] = {fraction_};
  out["base_lrs"] = bases_;
  out["last_lr"] = last_lr_;
  for (std::size_t i = 0; i < children_.size(); ++i)
    for (auto& [key, values] : children_[i].numbers())
      out[fmt::format("schedulers.{}.{}", i, key)] = std::move(values);
  return out;
}

void LRScheduler::set_numbers(const optim::Numbers& n, const std::string& prefix) {
  if (kind_ != Kind::Chained)
    epoch_ = static_cast<std::int64_t>(n.at(prefix + "last_epoch").front());
  if (kind_ == Kind::Leaf) fraction_ = n.at(prefix + "fraction").front();
  bases_ = n.at(prefix + "base_lrs");
  last_lr_ = n.at(prefix + "last_lr");
  for (std::size_t i = 0; i < children_.size(); ++i)
    children_[i].set_numbers(n, fmt::format("{}schedulers.{}.", prefix, i));
}

StateDict LRScheduler::state_dict() const { return optim::to_dict(numbers()); }

void LRScheduler::load_state_dict(const StateDict& dict, SourceLocation loc) {
  LocScope scope(loc, nullptr);
  its_optimizer();
  set_numbers(optim::from_dict(dict, numbers(), schedule_.name), "");
}

void save(const LRScheduler& scheduler, const std::string& path, SourceLocation loc) {
  LocScope scope(loc, nullptr);
  optim::save_numbers(scheduler.state_dict(), scheduler.name(), path);
}

void load(LRScheduler& scheduler, const std::string& path, SourceLocation loc) {
  LocScope scope(loc, nullptr);
  scheduler.load_state_dict(optim::load_numbers(scheduler.name(), path), loc);
}

}  // namespace lilith
