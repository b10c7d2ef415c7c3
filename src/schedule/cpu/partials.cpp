#include "schedule/cpu/partials.h"

#include "schedule/kernel/reduction.h"

namespace lilith::schedule {

using kir::Expr;

Expr Partials::place(Expr copy, Expr element) const {
  return copy * copy.pool().integer(elements) + element;
}

Expr Partials::combined(kir::Combine how, Expr element) const {
  kir::Pool& pool = element.pool();
  Expr sum = pool.load(buffer, dtype, element);
  for (std::int64_t p = 1; p < copies; ++p)
    sum = combine(how, sum, pool.load(buffer, dtype, element + pool.integer(p * elements)));
  return sum;
}

Partials add_partials(Builder& b, Lowerer* lower, DType dtype, std::int64_t elements,
                      std::int64_t copies) {
  const int scratch = b.add_scratch("partial", dtype, elements * copies);
  return {lower->written_param(scratch), dtype, elements, copies};
}

}  // namespace lilith::schedule
