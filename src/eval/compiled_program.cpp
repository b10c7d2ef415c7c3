#include "eval/compiled_program.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <optional>
#include <utility>

#include "core/device_kinds.h"
#include "core/dump.h"
#include "core/env.h"
#include "core/text_table.h"
#include "eval/check_nan.h"
#include "eval/first_sizes.h"
#include "eval/guard_bands.h"
#include "eval/host_calls.h"
#include "eval/kept_copies.h"
#include "eval/known_indices.h"
#include "eval/launch_report.h"
#include "eval/launcher.h"
#include "eval/memory_check.h"
#include "eval/placement.h"
#include "eval/saved_plan.h"
#include "eval/scalar_block.h"
#include "ir/node.h"
#include "lilith/compile.h"
#include "passes/pipeline.h"
#include "runtime/device_memory.h"
#include "schedule/plan_record.h"
#include "schedule/rewrite/prepare.h"
#include "schedule/schedule.h"

namespace lilith {
namespace {

using Clock = std::chrono::steady_clock;
using Checks = std::vector<schedule::IndexCheck>;

/// What a program is made of.
struct Parts {
  Checks checks;  // what the plan's last outputs are looked at by
  schedule::Plan plan;
  std::int64_t num_nodes = 0;
  std::unique_ptr<Launcher> launcher = {};  // null: it has to be compiled
  ScalarBlock scalars = {};
};

class CompiledProgram final : public Program {
 public:
  CompiledProgram(Clock::time_point start, Parts parts, Device device, std::size_t guard_bytes)
      : checks_(std::move(parts.checks)),
        device_(device),
        plan_(std::move(parts.plan)),
        calls_(schedule::has_calls(plan_)),
        memory_(plan_, device_),
        scalars_(std::move(parts.scalars)),
        placement_(plan_, checks_.size(), device_, &scalars_),
        guards_(plan_, guard_bytes),
        kept_(plan_, device_, guard_bytes > 0),
        pool_(plan_.buffers.size(), checks_.size(), scalars_.bytes(), device_),
        launcher_(std::move(parts.launcher)) {
    if (!launcher_) {
      show_plan(plan_);
      launcher_ = kind_of(device_).launcher(plan_, device_.index);
      // Compiled: no longer needed.
      for (schedule::LaunchPlan* l : schedule::kernel_launches(plan_)) l->kernel = {};
    }
    stats_.num_kernels = std::ssize(schedule::kernel_launches(plan_));
    stats_.num_nodes = parts.num_nodes;
    stats_.arena_bytes = static_cast<std::int64_t>(plan_.arena_bytes);
    const std::chrono::duration<double, std::milli> took = Clock::now() - start;
    stats_.compile_ms = took.count();
  }

  void run(std::span<const StoragePtr> inputs, std::span<const char> donated,
           std::span<StoragePtr> outputs) override {
    if (before_ && !(known_ && known_->pass(inputs))) before_->run(inputs, {}, {});
    // What stops in the middle must leave its inputs as they were.
    if (env::check_nan()) donated = {};
    memory_.before_run(placement_, donated, outputs);
    std::unique_ptr<Instance> instance = pool_.acquire();
    const StoragePtr arena =
        plan_.arena_bytes ? Storage::allocate(plan_.arena_bytes, device_) : nullptr;
    if (instance->scalars) scalars_.write(*instance->scalars, inputs);
    kept_.before_run(instance.get(), inputs);
    placement_.place(*instance, arena, inputs, donated, outputs);
    KeptCopies::place(instance.get());
    guards_.fill(*instance);
    launch(*instance);
    kept_.after_run(instance.get());
    guards_.check(*instance);
    placement_.copy_repeated(inputs, outputs);
    const Failure failure = failed_check(*instance);
    const std::exception_ptr thrown = std::exchange(instance->failure, nullptr);
    pool_.release(std::move(instance));
    if (thrown) std::rethrow_exception(thrown);
    if (failure.check) failure.check->fail(failure.seen);
  }

  ProgramStats stats() const override {
    ProgramStats s = stats_;
    s.kernel_ms = times_.best();
    const int width = terminal_columns(STDOUT_FILENO, kUncut);
    s.text = launch_table(plan_, s.kernel_ms, width) + memory_table(plan_);
    return s;
  }

  bool may_fail() const override { return before_ || !checks_.empty() || calls_; }
  const schedule::Plan* plan() const override { return &plan_; }

