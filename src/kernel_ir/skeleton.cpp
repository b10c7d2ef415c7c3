#include "kernel_ir/skeleton.h"

#include <algorithm>
#include <bit>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "core/bytes.h"
#include "kernel_ir/walk.h"
#include "lilith/error.h"

namespace lilith::kir {
namespace {

/// What has to stay as it is: expressions that index registers, and their variables.
class Fixed {
 public:
  explicit Fixed(const Kernel& k) { block(k.body); }

  bool contains(Expr e) const { return exprs_.contains(e.node()); }
  /// Whether the loop's number of iterations may be given at launch.
  bool allows(const For& l) const {
    const bool kind =
        l.kind == LoopKind::Serial || l.kind == LoopKind::Parallel || l.kind == LoopKind::Vector;
    return kind && l.extent > 1 && !exprs_.contains(l.var.node());
  }

 private:
  void block(const Block& statements) {
    for (const Stmt& s : statements) {
      for_each_expr(s, [&](Expr e) { reads(e); });
      for (Expr e : s.set.index) index(e);
      for (Expr e : s.acc.index) index(e);
      for_each_block(s, [&](const Block& b) { block(b); });
    }
  }
  void reads(Expr e) {
    if (!seen_.insert(e.node()).second) return;
    for (Expr a : e->args) {
      if (e->op == Op::RegRead) index(a);
      if (a) reads(a);
    }
  }
  void index(Expr e) {
    for_each_below(e, [&](Expr x) {
      if (x->op != Op::Const) exprs_.insert(x.node());
    });
  }

  std::unordered_set<const ExprNode*> exprs_, seen_;
};

std::int64_t bits_of(Expr constant) {
  return is_floating(constant->dtype) ? std::bit_cast<std::int64_t>(constant->f) : constant->i;
}

std::int64_t rounded_scratch(std::int64_t size) {
  return static_cast<std::int64_t>(
      std::bit_ceil(static_cast<std::uint64_t>(std::max<std::int64_t>(size, 256))));
}

class SkeletonWriter {
 public:
  explicit SkeletonWriter(const Kernel& k) : kernel_(k), fixed_(k) {}

  Skeleton run() {
    for (const BufferDecl& b : kernel_.buffers) {
      number(static_cast<int>(b.dtype));
      number(static_cast<int>(b.space));
      number(b.written);
      if (b.space != Space::Param) number(rounded_scratch(b.size));
    }
    number(-1);
    for (const RegDecl& r : kernel_.regs) {
      number(static_cast<int>(r.dtype));
      number(static_cast<std::int64_t>(r.dims.size()));
      for (std::int64_t d : r.dims) number(d);
    }
    number(-1);
    block(kernel_.body);
    out_.form = form_.take();
    return std::move(out_);
  }

 private:
  void number(std::int64_t v) { form_.number(v); }

  /// `fixed`: the constant decides how code is written.
  void expr(Expr e, bool fixed = false) {
    if (!e) return number(0);
    if (e->op == Op::Const) {
      number(1);
      number(static_cast<int>(e->dtype));
      number(fixed || e->dtype == DType::Bool);
      if (fixed || e->dtype == DType::Bool) return number(bits_of(e));
      out_.numbers.push_back({Number::Role::Constant, e->dtype, bits_of(e)});
      return;
    }
    auto [it, is_new] = exprs_.try_emplace(e.node(), exprs_.size() + 2);
    number(static_cast<std::int64_t>(it->second));
    if (!is_new) return;
    number(static_cast<int>(e->op));
    number(static_cast<int>(e->dtype));
    number(static_cast<std::int64_t>(e->args.size()));
    if (e->op != Op::Var) number(e->i);
    fixed = fixed_.contains(e) || e->op == Op::RegRead;
    for (Expr a : e->args) expr(a, fixed);
  }

