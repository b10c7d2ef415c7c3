#include <algorithm>

#include "kernel_ir/scalar.h"
#include "kernel_ir/simplify.h"

namespace lilith::kir {
namespace {

using Wide = __int128;

/// [lo, hi] where it fits the dtype (no wrap can happen), else the dtype's whole range.
Interval fit(Wide lo, Wide hi, DType dtype) {
  if (lo < min_value(dtype) || hi > max_value(dtype)) return {min_value(dtype), max_value(dtype)};
  return {static_cast<std::int64_t>(lo), static_cast<std::int64_t>(hi)};
}

Interval of(Expr x) { return {x->lo, x->hi}; }

Interval product(Interval a, Interval b, DType dtype) {
  const Wide p[] = {Wide{a.lo} * b.lo, Wide{a.lo} * b.hi, Wide{a.hi} * b.lo, Wide{a.hi} * b.hi};
  return fit(*std::min_element(p, p + 4), *std::max_element(p, p + 4), dtype);
}

Interval divide(const ExprNode& n, Interval whole) {
  const Interval a = of(n.args[0]), b = of(n.args[1]);
  const bool floors = n.op == Op::FloorDiv || n.op == Op::FloorMod;
  const bool quotient = n.op == Op::FloorDiv || n.op == Op::Div;
  if (b.lo <= 0 || (!floors && a.lo < 0)) return whole;
  if (!quotient) {
    if (a.lo >= 0 && a.hi < b.lo) return a;
    return {0, a.lo >= 0 ? std::min(a.hi, b.hi - 1) : b.hi - 1};
  }
  return {std::min(floor_div_value(a.lo, b.lo), floor_div_value(a.lo, b.hi)),
          std::max(floor_div_value(a.hi, b.lo), floor_div_value(a.hi, b.hi))};
}

Interval bit_and(Interval a, Interval b, Interval whole) {
  if (a.lo >= 0 && b.lo >= 0) return {0, std::min(a.hi, b.hi)};
  if (a.lo >= 0) return {0, a.hi};
  if (b.lo >= 0) return {0, b.hi};
  return whole;
}

Interval shift_right(const ExprNode& n, Interval whole) {
  const Interval a = of(n.args[0]), s = of(n.args[1]);
  const int width = bit_width(n.dtype);
  if (s.lo < 0 || s.hi >= width) return whole;
  if (a.lo >= 0) return {a.lo >> s.hi, a.hi >> s.lo};
  if (n.op == Op::SShr) return {a.lo >> s.lo, a.hi < 0 ? a.hi >> s.hi : a.hi >> s.lo};
  if (s.lo == s.hi && s.lo > 0 && width == 64) return {0, INT64_MAX >> (s.lo - 1)};
  return whole;
}

}  // namespace

Interval infer_bounds(const ExprNode& n) {
  if (is_floating(n.dtype)) return {};
  const Interval whole{min_value(n.dtype), max_value(n.dtype)};
  switch (n.op) {
    case Op::Const:
      return {n.i, n.i};
    case Op::Add:
      return fit(Wide{n.args[0]->lo} + n.args[1]->lo, Wide{n.args[0]->hi} + n.args[1]->hi, n.dtype);
    case Op::Sub:
      return fit(Wide{n.args[0]->lo} - n.args[1]->hi, Wide{n.args[0]->hi} - n.args[1]->lo, n.dtype);
    case Op::Mul:
      return product(of(n.args[0]), of(n.args[1]), n.dtype);
    case Op::Neg:
      return fit(-Wide{n.args[0]->hi}, -Wide{n.args[0]->lo}, n.dtype);
    case Op::Abs: {
      const Interval a = of(n.args[0]);
      if (a.lo >= 0) return a;
      if (a.lo == min_value(n.dtype)) return whole;
      return {a.hi < 0 ? -a.hi : 0, std::max(-a.lo, a.hi)};
    }
    case Op::Div:
    case Op::Rem:
    case Op::FloorDiv:
    case Op::FloorMod:
      return divide(n, whole);
    case Op::Min:
      return {std::min(n.args[0]->lo, n.args[1]->lo), std::min(n.args[0]->hi, n.args[1]->hi)};
    case Op::Max:
      return {std::max(n.args[0]->lo, n.args[1]->lo), std::max(n.args[0]->hi, n.args[1]->hi)};
    case Op::Select:
      return {std::min(n.args[1]->lo, n.args[2]->lo), std::max(n.args[1]->hi, n.args[2]->hi)};
    case Op::And:
      return bit_and(of(n.args[0]), of(n.args[1]), whole);
    case Op::UShr:
    case Op::SShr:
      return shift_right(n, whole);
    case Op::Ctz:
    case Op::PopCount:
      return {0, bit_width(n.args[0]->dtype)};
    case Op::Cast:
      if (is_floating(n.args[0]->dtype)) return whole;
      return fit(n.args[0]->lo, n.args[0]->hi, n.dtype);
    default:
      return whole;
  }
}

void infer_half(ExprNode* n) {
  const auto take = [n](bool f16, bool bf16) {
    n->in_f16 = f16;
    n->in_bf16 = bf16;
  };
  const auto both = [&](Expr a, Expr b) { take(a->in_f16 && b->in_f16, a->in_bf16 && b->in_bf16); };
  switch (n->op) {
    case Op::Const: {
      const Value v[3] = {{0, n->f}, {}, {}};
      const auto holds = [&](Op round) {
        const double f = apply(round, n->dtype, n->dtype, v).f;
        return f == n->f || n->f != n->f;
      };
      return take(holds(Op::RoundF16), holds(Op::RoundBF16));
    }
    case Op::RoundF16:
      return take(true, false);
    case Op::RoundBF16:
      return take(false, true);
    case Op::Neg:
    case Op::Abs:
    case Op::Floor:
    case Op::Ceil:
    case Op::Trunc:
    case Op::RoundEven:
      return take(n->args[0]->in_f16, n->args[0]->in_bf16);
    case Op::Min:
    case Op::Max:
      return both(n->args[0], n->args[1]);
    case Op::Select:
      return both(n->args[1], n->args[2]);
    case Op::Cast: {
      const Expr x = n->args[0];
      if (is_floating(x->dtype)) return take(x->in_f16, x->in_bf16);
      const bool small = size_of(x->dtype) == 1;
      return take(small, small);
    }
    default:
      return;
  }
}

}  // namespace lilith::kir
