#pragma once
#include <optional>
#include <vector>

#include "core/bytes.h"
#include "schedule/plan.h"
#include "schedule/rewrite/index_checks.h"

// Plans as bytes, for the next process: all but the kernels. Lines are told by their sites (Loc):
// they are those of the graph at hand.
namespace lilith {

void write(ByteWriter& out, Device device);
/// None for one that is not there.
std::optional<Device> read_device(ByteReader& in);

void write(ByteWriter& out, const schedule::Plan& plan);
void write(ByteWriter& out, const std::vector<schedule::IndexCheck>& checks);

/// lines: by site, of the graph that has the plan's structure.
schedule::Plan read_plan(ByteReader& in, const std::vector<Loc>& lines);
std::vector<schedule::IndexCheck> read_checks(ByteReader& in, const std::vector<Loc>& lines);

}  // namespace lilith
