#include <bit>
#include <cstring>
#include <unordered_map>

#include "kernel_ir/evaluate.h"
#include "kernel_ir/grid.h"
#include "lilith/error.h"

namespace lilith::kir {
namespace {

template <class T>
T read_as(const void* p) {
  T v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
template <class T>
void write_as(void* p, T v) {
  std::memcpy(p, &v, sizeof v);
}

Value read_memory(const std::byte* p, DType dtype) {
  switch (dtype) {
    case DType::Bool:
      return {read_as<std::uint8_t>(p) != 0, 0};
    case DType::U8:
      return {read_as<std::uint8_t>(p), 0};
    case DType::I8:
      return {read_as<std::int8_t>(p), 0};
    case DType::I16:
      return {read_as<std::int16_t>(p), 0};
    case DType::I32:
      return {read_as<std::int32_t>(p), 0};
    case DType::I64:
      return {read_as<std::int64_t>(p), 0};
    case DType::F16:
      return {0, static_cast<float>(read_as<half>(p))};
    case DType::BF16:
      return {0, static_cast<float>(read_as<bfloat16>(p))};
    case DType::F32:
      return {0, read_as<float>(p)};
    case DType::F64:
      return {0, read_as<double>(p)};
    default:
      throw InternalError("kernel IR: memory of an unsupported dtype");
  }
}

void write_memory(std::byte* p, DType dtype, Value v) {
  switch (dtype) {
    case DType::Bool:
      return write_as(p, static_cast<std::uint8_t>(v.i != 0));
    case DType::U8:
      return write_as(p, static_cast<std::uint8_t>(v.i));
    case DType::I8:
      return write_as(p, static_cast<std::int8_t>(v.i));
    case DType::I16:
      return write_as(p, static_cast<std::int16_t>(v.i));
    case DType::I32:
      return write_as(p, static_cast<std::int32_t>(v.i));
    case DType::I64:
      return write_as(p, v.i);
    case DType::F16:
      return write_as(p, half(static_cast<float>(v.f)));
    case DType::BF16:
      return write_as(p, bfloat16(static_cast<float>(v.f)));
    case DType::F32:
      return write_as(p, static_cast<float>(v.f));
    case DType::F64:
      return write_as(p, v.f);
    default:
      throw InternalError("kernel IR: memory of an unsupported dtype");
  }
}

constexpr std::byte kUndefined{0xCD}, kUndefinedShared{0xFF};  // NaN, -1

/// Runs a kernel as a team of one thread; statements in order, every loop serial.
class Interpreter : public Leaves {
 public:
  Interpreter(const Kernel& k, const std::vector<void*>& params, RunOrder order,
              MulAddRounds rounds)
      : kernel_(k),
        order_(order),
        rounds_(rounds),
        vars_(static_cast<std::size_t>(k.pool->num_vars())),
        regs_(k.regs.size()) {
    std::size_t next = 0;
    for (const BufferDecl& b : k.buffers) {
      const std::size_t bytes = static_cast<std::size_t>(b.size) * size_of(b.dtype);
      if (b.space == Space::Param || b.space == Space::Scalar) {
        if (next >= params.size()) {
          throw InternalError(fmt::format("kernel {}: {} parameters given, {} has none", k.name,
                                          params.size(), b.name));
        }
        memory_.push_back(static_cast<std::byte*>(params[next++]));
      } else {
        scratch_.emplace_back(bytes, kUndefined);
        memory_.push_back(scratch_.back().data());
      }
    }
  }

  void run() {
    if (kernel_.threads == 0 || !order_.blocks_backwards) return block(kernel_.body);
    for (auto s = kernel_.body.rbegin(); s != kernel_.body.rend(); ++s) stmt(*s);
  }

  std::int64_t var(VarId id) override { return vars_[static_cast<std::size_t>(id)]; }
  Value load(BufferId buffer, std::int64_t index) override {
    return read_memory(address(buffer, index, "load"), decl(buffer).dtype);
  }
  Value reg(RegId id, std::span<const std::int64_t> index) override { return element(id, index); }

 private:
  const BufferDecl& decl(BufferId id) const {
    return kernel_.buffers[static_cast<std::size_t>(id)];
  }

  std::byte* address(BufferId id, std::int64_t index, const char* what) {
    const BufferDecl& b = decl(id);
    if (index < 0 || index >= b.size) {
      throw InternalError(fmt::format("kernel {}: {} at {}[{}], size {}", kernel_.name, what,
                                      b.name, index, b.size));
    }
    return memory_[static_cast<std::size_t>(id)] +
           static_cast<std::size_t>(index) * size_of(b.dtype);
  }

  Value& element(RegId id, std::span<const std::int64_t> index) {
    const auto n = static_cast<std::size_t>(offset(id, index, 0));
    return regs_[static_cast<std::size_t>(id)].at(n);
  }
  Value& element(RegId id, const std::vector<Expr>& index) { return element(id, values(index)); }
  /// What an Accumulate adds to: the lane's partial where there is one.
  Value& sum(const Accumulate& s) {
    const auto partial = partials_.find(s.reg);
    if (partial == partials_.end()) return element(s.reg, s.index);
    const RegDecl& r = kernel_.regs[static_cast<std::size_t>(s.reg)];
    const auto skip = static_cast<std::size_t>(r.thread_dims);
    const std::int64_t at = lane_ * elements_a_thread(r) + offset(s.reg, values(s.index), skip);
    return partial->second.at(static_cast<std::size_t>(at));
  }
  std::vector<std::int64_t> values(const std::vector<Expr>& index) {
    std::vector<std::int64_t> out;
    for (Expr x : index) out.push_back(eval(x).i);
    return out;
  }
  /// The number of an element among those that have the same first indices.
  std::int64_t offset(RegId id, std::span<const std::int64_t> index, std::size_t first) const {
    const RegDecl& r = kernel_.regs[static_cast<std::size_t>(id)];
    std::int64_t at = 0;
    for (std::size_t d = first; d < index.size(); ++d) {
      if (index[d] < 0 || index[d] >= r.dims[d]) {
        throw InternalError(fmt::format("kernel {}: index {} of register {}, dimension {} is {}",
                                        kernel_.name, index[d], r.name, d, r.dims[d]));
      }
      at = at * r.dims[d] + index[d];
    }
    return at;
  }

  Value eval(Expr x) {
    auto found = compiled_.find(x.node());
    if (found == compiled_.end()) found = compiled_.emplace(x.node(), Evaluation(x, rounds_)).first;
    return found->second.run(*this);
  }
  bool holds(Expr mask) { return !mask || eval(mask).i != 0; }

  void block(const Block& statements) {
    for (const Stmt& s : statements) stmt(s);
  }

  void loop(const For& l) {
    if (l.kind == LoopKind::Thread) return threads(l);
    const bool grid = l.kind == LoopKind::Grid;
    const std::int64_t count = l.count ? eval(l.count).i : l.extent;
    for (std::int64_t n = 0; n < count; ++n) {
      if (grid) forget_shared();
      vars_[static_cast<std::size_t>(l.var->i)] =
          grid && order_.blocks_backwards ? l.extent - 1 - n : n;
      block(*l.body);
    }
  }

  void forget_shared() {
    for (std::size_t b = 0, own = 0; b < memory_.size(); ++b) {
      if (kernel_.buffers[b].space == Space::Param || kernel_.buffers[b].space == Space::Scalar)
        continue;
      std::vector<std::byte>& bytes = scratch_[own++];
      if (kernel_.buffers[b].space == Space::Shared)
        std::fill(bytes.begin(), bytes.end(), kUndefinedShared);
    }
  }

  void threads(const For& outer) {
    const ThreadNest nest = thread_nest(outer);
    auto found = sums_.find(&outer);
    if (found == sums_.end()) found = sums_.emplace(&outer, lane_sums(kernel_, nest)).first;
    const std::int64_t lanes = nest.lanes(), columns = nest.loops.back()->extent;
    for (const LaneSum& s : found->second) {
      const RegDecl& r = kernel_.regs[static_cast<std::size_t>(s.reg)];
      partials_[s.reg].assign(static_cast<std::size_t>(lanes * elements_a_thread(r)),
                              neutral(s.combine, r.dtype));
    }
    for (std::int64_t n = 0; n < lanes; ++n) {
      lane_ = order_.threads_backwards ? lanes - 1 - n : n;
      vars_[static_cast<std::size_t>(nest.loops.back()->var->i)] = lane_ % columns;
      if (nest.loops.size() > 1) vars_[static_cast<std::size_t>(outer.var->i)] = lane_ / columns;
      block(*nest.body);
    }
    for (const LaneSum& s : found->second) combine_lanes(s, lanes);
  }

  /// Pairwise, neighbours first.
  void combine_lanes(const LaneSum& sum, std::int64_t lanes) {
    const RegDecl& r = kernel_.regs[static_cast<std::size_t>(sum.reg)];
    const auto n = static_cast<std::size_t>(elements_a_thread(r));
    const auto width = static_cast<std::size_t>(sum.lanes);
    std::vector<Value>& p = partials_[sum.reg];
    std::vector<Value>& reg = regs_[static_cast<std::size_t>(sum.reg)];
    const auto add = [&](Value& to, Value v) {
      const Value args[3] = {to, v, {}};
      to = apply(operation_of(sum.combine), r.dtype, r.dtype, args);
    };
    for (std::size_t row = 0; row < static_cast<std::size_t>(lanes) / width; ++row) {
      for (std::size_t e = 0; e < n; ++e) {
        const auto lane = [&](std::size_t j) -> Value& { return p[(row * width + j) * n + e]; };
        for (std::size_t s = 1; s < width; s *= 2) {
          for (std::size_t j = 0; j + s < width; j += 2 * s) add(lane(j), lane(j + s));
        }
        add(reg.at(row * n + e), lane(0));
      }
    }
    partials_.erase(sum.reg);
  }

  void stmt(const Stmt& s) {
    switch (s.kind) {
      case Stmt::Kind::For:
        return loop(s.loop);
      case Stmt::Kind::While:
        while (holds(s.while_loop.cond)) block(*s.while_loop.body);
        return;
      case Stmt::Kind::If:
        if (holds(s.branch.cond)) return block(*s.branch.then_body);
        if (s.branch.else_body) block(*s.branch.else_body);
        return;
      case Stmt::Kind::Store:
        if (!holds(s.store.mask)) return;
        return write_memory(address(s.store.buffer, eval(s.store.index).i, "store"),
                            decl(s.store.buffer).dtype, eval(s.store.value));
      case Stmt::Kind::DeclReg: {
        std::size_t n = 1;
        const auto id = static_cast<std::size_t>(s.decl.reg);
        for (std::int64_t d : kernel_.regs[id].dims) n *= static_cast<std::size_t>(d);
        regs_[id].assign(n, eval(s.decl.init));
        return;
      }
      case Stmt::Kind::SetReg: {
        const Value v = eval(s.set.value);
        element(s.set.reg, s.set.index) = v;
        return;
      }
      case Stmt::Kind::Accumulate:
        return accumulate(s.acc);
      case Stmt::Kind::Mma:
        return mma(s.mma);
      case Stmt::Kind::Prefetch:
      case Stmt::Kind::Barrier:
        return;
    }
  }

  void accumulate(const Accumulate& s) {
    if (!holds(s.mask)) return;
    const DType dtype = kernel_.regs[static_cast<std::size_t>(s.reg)].dtype;
    const Value v = eval(s.value), a = s.a ? eval(s.a) : Value{};
    Value& r = sum(s);
    if (s.a) {
      const Value args[3] = {a, v, r};
      r = multiply_add(dtype, args, rounds_);
    } else {
      const Value args[3] = {r, v, {}};
      r = apply(operation_of(s.combine), dtype, dtype, args);
    }
  }

  /// What this lane holds of the result.
  void mma(const Mma& s) {
    const MmaShape shape = mma_shape(kernel_, s);
    const std::int64_t a = eval(s.a.index).i, b = eval(s.b.index).i;
    std::vector<std::int64_t> at = values(s.place);
    const std::size_t n = at.size();
    at.resize(n + 3);
    const std::int64_t lane = lane_ % MmaShape::kLanes;
    for (at[n] = 0; at[n] < shape.mi; ++at[n]) {
      for (at[n + 1] = 0; at[n + 1] < shape.ni; ++at[n + 1]) {
        for (at[n + 2] = 0; at[n + 2] < 4; ++at[n + 2]) {
          const std::int64_t r = at[n + 2];
          const std::int64_t row = MmaShape::kRows * at[n] + lane / 4 + 8 * (r / 2);
          const std::int64_t column = MmaShape::kColumns * at[n + 1] + 2 * (lane % 4) + r % 2;
          Value& sum = element(s.acc, at);
          for (std::int64_t k = 0; k < shape.k; ++k) {
            const Value args[3] = {factor(s.a, a + row * s.a.across + k * s.a.along),
                                   factor(s.b, b + column * s.b.across + k * s.b.along), sum};
            sum = apply(Op::Fma, DType::F32, DType::F32, args);
          }
        }
      }
    }
  }
  /// An element as an Mma reads it.
  Value factor(const MmaOperand& of, std::int64_t index) {
    Value v = load(of.buffer, index);
    if (decl(of.buffer).dtype != DType::F32) return v;
    constexpr std::uint32_t kOfTf32 = ~std::uint32_t{0x1fff};
    v.f = std::bit_cast<float>(std::bit_cast<std::uint32_t>(static_cast<float>(v.f)) & kOfTf32);
    return v;
  }

  const Kernel& kernel_;
  const RunOrder order_;
  const MulAddRounds rounds_;
  std::vector<std::byte*> memory_;
  std::deque<std::vector<std::byte>> scratch_;
  std::vector<std::int64_t> vars_;
  std::vector<std::vector<Value>> regs_;
  std::unordered_map<const ExprNode*, Evaluation> compiled_;
  std::unordered_map<const For*, std::vector<LaneSum>> sums_;
  std::unordered_map<RegId, std::vector<Value>> partials_;  // of the running nest, by lane
  std::int64_t lane_ = 0;
};

}  // namespace

void interpret(const Kernel& k, const std::vector<void*>& params, RunOrder order,
               MulAddRounds rounds) {
  Interpreter(k, params, order, rounds).run();
}

}  // namespace lilith::kir
