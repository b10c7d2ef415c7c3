#include "eval/launcher.h"

#include <algorithm>
#include <chrono>

#include "codegen/codegen.h"
#include "codegen/kernel_store.h"
#include "codegen/shared_code.h"
#include "lilith/runtime.h"
#include "runtime/denormals.h"
#include "runtime/thread_team.h"

// Kernels carry no type that Clang's UBSan could compare before an indirect call.
#ifdef __clang__
#define KERNEL_CALL __attribute__((no_sanitize("function")))
#else
#define KERNEL_CALL
#endif

namespace lilith {
namespace {

using Clock = std::chrono::steady_clock;
using runtime::ThreadTeam;

struct Launch {
  codegen::CompiledKernel::Fn fn;
  std::size_t params;  // where its pointers begin
  bool barrier_before, single;
};

/// What a kernel is given: a buffer of the program, or the numbers of the launch.
struct Param {
  std::size_t buffer;
  const std::int64_t* numbers;
};

class CpuLauncher final : public Launcher {
 public:
  /// compiled, shared: by launch.
  CpuLauncher(const schedule::Plan& plan, std::vector<codegen::CompiledKernel> compiled,
              std::vector<codegen::SharedKernel> shared)
      : compiled_(std::move(compiled)), shared_(std::move(shared)) {
    codegen::set_barrier_function([](std::int64_t, std::int64_t n) {
      if (n > 1) ThreadTeam::instance().barrier();
    });
    for (std::size_t i = 0; i < compiled_.size(); ++i) {
      const schedule::LaunchPlan& l = plan.launches[i];
      launches_.push_back({compiled_[i].fn, params_.size(), l.barrier_before, l.single});
      for (const int b : l.buffers) params_.push_back({static_cast<std::size_t>(b), nullptr});
      if (shared_[i].general) params_.push_back({0, shared_[i].numbers.data()});
      scratch_bytes_ =
          std::max(scratch_bytes_, static_cast<std::size_t>(compiled_[i].scratch_bytes));
      all_single_ = all_single_ && l.single;
    }
  }

  Code code() const override {
    // Code that is shared is kept by kernel: each size would bring it again.
    std::vector<codegen::KernelForm> forms;
    for (const codegen::SharedKernel& k : shared_) {
      if (k.general) return {};
      forms.push_back(k.form);
    }
    ByteWriter out;
    codegen::write(out, compiled_);
    codegen::write(out, forms);
    return {out.take(), compiled_.empty() ? "" : compiled_[0].object->made_by};
  }

  void run(Instance& instance) const override {
    set_params(instance);
    Context context{*this, instance, flush_denormal(), nullptr};
    if (all_single_) {
      grow_scratch(instance, 1);
      run_thread(context, 0, 1);
    } else {
      run_on_team(context, [](void* c, int thread, int n) {
        const auto& ctx = *static_cast<Context*>(c);
        ctx.launcher.run_thread(ctx, thread, n);
      });
    }
  }

  void run_in_steps(Instance& instance,
                    const std::function<void(std::size_t)>& after) const override {
    set_params(instance);
    grow_scratch(instance, 1);
    for (std::size_t i = 0; i < launches_.size(); ++i) {
      {
        const runtime::DenormalMode mode(flush_denormal());
        call(launches_[i], instance, 0, 1);
      }
      after(i);
    }
  }

  std::vector<double> run_timed(Instance& instance) const override {
    set_params(instance);
    std::vector<double> ms(launches_.size());
    Context context{*this, instance, flush_denormal(), &ms};
    run_on_team(context, [](void* c, int thread, int n) {
      const auto& ctx = *static_cast<Context*>(c);
      ctx.launcher.time_thread(ctx, thread, n);
    });
    return ms;
  }

 private:
  struct Context {
    const CpuLauncher& launcher;
    Instance& instance;
    bool flush;  // one answer for all threads of a run
    std::vector<double>* ms;
  };

