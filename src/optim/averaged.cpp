#include "lilith/optim/averaged.h"

#include "ops/half.h"
#include "transforms/settle.h"

namespace lilith::detail {

void average_into(ModelRef average, ConstModelRef model, const Tensor& rate, bool use_buffers) {
  std::vector<Tensor> from;
  for_each_slot(model, [&](Tensor& t, bool) { from.push_back(t); });
  std::size_t k = 0;
  for_each_slot(average, [&](Tensor& t, bool is_parameter) {
    LILITH_CHECK(k < from.size() && from[k].defined() == t.defined(),
                 "AveragedModel: the model has other parameters than the one it was made of");
    const Tensor& now = from[k++];
    if (!t.defined()) return;
    LILITH_CHECK(now.shape() == t.shape(), "AveragedModel: a tensor is {}, its average {}",
                 now.aval().str(), t.aval().str());
    if (!is_floating(t.dtype()) || !(is_parameter || use_buffers)) {
      t = now;
      return;
    }
    const Tensor wide = ops::widened(t);
    const Tensor step = rate.to(wide.dtype()).to(wide.device());
    t = ops::narrowed(wide + (ops::widened(now) - wide) * step, t.dtype());
  });
}

void settle(ConstModelRef model) {
  const ConstModelRef models[] = {model};
  ir::settle(models);
}

}  // namespace lilith::detail
