#pragma once
#include <memory>

#include "kernel_ir/kernel.h"

namespace lilith::testing {

/// A copy of a block without its barrier number *n; *n is counted down.
inline kir::Block without_barrier(const kir::Block& block, int* n) {
  kir::Block out;
  for (kir::Stmt s : block) {
    if (s.kind == kir::Stmt::Kind::Barrier && (*n)-- == 0) continue;
    for (auto* body :
         {&s.loop.body, &s.while_loop.body, &s.branch.then_body, &s.branch.else_body}) {
      if (*body) *body = std::make_shared<kir::Block>(without_barrier(**body, n));
    }
    out.push_back(std::move(s));
  }
  return out;
}

/// Calls f with the kernel without each of its barriers in turn, and the barrier's number.
template <class F>
void without_each_barrier(const kir::Kernel& kernel, F&& f) {
  for (int n = 0;; ++n) {
    kir::Kernel k = kernel;
    int left = n;
    k.body = without_barrier(kernel.body, &left);
    if (left >= 0) return;  // there are no more
    f(k, n);
  }
}

}  // namespace lilith::testing
