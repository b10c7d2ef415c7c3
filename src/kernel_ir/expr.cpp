#include <algorithm>

#include "kernel_ir/kernel.h"
#include "kernel_ir/scalar.h"
#include "kernel_ir/walk.h"
#include "lilith/error.h"

namespace lilith::kir {
namespace {

Expr binary(Op op, Expr a, Expr b) {
  if (a->dtype != b->dtype) {
    throw InternalError(
        fmt::format("kernel IR: {} of {} and {}", op_name(op), name(a->dtype), name(b->dtype)));
  }
  return a.pool().make(op, a->dtype, {a, b});
}

Expr compare(Op op, Expr a, Expr b) {
  if (a->dtype != b->dtype) {
    throw InternalError(
        fmt::format("kernel IR: {} of {} and {}", op_name(op), name(a->dtype), name(b->dtype)));
  }
  return a.pool().make(op, DType::Bool, {a, b});
}

}  // namespace

const char* op_name(Op op) {
  static constexpr const char* kNames[kNumOps] = {
      "const", "var",  "load",  "reg",    "add",      "sub",       "mul",      "div",    "rem",
      "fdiv",  "fmod", "neg",   "abs",    "min",      "max",       "fma",      "muladd", "sqrt",
      "floor", "ceil", "trunc", "round",  "roundf16", "roundbf16", "and",      "or",     "xor",
      "not",   "shl",  "ushr",  "sshr",   "umulhi",   "ctz",       "popcount", "eq",     "ne",
      "lt",    "le",   "ult",   "select", "cast",     "bitcast"};
  return kNames[static_cast<int>(op)];
}

DType Expr::dtype() const { return node_->dtype; }
Pool& Expr::pool() const { return *node_->pool; }
Expr Expr::like(double value) const { return node_->pool->constant(node_->dtype, value); }
bool Expr::is_const() const { return node_->op == Op::Const; }
bool Expr::is_const(double value) const {
  if (!is_const()) return false;
  return is_floating(node_->dtype) ? node_->f == value : static_cast<double>(node_->i) == value;
}
std::int64_t Expr::as_int() const {
  if (!is_const() || is_floating(node_->dtype)) {
    throw InternalError("kernel IR: as_int of something that is no integer constant");
  }
  return node_->i;
}

Expr operator+(Expr a, Expr b) { return binary(Op::Add, a, b); }
Expr operator-(Expr a, Expr b) { return binary(Op::Sub, a, b); }
Expr operator*(Expr a, Expr b) { return binary(Op::Mul, a, b); }
Expr operator/(Expr a, Expr b) { return binary(Op::Div, a, b); }
Expr operator-(Expr a) { return a.pool().make(Op::Neg, a->dtype, {a}); }
Expr operator+(Expr a, double b) { return a + a.like(b); }
Expr operator-(Expr a, double b) { return a - a.like(b); }
Expr operator*(Expr a, double b) { return a * a.like(b); }
Expr operator/(Expr a, double b) { return a / a.like(b); }
Expr operator+(double a, Expr b) { return b.like(a) + b; }
Expr operator-(double a, Expr b) { return b.like(a) - b; }
Expr operator*(double a, Expr b) { return b.like(a) * b; }
Expr operator/(double a, Expr b) { return b.like(a) / b; }

Expr floor_div(Expr a, std::int64_t b) {
  return binary(Op::FloorDiv, a, a.pool().integer(b, a->dtype));
}
Expr floor_mod(Expr a, std::int64_t b) {
  return binary(Op::FloorMod, a, a.pool().integer(b, a->dtype));
}

Expr eq(Expr a, Expr b) { return compare(Op::Eq, a, b); }
Expr ne(Expr a, Expr b) { return compare(Op::Ne, a, b); }
Expr lt(Expr a, Expr b) { return compare(Op::Lt, a, b); }
Expr le(Expr a, Expr b) { return compare(Op::Le, a, b); }
Expr gt(Expr a, Expr b) { return compare(Op::Lt, b, a); }
Expr ge(Expr a, Expr b) { return compare(Op::Le, b, a); }

Expr logical_and(Expr a, Expr b) {
  if (!a) return b;
  return b ? binary(Op::And, a, b) : a;
}
Expr logical_or(Expr a, Expr b) {
  if (!a) return a;
  return b ? binary(Op::Or, a, b) : b;
}
Expr logical_not(Expr a) { return a.pool().make(Op::Not, DType::Bool, {a}); }
Expr min(Expr a, Expr b) { return binary(Op::Min, a, b); }
Expr max(Expr a, Expr b) { return binary(Op::Max, a, b); }

Expr rounded(Expr x, DType dtype) {
  if (!is_half(dtype)) return x;
  Pool& pool = x.pool();
  const Op op = dtype == DType::F16 ? Op::RoundF16 : Op::RoundBF16;
  return pool.cast(pool.make(op, x->dtype, {x}), DType::F32);
}

std::int64_t Affine::coefficient(VarId v) const {
  for (const auto& [id, k] : terms) {
    if (id == v) return k;
  }
  return 0;
}

std::optional<Affine> affine(Expr x) {
  if (x->dtype != DType::I64) return {};
  Affine out;
  const auto term = [&](Expr t) {
    std::int64_t k = 1;
    if (t->op == Op::Mul && t->args[1]->op == Op::Const) {
      k = t->args[1]->i;
      t = t->args[0];
    }
    if (t->op == Op::Const) {
      out.constant += t->i * k;
    } else if (t->op == Op::Var) {
      out.terms.emplace_back(static_cast<VarId>(t->i), k);
    } else {
      return false;
    }
    return true;
  };
  for (; x->op == Op::Add; x = x->args[0]) {
    if (!term(x->args[1])) return {};
  }
  if (!term(x)) return {};
  std::sort(out.terms.begin(), out.terms.end());
  return out;
}

namespace {

class Substitution {
 public:
  explicit Substitution(const std::vector<Expr>& by,
                        std::unordered_map<const ExprNode*, Expr> known = {})
      : by_(by), memo_(std::move(known)) {}

  Expr run(Expr x) {
    if (x->op == Op::Var) {
      const auto v = static_cast<std::size_t>(x->i);
      return v < by_.size() && by_[v] ? by_[v] : x;
    }
    if (x->args.empty()) return x;
    const auto found = memo_.find(x.node());
    if (found != memo_.end()) return found->second;
    std::vector<Expr> args;
    args.reserve(x->args.size());
    bool changed = false;
    for (Expr a : x->args) {
      args.push_back(run(a));
      changed = changed || !(args.back() == a);
    }
    const Expr out = changed ? rebuild(x, std::move(args)) : x;
    memo_.emplace(x.node(), out);
    return out;
  }

 private:
  static Expr rebuild(Expr x, std::vector<Expr> args) {
    Pool& pool = x.pool();
    if (x->op == Op::Load) {
      return pool.load(static_cast<BufferId>(x->i), x->dtype, args[0],
                       args.size() > 1 ? args[1] : Expr{});
    }
    if (x->op == Op::RegRead) {
      return pool.read(static_cast<RegId>(x->i), x->dtype, std::move(args));
    }
    return pool.make(x->op, x->dtype, std::move(args));
  }

  const std::vector<Expr>& by_;
  std::unordered_map<const ExprNode*, Expr> memo_;
};

}  // namespace

Expr substitute(Expr x, const std::vector<Expr>& by) { return Substitution(by).run(x); }

Expr replace(Expr x, const std::unordered_map<const ExprNode*, Expr>& by) {
  return Substitution({}, by).run(x);
}

}  // namespace lilith::kir
