#pragma once
#include <cstdint>

#include "schedule/kernel/contraction_spec.h"

// What varies is taken for one of few sizes where the form of a kernel is decided, so that programs
// of other sizes come to the same forms.
namespace lilith::schedule {

/// 8 for up to 16, 64 for up to 256, 1024 for up to 4096, …; 1 for 1.
std::int64_t typical_extent(std::int64_t extent);
/// A product with such extents where they vary, and with strides and offsets that stand for many.
ContractionSpec typical(ContractionSpec spec);
/// The same where any varies; else the product as it is.
ContractionSpec typical_if_varying(const ContractionSpec& spec);
/// The same, but up to 16 are 16: for code that leaves out what lies beyond.
ContractionSpec typical_or_more(ContractionSpec spec);

}  // namespace lilith::schedule
