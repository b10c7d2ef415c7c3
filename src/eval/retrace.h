#pragma once
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "lilith/tensor.h"

namespace lilith::driver {

/// Thrown by library code inside a trace when something must be made real first (an optimiser's
/// state): compile puts the arguments back, runs `action`, and traces again. `objects` are those
/// that the action touches: they must be arguments of the compiled function, or the Error
/// `otherwise` is thrown.
struct RetraceAfter {
  std::vector<const void*> objects;
  std::function<void()> action;
  const char* otherwise;
};

/// What stood in this field of an argument before the trace that runs put its own tensor there;
/// undefined for other tensors, and outside of a trace.
Tensor before_trace(const Tensor& field);

/// Two objects that a trace has brought together (an optimiser and its model), so that later calls
/// of the program bring objects that belong together as well.
class CallRule {
 public:
  virtual ~CallRule();
  /// Whether the program is right for these. `fields`: those of the model that it assigns.
  virtual bool accepts(const void* owner, const void* model,
                       std::span<Tensor* const> fields) const = 0;
  /// The program has run, and the fields have their new values.
  virtual void ran(void* owner, const void* model, std::span<Tensor* const> fields) const = 0;
};
/// Calls of the program that is being traced keep to the rule, where the objects lie in arguments
/// that it may write. Does nothing outside of compile.
void bind_calls(const void* owner, const void* model, const std::vector<Tensor*>& fields,
                std::shared_ptr<const CallRule> rule);

}  // namespace lilith::driver
