#include "ir/node.h"
#include "lilith/compile.h"
#include "transforms/settle.h"

namespace lilith {
bool tracing() { return ir::trace_depth() > 0; }

namespace detail {

void eval_models(const ConstModelRef* models, std::size_t n, Loc loc) {
  const LocScope::Fallback line(loc);
  LILITH_CHECK(!tracing(), "eval: called while a function is traced; values are not known there");
  ir::settle({models, n});
}

void eval_pending_models(const ConstModelRef* models, std::size_t n) {
  if (!tracing()) eval_models(models, n);
}

}  // namespace detail
}  // namespace lilith
