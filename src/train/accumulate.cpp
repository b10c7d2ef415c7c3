#include "lilith/ops/create.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/shape.h"
#include "lilith/train.h"
#include "ops/half.h"

// Gradients of several batches as one step's.
namespace lilith::detail {

void add_scaled(ModelRef sum, ConstModelRef gradients, const Tensor& part) {
  std::vector<Tensor> add;
  for_each_slot(gradients, [&](Tensor& t, bool is_parameter) {
    if (is_parameter) add.push_back(t);
  });
  std::size_t k = 0;
  for_each_slot(sum, [&](Tensor& t, bool is_parameter) {
    if (!is_parameter) return;
    const Tensor& g = add[k++];
    if (!g.defined()) return;
    const Tensor wide = ops::widened(g);
    const Tensor scaled = wide * part.to(wide.dtype()).to(wide.device());
    t = ops::narrowed(t.defined() ? ops::widened(t) + scaled : scaled, g.dtype());
  });
}

std::vector<Tensor> in_parts(
    const std::vector<Tensor>& batch, std::int64_t batch_size,
    const std::function<std::vector<Tensor>(const std::vector<Tensor>& rows, const Tensor& part)>&
        f) {
  const std::int64_t n = batch.at(0).size(0);
  std::vector<Tensor> means;
  for (std::int64_t from = 0; from < n; from += batch_size) {
    const std::int64_t to = std::min(from + batch_size, n);
    std::vector<Tensor> rows;
    for (const Tensor& t : batch) rows.push_back(slice(t, 0, from, to));
    const double part = static_cast<double>(to - from) / static_cast<double>(n);
    const std::vector<Tensor> scores = f(rows, tensor(part, {.dtype = DType::F64}));
    for (std::size_t i = 0; i < scores.size(); ++i) {
      const Tensor scaled = scores[i] * part;
      if (from == 0)
        means.push_back(scaled);
      else
        means[i] = means[i] + scaled;
    }
  }
  return means;
}

}  // namespace lilith::detail
