#pragma once
#include <string>
#include <vector>

#include "eval/program.h"
#include "schedule/plan.h"
#include "schedule/target.h"

namespace lilith {

/// How a program comes to be, and what it is: all that explain_html shows.
struct ProgramRecord {
  struct Stage {
    std::string name;  // "asked", then passes that changed it, "prepared" last
    Graph graph;
  };
  std::string title;
  std::vector<Stage> stages;
  schedule::Plan plan;     // of the last stage, with the kernels' code
  std::vector<double> ms;  // the best time of each launch; empty: none was taken
  schedule::Target target;
};

/// Makes the plan of `program` from the graph that was asked for once more, and notes each stage.
/// Before it, where there is one, the program that checks indices first; of a program on several
/// devices one record a part. Nothing is compiled.
std::vector<ProgramRecord> record_program(const std::string& title, const Graph& asked,
                                          const Program& program);

}  // namespace lilith
