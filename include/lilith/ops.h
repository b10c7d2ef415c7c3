#pragma once
// Every function on tensors. Names, argument order and defaults are PyTorch's. Operands are taken
// by `const Arg&`: tensors or weak numbers; they broadcast and promote as PyTorch's result_type
// says. A dimension may be negative and then counts from the end. An undefined Tensor stands for
// None.
#include "lilith/ops/activation.h"
#include "lilith/ops/aliases.h"
#include "lilith/ops/create.h"
#include "lilith/ops/decompositions.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/fft.h"
#include "lilith/ops/index.h"
#include "lilith/ops/keywords.h"
#include "lilith/ops/linalg.h"
#include "lilith/ops/loss.h"
#include "lilith/ops/masked.h"
#include "lilith/ops/nn.h"
#include "lilith/ops/random.h"
#include "lilith/ops/reduce.h"
#include "lilith/ops/sampling.h"
#include "lilith/ops/scatter.h"
#include "lilith/ops/shape.h"
#include "lilith/ops/sorting.h"
#include "lilith/ops/spatial.h"
#include "lilith/ops/special.h"
