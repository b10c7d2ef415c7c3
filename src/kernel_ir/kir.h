#pragma once
#include "lilith/kernel_ir.h"
