#pragma once
#include <string_view>
#include <utility>
#include <vector>

#include "passes/pipeline.h"

namespace lilith::passes {

/// Runs passes on a graph, one after another. One that had nothing to do is left out until the
/// graph has changed.
class PassRunner {
 public:
  explicit PassRunner(ir::Numbered g) : graph_(std::move(g)) {}
  void run(const Pass& pass);
  const ir::Numbered& graph() const { return graph_; }

 private:
  ir::Numbered graph_;
  std::vector<std::string_view> idle_;  // names of those that have nothing to do in it
};

}  // namespace lilith::passes
