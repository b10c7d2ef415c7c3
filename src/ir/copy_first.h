#pragma once
#include "ir/reference.h"

namespace lilith::ir {

/// The reference of ops whose value is that of their first operand.
inline void copy_first(RefCtx& c) {
  c.out.f = c.in[0]->f;
  c.out.i = c.in[0]->i;
}

}  // namespace lilith::ir
