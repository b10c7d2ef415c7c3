#include "kernel_ir/grid.h"

#include <algorithm>

#include "kernel_ir/walk.h"

namespace lilith::kir {
namespace {

class FindSums {
 public:
  FindSums(const Kernel& k, const ThreadNest& nest) : kernel_(k), nest_(nest) { block(*nest.body); }
  std::vector<LaneSum> take() { return std::move(found_); }

 private:
  void block(const Block& b) {
    for (const Stmt& s : b) {
      if (s.kind == Stmt::Kind::DeclReg) own_.push_back(s.decl.reg);
      if (s.kind == Stmt::Kind::Accumulate) add(s.acc);
      for_each_block(s, [&](const Block& inner) { block(inner); });
    }
  }
  void add(const Accumulate& a) {
    const RegDecl& r = kernel_.regs[static_cast<std::size_t>(a.reg)];
    const bool known =
        std::ranges::any_of(found_, [&](const LaneSum& f) { return f.reg == a.reg; });
    if (known || std::ranges::find(own_, a.reg) != own_.end()) return;
    if (r.thread_dims < static_cast<int>(nest_.loops.size()))
      found_.push_back({a.reg, a.combine, nest_.sharers(r.thread_dims)});
  }

  const Kernel& kernel_;
  const ThreadNest& nest_;
  std::vector<RegId> own_;  // declared in the loops
  std::vector<LaneSum> found_;
};

}  // namespace

std::int64_t num_blocks(const Kernel& k) {
  std::int64_t n = 0;
  for (const Stmt& s : k.body) n += s.loop.extent;
  return n;
}

std::int64_t ThreadNest::lanes() const { return sharers(0); }

std::int64_t ThreadNest::sharers(int thread_dims) const {
  std::int64_t n = 1;
  for (std::size_t d = static_cast<std::size_t>(thread_dims); d < loops.size(); ++d)
    n *= loops[d]->extent;
  return n;
}

ThreadNest thread_nest(const For& outer) {
  ThreadNest nest{{&outer}, outer.body.get()};
  if (nest.body != nullptr && nest.body->size() == 1) {
    const Stmt& only = nest.body->front();
    if (only.kind == Stmt::Kind::For && only.loop.kind == LoopKind::Thread) {
      nest.loops.push_back(&only.loop);
      nest.body = only.loop.body.get();
    }
  }
  return nest;
}

std::vector<LaneSum> lane_sums(const Kernel& k, const ThreadNest& nest) {
  return FindSums(k, nest).take();
}

std::int64_t elements_a_thread(const RegDecl& r) {
  std::int64_t n = 1;
  for (std::size_t d = static_cast<std::size_t>(r.thread_dims); d < r.dims.size(); ++d)
    n *= r.dims[d];
  return n;
}

MmaShape mma_shape(const Kernel& k, const Mma& s) {
  const std::vector<std::int64_t>& dims = k.regs[static_cast<std::size_t>(s.acc)].dims;
  const std::size_t n = s.place.size();
  const bool words = k.buffers[static_cast<std::size_t>(s.a.buffer)].dtype == DType::F32;
  return {dims[n], dims[n + 1], words ? 8 : 16};
}

}  // namespace lilith::kir
