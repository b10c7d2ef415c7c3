#include <numeric>
#include <set>

#include "ir/node.h"
#include "ir/one_device.h"
#include "lilith/ops.h"
#include "lilith/transforms.h"
#include "transforms/differentiation.h"
#include "transforms/markers.h"
#include "transforms/vjp.h"

namespace lilith {
namespace detail {

// The vjp is linear in the cotangent u: its own vjp, given the tangents, is the jvp, and u
// vanishes.
void push_forward(ConstModelRef outputs, const std::vector<Tensor>& slots, ConstModelRef tangents,
                  ModelRef derivatives) {
  std::vector<Tensor> given;
  for_each_slot(tangents, [&](Tensor& t, bool is_parameter) {
    if (is_parameter) given.push_back(t);
  });
  LILITH_CHECK(given.size() == slots.size(),
               "jvp: the arguments have {} parameters, the tangent {}", slots.size(), given.size());
  std::vector<Tensor> ys, us;
  for (const Tensor& y : all_tensors(outputs)) {
    if (!y.defined() || !is_floating(y.dtype())) continue;
    ys.push_back(y);
    us.push_back(ir::make_alias(zeros_like(y)));
  }
  ir::add_placeholders(us);
  const std::vector<Tensor> gradients = backpropagate(ys, us, slots, "jvp");
  std::vector<Tensor> through, seeds;
  std::set<const ir::NodeImpl*> seen;  // tied parameters are one
  for (std::size_t k = 0; k < slots.size(); ++k) {
    if (!gradients[k].defined() || !given[k].defined()) continue;
    if (!seen.insert(slots[k].node()).second) continue;
    LILITH_CHECK(given[k].aval() == slots[k].aval(),
                 "jvp: a tangent is {}, its argument {}; need the same",
                 ir::placed_text(given[k].aval()), ir::placed_text(slots[k].aval()));
    through.push_back(gradients[k]);
    seeds.push_back(given[k]);
  }
  const std::vector<Tensor> tangent_of = backpropagate(through, seeds, us, "jvp");
  std::size_t next = 0;
  for_each_slot(derivatives, [&](Tensor& t, bool) {
    if (!t.defined()) return;
    if (!is_floating(t.dtype())) {
      t = Tensor();
      return;
    }
    const Tensor& d = tangent_of[next++];
    t = d.defined() ? d : zeros_like(t);
  });
}

}  // namespace detail

}  // namespace lilith
