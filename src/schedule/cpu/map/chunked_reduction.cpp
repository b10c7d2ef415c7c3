#include "schedule/cpu/map/chunked_reduction.h"

#include <fmt/format.h>

#include <algorithm>

#include "schedule/cpu/tasks.h"

namespace lilith::schedule {

using kir::Block;
using kir::Expr;
using kir::LoopKind;

ChunkedReduction::ChunkedReduction(MapKernel& map)
    : map_(map), kept_(map.loops(false)), reduced_(map.loops(true)) {}

std::int64_t ChunkedReduction::chunks_for(std::int64_t tasks) const {
  const int threads = map_.b.target.threads;
  if (threads == 1 || reduced_.empty() || tasks >= 2 * threads ||
      map_.g.domain.numel() < 4 * kMinTask)
    return 1;
  return std::min<std::int64_t>(reduced_[0].extent, threads);
}

Expr ChunkedReduction::begin(std::int64_t tasks, std::int64_t to_share) {
  chunks_ = chunks_for(to_share);
  task_ = pool().var(tasks * chunks_, "task");
  return chunks_ == 1 ? task_ : kir::floor_div(task_, chunks_);
}

// Chunk p runs over [p*size, min((p+1)*size, extent)).
void ChunkedReduction::cut_loop(std::vector<Expr>* by) {
  if (chunks_ == 1) return;
  chunk_ = kir::floor_mod(task_, chunks_);
  LoopDim& loop = reduced_[0];
  const LoopDim whole = loop;
  loop.extent = divide_up(whole.extent, chunks_);
  loop.var = pool().var(loop.extent, "r");
  const Expr at = chunk_ * pool().integer(loop.extent) + loop.var;
  if (loop.extent * chunks_ != whole.extent || map_.b.varies(whole.extent))
    inside_ = kir::lt(at, pool().integer(whole.extent));
  set_var(by, whole.var, at);
}

void ChunkedReduction::make_partials() {
  if (chunks_ == 1) return;
  for (const ir::NodeImpl* n : map_.g.reduces) {
    partials_.push_back(
        add_partials(map_.b, &map_.lower, compute_dtype(n->aval.dtype), extent_of(kept_), chunks_));
  }
}

std::vector<Accumulator> ChunkedReduction::accumulators(const std::vector<std::int64_t>& dims) {
  std::vector<Accumulator> accs;
  for (const ir::NodeImpl* n : map_.g.reduces)
    accs.push_back(add_accumulator(map_.kernel, n, dims));
  return accs;
}

Block ChunkedReduction::declare(const std::vector<Accumulator>& accs) const {
  Block block;
  for (const Accumulator& a : accs) block.push_back(kir::DeclReg{a.reg, a.init});
  return block;
}

Block ChunkedReduction::point(const std::vector<Accumulator>& accs, const std::vector<Expr>& at,
                              const std::vector<Expr>& by) {
  Block body = map_.stores(by);
  for (std::size_t k = 0; k < accs.size(); ++k) {
    body.push_back(
        kir::Accumulate{accs[k].reg, at, accs[k].combine, map_.reduced_value(k, by), {}, {}});
  }
  return body;
}

namespace {

Expr guarded(Expr x, Expr inside, const kir::Kernel& kernel) {
  if (!x || x->args.empty()) return x;
  if (x->op == kir::Op::Load) {
    const Expr mask = x->args.size() > 1 ? x->args[1] : Expr();
    const DType memory = kernel.buffers[static_cast<std::size_t>(x->i)].dtype;
    return x.pool().load(static_cast<int>(x->i), memory, x->args[0],
                         kir::logical_and(mask, inside));
  }
  std::vector<Expr> args;
  for (const Expr& a : x->args) args.push_back(guarded(a, inside, kernel));
  return x.pool().make(x->op, x->dtype, std::move(args));
}

// A masked statement must not read outside either: its loads take the mask.
void mask(Block* body, Expr inside, const kir::Kernel& kernel) {
  for (kir::Stmt& s : *body) {
    if (s.kind == kir::Stmt::Kind::Accumulate) {
      s.acc.mask = inside;
      s.acc.value = guarded(s.acc.value, inside, kernel);
    }
    if (s.kind == kir::Stmt::Kind::Store) {
      s.store.mask = inside;
      s.store.value = guarded(s.store.value, inside, kernel);
    }
  }
}

}  // namespace

Block ChunkedReduction::over_reduced(const std::vector<LoopDim>& loops, Block lanes) const {
  if (!inside_) return nest(loops, std::move(lanes));
  if (loops.empty()) {  // the cut loop is the one in the lanes
    mask(lanes[0].loop.body.get(), inside_, map_.kernel);
    return lanes;
  }
  const std::vector<LoopDim> rest(loops.begin() + 1, loops.end());
  return nest({loops[0]}, only_where(inside_, nest(rest, std::move(lanes))));
}

Block ChunkedReduction::store_sums(const std::vector<Accumulator>& accs,
                                   const std::vector<Expr>& at, Expr element,
                                   const std::vector<Expr>& by) {
  Block block;
  for (std::size_t k = 0; k < accs.size(); ++k) {
    const Expr sum = pool().read(accs[k].reg, accs[k].dtype, at);
    if (chunks_ == 1)
      block.push_back(map_.store_result(k, sum, by));
    else
      block.push_back(
          kir::Store{partials_[k].buffer, partials_[k].place(chunk_, element), sum, {}});
  }
  return block;
}

void ChunkedReduction::finish(Block task) {
  map_.kernel.body.push_back(tasks_loop(task_, std::move(task), map_.g.domain.numel()));
  if (chunks_ > 1) combine_partials();
}

void ChunkedReduction::combine_partials() {
  const std::int64_t kept = extent_of(kept_);
  const Expr k = loop_var(pool(), kept, "k");
  std::vector<Expr> by;
  if (!kept_.empty()) split_index(k, kept_, &by);
  Block body;
  for (std::size_t r = 0; r < partials_.size(); ++r) {
    const Expr sum = partials_[r].combined(combine_of(map_.g.reduces[r]), k);
    body.push_back(map_.store_result(r, sum, by));
  }
  map_.kernel.body.push_back(kir::Barrier{});
  map_.kernel.body.push_back(share_vector_loops(pool(), {{k, kept}}, std::move(body), 1));
}

std::string ChunkedReduction::in_chunks() const {
  return chunks_ > 1 ? fmt::format(" in {} chunks", chunks_) : "";
}

}  // namespace lilith::schedule
