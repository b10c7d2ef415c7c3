#pragma once
#include <functional>
#include <string>
#include <vector>

#include "lilith/model.h"

namespace lilith {

/// Every tensor under every path: shared ones are entered each time.
struct SlotVisitor final : PathVisitor {
  std::vector<std::pair<std::string, Tensor*>> slots;
  void parameter(Tensor& t) override {
    if (t.defined()) slots.emplace_back(path(), &t);
  }
  void buffer(Buffer& t) override { parameter(t); }
  bool enter_shared(const void*) override { return true; }
};

/// A tensor that may be loaded: of a dict, or of a file, which is read where the model wants it.
struct StateEntry {
  std::string name;
  Aval aval;                     // known before it is read
  std::string refused;           // why it cannot be read, as a predicate; empty when it can
  std::function<Tensor()> read;  // Error when its data cannot be held
};

/// load_state_dict over entries; `op` starts the errors ("load: x.pt").
LoadReport load_entries(ModelRef m, const std::vector<StateEntry>& entries,
                        const LoadOptions& options);

/// The dict under its keys after prefix, strip and rename. Error for an option that matches
/// nothing; `op` starts it.
StateDict renamed(const StateDict& dict, const LoadOptions& options, const std::string& op);

/// What becomes of each name under prefix, strip and rename; empty: it is left out. `failures` gets
/// a line for each option that matches nothing.
std::vector<std::string> renamed_keys(const std::vector<StateEntry>& entries,
                                      const LoadOptions& options,
                                      std::vector<std::string>& failures);

}  // namespace lilith
