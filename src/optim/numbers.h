#pragma once
#include <map>
#include <string>
#include <vector>

#include "lilith/optim/optimizer.h"

// The state of schedulers: named lists of numbers, as f64 tensors in dicts and files.
namespace lilith::optim {

using Numbers = std::map<std::string, std::vector<double>>;

StateDict to_dict(const Numbers& numbers);
/// The numbers of a dict that has the keys and sizes of `like`. Error, in the name of `what`, when
/// it has others.
Numbers from_dict(const StateDict& dict, const Numbers& like, const std::string& what);
/// A file of them, with the scheduler's name.
void save_numbers(const StateDict& dict, const std::string& name, const std::string& path);
StateDict load_numbers(const std::string& name, const std::string& path);

/// The rates of all groups.
std::vector<double> rates(const Optimizer& opt);
/// "momentum" of a group, or "beta1". Error when there is neither.
Hyper& cycled_momentum(Optimizer& opt, std::size_t group);

}  // namespace lilith::optim
