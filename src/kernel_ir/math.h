#pragma once
#include "lilith/kernel_math.h"
