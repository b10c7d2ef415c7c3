#include <algorithm>
#include <unordered_set>

#include "kernel_ir/broken.h"
#include "kernel_ir/grid.h"
#include "kernel_ir/linear.h"
#include "kernel_ir/scalar.h"

namespace lilith::kir {
namespace {

int arity(Op op) {
  switch (op) {
    case Op::Const:
    case Op::Var:
      return 0;
    case Op::Neg:
    case Op::Abs:
    case Op::Sqrt:
    case Op::Floor:
    case Op::Ceil:
    case Op::Trunc:
    case Op::RoundEven:
    case Op::RoundF16:
    case Op::RoundBF16:
    case Op::Not:
    case Op::Ctz:
    case Op::PopCount:
    case Op::Cast:
    case Op::Bitcast:
      return 1;
    case Op::Fma:
    case Op::MulAdd:
    case Op::Select:
      return 3;
    default:
      return 2;
  }
}

bool is_compare(Op op) { return op >= Op::Eq && op <= Op::ULt; }
bool is_bitwise(Op op) { return op >= Op::And && op <= Op::PopCount; }
bool is_rounding(Op op) { return op >= Op::Sqrt && op <= Op::RoundBF16; }

class Verifier {
 public:
  explicit Verifier(const Kernel& k) : kernel_(k), live_(k.regs.size()) {}

  void run() {
    for (const BufferDecl& b : kernel_.buffers) {
      if (b.size < 0) broken("buffer {} has size {}", b.name, b.size);
    }
    for (const RegDecl& r : kernel_.regs) check_reg(r);
    block(kernel_.body);
  }

 private:
  static void check_reg(const RegDecl& r) {
    if (r.dtype != compute_dtype(r.dtype)) {
      broken("register {} is {}; {} exists in memory alone", r.name, name(r.dtype), name(r.dtype));
    }
    for (std::int64_t d : r.dims) {
      if (d <= 0) broken("register {} has a dimension of {}", r.name, d);
    }
  }

  void block(const Block& statements) {
    std::vector<RegId> declared;
    for (const Stmt& s : statements) {
      if (s.kind == Stmt::Kind::DeclReg) declared.push_back(s.decl.reg);
      stmt(s);
    }
    for (RegId r : declared) live_[static_cast<std::size_t>(r)] = false;
  }

  void stmt(const Stmt& s) {
    switch (s.kind) {
      case Stmt::Kind::For:
        return loop(s.loop);
      case Stmt::Kind::While:
        if (in_vector_) broken("a while loop inside a vector loop");
        condition(s.while_loop.cond, "while");
        return body(s.while_loop.body.get(), "while");
      case Stmt::Kind::If:
        condition(s.branch.cond, "if");
        body(s.branch.then_body.get(), "if");
        if (s.branch.else_body) body(s.branch.else_body.get(), "if");
        return;
      case Stmt::Kind::Store:
        return store(s.store);
      case Stmt::Kind::DeclReg:
        return decl(s.decl);
      case Stmt::Kind::SetReg: {
        const RegDecl& r = access(s.set.reg, s.set.index, "set");
        return value(s.set.value, r.dtype, r.name);
      }
      case Stmt::Kind::Accumulate:
        return accumulate(s.acc);
      case Stmt::Kind::Prefetch:
        if (in_vector_) broken("a prefetch inside a vector loop");
        return value(s.prefetch.index, DType::I64, buffer(s.prefetch.buffer).name);
      case Stmt::Kind::Barrier:
        if (depth_ > 0 && kernel_.threads == 0) broken("a barrier inside a loop or a branch");
        return;
      case Stmt::Kind::Mma:
        return mma(s.mma);
    }
  }

  void loop(const For& l) {
    if (!l.var || l.var->op != Op::Var) broken("a loop without a variable");
    const auto id = static_cast<VarId>(l.var->i);
    const std::string& var = kernel_.pool->var_name(id);
    if (l.extent < 0 || l.extent > kernel_.pool->var_extent(id)) {
      broken("loop {} runs to {}, its variable's extent is {}", var, l.extent,
             kernel_.pool->var_extent(id));
    }
    if (l.count) count(l, var);
    if (l.kind == LoopKind::Parallel && (in_parallel_ || in_loop_)) {
      broken("parallel loop {} is not outermost", var);
    }
    if (l.kind == LoopKind::Vector && in_vector_) broken("vector loop {} inside another", var);
    if (!bound_.insert(id).second) broken("loop {} binds a variable that is bound already", var);
    const bool parallel = in_parallel_, vector = in_vector_, inside = in_loop_;
    in_parallel_ = parallel || l.kind == LoopKind::Parallel;
    in_vector_ = vector || l.kind == LoopKind::Vector;
    in_loop_ = true;
    body(l.body.get(), "for");
    in_parallel_ = parallel;
    in_vector_ = vector;
    in_loop_ = inside;
    bound_.erase(id);
  }

