#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "ir/op_registry.h"
#include "ir/reference.h"
#include "lilith/kernel_ir.h"
#include "lilith/kernel_math.h"
#include "lilith/lower.h"
#include "lilith/op_def.h"

// What the definitions of a family share.
namespace lilith::ops {

/// A floating function of one operand: y = f(x) with dx = vjp(x, y, ct).
struct FloatUnary {
  const char* name;
  double (*reference)(double);
  kir::Expr (*lower)(kir::Expr);
  Tensor (*vjp)(const Tensor& x, const Tensor& y, const Tensor& ct);
  int cost = 20;
};
const OpDef& define(const FloatUnary& rule);

/// A function of one operand of any dtype that keeps the dtype.
struct AnyUnary {
  const char* name;
  double (*reference)(double);
  std::int64_t (*reference_int)(std::int64_t);
  kir::Expr (*lower)(kir::Expr);
  Tensor (*vjp)(const Tensor& x, const Tensor& y, const Tensor& ct);
};
const OpDef& define(const AnyUnary& rule);

/// A function of two operands of equal avals that keeps the aval. Without a reference for floats or
/// for integers it refuses such operands.
struct Binary {
  const char* name;
  double (*reference)(double, double);
  std::int64_t (*reference_int)(std::int64_t, std::int64_t);
  kir::Expr (*lower)(kir::Expr, kir::Expr);
  std::vector<Tensor> (*vjp)(const VjpCtx& c, const Tensor& ct);
  const char* no_vjp_reason = "";
  int cost = 1;
};
const OpDef& define(const Binary& rule);

/// A comparison: two operands of equal avals to bool.
struct Compare {
  const char* name;
  bool (*reference)(double, double);
  bool (*reference_int)(std::int64_t, std::int64_t);
  kir::Expr (*lower)(kir::Expr, kir::Expr);
};
const OpDef& define(const Compare& rule);

/// Runs over the row-major indices of a shape; `k` counts them.
template <class F>
void for_each_index(const Shape& shape, F&& f) {
  const std::int64_t n = shape.numel();
  std::vector<std::int64_t> at(shape.size(), 0);
  for (std::int64_t k = 0; k < n; ++k) {
    f(at, k);
    for (int d = shape.rank() - 1; d >= 0 && ++at[static_cast<std::size_t>(d)] == shape[d]; --d) {
      at[static_cast<std::size_t>(d)] = 0;
    }
  }
}
std::int64_t linear_index(const Shape& shape, const std::vector<std::int64_t>& at);
/// out[k] = x[j], of one dtype.
void copy_element(RefTensor& out, std::int64_t k, const RefTensor& x, std::int64_t j);
void fill_element(RefTensor& out, std::int64_t k, double value);

/// Checks of infer rules; the message names the op and shows the avals.
std::string describe(const InferCtx& c);
/// Attr `key` with one entry per dimension. Error otherwise.
const std::vector<std::int64_t>& ints_per_dim(const InferCtx& c, std::string_view key, int rank);

/// Attr "device" (of iota and copy_to): the host where there is none.
Device device_of(const Attrs& attrs);

kir::Expr cast_expr(kir::Pool& pool, kir::Expr x, DType dtype);

}  // namespace lilith::ops
