#include "ops/autocast.h"

#include <span>

#include "core/compute_dtype.h"
#include "ops/primitives.h"

namespace lilith::ops {
namespace {

bool takes_part(const Tensor& x) {
  return x.defined() && is_floating(x.dtype()) && x.dtype() != DType::F64;
}

template <class Operands, class Get>
void cast_to_widest(const Operands& operands, const Get& get) {
  if (!autocast_state()) return;
  std::optional<DType> widest;
  for (auto& each : operands) {
    const Tensor& x = get(each);
    if (x.defined() && x.dtype() == DType::F64) return;
    if (takes_part(x)) widest = widest ? promote_types(*widest, x.dtype()) : x.dtype();
  }
  for (auto& each : operands) {
    Tensor& x = get(each);
    if (takes_part(x)) x = make_cast(x, *widest);
  }
}

}  // namespace

Tensor lowered(const Tensor& x) {
  return autocast_state() && takes_part(x) ? make_cast(x, *autocast_state()) : x;
}
Arg lowered(const Arg& x) { return x.is_scalar() ? x : Arg(lowered(x.tensor())); }

DType lifted(DType dtype) { return autocast_state() ? compute_dtype(dtype) : dtype; }
Tensor lifted(const Tensor& x) { return x.defined() ? make_cast(x, lifted(x.dtype())) : x; }
Arg lifted(const Arg& x) { return x.is_scalar() ? x : Arg(lifted(x.tensor())); }

void meet(std::initializer_list<Tensor*> operands) {
  cast_to_widest(operands, [](Tensor* x) -> Tensor& { return *x; });
}
void meet(std::vector<Tensor>& operands) {
  cast_to_widest(std::span(operands), [](Tensor& x) -> Tensor& { return x; });
}

}  // namespace lilith::ops
