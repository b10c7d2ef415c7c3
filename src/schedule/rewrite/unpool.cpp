#include <algorithm>
#include <array>

#include "ir/node.h"
#include "passes/rules.h"
#include "schedule/rewrite/rewrites.h"

//   select(%m, 0, unpool(%x, %i)), where %m tests what %i is the argmax of   ->
//   unpool(select(%n, 0, %x), %i), where %n tests the maxima: fewer elements, and what follows sees
//   an unpool
//   reduce_sum(unpool(%x, %i)) over every pooled dimension   ->   reduce_sum(%x)
namespace lilith::schedule {
namespace {

constexpr std::array kWindowKeys = {"window", "stride", "lo", "hi", "dilation"};

// A tensor of `aval` in place of one that holds the same constant everywhere; undefined for others.
Tensor uniform_like(const ir::NodeImpl* n, Aval aval) {
  const ir::NodeImpl* constant = passes::repeated_constant(n);
  if (!constant) return {};
  aval.dtype = constant->aval.dtype;
  return passes::constant_like(*constant, aval);
}

bool same_windows(const ir::NodeImpl* x, const ir::NodeImpl* y) {
  return std::all_of(kWindowKeys.begin(), kWindowKeys.end(),
                     [&](const char* key) { return x->attrs.ints(key) == y->attrs.ints(key); });
}

// A test of what a pooling read, at the places that it chose: the same test of what it gave.
Tensor test_of_winners(const ir::NodeImpl* mask, const ir::NodeImpl* unpool) {
  const ir::NodeImpl* argmax = unpool->inputs[1];
  if (argmax->op->name != "window_argmax" || !same_windows(argmax, unpool)) return {};
  if (mask->op->cls != OpClass::Elementwise || mask->inputs.size() != 2) return {};
  const Tensor read = argmax->input(0);
  Attrs window;
  for (const char* key : kWindowKeys) window.set(key, argmax->attrs.ints(key));
  const Tensor given = apply("reduce_window_max", {read}, window);
  std::vector<Tensor> inputs;
  for (const ir::NodeImpl* in : mask->inputs) {
    inputs.push_back(in == read.node() ? given : uniform_like(in, given.aval()));
    if (!inputs.back().defined()) return {};
  }
  return apply(*mask->op, inputs, mask->attrs);
}

}  // namespace

Tensor unpool_last(const Node& n, const std::vector<Tensor>& in) {
  const auto is_unpool = [](const Tensor& t) { return t.node()->op->name == "unpool"; };
  if (n.op_name() == "select") {
    for (const std::size_t k : {std::size_t{1}, std::size_t{2}}) {
      if (!is_unpool(in[k]) || !passes::is_zero(in[3 - k].node())) continue;
      const ir::NodeImpl* u = in[k].node();
      const Tensor test = test_of_winners(in[0].node(), u);
      if (!test.defined()) continue;
      const Tensor x = u->input(0), zero = uniform_like(in[3 - k].node(), x.aval());
      return apply(*u->op,
                   {apply("select", {test, k == 1 ? x : zero, k == 1 ? zero : x}), u->input(1)},
                   u->attrs);
    }
  }
  if (n.op_name() == "reduce_sum" && is_unpool(in[0])) {
    const ir::NodeImpl* u = in[0].node();
    const auto &axes = n.attrs().ints("axes"), &window = u->attrs.ints("window");
    for (std::size_t d = 0; d < window.size(); ++d) {
      const bool padded = u->attrs.ints("lo")[d] != 0 || u->attrs.ints("hi")[d] > 0;
      const bool summed =
          std::find(axes.begin(), axes.end(), static_cast<std::int64_t>(d)) != axes.end();
      const bool whole = window[d] == 1 && u->attrs.ints("stride")[d] == 1;
      if (padded || (!summed && !whole)) return {};
    }
    return apply(n.op(), {u->input(0)}, n.attrs());
  }
  return {};
}

}  // namespace lilith::schedule