  void body(const std::shared_ptr<Block>& b) {
    number(b != nullptr);
    if (b) block(*b);
  }
  void block(const Block& b) {
    number(static_cast<std::int64_t>(b.size()));
    for (const Stmt& s : b) stmt(s);
  }
  void stmt(const Stmt& s) {
    using Kind = Stmt::Kind;
    number(static_cast<int>(s.kind));
    switch (s.kind) {
      case Kind::For:
        return loop(s.loop);
      case Kind::While:
        expr(s.while_loop.cond);
        return body(s.while_loop.body);
      case Kind::If:
        expr(s.branch.cond);
        body(s.branch.then_body);
        return body(s.branch.else_body);
      case Kind::Store:
        number(s.store.buffer);
        number(s.store.non_temporal);
        expr(s.store.index);
        expr(s.store.value);
        return expr(s.store.mask);
      case Kind::DeclReg:
        number(s.decl.reg);
        return expr(s.decl.init);
      case Kind::SetReg:
        number(s.set.reg);
        for (Expr e : s.set.index) expr(e, true);
        return expr(s.set.value);
      case Kind::Accumulate:
        number(s.acc.reg);
        number(static_cast<int>(s.acc.combine));
        for (Expr e : s.acc.index) expr(e, true);
        expr(s.acc.value);
        expr(s.acc.a);
        return expr(s.acc.mask);
      case Kind::Prefetch:
        number(s.prefetch.buffer);
        return expr(s.prefetch.index);
      case Kind::Barrier:
      case Kind::Mma:  // a GPU's
        return;
    }
  }
  void loop(const For& l) {
    expr(l.var);
    number(static_cast<int>(l.kind));
    number(l.sums);
    if (fixed_.allows(l)) {
      number(-1);
      const bool tasks = l.kind == LoopKind::Parallel;
      out_.numbers.push_back(
          {tasks ? Number::Role::Tasks : Number::Role::Extent, DType::I64, l.extent});
    } else {
      number(l.extent);
    }
    body(l.body);
  }

  const Kernel& kernel_;
  const Fixed fixed_;
  ByteWriter form_;
  Skeleton out_;
  std::unordered_map<const ExprNode*, std::size_t> exprs_;
};

/// The same walk, writing a kernel.
class Generaliser {
 public:
  using Extents = std::unordered_map<VarId, std::int64_t>;  // of variables whose count is given

  Generaliser(const Kernel& k, const Holes& holes, Extents extents = {})
      : from_(k), fixed_(k), holes_(holes), extents_(std::move(extents)) {
    to_.name = k.name;
    to_.buffers = k.buffers;
    to_.regs = k.regs;
    for (BufferDecl& b : to_.buffers)
      b.size = b.space == Space::Param ? kAnySize : rounded_scratch(b.size);
    const auto places = static_cast<std::int64_t>(holes.ranges.size());
    numbers_ = to_.add_buffer("numbers", DType::I64, places, Space::Scalar);
    to_.buffers.back().written = false;
  }

  const Extents& extents() const { return extents_; }

  Kernel run() {
    to_.body = block(from_.body);
    if (next_ != holes_.slots.size())
      throw InternalError(fmt::format("kernel {}: {} numbers, {} in its form", from_.name,
                                      holes_.slots.size(), next_));
    return std::move(to_);
  }

 private:
  static constexpr std::int64_t kAnySize = std::int64_t{1} << 40;
  Pool& pool() { return *to_.pool; }

