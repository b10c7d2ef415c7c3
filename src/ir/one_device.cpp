#include "ir/one_device.h"

#include <algorithm>

#include "ir/host_copy.h"
#include "ir/node.h"

namespace lilith::ir {
namespace {

bool brings_into_form(const OpDef* op) {
  const std::string_view name = op->name;
  return name == "broadcast" || name == "reshape" || name == "transpose" || name == "cast";
}

// What the user gave: ops bring operands into a form of their own first.
const NodeImpl* given(const Tensor& x) {
  const NodeImpl* node = x.node();
  const std::string here = LocScope::current().str();
  while (brings_into_form(node->op) && node->loc.str() == here) node = node->inputs[0];
  return node;
}

std::string where(const Tensor& x) {
  const NodeImpl* node = given(x);
  const std::string line = node->loc.str();
  return fmt::format("{} on {}{}", node->aval.str(), x.device().str(),
                     line.empty() ? "" : ", of " + line);
}

bool goes_along(const Tensor& x) { return x.ndim() == 0 && x.device() == cpu(); }

}  // namespace

std::string placed_text(const Aval& aval) {
  return aval.str() + (aval.device == cpu() ? "" : " on " + aval.device.str());
}

Tensor on_device(const Tensor& x, Device device) {
  if (x.device() == device) return x;
  if (x.node()->op == &constant_op()) {
    const Aval aval{.shape = x.shape(), .dtype = x.dtype(), .device = device};
    return make_constant(number_of(*x.node()), aval);
  }
  return apply("copy_to", {x}, {{"device", device.str()}});
}

void bring_together(std::string_view op, std::span<Tensor> operands) {
  const auto elsewhere = [&](const Tensor& x) { return x.device() != operands[0].device(); };
  if (std::ranges::none_of(operands, elsewhere)) return;
  const auto first = std::ranges::find_if_not(operands, goes_along);
  const Device device = first->device();
  for (Tensor& x : operands) {
    if (x.device() == device) continue;
    LILITH_CHECK(goes_along(x),
                 "{}: operands on two devices: {}; and {}; move one with x.to(device)", op,
                 where(*first), where(x));
    x = on_device(x, device);
  }
}

}  // namespace lilith::ir
