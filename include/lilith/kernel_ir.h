#pragma once
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "lilith/dtype.h"

// The scalar expressions of the kernel IR, which an op's `lower` is written in. Its set of
// operations is closed. Loops, statements and kernels are the schedule's: src/kernel_ir/kernel.h.
//
// Semantics. Integers wrap; shifts by >= the width give 0 (SShr: the sign); x / 0 = 0 and x % 0 = x
// for integers; INT_MIN / -1 = INT_MIN. Integer Div and Rem truncate (C); FloorDiv and FloorMod
// floor. Float -> int casts saturate and NaN gives 0; float ops are IEEE, the emitter may contract
// nothing: Fma is explicit, and MulAdd leaves it to the target: a * b + c, rounded once where there
// is an instruction for it, else twice. Min and Max return NaN when either side is NaN. Comparisons
// give Bool; Bool is 0 or 1. F16 and BF16 exist in memory alone: Load widens to F32, Store narrows
// (round to nearest even), RoundF16 and RoundBF16 give the F32 or F64 that memory of that dtype
// would give back. Signless ops read I32/I64 as bits; UMulHi, UShr, ULt treat them as unsigned.
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
  MulAdd,  // of floats
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
  /// a * b + c, rounded once: slow where the target has no instruction for it.
  Expr fma(Expr a, Expr b, Expr c);
  /// a * b + c as the target does it fastest, rounded once or twice.
  Expr multiply_add(Expr a, Expr b, Expr c);
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

/// Associative combinations: of reductions and scatters, and what Accumulate may do to a register.
enum class Combine : std::uint8_t { Add, Mul, Max, Min, And, Or };

}  // namespace lilith::kir
