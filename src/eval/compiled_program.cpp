#include "eval/compiled_program.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <vector>

#include "codegen/codegen.h"
#include "core/dump.h"
#include "core/env.h"
#include "eval/check_nan.h"
#include "lilith/memory.h"
#include "runtime/memory_limit.h"
#include "runtime/thread_team.h"
#include "schedule/plan.h"
#include "schedule/prepare.h"

namespace lilith {
namespace {

using schedule::BufferPlan;
using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

struct Launch {
  codegen::CompiledKernel::Fn fn;
  std::size_t params;  // where its pointers begin
  bool barrier_before, single;
};

// What one run writes to; pooled, so that runs allocate nothing.
struct Instance {
  std::vector<char*> buffers;       // base of every buffer of the plan
  std::vector<void*> params;        // the launches' parameters, one after another
  std::vector<StoragePtr> scratch;  // one a thread
  std::vector<std::int64_t> seen;   // what the checks of indices say
};

class CompiledProgram final : public Program {
 public:
  /// `g`: a prepared graph, whose last outputs are the checks'.
  CompiledProgram(const Graph& g, std::vector<schedule::Prepared::Check> checks,
                  const ProgramOptions& options)
      : checks_(std::move(checks)) {
    const auto start = Clock::now();
    schedule::PlanOptions plan_options;
    const codegen::TargetInfo& target = codegen::target();
    plan_options.target.vector_bytes = target.vector_bytes;
    plan_options.target.vector_registers = target.num_vector_registers;
    plan_options.target.threads = runtime::ThreadTeam::instance().size();
    // A check that fails at the end of a run must find every input as it was.
    if (checks_.empty())
      plan_options.donated.assign(options.donatable.begin(), options.donatable.end());
    plan_options.guard_bytes = guard_bytes_ = options.guard_bytes;
    plan_ = schedule::make_plan(g, plan_options);
    check_memory();
    fresh_bytes_ = fresh_bytes();
    compile();
    stats_.num_kernels = static_cast<std::int64_t>(plan_.launches.size());
    stats_.num_nodes = static_cast<std::int64_t>(g.nodes().size());
    stats_.arena_bytes = static_cast<std::int64_t>(plan_.arena_bytes);
    stats_.compile_ms = ms_since(start);
    stats_.text = plan_.str();
    for (schedule::LaunchPlan& l : plan_.launches) l.kernel = {};  // compiled: no longer needed
  }

  void run(std::span<const StoragePtr> inputs, std::span<const char> donated,
           std::span<StoragePtr> outputs) override {
    if (before_) before_->run(inputs, {}, {});
    // What stops in the middle must leave its inputs as they were.
    if (env::check_nan()) donated = {};
    check_room(donated, outputs);
    std::unique_ptr<Instance> instance = acquire();
    const StoragePtr arena = plan_.arena_bytes ? Storage::allocate(plan_.arena_bytes) : nullptr;
    place(*instance, arena, inputs, donated, outputs);
    Context context{this, instance.get()};
    if (guard_bytes_ > 0) fill_guards(*instance);
    if (env::check_nan()) {
      run_checked(context);
    } else if (env::debug(1, "run")) {
      run_timed(context);
    } else if (all_single_) {
      grow_scratch(&context, 1);
      run_thread(context, 0, 1);
    } else {
      runtime::ThreadTeam::instance().run(
          [](void* c, int thread, int n) {
            auto& ctx = *static_cast<Context*>(c);
            ctx.program->run_thread(ctx, thread, n);
          },
          &context, grow_scratch);
    }
    if (guard_bytes_ > 0) check_guards(*instance);
    copy_repeated(inputs, outputs);
    const Failure failure = failed_check(*instance);
    release(std::move(instance));
    if (failure.check) failure.check->fail(failure.seen);
  }

  ProgramStats stats() const override { return stats_; }

  /// What runs first, on the same inputs: its checks stop a run before anything is written.
  void set_before(std::unique_ptr<CompiledProgram> program) {
    stats_.compile_ms += program->stats_.compile_ms;
    before_ = std::move(program);
  }

 private:
  struct Context {
    CompiledProgram* program;
    Instance* instance;
  };

