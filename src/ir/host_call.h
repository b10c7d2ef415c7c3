#pragma once
#include <span>
#include <stdexcept>
#include <vector>

#include "lilith/attrs.h"
#include "lilith/aval.h"
#include "lilith/error.h"
#include "lilith/op_def.h"

namespace lilith {

/// What the function of an op of class Call (or Sort) sees: whole values, row-major, in the host's
/// memory. A Call's runs on one thread of the team, once, a Sort's on all of them; it throws
/// CallError where a value cannot be (a singular matrix), which ends the run. The reference
/// interpreter gives it f64 in place of other floats.
struct CallCtx {
  const Attrs& attrs;
  std::span<const Aval> in_avals;
  std::span<const void* const> in;
  std::span<const Aval> out_avals;
  std::span<void* const> out;
  // Of an op of class Sort, which all threads of the team run: scratch memory of all, and whose
  // part this is. They meet at the barrier.
  void* scratch = nullptr;
  int thread = 0, num_threads = 1;
  void (*barrier)() = nullptr;

  template <class T>
  const T* input(std::size_t k) const {
    return static_cast<const T*>(in[k]);
  }
  template <class T>
  T* output(std::size_t k) const {
    return static_cast<T*>(out[k]);
  }
};

/// Thrown by such a function: the text alone. The user reads "op: text" and the line.
class CallError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

namespace ir {

/// Whether a launch of the op is a function of the host.
inline bool is_host_function(const OpDef& op) {
  return op.cls == OpClass::Call || op.cls == OpClass::Sort;
}

/// Runs a Call; a CallError comes out as the Error of the op at `loc`.
void run_call(const OpDef& op, CallCtx& ctx, Loc loc);
/// The reference of a Call that has none of its own: the function itself, in f64.
void call_reference(const OpDef& op, RefCtx& ctx);

/// The aval of a node that stands for several results.
Aval aval_of_all(const InferCtx& c);
/// The results of a Call: of the node itself, or a "get" for each.
std::vector<Tensor> apply_call(const OpDef& op, std::vector<Tensor> inputs, Attrs attrs = {});
/// The results of a node that has several, for its vjp rule.
std::vector<Tensor> results_of(const Tensor& call);

}  // namespace ir
}  // namespace lilith
