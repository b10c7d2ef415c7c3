#include "kernel_ir/kernel.h"
#include "kernel_ir/walk.h"
#include "lilith/error.h"

namespace lilith::kir {
namespace {

bool has_barrier_in(const Block& block) {
  bool found = false;
  for (const Stmt& s : block) {
    found = found || s.kind == Stmt::Kind::Barrier;
    for_each_block(s, [&](const Block& inner) { found = found || has_barrier_in(inner); });
  }
  return found;
}

}  // namespace

BufferId Kernel::add_buffer(std::string buffer_name, DType dtype, std::int64_t size, Space space) {
  buffers.push_back({std::move(buffer_name), dtype, size, space, space != Space::Param});
  return static_cast<BufferId>(buffers.size()) - 1;
}

RegId Kernel::add_reg(std::string reg_name, DType dtype, std::vector<std::int64_t> dims) {
  regs.push_back({std::move(reg_name), dtype, std::move(dims)});
  return static_cast<RegId>(regs.size()) - 1;
}

RegId Kernel::add_thread_reg(std::string reg_name, DType dtype, std::vector<std::int64_t> dims,
                             int thread_dims) {
  const RegId r = add_reg(std::move(reg_name), dtype, std::move(dims));
  regs.back().thread_dims = thread_dims;
  return r;
}

std::int64_t Kernel::thread_scratch_bytes() const {
  std::int64_t bytes = 0;
  for (const BufferDecl& b : buffers) {
    if (b.space != Space::Thread) continue;
    bytes += (b.size * static_cast<std::int64_t>(size_of(b.dtype)) + 63) / 64 * 64;
  }
  return bytes;
}

bool Kernel::has_barrier() const { return has_barrier_in(body); }

Stmt make_for(Expr var, LoopKind kind, Block body) {
  if (!var || var->op != Op::Var) throw InternalError("kernel IR: a loop needs a variable");
  const std::int64_t extent = var.pool().var_extent(static_cast<VarId>(var->i));
  return For{var, extent, kind, std::make_shared<Block>(std::move(body))};
}

}  // namespace lilith::kir
