#include "codegen/llvm/emitter.h"

#include "core/compute_dtype.h"
#include "lilith/error.h"

namespace lilith::codegen {

using kir::Expr;

Emitter::Emitter(llvm::Module& module, const kir::Kernel& kernel, const Target& target)
    : module_(module),
      context_(module.getContext()),
      kernel_(kernel),
      target_(target),
      analysis_(kernel, target.vector_bytes),
      b_(module.getContext()),
      bindings_(static_cast<std::size_t>(kernel.pool->num_vars())),
      regs_(kernel.regs.size()),
      last_change_(kernel.regs.size() + kernel.buffers.size()) {}

llvm::Function* Emitter::run(const std::string& name) {
  Type* pointer = b_.getPtrTy();
  Type* args[] = {pointer, b_.getInt64Ty(), b_.getInt64Ty(), pointer};
  auto* type = llvm::FunctionType::get(b_.getVoidTy(), args, false);
  function_ = llvm::Function::Create(type, llvm::Function::ExternalLinkage, name, module_);
  function_->addFnAttr(llvm::Attribute::NoUnwind);
  const std::string width = std::to_string(target_.vector_bytes * 8);
  function_->addFnAttr("prefer-vector-width", width);
  function_->addFnAttr("min-legal-vector-width", width);
  b_.SetInsertPoint(llvm::BasicBlock::Create(context_, "entry", function_));
  push_scope(nullptr, &kernel_.body, false);
  emit_prologue();
  emit_block(kernel_.body);
  emit_fence();
  b_.CreateRetVoid();
  return function_;
}

void Emitter::emit_prologue() {
  std::int64_t scratch = 0, param = 0;
  for (const kir::BufferDecl& d : kernel_.buffers) {
    if (d.space != kir::Space::Thread) {
      Value* slot = b_.CreateConstGEP1_64(b_.getPtrTy(), function_->getArg(0),
                                          static_cast<std::uint64_t>(param++));
      buffers_.push_back(b_.CreateLoad(b_.getPtrTy(), slot, d.name));
    } else {
      buffers_.push_back(b_.CreateConstGEP1_64(b_.getInt8Ty(), function_->getArg(3),
                                               static_cast<std::uint64_t>(scratch)));
      const auto bytes = d.size * static_cast<std::int64_t>(size_of(d.dtype));
      scratch += (bytes + 63) / 64 * 64;
    }
  }
}

llvm::Type* Emitter::value_type(DType dtype, int lanes) {
  Type* t = nullptr;
  switch (dtype) {
    case DType::Bool:
      t = b_.getInt1Ty();
      break;
    case DType::U8:
    case DType::I8:
      t = b_.getInt8Ty();
      break;
    case DType::I16:
      t = b_.getInt16Ty();
      break;
    case DType::I32:
      t = b_.getInt32Ty();
      break;
    case DType::I64:
      t = b_.getInt64Ty();
      break;
    case DType::F64:
      t = b_.getDoubleTy();
      break;
    default:
      t = b_.getFloatTy();
      break;
  }
  return lanes == 0 ? t : llvm::FixedVectorType::get(t, static_cast<unsigned>(lanes));
}

llvm::Type* Emitter::memory_type(DType dtype, int lanes) {
  Type* t = dtype == DType::Bool ? b_.getInt8Ty()
            : is_half(dtype)     ? b_.getInt16Ty()
                                 : value_type(dtype);
  return lanes == 0 ? t : llvm::FixedVectorType::get(t, static_cast<unsigned>(lanes));
}

llvm::Value* Emitter::i64(std::int64_t v) {
  return llvm::ConstantInt::getSigned(b_.getInt64Ty(), v);
}

int Emitter::lanes(Expr e) {
  const Deps& d = analysis_.deps(e);
  for (int v : d.vars) {
    if (bindings_[static_cast<std::size_t>(v)].lanes > 0) {
      return bindings_[static_cast<std::size_t>(v)].lanes;
    }
  }
  for (int s : d.states) {
    if (s >= static_cast<int>(regs_.size())) break;
    const RegStorage& r = regs_[static_cast<std::size_t>(s)];
    if (r.lanes > 0 && r.chunks == 0) return r.lanes;
  }
  return 0;
}

int Emitter::state_home(int state) const {
  for (int s = current_; s > 0; --s) {
    if (scopes_[static_cast<std::size_t>(s)].modifies->contains(state)) return s;
  }
  return 0;
}

int Emitter::home(const Deps& d) const {
  int h = 0;
  for (int v : d.vars) h = std::max(h, bindings_[static_cast<std::size_t>(v)].scope);
  for (int s : d.states) h = std::max(h, state_home(s));
  if (!d.guarded) return h;
  for (int s = current_; s > h; --s) {
    if (scopes_[static_cast<std::size_t>(s)].guard) return s;
  }
  return h;
}

// Offsets are those of what is written out.
constexpr std::int64_t kMostOffset = 1 << 20;

std::int64_t Emitter::bindings_key(const Deps& d) const {
  std::int64_t key = 0;
  for (int v : d.vars) {
    const Binding& b = bindings_[static_cast<std::size_t>(v)];
    if (b.base != nullptr && b.lanes == 0 && b.offset == 0) continue;  // its scope tells
    key = key * (std::min(kernel_.pool->var_extent(v), kMostOffset) + 64) + b.offset;
    key = key * 130 + b.lanes + 1;
  }
  return key;
}

bool Emitter::is_current(const Deps& d, std::uint64_t epoch) const {
  for (int s : d.states) {
    if (last_change_[static_cast<std::size_t>(s)] > epoch) return false;
  }
  return true;
}

llvm::Value* Emitter::at_scope(int scope, const std::function<Value*()>& emit) {
  if (scope == current_) return emit();
  llvm::IRBuilder<>::InsertPointGuard guard(b_);
  b_.SetInsertPoint(scopes_[static_cast<std::size_t>(scope) + 1].before->getTerminator());
  const int saved = std::exchange(current_, scope);
  Value* v = emit();
  current_ = saved;
  return v;
}

llvm::Value* Emitter::remember(ValueKey key, const Deps& d, const std::function<Value*()>& emit) {
  const int h = home(d);
  auto& values = scopes_[static_cast<std::size_t>(h)].values;
  auto it = values.find(key);
  if (it != values.end() && is_current(d, it->second.epoch)) return it->second.value;
  Value* v = at_scope(h, emit);
  values[key] = {v, epoch_};
  return v;
}

llvm::AllocaInst* Emitter::new_slot(Type* type) {
  llvm::IRBuilder<>::InsertPointGuard guard(b_);
  llvm::BasicBlock& entry = function_->getEntryBlock();
  b_.SetInsertPoint(&entry, entry.begin());
  return b_.CreateAlloca(type);
}

void Emitter::push_scope(llvm::BasicBlock* before, const kir::Block* body, bool guard) {
  Scope s;
  s.before = before;
  s.guard = guard;
  s.exec = scopes_.empty() ? nullptr : scopes_.back().exec;
  s.modifies = &analysis_.modifies(*body);
  scopes_.push_back(std::move(s));
  current_ = static_cast<int>(scopes_.size()) - 1;
}

void Emitter::pop_scope() {
  scopes_.pop_back();
  current_ = static_cast<int>(scopes_.size()) - 1;
}

llvm::Value* Emitter::zero_line() {
  if (zeros_ == nullptr) {
    // As wide as the widest vector load: 64 lanes of 8 bytes.
    auto* type = llvm::ArrayType::get(b_.getInt8Ty(), 512);
    zeros_ = new llvm::GlobalVariable(module_, type, true, llvm::GlobalValue::PrivateLinkage,
                                      llvm::ConstantAggregateZero::get(type), "zeros");
    zeros_->setAlignment(llvm::Align(64));
  }
  return zeros_;
}

llvm::BasicBlock* Emitter::new_block(const char* name) {
  return llvm::BasicBlock::Create(context_, name, function_);
}

}  // namespace lilith::codegen
