#include <unordered_map>

#include "kernel_ir/kernel.h"
#include "lilith/error.h"

// The text form. A subexpression that a statement uses more than once gets a line of its own, %0,
// %1, …
namespace lilith::kir {
namespace {

const char* infix(Op op) {
  switch (op) {
    case Op::Add:
      return "+";
    case Op::Sub:
      return "-";
    case Op::Mul:
      return "*";
    case Op::Div:
      return "/";
    case Op::FloorDiv:
      return "//";
    case Op::FloorMod:
      return "%";
    case Op::And:
      return "&";
    case Op::Or:
      return "|";
    case Op::Xor:
      return "^";
    case Op::Eq:
      return "==";
    case Op::Ne:
      return "!=";
    case Op::Lt:
      return "<";
    case Op::Le:
      return "<=";
    default:
      return nullptr;
  }
}

const char* loop_name(LoopKind kind) {
  switch (kind) {
    case LoopKind::Serial:
      return "for";
    case LoopKind::Parallel:
      return "parallel";
    case LoopKind::Vector:
      return "vector";
    case LoopKind::Unroll:
      return "unroll";
    case LoopKind::Grid:
      return "grid";
    case LoopKind::Thread:
      return "thread";
  }
  return "loop";
}

const char* space_name(Space space) {
  static constexpr const char* kNames[] = {"param", "scratch", "shared", "scalar"};
  return kNames[static_cast<int>(space)];
}

const char* combine_name(Combine c) {
  static constexpr const char* kNames[] = {"add", "mul", "max", "min", "and", "or"};
  return kNames[static_cast<int>(c)];
}

bool is_leaf(Expr x) { return x->args.empty(); }

class Printer {
 public:
  explicit Printer(const Kernel* k) : kernel_(k) {}

  std::string kernel() {
    out_ = fmt::format("kernel {}", kernel_->name);
    if (kernel_->threads > 0) out_ += fmt::format(", {} threads a block", kernel_->threads);
    out_ += '\n';
    for (const BufferDecl& b : kernel_->buffers) {
      line("{} {}: {}[{}]{}", space_name(b.space), b.name, name(b.dtype), b.size,
           b.written && b.space != Space::Shared ? " written" : "");
    }
    block(kernel_->body);
    return std::move(out_);
  }

  std::string expr(Expr x) {
    depth_ = 0;
    begin({x});
    if (out_.empty()) return text(x);
    return out_ + text(x);
  }

 private:
  template <class... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    out_.append(static_cast<std::size_t>(depth_) * 2, ' ');
    fmt::format_to(std::back_inserter(out_), format, std::forward<Args>(args)...);
    out_ += '\n';
  }

  void block(const Block& statements) {
    for (const Stmt& s : statements) stmt(s);
  }
  void nested(const Block& statements) {
    ++depth_;
    block(statements);
    --depth_;
  }

  void stmt(const Stmt& s) {
    switch (s.kind) {
      case Stmt::Kind::For:
        begin({s.loop.count});
        line("{} {} in {}{}", loop_name(s.loop.kind), text(s.loop.var),
             s.loop.count ? fmt::format("{}, at most {}", text(s.loop.count), s.loop.extent)
                          : std::to_string(s.loop.extent),
             s.loop.sums > 0 ? fmt::format(", {} sums", s.loop.sums) : "");
        return nested(*s.loop.body);
      case Stmt::Kind::While:
        begin({s.while_loop.cond});
        line("while {}", text(s.while_loop.cond));
        return nested(*s.while_loop.body);
      case Stmt::Kind::If:
        begin({s.branch.cond});
        line("if {}", text(s.branch.cond));
        nested(*s.branch.then_body);
        if (!s.branch.else_body) return;
        line("else");
        return nested(*s.branch.else_body);
      case Stmt::Kind::Store:
        return store(s.store);
      case Stmt::Kind::DeclReg: {
        begin({s.decl.init});
        const RegDecl& r = kernel_->regs.at(static_cast<std::size_t>(s.decl.reg));
        std::string dims;
        for (std::size_t d = 0; d < r.dims.size(); ++d) {
          const bool thread = static_cast<int>(d) < r.thread_dims;
          dims += fmt::format("[{}{}]", thread ? "thread " : "", r.dims[d]);
        }
        return line("decl {}: {}{} = {}", r.name, name(r.dtype), dims, text(s.decl.init));
      }
      case Stmt::Kind::SetReg:
        begin(s.set.index, {s.set.value});
        return line("{} = {}", reg(s.set.reg, s.set.index), text(s.set.value));
      case Stmt::Kind::Accumulate:
        return accumulate(s.acc);
      case Stmt::Kind::Prefetch:
        begin({s.prefetch.index});
        return line("prefetch {}[{}]", buffer(s.prefetch.buffer), text(s.prefetch.index));
      case Stmt::Kind::Barrier:
        return line("barrier");
      case Stmt::Kind::Mma:
        begin(s.mma.place, {s.mma.a.index, s.mma.b.index});
        return line("{} <- mma {}, {}", reg(s.mma.acc, s.mma.place), operand(s.mma.a, "row"),
                    operand(s.mma.b, "column"));
    }
  }

