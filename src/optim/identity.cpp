#include "optim/identity.h"

#include <algorithm>

#include "ir/node.h"

namespace lilith::optim {
namespace {

using Access = OptimizerAccess;
using Model = OptimizerAccess::Model;

const Storage* memory_of(const Tensor& t) {
  return t.defined() ? t.node()->storage().get() : nullptr;
}

using Memories = std::set<const Storage*>;
Memories alive(const std::vector<std::weak_ptr<Storage>>& list) {
  Memories out;
  for (const std::weak_ptr<Storage>& w : list)
    if (const auto held = w.lock()) out.insert(held.get());
  return out;
}

// Parameters hold their memory, so that an equal address is the same memory.
bool any_of(const std::vector<std::weak_ptr<Storage>>& list, const std::vector<Seen>& params) {
  if (list.empty()) return false;
  const Memories memories = alive(list);
  return std::any_of(params.begin(), params.end(),
                     [&](const Seen& p) { return memories.count(memory_of(p.value)) != 0; });
}

/// What is left of what was last assigned to a model.
enum class Left { None, Some, All };
Left left_of(const Model& model) {
  const auto alive = std::count_if(model.latest.begin(), model.latest.end(),
                                   [](const auto& w) { return !w.expired(); });
  if (alive == 0) return Left::None;
  return static_cast<std::size_t>(alive) == model.latest.size() ? Left::All : Left::Some;
}

bool shares_a_path(const Model& model, const std::vector<Seen>& params) {
  return std::any_of(params.begin(), params.end(),
                     [&](const Seen& p) { return model.params.count(p.path) != 0; });
}

// The same paths, with state of the same shapes.
bool has_structure(const Model& model, const std::vector<Seen>& params) {
  std::size_t found = 0;
  for (const Seen& p : params) {
    const auto at = model.params.find(p.path);
    if (at == model.params.end()) return false;
    for (const auto& [name, t] : at->second.tensors)
      if (t.ndim() > 0 && !(t.shape() == p.value.shape())) return false;
    ++found;
  }
  return found == model.params.size();
}

bool is_numbered(const Model& model) {
  return std::all_of(model.name.begin(), model.name.end(),
                     [](char c) { return c >= '0' && c <= '9'; });
}

// Read from a file, and not met by a model yet.
bool waits(const Model& model) {
  return is_numbered(model) && model.address == nullptr && model.latest.empty() &&
         !model.params.empty();
}

[[noreturn]] void fail_to_tell(const Optimizer& opt, const std::string& why) {
  fail(
      "update: {} cannot tell which of its models this is: {}. Give each model a name in every "
      "update, {{.model = \"generator\"}} (without one they are \"0\", \"1\" … in the order of "
      "their first update), or an optimiser of its own.",
      opt.name(), why);
}

// Whether a parameter is computed from what was last assigned to the model, as far as its graph is
// there: until it is evaluated outside of grad.
bool is_made_of(const Model& model, const std::vector<Seen>& params) {
  const ir::GraphLock lock;
  const Memories latest = alive(model.latest);
  std::vector<const ir::NodeImpl*> todo;
  std::set<const ir::NodeImpl*> seen;
  for (const Seen& p : params)
    if (p.value.defined()) todo.push_back(p.value.node());
  while (!todo.empty()) {
    const ir::NodeImpl* node = todo.back();
    todo.pop_back();
    if (!seen.insert(node).second) continue;
    if (latest.count(node->storage().get()) != 0) return true;
    todo.insert(todo.end(), node->inputs.begin(), node->inputs.end());
  }
  return false;
}

class Finder {
 public:
  Finder(const Optimizer& opt, const void* address, const std::vector<Seen>& params,
         const std::function<void()>& settle)
      : opt_(opt), models_(Access::models(opt)), params_(params), settle_(settle) {
    for (std::size_t k = 0; k < models_.size(); ++k) {
      if (any_of(models_[k].latest, params)) by_memory_.push_back(k);
      if (models_[k].address == address && shares_a_path(models_[k], params)) by_place_ = k;
    }
  }

  std::optional<std::size_t> find() const {
    if (by_memory_.empty()) return by_place_ ? at_its_place(*by_place_) : elsewhere();
    const bool there = by_place_ && std::find(by_memory_.begin(), by_memory_.end(), *by_place_) !=
                                        by_memory_.end();
    if (there) return by_place_;
    if (by_memory_.size() > 1) fail_to_tell(opt_, "it has parameters of several of them");
    if (by_place_)
      fail_to_tell(opt_, "it stands where one of them stood and has the parameters of another");
    return by_memory_.front();
  }

