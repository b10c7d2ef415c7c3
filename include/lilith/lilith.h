#pragma once
// All of Lilith.
#include "lilith/compile.h"
#include "lilith/data.h"
#include "lilith/graph.h"
#include "lilith/init.h"
#include "lilith/io.h"
#include "lilith/memory.h"
#include "lilith/model.h"
#include "lilith/nn.h"
#include "lilith/ops.h"
#include "lilith/optim.h"
#include "lilith/plot.h"
#include "lilith/transforms.h"
