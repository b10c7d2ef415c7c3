#include "ops/operand.h"

#include <algorithm>
#include <numeric>

#include "ir/node.h"
#include "ops/primitives.h"

namespace lilith::ops {
namespace {

constexpr std::int8_t kNone = -1;  // no operand of that kind

int promote_or(int a, int b) {
  if (a == kNone) return b;
  if (b == kNone) return a;
  return static_cast<int>(promote_types(static_cast<DType>(a), static_cast<DType>(b)));
}

// Operands of a higher kind decide, unless one of a lower kind is of a higher category.
int combine_kinds(int higher, int lower) {
  const auto floats = [](int d) { return d != kNone && is_floating(static_cast<DType>(d)); };
  if (floats(higher)) return higher;
  if (higher == static_cast<int>(DType::Bool) || floats(lower)) return promote_or(higher, lower);
  return higher != kNone ? higher : lower;
}

}  // namespace

int wrap_dim(std::string_view op, std::int64_t dim, int rank) {
  const int n = std::max(rank, 1);
  LILITH_CHECK(dim >= -n && dim < n,
               "{}: dimension {} is out of range for {} dimensions; need {} <= dim < {}", op, dim,
               rank, -n, n);
  return static_cast<int>(dim < 0 ? dim + n : dim);
}

std::vector<std::int64_t> wrap_dims(std::string_view op, const IntList& dims, int rank) {
  if (dims.empty()) return range(rank);
  std::vector<std::int64_t> out;
  for (std::int64_t d : dims) {
    const int wrapped = wrap_dim(op, d, rank);
    if (rank == 0) continue;
    LILITH_CHECK(std::find(out.begin(), out.end(), wrapped) == out.end(),
                 "{}: dimension {} is given twice", op, wrapped);
    out.push_back(wrapped);
  }
  return out;
}

std::vector<std::int64_t> per_dim(std::string_view op, std::string_view what, const IntList& list,
                                  int n) {
  if (list.size() == 1) return std::vector<std::int64_t>(static_cast<std::size_t>(n), list[0]);
  LILITH_CHECK(static_cast<int>(list.size()) == n, "{}: {} has {} entries; need 1 or {}", op, what,
               list.size(), n);
  return list.vec();
}

DType result_type(std::initializer_list<const Arg*> args) {
  int with_dims = kNone, zero_dim = kNone, number = kNone;
  for (const Arg* arg : args) {
    if (arg->is_scalar()) {
      constexpr DType kDefault[] = {DType::Bool, DType::I64, DType::F32};
      number = promote_or(number, static_cast<int>(kDefault[static_cast<int>(arg->scalar().kind)]));
    } else {
      const Aval& aval = arg->tensor().aval();
      int& kind = aval.shape.empty() ? zero_dim : with_dims;
      kind = promote_or(kind, static_cast<int>(aval.dtype));
    }
  }
  return static_cast<DType>(combine_kinds(with_dims, combine_kinds(zero_dim, number)));
}

Tensor floating(const Arg& x) {
  const Tensor t = x.tensor();
  return make_cast(t, floating_type(t.dtype()));
}

Shape broadcast_shapes(std::string_view op, std::span<const Tensor> tensors) {
  Shape out;
  for (const Tensor& t : tensors) {
    const Shape& s = t.shape();
    while (out.rank() < s.rank()) out.insert(0, 1);
    for (int i = 0; i < s.rank(); ++i) {
      std::int64_t& size = out[out.rank() - s.rank() + i];
      if (size == 1) size = s[i];
      if (s[i] == size || s[i] == 1) continue;
      std::string all;
      for (const Tensor& each : tensors) all += (all.empty() ? "" : ", ") + each.aval().str();
      fail(
          "{}: shapes do not broadcast: {}; need equal sizes or 1, counted from the last dimension "
          "({} vs {})",
          op, all, size, s[i]);
    }
  }
  return out;
}

Tensor broadcast_last(const Tensor& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  std::vector<std::int64_t> dims = range(x.ndim());
  for (std::int64_t& d : dims) d += shape.rank() - x.ndim();
  return make_broadcast(x, shape, dims);
}

Operands broadcast_operands(std::string_view op, const Arg& a, const Arg& b, DType dtype) {
  const Tensor ab[] = {make_cast(a.tensor(dtype), dtype), make_cast(b.tensor(dtype), dtype)};
  if (ab[0].shape() == ab[1].shape()) return {ab[0], ab[1]};
  const Shape shape = broadcast_shapes(op, ab);
  return {broadcast_last(ab[0], shape), broadcast_last(ab[1], shape)};
}

std::vector<Tensor> broadcast_all(std::string_view op, const std::vector<Tensor>& tensors) {
  const Shape shape = broadcast_shapes(op, tensors);
  std::vector<Tensor> out;
  for (const Tensor& t : tensors) out.push_back(broadcast_last(t, shape));
  return out;
}

std::optional<double> constant_value(const Arg& x) {
  if (x.is_scalar()) return x.scalar().as_double();
  const Tensor t = x.tensor();
  if (t.node()->op != &ir::constant_op()) return {};
  const Attr* value = t.node()->attrs.find("value");
  if (const auto* f = std::get_if<double>(value)) return *f;
  return static_cast<double>(std::get<std::int64_t>(*value));
}

std::string describe(const Arg& x) {
  if (!x.is_scalar()) return x.tensor().aval().str();
  return fmt::format("{}", x.scalar().as_double());
}

std::vector<std::int64_t> other_dims(int rank, std::span<const std::int64_t> axes) {
  std::vector<std::int64_t> out;
  for (std::int64_t d = 0; d < rank; ++d) {
    if (std::find(axes.begin(), axes.end(), d) == axes.end()) out.push_back(d);
  }
  return out;
}

std::vector<std::int64_t> range(std::int64_t n) {
  std::vector<std::int64_t> out(static_cast<std::size_t>(n));
  std::iota(out.begin(), out.end(), 0);
  return out;
}

std::vector<std::int64_t> inverse_permutation(std::span<const std::int64_t> perm) {
  std::vector<std::int64_t> out(perm.size());
  for (std::size_t i = 0; i < perm.size(); ++i)
    out[static_cast<std::size_t>(perm[i])] = static_cast<std::int64_t>(i);
  return out;
}

}  // namespace lilith::ops
