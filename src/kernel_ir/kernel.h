#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernel_ir/scalar.h"
#include "lilith/error.h"
#include "lilith/kernel_ir.h"

// The kernel IR's statements: loop nests over the expressions of lilith/kernel_ir.h.
namespace lilith::kir {

struct Stmt;
using Block = std::vector<Stmt>;

/// How a loop runs; set by a target's schedule, read by its emitter.
enum class LoopKind : std::uint8_t {
  Serial,
  Parallel,  // outermost only, iterations independent: a static partition over the team's threads
  Vector,  // iterations independent but for Accumulate: run in SIMD lanes, the tail masked. At most
           // one Vector loop on any path. Serial loops may be inside; Parallel may not.
  Unroll,  // constant extent, written out
  Grid,    // of a kernel for a GPU, the outermost loop: an iteration is a block of threads
  Thread,  // in a Grid loop: an iteration is a thread
};

struct For {
  Expr var;  // an Op::Var; runs over [0, extent)
  std::int64_t extent;
  LoopKind kind;
  std::shared_ptr<Block> body;
  // Iterations where they are known at launch alone: an I64 expression of Scalar buffers, from 1 to
  // `extent`. Of Serial, Parallel and Vector loops whose variable indexes no register.
  Expr count = {};
  // Of a Vector loop: how many sums each total runs as beside each other; 0: as its body's length
  // suggests. A part of what is computed: it orders the sum.
  int sums = 0;
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
/// loop (in a fixed order). With `a` set, combine must be Add and it is
/// sum_op(dtype)(a, value, reg).
struct Accumulate {
  RegId reg;
  std::vector<Expr> index;
  Combine combine;
  Expr value, a, mask;
};
/// What an Mma multiplies: element (i, k) of a block's matrix in Shared memory is
/// buffer[index + i * across + k * along], where i counts rows of a or columns of b.
struct MmaOperand {
  BufferId buffer;
  Expr index;
  std::int64_t across, along;
};
/// GPU form: a warp multiplies. See below.
struct Mma {
  RegId acc;
  std::vector<Expr> place;
  MmaOperand a, b;
};
/// All threads of the team meet. Outside of every loop. In the GPU form: those of the block,
/// outside of Thread loops.
struct Barrier {};

// The GPU form. The body of a kernel with `threads` is Grid loops; their iterations, the blocks,
// are independent and have that many threads. What they hold outside of Thread loops all threads
// of a block do alike, so branches and Barriers there are uniform: no store, no Parallel or Vector
// loop. An iteration of a Thread loop is one thread's, from thread 0 on; the others wait. Its body
// may be another Thread loop and nothing else: threads are then numbered row by row. Threads that
// meet at no Barrier between two Thread loops touch no element that one of them stores, nor do two
// threads of one loop: verify proves it.
//
// A register that is declared outside of Thread loops is the block's: each thread has it, and sets
// it outside of them alone; or its first `thread_dims` dimensions are a thread's place, whose part
// that thread holds: in a Thread loop it is indexed there by the loops' variables. An element of
// one with a single such dimension is, in two nested loops, a row's: the lanes of the row hold it
// and do not set it.
//
// Accumulate, in Thread loops, into an element that several lanes hold: each lane has a partial of
// its own, which begins with what changes nothing (-0.0 for sums of floats). After the loops the
// partials p[0], p[1] … of the n lanes are combined pairwise, neighbours first:
//   for (s = 1; s < n; s *= 2) for (j = 0; j + s < n; j += 2 * s) p[j] = combine(p[j], p[j + s])
// and the element becomes combine(element, p[0]). It is not read or set in these loops, and one
// register is combined in one way there.
//
// An Mma is of a nest whose innermost loop has 32 lanes, a warp: its threads run it together, in
// loops that are Serial or Unroll, with the same indices, and none stores to what it reads. `acc`
// is an f32 register of dimensions [mi][ni][4] beside those of `place`, which say the thread as
// elsewhere (none for one declared in the nest). The warp holds 16 mi rows and 8 ni columns of it:
// acc[i][j][r] of a lane is at row 16 i + lane / 4 + 8 (r / 2), column 8 j + 2 (lane % 4) + r % 2.
// To each element is added the product of a row of a and a column of b over K elements, k upwards,
// one fma each. Of buffers of F32, K is 8 and the 13 lowest bits of what is read do not count
// (TF32); of F16 and BF16 (both alike) it is 16, `along` is 1, index and `across` are even. A GPU's
// unit for it may add in another order and drop bits below those of the largest term: its results
// are not the interpreter's bits, everything else's are.
//
// A Vector loop has 2 or 4 iterations, stands in a Thread loop and means what an Unroll loop does.
// What it loads and stores at consecutive places, from a multiple of its extent on, is one access:
// the memory of a Param has to begin at such a multiple.

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
    Barrier,
    Mma
  } kind;
  For loop;
  While while_loop;
  If branch;
  Store store;
  DeclReg decl;
  SetReg set;
  Accumulate acc;
  Prefetch prefetch;
  Mma mma;
  Stmt(For s) : kind(Kind::For), loop(std::move(s)) {}
  Stmt(While s) : kind(Kind::While), while_loop(std::move(s)) {}
  Stmt(If s) : kind(Kind::If), branch(std::move(s)) {}
  Stmt(Store s) : kind(Kind::Store), store(std::move(s)) {}
  Stmt(DeclReg s) : kind(Kind::DeclReg), decl(std::move(s)) {}
  Stmt(SetReg s) : kind(Kind::SetReg), set(std::move(s)) {}
  Stmt(Accumulate s) : kind(Kind::Accumulate), acc(std::move(s)) {}
  Stmt(Prefetch s) : kind(Kind::Prefetch), prefetch(std::move(s)) {}
  Stmt(Barrier) : kind(Kind::Barrier) {}
  Stmt(Mma s) : kind(Kind::Mma), mma(std::move(s)) {}
};

