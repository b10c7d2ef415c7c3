#pragma once
#include <exception>

#include "lilith/graph_names.h"
#include "schedule/plan.h"

namespace lilith {

/// Runs a launch that is a function of the host, over the launch's buffers. What it throws is kept,
/// for other threads wait at barriers: its results are zeros then, as are those of calls after a
/// failure.
void run_host_call(const schedule::CallPlan& call, Loc loc, void* const* buffers,
                   std::exception_ptr* failure);
/// A thread's part of one that all threads of the team run.
void run_sort(const schedule::CallPlan& call, void* const* buffers, int thread, int num_threads);

/// Whether a graph, or a loop in it, calls the host.
bool has_calls(const Graph& g);
/// The graph with its calls on the host, their operands and results copied between: for devices
/// that run none. Loops of such a device that have some go step by step, where they can.
Graph calls_on_host(const Graph& g);

}  // namespace lilith