  void count(const For& l, const std::string& var) {
    if (l.kind != LoopKind::Serial && l.kind != LoopKind::Parallel && l.kind != LoopKind::Vector)
      broken("loop {} has a count, and is written out or a GPU's", var);
    value(l.count, DType::I64, var);
    if (l.count->lo < 1 || l.count->hi > l.extent)
      broken("the count of loop {} may be outside of 1 to {}", var, l.extent);
  }

  void body(const Block* b, const char* of) {
    if (b == nullptr) broken("a {} without a body", of);
    ++depth_;
    block(*b);
    --depth_;
  }

  void condition(Expr x, const char* of) {
    if (!x) broken("a {} without a condition", of);
    value(x, DType::Bool, of);
  }

  void store(const Store& s) {
    const BufferDecl& b = buffer(s.buffer);
    if (!b.written) broken("a store to {}, which is not marked as written", b.name);
    value(s.index, DType::I64, b.name);
    // Integers are cut to the width that memory has.
    const bool cut = s.value && is_integral(b.dtype) && is_integral(s.value->dtype);
    value(s.value, cut ? s.value->dtype : compute_dtype(b.dtype), b.name);
    if (s.mask) value(s.mask, DType::Bool, b.name);
  }

  void decl(const DeclReg& d) {
    const RegDecl& r = reg(d.reg);
    if (live_[static_cast<std::size_t>(d.reg)]) broken("register {} is declared twice", r.name);
    value(d.init, r.dtype, r.name);
    live_[static_cast<std::size_t>(d.reg)] = true;
  }

  void accumulate(const Accumulate& a) {
    const RegDecl& r = access(a.reg, a.index, "accumulate");
    value(a.value, r.dtype, r.name);
    if (a.a) {
      value(a.a, r.dtype, r.name);
      if (a.combine != Combine::Add) broken("accumulate into {}: a factor needs add", r.name);
    }
    if (a.mask) value(a.mask, DType::Bool, r.name);
    const bool bits = a.combine == Combine::And || a.combine == Combine::Or;
    if (bits && is_floating(r.dtype)) broken("accumulate into {}: bits of a float", r.name);
  }

  void mma(const Mma& s) {
    const RegDecl& r = reg(s.acc);
    if (!live_[static_cast<std::size_t>(s.acc)])
      broken("mma into register {} outside its life", r.name);
    if (r.dtype != DType::F32 || r.dims.size() != s.place.size() + 3 || r.dims.back() != 4)
      broken("mma into register {}: no f32 of dimensions [mi][ni][4] beside its place", r.name);
    for (Expr x : s.place) value(x, DType::I64, r.name);
    const DType of = buffer(s.a.buffer).dtype;
    if (of != buffer(s.b.buffer).dtype || (of != DType::F32 && !is_half(of)))
      broken("mma of {} and {}", name(of), name(buffer(s.b.buffer).dtype));
    const MmaShape shape = mma_shape(kernel_, s);
    operand(s.a, MmaShape::kRows * shape.mi, shape.k);
    operand(s.b, MmaShape::kColumns * shape.ni, shape.k);
  }

  /// All that an Mma reads of an operand lies in its buffer, pairs of halves in words.
  void operand(const MmaOperand& of, std::int64_t count, std::int64_t sum) {
    const BufferDecl& b = buffer(of.buffer);
    if (b.space != Space::Shared) broken("mma reads {}, which is not shared", b.name);
    value(of.index, DType::I64, b.name);
    const std::int64_t last = (count - 1) * of.across + (sum - 1) * of.along;
    if (of.across < 0 || of.along < 0 || of.index->lo < 0 || of.index->hi >= b.size - last)
      broken("mma leaves {}: from [{}, {}] to {} more, size {}", b.name, of.index->lo, of.index->hi,
             last, b.size);
    if (!is_half(b.dtype)) return;
    const LinearForm form(of.index);
    const bool even = form.constant % 2 == 0 &&
                      std::ranges::all_of(form.terms, [](const auto& t) { return t.k % 2 == 0; });
    if (of.along != 1 || of.across % 2 != 0 || !even)
      broken("mma of {}: pairs of halves are no words of memory", b.name);
  }

  const BufferDecl& buffer(BufferId id) const {
    if (id < 0 || id >= static_cast<int>(kernel_.buffers.size())) broken("no buffer {}", id);
    return kernel_.buffers[static_cast<std::size_t>(id)];
  }
  const RegDecl& reg(RegId id) const {
    if (id < 0 || id >= static_cast<int>(kernel_.regs.size())) broken("no register {}", id);
    return kernel_.regs[static_cast<std::size_t>(id)];
  }
  const RegDecl& access(RegId id, const std::vector<Expr>& index, const char* what) {
    const RegDecl& r = reg(id);
    if (!live_[static_cast<std::size_t>(id)])
      broken("{} of register {} outside its life", what, r.name);
    if (index.size() != r.dims.size()) {
      broken("{} of register {}: {} indices for {} dimensions", what, r.name, index.size(),
             r.dims.size());
    }
    for (std::size_t d = 0; d < index.size(); ++d) {
      value(index[d], DType::I64, r.name);
      if (index[d]->hi < 0 || index[d]->lo >= r.dims[d]) {
        broken("{} of register {}: index outside dimension {}", what, r.name, d);
      }
    }
    return r;
  }

