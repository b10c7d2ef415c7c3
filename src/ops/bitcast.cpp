#include <cstring>

#include "ir/host.h"
#include "lilith/ops/elementwise.h"
#include "ops/host_function.h"
#include "ops/primitives.h"

// x.view(dtype): bytes as another dtype.
namespace lilith {
namespace ops {
namespace {

// The last dimension holds as many bytes as before.
Aval viewed(std::string_view op, const Aval& from, DType to) {
  Aval out = from;
  out.dtype = to;
  const auto had = static_cast<std::int64_t>(size_of(from.dtype)),
             has = static_cast<std::int64_t>(size_of(to));
  if (had == has) return out;
  LILITH_CHECK(out.shape.rank() > 0,
               "{}: {} as {}; need at least 1 dimension, since the sizes of their elements differ",
               op, from.str(), name(to));
  std::int64_t& last = out.shape[out.shape.rank() - 1];
  LILITH_CHECK(last * had % has == 0,
               "{}: {} as {}; need a last dimension of whole elements, a multiple of {}", op,
               from.str(), name(to), has / had);
  last = last * had / has;
  return out;
}

// In the reference interpreter floats are f64: they are rounded to what they stand for.
void view_bytes(CallCtx& c) {
  const DType from = c.attrs.dtype("from"), to = c.attrs.dtype("dtype");
  const std::int64_t n = c.in_avals[0].numel(), m = c.out_avals[0].numel();
  const void* bytes = c.in[0];
  std::vector<char> narrow;
  if (c.in_avals[0].dtype != from) {
    narrow.resize(static_cast<std::size_t>(n) * size_of(from));
    for (std::int64_t k = 0; k < n; ++k)
      ir::write_f64(narrow.data(), from, k, c.input<double>(0)[k]);
    bytes = narrow.data();
  }
  if (c.out_avals[0].dtype != to) {
    for (std::int64_t k = 0; k < m; ++k) c.output<double>(0)[k] = ir::read_f64(bytes, to, k);
  } else if (to == DType::Bool) {
    for (std::int64_t k = 0; k < m; ++k)
      c.output<bool>(0)[k] = static_cast<const char*>(bytes)[k] != 0;
  } else {
    std::memcpy(c.out[0], bytes, static_cast<std::size_t>(m) * size_of(to));
  }
}

const OpDef& bitcast_op = define(
    HostFunction{.name = "bitcast",
                 .results =
                     [](const InferCtx& c) {
                       LILITH_CHECK(c.attrs.dtype("from") == c.in[0].dtype, "{}: from {}; got {}",
                                    c.op, name(c.attrs.dtype("from")), c.in[0].str());
                       return std::vector{viewed(c.op, c.in[0], c.attrs.dtype("dtype"))};
                     },
                 .call = view_bytes,
                 .no_vjp_reason = "bits have no slope",
                 .cost = 1});

}  // namespace
}  // namespace ops

Tensor Tensor::view_of_bytes(DType dtype, SourceLocation loc) const {
  const LocScope scope(loc, "view");
  LILITH_CHECK(dtype <= DType::F64, "view: to {}; complex dtypes are reserved", name(dtype));
  if (this->dtype() == dtype) return *this;
  // Where nothing is to be read.
  const Aval out = ops::viewed("view", aval(), dtype);
  if (numel() == 0) return ops::make_full(out.shape, 0, dtype, device());
  const Tensor viewed =
      apply(ops::bitcast_op, {*this}, {{"dtype", dtype}, {"from", this->dtype()}});
  return is_floating(dtype) ? stop_gradient(viewed) : viewed;
}

}  // namespace lilith