  bool save(ByteWriter& out, std::string* made_by) const override {
    const auto [code, compiler] = launcher_->code();
    if (code.empty()) return false;
    if (!compiler.empty()) *made_by = compiler;
    out.number(static_cast<int>(Form::Compiled));
    lilith::write(out, device_);
    const std::vector<char> by_value = scalars_.by_value();
    out.text(std::string_view(by_value.data(), by_value.size()));
    out.text(known_ ? known_->graph().str() : "");
    write(out, checks_);
    write(out, plan_);
    out.number(stats_.num_nodes);
    out.text(code);
    out.number(before_ != nullptr);
    return !before_ || before_->save(out, made_by);
  }

  /// What runs first, on the same inputs, where its checks are not known to pass: they stop a run
  /// before anything is written.
  void set_before(std::shared_ptr<CompiledProgram> program) {
    stats_.compile_ms += program->stats_.compile_ms;
    before_ = std::move(program);
  }
  /// The indices that those checks look at: the host knows nothing of its own.
  void set_known(const Graph& indices) {
    if (device_ != cpu()) known_.emplace(indices, before_->checks_, scalars_);
  }

 private:
  void launch(Instance& instance) {
    if (env::check_nan())
      launcher_->run_in_steps(instance, [&](std::size_t i) { check_nan(instance, i); });
    else if (time_kernels() || env::debug(1, "run"))
      launch_timed(instance);
    else
      launcher_->run(instance);
  }

  void launch_timed(Instance& instance) {
    const std::vector<double> ms = launcher_->run_timed(instance);
    times_.add(ms);
    const int width = terminal_columns(STDERR_FILENO, kTableWidth);
    if (env::debug(1, "run")) fmt::print(stderr, "{}", launch_table(plan_, ms, width));
  }

  // LILITH_CHECK_NAN: looks at what a launch wrote.
  void check_nan(const Instance& instance, std::size_t launch) const {
    const schedule::LaunchPlan& l = plan_.launches[launch];
    for (const int b : l.written) {
      const auto buffer = static_cast<std::size_t>(b);
      const schedule::BufferPlan& p = plan_.buffers[buffer];
      if (p.scratch) continue;
      const Place& place = instance.buffers[buffer];
      std::vector<char> copy(place.storage->is_on_host() ? 0 : p.bytes);
      if (!copy.empty()) runtime::read(*place.storage, place.offset, copy.data(), p.bytes);
      const void* values = copy.empty() ? place.address() : copy.data();
      if (has_nan(p.dtype, values, p.shape.numel())) fail_nan(p.dtype, p.shape, l.what, l.loc);
    }
  }

  struct Failure {
    const schedule::IndexCheck* check = nullptr;
    std::int64_t seen = 0;
  };
  // The first check that found an index outside.
  Failure failed_check(const Instance& instance) const {
    for (std::size_t i = 0; i < checks_.size(); ++i) {
      const std::int64_t seen = placement_.seen(instance, i);
      if (checks_[i].failed(seen)) return {&checks_[i], seen};
    }
    return {};
  }

