#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "lilith/attrs.h"
#include "lilith/aval.h"
#include "lilith/graph_names.h"

namespace lilith {

/// A tensor of the reference interpreter: floats as double, bool and integers as int64, row-major.
struct RefTensor {
  Aval aval;
  std::vector<double> f;                // when aval.dtype is floating
  std::vector<std::int64_t> i;          // otherwise
  std::vector<RefTensor> results = {};  // of a Loop
  explicit RefTensor(Aval a);
  bool floating() const { return is_floating(aval.dtype); }
  double get(std::int64_t k) const { return floating() ? f[k] : static_cast<double>(i[k]); }
  void set(std::int64_t k, double v);  // converts, saturating into the dtype's range for integers
  void set_int(std::int64_t k, std::int64_t v);  // wraps into the dtype's range
};

/// Computes a graph: of a Loop's bodies.
using RunBody = std::vector<RefTensor> (*)(const Graph& g, const std::vector<RefTensor>& inputs);

/// What an op's `reference` sees: fill `out` from `in`.
struct RefCtx {
  std::span<const RefTensor* const> in;
  RefTensor& out;
  const Attrs& attrs;
  RunBody run = nullptr;  // null: ir::interpret
};

namespace ir {
/// Interprets a graph in float64 / int64: slow, simple, the oracle of the tests. Values of f16 and
/// bf16 are rounded to their dtype, those of f32 are not.
std::vector<RefTensor> interpret(const Graph& g, const std::vector<RefTensor>& inputs);
/// The value of a leaf tensor, widened.
RefTensor to_reference(const Tensor& leaf);
}  // namespace ir

}  // namespace lilith
