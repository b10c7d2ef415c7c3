#include <llvm/IR/Constants.h>

#include <algorithm>

#include "codegen/llvm/emitter.h"
#include "lilith/error.h"

// Registers. An element with an index known here is a stack slot that becomes an SSA value; arrays
// with other indices are memory on the stack and go the way of buffers.
namespace lilith::codegen {

using kir::Expr;

std::int64_t Emitter::element_count(kir::RegId r) const {
  const kir::RegDecl& decl = kernel_.regs[static_cast<std::size_t>(r)];
  const RegStorage& storage = regs_[static_cast<std::size_t>(r)];
  std::int64_t n = 1;
  for (std::size_t d = 0; d < decl.dims.size(); ++d) {
    n *= storage.chunks > 0 && d + 1 == decl.dims.size() ? storage.chunks : decl.dims[d];
  }
  return n;
}

RegStorage Emitter::make_storage(DType dtype, std::int64_t count, int lanes, bool in_memory,
                                 int chunks, int tail_lanes) {
  RegStorage s;
  s.dtype = dtype;
  s.lanes = lanes;
  s.in_memory = in_memory;
  s.chunks = chunks;
  s.tail_lanes = tail_lanes;
  if (in_memory) {
    auto elements = static_cast<std::uint64_t>(count * std::max(lanes, 1));
    s.memory = new_slot(llvm::ArrayType::get(memory_type(dtype), elements));
    s.memory->setAlignment(llvm::Align(64));
    return s;
  }
  for (std::int64_t i = 0; i < count; ++i) {
    const bool tail = chunks > 0 && i % chunks == chunks - 1;
    s.slots.push_back(new_slot(value_type(dtype, tail ? tail_lanes : lanes)));
    promotable_.push_back(s.slots.back());
  }
  return s;
}

std::int64_t Emitter::static_index(kir::RegId r, const std::vector<Expr>& index) {
  const kir::RegDecl& decl = kernel_.regs[static_cast<std::size_t>(r)];
  const RegStorage& storage = regs_[static_cast<std::size_t>(r)];
  std::int64_t flat = 0;
  for (std::size_t d = 0; d < index.size(); ++d) {
    if (storage.chunks > 0 && d + 1 == index.size()) {
      const Binding& b = bindings_[static_cast<std::size_t>(index[d]->i)];
      flat = flat * storage.chunks + b.offset / storage.lanes;
    } else {
      auto* known = llvm::dyn_cast<llvm::ConstantInt>(scalar(index[d]));
      if (known == nullptr) throw InternalError("codegen: a register index that is not constant");
      const std::int64_t i = known->getSExtValue();
      if (i < 0 || i >= decl.dims[d]) {
        throw InternalError("codegen: index out of range of register " + decl.name);
      }
      flat = flat * decl.dims[d] + i;
    }
  }
  return flat;
}

Linear Emitter::flat_index(kir::RegId r, const std::vector<Expr>& index) {
  const kir::RegDecl& decl = kernel_.regs[static_cast<std::size_t>(r)];
  Linear out;
  std::int64_t stride = 1;
  for (std::size_t d = index.size(); d-- > 0; stride *= decl.dims[d]) {
    const Linear& part = analysis_.linear(index[d]);
    out.constant += part.constant * stride;
    for (const auto& [atom, coefficient] : part.terms) {
      auto it = std::find_if(out.terms.begin(), out.terms.end(),
                             [&](const auto& t) { return t.first == atom; });
      if (it == out.terms.end()) it = out.terms.insert(it, {atom, 0});
      it->second += coefficient * stride;
    }
  }
  return out;
}

int Emitter::index_lanes(const std::vector<Expr>& index) {
  for (Expr e : index) {
    if (lanes(e) > 0) return lanes(e);
  }
  return 0;
}

int Emitter::reg_lanes(kir::RegId r, const std::vector<Expr>& index) {
  const RegStorage& s = regs_[static_cast<std::size_t>(r)];
  return s.lanes > 0 && s.chunks == 0 ? s.lanes : index_lanes(index);
}

Emitter::Place Emitter::reg_place(const RegStorage& s, const Linear& flat, int lanes) {
  if (s.lanes == 0) return place_linear(s.memory, flat, 1, s.dtype, lanes);
  Place p = place_linear(s.memory, flat, s.lanes, s.dtype, lanes);
  if (p.index == nullptr) {
    p.is_vector = true;
    return p;
  }
  llvm::SmallVector<llvm::Constant*, 64> steps;
  for (int i = 0; i < lanes; ++i) {
    steps.push_back(
        llvm::ConstantInt::get(p.index->getType()->getScalarType(), static_cast<std::uint64_t>(i)));
  }
  p.index = b_.CreateAdd(p.index, llvm::ConstantVector::get(steps));
  return p;
}

llvm::Value* Emitter::read_storage(const RegStorage& s, const Linear* flat, std::int64_t slot,
                                   int lanes) {
  if (!s.in_memory) {
    llvm::AllocaInst* a = s.slots[static_cast<std::size_t>(slot)];
    return b_.CreateLoad(a->getAllocatedType(), a);
  }
  const Place p = reg_place(s, *flat, lanes);
  Value* mask = p.is_uniform() || s.lanes > 0 ? nullptr : lane_mask(lanes);
  return widen(load_place(p, memory_type(s.dtype), lanes, mask), s.dtype);
}

llvm::Value* Emitter::read_reg(kir::RegId r, const std::vector<Expr>& index) {
  const RegStorage& s = regs_[static_cast<std::size_t>(r)];
  if (!s.in_memory) return read_storage(s, nullptr, static_index(r, index), s.lanes);
  const Linear flat = flat_index(r, index);
  return read_storage(s, &flat, 0, reg_lanes(r, index));
}

/// Where `mask` is given, other lanes keep what they hold.
void Emitter::write_reg(kir::RegId r, const std::vector<Expr>& index, Value* v, Value* mask) {
  const RegStorage& s = regs_[static_cast<std::size_t>(r)];
  if (mask != nullptr) v = b_.CreateSelect(mask, v, read_reg(r, index));
  if (!s.in_memory) {
    b_.CreateStore(v, s.slots[static_cast<std::size_t>(static_index(r, index))]);
  } else {
    const int n = reg_lanes(r, index);
    const Place p = reg_place(s, flat_index(r, index), n);
    Value* inside = p.is_uniform() || s.lanes > 0 ? nullptr : lane_mask(n);
    store_place(p, narrow(v, s.dtype, s.dtype), n, inside, false);
  }
  changed(r);
}

void Emitter::fill(const RegStorage& s, std::int64_t count, Value* v) {
  for (llvm::AllocaInst* slot : s.slots) {
    auto* type = llvm::dyn_cast<llvm::FixedVectorType>(slot->getAllocatedType());
    const int lanes = type == nullptr ? 0 : static_cast<int>(type->getNumElements());
    b_.CreateStore(lanes == lanes_of(v) ? v : splat(v, lanes), slot);
  }
  if (!s.in_memory) return;
  Value* stored = narrow(v, s.dtype, s.dtype);
  Type* type = stored->getType();
  const std::uint64_t bytes = type->getPrimitiveSizeInBits() / 8;
  auto* constant = llvm::dyn_cast<llvm::Constant>(stored);
  if (constant != nullptr && constant->isNullValue()) {
    b_.CreateMemSet(s.memory, b_.getInt8(0), static_cast<std::uint64_t>(count) * bytes,
                    llvm::Align(64));
    return;
  }
  for (std::int64_t i = 0; i < count; ++i) {
    Value* p =
        b_.CreateConstGEP1_64(b_.getInt8Ty(), s.memory, static_cast<std::uint64_t>(i) * bytes);
    b_.CreateAlignedStore(stored, p, llvm::Align(1));
  }
}

void Emitter::emit_decl(const kir::DeclReg& s) {
  const kir::RegDecl& decl = kernel_.regs[static_cast<std::size_t>(s.reg)];
  RegStorage& storage = regs_[static_cast<std::size_t>(s.reg)];
  const RegPlan& plan = analysis_.reg(s.reg);
  int lanes = 0;
  if (plan.lane_loop != nullptr && analysis_.lanes(*plan.lane_loop) > 1) lanes = vector_->lanes;
  const bool none = storage.memory == nullptr && storage.slots.empty();
  if (!plan.in_memory && plan.chunk_loop != nullptr && plan.lanes > 1) {
    if (none) {
      storage.chunks = static_cast<int>((decl.dims.back() + plan.lanes - 1) / plan.lanes);
      storage.lanes = plan.lanes;
      storage = make_storage(decl.dtype, element_count(s.reg), plan.lanes, false, storage.chunks,
                             plan.tail_lanes);
    }
  } else if (none || storage.lanes != lanes) {
    storage = make_storage(decl.dtype, element_count(s.reg), lanes, plan.in_memory);
  }
  const int width = storage.chunks > 0 ? 0 : storage.lanes;
  Value* init = operand(s.init, width);
  fill(storage, element_count(s.reg), convert(init, s.init->dtype, decl.dtype));
  changed(s.reg);
}

void Emitter::emit_set(const kir::SetReg& s) {
  const RegStorage& storage = regs_[static_cast<std::size_t>(s.reg)];
  const int n = reg_lanes(s.reg, s.index);
  Value* v = convert(operand(s.value, n), s.value->dtype, storage.dtype);
  Value* exec = n > 0 ? scopes_.back().exec : nullptr;
  write_reg(s.reg, s.index, v, exec);
}

bool Emitter::is_lane_total(kir::RegId r, const std::vector<Expr>& index) {
  return vector_ != nullptr && regs_[static_cast<std::size_t>(r)].lanes == 0 &&
         index_lanes(index) == 0;
}

llvm::Value* Emitter::accumulated(const kir::Accumulate& s, Value* old, int lanes, Value* mask) {
  const DType dtype = kernel_.regs[static_cast<std::size_t>(s.reg)].dtype;
  Value* v = convert(operand(s.value, lanes), s.value->dtype, dtype);
  Value* sum = nullptr;
  if (s.a) {
    Value* a = convert(operand(s.a, lanes), s.a->dtype, dtype);
    sum = is_floating(dtype) ? multiply_add(a, v, old) : b_.CreateAdd(b_.CreateMul(a, v), old);
  } else {
    sum = combine(s.combine, dtype, old, v);
  }
  if (s.mask) {
    const bool is_vector = mask != nullptr || this->lanes(s.mask) > 0;
    mask = and_mask(mask, operand(s.mask, is_vector ? lanes : 0));
  }
  return mask == nullptr ? sum : b_.CreateSelect(mask, sum, old);
}

void Emitter::emit_accumulate(const kir::Accumulate& s) {
  if (is_lane_total(s.reg, s.index)) return accumulate_lanes(s);
  const int n = reg_lanes(s.reg, s.index);
  Value* exec = n > 0 ? scopes_.back().exec : nullptr;
  write_reg(s.reg, s.index, accumulated(s, read_reg(s.reg, s.index), n, exec), nullptr);
}

void Emitter::accumulate_lanes(const kir::Accumulate& s) {
  const kir::RegDecl& decl = kernel_.regs[static_cast<std::size_t>(s.reg)];
  const bool in_memory = regs_[static_cast<std::size_t>(s.reg)].in_memory;
  const std::int64_t count = element_count(s.reg);
  auto [it, is_new] = vector_->totals.try_emplace(s.reg);
  LaneTotal& total = it->second;
  const auto begin_with_identity = [&](auto&& store) {
    llvm::IRBuilder<>::InsertPointGuard guard(b_);
    b_.SetInsertPoint(vector_->before);
    store(identity(s.combine, decl.dtype, vector_->lanes));
  };
  if (is_new) {
    total.combine = s.combine;
    total.storage = make_storage(decl.dtype, count * vector_->copies, vector_->lanes, in_memory);
    if (in_memory) {
      begin_with_identity([&](Value* v) { fill(total.storage, count * vector_->copies, v); });
    }
  }
  if (total.combine != s.combine) {
    throw InternalError("codegen: register " + decl.name + " is combined in two ways in one loop");
  }
  Linear flat;
  std::int64_t slot = 0;
  if (in_memory) {
    flat = flat_index(s.reg, s.index);
    flat.constant += vector_->copy * count;
  } else {
    slot = static_index(s.reg, s.index) + vector_->copy * count;
    if (total.touched.insert(slot).second) {
      begin_with_identity([&](Value* v) {
        b_.CreateStore(v, total.storage.slots[static_cast<std::size_t>(slot)]);
      });
    }
  }
  Value* old = read_storage(total.storage, &flat, slot, vector_->lanes);
  Value* v = accumulated(s, old, vector_->lanes, lane_mask(vector_->lanes));
  if (in_memory) {
    const Place p = reg_place(total.storage, flat, vector_->lanes);
    store_place(p, narrow(v, decl.dtype, decl.dtype), vector_->lanes, nullptr, false);
  } else {
    b_.CreateStore(v, total.storage.slots[static_cast<std::size_t>(slot)]);
  }
}

/// Copies pairwise, then lanes, then the register itself.
void Emitter::finish_totals(VectorLoop& v) {
  for (auto& [r, total] : v.totals) {
    const DType dtype = total.storage.dtype;
    const RegStorage& reg = regs_[static_cast<std::size_t>(r)];
    const std::int64_t count = element_count(r);
    for (std::int64_t i = 0; i < count; ++i) {
      Linear flat;
      std::vector<Value*> parts;
      for (int c = 0; c < v.copies; ++c) {
        flat.constant = i + c * count;
        if (!reg.in_memory && !total.touched.contains(flat.constant)) continue;
        parts.push_back(read_storage(total.storage, &flat, flat.constant, v.lanes));
      }
      if (parts.empty()) continue;
      for (; parts.size() > 1; parts.resize((parts.size() + 1) / 2)) {
        for (std::size_t k = 0; 2 * k < parts.size(); ++k) {
          const bool pair = 2 * k + 1 < parts.size();
          parts[k] =
              pair ? combine(total.combine, dtype, parts[2 * k], parts[2 * k + 1]) : parts[2 * k];
        }
      }
      flat.constant = i;
      Value* old = read_storage(reg, &flat, i, 0);
      Value* sum = combine(total.combine, dtype, old, reduce_lanes(total.combine, dtype, parts[0]));
      if (reg.in_memory) {
        store_place(reg_place(reg, flat, 0), narrow(sum, dtype, dtype), 0, nullptr, false);
      } else {
        b_.CreateStore(sum, reg.slots[static_cast<std::size_t>(i)]);
      }
    }
    changed(r);
  }
}

}  // namespace lilith::codegen
