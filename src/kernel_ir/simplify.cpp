#include "kernel_ir/simplify.h"

#include <cmath>

#include "kernel_ir/scalar.h"

// Rules for everything but I64 arithmetic. Those of floats hold bit for bit, signed zeros included.
namespace lilith::kir {
namespace {

bool is_zero(Expr x) { return x->op == Op::Const && x->i == 0 && x->f == 0; }

/// A float constant with exactly this value, the sign of zero included.
bool is_real(Expr x, double v) {
  return x->op == Op::Const && x->f == v && std::signbit(x->f) == std::signbit(v);
}

/// A constant power of two whose reciprocal is exact and normal.
bool has_exact_reciprocal(Expr x) {
  if (x->op != Op::Const) return false;
  int exponent = 0;
  const double mantissa = std::frexp(x->f, &exponent);
  const int limit = x->dtype == DType::F32 ? 120 : 1000;
  return std::fabs(mantissa) == 0.5 && std::abs(exponent) < limit;
}

Expr simplify_float(Pool& pool, Op op, DType dtype, const std::vector<Expr>& args) {
  const Expr a = args[0], b = args.size() > 1 ? args[1] : Expr{};
  switch (op) {
    case Op::Add:
      if (is_real(b, -0.0)) return a;
      if (b->op == Op::Neg) return a - b->args[0];
      return {};
    case Op::Sub:
      if (is_real(b, 0.0)) return a;
      if (b->op == Op::Neg) return a + b->args[0];
      return {};
    case Op::Mul:
      if (is_real(b, 1)) return a;
      if (is_real(b, -1)) return -a;
      return {};
    case Op::Div:
      if (is_real(b, 1)) return a;
      if (has_exact_reciprocal(b)) return a * (1.0 / b->f);
      return {};
    case Op::Neg:
      if (a->op == Op::Neg) return a->args[0];
      return {};
    case Op::Abs:
      if (a->op == Op::Abs) return a;
      if (a->op == Op::Neg) return pool.make(Op::Abs, dtype, {a->args[0]});
      return {};
    case Op::Min:
    case Op::Max:
      return a == b ? a : Expr{};
    case Op::Fma:
    case Op::MulAdd:
      if (is_real(b, 1)) return a + args[2];
      if (is_real(a, 1)) return b + args[2];
      if (is_real(args[2], -0.0)) return a * b;
      return {};
    case Op::Floor:
    case Op::Ceil:
    case Op::Trunc:
    case Op::RoundEven:
      return a->op >= Op::Floor && a->op <= Op::RoundEven ? a : Expr{};
    case Op::RoundF16:
      return a->in_f16 ? a : Expr{};
    case Op::RoundBF16:
      return a->in_bf16 ? a : Expr{};
    default:
      return {};
  }
}

Expr simplify_integer(Pool& pool, Op op, DType dtype, const std::vector<Expr>& args) {
  const Expr a = args[0], b = args.size() > 1 ? args[1] : Expr{};
  const auto is = [&](std::int64_t v) { return b && b->op == Op::Const && b->i == v; };
  const auto integer = [&](std::int64_t v) { return pool.integer(v, dtype); };
  switch (op) {
    case Op::Add:
    case Op::Shl:
    case Op::UShr:
    case Op::SShr:
      return is(0) ? a : Expr{};
    case Op::Sub:
      return is(0) ? a : a == b ? integer(0) : Expr{};
    case Op::Mul:
      return is(0) ? b : is(1) ? a : Expr{};
    case Op::Div:
    case Op::FloorDiv:
      return is(1) ? a : is(0) ? b : Expr{};
    case Op::Rem:
    case Op::FloorMod:
      return is(1) ? integer(0) : is(0) ? a : Expr{};
    case Op::Neg:
    case Op::Not:
      return a->op == op ? a->args[0] : Expr{};
    case Op::Abs:
      return a->lo >= 0 ? a : Expr{};
    case Op::Min:
      return a == b || a->hi <= b->lo ? a : b->hi <= a->lo ? b : Expr{};
    case Op::Max:
      return a == b || a->lo >= b->hi ? a : b->lo >= a->hi ? b : Expr{};
    case Op::And:
      return a == b ? a : is(0) ? b : is(wrap(-1, dtype)) ? a : Expr{};
    case Op::Or:
      return a == b || is(0) ? a : is(wrap(-1, dtype)) ? b : Expr{};
    case Op::Xor:
      return a == b ? integer(0) : is(0) ? a : Expr{};
    case Op::Floor:
    case Op::Ceil:
    case Op::Trunc:
    case Op::RoundEven:
      return a;
    default:
      return {};
  }
}

Expr simplify_compare(Pool& pool, Op op, Expr a, Expr b) {
  const auto boolean = [&](bool v) { return pool.integer(v, DType::Bool); };
  if (is_floating(a->dtype)) return op == Op::Lt && a == b ? boolean(false) : Expr{};
  if (op == Op::ULt) {
    if (a == b || is_zero(b)) return boolean(false);
    return a->lo >= 0 && b->lo >= 0 && a->dtype == DType::I64 ? lt(a, b) : Expr{};
  }
  if (a == b) return boolean(op == Op::Eq || op == Op::Le);
  const bool apart = a->hi < b->lo || b->hi < a->lo;
  if (op == Op::Eq && apart) return boolean(false);
  if (op == Op::Ne && apart) return boolean(true);
  if (op == Op::Lt && a->hi < b->lo) return boolean(true);
  if (op == Op::Lt && a->lo >= b->hi) return boolean(false);
  if (op == Op::Le && a->hi <= b->lo) return boolean(true);
  if (op == Op::Le && a->lo > b->hi) return boolean(false);
  if (a->dtype == DType::Bool && b->op == Op::Const && (op == Op::Eq || op == Op::Ne)) {
    return (b->i != 0) == (op == Op::Eq) ? a : logical_not(a);
  }
  return {};
}

/// True when `part` is one of the operands of the chain of `op` that makes up x.
bool chain_has(Op op, Expr x, Expr part) {
  for (; x->op == op; x = x->args[0]) {
    if (x->args[1] == part || x->args[0] == part) return true;
  }
  return x == part;
}

/// Of two upper (or two lower) bounds on the same integer by constants, the one that implies the
/// other.
Expr tighter(Expr a, Expr b) {
  if (a->op != Op::Lt || b->op != Op::Lt || is_floating(a->args[0]->dtype)) return {};
  const Expr al = a->args[0], ar = a->args[1], bl = b->args[0], br = b->args[1];
  if (al == bl && ar->op == Op::Const && br->op == Op::Const) return ar->i < br->i ? a : b;
  if (ar == br && al->op == Op::Const && bl->op == Op::Const) return al->i > bl->i ? a : b;
  return {};
}

bool is_negation(Expr a, Expr b) { return logical_not(a) == b; }

}  // namespace

Expr simplify_scalar(Pool& pool, Op op, DType dtype, const std::vector<Expr>& args) {
  if (op >= Op::Eq && op <= Op::ULt) return simplify_compare(pool, op, args[0], args[1]);
  if (op == Op::Bitcast || dtype == DType::Bool) return {};
  return is_floating(dtype) ? simplify_float(pool, op, dtype, args)
                            : simplify_integer(pool, op, dtype, args);
}

Expr simplify_bool(Pool& pool, Op op, const std::vector<Expr>& args) {
  const Expr a = args[0], b = args.size() > 1 ? args[1] : Expr{};
  const bool b_const = b && b->op == Op::Const;
  switch (op) {
    case Op::Mul:
    case Op::Min:
      return logical_and(a, b);
    case Op::Add:
    case Op::Max:
      return logical_or(a, b);
    case Op::And: {
      if (b_const) return b->i != 0 ? a : b;
      if (chain_has(Op::And, a, b)) return a;
      if (chain_has(Op::And, b, a)) return b;
      if (is_negation(a, b)) return pool.integer(0, DType::Bool);
      return tighter(a, b);
    }
    case Op::Or: {
      if (b_const) return b->i != 0 ? b : a;
      if (chain_has(Op::Or, a, b)) return a;
      if (chain_has(Op::Or, b, a)) return b;
      if (is_negation(a, b)) return pool.integer(1, DType::Bool);
      const Expr t = tighter(a, b);
      return !t ? t : t == a ? b : a;
    }
    case Op::Xor:
      if (a == b) return pool.integer(0, DType::Bool);
      if (b_const) return b->i != 0 ? logical_not(a) : a;
      return {};
    case Op::Not:
      if (a->op == Op::Not) return a->args[0];
      if (a->op == Op::Eq) return raw(pool, Op::Ne, DType::Bool, a->args);
      if (a->op == Op::Ne) return raw(pool, Op::Eq, DType::Bool, a->args);
      if ((a->op == Op::Lt || a->op == Op::Le) && !is_floating(a->args[0]->dtype)) {
        const Op flipped = a->op == Op::Lt ? Op::Le : Op::Lt;
        return pool.make(flipped, DType::Bool, {a->args[1], a->args[0]});
      }
      return {};
    default:
      return {};
  }
}

Expr simplify_select(Pool& pool, DType dtype, const std::vector<Expr>& args) {
  const Expr cond = args[0], a = args[1], b = args[2];
  if (cond->op == Op::Const) return cond->i != 0 ? a : b;
  if (a == b) return a;
  if (cond->op == Op::Not) return pool.select(cond->args[0], b, a);
  if (a->op == Op::Select && a->args[0] == cond) return pool.select(cond, a->args[1], b);
  if (b->op == Op::Select && b->args[0] == cond) return pool.select(cond, a, b->args[2]);
  if (dtype != DType::Bool) return {};
  if (a->op == Op::Const) {
    return a->i != 0 ? logical_or(cond, b) : logical_and(logical_not(cond), b);
  }
  if (b->op == Op::Const) {
    return b->i != 0 ? logical_or(logical_not(cond), a) : logical_and(cond, a);
  }
  return {};
}

Expr simplify_cast(Pool& pool, DType dtype, Expr x) {
  if (dtype == DType::Bool) {
    const Expr zero =
        is_floating(x->dtype) ? pool.constant(x->dtype, 0) : pool.integer(0, x->dtype);
    return ne(x, zero);
  }
  if (x->op != Op::Cast) return {};
  // cast(cast(y)): the inner cast falls away where it loses nothing, and where it undoes itself.
  const Expr y = x->args[0];
  const DType from = y->dtype, mid = x->dtype;
  if (is_floating(mid)) {
    return from == DType::F32 && mid == DType::F64 && is_floating(dtype) ? pool.cast(y, dtype)
                                                                         : Expr{};
  }
  if (is_floating(from)) return {};
  const bool lossless = y->lo >= min_value(mid) && y->hi <= max_value(mid);
  const bool narrows = !is_floating(dtype) && size_of(dtype) <= size_of(mid);
  if (lossless || narrows) return pool.cast(y, dtype);
  return {};
}

}  // namespace lilith::kir
