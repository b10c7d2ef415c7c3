#pragma once
#include "schedule/kernel/backend.h"

namespace lilith::schedule {

/// A function of the host is one launch, of one thread (a sort of all): operands and results lie
/// row-major in memory. Results that nobody asks for have scratch memory.
Choice host_call_way(Builder& b, const HostCall& call);

}  // namespace lilith::schedule
