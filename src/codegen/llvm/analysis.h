#pragma once
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "kernel_ir/kernel.h"

// What the emitter wants to know of a kernel before it writes code. No LLVM in here.
namespace lilith::codegen {

/// What an expression's value depends on. Interned: equal sets are one object.
struct Deps {
  std::vector<int> vars;    // sorted VarIds
  std::vector<int> states;  // sorted: registers it reads, and num_regs + buffer for written buffers
  bool guarded = false;     // loads or reads registers: must stay behind the conditions around it
  bool operator<(const Deps& o) const;
};

/// constant + sum coefficient * atom, where an atom is a variable or whatever is not linear.
struct Linear {
  std::int64_t constant = 0;
  std::vector<std::pair<kir::Expr, std::int64_t>> terms;  // sorted by node id
};

/// How the values of a register are held.
struct RegPlan {
  const kir::For* lane_loop = nullptr;   // declared inside this Vector loop: one value a lane
  const kir::For* chunk_loop = nullptr;  // last dimension lies along such Vector loops
  int lanes = 0;                         // of a chunked register
  int tail_lanes = 0;                    // of its last chunk
  bool in_memory = false;                // some index is known only at run time
};

/// An unrolled nest that is better run as loops, the arrays it reads copied to memory first.
struct RollPlan {
  std::set<kir::RegId> arrays;
  std::set<int> vars;       // index the arrays
  std::int64_t copies = 0;  // of the innermost statements, written out
  std::size_t cost = 0;     // expressions, written out
};

class Analysis {
 public:
  Analysis(const kir::Kernel& kernel, int vector_bytes);

  const Deps& deps(kir::Expr e);
  const Linear& linear(kir::Expr e);
  /// An I64 expression whose value and parts fit in 32 bits: vectors of it are made of i32.
  bool is_narrow(kir::Expr e);
  /// A number of the launch, known when the kernel begins.
  bool is_number(kir::Expr e) const;

  const RegPlan& reg(kir::RegId r) const { return regs_[static_cast<std::size_t>(r)]; }
  /// Lanes of a Vector loop; 1 when it is run as scalar code.
  int lanes(const kir::For& loop) const { return lanes_.at(&loop); }
  /// Lanes of the last step of a Vector loop that does not fill them: a narrower vector where that
  /// is enough.
  int tail_lanes(const kir::For& loop) const { return tail_lanes_.at(&loop); }
  /// Some Accumulate of the body combines lanes after the loop.
  bool totals_lanes(const kir::Block& block, const kir::For& loop) const;
  /// A Vector loop that is written out because register arrays lie along it.
  bool is_written_out(const kir::For& loop) const { return written_out_.contains(&loop); }
  /// The states (see Deps) that a block changes.
  const std::set<int>& modifies(const kir::Block& block);
  int buffer_state(kir::BufferId b) const { return static_cast<int>(kernel_.regs.size()) + b; }
  /// Expressions that a loop body holds, counted once each; numbers do not count, so that a kernel
  /// that is given them at launch is as long as one that has them in its code.
  std::size_t body_size(const kir::Block& block);
  bool has_inner_loop(const kir::Block& block) const;
  /// Whether the nest only reads register arrays and would be long written out, as the epilogue of
  /// a tile that ends in an optimiser's update is.
  std::optional<RollPlan> roll_plan(const kir::For& loop);

 private:
  using LoopStack = std::vector<const kir::For*>;

  /// A constant, or what stands for one.
  bool is_known_number(kir::Expr e) const;
  const Deps* intern(Deps d);
  Deps own_deps(kir::Expr e);
  void linear_into(kir::Expr e, std::int64_t scale, std::map<std::uint32_t, std::size_t>& at,
                   Linear& out);
  bool compute_narrow(kir::Expr e);
  void find_declarations(const kir::Block& block, LoopStack& loops);
  void find_accesses(const kir::Block& block, LoopStack& loops);
  void find_reads(kir::Expr e, const LoopStack& loops, std::set<const kir::ExprNode*>& seen);
  void access(kir::RegId r, const std::vector<kir::Expr>& index, const LoopStack& loops);
  void choose_lanes(const kir::Block& block);
  int natural_lanes(const kir::For& loop);
  int widest(kir::Expr e, const kir::For& loop, std::set<const kir::ExprNode*>& seen);
  int widest(const kir::Block& block, const kir::For& loop, std::set<const kir::ExprNode*>& seen);
  int widest_index(kir::Expr index, const kir::For& loop, std::set<const kir::ExprNode*>& seen);
  bool varies(kir::Expr e, const kir::For& loop);
  bool scan_nest(const kir::For& loop, std::int64_t copies, RollPlan& plan);
  bool scan_block(const kir::Block& block, const kir::For& loop, std::int64_t copies,
                  RollPlan& plan);
  void find_array_reads(kir::Expr e, std::set<const kir::ExprNode*>& seen, RollPlan& plan);
  bool is_too_large(kir::RegId r) const;
  void unify_chunks();
  void choose_tails();

  const kir::Kernel& kernel_;
  int vector_bytes_;
  std::set<Deps> deps_pool_;
  std::vector<const Deps*> deps_;
  std::unordered_map<const kir::ExprNode*, Linear> linear_;
  std::vector<signed char> narrow_;
  std::vector<RegPlan> regs_;
  std::map<const kir::For*, int> lanes_, tail_lanes_;
  std::set<const kir::For*> written_out_;
  std::map<kir::RegId, std::set<const kir::For*>> chunk_loops_;
  std::map<const kir::Block*, std::set<int>> modifies_;
};

}  // namespace lilith::codegen
