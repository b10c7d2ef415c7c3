#include "schedule/kernel/loop.h"

#include <fmt/format.h>

#include <algorithm>

#include "ir/node_map.h"
#include "transforms/loops.h"

namespace lilith::schedule {
namespace {

using ir::NodeImpl;
using Place = LoopPlan::Place;

constexpr std::int64_t kAlign = 64;

std::int64_t rounded_up(std::size_t bytes) {
  return (static_cast<std::int64_t>(bytes) + kAlign - 1) / kAlign * kAlign;
}

/// A body in which each output is a node of its own, which is computed: an input, a number, or what
/// an output before it is, is copied.
Graph with_own_outputs(const Graph& body) {
  std::vector<Tensor> outputs;
  ir::NodeMap<char> seen(body.outputs().size());
  for (const Tensor& t : body.outputs()) {
    const bool is_own = seen.insert(t.node(), 1) && !t.node()->is_leaf();
    outputs.push_back(is_own ? t : apply("barrier", {t}));
  }
  return Graph(body.inputs(), std::move(outputs));
}

class LoopBuilder {
 public:
  LoopBuilder(Builder& b, const Loop& loop)
      : b_(b), core_(*loop.core), gets_(loop.gets), results_(ir::result_avals(core_)) {
    result_.assign(results_.size(), -1);
    for (const NodeImpl* get : gets_)
      result_[static_cast<std::size_t>(get->attrs.integer("index"))] = b.buffer(get);
  }

  void build() {
    scratch_ = add_param(-1, true);
    if (core_.op == &ir::scan_op())
      scan();
    else if (core_.op == &ir::while_op())
      while_loop();
    else
      branch();
    launch();
  }

 private:
  // ---- The launch's buffers. ----

  int add_param(int buffer, bool written) {
    params_.push_back(buffer);
    written_.push_back(written);
    return static_cast<int>(params_.size()) - 1;
  }
  int param(int buffer, bool written) {
    const auto at = std::ranges::find(params_, buffer);
    if (at == params_.end()) return add_param(buffer, written);
    const auto k = static_cast<std::size_t>(at - params_.begin());
    written_[k] = written_[k] || written;
    return static_cast<int>(k);
  }
  Place all_of(int param) const { return {.in = {param, param}}; }
  Place operand(std::size_t k) { return all_of(param(b_.buffer(core_.inputs[k]), false)); }
  Place scratch(std::size_t bytes) {
    Place p = all_of(scratch_);
    p.offset[0] = p.offset[1] = scratch_bytes_;
    scratch_bytes_ += rounded_up(bytes);
    return p;
  }
  // All of a result's memory; where nobody asks for it, some.
  Place result(std::size_t k, std::size_t bytes) {
    return result_[k] >= 0 ? all_of(param(result_[k], true)) : scratch(bytes);
  }

  // ---- Bodies. ----

  Plan& add_body(const Graph& body, std::vector<bool> constant) {
    LoopPlan& loop = *loop_;
    loop.bodies.push_back(b_.plan_body(body, std::move(constant)));
    Plan& plan = loop.bodies.back();
    auto& places = loop.places.emplace_back(plan.buffers.size());
    const Place arena = scratch(plan.arena_bytes);
    for (std::size_t k = 0; k < places.size(); ++k) {
      places[k] = arena;
      if (plan.buffers[k].kind != BufferPlan::Kind::Arena) continue;
      for (std::int64_t& offset : places[k].offset)
        offset += static_cast<std::int64_t>(plan.buffers[k].offset);
    }
    return plan;
  }
  void place(std::size_t body, int buffer, const Place& p) {
    loop_->places[body][static_cast<std::size_t>(buffer)] = p;
  }

  // What a step reads of what the step before wrote at `p`.
  static Place before(const Place& p, int first) {
    return {.in = {p.in[1], p.in[0]},
            .offset = {p.offset[1] - p.step, p.offset[0] - p.step},
            .step = p.step,
            .first = first};
  }

  // A row of each step.
  static Place rows(Place all, std::size_t bytes, const ir::ScanAttrs& a) {
    const std::int64_t row = static_cast<std::int64_t>(bytes);
    if (a.reverse) all.offset[0] = all.offset[1] = (a.length - 1) * row;
    all.step = a.reverse ? -row : row;
    return all;
  }

