#pragma once
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "optim/access.h"

// Which of the models that an optimiser has updated a call brings. Tensors are values and models
// are structs that move, so there is no object to ask: a model is known by the memory of what was
// assigned to its parameters last, by its address, and by what became of that memory.
namespace lilith::optim {

/// A parameter as an update finds it: inside a trace, as it was before.
struct Seen {
  std::string path;
  Tensor value;
};

/// The number of the model's state, or nothing where it is one more model. `settle` computes what
/// is pending and may hold memory of before; it is called where that matters. Error where several
/// answers are right.
std::optional<std::size_t> find_model(const Optimizer& opt, const void* address,
                                      const std::vector<Seen>& params,
                                      const std::function<void()>& settle);
/// Whether this is certainly model k: at its address with its tensors. Allocates nothing.
bool is_surely(const OptimizerAccess::Model& model, const void* address, const Tensor& first);
/// Notes what an update assigned. Allocates nothing when nobody holds what was there before.
void note_update(OptimizerAccess::Model& model, const void* address,
                 std::span<Tensor* const> assigned);
/// Error for a parameter whose state this model has under another path.
void check_paths(const OptimizerAccess::Model& model, const std::set<std::string>& paths,
                 const std::vector<Seen>& params);

}  // namespace lilith::optim