  Expr place(int slot) {
    const Holes::Range& range = holes_.ranges[static_cast<std::size_t>(slot)];
    ExprNode load{Op::Load, DType::I64, &pool(), {pool().integer(slot)}, numbers_};
    load.lo = range.least;
    load.hi = range.most;
    return pool().intern(load);
  }
  Expr constant(Expr e, bool fixed) {
    const int slot = fixed || e->dtype == DType::Bool ? -1 : holes_.slots.at(next_++);
    ExprNode node{Op::Const, e->dtype, &pool(), {}, e->i, e->f};
    if (slot < 0) return pool().intern(node);
    const Expr given = place(slot);
    if (e->dtype == DType::I64) return given;
    if (e->dtype == DType::F64) return pool().bitcast(given, DType::F64);
    if (is_floating(e->dtype)) return pool().cast(pool().bitcast(given, DType::F64), e->dtype);
    return pool().cast(given, e->dtype);
  }
  Expr expr(Expr e, bool fixed = false) {
    if (!e) return {};
    if (e->op == Op::Const) return constant(e, fixed);
    const auto known = exprs_.find(e.node());
    if (known != exprs_.end()) return known->second;
    ExprNode node{e->op, e->dtype, &pool(), {}, e->i, e->f};
    fixed = fixed_.contains(e) || e->op == Op::RegRead;
    for (Expr a : e->args) node.args.push_back(expr(a, fixed));
    if (e->op == Op::Load) {  // an index that was known to be in some range still is
      node.lo = e->lo;
      node.hi = e->hi;
    }
    const Expr made = e->op == Op::Var ? variable(e) : pool().intern(node);
    return exprs_[e.node()] = made;
  }
  /// Of a loop that comes before its use: bound to what its count may be.
  Expr variable(Expr e) {
    const auto id = static_cast<VarId>(e->i);
    const auto most = extents_.find(id);
    return pool().var(most == extents_.end() ? from_.pool->var_extent(id) : most->second,
                      from_.pool->var_name(id));
  }

  std::shared_ptr<Block> body(const std::shared_ptr<Block>& b) {
    return b ? std::make_shared<Block>(block(*b)) : nullptr;
  }
  Block block(const Block& b) {
    Block out;
    for (const Stmt& s : b) out.push_back(stmt(s));
    return out;
  }
  Stmt stmt(const Stmt& s) {
    using Kind = Stmt::Kind;
    switch (s.kind) {
      case Kind::For:
        return loop(s.loop);
      case Kind::While: {
        const Expr cond = expr(s.while_loop.cond);
        return While{cond, body(s.while_loop.body)};
      }
      case Kind::If: {
        const Expr cond = expr(s.branch.cond);
        auto yes = body(s.branch.then_body);
        return If{cond, std::move(yes), body(s.branch.else_body)};
      }
      case Kind::Store: {
        const Expr index = expr(s.store.index), value = expr(s.store.value);
        return Store{s.store.buffer, index, value, expr(s.store.mask), s.store.non_temporal};
      }
      case Kind::DeclReg:
        return DeclReg{s.decl.reg, expr(s.decl.init)};
      case Kind::SetReg: {
        std::vector<Expr> index = indices(s.set.index);
        return SetReg{s.set.reg, std::move(index), expr(s.set.value)};
      }
      case Kind::Accumulate: {
        Accumulate a{s.acc.reg, indices(s.acc.index), s.acc.combine, {}, {}, {}};
        a.value = expr(s.acc.value);
        a.a = expr(s.acc.a);
        a.mask = expr(s.acc.mask);
        return a;
      }
      case Kind::Prefetch:
        return Prefetch{s.prefetch.buffer, expr(s.prefetch.index)};
      case Kind::Barrier:
      case Kind::Mma:  // a GPU's
        break;
    }
    return Barrier{};
  }
  std::vector<Expr> indices(const std::vector<Expr>& from) {
    std::vector<Expr> out;
    for (Expr e : from) out.push_back(expr(e, true));
    return out;
  }
  Stmt loop(const For& l) {
    // The walk takes the variable first, the number then; the variable's range is the number's.
    const bool open = fixed_.allows(l);
    const int slot = open ? holes_.slots.at(next_++) : -1;
    if (slot >= 0) {
      std::int64_t& most = extents_[static_cast<VarId>(l.var->i)];
      most = std::max({most, holes_.ranges[static_cast<std::size_t>(slot)].most,
                       from_.pool->var_extent(static_cast<VarId>(l.var->i))});
    }
    For out{expr(l.var), l.extent, l.kind, nullptr};
    if (slot >= 0) {
      out.extent = holes_.ranges[static_cast<std::size_t>(slot)].most;
      out.count = place(slot);
    }
    out.sums = l.sums;
    out.body = body(l.body);
    return out;
  }