  void store(const Store& s) {
    begin({s.index, s.value, s.mask});
    line("{}[{}] = {}{}{}", buffer(s.buffer), text(s.index), text(s.value),
         s.mask ? " where " + text(s.mask) : "", s.non_temporal ? " nontemporal" : "");
  }

  std::string operand(const MmaOperand& of, const char* across) {
    return fmt::format("{}[{} + {} {} + {} k]", buffer(of.buffer), text(of.index), of.across,
                       across, of.along);
  }

  void accumulate(const Accumulate& s) {
    begin(s.index, {s.a, s.value, s.mask});
    const std::string value = s.a ? fmt::format("muladd {}, {}", text(s.a), text(s.value))
                                  : fmt::format("{} {}", combine_name(s.combine), text(s.value));
    line("{} <- {}{}", reg(s.reg, s.index), value, s.mask ? " where " + text(s.mask) : "");
  }

  /// Counts uses below the roots of one statement and writes out what is shared.
  void begin(const std::vector<Expr>& roots, const std::vector<Expr>& more = {}) {
    uses_.clear();
    names_.clear();
    std::vector<Expr> order;
    for (Expr x : roots) count(x, order);
    for (Expr x : more) count(x, order);
    for (Expr x : order) {
      if (uses_[x.node()] < 2 || is_leaf(x) || affine(x)) continue;
      const std::string value = text(x);
      line("%{} = {}", names_.size(), value);
      names_.emplace(x.node(), names_.size());
    }
  }
  void count(Expr x, std::vector<Expr>& order) {
    if (!x || ++uses_[x.node()] > 1) return;
    for (Expr a : x->args) count(a, order);
    order.push_back(x);
  }

  std::string text(Expr x) {
    const auto named = names_.find(x.node());
    if (named != names_.end()) return fmt::format("%{}", named->second);
    switch (x->op) {
      case Op::Const:
        return constant(x);
      case Op::Var:
        return x.pool().var_name(static_cast<VarId>(x->i));
      case Op::Load: {
        const std::string at =
            fmt::format("{}[{}]", buffer(static_cast<int>(x->i)), text(x->args[0]));
        return x->args.size() < 2 ? at : fmt::format("({} where {})", at, text(x->args[1]));
      }
      case Op::RegRead:
        return reg(static_cast<RegId>(x->i), x->args);
      case Op::Cast:
      case Op::Bitcast:
        return fmt::format("{}_{}({})", op_name(x->op), name(x->dtype), text(x->args[0]));
      default:
        break;
    }
    if (const char* sign = infix(x->op)) {
      return fmt::format("({} {} {})", text(x->args[0]), sign, text(x->args[1]));
    }
    std::string args;
    for (Expr a : x->args) args += (args.empty() ? "" : ", ") + text(a);
    return fmt::format("{}({})", op_name(x->op), args);
  }

  static std::string constant(Expr x) {
    if (x->dtype == DType::Bool) return x->i != 0 ? "true" : "false";
    if (!is_floating(x->dtype)) return fmt::format("{}", x->i);
    std::string s = x->dtype == DType::F32 ? fmt::format("{}", static_cast<float>(x->f))
                                           : fmt::format("{}", x->f);
    const bool plain = s.find_first_of(".en") == std::string::npos;
    return plain ? s + ".0" : s;
  }

  std::string buffer(BufferId id) const {
    if (kernel_ == nullptr) return fmt::format("b{}", id);
    return kernel_->buffers.at(static_cast<std::size_t>(id)).name;
  }
  std::string reg(RegId id, const std::vector<Expr>& index) {
    std::string s = kernel_ == nullptr ? fmt::format("r{}", id)
                                       : kernel_->regs.at(static_cast<std::size_t>(id)).name;
    for (Expr x : index) s += fmt::format("[{}]", text(x));
    return s;
  }

  const Kernel* kernel_;
  std::string out_;
  int depth_ = 1;
  std::unordered_map<const ExprNode*, int> uses_;
  std::unordered_map<const ExprNode*, std::size_t> names_;
};

}  // namespace

std::string to_string(const Kernel& k) { return Printer(&k).kernel(); }
std::string to_string(Expr x, const Kernel* k) { return x ? Printer(k).expr(x) : "null"; }

}  // namespace lilith::kir
