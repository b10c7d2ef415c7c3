#include "kernel_ir/evaluate.h"

#include <algorithm>
#include <unordered_map>

#include "lilith/error.h"

namespace lilith::kir {

std::int64_t Leaves::var(VarId id) {
  throw InternalError(fmt::format("kernel IR: variable {} has no value", id));
}
Value Leaves::load(BufferId buffer, std::int64_t) {
  throw InternalError(fmt::format("kernel IR: buffer {} has no values", buffer));
}
Value Leaves::reg(RegId id, std::span<const std::int64_t>) {
  throw InternalError(fmt::format("kernel IR: register {} has no value", id));
}

Evaluation::Evaluation(Expr root, MulAddRounds rounds) : rounds_(rounds) {
  // Arguments are older than their users, so ids give an order of evaluation.
  std::unordered_map<const ExprNode*, int> slot;
  std::vector<Expr> nodes, todo{root};
  while (!todo.empty()) {
    const Expr x = todo.back();
    todo.pop_back();
    if (!slot.emplace(x.node(), 0).second) continue;
    nodes.push_back(x);
    todo.insert(todo.end(), x->args.begin(), x->args.end());
  }
  std::sort(nodes.begin(), nodes.end(), [](Expr a, Expr b) { return a->id < b->id; });
  for (Expr x : nodes) {
    Step s{x->op, x->dtype, x->dtype, x->i, {}};
    if (!x->args.empty()) s.operand = x->args[0]->dtype;
    for (Expr a : x->args) s.args.push_back(slot[a.node()]);
    slot[x.node()] = static_cast<int>(steps_.size());
    values_.push_back({x->i, x->f});
    steps_.push_back(std::move(s));
  }
}

Value Evaluation::load(const Step& s, Leaves& leaves) const {
  if (s.args.size() > 1 && values_[static_cast<std::size_t>(s.args[1])].i == 0) return {};
  return leaves.load(static_cast<BufferId>(s.id), values_[static_cast<std::size_t>(s.args[0])].i);
}

Value Evaluation::read(const Step& s, Leaves& leaves) const {
  std::vector<std::int64_t> index;
  for (int a : s.args) index.push_back(values_[static_cast<std::size_t>(a)].i);
  return leaves.reg(static_cast<RegId>(s.id), index);
}

Value Evaluation::run(Leaves& leaves) {
  for (std::size_t n = 0; n < steps_.size(); ++n) {
    const Step& s = steps_[n];
    switch (s.op) {
      case Op::Const:
        break;
      case Op::Var:
        values_[n].i = leaves.var(static_cast<VarId>(s.id));
        break;
      case Op::Load:
        values_[n] = load(s, leaves);
        break;
      case Op::RegRead:
        values_[n] = read(s, leaves);
        break;
      default: {
        Value args[3];
        for (std::size_t k = 0; k < s.args.size(); ++k) {
          args[k] = values_[static_cast<std::size_t>(s.args[k])];
        }
        values_[n] = s.op == Op::MulAdd ? multiply_add(s.dtype, args, rounds_)
                                        : apply(s.op, s.dtype, s.operand, args);
      }
    }
  }
  return values_.back();
}

}  // namespace lilith::kir
