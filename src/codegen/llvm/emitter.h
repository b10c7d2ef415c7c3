#pragma once
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/Module.h>

#include <functional>
#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

#include "codegen/codegen.h"
#include "codegen/llvm/analysis.h"

// Writes one kernel as one LLVM function. Vectors, unrolling, hoisting and common subexpressions
// are done here, so that LLVM only has to promote registers to SSA and select instructions.
namespace lilith::codegen {

/// What a loop variable stands for at this point: base + offset (+ <0, 1, … lanes-1>).
struct Binding {
  int scope = 0;                // where base lives
  llvm::Value* base = nullptr;  // i64; null: the offset alone
  std::int64_t offset = 0;
  int lanes = 0;                // 0: a scalar
  int active = 0;               // lanes that exist; the rest are masked off
  llvm::Value* mask = nullptr;  // the same where it differs between iterations
};

/// An emitted value is known by its expression, what written-out variables were, and its form.
struct ValueKey {
  const void* node;
  std::int64_t bindings;
  int form;  // 0: as computed; else a conversion of it (see Emitter::operand)
  bool operator==(const ValueKey&) const = default;
};
struct ValueKeyHash {
  std::size_t operator()(const ValueKey& k) const {
    auto h = reinterpret_cast<std::uintptr_t>(k.node) * 0x9E3779B97F4A7C15u;
    h ^= static_cast<std::uint64_t>(k.bindings) * 0xC2B2AE3D27D4EB4Fu +
         static_cast<unsigned>(k.form);
    return h ^ (h >> 29);
  }
};

/// A loop body or a branch: values that live in it are remembered until it ends.
struct Scope {
  struct Entry {
    llvm::Value* value;
    std::uint64_t epoch;
  };
  llvm::BasicBlock* before = nullptr;  // hoisted code goes to its end
  bool guard = false;                  // its code may not run: nothing that can fault leaves it
  llvm::Value* exec = nullptr;         // lanes that run, where a varying If is around
  const std::set<int>* modifies = nullptr;
  std::unordered_map<ValueKey, Entry, ValueKeyHash> values;
  std::map<std::vector<std::int64_t>, Scope::Entry> pointers;
};

/// The storage of a register: one stack slot a promoted element, or an array in memory.
struct RegStorage {
  DType dtype = DType::F32;
  int lanes = 0;   // 0: an element is a scalar
  int chunks = 0;  // > 0: the last dimension in pieces of `lanes`, the last one of `tail_lanes`
  int tail_lanes = 0;
  bool in_memory = false;
  llvm::AllocaInst* memory = nullptr;
  std::vector<llvm::AllocaInst*> slots;
};

/// A register that lanes accumulate into, combined when the Vector loop ends.
struct LaneTotal {
  kir::Combine combine = kir::Combine::Add;
  RegStorage storage;              // one copy after another
  std::set<std::int64_t> touched;  // slots in use
};

/// The Vector loop around.
struct VectorLoop {
  const kir::For* loop = nullptr;
  int lanes = 0;
  int copies = 1, copy = 0;  // independent accumulators, and the one in use
  llvm::Instruction* before = nullptr;
  std::map<kir::RegId, LaneTotal> totals;
};

class Emitter {
 public:
  Emitter(llvm::Module& module, const kir::Kernel& kernel, const Target& target);
  llvm::Function* run(const std::string& name);
  const std::vector<llvm::AllocaInst*>& promotable() const { return promotable_; }

 private:
  using Value = llvm::Value;
  using Type = llvm::Type;

  // emitter.cpp: types, scopes, memory of emitted values
  Type* value_type(DType dtype, int lanes = 0);
  Type* memory_type(DType dtype, int lanes = 0);
  Value* i64(std::int64_t v);
  /// Lanes of an expression at this point; 0 when all lanes share one scalar.
  int lanes(kir::Expr e);
  int home(const Deps& d) const;
  int state_home(int state) const;
  std::int64_t bindings_key(const Deps& d) const;
  bool is_current(const Deps& d, std::uint64_t epoch) const;
  void changed(int state) { last_change_[static_cast<std::size_t>(state)] = ++epoch_; }
  /// Emits at `scope`: here, or at the end of the code before the scope inside it.
  Value* at_scope(int scope, const std::function<Value*()>& emit);
  Value* remember(ValueKey key, const Deps& d, const std::function<Value*()>& emit);
  llvm::AllocaInst* new_slot(Type* type);
  void push_scope(llvm::BasicBlock* before, const kir::Block* body, bool guard);
  void pop_scope();
  Value* zero_line();
  void emit_prologue();

