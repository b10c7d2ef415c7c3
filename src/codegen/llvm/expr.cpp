#include <llvm/IR/Constants.h>

#include "codegen/llvm/emitter.h"
#include "lilith/error.h"

// Expressions: one LLVM value each, emitted once in the outermost scope it can live in.
namespace lilith::codegen {

using kir::Expr;
using kir::Op;

namespace {

bool is_compare(Op op) { return op >= Op::Eq && op <= Op::ULt; }

}  // namespace

int Emitter::lanes_of(Value* v) const {
  auto* t = llvm::dyn_cast<llvm::FixedVectorType>(v->getType());
  return t == nullptr ? 0 : static_cast<int>(t->getNumElements());
}

llvm::Value* Emitter::splat(Value* v, int lanes) {
  return b_.CreateVectorSplat(static_cast<unsigned>(lanes), v);
}

llvm::Value* Emitter::fit_width(Value* v, bool narrow) {
  Type* element = narrow ? b_.getInt32Ty() : b_.getInt64Ty();
  Type* type = v->getType()->getWithNewType(element);
  return b_.CreateSExtOrTrunc(v, type);
}

llvm::Value* Emitter::eval(Expr e) {
  if (e->op == Op::Const) return emit_const(e);
  const Deps& d = analysis_.deps(e);
  return remember({e.node(), bindings_key(d), 0}, d, [&] { return emit(e); });
}

llvm::Value* Emitter::operand(Expr e, int lanes, bool narrow) {
  Value* v = eval(e);
  const int have = lanes_of(v);
  const bool resize = e->dtype == DType::I64 && lanes > 0 &&
                      v->getType()->getScalarSizeInBits() != (narrow ? 32u : 64u);
  if (lanes == 0 && have > 0) {
    throw InternalError("codegen: a value that differs between lanes where one scalar is wanted");
  }
  if (have == lanes && !resize) return v;
  auto change = [&] {
    Value* w = resize ? fit_width(v, narrow) : v;
    return have == lanes ? w : splat(w, lanes);
  };
  if (llvm::isa<llvm::Constant>(v)) return change();
  const Deps& d = analysis_.deps(e);
  return remember({e.node(), bindings_key(d), lanes * 2 + (narrow ? 1 : 0)}, d, change);
}

llvm::Value* Emitter::emit_const(Expr e) {
  if (is_floating(e->dtype)) return llvm::ConstantFP::get(value_type(e->dtype), e->f);
  return llvm::ConstantInt::get(value_type(e->dtype), static_cast<std::uint64_t>(e->i), true);
}

llvm::Value* Emitter::emit_var(Expr e) {
  const Binding& binding = bindings_[static_cast<std::size_t>(e->i)];
  Value* base = binding.base == nullptr ? i64(0) : binding.base;
  Value* v = b_.CreateAdd(base, i64(binding.offset));
  if (binding.lanes == 0) return v;
  const bool narrow = analysis_.is_narrow(e);
  llvm::SmallVector<llvm::Constant*, 64> steps;
  for (int i = 0; i < binding.lanes; ++i) {
    steps.push_back(b_.getIntN(narrow ? 32 : 64, static_cast<std::uint64_t>(i)));
  }
  return b_.CreateAdd(splat(fit_width(v, narrow), binding.lanes), llvm::ConstantVector::get(steps));
}

llvm::Value* Emitter::emit(Expr e) {
  switch (e->op) {
    case Op::Var:
      return emit_var(e);
    case Op::Load:
      return load_expr(e);
    case Op::RegRead:
      return read_reg(static_cast<int>(e->i), e->args);
    default:
      return emit_operation(e, lanes(e));
  }
}

llvm::Value* Emitter::emit_operation(Expr e, int lanes) {
  const Op op = e->op;
  if (op == Op::Select) return emit_select(e, lanes);
  if (op == Op::Cast) {
    const Expr x = e->args[0];
    const bool narrow = lanes > 0 && x->dtype == DType::I64 && analysis_.is_narrow(x);
    Value* v = convert(operand(x, lanes, narrow), narrow ? DType::I32 : x->dtype, e->dtype);
    return lanes > 0 && e->dtype == DType::I64 ? fit_width(v, analysis_.is_narrow(e)) : v;
  }
  if (op == Op::Bitcast) {
    return b_.CreateBitCast(operand(e->args[0], lanes), value_type(e->dtype, lanes));
  }
  if ((op == Op::Fma || op == Op::Add) && lanes > 0) {
    if (Value* v = packed_sum(e, lanes)) return v;
  }
  const DType dtype = e->args[0]->dtype;
  bool narrow = dtype == DType::I64 && (is_compare(op) || analysis_.is_narrow(e));
  for (Expr a : e->args) narrow = narrow && analysis_.is_narrow(a);
  std::vector<Value*> a;
  for (Expr x : e->args) a.push_back(operand(x, lanes, narrow));
  if (is_compare(op)) return emit_compare(op, dtype, a[0], a[1]);
  return is_floating(dtype) ? emit_float(op, a) : emit_integer(op, e, a);
}

llvm::Value* Emitter::emit_select(Expr e, int lanes) {
  Value* cond = this->lanes(e->args[0]) > 0 ? operand(e->args[0], lanes) : operand(e->args[0], 0);
  if (auto* known = llvm::dyn_cast<llvm::ConstantInt>(cond)) {
    return operand(e->args[known->isZero() ? 2 : 1], lanes, analysis_.is_narrow(e));
  }
  const bool narrow = analysis_.is_narrow(e);
  Value* a = operand(e->args[1], lanes, narrow);
  return b_.CreateSelect(cond, a, operand(e->args[2], lanes, narrow));
}

llvm::Value* Emitter::emit_compare(Op op, DType dtype, Value* a, Value* b) {
  using P = llvm::CmpInst::Predicate;
  if (is_floating(dtype)) {
    const P p = op == Op::Eq   ? P::FCMP_OEQ
                : op == Op::Ne ? P::FCMP_UNE
                : op == Op::Lt ? P::FCMP_OLT
                               : P::FCMP_OLE;
    return b_.CreateFCmp(p, a, b);
  }
  const bool is_unsigned = dtype == DType::Bool || dtype == DType::U8;
  P p = P::ICMP_EQ;
  if (op == Op::Ne) p = P::ICMP_NE;
  if (op == Op::Lt) p = is_unsigned ? P::ICMP_ULT : P::ICMP_SLT;
  if (op == Op::Le) p = is_unsigned ? P::ICMP_ULE : P::ICMP_SLE;
  if (op == Op::ULt) p = P::ICMP_ULT;
  return b_.CreateICmp(p, a, b);
}

llvm::Value* Emitter::emit_float(Op op, const std::vector<Value*>& a) {
  namespace I = llvm::Intrinsic;
  switch (op) {
    case Op::Add:
      return b_.CreateFAdd(a[0], a[1]);
    case Op::Sub:
      return b_.CreateFSub(a[0], a[1]);
    case Op::Mul:
      return b_.CreateFMul(a[0], a[1]);
    case Op::Div:
      return b_.CreateFDiv(a[0], a[1]);
    case Op::Rem:
      return b_.CreateFRem(a[0], a[1]);
    case Op::Neg:
      return b_.CreateFNeg(a[0]);
    case Op::Abs:
      return intrinsic(I::fabs, {a[0]});
    case Op::Min:
      return float_min_max(false, a[0], a[1]);
    case Op::Max:
      return float_min_max(true, a[0], a[1]);
    case Op::Fma:
      return fused_multiply_add(a[0], a[1], a[2]);
    case Op::MulAdd:
      return multiply_add(a[0], a[1], a[2]);
    case Op::Sqrt:
      return intrinsic(I::sqrt, {a[0]});
    case Op::Floor:
      return intrinsic(I::floor, {a[0]});
    case Op::Ceil:
      return intrinsic(I::ceil, {a[0]});
    case Op::Trunc:
      return intrinsic(I::trunc, {a[0]});
    case Op::RoundEven:
      return intrinsic(I::roundeven, {a[0]});
    case Op::RoundF16:
      return round_to(a[0], DType::F16);
    case Op::RoundBF16:
      return round_to(a[0], DType::BF16);
    default:
      throw InternalError(std::string("codegen: no float form of ") + kir::op_name(op));
  }
}

llvm::Value* Emitter::emit_integer(Op op, Expr e, const std::vector<Value*>& a) {
  namespace I = llvm::Intrinsic;
  const bool is_unsigned = e->dtype == DType::Bool || e->dtype == DType::U8;
  switch (op) {
    case Op::Add:
      return b_.CreateAdd(a[0], a[1]);
    case Op::Sub:
      return b_.CreateSub(a[0], a[1]);
    case Op::Mul:
      return b_.CreateMul(a[0], a[1]);
    case Op::Fma:
      return b_.CreateAdd(b_.CreateMul(a[0], a[1]), a[2]);
    case Op::Div:
    case Op::Rem:
      return divide(op, is_unsigned, a[0], a[1]);
    case Op::FloorDiv:
    case Op::FloorMod:
      return floor_divide(op, e, a[0], a[1]);
    case Op::Neg:
      return b_.CreateNeg(a[0]);
    case Op::Abs:
      return is_unsigned ? a[0] : b_.CreateBinaryIntrinsic(I::abs, a[0], b_.getFalse());
    case Op::Min:
      return b_.CreateBinaryIntrinsic(is_unsigned ? I::umin : I::smin, a[0], a[1]);
    case Op::Max:
      return b_.CreateBinaryIntrinsic(is_unsigned ? I::umax : I::smax, a[0], a[1]);
    case Op::And:
      return b_.CreateAnd(a[0], a[1]);
    case Op::Or:
      return b_.CreateOr(a[0], a[1]);
    case Op::Xor:
      return b_.CreateXor(a[0], a[1]);
    case Op::Not:
      return b_.CreateNot(a[0]);
    case Op::Shl:
    case Op::UShr:
    case Op::SShr:
      return shift(op, is_unsigned, a[0], a[1]);
    case Op::UMulHi:
      return multiply_high(a[0], a[1]);
    case Op::Ctz:
      return b_.CreateBinaryIntrinsic(I::cttz, a[0], b_.getFalse());
    case Op::PopCount:
      return intrinsic(I::ctpop, {a[0]});
    default:
      return a[0];  // Floor, Ceil, Trunc, RoundEven and Sqrt of an integer change nothing
  }
}

}  // namespace lilith::codegen
