#pragma once
#include "lilith/hyper.h"

namespace lilith::driver {
/// A traced function read the number of a Hyper: the trace holds for that value alone.
void note_hyper_read(const Hyper& h);
}
