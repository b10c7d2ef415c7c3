#pragma once
#include <vector>

#include "lilith/data/dataset.h"

namespace lilith::data {

/// gather_rows of rows and columns that are known to be there.
std::vector<Tensor> gather_unchecked(const DataSource& source, const std::int64_t* rows,
                                     std::int64_t n, int columns);

}  // namespace lilith::data