  // expr.cpp: expressions
  Value* eval(kir::Expr e);
  /// The value as an operand: of `lanes` lanes (0: scalar), I64 in 32 bits where `narrow`.
  Value* operand(kir::Expr e, int lanes, bool narrow = false);
  Value* scalar(kir::Expr e) { return operand(e, 0); }
  Value* emit(kir::Expr e);
  Value* emit_const(kir::Expr e);
  Value* emit_var(kir::Expr e);
  Value* emit_operation(kir::Expr e, int lanes);
  Value* emit_float(kir::Op op, const std::vector<Value*>& a);
  Value* emit_integer(kir::Op op, kir::Expr e, const std::vector<Value*>& a);
  Value* emit_compare(kir::Op op, DType dtype, Value* a, Value* b);
  Value* emit_select(kir::Expr e, int lanes);
  int lanes_of(Value* v) const;
  Value* splat(Value* v, int lanes);
  Value* fit_width(Value* v, bool narrow);

  // arith.cpp: arithmetic that is more than one instruction
  Value* float_min_max(bool is_max, Value* a, Value* b);
  Value* fused_multiply_add(Value* a, Value* b, Value* c);
  Value* multiply_add(Value* a, Value* b, Value* c);
  Value* packed_sum(kir::Expr e, int lanes);
  Value* divide(kir::Op op, bool is_unsigned, Value* a, Value* b);
  Value* divide_positive(kir::Expr e, Value* a, Value* b);
  Value* floor_divide(kir::Op op, kir::Expr x, Value* a, Value* b);
  Value* shift(kir::Op op, bool is_unsigned, Value* a, Value* b);
  Value* multiply_high(Value* a, Value* b);
  Value* convert(Value* v, DType from, DType to);
  Value* float_to_int(Value* v, DType to);
  Value* widen(Value* v, DType memory);
  Value* narrow(Value* v, DType value, DType memory);
  Value* round_to(Value* v, DType memory);
  Value* round_to_odd(Value* v);
  Value* bfloat_bits(Value* v);
  Value* half_to_float(Value* bits);
  Value* float_to_half(Value* v);
  Value* combine(kir::Combine how, DType dtype, Value* a, Value* b);
  Value* identity(kir::Combine how, DType dtype, int lanes);
  Value* reduce_lanes(kir::Combine how, DType dtype, Value* v);
  Value* intrinsic(llvm::Intrinsic::ID id, std::initializer_list<Value*> args);
  bool has_fma() const { return target_.has_fma(); }

  // memory.cpp: addresses, loads, stores
  struct Place {
    Value* pointer = nullptr;  // of the first lane's element
    Value* index = nullptr;  // per lane, in elements from pointer; null: consecutive or one element
    bool is_vector = false;  // lanes are consecutive elements
    std::int64_t stride = 0;  // elements between lanes, where index is that alone
    bool is_uniform() const { return !is_vector && index == nullptr; }
  };
  Place place(kir::BufferId buffer, kir::Expr index, int lanes);
  Place place_linear(Value* base, const Linear& form, std::int64_t scale, DType memory, int lanes);
  Value* lane_index(const Linear& form, std::int64_t scale, int lanes);
  Value* term_value(kir::Expr atom, std::int64_t coefficient);
  Value* load_expr(kir::Expr e);
  Value* load_near(const Place& p, Type* type, int lanes, Value* mask);
  Value* load_place(const Place& p, Type* type, int lanes, Value* mask);
  void store_place(const Place& p, Value* v, int lanes, Value* mask, bool non_temporal);
  /// The lanes of a constant mask as scalar accesses, where that beats a gather; empty elsewhere.
  std::vector<int> single_lanes(const Place& p, Type* element, int lanes, Value* mask);
  void store_non_temporal(Value* pointer, Value* v);
  Value* pointers(const Place& p, Type* element);
  /// Lanes in which code at the current scope runs: the tail's and the varying Ifs'. Null: all.
  Value* lane_mask(int lanes);
  Value* and_mask(Value* a, Value* b);
  Value* any(Value* mask);
  Value* safe_pointer(Value* pointer, Value* cond);
  void emit_store(const kir::Store& s);
  void emit_prefetch(const kir::Prefetch& s);