  const Checks checks_;
  const Device device_;
  schedule::Plan plan_;  // the units below refer to it
  const bool calls_;     // of the host, which may throw
  const MemoryCheck memory_;
  const ScalarBlock scalars_;
  const Placement placement_;
  const GuardBands guards_;
  KeptCopies kept_;
  InstancePool pool_;
  std::unique_ptr<Launcher> launcher_;
  std::shared_ptr<CompiledProgram> before_;
  std::optional<KnownIndices> known_;  // of before_'s checks
  LaunchTimes times_;
  ProgramStats stats_;  // without the text
};

}  // namespace

Device device_of(const Graph& g) { return g.outputs().empty() ? cpu() : g.outputs()[0].device(); }

schedule::Target target_of(Device device) { return kind_of(device).target(device.index); }

schedule::Plan plan_for(const Graph& g, bool checked, const ProgramOptions& options) {
  return plan_for(g, checked, options, target_of(device_of(g)));
}

schedule::Plan plan_for(const Graph& g, bool checked, const ProgramOptions& options,
                        const schedule::Target& target) {
  schedule::PlanOptions plan;
  plan.target = target;
  plan.target.precision = options.precision;
  // What fails in the middle or at the end of a run must find every input as it was.
  if (!checked && !has_calls(g))
    plan.donated.assign(options.donatable.begin(), options.donatable.end());
  plan.guard_bytes = options.guard_bytes;
  plan.varying = options.family.varying;
  plan.varying_dims = options.varying_dims;
  plan.keeps_copies = keeps_copies(device_of(g), options.guard_bytes > 0);
  plan.pick = options.pick;
  schedule::Plan made = schedule::make_plan(g, plan);
  made.family = options.family.id;
  made.varying = options.family.varying;
  return made;
}

namespace {

/// The next smaller blocks of threads, in the end none; false where there were none.
bool make_smaller(schedule::Target* target) {
  std::optional<schedule::GpuTarget>& gpu = target->gpu;
  if (!gpu) return false;
  gpu->threads /= 2;
  gpu->shared_bytes /= 2;
  if (gpu->threads < schedule::GpuTarget::kLeastThreads) gpu.reset();
  return true;
}

/// For smaller blocks, where a kernel is too large for the device; without tensor cores, where it
/// is not shown that what their lanes store lies apart.
std::shared_ptr<CompiledProgram> compile_prepared(const Graph& g, const Checks& checks,
                                                  const ProgramOptions& options) {
  const Clock::time_point start = Clock::now();
  for (schedule::Target target = target_of(device_of(g));;) {
    Parts parts{checks, plan_for(g, !checks.empty(), options, target),
                static_cast<std::int64_t>(g.nodes().size())};
    parts.scalars = ScalarBlock(options.by_value);
    try {
      return std::make_shared<CompiledProgram>(start, std::move(parts), device_of(g),
                                               options.guard_bytes);
    } catch (const TooLarge&) {
      if (!make_smaller(&target)) throw;
    } catch (const kir::Unproved&) {
      if (!target.gpu || !std::exchange(target.gpu->mma, false)) throw;
    }
  }
}

std::shared_ptr<CompiledProgram> restore(ByteReader& in, const std::vector<Loc>& lines) {
  const Clock::time_point start = Clock::now();
  if (in.number() != static_cast<int>(Program::Form::Compiled)) return nullptr;
  const std::optional<Device> device = read_device(in);
  const std::string_view by_value = in.text(), indices = in.text();
  Parts parts{read_checks(in, lines), read_plan(in, lines)};
  parts.scalars = ScalarBlock(by_value);
  parts.num_nodes = in.number();
  const std::string_view code = in.text();
  const bool has_before = in.number() != 0;
  if (!in.ok() || !device || !kind_of(*device).restore) return nullptr;
  parts.launcher = kind_of(*device).restore(parts.plan, code, device->index);
  if (!parts.launcher) return nullptr;
  auto program = std::make_shared<CompiledProgram>(start, std::move(parts), *device, 0);
  if (!has_before) return program;
  auto before = restore(in, lines);
  if (!before) return nullptr;
  program->set_before(std::move(before));
  if (!indices.empty()) program->set_known(parse_graph(indices));
  return program;
}

}  // namespace

namespace {

bool has_loops(const Graph& g) {
  return std::ranges::any_of(ir::topological_order(g.outputs()),
                             [](const ir::NodeImpl* n) { return n->op->cls == OpClass::Loop; });
}

}  // namespace

std::shared_ptr<Program> make_compiled_program(const Graph& g, const ProgramOptions& options) {
  if (!kind_of(device_of(g)).runs_loops && has_loops(g)) {
    const Graph steps = run_passes(passes::unrolled(g));
    return has_loops(steps) ? make_eager_program(steps) : make_compiled_program(steps, options);
  }
  std::optional<dump::Asked> asked;
  if (schedule::records_plans()) asked.emplace(g.hash());
  schedule::IndexChecks prepared = schedule::prepare(g);
  ProgramOptions own = options;
  own.varying_dims = compare_with_first(prepared.graph, options);
  auto program = compile_prepared(prepared.graph, prepared.checks, own);
  if (!prepared.early.empty()) {
    ProgramOptions before;
    before.family = part_of(options.family, 1);
    before.by_value = options.by_value;
    program->set_before(compile_prepared(prepared.before, prepared.early, before));
    program->set_known(prepared.indices);
  }
  return program;
}

std::shared_ptr<Program> restore_compiled_program(ByteReader& in, const std::vector<Loc>& lines) {
  return restore(in, lines);
}

}  // namespace lilith
