#include "ir/stages.h"

#include "core/dump.h"

namespace lilith::ir {

thread_local StageObserver* StageObserver::current = nullptr;

StageObserver::StageObserver() : outer_(current) { current = this; }
StageObserver::~StageObserver() { current = outer_; }

bool stages_observed() { return StageObserver::current != nullptr || dump::on(); }

void show_stage(std::string_view stage, const Graph& g) {
  if (StageObserver::current)
    StageObserver::current->graph(stage, g);
  else if (dump::on())
    dump::write(stage, g.str());
}

}  // namespace lilith::ir