  void set_params(Instance& instance) const {
    instance.params.resize(params_.size());
    for (std::size_t k = 0; k < params_.size(); ++k) {
      const Param& p = params_[k];
      void* address = const_cast<std::int64_t*>(p.numbers);  // that no kernel writes
      instance.params[k] = address ? address : instance.buffers[p.buffer].address();
    }
  }

  // The number of threads of a run is fixed when it begins: another thread may resize the team at
  // any time before.
  static void run_on_team(Context& context, ThreadTeam::Task task) {
    ThreadTeam::instance().run(task, &context, [](void* c, int num_threads) {
      const auto& ctx = *static_cast<Context*>(c);
      ctx.launcher.grow_scratch(ctx.instance, num_threads);
    });
  }

  void grow_scratch(Instance& instance, int num_threads) const {
    while (scratch_bytes_ > 0 && instance.scratch.size() < static_cast<std::size_t>(num_threads))
      instance.scratch.push_back(Storage::allocate(scratch_bytes_));
  }

  KERNEL_CALL static void call(const Launch& l, const Instance& instance, int thread,
                               int num_threads) {
    if (l.single && thread != 0) return;
    void* scratch = instance.scratch.empty()
                        ? nullptr
                        : instance.scratch[static_cast<std::size_t>(thread)]->data();
    l.fn(instance.params.data() + l.params, thread, l.single ? 1 : num_threads, scratch);
  }

  void run_thread(const Context& c, int thread, int num_threads) const {
    const runtime::DenormalMode mode(c.flush);
    for (const Launch& l : launches_) {
      if (l.barrier_before && num_threads > 1) ThreadTeam::instance().barrier();
      call(l, c.instance, thread, num_threads);
    }
  }

  void time_thread(const Context& c, int thread, int num_threads) const {
    const runtime::DenormalMode mode(c.flush);
    auto& team = ThreadTeam::instance();
    for (std::size_t i = 0; i < launches_.size(); ++i) {
      team.barrier();
      const auto start = Clock::now();
      call(launches_[i], c.instance, thread, num_threads);
      team.barrier();
      if (thread == 0)
        (*c.ms)[i] = std::chrono::duration<double, std::milli>(Clock::now() - start).count();
    }
  }

  std::vector<codegen::CompiledKernel> compiled_;
  std::vector<codegen::SharedKernel> shared_;
  std::vector<Launch> launches_;
  std::vector<Param> params_;  // of all launches, one after another
  std::size_t scratch_bytes_ = 0;
  bool all_single_ = true;
};

}  // namespace

Launcher::~Launcher() = default;

std::vector<const kir::Kernel*> kernels_of(const schedule::Plan& plan) {
  std::vector<const kir::Kernel*> kernels;
  for (const schedule::LaunchPlan& l : plan.launches) kernels.push_back(&l.kernel);
  return kernels;
}

std::unique_ptr<Launcher> make_cpu_launcher(const schedule::Plan& plan) {
  std::vector<const kir::Kernel*> kernels = kernels_of(plan);
  std::vector<codegen::SharedKernel> shared =
      codegen::share_code(plan.family, kernels, plan.varying);
  for (std::size_t i = 0; i < kernels.size(); ++i)
    if (shared[i].general) kernels[i] = shared[i].general.get();
  return std::make_unique<CpuLauncher>(plan, codegen::compile_kernels(kernels), std::move(shared));
}

std::unique_ptr<Launcher> restore_cpu_launcher(const schedule::Plan& plan, std::string_view code) {
  ByteReader in(code);
  std::vector<codegen::CompiledKernel> compiled = codegen::read_kernels(in);
  std::vector<codegen::KernelForm> forms = codegen::read_forms(in);
  if (!in.done() || compiled.size() != plan.launches.size() || forms.size() != compiled.size())
    return nullptr;
  codegen::remember_code(plan.family, forms);
  std::vector<codegen::SharedKernel> own(compiled.size());
  for (std::size_t i = 0; i < forms.size(); ++i) own[i].form = std::move(forms[i]);
  return std::make_unique<CpuLauncher>(plan, std::move(compiled), std::move(own));
}

}  // namespace lilith
