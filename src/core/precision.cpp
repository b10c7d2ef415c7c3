#include "lilith/precision.h"

#include <atomic>

namespace lilith {
namespace {

std::atomic<Precision> current{Precision::high};

}  // namespace

void set_precision(Precision precision) { current = precision; }
Precision precision() { return current; }

}  // namespace lilith
