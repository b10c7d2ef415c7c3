#pragma once
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "lilith/dtype.h"

// The kernel IR: loop nests over scalar expressions. Its set of operations is closed.
//
// Semantics. Integers wrap; shifts by >= the width give 0 (SShr: the sign); x / 0 = 0 and x % 0 = x
// for integers; INT_MIN / -1 = INT_MIN. Integer Div and Rem truncate (C); FloorDiv and FloorMod
// floor. Float -> int casts saturate and NaN gives 0; float ops are IEEE, the emitter may contract
// nothing: Fma is explicit. Min and Max return NaN when either side is NaN. Comparisons give Bool;
// Bool is 0 or 1. F16 and BF16 exist in memory alone: Load widens to F32, Store narrows (round to
// nearest even), RoundF16 and RoundBF16 give the F32 or F64 that memory of that dtype would give
// back. Signless ops read I32/I64 as bits; UMulHi, UShr, ULt treat them as unsigned.
namespace lilith::kir {

class Pool;

enum class Op : std::uint8_t {
  // leaves
  Const,
  Var,
  Load,
  RegRead,
  // arithmetic
  Add,
  Sub,
  Mul,
  Div,
  Rem,
  FloorDiv,
  FloorMod,
  Neg,
  Abs,
  Min,
  Max,
  Fma,
  // floating
  Sqrt,
  Floor,
  Ceil,
  Trunc,
  RoundEven,
  RoundF16,
  RoundBF16,
  // bits
  And,
  Or,
  Xor,
  Not,
  Shl,
  UShr,
  SShr,
  UMulHi,
  Ctz,
  PopCount,
  // comparisons: Bool
  Eq,
  Ne,
  Lt,
  Le,
  ULt,
  // other
  Select,
  Cast,
  Bitcast,
};
constexpr int kNumOps = static_cast<int>(Op::Bitcast) + 1;
const char* op_name(Op op);

using BufferId = int;
using RegId = int;
using VarId = int;

struct ExprNode;

/// A scalar expression: a handle to a hash-consed node of its kernel's pool. Pointer-equal when
/// equal.
class Expr {
 public:
  Expr() = default;
  explicit Expr(const ExprNode* node) : node_(node) {}
  const ExprNode* operator->() const { return node_; }
  const ExprNode* node() const { return node_; }
  explicit operator bool() const { return node_ != nullptr; }
  bool operator==(const Expr& o) const { return node_ == o.node_; }
  DType dtype() const;
  Pool& pool() const;
  /// A constant of this expression's dtype.
  Expr like(double value) const;
  bool is_const() const;
  bool is_const(double value) const;
  std::int64_t as_int() const;  // of an integer constant

 private:
  const ExprNode* node_ = nullptr;
};

struct ExprNode {
  Op op;
  DType dtype;
  Pool* pool;
  std::vector<Expr> args;  // Load: {index, mask?}; RegRead: one index per dimension of the register
  std::int64_t i = 0;      // Const (integers, bool), Var / Load / RegRead: the id
  double f = 0;            // Const (floats)
  // Bounds of an I64 expression where known; what makes div and mod of index arithmetic vanish.
  std::int64_t lo = INT64_MIN, hi = INT64_MAX;
  std::uint32_t id = 0;                  // dense in the pool, in the order of creation
  bool in_f16 = false, in_bf16 = false;  // floats: known to be a value of that dtype
};

/// Makes expressions: folds constants, keeps index arithmetic in a canonical affine form, consing
/// all.
class Pool {
 public:
  Pool();
  ~Pool();
  Pool(const Pool&) = delete;

