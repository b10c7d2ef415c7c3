#include "lilith/optim/plateau.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "optim/numbers.h"

namespace lilith {

ReduceLROnPlateau::ReduceLROnPlateau(const ReduceLROnPlateauOptions& o, SourceLocation loc)
    : maximize_(o.mode == "max"),
      relative_(o.threshold_mode == "rel"),
      factor_(o.factor),
      threshold_(o.threshold),
      min_lr_(o.min_lr),
      eps_(o.eps),
      best_(o.mode == "max" ? -std::numeric_limits<double>::infinity()
                            : std::numeric_limits<double>::infinity()),
      patience_(o.patience),
      cooldown_(o.cooldown),
      min_lrs_(o.min_lrs) {
  LocScope scope(loc);
  LILITH_CHECK(o.mode == "min" || o.mode == "max",
               "ReduceLROnPlateau: mode is '{}'; need 'min' or 'max'.", o.mode);
  LILITH_CHECK(o.threshold_mode == "rel" || o.threshold_mode == "abs",
               "ReduceLROnPlateau: threshold_mode is '{}'; need 'rel' or 'abs'.", o.threshold_mode);
  LILITH_CHECK(o.factor < 1, "ReduceLROnPlateau: factor must be below 1; got {}.", o.factor);
}

void ReduceLROnPlateau::attach(Optimizer& opt, SourceLocation loc) {
  LocScope scope(loc, nullptr);
  opt_ = opt;
  LILITH_CHECK(min_lrs_.empty() || min_lrs_.size() == opt.param_groups().size(),
               "ReduceLROnPlateau: min_lrs has {} numbers; {} has {} parameter groups.",
               min_lrs_.size(), opt.name(), opt.param_groups().size());
  note_rates();
}

bool ReduceLROnPlateau::is_better(double metric) const {
  const double sign = maximize_ ? 1 : -1;
  const double bar = relative_ ? best_ * (1 + sign * threshold_) : best_ + sign * threshold_;
  return maximize_ ? metric > bar : metric < bar;
}

void ReduceLROnPlateau::step(const Tensor& metric, SourceLocation loc) {
  step(metric.item<double>(loc));
}

void ReduceLROnPlateau::step(double metric) {
  opt_.need("ReduceLROnPlateau");
  ++epoch_;
  if (is_better(metric)) {
    best_ = metric;
    bad_ = 0;
  } else {
    ++bad_;
  }
  if (cooling_ > 0) {
    --cooling_;
    bad_ = 0;
  }
  if (bad_ > patience_) {
    reduce();
    cooling_ = cooldown_;
    bad_ = 0;
  }
  note_rates();
}

void ReduceLROnPlateau::reduce() {
  Optimizer& opt = opt_.need("ReduceLROnPlateau");
  auto& groups = opt.param_groups();
  LILITH_CHECK(min_lrs_.empty() || min_lrs_.size() == groups.size(),
               "ReduceLROnPlateau: min_lrs has {} numbers; {} has {} parameter groups now.",
               min_lrs_.size(), opt.name(), groups.size());
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const double old = groups[g].hyper["lr"].value();
    const double now = std::max(old * factor_, min_lrs_.empty() ? min_lr_ : min_lrs_[g]);
    if (old - now > eps_) groups[g].hyper["lr"] = now;
  }
}

void ReduceLROnPlateau::note_rates() { last_lr_ = optim::rates(opt_.need("ReduceLROnPlateau")); }

namespace {

constexpr const char* kName = "ReduceLROnPlateau";

}  // namespace

StateDict ReduceLROnPlateau::state_dict() const {
  return optim::to_dict({{"best", {best_}},
                         {"num_bad_epochs", {static_cast<double>(bad_)}},
                         {"cooldown_counter", {static_cast<double>(cooling_)}},
                         {"last_epoch", {static_cast<double>(epoch_)}},
                         {"last_lr", last_lr_}});
}

void ReduceLROnPlateau::load_state_dict(const StateDict& dict, SourceLocation loc) {
  LocScope scope(loc, nullptr);
  const optim::Numbers n = optim::from_dict(dict,
                                            {{"best", {0}},
                                             {"num_bad_epochs", {0}},
                                             {"cooldown_counter", {0}},
                                             {"last_epoch", {0}},
                                             {"last_lr", last_lr_}},
                                            kName);
  const auto count = [&](const char* key) { return static_cast<std::int64_t>(n.at(key).front()); };
  best_ = n.at("best").front();
  bad_ = count("num_bad_epochs");
  cooling_ = count("cooldown_counter");
  epoch_ = count("last_epoch");
  last_lr_ = n.at("last_lr");
}

void save(const ReduceLROnPlateau& scheduler, const std::string& path, SourceLocation loc) {
  LocScope scope(loc, nullptr);
  optim::save_numbers(scheduler.state_dict(), kName, path);
}

void load(ReduceLROnPlateau& scheduler, const std::string& path, SourceLocation loc) {
  LocScope scope(loc, nullptr);
  scheduler.load_state_dict(optim::load_numbers(kName, path), loc);
}

}  // namespace lilith
