#include "ops/operand.h"

#include <algorithm>
#include <numeric>

#include "ir/node.h"
#include "ir/one_device.h"
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

bool broadcasts_into(const Shape& from, const Shape& to) {
  if (from.rank() > to.rank()) return false;
  for (int i = 1; i <= from.rank(); ++i) {
    const std::int64_t size = from[from.rank() - i];
    if (size != 1 && size != to[to.rank() - i]) return false;
  }
  return true;
}

Tensor broadcast_last(const Tensor& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  std::vector<std::int64_t> dims = range(x.ndim());
  for (std::int64_t& d : dims) d += shape.rank() - x.ndim();
  return make_broadcast(x, shape, dims);
}

Operands broadcast_operands(std::string_view op, const Arg& a, const Arg& b, DType dtype) {
  Tensor ab[] = {make_cast(a.tensor(dtype), dtype), make_cast(b.tensor(dtype), dtype)};
  ir::bring_together(op, ab);
  if (ab[0].shape() == ab[1].shape()) return {ab[0], ab[1]};
  const Shape shape = broadcast_shapes(op, ab);
  return {broadcast_last(ab[0], shape), broadcast_last(ab[1], shape)};
}

std::vector<Tensor> broadcast_all(std::string_view op, std::vector<Tensor> tensors) {
  ir::bring_together(op, tensors);
  const Shape shape = broadcast_shapes(op, tensors);
  std::vector<Tensor> out;
  for (const Tensor& t : tensors) out.push_back(broadcast_last(t, shape));
  return out;
}

namespace {

// The dimension of size 1 that `longer` has and `shorter` lacks; the last one that fits.
std::optional<int> extra_one(const Shape& longer, const Shape& shorter) {
  if (longer.rank() != shorter.rank() + 1) return {};
  for (int d = longer.rank() - 1; d >= 0; --d) {
    Shape without = longer;
    without.erase(d);
    if (longer[d] == 1 && without == shorter) return d;
  }
  return {};
}

}  // namespace

std::string shape_cure(std::string_view a_name, const Shape& a, std::string_view b_name,
                       const Shape& b) {
  if (const auto d = extra_one(a, b))
    return fmt::format(": {}.squeeze({}) or {}.unsqueeze({})", a_name, *d, b_name, *d);
  if (const auto d = extra_one(b, a))
    return fmt::format(": {}.unsqueeze({}) or {}.squeeze({})", a_name, *d, b_name, *d);
  const auto expanded = [](std::string_view from, std::string_view to) {
    return fmt::format(" (where it is meant to repeat: {}.expand({}.shape()))", from, to);
  };
  if (broadcasts_into(b, a)) return expanded(b_name, a_name);
  if (broadcasts_into(a, b)) return expanded(a_name, b_name);
  return "";
}

std::string class_cure(const Shape& scores, const Aval& target) {
  if (scores.rank() == 0) return "";
  const int d = scores.rank() == 1 ? 0 : 1;
  Shape kept = scores;
  kept[d] = 1;
  if (target.shape == kept) {
    return fmt::format(": target.squeeze({}){}", d, is_integral(target.dtype) ? "" : ".to(kInt64)");
  }
  if (target.shape == scores && is_integral(target.dtype))
    return fmt::format(": target.argmax({}) of one-hot rows", d);
  return "";
}

void check_one_shape(std::string_view op, std::string_view a_name, const Arg& a,
                     std::string_view b_name, const Arg& b) {
  const Shape x = a.is_scalar() ? Shape() : a.tensor().shape(),
              y = b.is_scalar() ? Shape() : b.tensor().shape();
  LILITH_CHECK(x == y, "{}: {} is {}, {} is {}; need one shape{}", op, a_name, describe(a), b_name,
               describe(b), shape_cure(a_name, x, b_name, y));
}

Tensor broadcast_into(std::string_view op, std::string_view name, const Tensor& x,
                      const Shape& shape) {
  LILITH_CHECK(broadcasts_into(x.shape(), shape),
               "{}: {} is {}; need a shape that broadcasts to {}{}", op, name, x.aval().str(),
               shape.str(),
               extra_one(shape, x.shape())
                   ? fmt::format(": {}.unsqueeze({})", name, *extra_one(shape, x.shape()))
                   : "");
  return broadcast_last(x, shape);
}

std::optional<double> constant_value(const Arg& x) {
  if (x.is_scalar()) return x.scalar().as_double();
  const Tensor t = x.tensor();
  if (t.node()->op != &ir::constant_op()) return {};
  const Attr* value = t.node()->attrs.find("value");
  if (const auto* f = std::get_if<double>(value)) return *f;
  return static_cast<double>(std::get<std::int64_t>(*value));
}

std::optional<std::int64_t> constant_integer(const Arg& x) {
  if (x.is_scalar()) {
    if (x.scalar().kind == Scalar::Kind::Float) return {};
    return x.scalar().i;
  }
  const Tensor t = x.tensor();
  if (t.node()->op != &ir::constant_op()) return {};
  const auto* i = std::get_if<std::int64_t>(t.node()->attrs.find("value"));
  return i ? std::optional(*i) : std::nullopt;
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