  /// Checks an expression of a statement and its dtype.
  void value(Expr x, DType dtype, std::string_view of) {
    if (!x) broken("{}: an expression is missing", of);
    if (x->dtype != dtype) {
      broken("{}: an expression is {}, needed {}", of, name(x->dtype), name(dtype));
    }
    visited_.clear();
    expr(x);
  }

  void expr(Expr x) {
    if (!visited_.insert(x.node()).second) return;
    if (x->pool != kernel_.pool.get()) broken("an expression of another kernel's pool");
    for (Expr a : x->args) {
      if (!a) broken("{} with a null operand", op_name(x->op));
      expr(a);
    }
    switch (x->op) {
      case Op::Const:
        return;
      case Op::Var:
        if (bound_.count(static_cast<VarId>(x->i)) == 0) {
          broken("variable {} outside its loop", kernel_.pool->var_name(static_cast<VarId>(x->i)));
        }
        return;
      case Op::Load:
        return load(x);
      case Op::RegRead: {
        const RegDecl& r = access_read(x);
        if (r.dtype != x->dtype)
          broken("register {} is {}, read as {}", r.name, name(r.dtype), name(x->dtype));
        return;
      }
      default:
        return operation(x);
    }
  }

  void load(Expr x) const {
    const BufferDecl& b = buffer(static_cast<BufferId>(x->i));
    if (compute_dtype(b.dtype) != x->dtype) {
      broken("a load of {} ({}) as {}", b.name, name(b.dtype), name(x->dtype));
    }
    if (x->args.empty() || x->args[0]->dtype != DType::I64)
      broken("load of {}: index is no i64", b.name);
    if (b.space == Space::Scalar && (x->args.size() != 1 || x->args[0]->op != Op::Const))
      broken("load of {}: a number of the launch is at no constant index", b.name);
    if (x->args.size() > 2 || (x->args.size() == 2 && x->args[1]->dtype != DType::Bool)) {
      broken("load of {}: the mask is no bool", b.name);
    }
  }

  const RegDecl& access_read(Expr x) const {
    const RegDecl& r = reg(static_cast<RegId>(x->i));
    if (!live_[static_cast<std::size_t>(x->i)])
      broken("read of register {} outside its life", r.name);
    if (x->args.size() != r.dims.size()) {
      broken("read of register {}: {} indices for {} dimensions", r.name, x->args.size(),
             r.dims.size());
    }
    return r;
  }

  static void operation(Expr x) {
    const Op op = x->op;
    const char* n = op_name(op);
    if (static_cast<int>(x->args.size()) != arity(op))
      broken("{} of {} operands", n, x->args.size());
    if (is_half(x->dtype)) broken("{} of {}", n, name(x->dtype));
    const DType first = x->args[0]->dtype;
    if (op == Op::Cast) return;
    if (op == Op::Bitcast) {
      if (size_of(first) != size_of(x->dtype))
        broken("bitcast of {} to {}", name(first), name(x->dtype));
      return;
    }
    if (op == Op::Select && first != DType::Bool) broken("select by {}", name(first));
    const DType operand = is_compare(op) ? first : x->dtype;
    if (is_compare(op) && x->dtype != DType::Bool) broken("{} gives {}", n, name(x->dtype));
    for (std::size_t k = op == Op::Select ? 1 : 0; k < x->args.size(); ++k) {
      if (x->args[k]->dtype != operand) {
        broken("{} of {} has an operand of {}", n, name(operand), name(x->args[k]->dtype));
      }
    }
    const bool integers =
        is_bitwise(op) || op == Op::FloorDiv || op == Op::FloorMod || op == Op::ULt;
    if (integers && is_floating(operand)) broken("{} of {}", n, name(operand));
    if (is_rounding(op) && !is_floating(operand)) broken("{} of {}", n, name(operand));
  }

  const Kernel& kernel_;
  std::vector<bool> live_;
  std::unordered_set<VarId> bound_;
  std::unordered_set<const ExprNode*> visited_;
  int depth_ = 0;
  bool in_parallel_ = false, in_vector_ = false, in_loop_ = false;
};

}  // namespace

void verify(const Kernel& k) {
  Verifier(k).run();
  verify_grid(k);
  if (k.threads > 0) verify_races(k);
}

}  // namespace lilith::kir
