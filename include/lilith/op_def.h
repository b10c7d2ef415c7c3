#pragma once
#include <functional>
#include <optional>
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
struct CallCtx;   // src/ir/host_call.h

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
  /// Of an op with several results: their cotangents, undefined where none flows.
  std::vector<Tensor> cts = {};
};

/// What a batching rule sees: one example's op, and operands of which some hold `size` examples as
/// dimension 0.
struct BatchCtx {
  std::string_view op;
  std::vector<Tensor> in;
  std::vector<bool> batched;  // at least one is
  std::int64_t size;
  const Attrs& attrs;
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
  Loop,         // runs the bodies that its attributes hold; has several results
  Get,          // one of those results, by attr "index"
  Sort,         // puts rows in order: a function of the host that all threads run
  Call,         // a function of the host, of whole values; may have several results
};

/// What the elements of a Reduction are combined by; ArgMax and ArgMin: the index of the first of
/// the largest or smallest along one axis. Bools: Sum and Max are "or", Prod and Min are "and".
enum class Combination : std::uint8_t { None, Sum, Prod, Max, Min, ArgMax, ArgMin };

/// How far one step of a loop moves an index: by `step` in dimension `dim`; -1: not at all.
struct AxisStep {
  int dim = -1;
  std::int64_t step = 1;
};
/// One loop of a Contraction: out[…] = the sum over the axes that do not move `out` of lhs[…]
/// rhs[…]. A batch axis moves all three, a row axis lhs and out, a column axis rhs and out.
struct ContractionAxis {
  std::string name;  // as kernels and schedules are printed
  std::int64_t extent = 1;
  AxisStep lhs, rhs, out;
};

/// How the attributes of an op speak of dimensions, where its result has those of its operands in
/// their order: what a transpose that goes around the op, or a dimension added to both, changes.
struct DimAttrs {
  std::vector<std::string> each = {};  // lists with an entry for each dimension
  std::string one = {};                // a dimension
  std::string some = {};               // a list of dimensions, sorted
  /// Sizes, one a dimension, by which values that the op takes or gives are numbered row-major:
  /// dimensions wider than 1 must keep their order.
  std::string numbered = {};
};

/// Where an op's result is zero whatever its operands are.
enum class Zeros : std::uint8_t {
  None,
  Around,   // pad: outside of the operand and between its elements, where attr "value" is 0
  Beside,   // unpool: in each window all but the element that was chosen
  AsChosen  // select: where the operand that the condition takes is
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

  // ---- What passes and schedules ask instead of its name. ----
  /// Every Reduction has one.
  Combination combine = Combination::None;
  /// The loops of a Contraction without padding and lhs dilation, in an order that depends on its
  /// attributes alone; every Contraction has it.
  std::function<std::vector<ContractionAxis>(const Attrs&, const Shape& lhs, const Shape& rhs,
                                             const Shape& out)>
      axes;
  /// Every Window and Scatter, and views that commute with transposes. Elementwise ops have no
  /// attributes that speak of dimensions and need none.
  std::optional<DimAttrs> dims = {};
  Zeros zeros = Zeros::None;
  /// Integers that the result's stay below (-1 for "none" apart), where the attributes bound them.
  std::function<std::int64_t(const Attrs&)> below;
  /// The operand that holds indices into dimension "axis" of the first; 0: none.
  int index_operand = 0;
  /// Every Loop, and a Call with several results: the avals of its results. The node's own aval
  /// stands for all of them; nodes of the op "get" are their values.
  std::function<std::vector<Aval>(const InferCtx&)> results;
  /// vmap's rule: the results for all examples, each with the batch as dimension 0.
  std::function<std::vector<Tensor>(const BatchCtx&)> batch;
  /// Every Call and Sort: computes its results from its operands, all row-major on the host.
  std::function<void(CallCtx&)> call;
  /// Every Sort: bytes that its call needs beside its operands and results.
  std::function<std::int64_t(const InferCtx&)> scratch;
};

/// Registers an op under its name; the returned definition lives for ever. Error when the name is
/// taken, infer or lower or what its class needs is missing, there is neither a vjp nor a reason,
/// or the class is neither Elementwise nor View: the schedules of the others know their ops.
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