  void scan() {
    const ir::ScanAttrs a(core_.attrs);
    const Graph& body = a.body->graph();
    const std::size_t operands = core_.inputs.size();
    loop_->steps = a.length;
    // By carry: the rows of a result that are the same.
    std::vector<int> same(a.carries, -1);
    std::vector<Tensor> outputs = body.outputs();
    for (std::size_t k = 0; k < a.carries; ++k) {
      for (std::size_t y = a.carries; y < outputs.size(); ++y)
        if (outputs[y].node() == outputs[k].node() && result_[y] >= 0 && same[k] < 0)
          same[k] = static_cast<int>(y);
    }
    // Those rows come first, so that others that are the same are copies.
    std::vector<Tensor> ordered;
    std::vector<std::size_t> order;
    const auto take = [&](std::size_t k) {
      order.push_back(k);
      ordered.push_back(outputs[k]);
    };
    for (std::size_t y = a.carries; y < outputs.size(); ++y) take(y);
    for (std::size_t k = 0; k < a.carries; ++k)
      if (same[k] < 0) take(k);
    std::vector<bool> constant(operands, false);
    std::fill(constant.begin() + static_cast<std::ptrdiff_t>(a.carries + a.xs), constant.end(),
              true);
    Plan& plan = add_body(with_own_outputs(Graph(body.inputs(), std::move(ordered))), constant);

    for (std::size_t k = a.carries; k < operands; ++k) {
      const bool row = k < a.carries + a.xs;
      place(0, plan.inputs[k],
            row ? rows(operand(k), body.inputs()[k].aval().bytes(), a) : operand(k));
    }
    std::vector<Place> made(outputs.size());
    for (std::size_t i = 0; i < order.size(); ++i) {
      const std::size_t k = order[i], bytes = outputs[k].aval().bytes();
      if (k < a.carries) {
        made[k] = in_turn(result(k, bytes), scratch(bytes), a.length);
      } else {
        made[k] = result(k, bytes);
        if (result_[k] >= 0) made[k] = rows(made[k], bytes, a);
      }
      place(0, plan.outputs[i], made[k]);
    }
    for (std::size_t k = 0; k < a.carries; ++k) {
      const Place& from = same[k] < 0 ? made[k] : made[static_cast<std::size_t>(same[k])];
      const Place in = before(from, operand(k).in[0]);
      place(0, plan.inputs[k], in);
      if (same[k] >= 0 && result_[k] >= 0)
        loop_->results.push_back({param(result_[k], true), in, outputs[k].aval().bytes()});
    }
  }

  // Two places in turn, so that the last of `steps` is the first one.
  static Place in_turn(const Place& last, const Place& other, std::int64_t steps) {
    const Place& even = steps % 2 == 1 ? last : other;
    const Place& odd = steps % 2 == 1 ? other : last;
    return {.in = {even.in[0], odd.in[0]}, .offset = {even.offset[0], odd.offset[0]}};
  }

  void while_loop() {
    loop_->kind = LoopPlan::Kind::While;
    const auto carries = static_cast<std::size_t>(core_.attrs.integer("carries"));
    std::vector<bool> constant(core_.inputs.size(), true);
    std::fill_n(constant.begin(), carries, false);
    const Graph& condition = core_.attrs.body("condition")->graph();
    const Graph& body = core_.attrs.body("body")->graph();
    loop_->bodies.reserve(2);
    const Plan& asks = add_body(with_own_outputs(condition), constant);
    const Plan& plan = add_body(with_own_outputs(body), constant);
    place(0, asks.outputs[0], scratch(sizeof(bool)));
    loop_->asks = static_cast<std::size_t>(asks.outputs[0]);
    for (std::size_t k = 0; k < core_.inputs.size(); ++k) {
      Place in = operand(k);
      if (k < carries) {
        const std::size_t bytes = results_[k].bytes();
        const Place made = in_turn(scratch(bytes), scratch(bytes), 1);
        place(1, plan.outputs[k], made);
        in = before(made, in.in[0]);
        if (result_[k] >= 0) loop_->results.push_back({param(result_[k], true), in, bytes});
      }
      place(0, asks.inputs[k], in);
      place(1, plan.inputs[k], in);
    }
  }