  void check_memory() const {
    const auto arena = static_cast<std::int64_t>(plan_.arena_bytes);
    std::int64_t bytes = arena;
    for (const BufferPlan& b : plan_.buffers) {
      if (b.kind != BufferPlan::Kind::Arena) bytes += static_cast<std::int64_t>(b.bytes);
    }
    const std::int64_t limit = runtime::memory_limit_bytes();
    if (bytes <= limit) return;
    throw DeviceError(
        fmt::format(
            "eval: the program needs {:.1f} GiB (temporaries {:.1f} GiB, inputs and outputs {:.1f} "
            "GiB), this machine grants {:.1f} GiB",
            gib(bytes), gib(arena), gib(bytes - arena), gib(limit)),
        LocScope::current());
  }

  // The input whose memory an output takes over in this run; -1 when it has memory of its own.
  int donor_in_run(const BufferPlan& output, std::span<const char> donated) const {
    if (output.donor < 0 || donated.empty()) return -1;
    const int input = plan_.buffers[static_cast<std::size_t>(output.donor)].index;
    return donated[static_cast<std::size_t>(input)] ? input : -1;
  }

  // Beside what is live: the arena and every output.
  std::int64_t fresh_bytes() const {
    auto bytes = static_cast<std::int64_t>(plan_.arena_bytes);
    for (const BufferPlan& b : plan_.buffers) {
      if (b.kind == BufferPlan::Kind::Output) bytes += static_cast<std::int64_t>(b.bytes);
    }
    return bytes;
  }

  // An Error now instead of the system's killer in the middle of a run.
  void check_room(std::span<const char> donated, std::span<const StoragePtr> given) const {
    const std::int64_t limit = runtime::memory_limit_bytes(), live = memory_stats().live_bytes;
    std::int64_t bytes = fresh_bytes_;
    if (bytes <= limit - live) return;
    std::vector<bool> seen(plan_.buffers.size());  // an output may be there twice
    for (std::size_t i = 0; i < given.size(); ++i) {
      const auto b = static_cast<std::size_t>(plan_.outputs[i]);
      const BufferPlan& p = plan_.buffers[b];
      if (p.kind != BufferPlan::Kind::Output || seen[b]) continue;
      seen[b] = true;
      if (given[i] || donor_in_run(p, donated) >= 0) bytes -= static_cast<std::int64_t>(p.bytes);
    }
    if (bytes <= limit - live) return;
    throw DeviceError(
        fmt::format("eval: the program needs {:.1f} GiB beside {:.1f} GiB that are live, this "
                    "machine grants {:.1f} GiB",
                    gib(bytes), gib(live), gib(limit)),
        LocScope::current());
  }
  static double gib(std::int64_t bytes) { return static_cast<double>(bytes) / (1 << 30); }

  static std::string text_of(const schedule::LaunchPlan& l) {
    return fmt::format("{}\n  {}\n{}", l.what, l.how, kir::to_string(l.kernel));
  }

  void compile() {
    if (dump::on()) dump::write("plan", plan_.str());
    codegen::set_barrier_function([](std::int64_t, std::int64_t n) {
      if (n > 1) runtime::ThreadTeam::instance().barrier();
    });
    std::vector<const kir::Kernel*> kernels;
    for (const schedule::LaunchPlan& l : plan_.launches) {
      if (env::debug(4, "schedule")) fmt::print(stderr, "{}\n", text_of(l));
      if (dump::on()) dump::write(fmt::format("kernel_{}", kernels.size()), text_of(l));
      kernels.push_back(&l.kernel);
    }
    if (env::debug(4, "schedule")) fmt::print(stderr, "{}\n", plan_.str());
    compiled_ = codegen::compile_kernels(kernels);
    std::size_t params = 0;
    for (std::size_t i = 0; i < compiled_.size(); ++i) {
      const schedule::LaunchPlan& l = plan_.launches[i];
      launches_.push_back({compiled_[i].fn, params, l.barrier_before, l.single});
      params += l.buffers.size();
      scratch_bytes_ =
          std::max(scratch_bytes_, static_cast<std::size_t>(compiled_[i].scratch_bytes));
      all_single_ = all_single_ && l.single;
    }
    num_params_ = params;
  }

  std::unique_ptr<Instance> acquire() {
    std::lock_guard lock(pool_mutex_);
    std::unique_ptr<Instance> i;
    if (!pool_.empty()) {
      i = std::move(pool_.back());
      pool_.pop_back();
    } else {
      i = std::make_unique<Instance>();
      i->buffers.resize(plan_.buffers.size());
      i->params.resize(num_params_);
      i->seen.resize(checks_.size());
      pool_.reserve(8);
    }
    return i;
  }
  void release(std::unique_ptr<Instance> i) {
    std::lock_guard lock(pool_mutex_);
    pool_.push_back(std::move(i));
  }

