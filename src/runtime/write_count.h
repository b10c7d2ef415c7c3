#pragma once
#include <cstdint>

#include "runtime/storage.h"

namespace lilith::runtime {

/// Before memory of the host that others may have read is written to again: what was made of its
/// contents is no longer up to date.
void note_write(const Storage& storage);
/// How often that happened so far. Some blocks share a count: one that has grown says little, one
/// that has not that nothing was written.
std::uint64_t write_count(const Storage& storage);

}  // namespace lilith::runtime