  Expr constant(DType dtype, double value);
  Expr integer(std::int64_t value, DType dtype = DType::I64);
  /// A loop variable that runs over [0, extent).
  Expr var(std::int64_t extent, std::string name);
  /// buffer[index], index in elements. With a mask, 0 where the mask is false (nothing is read
  /// there).
  Expr load(BufferId buffer, DType memory_dtype, Expr index, Expr mask = {});
  Expr read(RegId reg, DType dtype, std::vector<Expr> index = {});
  Expr make(Op op, DType dtype, std::vector<Expr> args);
  /// The node as given, consed but not simplified; fills in its pool, id and bounds.
  Expr intern(ExprNode node);
  Expr cast(Expr x, DType dtype);
  Expr bitcast(Expr x, DType dtype);  // same size
  Expr select(Expr cond, Expr a, Expr b);
  Expr fma(Expr a, Expr b, Expr c);
  const std::string& var_name(VarId id) const;
  std::int64_t var_extent(VarId id) const;
  int num_vars() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Operators: operands have one dtype.
Expr operator+(Expr a, Expr b);
Expr operator-(Expr a, Expr b);
Expr operator*(Expr a, Expr b);
Expr operator/(Expr a, Expr b);
Expr operator-(Expr a);
Expr operator+(Expr a, double b);
Expr operator-(Expr a, double b);
Expr operator*(Expr a, double b);
Expr operator/(Expr a, double b);
Expr operator+(double a, Expr b);
Expr operator-(double a, Expr b);
Expr operator*(double a, Expr b);
Expr operator/(double a, Expr b);
Expr floor_div(Expr a, std::int64_t b);  // index arithmetic, b > 0
Expr floor_mod(Expr a, std::int64_t b);
Expr eq(Expr a, Expr b);
Expr ne(Expr a, Expr b);
Expr lt(Expr a, Expr b);
Expr le(Expr a, Expr b);
Expr gt(Expr a, Expr b);
Expr ge(Expr a, Expr b);
Expr logical_and(Expr a, Expr b);  // of Bool; either may be null (true)
Expr logical_or(Expr a, Expr b);
Expr logical_not(Expr a);
Expr min(Expr a, Expr b);
Expr max(Expr a, Expr b);
/// A float as a tensor of `dtype` holds it, in the dtype that expressions have for it: rounded once
/// to F16 or BF16; x itself for other dtypes.
Expr rounded(Expr x, DType dtype);

/// x as an affine form of variables: constant + sum coefficient * var, or nothing when x is not
/// affine.
struct Affine {
  std::int64_t constant = 0;
  std::vector<std::pair<VarId, std::int64_t>> terms;  // sorted by var, no zero coefficient
  std::int64_t coefficient(VarId v) const;
};
std::optional<Affine> affine(Expr x);
/// Replaces variables (null entries stay); `by` is indexed by VarId.
Expr substitute(Expr x, const std::vector<Expr>& by);

// ---- Statements ----

struct Stmt;
using Block = std::vector<Stmt>;

/// How a loop runs; set by a target's schedule, read by its emitter.
enum class LoopKind : std::uint8_t {
  Serial,
  Parallel,  // outermost only, iterations independent: a static partition over the team's threads
  Vector,  // iterations independent but for Accumulate: run in SIMD lanes, the tail masked. At most
           // one Vector loop on any path. Serial loops may be inside; Parallel may not.
  Unroll,  // constant extent, written out
};

/// Associative combinations: what Accumulate may do to a register.
enum class Combine : std::uint8_t { Add, Mul, Max, Min, And, Or };

struct For {
  Expr var;  // an Op::Var; runs over [0, extent)
  std::int64_t extent;
  LoopKind kind;
  std::shared_ptr<Block> body;
};
/// A loop while `cond` (re-evaluated each time) holds. Not inside a Vector loop.
struct While {
  Expr cond;
  std::shared_ptr<Block> body;
};
struct If {
  Expr cond;
  std::shared_ptr<Block> then_body, else_body;
};  // else_body may be null
/// buffer[index] = value where mask (null: always). The value is converted to the memory dtype.
/// `non_temporal`: the line will not be read soon.
struct Store {
  BufferId buffer;
  Expr index, value, mask;
  bool non_temporal = false;
};
/// A hint: the cache line of buffer[index] is wanted soon. Not inside a Vector loop.
struct Prefetch {
  BufferId buffer;
  Expr index;
};
/// Begins the life of a register (scalar, or an array with constant dims) with an initial value in
/// every element. Its life ends with the enclosing block. In a Vector loop it has one value a lane.
struct DeclReg {
  RegId reg;
  Expr init;
};
/// reg[index] = value.
struct SetReg {
  RegId reg;
  std::vector<Expr> index;
  Expr value;
};
/// reg[index] = combine(reg[index], value) where mask (null: always). Inside a Vector loop, on a
/// register declared outside of it and not indexed by its variable, lanes are combined after the
/// loop (in a fixed order). With `a` set, combine must be Add and the value is fma(a, value, reg).
struct Accumulate {
  RegId reg;
  std::vector<Expr> index;
  Combine combine;
  Expr value, a, mask;
};
/// All threads of the team meet. Outside of every loop.
struct Barrier {};

/// A register array indexed by the variable of a Vector loop (last dimension, extent = the loop's)
/// and declared outside of it is held in vector registers: that loop is written out. This is how a
/// matmul tile is said:   decl acc[6][64]; for k { unroll r { vector n { acc[r][n] += A[r,k] *
/// B[k,n] } } }
struct Stmt {
  enum class Kind : std::uint8_t {
    For,
    While,
    If,
    Store,
    DeclReg,
    SetReg,
    Accumulate,
    Prefetch,
    Barrier
  } kind;
  For loop;
  While while_loop;
  If branch;
  Store store;
  DeclReg decl;
  SetReg set;
  Accumulate acc;
  Prefetch prefetch;
  Stmt(For s) : kind(Kind::For), loop(std::move(s)) {}
  Stmt(While s) : kind(Kind::While), while_loop(std::move(s)) {}
  Stmt(If s) : kind(Kind::If), branch(std::move(s)) {}
  Stmt(Store s) : kind(Kind::Store), store(std::move(s)) {}
  Stmt(DeclReg s) : kind(Kind::DeclReg), decl(std::move(s)) {}
  Stmt(SetReg s) : kind(Kind::SetReg), set(std::move(s)) {}
  Stmt(Accumulate s) : kind(Kind::Accumulate), acc(std::move(s)) {}
  Stmt(Prefetch s) : kind(Kind::Prefetch), prefetch(std::move(s)) {}
  Stmt(Barrier) : kind(Kind::Barrier) {}
};

/// Where a buffer of a kernel lies.
enum class Space : std::uint8_t {
  Param,   // a pointer given at launch, in the order of declaration
  Thread,  // scratch, one copy a thread, 64-byte aligned, undefined at entry
};
struct BufferDecl {
  std::string name;
  DType dtype;
  std::int64_t size;  // elements
  Space space = Space::Param;
  bool written = false;  // some Store writes it: loads of it are not moved or shared across stores
};
struct RegDecl {
  std::string name;
  DType dtype;
  std::vector<std::int64_t> dims;  // empty: scalar
};

/// One function of a program. Compiled to
///   void kernel(void* const* params, int64_t thread, int64_t num_threads, void* thread_scratch)
/// where params holds one pointer per Param buffer, and a Barrier calls the runtime's.
struct Kernel {
  std::string name;
  std::shared_ptr<Pool> pool = std::make_shared<Pool>();
  std::vector<BufferDecl> buffers;
  std::vector<RegDecl> regs;
  Block body;

  /// Scratch counts as written, a Param as read alone until `written` is set.
  BufferId add_buffer(std::string name, DType dtype, std::int64_t size, Space space = Space::Param);
  RegId add_reg(std::string name, DType dtype, std::vector<std::int64_t> dims = {});
  std::int64_t thread_scratch_bytes() const;
  bool has_barrier() const;
};

Stmt make_for(Expr var, LoopKind kind, Block body);  // extent: the variable's

/// The text form: loops indented, one statement a line.
std::string to_string(const Kernel& k);
std::string to_string(Expr x, const Kernel* k = nullptr);
/// Throws InternalError when the kernel breaks a rule of this file.
void verify(const Kernel& k);
/// The bytes that say all about a kernel but its names: equal for kernels that compile alike.
std::string canonical_form(const Kernel& k);
/// Runs the kernel on the host, slowly, one thread after another: the oracle of the emitters.
void interpret(const Kernel& k, const std::vector<void*>& params);

}  // namespace lilith::kir