  // Called when the number of threads of this run is fixed: another thread may resize the team at
  // any time before.
  static void grow_scratch(void* context, int num_threads) {
    const auto& c = *static_cast<Context*>(context);
    const std::size_t bytes = c.program->scratch_bytes_;
    std::vector<StoragePtr>& scratch = c.instance->scratch;
    while (bytes > 0 && scratch.size() < static_cast<std::size_t>(num_threads))
      scratch.push_back(Storage::allocate(bytes));
  }
  static void* scratch_of(const Context& c, int thread) {
    const std::vector<StoragePtr>& scratch = c.instance->scratch;
    return scratch.empty() ? nullptr : scratch[static_cast<std::size_t>(thread)]->data();
  }

  // Decides where every buffer lies in this run.
  void place(Instance& instance, const StoragePtr& arena, std::span<const StoragePtr> inputs,
             std::span<const char> donated, std::span<StoragePtr> outputs) {
    for (std::size_t b = 0; b < plan_.buffers.size(); ++b) {
      const BufferPlan& p = plan_.buffers[b];
      if (p.kind == BufferPlan::Kind::Arena)
        instance.buffers[b] = arena ? static_cast<char*>(arena->data()) + p.offset : nullptr;
      if (p.kind == BufferPlan::Kind::Input)
        instance.buffers[b] = static_cast<char*>(inputs[static_cast<std::size_t>(p.index)]->data());
      if (p.kind == BufferPlan::Kind::Output) instance.buffers[b] = nullptr;
    }
    for (std::size_t i = 0; i < checks_.size(); ++i) {
      const auto b = static_cast<std::size_t>(plan_.outputs[outputs.size() + i]);
      if (plan_.buffers[b].kind == BufferPlan::Kind::Output)
        instance.buffers[b] = reinterpret_cast<char*>(&instance.seen[i]);
    }
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const auto b = static_cast<std::size_t>(plan_.outputs[i]);
      const BufferPlan& p = plan_.buffers[b];
      if (p.kind == BufferPlan::Kind::Output && !instance.buffers[b]) {
        const int donor = donor_in_run(p, donated);
        if (donor >= 0) {
          outputs[i] = inputs[static_cast<std::size_t>(donor)];
        } else if (!outputs[i]) {
          outputs[i] = Storage::allocate(p.bytes);
        }
        instance.buffers[b] = static_cast<char*>(outputs[i]->data());
      } else if (!outputs[i]) {
        outputs[i] = Storage::allocate(p.bytes);
      }
    }
    std::size_t k = 0;
    for (const schedule::LaunchPlan& l : plan_.launches) {
      for (const int b : l.buffers)
        instance.params[k++] = instance.buffers[static_cast<std::size_t>(b)];
    }
  }

  struct Failure {
    const schedule::Prepared::Check* check = nullptr;
    std::int64_t seen = 0;
  };
  // The first check that found an index outside.
  Failure failed_check(const Instance& instance) const {
    const std::size_t first = plan_.outputs.size() - checks_.size();
    for (std::size_t i = 0; i < checks_.size(); ++i) {
      std::int64_t seen;
      std::memcpy(&seen, instance.buffers[static_cast<std::size_t>(plan_.outputs[first + i])],
                  sizeof(seen));
      if (checks_[i].failed(seen)) return {&checks_[i], seen};
    }
    return {};
  }

  // Outputs that are inputs, or repeat an earlier output, are copies.
  void copy_repeated(std::span<const StoragePtr> inputs, std::span<StoragePtr> outputs) {
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const BufferPlan& p = plan_.buffers[static_cast<std::size_t>(plan_.outputs[i])];
      const void* from = nullptr;
      if (p.kind == BufferPlan::Kind::Input)
        from = inputs[static_cast<std::size_t>(p.index)]->data();
      for (std::size_t j = 0; j < i && !from; ++j) {
        if (plan_.outputs[j] == plan_.outputs[i]) from = outputs[j]->data();
      }
      if (from && from != outputs[i]->data()) std::memcpy(outputs[i]->data(), from, p.bytes);
    }
  }

  void run_thread(const Context& c, int thread, int num_threads) const {
    void* scratch = scratch_of(c, thread);
    for (const Launch& l : launches_) {
      if (l.barrier_before && num_threads > 1) runtime::ThreadTeam::instance().barrier();
      if (l.single && thread != 0) continue;
      l.fn(c.instance->params.data() + l.params, l.single ? 0 : thread, l.single ? 1 : num_threads,
           scratch);
    }
  }

