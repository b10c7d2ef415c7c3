#pragma once
#include "lilith/lower.h"
