#pragma once
#include <vector>

#include "lilith/graph_names.h"

// Batching, graph to graph. Before, of one example:      after (%x of 8 examples, %w of all):
//   %y = dot_general(%x, %w): f32[5]                         %y = dot_general(%xs, %w): f32[8,5]
//   %z = exp(%y): f32[5]                                     %z = exp(%y): f32[8,5]
namespace lilith::ir {

/// A value for all examples: with the batch as dimension 0, or one that they share.
struct ForAll {
  Tensor value;
  bool batched = false;
};
/// The value with the batch as dimension 0.
Tensor for_each_example(const ForAll& x, std::int64_t size);

/// What the outputs are for `size` examples, given what the placeholders are for all of them.
/// Outputs that depend on no batched placeholder are shared.
std::vector<ForAll> batch_between(const std::vector<Tensor>& outputs,
                                  const std::vector<Tensor>& placeholders,
                                  const std::vector<ForAll>& values, std::int64_t size);

/// While it lives a function of one example is traced: draws have a key of their own, which is made
/// for each example of one outside and of its index.
class ExampleScope {
 public:
  explicit ExampleScope(std::int64_t size);
  ~ExampleScope();
  ExampleScope(const ExampleScope&) = delete;
  /// Ends the scope; batch_between, with what the scope added to the placeholders.
  std::vector<ForAll> finish(const std::vector<Tensor>& outputs, std::vector<Tensor> placeholders,
                             std::vector<ForAll> values);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The rule of a view that a user registered without one.
std::vector<Tensor> batch_view(const OpDef& op, const BatchCtx& c);
/// The rules of the loops.
std::vector<Tensor> scan_batch(const BatchCtx& c);
std::vector<Tensor> while_batch(const BatchCtx& c);
std::vector<Tensor> cond_batch(const BatchCtx& c);

}  // namespace lilith::ir
