#include <llvm/IR/Constants.h>

#include "codegen/llvm/emitter.h"
#include "core/compute_dtype.h"
#include "lilith/error.h"

// Arithmetic that takes more than one instruction, to the letter of kernel IR's semantics.
namespace lilith::codegen {

using kir::Combine;
using kir::Expr;
using kir::Op;

llvm::Value* Emitter::intrinsic(llvm::Intrinsic::ID id, std::initializer_list<Value*> args) {
  return b_.CreateIntrinsic(id, {(*args.begin())->getType()},
                            llvm::ArrayRef<Value*>(args.begin(), args.size()));
}

namespace {

bool never_nan(llvm::Value* v) {
  auto* c = llvm::dyn_cast<llvm::Constant>(v);
  if (c == nullptr) return false;
  if (c->getType()->isVectorTy()) c = c->getSplatValue();
  auto* f = llvm::dyn_cast_or_null<llvm::ConstantFP>(c);
  return f != nullptr && !f->isNaN();
}

llvm::ConstantInt* splat_int(llvm::Value* v) {
  auto* c = llvm::dyn_cast<llvm::Constant>(v);
  if (c != nullptr && c->getType()->isVectorTy()) c = c->getSplatValue();
  return llvm::dyn_cast_or_null<llvm::ConstantInt>(c);
}

}  // namespace

/// (a > b) ? a : b is one instruction that returns b when either is NaN; a NaN in a is put back.
llvm::Value* Emitter::float_min_max(bool is_max, Value* a, Value* b) {
  if (never_nan(b)) std::swap(a, b);
  Value* pick = is_max ? b_.CreateFCmpOGT(a, b) : b_.CreateFCmpOLT(a, b);
  Value* v = b_.CreateSelect(pick, a, b);
  return never_nan(a) ? v : b_.CreateSelect(b_.CreateFCmpUNO(a, a), a, v);
}

/// Without the instruction: in F64 the product of two F32 is exact; F64 calls the C library.
llvm::Value* Emitter::fused_multiply_add(Value* a, Value* b, Value* c) {
  if (has_fma() || a->getType()->getScalarType()->isDoubleTy()) {
    return intrinsic(llvm::Intrinsic::fma, {a, b, c});
  }
  Type* wide = a->getType()->getWithNewType(b_.getDoubleTy());
  Value* p = b_.CreateFMul(b_.CreateFPExt(a, wide), b_.CreateFPExt(b, wide));
  return b_.CreateFPTrunc(b_.CreateFAdd(p, b_.CreateFPExt(c, wide)), a->getType());
}

llvm::Value* Emitter::multiply_add(Value* a, Value* b, Value* c) {
  if (has_fma()) return intrinsic(llvm::Intrinsic::fma, {a, b, c});
  return b_.CreateFAdd(b_.CreateFMul(a, b), c);
}

llvm::Value* Emitter::divide(Op op, bool is_unsigned, Value* a, Value* b) {
  const bool is_div = op == Op::Div;
  Type* t = a->getType();
  Value *zero = llvm::Constant::getNullValue(t), *one = llvm::ConstantInt::get(t, 1);
  auto plain = [&](Value* d) {
    if (is_unsigned) return is_div ? b_.CreateUDiv(a, d) : b_.CreateURem(a, d);
    return is_div ? b_.CreateSDiv(a, d) : b_.CreateSRem(a, d);
  };
  if (auto* c = splat_int(b); c != nullptr && !c->isZero() && !c->isMinusOne()) return plain(b);
  Value* is_zero = b_.CreateICmpEQ(b, zero);
  Value* is_minus = is_unsigned ? nullptr : b_.CreateICmpEQ(b, llvm::Constant::getAllOnesValue(t));
  Value* unsafe = is_unsigned ? is_zero : b_.CreateOr(is_zero, is_minus);
  Value* q = plain(b_.CreateSelect(unsafe, one, b));
  if (is_minus != nullptr) q = b_.CreateSelect(is_minus, is_div ? b_.CreateNeg(a) : zero, q);
  return b_.CreateSelect(is_zero, is_div ? zero : a, q);
}

/// By a positive constant, and with bounds that are known: made unsigned by adding a multiple.
/// FloorDiv or FloorMod of what is not negative by what is positive and known at run time alone.
/// Vectors of 32 bits have no division: (a + 1/2) * (1 / b) in doubles is at least 1 / (2 b) away
/// from an integer, 2^-32 of itself, which the rounding of 2^-52 cannot bridge.
llvm::Value* Emitter::divide_positive(Expr e, Value* a, Value* b) {
  const bool is_div = e->op == Op::FloorDiv;
  const Expr x = e->args[0], by = e->args[1];
  const int lanes = lanes_of(a);
  if (lanes > 0 && this->lanes(by) == 0 && a->getType()->getScalarSizeInBits() == 32) {
    constexpr int kReciprocal = -1;
    const Deps& d = analysis_.deps(by);
    Value* inverse = remember({by.node(), bindings_key(d), kReciprocal}, d, [&] {
      Value* divisor = b_.CreateSIToFP(scalar(by), b_.getDoubleTy());
      return b_.CreateFDiv(llvm::ConstantFP::get(b_.getDoubleTy(), 1.0), divisor);
    });
    Type* type = value_type(DType::F64, lanes);
    Value* half_up = b_.CreateFAdd(b_.CreateSIToFP(a, type), llvm::ConstantFP::get(type, 0.5));
    Value* q = b_.CreateFPToSI(b_.CreateFMul(half_up, splat(inverse, lanes)), a->getType());
    return is_div ? q : b_.CreateSub(a, b_.CreateMul(q, b));
  }
  const bool small = lanes == 0 && x->hi <= UINT32_MAX && by->hi <= UINT32_MAX;
  Type* type = a->getType();
  if (small) {
    a = b_.CreateTrunc(a, b_.getInt32Ty());
    b = b_.CreateTrunc(b, b_.getInt32Ty());
  }
  Value* out = is_div ? b_.CreateUDiv(a, b) : b_.CreateURem(a, b);
  return small ? b_.CreateZExt(out, type) : out;
}

llvm::Value* Emitter::floor_divide(Op op, Expr e, Value* a, Value* b) {
  const bool is_div = op == Op::FloorDiv;
  if (e->dtype == DType::Bool || e->dtype == DType::U8) {
    return divide(is_div ? Op::Div : Op::Rem, true, a, b);
  }
  const Expr x = e->args[0];
  llvm::ConstantInt* c = splat_int(b);
  const unsigned bits = a->getType()->getScalarSizeInBits();
  if (c != nullptr && c->getSExtValue() > 0) {
    const std::int64_t d = c->getSExtValue();
    if (x->lo >= 0) return is_div ? b_.CreateUDiv(a, b) : b_.CreateURem(a, b);
    if ((d & (d - 1)) == 0) {
      const auto log = static_cast<std::uint64_t>(__builtin_ctzll(static_cast<std::uint64_t>(d)));
      return is_div ? b_.CreateAShr(a, log)
                    : b_.CreateAnd(a, llvm::ConstantInt::get(a->getType(),
                                                             static_cast<std::uint64_t>(d - 1)));
    }
    if (x->lo > INT32_MIN && x->hi < INT32_MAX && bits >= 32) {
      const std::int64_t steps = (-x->lo + d - 1) / d;
      if (x->hi + steps * d < (std::int64_t{1} << 32)) {
        auto constant = [&](std::int64_t v) {
          return llvm::ConstantInt::get(a->getType(), static_cast<std::uint64_t>(v));
        };
        Value* up = b_.CreateAdd(a, constant(steps * d));
        return is_div ? b_.CreateSub(b_.CreateUDiv(up, b), constant(steps)) : b_.CreateURem(up, b);
      }
    }
  }
  if (c == nullptr && x->lo >= 0 && e->args[1]->lo > 0) return divide_positive(e, a, b);
  Value* zero = llvm::Constant::getNullValue(a->getType());
  Value* r = divide(Op::Rem, false, a, b);
  Value* off = b_.CreateAnd(b_.CreateICmpNE(r, zero), b_.CreateICmpSLT(b_.CreateXor(r, b), zero));
  off = b_.CreateAnd(off, b_.CreateICmpNE(b, zero));
  if (!is_div) return b_.CreateSelect(off, b_.CreateAdd(r, b), r);
  Value* q = divide(Op::Div, false, a, b);
  return b_.CreateSub(q, b_.CreateZExt(off, a->getType()));
}

llvm::Value* Emitter::shift(Op op, bool is_unsigned, Value* a, Value* b) {
  const std::uint64_t bits = a->getType()->getScalarSizeInBits();
  auto plain = [&](Value* by) {
    if (op == Op::Shl) return b_.CreateShl(a, by);
    return op == Op::SShr && !is_unsigned ? b_.CreateAShr(a, by) : b_.CreateLShr(a, by);
  };
  if (auto* c = splat_int(b); c != nullptr && c->getZExtValue() < bits) return plain(b);
  Value* last = llvm::ConstantInt::get(a->getType(), bits - 1);
  Value* safe = b_.CreateBinaryIntrinsic(llvm::Intrinsic::umin, b, last);
  if (op == Op::SShr && !is_unsigned) return plain(safe);
  Value* v = plain(safe);
  return b_.CreateSelect(b_.CreateICmpULE(b, last), v, llvm::Constant::getNullValue(a->getType()));
}

llvm::Value* Emitter::multiply_high(Value* a, Value* b) {
  const unsigned bits = a->getType()->getScalarSizeInBits();
  Type* wide = a->getType()->getWithNewType(b_.getIntNTy(bits * 2));
  Value* p = b_.CreateMul(b_.CreateZExt(a, wide), b_.CreateZExt(b, wide));
  return b_.CreateTrunc(b_.CreateLShr(p, bits), a->getType());
}

/// Saturates; NaN gives 0.
llvm::Value* Emitter::float_to_int(Value* v, DType to) {
  if (to != DType::I32 || !v->getType()->getScalarType()->isFloatTy()) {
    Type* type = value_type(to, lanes_of(v));
    const auto id = to == DType::U8 ? llvm::Intrinsic::fptoui_sat : llvm::Intrinsic::fptosi_sat;
    return b_.CreateIntrinsic(id, {type, v->getType()}, {v});
  }
  // Converted where in range; the rest are picked by comparison, which vectors do well.
  Type* type = v->getType()->getWithNewType(b_.getInt32Ty());
  Value* limit = llvm::ConstantFP::get(v->getType(), 2147483648.0);
  Value* low = llvm::ConstantFP::get(v->getType(), -2147483648.0);
  Value *under = b_.CreateFCmpOLT(v, limit), *over = b_.CreateFCmpOGE(v, low);
  Value* inside = b_.CreateAnd(under, over);
  Value* zero = llvm::Constant::getNullValue(v->getType());
  Value* i = b_.CreateFPToSI(b_.CreateSelect(inside, v, zero), type);
  i = b_.CreateSelect(b_.CreateFCmpOGE(v, limit), llvm::ConstantInt::get(type, INT32_MAX), i);
  return b_.CreateSelect(b_.CreateFCmpOLT(v, low), llvm::ConstantInt::getSigned(type, INT32_MIN),
                         i);
}

llvm::Value* Emitter::convert(Value* v, DType from, DType to) {
  if (from == to) return v;
  Type* type = value_type(to, lanes_of(v));
  const bool unsigned_from = from == DType::Bool || from == DType::U8;
  if (is_floating(from)) {
    if (is_floating(to)) return v->getType() == type ? v : b_.CreateFPCast(v, type);
    if (to == DType::Bool) {
      return b_.CreateFCmpUNE(v, llvm::Constant::getNullValue(v->getType()));
    }
    return float_to_int(v, to);
  }
  if (is_floating(to)) return unsigned_from ? b_.CreateUIToFP(v, type) : b_.CreateSIToFP(v, type);
  if (to == DType::Bool) return b_.CreateICmpNE(v, llvm::Constant::getNullValue(v->getType()));
  return unsigned_from ? b_.CreateZExtOrTrunc(v, type) : b_.CreateSExtOrTrunc(v, type);
}

llvm::Value* Emitter::widen(Value* v, DType memory) {
  Type* t = v->getType();
  switch (memory) {
    case DType::Bool:
      return b_.CreateICmpNE(v, llvm::Constant::getNullValue(t));
    case DType::F16:
      if (target_.isa == Isa::Baseline) return half_to_float(v);
      return b_.CreateFPExt(b_.CreateBitCast(v, t->getWithNewType(b_.getHalfTy())),
                            t->getWithNewType(b_.getFloatTy()));
    case DType::BF16: {
      Value* bits = b_.CreateZExt(v, t->getWithNewType(b_.getInt32Ty()));
      return b_.CreateBitCast(b_.CreateShl(bits, 16), t->getWithNewType(b_.getFloatTy()));
    }
    default:
      return v;
  }
}

llvm::Value* Emitter::narrow(Value* v, DType value, DType memory) {
  v = convert(v, value, compute_dtype(memory));
  Type* t = v->getType();
  switch (memory) {
    case DType::Bool:
      return b_.CreateZExt(v, t->getWithNewType(b_.getInt8Ty()));
    case DType::F16:
      if (target_.isa == Isa::Baseline) return float_to_half(v);
      return b_.CreateBitCast(b_.CreateFPTrunc(v, t->getWithNewType(b_.getHalfTy())),
                              t->getWithNewType(b_.getInt16Ty()));
    case DType::BF16:
      return b_.CreateTrunc(b_.CreateLShr(bfloat_bits(v), 16), t->getWithNewType(b_.getInt16Ty()));
    default:
      return v;
  }
}

/// The bits of a float whose upper half is v as BF16.
llvm::Value* Emitter::bfloat_bits(Value* v) {
  Type* i32 = v->getType()->getWithNewType(b_.getInt32Ty());
  auto constant = [&](std::uint64_t c) { return llvm::ConstantInt::get(i32, c); };
  Value* bits = b_.CreateBitCast(v, i32);
  Value* odd = b_.CreateAnd(b_.CreateLShr(bits, 16), constant(1));
  Value* rounded = b_.CreateAdd(b_.CreateAdd(bits, constant(0x7FFF)), odd);
  return b_.CreateSelect(b_.CreateFCmpUNO(v, v), b_.CreateOr(bits, constant(0x400000)), rounded);
}

/// What memory of this dtype would give back.
llvm::Value* Emitter::round_to(Value* v, DType memory) {
  if (v->getType()->getScalarType()->isDoubleTy()) {
    return b_.CreateFPExt(round_to(round_to_odd(v), memory), v->getType());
  }
  if (memory == DType::F16) return widen(narrow(v, DType::F32, memory), memory);
  Type* i32 = v->getType()->getWithNewType(b_.getInt32Ty());
  Value* bits = b_.CreateAnd(bfloat_bits(v), llvm::ConstantInt::get(i32, 0xFFFF0000u));
  return b_.CreateBitCast(bits, v->getType());
}

/// F64 to F32 such that rounding the result to fewer digits is rounding v once.
llvm::Value* Emitter::round_to_odd(Value* v) {
  namespace I = llvm::Intrinsic;
  Type* i32 = v->getType()->getWithNewType(b_.getInt32Ty());
  Value* f = b_.CreateFPTrunc(v, v->getType()->getWithNewType(b_.getFloatTy()));
  Value* back = b_.CreateFPExt(f, v->getType());
  Value* away = b_.CreateFCmpOGT(intrinsic(I::fabs, {back}), intrinsic(I::fabs, {v}));
  Value* bits = b_.CreateSub(b_.CreateBitCast(f, i32), b_.CreateZExt(away, i32));
  bits = b_.CreateOr(bits, b_.CreateZExt(b_.CreateFCmpONE(back, v), i32));
  return b_.CreateBitCast(bits, f->getType());
}

/// Normals are rebased in integers; denormals as 2^-14 + x, whose exponent is the least of the
/// normals, less 2^-14: never a denormal float, which the mode of the thread may take for 0.
llvm::Value* Emitter::half_to_float(Value* v) {
  Type* i32 = v->getType()->getWithNewType(b_.getInt32Ty());
  Type* f32 = v->getType()->getWithNewType(b_.getFloatTy());
  auto constant = [&](std::uint64_t c) { return llvm::ConstantInt::get(i32, c); };
  Value* bits = b_.CreateZExt(v, i32);
  Value* sign = b_.CreateShl(b_.CreateAnd(bits, constant(0x8000)), 16);
  Value* rest = b_.CreateShl(b_.CreateAnd(bits, constant(0x7FFF)), 13);
  Value* normal = b_.CreateAdd(rest, constant(112u << 23));
  Value* raised = b_.CreateBitCast(b_.CreateAdd(rest, constant(113u << 23)), f32);
  Value* denormal = b_.CreateFSub(raised, llvm::ConstantFP::get(f32, 0x1p-14));
  Value* magnitude = b_.CreateSelect(b_.CreateICmpULT(rest, constant(0x400u << 13)),
                                     b_.CreateBitCast(denormal, i32), normal);
  Value* special = b_.CreateICmpUGE(rest, constant(0x7C00u << 13));
  magnitude = b_.CreateSelect(special, b_.CreateOr(rest, constant(0x7F800000)), magnitude);
  return b_.CreateBitCast(b_.CreateOr(magnitude, sign), f32);
}

/// Normals round in integers, denormals by adding 0.5, whose last place is theirs.
llvm::Value* Emitter::float_to_half(Value* v) {
  Type* i32 = v->getType()->getWithNewType(b_.getInt32Ty());
  auto constant = [&](std::uint64_t c) { return llvm::ConstantInt::get(i32, c); };
  Value* bits = b_.CreateBitCast(v, i32);
  Value* sign = b_.CreateAnd(b_.CreateLShr(bits, 16), constant(0x8000));
  Value* rest = b_.CreateAnd(bits, constant(0x7FFFFFFF));
  Value* odd = b_.CreateAnd(b_.CreateLShr(rest, 13), constant(1));
  Value* normal = b_.CreateAdd(b_.CreateAdd(rest, constant(0xFFF)), odd);
  normal = b_.CreateLShr(b_.CreateSub(normal, constant(0x38000000)), 13);
  Value* half = llvm::ConstantFP::get(v->getType(), 0.5);
  Value* sum = b_.CreateFAdd(b_.CreateBitCast(rest, v->getType()), half);
  Value* denormal = b_.CreateSub(b_.CreateBitCast(sum, i32), constant(0x3F000000));
  Value* h = b_.CreateSelect(b_.CreateICmpULT(rest, constant(0x38800000)), denormal, normal);
  h = b_.CreateSelect(b_.CreateICmpUGE(rest, constant(0x47800000)), constant(0x7C00), h);
  h = b_.CreateSelect(b_.CreateICmpUGT(rest, constant(0x7F800000)), constant(0x7E00), h);
  return b_.CreateTrunc(b_.CreateOr(h, sign), v->getType()->getWithNewType(b_.getInt16Ty()));
}

llvm::Value* Emitter::combine(Combine how, DType dtype, Value* a, Value* b) {
  const bool is_float = is_floating(dtype);
  const bool is_unsigned = dtype == DType::Bool || dtype == DType::U8;
  namespace I = llvm::Intrinsic;
  switch (how) {
    case Combine::Add:
      return is_float ? b_.CreateFAdd(a, b) : b_.CreateAdd(a, b);
    case Combine::Mul:
      return is_float ? b_.CreateFMul(a, b) : b_.CreateMul(a, b);
    case Combine::Max:
      if (is_float) return float_min_max(true, a, b);
      return b_.CreateBinaryIntrinsic(is_unsigned ? I::umax : I::smax, a, b);
    case Combine::Min:
      if (is_float) return float_min_max(false, a, b);
      return b_.CreateBinaryIntrinsic(is_unsigned ? I::umin : I::smin, a, b);
    case Combine::And:
      return b_.CreateAnd(a, b);
    case Combine::Or:
      return b_.CreateOr(a, b);
  }
  throw InternalError("codegen: an unknown combination");
}

llvm::Value* Emitter::identity(Combine how, DType dtype, int lanes) {
  Type* t = value_type(dtype, lanes);
  const bool is_float = is_floating(dtype);
  const unsigned bits = t->getScalarSizeInBits();
  const bool is_unsigned = dtype == DType::Bool || dtype == DType::U8;
  switch (how) {
    case Combine::Add:
      return is_float ? llvm::ConstantFP::getNegativeZero(t) : llvm::Constant::getNullValue(t);
    case Combine::Mul:
      return is_float ? llvm::ConstantFP::get(t, 1.0) : llvm::ConstantInt::get(t, 1);
    case Combine::Max:
      if (is_float) return llvm::ConstantFP::getInfinity(t, true);
      return is_unsigned ? llvm::Constant::getNullValue(t)
                         : llvm::ConstantInt::get(t, llvm::APInt::getSignedMinValue(bits));
    case Combine::Min:
      if (is_float) return llvm::ConstantFP::getInfinity(t, false);
      return is_unsigned ? llvm::Constant::getAllOnesValue(t)
                         : llvm::ConstantInt::get(t, llvm::APInt::getSignedMaxValue(bits));
    case Combine::And:
      return llvm::Constant::getAllOnesValue(t);
    case Combine::Or:
      return llvm::Constant::getNullValue(t);
  }
  throw InternalError("codegen: an unknown combination");
}

/// Halves at a time: the order is the same in every run.
llvm::Value* Emitter::reduce_lanes(Combine how, DType dtype, Value* v) {
  for (int n = lanes_of(v); n > 1; n /= 2) {
    llvm::SmallVector<int, 32> low, high;
    for (int i = 0; i < n / 2; ++i) {
      low.push_back(i);
      high.push_back(i + n / 2);
    }
    v = combine(how, dtype, b_.CreateShuffleVector(v, low), b_.CreateShuffleVector(v, high));
  }
  return b_.CreateExtractElement(v, std::uint64_t{0});
}

}  // namespace lilith::codegen
