#pragma once
#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "optim/access.h"

// The models that an optimiser updates: which of them a call means, and the state of each.
namespace lilith::optim {

/// A parameter with its path; the tensor may be undefined.
using Slot = std::pair<std::string, Tensor*>;
/// Parameters in order, undefined ones too, with their paths.
std::vector<Slot> all_slots(ConstModelRef model);
/// Per slot the first that it is tied to; empty when nothing is tied.
std::vector<std::size_t> roots_of(const std::vector<Slot>& slots, bool writable);
/// One of each parameter: what is tied comes once.
std::vector<Slot> firsts(const std::vector<Slot>& slots, const std::vector<std::size_t>& roots);
std::vector<Slot> parameter_slots(ConstModelRef model);

/// Error, in the name of `op`, for a parameter that cannot be trained.
void check_trainable(const char* op, const std::string& path, const Tensor& param);
/// Error for a name in `ignore` that is no parameter of the model.
void check_ignored(const std::vector<std::string>& ignore, const std::vector<Slot>& params);
/// Whether a parameter is frozen or ignored.
bool stays(const Optimizer& opt, const UpdateOptions& options, const std::string& path);
/// Error for a group or a freeze that matches no parameter of the model, nor of those before.
void check_selections(const Optimizer& opt, const std::vector<Slot>& params);
/// "; the nearest is 'head'", by edit distance among the paths and what is above them; empty where
/// nothing is near.
std::string nearest_path(const std::string& name, const std::vector<std::string>& paths);

/// What an update works with.
struct UpdateCall {
  ConstModelRef model;
  std::string name;              // of the model; empty: it is found
  std::set<std::string> paths;   // those that are updated
  std::function<void()> settle;  // computes what is pending in model and gradients
};
/// The state of the model, ready for an update of `paths`: made where there is none, and with a
/// count of their own for parameters that this update leaves out. Inside a trace it is asked for by
/// RetraceAfter, and later calls of the program keep to it.
OptimizerAccess::Model& ready_state(Optimizer& opt, const UpdateCall& call,
                                    const std::vector<Slot>& params);

}  // namespace lilith::optim
