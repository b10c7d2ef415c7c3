#pragma once
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "lilith/attrs.h"
#include "lilith/tensor.h"

namespace lilith {

namespace kir {
class Expr;
}
struct LowerCtx;  // lilith/lower.h
struct RefCtx;    // src/ir/reference.h

/// What a shape rule sees. It returns the aval of the result and throws Error on misuse.
struct InferCtx {
  std::string_view op;
  std::span<const Aval> in;
  const Attrs& attrs;
};

/// What a vjp rule sees: the node's inputs and output as tensors (use them to build the gradient's
/// graph), and which inputs a gradient is wanted for.
struct VjpCtx {
  std::vector<Tensor> in;
  Tensor out;
  const Attrs& attrs;
  std::vector<bool> wanted;
};

/// How the scheduler treats an op.
enum class OpClass : std::uint8_t {
  Leaf,         // parameter, constant: has no computation
  Elementwise,  // out[i] = f(a[i], b[i], …): inputs all have the output's shape
  View,       // out[i] = in[map(i)] or a fill value: reshape, broadcast, slice, pad, iota, gather …
  Reduction,  // removes axes (attr "axes") by an associative combination
  Contraction,  // dot_general, conv_general: its own schedule
  Window,       // reduce_window: a small reduction at each output element
  Scatter,      // writes at computed places
  Marker,       // of a transform: seen through before a program is scheduled
};

/// All that Lilith knows of an op. Built-in and registered ops are the same kind of thing; printer,
/// parser, cse, fusion class and test tables derive from it.
struct OpDef {
  std::string name;
  int arity = 1;  // -1: any number of inputs
  OpClass cls = OpClass::Elementwise;
  /// Shape and dtype rule. Errors: Error for avals or attrs that the op does not take.
  std::function<Aval(const InferCtx&)> infer;
  /// Gradient rule: one tensor per input; an undefined tensor where no gradient flows (never a
  /// silent zero: only for inputs that are not differentiable, or not wanted).
  std::function<std::vector<Tensor>(const VjpCtx&, const Tensor& ct)> vjp;
  /// Why there is no vjp; shown in the error. Exactly one of vjp and no_vjp_reason is set.
  std::string no_vjp_reason;
  /// The value of one element of the output as a scalar expression over elements of the inputs
  /// (lilith/lower.h). Unset for classes that have a schedule of their own.
  std::function<kir::Expr(LowerCtx&)> lower;
  /// Computes the node in float64 / int64 on the host: the tests' oracle (src/ir/reference.h). A
  /// registered elementwise op without one is interpreted from `lower`.
  std::function<void(RefCtx&)> reference;
  /// Rough cost of one output element in flops, for fusion: 1 add … 20 transcendental.
  int cost = 1;
  /// False for ops that cse and folding must keep apart (barriers).
  bool pure = true;
};

/// Registers an op under its name; the returned definition lives for ever. Error when the name is
/// taken, infer or lower is missing, there is neither a vjp nor a reason, or the class is neither
/// Elementwise nor View: the schedules of the others know their ops.
const OpDef& register_op(OpDef def);
/// The op with that name, or nullptr.
const OpDef* find_op(std::string_view name);
/// Every op, sorted by name.
std::vector<const OpDef*> all_ops();

/// Adds a node: runs the op's shape rule on the inputs and returns its lazy result.
Tensor apply(const OpDef& op, std::vector<Tensor> inputs, Attrs attrs = {});
/// The same by name.
Tensor apply(std::string_view op, std::vector<Tensor> inputs, Attrs attrs = {});

}  // namespace lilith
