#pragma once
// All of Lilith; fmt/format.h so that fmt::print takes tensors.
#include <fmt/format.h>

#include "lilith/checkpoint.h"
#include "lilith/compile.h"
#include "lilith/data.h"
#include "lilith/devices.h"
#include "lilith/functional.h"
#include "lilith/graph.h"
#include "lilith/init.h"
#include "lilith/io.h"
#include "lilith/lower.h"
#include "lilith/memory.h"
#include "lilith/metrics.h"
#include "lilith/model.h"
#include "lilith/nn.h"
#include "lilith/ops.h"
#include "lilith/optim.h"
#include "lilith/plot.h"
#include "lilith/precision.h"
#include "lilith/runtime.h"
#include "lilith/train.h"
#include "lilith/transforms.h"