  // ---- Guard bands ----
  static constexpr char kGuard = static_cast<char>(0xa5);
  template <class F>
  void each_guard(const Instance& instance, F&& f) const {
    for (std::size_t b = 0; b < plan_.buffers.size(); ++b) {
      const BufferPlan& p = plan_.buffers[b];
      if (p.kind == BufferPlan::Kind::Arena && p.first >= 0) f(p, instance.buffers[b] + p.bytes);
    }
  }
  void fill_guards(const Instance& instance) const {
    each_guard(instance,
               [&](const BufferPlan&, char* band) { std::memset(band, kGuard, guard_bytes_); });
  }
  void check_guards(const Instance& instance) const {
    each_guard(instance, [&](const BufferPlan& p, const char* band) {
      for (std::size_t i = 0; i < guard_bytes_; ++i) {
        if (band[i] == kGuard) continue;
        throw InternalError(
            fmt::format("a kernel wrote {} bytes behind {} {}", i, p.name, p.shape.str()));
      }
    });
  }

  // ---- LILITH_CHECK_NAN: one kernel after another, its results looked at ----
  void run_checked(Context& context) {
    grow_scratch(&context, 1);
    for (std::size_t i = 0; i < launches_.size(); ++i) {
      const Launch& l = launches_[i];
      l.fn(context.instance->params.data() + l.params, 0, 1, scratch_of(context, 0));
      const schedule::LaunchPlan& plan = plan_.launches[i];
      for (const int b : plan.written) {
        const BufferPlan& p = plan_.buffers[static_cast<std::size_t>(b)];
        const void* data = context.instance->buffers[static_cast<std::size_t>(b)];
        if (!p.scratch && has_nan(p.dtype, data, p.shape.numel()))
          fail_nan(p.dtype, p.shape, plan.what, plan.loc);
      }
    }
  }

  // One line a kernel: its time, and how fast it moved its data.
  void run_timed(Context& context) {
    struct Timed {
      Context* c;
      std::vector<double> ms;
    } timed{&context, std::vector<double>(launches_.size())};
    const auto prepare = [](void* p, int n) { grow_scratch(static_cast<Timed*>(p)->c, n); };
    runtime::ThreadTeam::instance().run(
        [](void* p, int thread, int n) {
          auto& t = *static_cast<Timed*>(p);
          const CompiledProgram& program = *t.c->program;
          auto& team = runtime::ThreadTeam::instance();
          void* scratch = scratch_of(*t.c, thread);
          for (std::size_t i = 0; i < program.launches_.size(); ++i) {
            const Launch& l = program.launches_[i];
            team.barrier();
            const auto start = Clock::now();
            if (!l.single || thread == 0) {
              l.fn(t.c->instance->params.data() + l.params, l.single ? 0 : thread, l.single ? 1 : n,
                   scratch);
            }
            team.barrier();
            if (thread == 0) t.ms[i] = ms_since(start);
          }
        },
        &timed, prepare);
    for (std::size_t i = 0; i < launches_.size(); ++i) {
      const schedule::LaunchPlan& l = plan_.launches[i];
      fmt::print(
          stderr,
          "kernel {:3} {:8.4f} ms {:7.1f} GFLOP/s {:6.1f} GB/s  compiled in {:.1f} ms  {}  [{}]\n",
          i, timed.ms[i], l.flops / 1e6 / timed.ms[i], l.bytes / 1e6 / timed.ms[i],
          compiled_[i].compile_ms, l.what, l.how);
    }
  }

  schedule::Plan plan_;
  std::vector<schedule::Prepared::Check> checks_;
  std::vector<codegen::CompiledKernel> compiled_;
  std::vector<Launch> launches_;
  std::size_t num_params_ = 0, scratch_bytes_ = 0;
  std::size_t guard_bytes_ = 0;
  std::int64_t fresh_bytes_ = 0;
  std::unique_ptr<CompiledProgram> before_;
  bool all_single_ = true;
  ProgramStats stats_;
  std::mutex pool_mutex_;
  std::vector<std::unique_ptr<Instance>> pool_;
};

}  // namespace

std::shared_ptr<Program> make_compiled_program(const Graph& g, const ProgramOptions& options) {
  schedule::Prepared prepared = schedule::prepare(g);
  auto program =
      std::make_shared<CompiledProgram>(prepared.graph, std::move(prepared.checks), options);
  if (!prepared.early_checks.empty()) {
    program->set_before(std::make_unique<CompiledProgram>(
        prepared.before, std::move(prepared.early_checks), ProgramOptions{}));
  }
  return program;
}

}  // namespace lilith
