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
  if (!fits(0) || !fits(2) || values[0].size(-1) != values[2].size(adjoint ? -2 : -1)) return;
  const Tensor signs = signs_of(values[0], stored(0));
  values[0] = values[0] * signs;
  values[2] = values[2] * (adjoint ? transpose(signs, -2, -1) : signs);
}

}  // namespace lilith::parity
