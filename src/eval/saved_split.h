#pragma once
#include <optional>

#include "core/bytes.h"
#include "eval/split.h"

// The parts of a program as bytes, without their graphs.
namespace lilith {

/// False where it holds what is not written: a leaf that is no constant.
bool write(ByteWriter& out, const Split& split);
/// None for other bytes, or a device that is not there.
std::optional<Split> read_split(ByteReader& in);

}  // namespace lilith
