#pragma once
#include "lilith/graph_names.h"
#include "schedule/options.h"
#include "schedule/plan.h"

namespace lilith::schedule {

/// Whether LILITH_DUMP_PLANS names a folder.
bool records_plans();
/// Leaves the plan of `g` in the folder of LILITH_DUMP_PLANS as PROGRAM-CONTENT.txt, two hashes: of
/// the program that was asked for (dump::Asked) and of what the plan says. Equal plans of a program
/// are one file, whoever writes it first: tools/kernel_diff compares the folders of two builds.
/// Lines that begin with '|' are for people and not part of the content.
void record_plan(const Graph& g, const PlanOptions& options, const Plan& plan);

}  // namespace lilith::schedule
