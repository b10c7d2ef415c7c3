#pragma once
#include <string>

#include "io/contents.h"

namespace lilith::io {

/// Opens a file of weights, the format found by what it holds; a folder or an index of shards
/// stands for the shards. Errors: files of other formats, by what they are; broken ones.
Contents open_contents(const std::string& path);

}  // namespace lilith::io