  const Kernel& from_;
  const Fixed fixed_;
  const Holes& holes_;
  Kernel to_;
  BufferId numbers_ = 0;
  std::size_t next_ = 0;
  std::unordered_map<const ExprNode*, Expr> exprs_;
  Extents extents_;
};

/// Room for growth: sizes that double do not each make a kernel. Indices within 32 bits are what
/// small ranges are good for.
Holes::Range range_of(const std::vector<std::int64_t>& seen) {
  constexpr std::int64_t kRoom = 8, kSmall = 4096, kLarge = INT64_MAX / (2 * kRoom);
  std::int64_t least = INT64_MAX, most = 0;
  for (const std::int64_t v : seen) {
    const bool large = v > kLarge || v < -kLarge;
    const auto room = large ? INT64_MAX
                            : static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(
                                  std::max(kRoom * std::abs(v), kSmall))));
    most = std::max(most, room);
    least = std::min(least, v > 0 ? 1 : v == 0 ? 0 : large ? INT64_MIN : -room);
  }
  return {least, most};
}

}  // namespace

Skeleton skeleton(const Kernel& k) {
  if (k.threads > 0)
    throw InternalError(fmt::format("kernel {}: the form of a kernel for a GPU", k.name));
  return SkeletonWriter(k).run();
}

Holes::Holes(const std::vector<std::vector<Number>>& samples) {
  // Places by what is in them: role, dtype and the value in each sample.
  std::map<std::vector<std::int64_t>, int> places;
  for (std::size_t k = 0; k < samples.front().size(); ++k) {
    const Number& first = samples.front()[k];
    std::vector<std::int64_t> key;
    for (const std::vector<Number>& s : samples) key.push_back(s[k].value);
    const bool same = std::all_of(key.begin(), key.end(), [&](auto v) { return v == key[0]; });
    if (same && first.role != Number::Role::Tasks) {
      slots.push_back(-1);
      continue;
    }
    const Range range =
        first.is_integer() ? range_of(key) : Range{INT64_MIN, INT64_MAX};  // bits of a float
    const bool constant = first.role == Number::Role::Constant;
    key.push_back(constant ? static_cast<std::int64_t>(first.dtype)
                           : -1 - static_cast<std::int64_t>(first.role));
    const auto [at, is_new] = places.try_emplace(key, static_cast<int>(ranges.size()));
    if (is_new) ranges.push_back(range);
    slots.push_back(at->second);
  }
}

bool Holes::fit(const std::vector<Number>& numbers, const std::vector<Number>& fixed) const {
  std::vector<const Number*> in(ranges.size(), nullptr);
  for (std::size_t k = 0; k < slots.size(); ++k) {
    const Number& n = numbers[k];
    if (slots[k] < 0) {
      if (n.value != fixed[k].value) return false;
      continue;
    }
    const auto slot = static_cast<std::size_t>(slots[k]);
    const Number*& before = in[slot];
    if (before != nullptr && before->value != n.value) return false;
    before = &n;
    const Range& range = ranges[slot];
    if (n.is_integer() && (n.value < range.least || n.value > range.most)) return false;
  }
  return true;
}

std::vector<std::int64_t> Holes::values(const std::vector<Number>& numbers) const {
  std::vector<std::int64_t> out(ranges.size(), 0);
  for (std::size_t k = 0; k < slots.size(); ++k)
    if (slots[k] >= 0) out[static_cast<std::size_t>(slots[k])] = numbers[k].value;
  return out;
}

Kernel generalise(const Kernel& k, const Holes& holes) {
  // A variable may have several loops: what it may be is known after the first walk.
  Generaliser first(k, holes);
  first.run();
  return Generaliser(k, holes, first.extents()).run();
}

}  // namespace lilith::kir
