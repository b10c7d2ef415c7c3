#pragma once
#include <string>

#include "lilith/device.h"

namespace lilith::cli {

/// "cpu", "cuda", "cuda:1", "opencl:0", or "best". Error, listing the devices there are, for
/// others.
Device parse_device(const std::string& text);

}  // namespace lilith::cli
