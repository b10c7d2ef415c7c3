#include "eval/lazy.h"
#include "ir/node.h"
#include "lilith/compile.h"

namespace lilith {
namespace {

struct Collect final : Visitor {
  std::vector<Tensor> tensors;
  void parameter(Tensor& t) override {
    if (!t.defined()) return;
    if (t.node()->op == &ir::constant_op()) driver::make_real(t);
    else if (!t.node()->storage) tensors.push_back(t);
  }
  void buffer(Buffer& t) override { parameter(t); }
};

}  // namespace

bool tracing() { return ir::trace_depth() > 0; }

namespace detail {

void eval_models(const ModelRef* models, std::size_t n) {
  LILITH_CHECK(!tracing(), "eval: called while a function is traced; values are not known there");
  Collect collect;
  for (std::size_t i = 0; i < n; ++i) models[i].visit(collect);
  driver::evaluate(collect.tensors);
}

void eval_pending_models(const ModelRef* models, std::size_t n) {
  if (!tracing()) eval_models(models, n);
}

}  // namespace detail
}  // namespace lilith
