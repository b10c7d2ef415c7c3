#include <llvm/IR/Constants.h>

#include <algorithm>

#include "codegen/llvm/emitter.h"
#include "core/compute_dtype.h"
#include "lilith/error.h"

// Addresses, loads and stores. An address is a chain of pointers, one a scope: buffer + what the
// outer loops add + what the inner ones add; the constant part goes into the instruction.
namespace lilith::codegen {

using kir::Expr;
using kir::Op;

namespace {

constexpr std::int64_t kNear = 4;  // lanes this far apart share their cache lines

std::int64_t magnitude(Expr e) {
  const std::int64_t least = -(INT64_C(1) << 40), most = INT64_C(1) << 40;
  return std::max(std::abs(std::clamp(e->lo, least, most)),
                  std::abs(std::clamp(e->hi, least, most)));
}

llvm::Align element_align(llvm::Type* type) {
  return llvm::Align(std::max(1u, type->getScalarSizeInBits() / 8));
}

}  // namespace

/// What one term adds to the address at this point: the scalar part of a variable, or the atom's
/// value.
llvm::Value* Emitter::term_value(Expr atom, std::int64_t coefficient) {
  Value* v = nullptr;
  if (atom->op == Op::Var) {
    v = bindings_[static_cast<std::size_t>(atom->i)].base;
  } else {
    v = scalar(atom);
  }
  return coefficient == 1 ? v : b_.CreateMul(v, i64(coefficient));
}

Emitter::Place Emitter::place_linear(Value* base, const Linear& form, std::int64_t scale,
                                     DType memory, int lanes) {
  struct Term {
    int scope;
    Expr atom;
    std::int64_t coefficient;
  };
  std::vector<Term> uniform;
  std::int64_t constant = form.constant, stride = 0;
  bool irregular = false;
  for (const auto& [atom, coefficient] : form.terms) {
    if (atom->op == Op::Var) {
      const Binding& b = bindings_[static_cast<std::size_t>(atom->i)];
      constant += coefficient * b.offset;
      if (b.base != nullptr) uniform.push_back({b.scope, atom, coefficient});
      if (b.lanes > 0) stride += coefficient;
    } else if (this->lanes(atom) > 0) {
      irregular = true;
    } else {
      uniform.push_back({home(analysis_.deps(atom)), atom, coefficient});
    }
  }
  std::sort(uniform.begin(), uniform.end(), [](const Term& a, const Term& b) {
    return a.scope != b.scope ? a.scope < b.scope : a.atom->id < b.atom->id;
  });
  Type* element = memory_type(memory);
  std::vector<std::int64_t> key = {reinterpret_cast<std::intptr_t>(base), scale};
  Value* p = base;
  for (std::size_t i = 0; i < uniform.size(); ++i) {
    const Term& t = uniform[i];
    const Deps& d = analysis_.deps(t.atom);
    key.insert(key.end(), {t.atom->id, t.coefficient, t.atom->op == Op::Var ? 0 : bindings_key(d)});
    // All terms of one scope are added at once.
    auto& known = scopes_[static_cast<std::size_t>(t.scope)].pointers;
    auto it = known.find(key);
    if (it != known.end() && is_current(d, it->second.epoch)) {
      p = it->second.value;
      continue;
    }
    p = at_scope(t.scope, [&] {
      return b_.CreateGEP(element, p, term_value(t.atom, t.coefficient * scale));
    });
    known[key] = {p, epoch_};
  }
  if (constant != 0)
    p = b_.CreateConstGEP1_64(element, p, static_cast<std::uint64_t>(constant * scale));
  Place place{p, nullptr, false};
  if (irregular || (stride != 0 && (stride != 1 || scale != 1))) {
    place.index = lane_index(form, scale, lanes);
    place.stride = irregular ? 0 : stride * scale;
  } else {
    place.is_vector = stride == 1;
  }
  return place;
}

/// Per lane, the part of an index that differs between lanes; in 32 bits where that is enough.
llvm::Value* Emitter::lane_index(const Linear& form, std::int64_t scale, int lanes) {
  std::int64_t most = 0;
  bool narrow = true;
  for (const auto& [atom, coefficient] : form.terms) {
    if (this->lanes(atom) == 0) continue;
    narrow = narrow && analysis_.is_narrow(atom) && std::abs(coefficient) < INT32_MAX;
    if (narrow) most += magnitude(atom) * std::abs(coefficient * scale);
    narrow = narrow && most < INT32_MAX;
  }
  const unsigned bits = narrow ? 32 : 64;
  Value* sum = nullptr;
  for (const auto& [atom, coefficient] : form.terms) {
    if (this->lanes(atom) == 0) continue;
    Value* v = nullptr;
    if (atom->op == Op::Var) {  // its base and offset are in the pointer
      llvm::SmallVector<llvm::Constant*, 64> steps;
      for (int i = 0; i < lanes; ++i) {
        steps.push_back(llvm::ConstantInt::getSigned(b_.getIntNTy(bits), i * coefficient * scale));
      }
      v = llvm::ConstantVector::get(steps);
    } else {
      v = operand(atom, lanes, narrow);
      Value* c = llvm::ConstantInt::getSigned(v->getType(), coefficient * scale);
      if (coefficient * scale != 1) v = b_.CreateMul(v, c);
    }
    sum = sum == nullptr ? v : b_.CreateAdd(sum, v);
  }
  return sum;
}

Emitter::Place Emitter::place(kir::BufferId buffer, Expr index, int lanes) {
  return place_linear(buffers_[static_cast<std::size_t>(buffer)], analysis_.linear(index), 1,
                      kernel_.buffers[static_cast<std::size_t>(buffer)].dtype, lanes);
}

llvm::Value* Emitter::pointers(const Place& p, Type* element) {
  return b_.CreateGEP(element, p.pointer, p.index);
}

llvm::Value* Emitter::and_mask(Value* a, Value* b) {
  if (a == nullptr || b == nullptr) return a == nullptr ? b : a;
  return b_.CreateAnd(a, b);
}

llvm::Value* Emitter::lane_mask(int lanes) {
  Value* mask = scopes_[static_cast<std::size_t>(current_)].exec;
  if (vector_ == nullptr || lanes == 0) return mask;
  const Binding& b = bindings_[static_cast<std::size_t>(vector_->loop->var->i)];
  if (b.mask != nullptr) return and_mask(mask, b.mask);
  if (b.active == b.lanes) return mask;
  llvm::SmallVector<llvm::Constant*, 64> bits;
  for (int i = 0; i < lanes; ++i) bits.push_back(b_.getInt1(i < b.active));
  return and_mask(mask, llvm::ConstantVector::get(bits));
}

llvm::Value* Emitter::any(Value* mask) {
  if (lanes_of(mask) == 0) return mask;
  Value* bits = b_.CreateBitCast(mask, b_.getIntNTy(static_cast<unsigned>(lanes_of(mask))));
  return b_.CreateIsNotNull(bits);
}

llvm::Value* Emitter::safe_pointer(Value* pointer, Value* cond) {
  return b_.CreateSelect(cond, pointer, zero_line());
}

std::vector<int> Emitter::single_lanes(const Place& p, Type* element, int lanes, Value* mask) {
  auto* known = llvm::dyn_cast_or_null<llvm::Constant>(mask);
  const bool wanted = target_.slow_gather || element->getScalarSizeInBits() < 32;
  std::vector<int> out;
  if (p.stride == 0 || !wanted || (mask != nullptr && known == nullptr)) return out;
  for (int i = 0; i < lanes; ++i) {
    llvm::Constant* bit =
        known == nullptr ? nullptr : known->getAggregateElement(static_cast<unsigned>(i));
    if (bit == nullptr || !bit->isNullValue()) out.push_back(i);
  }
  return out;
}

/// Lanes a few elements apart: whole vectors over all of them, then the lanes' own by a shuffle.
llvm::Value* Emitter::load_near(const Place& p, Type* type, int lanes, Value* mask) {
  const auto step = static_cast<int>(std::abs(p.stride));
  const int first = p.stride < 0 ? step * (lanes - 1) : 0, count = step * (lanes - 1) + 1;
  Value* from = b_.CreateConstGEP1_64(type, p.pointer, static_cast<std::uint64_t>(-first));
  // Where each lane's element lies, and which lane an element is of; `lanes` stands for none.
  llvm::SmallVector<int, 64> pick;
  llvm::SmallVector<int, 256> owner(static_cast<std::size_t>(step * lanes), lanes);
  for (int i = 0; i < lanes; ++i) {
    pick.push_back(p.stride < 0 ? first - i * step : i * step);
    owner[static_cast<std::size_t>(pick.back())] = i;
  }
  if (mask == nullptr) {  // what lies between is there too
    std::fill(owner.begin(), owner.begin() + count, 0);
    mask = llvm::Constant::getAllOnesValue(value_type(DType::Bool, lanes));
  }
  auto* wide = llvm::FixedVectorType::get(type, static_cast<unsigned>(step * lanes));
  Value* there = b_.CreateShuffleVector(mask, llvm::Constant::getNullValue(mask->getType()), owner);
  Value* all = b_.CreateMaskedLoad(wide, from, element_align(type), there,
                                   llvm::Constant::getNullValue(wide));
  return b_.CreateShuffleVector(all, pick);
}

llvm::Value* Emitter::load_place(const Place& p, Type* type, int lanes, Value* mask) {
  const llvm::Align align = element_align(type);
  if (p.is_uniform()) return b_.CreateAlignedLoad(type, p.pointer, align);
  auto* vector = llvm::FixedVectorType::get(type, static_cast<unsigned>(lanes));
  llvm::Constant* zero = llvm::Constant::getNullValue(vector);
  if (p.is_vector) {
    if (mask == nullptr) return b_.CreateAlignedLoad(vector, p.pointer, align);
    return b_.CreateMaskedLoad(vector, p.pointer, align, mask, zero);
  }
  if (p.stride != 0 && std::abs(p.stride) <= kNear && lanes >= 4)
    return load_near(p, type, lanes, mask);
  const std::vector<int> single = single_lanes(p, type, lanes, mask);
  if (!single.empty()) {
    Value* v = zero;
    for (int i : single) {
      Value* at = b_.CreateConstGEP1_64(type, p.pointer, static_cast<std::uint64_t>(i * p.stride));
      v = b_.CreateInsertElement(v, b_.CreateAlignedLoad(type, at, align),
                                 static_cast<std::uint64_t>(i));
    }
    return v;
  }
  return b_.CreateMaskedGather(vector, pointers(p, type), align, mask, zero);
}

llvm::Value* Emitter::load_expr(Expr e) {
  const auto buffer = static_cast<int>(e->i);
  const DType memory = kernel_.buffers[static_cast<std::size_t>(buffer)].dtype;
  const int n = lanes(e);
  Value *cond = nullptr, *mask = nullptr;
  if (e->args.size() > 1) {
    if (lanes(e->args[1]) > 0) {
      mask = operand(e->args[1], n);
    } else {
      cond = scalar(e->args[1]);
    }
  }
  auto* known = llvm::dyn_cast_or_null<llvm::ConstantInt>(cond);
  if (known != nullptr && known->isZero())
    return llvm::Constant::getNullValue(value_type(e->dtype, n));
  if (known != nullptr) cond = nullptr;
  Place p = place(buffer, e->args[0], n);
  if (p.is_uniform() && mask != nullptr) cond = any(and_mask(mask, lane_mask(n)));
  if (cond != nullptr) {
    if (p.index != nullptr) {
      mask = and_mask(mask, splat(cond, n));
    } else {
      p.pointer = safe_pointer(p.pointer, cond);
    }
  }
  Value* all = p.is_uniform() ? nullptr : and_mask(mask, lane_mask(n));
  Value* v = load_place(p, memory_type(memory), n, all);
  v = convert(widen(v, memory), compute_dtype(memory), e->dtype);
  if (p.is_uniform() && mask != nullptr) {
    v = b_.CreateSelect(mask, splat(v, n), llvm::Constant::getNullValue(value_type(e->dtype, n)));
  }
  return v;
}

/// Streaming stores fault on addresses that are not aligned: those are stored as usual.
void Emitter::store_non_temporal(Value* pointer, Value* v) {
  const std::uint64_t bytes = v->getType()->getPrimitiveSizeInBits() / 8;
  Value* address = b_.CreatePtrToInt(pointer, b_.getInt64Ty());
  Value* aligned = b_.CreateIsNull(b_.CreateAnd(address, bytes - 1));
  llvm::BasicBlock *stream = new_block("stream"), *usual = new_block("usual"),
                   *end = new_block("end");
  b_.CreateCondBr(aligned, stream, usual);
  b_.SetInsertPoint(stream);
  llvm::StoreInst* s = b_.CreateAlignedStore(v, pointer, llvm::Align(bytes));
  llvm::Metadata* one = llvm::ConstantAsMetadata::get(b_.getInt32(1));
  s->setMetadata(llvm::LLVMContext::MD_nontemporal, llvm::MDNode::get(context_, {one}));
  b_.CreateBr(end);
  b_.SetInsertPoint(usual);
  b_.CreateAlignedStore(v, pointer, element_align(v->getType()));
  b_.CreateBr(end);
  b_.SetInsertPoint(end);
  has_non_temporal_ = true;
}

void Emitter::store_place(const Place& p, Value* v, int lanes, Value* mask, bool non_temporal) {
  const llvm::Align align = element_align(v->getType());
  Type* element = v->getType()->getScalarType();
  const std::vector<int> single = single_lanes(p, element, lanes, mask);
  if (!single.empty()) {
    for (int i : single) {
      Value* at =
          b_.CreateConstGEP1_64(element, p.pointer, static_cast<std::uint64_t>(i * p.stride));
      b_.CreateAlignedStore(b_.CreateExtractElement(v, static_cast<std::uint64_t>(i)), at, align);
    }
  } else if (p.index != nullptr) {
    Value* all =
        mask == nullptr ? llvm::Constant::getAllOnesValue(value_type(DType::Bool, lanes)) : mask;
    b_.CreateMaskedScatter(v, pointers(p, element), align, all);
  } else if (mask != nullptr) {
    b_.CreateMaskedStore(v, p.pointer, align, mask);
  } else if (const std::uint64_t bytes = v->getType()->getPrimitiveSizeInBits() / 8;
             non_temporal && bytes >= 16 && bytes <= 64) {
    store_non_temporal(p.pointer, v);
  } else {
    b_.CreateAlignedStore(v, p.pointer, align);
  }
}

void Emitter::emit_prefetch(const kir::Prefetch& s) {
  const Place p = place(s.buffer, s.index, 0);
  Value* args[] = {p.pointer, b_.getInt32(0), b_.getInt32(3), b_.getInt32(1)};  // read, to L1, data
  b_.CreateIntrinsic(llvm::Intrinsic::prefetch, {p.pointer->getType()}, args);
}

void Emitter::emit_store(const kir::Store& s) {
  const DType memory = kernel_.buffers[static_cast<std::size_t>(s.buffer)].dtype;
  const int n = vector_ == nullptr ? 0 : vector_->lanes;
  Value *cond = nullptr, *mask = nullptr;
  if (s.mask) (lanes(s.mask) > 0 ? mask : cond) = operand(s.mask, lanes(s.mask));
  if (auto* known = llvm::dyn_cast_or_null<llvm::ConstantInt>(cond)) {
    if (known->isZero()) return;
    cond = nullptr;
  }
  Place p = place(s.buffer, s.index, n);
  const int width = p.is_uniform() ? 0 : n;
  if (width == 0 && mask != nullptr) {
    throw InternalError("codegen: a store to one element from several lanes");
  }
  // The store rounds: what is rounded to this memory is taken before it was.
  const Op rounds = memory == DType::F16 ? Op::RoundF16 : Op::RoundBF16;
  const bool twice = size_of(memory) == 2 && is_floating(memory) && s.value->op == rounds;
  const Expr value = twice ? s.value->args[0] : s.value;
  Value* v = narrow(operand(value, width), value->dtype, memory);
  if (width > 0) {
    mask = and_mask(mask, lane_mask(n));
    if (cond != nullptr) mask = and_mask(mask, splat(cond, n));
    store_place(p, v, width, mask, s.non_temporal);
  } else if (cond != nullptr) {
    llvm::BasicBlock *then = new_block("store"), *end = new_block("end");
    b_.CreateCondBr(cond, then, end);
    b_.SetInsertPoint(then);
    store_place(p, v, 0, nullptr, s.non_temporal);
    b_.CreateBr(end);
    b_.SetInsertPoint(end);
  } else {
    store_place(p, v, 0, nullptr, s.non_temporal);
  }
  changed(analysis_.buffer_state(s.buffer));
}

}  // namespace lilith::codegen
