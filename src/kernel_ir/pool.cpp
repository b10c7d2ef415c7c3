#include <bit>
#include <cmath>

#include "kernel_ir/scalar.h"
#include "kernel_ir/simplify.h"
#include "lilith/error.h"
#include "lilith/kernel_ir.h"

namespace lilith::kir {
namespace {

std::uint64_t mix(std::uint64_t h, std::uint64_t v) {
  h = (h ^ v) * 0x9E3779B97F4A7C15u;
  return h ^ (h >> 32);
}

std::uint64_t hash_node(const ExprNode& n) {
  std::uint64_t h = mix(static_cast<std::uint64_t>(n.op) * 16 + static_cast<std::uint64_t>(n.dtype),
                        static_cast<std::uint64_t>(n.i));
  h = mix(h, std::bit_cast<std::uint64_t>(n.f));
  for (Expr a : n.args) h = mix(h, a->id + 1);
  return h;
}

bool same_node(const ExprNode& a, const ExprNode& b) {
  return a.op == b.op && a.dtype == b.dtype && a.i == b.i && a.args == b.args &&
         std::bit_cast<std::uint64_t>(a.f) == std::bit_cast<std::uint64_t>(b.f);
}

bool is_compare(Op op) { return op >= Op::Eq && op <= Op::ULt; }

bool is_commutative(Op op) {
  switch (op) {
    case Op::Add:
    case Op::Mul:
    case Op::Min:
    case Op::Max:
    case Op::And:
    case Op::Or:
    case Op::Xor:
    case Op::UMulHi:
    case Op::Eq:
    case Op::Ne:
      return true;
    default:
      return false;
  }
}

bool all_const(const std::vector<Expr>& args) {
  for (Expr a : args) {
    if (a->op != Op::Const) return false;
  }
  return true;
}

}  // namespace

struct Pool::Impl {
  struct VarInfo {
    std::int64_t extent;
    std::string name;
  };
  std::deque<ExprNode> nodes;
  // Open addressing: index + 1 into nodes, 0 where free; the size is a power of two.
  std::vector<std::uint32_t> table = std::vector<std::uint32_t>(256);
  std::vector<VarInfo> vars;

