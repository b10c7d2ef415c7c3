#include "parity/orders.h"

#include <string_view>

#include "lilith/ops.h"

namespace lilith::parity {
namespace {

// Our values are sorted; the stored ones come in the order of a hash table.
void order_unique(const Call& call, const Tensor& stored, std::vector<Tensor>& values) {
  const Tensor place = searchsorted(values[0], stored);
  const Tensor at = minimum(place, full_like(place, stored.numel() - 1));
  std::size_t next = 1;
  values[0] = gather(values[0], 0, at);
  if (call.flag(2, "return_inverse", false)) {
    const Tensor back = argsort(at);
    Tensor& inverse = values[next++];
    inverse = reshape(gather(back, 0, reshape(inverse, {inverse.numel()})), inverse.shape());
  }
  if (call.flag(3, "return_counts", false)) values[next] = gather(values[next], 0, at);
}

// Places [...] of a row's elements are as stored where the elements are equal and the row names
// each place once.
void name_equals(const Tensor& x, int dim, bool has_dim, const Tensor& stored, Tensor& places) {
  const auto values_at = [&](const Tensor& at) {
    return gather(x, dim, has_dim ? at : unsqueeze(at, dim));
  };
  Tensor same = values_at(stored) == values_at(places);
  if (!has_dim) {
    same = squeeze(same, dim);
  } else if (const auto n = places.size(dim); n > 1) {
    const Tensor in_order = sort(places, dim).values;
    const Tensor twice = in_order.narrow(dim, 1, n - 1) == in_order.narrow(dim, 0, n - 1);
    same = logical_and(same, logical_not(any(twice, dim, true)));
  }
  places = where(same, stored, places);
}

}  // namespace

void put_in_order(const Sample& sample, const Call& call, const GoldenFile& file,
                  std::vector<Tensor>& values) {
  const std::string_view op = sample.op;
  if (values.size() != sample.outs.size() || values.empty()) return;
  const auto stored = [&](std::size_t k) {
    return file.at(sample.outs[k]).tensor(call.floating());
  };
  const auto fits = [&](std::size_t k) {
    return values[k].shape() == file.at(sample.outs[k]).shape && values[k].numel() > 0;
  };
  if (op == "unique" && !call.flag(1, "sorted", true) && !call.has(-1, "dim") && fits(0))
    order_unique(call, stored(0), values);
  const bool ranks = op == "topk" || op == "kthvalue" || op == "mode" || op == "median";
  if (!ranks || values.size() != 2 || !fits(1) || call.tensor(0).ndim() == 0) return;
  const bool counted = op == "topk" || op == "kthvalue";
  const int dim = static_cast<int>(call.integer(counted ? 2 : 1, "dim", -1));
  const bool keepdim = op == "topk" || call.flag(counted ? 3 : 2, "keepdim", false);
  name_equals(call.tensor(0), dim, keepdim, stored(1), values[1]);
}

}  // namespace lilith::parity
