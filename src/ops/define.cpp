#include "ops/define.h"

#include "core/compute_dtype.h"
#include "core/device_kinds.h"

#include <fmt/core.h>

namespace lilith::ops {
namespace {

Aval infer_floating(const InferCtx& c) {
  LILITH_CHECK(is_floating(c.in[0].dtype), "{}: got {}; need a floating dtype", c.op,
               c.in[0].str());
  return c.in[0];
}

void check_equal(const InferCtx& c) {
  for (std::size_t i = 1; i < c.in.size(); ++i) {
    LILITH_CHECK(c.in[i].shape == c.in[0].shape && c.in[i].dtype == c.in[0].dtype,
                 "{}: operands differ: {}; need equal shapes and dtypes", c.op, describe(c));
  }
}

}  // namespace

std::string describe(const InferCtx& c) {
  std::string out;
  for (const Aval& a : c.in) out += (out.empty() ? "" : ", ") + a.str();
  return out;
}

const std::vector<std::int64_t>& ints_per_dim(const InferCtx& c, std::string_view key, int rank) {
  const std::vector<std::int64_t>& v = c.attrs.ints(key);
  LILITH_CHECK(static_cast<int>(v.size()) == rank,
               "{}: {} has {} entries for {}; need one per dimension", c.op, key, v.size(),
               describe(c));
  return v;
}

const OpDef& define(const FloatUnary& r) {
  return register_builtin(
      {.name = r.name,
       .infer = infer_floating,
       .vjp = [f = r.vjp](const VjpCtx& c, const Tensor& ct) -> std::vector<Tensor> {
         return {f(c.in[0], c.out, ct)};
       },
       .lower = [f = r.lower](LowerCtx& c) { return f(c[0]); },
       .reference =
           [f = r.reference](RefCtx& c) {
             for (std::size_t k = 0; k < c.out.f.size(); ++k) c.out.f[k] = f(c.in[0]->f[k]);
           },
       .cost = r.cost});
}

const OpDef& define(const AnyUnary& r) {
  return register_builtin(
      {.name = r.name,
       .infer = [](const InferCtx& c) { return c.in[0]; },
       .vjp = [f = r.vjp](const VjpCtx& c, const Tensor& ct) -> std::vector<Tensor> {
         return {f(c.in[0], c.out, ct)};
       },
       .lower = [f = r.lower](LowerCtx& c) { return f(c[0]); },
       .reference =
           [f = r.reference, g = r.reference_int](RefCtx& c) {
             for (std::size_t k = 0; k < c.out.f.size(); ++k) c.out.f[k] = f(c.in[0]->f[k]);
             for (std::size_t k = 0; k < c.out.i.size(); ++k) {
               c.out.set_int(static_cast<std::int64_t>(k), g(c.in[0]->i[k]));
             }
           }});
}

const OpDef& define(const Binary& r) {
  const bool floats = r.reference != nullptr, integers = r.reference_int != nullptr;
  OpDef def{.name = r.name, .arity = 2};
  def.infer = [floats, integers](const InferCtx& c) {
    check_equal(c);
    LILITH_CHECK(is_floating(c.in[0].dtype) ? floats : integers, "{}: got {}; need {} operands",
                 c.op, describe(c), floats ? "floating" : "integer or bool");
    return c.in[0];
  };
  if (r.vjp) def.vjp = r.vjp;
  def.no_vjp_reason = r.no_vjp_reason;
  def.lower = [f = r.lower](LowerCtx& c) { return f(c[0], c[1]); };
  def.reference = [f = r.reference, g = r.reference_int](RefCtx& c) {
    const RefTensor &a = *c.in[0], &b = *c.in[1];
    for (std::size_t k = 0; k < c.out.f.size(); ++k) c.out.f[k] = f(a.f[k], b.f[k]);
    for (std::size_t k = 0; k < c.out.i.size(); ++k) {
      c.out.set_int(static_cast<std::int64_t>(k), g(a.i[k], b.i[k]));
    }
  };
  def.cost = r.cost;
  return register_builtin(std::move(def));
}

const OpDef& define(const Compare& r) {
  OpDef def{.name = r.name, .arity = 2};
  def.infer = [](const InferCtx& c) {
    check_equal(c);
    return Aval{.shape = c.in[0].shape, .dtype = DType::Bool, .device = c.in[0].device};
  };
  def.no_vjp_reason = "a comparison is piecewise constant";
  def.lower = [f = r.lower](LowerCtx& c) { return f(c[0], c[1]); };
  def.reference = [f = r.reference, g = r.reference_int](RefCtx& c) {
    const RefTensor &a = *c.in[0], &b = *c.in[1];
    for (std::size_t k = 0; k < c.out.i.size(); ++k) {
      c.out.i[k] = a.floating() ? f(a.f[k], b.f[k]) : g(a.i[k], b.i[k]);
    }
  };
  return register_builtin(std::move(def));
}

std::int64_t linear_index(const Shape& shape, const std::vector<std::int64_t>& at) {
  std::int64_t k = 0;
  for (int d = 0; d < shape.rank(); ++d) k = k * shape[d] + at[static_cast<std::size_t>(d)];
  return k;
}

void copy_element(RefTensor& out, std::int64_t k, const RefTensor& x, std::int64_t j) {
  if (out.floating())
    out.f[static_cast<std::size_t>(k)] = x.f[static_cast<std::size_t>(j)];
  else
    out.i[static_cast<std::size_t>(k)] = x.i[static_cast<std::size_t>(j)];
}

void fill_element(RefTensor& out, std::int64_t k, double value) { out.set(k, value); }

Device device_of(const Attrs& attrs) {
  if (!attrs.has("device")) return cpu();
  const std::string& text = attrs.text("device");
  const std::optional<Device> device = find_device_name(text);
  LILITH_CHECK(device, "there is no kind of device '{}'", text);
  return *device;
}

kir::Expr cast_expr(kir::Pool& pool, kir::Expr x, DType dtype) {
  const DType to = compute_dtype(dtype);
  if (x.dtype() == to) return x;
  if (to == DType::Bool) return kir::ne(x, x.like(0));
  // By way of F32 these would be rounded twice.
  const bool wide = is_integral(x.dtype()) && size_of(x.dtype()) >= 4;
  if ((wide && dtype == DType::BF16) || (x.dtype() == DType::F64 && to != dtype)) {
    return kir::rounded(pool.cast(x, DType::F64), dtype);
  }
  return pool.cast(x, to);
}

}  // namespace lilith::ops
