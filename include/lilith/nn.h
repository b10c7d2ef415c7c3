#pragma once
// Layers and losses as plain values: parameters have PyTorch's names, shapes and default
// initialisation.
#include "lilith/model.h"
#include "lilith/nn/activation.h"
#include "lilith/nn/attention.h"
#include "lilith/nn/containers.h"
#include "lilith/nn/conv.h"
#include "lilith/nn/linear.h"
#include "lilith/nn/loss.h"
#include "lilith/nn/norm.h"
#include "lilith/nn/pool.h"
#include "lilith/nn/quantized.h"
#include "lilith/nn/reparam.h"
#include "lilith/nn/rnn.h"
#include "lilith/nn/sequential.h"
#include "lilith/nn/shape.h"
