#include "train/mode_flags.h"

#include <algorithm>

namespace lilith::train {
namespace {

template <class F>
void for_each_flag(ModelRef model, F f) {
  visit_fields(model, [&](const std::string& path, bool& flag) {
    const auto dot = path.rfind('.');
    if (path.substr(dot == path.npos ? 0 : dot + 1) == "training") f(flag);
  });
}

}  // namespace

ModeFlags::ModeFlags(ModelRef model) : model_(model) {
  for_each_flag(model_, [&](bool& flag) { training_.push_back(flag); });
}

void ModeFlags::restore() const {
  std::size_t i = 0;
  for_each_flag(model_, [&](bool& flag) {
    if (i < training_.size()) flag = training_[i++];
  });
}

bool ModeFlags::all_off() const {
  return !training_.empty() &&
         std::none_of(training_.begin(), training_.end(), [](bool b) { return b; });
}

}  // namespace lilith::train
