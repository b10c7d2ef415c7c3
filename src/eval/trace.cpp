#include "eval/trace.h"

namespace lilith::driver {

void note_hyper_read(const Hyper&) {}

}  // namespace lilith::driver