  void grow() {
    std::vector<std::uint32_t> bigger(table.size() * 2);
    for (std::uint32_t slot : table) {
      if (slot == 0) continue;
      std::size_t at = hash_node(nodes[slot - 1]) & (bigger.size() - 1);
      while (bigger[at] != 0) at = (at + 1) & (bigger.size() - 1);
      bigger[at] = slot;
    }
    table.swap(bigger);
  }
};

Pool::Pool() : impl_(std::make_unique<Impl>()) {}
Pool::~Pool() = default;

Expr Pool::intern(ExprNode node) {
  Impl& p = *impl_;
  std::size_t at = hash_node(node) & (p.table.size() - 1);
  while (p.table[at] != 0) {
    const ExprNode& other = p.nodes[p.table[at] - 1];
    if (same_node(node, other)) return Expr(&other);
    at = (at + 1) & (p.table.size() - 1);
  }
  node.pool = this;
  node.id = static_cast<std::uint32_t>(p.nodes.size());
  if (node.op == Op::Var) {
    node.lo = 0;
    node.hi = var_extent(static_cast<VarId>(node.i)) - 1;
  } else {
    const Interval bounds = infer_bounds(node);
    const bool told = node.op == Op::Load;  // what was loaded may be known to be in some range
    node.lo = told ? std::max(node.lo, bounds.lo) : bounds.lo;
    node.hi = told ? std::min(node.hi, bounds.hi) : bounds.hi;
  }
  if (is_floating(node.dtype)) infer_half(&node);
  p.nodes.push_back(std::move(node));
  p.table[at] = static_cast<std::uint32_t>(p.nodes.size());
  if (p.nodes.size() * 2 > p.table.size()) p.grow();
  return Expr(&p.nodes.back());
}

Expr raw(Pool& pool, Op op, DType dtype, std::vector<Expr> args) {
  ExprNode node{};
  node.op = op;
  node.dtype = dtype;
  node.args = std::move(args);
  return pool.intern(std::move(node));
}

Expr Pool::constant(DType dtype, double value) {
  dtype = compute_dtype(dtype);
  ExprNode node{};
  node.op = Op::Const;
  node.dtype = dtype;
  const Value v = convert({0, value}, DType::F64, dtype);
  node.i = v.i;
  node.f = is_floating(dtype) ? v.f : 0;
  return intern(std::move(node));
}

Expr Pool::integer(std::int64_t value, DType dtype) {
  dtype = compute_dtype(dtype);
  ExprNode node{};
  node.op = Op::Const;
  node.dtype = dtype;
  const Value v = convert({value, 0}, DType::I64, dtype);
  node.i = v.i;
  node.f = is_floating(dtype) ? v.f : 0;
  return intern(std::move(node));
}

Expr Pool::var(std::int64_t extent, std::string name) {
  ExprNode node{};
  node.op = Op::Var;
  node.dtype = DType::I64;
  node.i = num_vars();
  impl_->vars.push_back({extent, std::move(name)});
  return intern(std::move(node));
}

Expr Pool::load(BufferId buffer, DType memory_dtype, Expr index, Expr mask) {
  const DType dtype = compute_dtype(memory_dtype);
  if (mask && mask->op == Op::Const) {
    if (mask->i == 0) return integer(0, dtype);
    mask = {};
  }
  ExprNode node{};
  node.op = Op::Load;
  node.dtype = dtype;
  node.args = {index};
  if (mask) node.args.push_back(mask);
  node.i = buffer;
  node.in_f16 = memory_dtype == DType::F16;
  node.in_bf16 = memory_dtype == DType::BF16;
  return intern(std::move(node));
}

Expr Pool::read(RegId reg, DType dtype, std::vector<Expr> index) {
  ExprNode node{};
  node.op = Op::RegRead;
  node.dtype = compute_dtype(dtype);
  node.args = std::move(index);
  node.i = reg;
  return intern(std::move(node));
}

Expr Pool::make(Op op, DType dtype, std::vector<Expr> args) {
  dtype = compute_dtype(dtype);
  if (args.empty() || op <= Op::RegRead) {
    throw InternalError(std::string("kernel IR: make cannot build ") + op_name(op));
  }
  const DType operand = args[0]->dtype;
  if (all_const(args)) {
    Value v[3];
    for (std::size_t k = 0; k < args.size() && k < 3; ++k) v[k] = {args[k]->i, args[k]->f};
    if (op != Op::MulAdd || rounds_alike(dtype, v)) {
      const Value r = apply(op, dtype, operand, v);
      return is_floating(dtype) ? constant(dtype, r.f) : integer(r.i, dtype);
    }
  }
  // Constants go right; otherwise the older node goes left.
  if (is_commutative(op)) {
    const bool left_const = args[0]->op == Op::Const, right_const = args[1]->op == Op::Const;
    if (left_const || (!right_const && args[1]->id < args[0]->id)) std::swap(args[0], args[1]);
  }
  Expr simple;
  if (op == Op::Select) {
    simple = simplify_select(*this, dtype, args);
  } else if (op == Op::Cast) {
    simple = simplify_cast(*this, dtype, args[0]);
  } else if (dtype == DType::Bool && !is_compare(op)) {
    simple = simplify_bool(*this, op, args);
  } else if (operand == DType::I64) {
    simple = simplify_index(*this, op, args);
  }
  if (!simple && op != Op::Select && op != Op::Cast) {
    simple = simplify_scalar(*this, op, dtype, args);
  }
  return simple ? simple : raw(*this, op, dtype, std::move(args));
}

Expr Pool::cast(Expr x, DType dtype) {
  dtype = compute_dtype(dtype);
  return x->dtype == dtype ? x : make(Op::Cast, dtype, {x});
}

Expr Pool::bitcast(Expr x, DType dtype) {
  if (x->dtype == dtype) return x;
  if (x->op == Op::Bitcast && x->args[0]->dtype == dtype) return x->args[0];
  return make(Op::Bitcast, dtype, {x});
}

Expr Pool::select(Expr cond, Expr a, Expr b) { return make(Op::Select, a->dtype, {cond, a, b}); }
Expr Pool::fma(Expr a, Expr b, Expr c) { return make(Op::Fma, a->dtype, {a, b, c}); }
Expr Pool::multiply_add(Expr a, Expr b, Expr c) {
  return make(sum_op(a->dtype), a->dtype, {a, b, c});
}

const std::string& Pool::var_name(VarId id) const {
  return impl_->vars.at(static_cast<std::size_t>(id)).name;
}
std::int64_t Pool::var_extent(VarId id) const {
  return impl_->vars.at(static_cast<std::size_t>(id)).extent;
}
int Pool::num_vars() const { return static_cast<int>(impl_->vars.size()); }

}  // namespace lilith::kir