/// Where a buffer of a kernel lies.
enum class Space : std::uint8_t {
  Param,   // a pointer given at launch, in the order of declaration
  Thread,  // scratch, one copy a thread, 64-byte aligned, undefined at entry
  Shared,  // of a GPU's block: all of its threads reach it; undefined when a block begins
  Scalar,  // numbers of the launch, a pointer as a Param's: read at constant indices alone, so that
           // their values are known when the kernel begins
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
  int thread_dims = 0;             // GPU form: how many of them, the first ones, are threads
};

class KernelForms;  // kernel_ir/forms.h

/// One function of a program. Compiled to
///   void kernel(void* const* params, int64_t thread, int64_t num_threads, void* thread_scratch)
/// where params holds one pointer per Param or Scalar buffer, and a Barrier calls the runtime's.
struct Kernel {
  std::string name;
  std::shared_ptr<Pool> pool = std::make_shared<Pool>();
  std::vector<BufferDecl> buffers;
  std::vector<RegDecl> regs;
  Block body;
  int threads = 0;  // of a block: GPU form. 0: a kernel for a CPU
  // Nothing in it follows from a size that varies: code that programs share leaves it as it is
  // (codegen/shared_code.h).
  bool follows_no_size = false;
  // Of a kernel that changes in its names alone from now on: what copies of it are known by.
  std::shared_ptr<KernelForms> forms = {};

  /// Scratch counts as written, a Param as read alone until `written` is set.
  BufferId add_buffer(std::string name, DType dtype, std::int64_t size, Space space = Space::Param);
  RegId add_reg(std::string name, DType dtype, std::vector<std::int64_t> dims = {});
  /// The first `thread_dims` of `dims` are a thread's place.
  RegId add_thread_reg(std::string name, DType dtype, std::vector<std::int64_t> dims,
                       int thread_dims);
  std::int64_t thread_scratch_bytes() const;
  bool has_barrier() const;
};

Stmt make_for(Expr var, LoopKind kind, Block body);  // extent: the variable's

/// The text form: loops indented, one statement a line.
std::string to_string(const Kernel& k);
std::string to_string(Expr x, const Kernel* k = nullptr);
/// That no two threads race is not shown of a kernel; it need not be wrong.
class Unproved : public InternalError {
 public:
  using InternalError::InternalError;
};
/// Throws InternalError when the kernel breaks a rule of this file; Unproved for races.
void verify(const Kernel& k);
/// The bytes that say all about a kernel but its names: equal for kernels that compile alike.
std::string canonical_form(const Kernel& k);
/// In which order the blocks and threads of a GPU's kernel are run: results do not depend on it.
struct RunOrder {
  bool blocks_backwards = false, threads_backwards = false;
};
/// Runs the kernel on the host, slowly, one thread after another: the oracle of the emitters.
void interpret(const Kernel& k, const std::vector<void*>& params, RunOrder order = {},
               MulAddRounds rounds = MulAddRounds::once);

}  // namespace lilith::kir
