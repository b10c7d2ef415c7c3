#pragma once
#include <string>

#include "io/contents.h"
#include "io/selection.h"

namespace lilith::io {

/// Opens a file of weights, the format found by what it holds; a folder or an index of shards
/// stands for the shards, of which only those that hold what is selected have to be there. Errors:
/// files of other formats, by what they are; broken ones.
Contents open_contents(const std::string& path, const Selection& selection = {});

}  // namespace lilith::io