 private:
  // Its tensors are new: it was loaded or changed by hand. Unless what it had is whole elsewhere,
  // and another model has come to its place.
  std::size_t at_its_place(std::size_t k) const {
    const Model& model = models_[k];
    if (left_of(model) != Left::All || any_of(model.older, params_) || is_made_of(model, params_))
      return k;
    settle_();
    if (left_of(model) == Left::All)
      fail_to_tell(opt_,
                   "every parameter was changed outside of update, and a copy of the model holds "
                   "what it had");
    return k;
  }

  std::optional<std::size_t> elsewhere() const {
    const Model& first = models_.front();
    if (models_.size() == 1 && first.params.empty() && first.address == nullptr) return 0;
    settle_();
    for (std::size_t k = 0; k < models_.size(); ++k) {
      if (!any_of(models_[k].older, params_)) continue;
      if (left_of(models_[k]) == Left::None) return k;
      fail_to_tell(opt_, "it is a copy of a model that has been updated since");
    }
    for (std::size_t k = 0; k < models_.size(); ++k)
      if (waits(models_[k]) && shares_a_path(models_[k], params_)) return k;
    for (const Model& model : models_)
      LILITH_CHECK(!waits(model),
                   "update: the loaded state is of other parameters ('{}'); the model has '{}'.",
                   model.params.begin()->first, params_.empty() ? "" : params_.front().path);
    std::optional<std::size_t> gone;
    for (std::size_t k = 0; k < models_.size(); ++k) {
      const Model& model = models_[k];
      if (!is_numbered(model) || !has_structure(model, params_)) continue;
      const bool only_prepared = model.latest.empty() && !model.claimed;
      if (!only_prepared && (model.latest.empty() || left_of(model) != Left::None)) continue;
      if (gone) fail_to_tell(opt_, "several of them are gone, and it is like all of these");
      gone = k;
    }
    if (!gone && first.params.empty() && first.address == nullptr) return 0;
    return gone;
  }

  const Optimizer& opt_;
  const std::vector<Model>& models_;
  const std::vector<Seen>& params_;
  const std::function<void()>& settle_;
  std::vector<std::size_t> by_memory_;
  std::optional<std::size_t> by_place_;
};

}  // namespace

std::optional<std::size_t> find_model(const Optimizer& opt, const void* address,
                                      const std::vector<Seen>& params,
                                      const std::function<void()>& settle) {
  return Finder(opt, address, params, settle).find();
}

bool is_surely(const Model& model, const void* address, const Tensor& first) {
  return model.address == address && !model.latest.empty() && memory_of(first) != nullptr &&
         model.latest.front().lock().get() == memory_of(first);
}

void note_update(Model& model, const void* address, std::span<Tensor* const> assigned) {
  const auto is_new = [&](const Storage* memory) {
    return std::none_of(assigned.begin(), assigned.end(),
                        [&](const Tensor* t) { return memory_of(*t) == memory; });
  };
  if (!model.latest.empty()) {
    const auto gone = std::remove_if(model.older.begin(), model.older.end(),
                                     [](const auto& w) { return w.expired(); });
    model.older.erase(gone, model.older.end());
    // One tensor of a copy is enough to know it by, and more are needless.
    for (const std::weak_ptr<Storage>& w : model.latest) {
      const auto held = w.lock();
      if (held == nullptr || !is_new(held.get())) continue;
      model.older.push_back(w);
      break;
    }
  }
  model.address = address;
  model.claimed = false;
  model.latest.resize(assigned.size());
  for (std::size_t i = 0; i < assigned.size(); ++i)
    model.latest[i] = assigned[i]->node()->storage();
}

void check_paths(const Model& model, const std::set<std::string>& paths,
                 const std::vector<Seen>& params) {
  const auto is_new = [&](const Seen& p) {
    return paths.count(p.path) != 0 && model.params.count(p.path) == 0;
  };
  if (model.latest.empty() || std::none_of(params.begin(), params.end(), is_new)) return;
  const Memories latest = alive(model.latest);
  for (const Seen& p : params)
    LILITH_CHECK(!is_new(p) || latest.count(memory_of(p.value)) == 0,
                 "update: '{}' was updated as another path of its model before. Give update the "
                 "same model each time, and leave parameters out by {{.ignore = …}}.",
                 p.path);
}

}  // namespace lilith::optim