  void branch() {
    loop_->kind = LoopPlan::Kind::Branch;
    loop_->bodies.reserve(2);
    decides_ = operand(0).in[0];
    for (const char* name : {"then", "otherwise"}) {
      const std::size_t at = loop_->bodies.size();
      const Plan& plan = add_body(with_own_outputs(core_.attrs.body(name)->graph()), {});
      for (std::size_t k = 0; k < plan.inputs.size(); ++k)
        place(at, plan.inputs[k], operand(k + 1));
      for (std::size_t k = 0; k < plan.outputs.size(); ++k)
        place(at, plan.outputs[k], result(k, results_[k].bytes()));
    }
  }

  // ---- The launch. ----

  void launch() {
    loop_->decides = decides_;
    params_[static_cast<std::size_t>(scratch_)] =
        b_.add_scratch("loop", DType::U8, std::max<std::int64_t>(scratch_bytes_, 1));
    LaunchPlan l;
    l.loop = loop_;
    l.loc = core_.loc;
    l.single = true;
    std::size_t kernels = 0, once = 0;
    for (const Plan& body : loop_->bodies) {
      kernels += body.launches.size();
      once += body.once;
      for (std::size_t k = 0; k < body.launches.size(); ++k) {
        const LaunchPlan& inner = body.launches[k];
        const double times =
            k < body.once ? 1 : static_cast<double>(std::max<std::int64_t>(1, loop_->steps));
        l.single = l.single && inner.single;
        l.flops += times * inner.flops;
        l.cycles += times * inner.cycles;
      }
    }
    l.single = l.single || is_alone_faster();
    for (std::size_t k = 0; k < params_.size(); ++k) {
      const BufferPlan& p = b_.plan.buffers[static_cast<std::size_t>(params_[k])];
      const kir::BufferId id =
          l.kernel.add_buffer(p.name, p.dtype, p.scratch ? scratch_bytes_ : p.shape.numel());
      l.kernel.buffers[static_cast<std::size_t>(id)].written = written_[k];
      l.params.push_back(id);
      l.bytes += static_cast<double>(p.bytes);
      if (written_[k]) l.written.push_back(params_[k]);
    }
    l.kernel.name = core_.op->name;
    l.buffers = std::move(params_);
    l.what = what();
    l.how = fmt::format("{} kernels", kernels);
    if (once > 0) l.how += fmt::format(", {} of them in the first step", once);
    b_.plan.launches.push_back(std::move(l));
  }

  // Whether one thread is done with a step before several have waited for each other.
  bool is_alone_faster() const {
    constexpr double kBarrier = 2000;          // cycles
    constexpr double kFlops = 8, kBytes = 16;  // a cycle, of kernels without a model
    double work = 0, barriers = 1;
    for (const Plan& body : loop_->bodies) {
      for (std::size_t k = body.once; k < body.launches.size(); ++k) {
        const LaunchPlan& l = body.launches[k];
        work += l.cycles > 0 ? l.cycles : l.flops / kFlops + l.bytes / kBytes;
        barriers += l.barrier_before ? 1 : 0;
      }
    }
    return work * (1 - 1.0 / b_.target.threads) < kBarrier * barriers;
  }

  std::string what() const {
    std::string text = core_.op->name;
    if (loop_->steps > 0) text += fmt::format(" of {} steps", loop_->steps);
    return text + " ->" + b_.describe(gets_);
  }

  Builder& b_;
  const NodeImpl& core_;
  const Nodes gets_;
  const std::vector<Aval> results_;
  std::vector<int> result_;  // by result: its buffer, or -1
  std::shared_ptr<LoopPlan> loop_ = std::make_shared<LoopPlan>();
  std::vector<int> params_;
  std::vector<bool> written_;
  int scratch_ = 0, decides_ = -1;
  std::int64_t scratch_bytes_ = 0;
};

}  // namespace

Choice loop_way(Builder& b, const Loop& loop) {
  Choice choice{.name = "loop"};
  for (const NodeImpl* get : loop.gets)
    choice.results.emplace_back(get, Layout::row_major(get->aval.shape.rank()));
  choice.emit = [&b, loop] { LoopBuilder(b, loop).build(); };
  return choice;
}

}  // namespace lilith::schedule
