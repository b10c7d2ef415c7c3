#include "schedule/cpu/streams.h"

#include <algorithm>

#include "kernel_ir/walk.h"

namespace lilith::schedule {
namespace {

// Of the second level's caches together: what is written first is then no longer there when the
// next launch reads it. At 2 the usual stores were faster (8 MB, two threads of a Xeon), at 8 the
// streaming ones wrote twice as fast and were read back as fast.
constexpr std::size_t kTimesCaches = 4;

class Streams {
 public:
  explicit Streams(kir::Kernel* k) : kernel_(*k), streamed_(k->buffers.size(), false) {}

  void add(kir::BufferId b) { streamed_[static_cast<std::size_t>(b)] = true; }

  void apply() {
    leave_out_what_is_read(kernel_.body);
    if (std::ranges::find(streamed_, true) != streamed_.end()) kernel_.body = block(kernel_.body);
  }

 private:
  void leave_out_what_is_read(const kir::Block& body) {
    for (const kir::Stmt& s : body) {
      kir::for_each_expr(s, [&](const kir::Expr& root) {
        kir::for_each_below(root, [&](const kir::Expr& x) {
          if (x->op == kir::Op::Load) streamed_[static_cast<std::size_t>(x->i)] = false;
        });
      });
      kir::for_each_block(s, [&](const kir::Block& b) { leave_out_what_is_read(b); });
    }
  }

  // Kernels share their statements with others: a new one is made.
  kir::Block block(const kir::Block& statements) const {
    kir::Block out;
    for (kir::Stmt s : statements) {
      if (s.kind == kir::Stmt::Kind::Store)
        s.store.non_temporal = streamed_[static_cast<std::size_t>(s.store.buffer)];
      for (auto* b : {&s.loop.body, &s.while_loop.body, &s.branch.then_body, &s.branch.else_body})
        if (*b) *b = std::make_shared<kir::Block>(block(**b));
      out.push_back(std::move(s));
    }
    return out;
  }

  kir::Kernel& kernel_;
  std::vector<bool> streamed_;
};

}  // namespace

void stream_large_results(Plan* plan, const Target& target) {
  const std::size_t least = kTimesCaches * static_cast<std::size_t>(target.l2_bytes) *
                            static_cast<std::size_t>(target.threads);
  for (LaunchPlan& l : plan->launches) {
    if (l.loop || l.call) continue;
    Streams streams(&l.kernel);
    bool any = false;
    for (std::size_t k = 0; k < l.buffers.size(); ++k) {
      const int id = l.buffers[k];
      const BufferPlan& b = plan->buffers[static_cast<std::size_t>(id)];
      if (b.bytes < least || b.donor >= 0 || std::ranges::count(l.buffers, id) != 1 ||
          std::ranges::find(l.written, id) == l.written.end())
        continue;
      streams.add(l.params[k]);
      any = true;
    }
    if (any) streams.apply();
  }
}

}  // namespace lilith::schedule
