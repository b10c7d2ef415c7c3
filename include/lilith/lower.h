#pragma once
#include <functional>
#include <span>
#include <vector>

#include "lilith/attrs.h"
#include "lilith/aval.h"
#include "lilith/kernel_ir.h"
#include "lilith/kernel_math.h"

namespace lilith {

/// What an op's `lower` sees: it returns the value of the output's element at `index` as an
/// expression over elements of its inputs. F16/BF16 tensors appear as F32 values.
struct LowerCtx {
  kir::Pool& pool;
  const Attrs& attrs;
  const Aval& out;
  std::span<const Aval> in;
  std::span<const kir::Expr> index;  // of the output: one I64 expression a dimension

  /// The element of input i at an index (one I64 expression per dimension of the input). Reads
  /// memory or, where the scheduler inlines the producer, its expression. Reads are valid only
  /// inside the input: guard what may lie outside (see guarded).
  std::function<kir::Expr(int i, std::vector<kir::Expr> at)> element;
  /// The element of input i at an index, or 0 where `inside` (Bool) is false, without reading
  /// there.
  std::function<kir::Expr(int i, std::vector<kir::Expr> at, kir::Expr inside)> guarded;

  /// Input i at the output's own index: what elementwise ops use.
  kir::Expr operator[](int i) const {
    return element(i, std::vector<kir::Expr>(index.begin(), index.end()));
  }
  kir::Expr integer(std::int64_t v) const { return pool.integer(v); }
};

}  // namespace lilith
