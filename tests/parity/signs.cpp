#include "parity/signs.h"

#include <string_view>

#include "lilith/ops.h"

namespace lilith::parity {
namespace {

// 1 or -1 for each column: [..., 1, n].
Tensor signs_of(const Tensor& columns, const Tensor& stored) {
  const Tensor products = sum(stop_gradient(columns) * stored.to(columns.device()), {-2}, true);
  return where(products < 0, Tensor(full_like(products, -1)), full_like(products, 1));
}

// The columns from `count` on, where they are several: any basis of the space that the stored ones
// span will do, and is turned into those.
void turn_behind(Tensor& columns, const Tensor& stored, std::int64_t count) {
  if (columns.size(-1) < count + 2) return;
  const Tensor behind = columns.slice(-1, count);
  const Tensor turn =
      matmul(transpose(stop_gradient(behind), -2, -1), stored.slice(-1, count).to(behind.device()));
  columns = cat({columns.slice(-1, 0, count), matmul(behind, turn)}, -1);
}

}  // namespace

void turn_signs(const Sample& sample, const GoldenFile& file, DType floating,
                std::vector<Tensor>& values) {
  const std::string_view op = sample.op;
  const auto stored = [&](std::size_t k) { return file.at(sample.outs.at(k)).tensor(floating); };
  const auto fits = [&](std::size_t k) {
    return k < values.size() && k < sample.outs.size() &&
           values[k].shape() == file.at(sample.outs[k]).shape && values[k].numel() > 0;
  };
  if ((op == "linalg.eigh" || op == "symeig") && fits(1))
    values[1] = values[1] * signs_of(values[1], stored(1));
  const bool adjoint = op == "linalg.svd";
  if (!adjoint && op != "svd" && op != "svd_lowrank" && op != "pca_lowrank") return;
  if (!fits(0) || !fits(2)) return;
  // Those that belong to a singular value turn together; what lies behind them turns alone.
  const Tensor u = signs_of(values[0], stored(0));
  const Tensor v = adjoint ? signs_of(transpose(values[2], -2, -1), transpose(stored(2), -2, -1))
                           : signs_of(values[2], stored(2));
  const auto count = values[1].size(-1);
  const Tensor both = v.size(-1) == count ? u.slice(-1, 0, count)
                                          : cat({u.slice(-1, 0, count), v.slice(-1, count)}, -1);
  values[0] = values[0] * u;
  values[2] = values[2] * (adjoint ? transpose(both, -2, -1) : both);
  if (op != "svd") return;
  turn_behind(values[0], stored(0), count);
  turn_behind(values[2], stored(2), count);
}

}  // namespace lilith::parity
