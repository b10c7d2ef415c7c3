#pragma once
// Optimisers and learning-rate schedules, as torch.optim names them.
#include "lilith/optim/algorithms.h"
#include "lilith/optim/averaged.h"
#include "lilith/optim/grad_scaler.h"
#include "lilith/optim/lbfgs.h"
#include "lilith/optim/newer.h"
#include "lilith/optim/optimizer.h"
#include "lilith/optim/plateau.h"
#include "lilith/optim/scheduler.h"
