#include "schedule/kernel/host_call.h"

#include <fmt/format.h>

#include <algorithm>

#include "transforms/loops.h"

namespace lilith::schedule {
namespace {

using ir::NodeImpl;

class CallBuilder {
 public:
  CallBuilder(Builder& b, const HostCall& call) : b_(b), core_(*call.core), results_(call.results) {
    plan_->op = core_.op;
    plan_->attrs = core_.attrs;
  }

  void build() {
    for (const NodeImpl* in : core_.inputs) {
      plan_->in.push_back(in->aval);
      add(b_.buffer(in), false);
    }
    plan_->out = core_.op->results ? ir::result_avals(core_) : std::vector{core_.aval};
    std::vector<int> made(plan_->out.size(), -1);
    for (const NodeImpl* r : results_)
      made[core_.op->results ? static_cast<std::size_t>(r->attrs.integer("index")) : 0] =
          b_.buffer(r);
    for (std::size_t k = 0; k < made.size(); ++k) {
      const Aval& aval = plan_->out[k];
      if (made[k] < 0)
        made[k] =
            b_.add_scratch(core_.op->name, aval.dtype, std::max<std::int64_t>(1, aval.numel()));
      launch_.flops += static_cast<double>(core_.op->cost) * static_cast<double>(aval.numel());
      add(made[k], true);
    }
    if (core_.op->cls == OpClass::Sort) add_scratch();
    launch();
  }

 private:
  void add_scratch() {
    const std::int64_t bytes = core_.op->scratch({core_.op->name, plan_->in, core_.attrs});
    if (bytes == 0) return;
    add(b_.add_scratch(core_.op->name, DType::U8, bytes), true);
    plan_->scratch = plan_->buffers.back();
    plan_->buffers.pop_back();
  }

  // Of few elements: done before several threads have met.
  bool is_alone_faster() const {
    constexpr std::int64_t kFew = 2000;
    return core_.inputs[0]->aval.numel() < kFew;
  }

  void add(int buffer, bool written) {
    std::vector<int>& all = launch_.buffers;
    const auto at = std::ranges::find(all, buffer);
    plan_->buffers.push_back(static_cast<int>(at - all.begin()));
    if (at != all.end()) return;
    const BufferPlan& p = b_.plan.buffers[static_cast<std::size_t>(buffer)];
    const kir::BufferId id = launch_.kernel.add_buffer(p.name, p.dtype, p.shape.numel());
    launch_.kernel.buffers[static_cast<std::size_t>(id)].written = written;
    launch_.params.push_back(id);
    launch_.bytes += static_cast<double>(p.bytes);
    if (written) launch_.written.push_back(buffer);
    all.push_back(buffer);
  }

  void launch() {
    launch_.call = plan_;
    launch_.loc = core_.loc;
    launch_.single = core_.op->cls == OpClass::Call || is_alone_faster();
    launch_.kernel.name = core_.op->name;
    launch_.how =
        core_.op->cls == OpClass::Sort ? "all threads on the host" : "a function of the host";
    launch_.what = core_.op->name + " ->" + b_.describe(results_);
    b_.plan.launches.push_back(std::move(launch_));
  }

  Builder& b_;
  const NodeImpl& core_;
  const Nodes results_;
  std::shared_ptr<CallPlan> plan_ = std::make_shared<CallPlan>();
  LaunchPlan launch_;
};

}  // namespace

Choice host_call_way(Builder& b, const HostCall& call) {
  Choice choice;
  choice.name = "call";
  for (const NodeImpl* r : call.results)
    choice.results.emplace_back(r, Layout::row_major(r->aval.shape.rank()));
  choice.emit = [&b, call] { CallBuilder(b, call).build(); };
  return choice;
}

}  // namespace lilith::schedule