  // registers.cpp
  RegStorage make_storage(DType dtype, std::int64_t count, int lanes, bool in_memory,
                          int chunks = 0, int tail_lanes = 0);
  Place reg_place(const RegStorage& s, const Linear& flat, int lanes);
  Value* read_storage(const RegStorage& s, const Linear* flat, std::int64_t slot, int lanes);
  int index_lanes(const std::vector<kir::Expr>& index);
  std::int64_t element_count(kir::RegId r) const;
  std::int64_t static_index(kir::RegId r, const std::vector<kir::Expr>& index);
  Linear flat_index(kir::RegId r, const std::vector<kir::Expr>& index);
  bool is_lane_total(kir::RegId r, const std::vector<kir::Expr>& index);
  Value* read_reg(kir::RegId r, const std::vector<kir::Expr>& index);
  void write_reg(kir::RegId r, const std::vector<kir::Expr>& index, Value* v, Value* mask);
  int reg_lanes(kir::RegId r, const std::vector<kir::Expr>& index);
  void emit_decl(const kir::DeclReg& s);
  void emit_set(const kir::SetReg& s);
  void emit_accumulate(const kir::Accumulate& s);
  void accumulate_lanes(const kir::Accumulate& s);
  Value* accumulated(const kir::Accumulate& s, Value* old, int lanes, Value* mask);
  void finish_totals(VectorLoop& v);
  void fill(const RegStorage& storage, std::int64_t count, Value* v);

  // stmt.cpp
  void emit_block(const kir::Block& block);
  void emit_stmt(const kir::Stmt& s);
  void emit_for(const kir::For& s);
  void emit_parallel(const kir::For& s);
  void emit_vector(const kir::For& s);
  Value* count_of(const kir::For& s);
  void emit_copies(VectorLoop& v, Value* end);
  void emit_counted(VectorLoop& v);
  void emit_where(Value* cond, const kir::Block& block, const std::function<void()>& body);
  void emit_masked_loop(const kir::For& s, int lanes);
  void emit_masked(const kir::For& s, Value* at, int lanes);
  void emit_rolled(const kir::For& s, const RollPlan& plan);
  RegStorage copy_to_memory(kir::RegId r);
  void emit_while(const kir::While& s);
  void emit_if(const kir::If& s);
  void emit_varying_if(const kir::If& s, int lanes);
  void emit_arm(llvm::BasicBlock* before, llvm::BasicBlock* arm, llvm::BasicBlock* end, Value* exec,
                const kir::Block& body);
  /// for (i = begin; i < end; i += step) body(i), at least once; a scope of its own.
  void loop(Value* begin, Value* end, std::int64_t step, const kir::Block& block,
            const std::function<void(Value*)>& body);
  llvm::BasicBlock* new_block(const char* name);
  void emit_barrier();
  void emit_fence();

  llvm::Module& module_;
  llvm::LLVMContext& context_;
  const kir::Kernel& kernel_;
  const Target& target_;
  Analysis analysis_;
  llvm::IRBuilder<> b_;
  llvm::Function* function_ = nullptr;
  std::vector<Scope> scopes_;
  int current_ = 0;  // the scope that is emitted into; inner ones are being hoisted out of
  std::vector<Binding> bindings_;  // by VarId
  std::vector<Value*> buffers_;
  std::vector<RegStorage> regs_;
  std::vector<std::uint64_t> last_change_;
  std::uint64_t epoch_ = 0;
  std::vector<llvm::AllocaInst*> promotable_;
  VectorLoop* vector_ = nullptr;
  const RollPlan* rolled_ = nullptr;  // the unrolled nest that is run as loops
  llvm::GlobalVariable* zeros_ = nullptr;
  bool has_non_temporal_ = false;
};

}  // namespace lilith::codegen
