#pragma once
#include <string_view>

#include "lilith/graph_names.h"

// The graphs that a program's graph was on its way: what LILITH_DUMP writes and explain_html shows.
namespace lilith::ir {

/// While it lives, it is shown the stages of what this thread compiles, in place of an observer
/// before it and of LILITH_DUMP's folder.
class StageObserver {
 public:
  StageObserver();
  virtual ~StageObserver();
  StageObserver(const StageObserver&) = delete;
  virtual void graph(std::string_view stage, const Graph& g) = 0;

 private:
  friend bool stages_observed();
  friend void show_stage(std::string_view stage, const Graph& g);
  static thread_local StageObserver* current;
  StageObserver* outer_;
};

/// Whether anybody looks: without, a stage need not be shown.
bool stages_observed();
/// A pass, or what comes after all of them, has made this graph.
void show_stage(std::string_view stage, const Graph& g);

}  // namespace lilith::ir
