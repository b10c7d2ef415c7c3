#include "passes/pass_runner.h"

#include <algorithm>

namespace lilith::passes {

void PassRunner::run(const Pass& pass) {
  if (std::ranges::find(idle_, pass.name) != idle_.end()) return;
  ir::Numbered next = run_pass(pass, graph_);
  if (next.is(graph_))
    idle_.push_back(pass.name);
  else
    idle_.clear();
  graph_ = std::move(next);
}

}  // namespace lilith::passes
