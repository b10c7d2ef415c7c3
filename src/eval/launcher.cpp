#include "eval/launcher.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

#include "codegen/codegen.h"
#include "codegen/kernel_store.h"
#include "codegen/shared_code.h"
#include "eval/host_calls.h"
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

/// What a kernel is given: a buffer of its plan, or the numbers of the launch.
struct Param {
  std::size_t buffer;
  const std::int64_t* numbers;
};

struct LoopCode;

struct Launch {
  codegen::CompiledKernel::Fn fn;
  std::size_t params;  // where its pointers begin
  bool barrier_before, single;
  std::unique_ptr<LoopCode> loop;                  // in place of the kernel
  std::shared_ptr<const schedule::CallPlan> call;  // or this
  Loc loc;                                         // of the call
};

/// A plan's launches, ready to run.
struct PlanCode {
  std::vector<Launch> launches;
  std::vector<Param> params;  // of all launches, one after another
  std::size_t once = 0;
};

struct LoopCode {
  schedule::LoopPlan plan;  // whose bodies are empty
  std::vector<PlanCode> bodies;
  bool may_fail = false;
};

class CpuLauncher final : public Launcher {
 public:
  /// compiled, shared: by kernel, as kernels_of lists them.
  CpuLauncher(const schedule::Plan& plan, std::vector<codegen::CompiledKernel> compiled,
              std::vector<codegen::SharedKernel> shared)
      : compiled_(std::move(compiled)), shared_(std::move(shared)) {
    codegen::set_barrier_function([](std::int64_t, std::int64_t n) {
      if (n > 1) ThreadTeam::instance().barrier();
    });
    std::size_t next = 0;
    code_ = code_of(plan, &next);
    for (const codegen::CompiledKernel& k : compiled_)
      scratch_bytes_ = std::max(scratch_bytes_, static_cast<std::size_t>(k.scratch_bytes));
    all_single_ = std::ranges::all_of(code_.launches, [](const Launch& l) { return l.single; });
  }

  Code code() const override {
    // Code that is shared is kept by name: each size would bring it again.
    const bool shares =
        std::ranges::any_of(shared_, [](const auto& k) { return k.general != nullptr; });
    std::vector<codegen::KernelForm> forms;
    for (const codegen::SharedKernel& k : shared_) forms.push_back(k.form);
    ByteWriter out;
    out.number(shares);
    if (shares) {
      codegen::write_by_name(out, compiled_);
      write_numbers(out);
    } else {
      codegen::write(out, compiled_);
    }
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
      const auto task = [](void* c, int thread, int n) {
        const auto& ctx = *static_cast<Context*>(c);
        try {
          ctx.launcher.run_thread(ctx, thread, n);
        } catch (const Left&) {
        }
      };
      run_on_team(context, task, true);
    }
  }

  void run_in_steps(Instance& instance,
                    const std::function<void(std::size_t)>& after) const override {
    set_params(instance);
    grow_scratch(instance, 1);
    for (std::size_t i = 0; i < code_.launches.size(); ++i) {
      {
        const runtime::DenormalMode mode(flush_denormal());
        if (!is_left_out(instance, i)) call(code_.launches[i], instance, 0, 1);
      }
      after(i);
    }
  }

  std::vector<double> run_timed(Instance& instance) const override {
    set_params(instance);
    std::vector<double> ms(code_.launches.size());
    Context context{*this, instance, flush_denormal(), &ms};
    const auto task = [](void* c, int thread, int n) {
      const auto& ctx = *static_cast<Context*>(c);
      ctx.launcher.time_thread(ctx, thread, n);
    };
    run_on_team(context, task, false);
    return ms;
  }

 private:
  // Of each kernel that reads them at launch.
  void write_numbers(ByteWriter& out) const {
    for (const codegen::SharedKernel& k : shared_) {
      out.number(k.general != nullptr);
      if (!k.general) continue;
      out.count(k.numbers.size());
      for (const std::int64_t x : k.numbers) out.number(x);
    }
  }

  struct Context {
    const CpuLauncher& launcher;
    Instance& instance;
    bool flush;  // one answer for all threads of a run
    std::vector<double>* ms;
  };

  // Takes the kernels in their order.
  PlanCode code_of(const schedule::Plan& plan, std::size_t* next) const {
    PlanCode code;
    code.once = plan.once;
    for (const schedule::LaunchPlan& l : plan.launches) {
      Launch launch{nullptr, code.params.size(), l.barrier_before, l.single, nullptr, l.call,
                    l.loc};
      for (const int b : l.buffers) code.params.push_back({static_cast<std::size_t>(b), nullptr});
      if (l.loop) {
        launch.loop = std::make_unique<LoopCode>(LoopCode{*l.loop, {}});
        launch.loop->plan.bodies.clear();
        for (const schedule::Plan& body : l.loop->bodies) {
          launch.loop->bodies.push_back(code_of(body, next));
          launch.loop->may_fail = launch.loop->may_fail || schedule::has_calls(body);
        }
      } else if (!l.call) {
        launch.fn = compiled_[*next].fn;
        if (shared_[*next].general) code.params.push_back({0, shared_[*next].numbers.data()});
        ++*next;
      }
      code.launches.push_back(std::move(launch));
    }
    return code;
  }

  void set_params(Instance& instance) const {
    instance.params.resize(code_.params.size());
    for (std::size_t k = 0; k < code_.params.size(); ++k) {
      const Param& p = code_.params[k];
      void* address = const_cast<std::int64_t*>(p.numbers);  // that no kernel writes
      instance.params[k] = address ? address : instance.buffers[p.buffer].address();
    }
  }

  // The number of threads of a run is fixed when it begins: another thread may resize the team at
  // any time before.
  static void run_on_team(Context& context, ThreadTeam::Task task, bool may_leave) {
    // For all of the team: a run that the caller does alone may be followed by one of all.
    const auto prepare = [](void* c, int) {
      const auto& ctx = *static_cast<Context*>(c);
      ctx.launcher.grow_scratch(ctx.instance, ThreadTeam::instance().size());
    };
    ThreadTeam::instance().run(task, &context, prepare, may_leave);
  }

  /// A thread has left the run: thread 0 does the rest.
  struct Left {};
  /// All threads meet; how many go on.
  static int meet(int thread, int num_threads) {
    if (num_threads == 1 || ThreadTeam::instance().meet(thread)) return num_threads;
    if (thread != 0) throw Left{};
    return 1;
  }

  void grow_scratch(Instance& instance, int num_threads) const {
    while (scratch_bytes_ > 0 && instance.scratch.size() < static_cast<std::size_t>(num_threads))
      instance.scratch.push_back(Storage::allocate(scratch_bytes_));
  }

  // How many threads go on.
  static int call(const Launch& l, Instance& instance, int thread, int num_threads) {
    void* scratch = instance.scratch.empty()
                        ? nullptr
                        : instance.scratch[static_cast<std::size_t>(thread)]->data();
    return call(l, instance.params.data() + l.params, thread, num_threads, scratch,
                &instance.failure);
  }

  KERNEL_CALL static int call(const Launch& l, void* const* params, int thread, int num_threads,
                              void* scratch, std::exception_ptr* failure) {
    if (l.single && thread != 0) return num_threads;
    const int n = l.single ? 1 : num_threads;
    if (l.loop) {
      const int left = LoopRun(*l.loop, params, thread, n, scratch, failure).run();
      return l.single ? num_threads : left;
    }
    if (l.call && !l.call->may_fail())
      run_sort(*l.call, params, thread, n);
    else if (l.call)
      run_host_call(*l.call, l.loc, params, failure);
    else
      l.fn(params, thread, n, scratch);
    return num_threads;
  }

  /// A thread's part of a loop. Each thread has pointers of its own, which it moves on.
  class LoopRun {
   public:
    LoopRun(const LoopCode& loop, void* const* buffers, int thread, int num_threads, void* scratch,
            std::exception_ptr* failure)
        : loop_(loop),
          buffers_(buffers),
          thread_(thread),
          num_threads_(num_threads),
          scratch_(scratch),
          failure_(failure) {}

    /// How many threads go on.
    int run() {
      std::int64_t steps = 0;
      switch (loop_.plan.kind) {
        case schedule::LoopPlan::Kind::Scan:
          for (; steps < loop_.plan.steps; ++steps) run_body(0, steps);
          break;
        case schedule::LoopPlan::Kind::While:
          for (; goes_on(steps); ++steps) run_body(1, steps);
          break;
        case schedule::LoopPlan::Kind::Branch:
          run_body(is_true(buffers_[loop_.plan.decides]) ? 0 : 1, 0);
          break;
      }
      copy_results(steps);
      return num_threads_;
    }

   private:
    using Place = schedule::LoopPlan::Place;

    static bool is_true(const void* value) { return *static_cast<const bool*>(value); }
    void barrier() { num_threads_ = meet(thread_, num_threads_); }

    char* address(const Place& p, std::int64_t step) const {
      if (step == 0 && p.first >= 0) return static_cast<char*>(buffers_[p.first]);
      const std::size_t odd = step & 1;
      return static_cast<char*>(buffers_[p.in[odd]]) + p.offset[odd] + step * p.step;
    }

    // What a step reads was written before it, by any thread.
    void run_body(std::size_t k, std::int64_t step) {
      const PlanCode& body = loop_.bodies[k];
      const std::vector<Place>& places = loop_.plan.places[k];
      params_.resize(body.params.size());
      for (std::size_t i = 0; i < body.params.size(); ++i) {
        const Param& p = body.params[i];
        params_[i] = p.numbers ? const_cast<std::int64_t*>(p.numbers)
                               : static_cast<void*>(address(places[p.buffer], step));
      }
      if (step > 0) barrier();
      for (std::size_t i = step == 0 ? 0 : body.once; i < body.launches.size(); ++i) {
        const Launch& l = body.launches[i];
        if (l.barrier_before) barrier();
        num_threads_ =
            call(l, params_.data() + l.params, thread_, num_threads_, scratch_, failure_);
      }
    }

    bool goes_on(std::int64_t step) {
      run_body(0, step);
      barrier();
      char* asks = address(loop_.plan.places[0][loop_.plan.asks], step);
      if (loop_.may_fail) {
        // What a failed call left might never end.
        if (thread_ == 0 && *failure_) *asks = 0;
        barrier();
      }
      return is_true(asks);
    }

    void copy_results(std::int64_t steps) {
      if (loop_.plan.results.empty()) return;
      barrier();
      if (thread_ != 0) return;
      for (const schedule::LoopPlan::Result& r : loop_.plan.results)
        std::memcpy(buffers_[r.to], address(r.from, steps), r.bytes);
    }

    const LoopCode& loop_;
    void* const* buffers_;  // of the launch
    const int thread_;
    int num_threads_;
    void* scratch_;
    std::exception_ptr* failure_;  // thread 0's: it alone calls the host
    std::vector<void*> params_;    // of a body in a step
  };

  static bool is_left_out(const Instance& instance, std::size_t launch) {
    return instance.left_out && (*instance.left_out)[launch];
  }

  void run_thread(const Context& c, int thread, int num_threads) const {
    const runtime::DenormalMode mode(c.flush);
    bool barrier = false;  // of launches that were left out
    for (std::size_t i = 0; i < code_.launches.size(); ++i) {
      const Launch& l = code_.launches[i];
      barrier = barrier || l.barrier_before;
      if (is_left_out(c.instance, i)) continue;
      if (std::exchange(barrier, false)) num_threads = meet(thread, num_threads);
      num_threads = call(l, c.instance, thread, num_threads);
    }
  }

  void time_thread(const Context& c, int thread, int num_threads) const {
    const runtime::DenormalMode mode(c.flush);
    auto& team = ThreadTeam::instance();
    for (std::size_t i = 0; i < code_.launches.size(); ++i) {
      team.barrier();
      const auto start = Clock::now();
      if (!is_left_out(c.instance, i)) call(code_.launches[i], c.instance, thread, num_threads);
      team.barrier();
      if (thread == 0)
        (*c.ms)[i] = std::chrono::duration<double, std::milli>(Clock::now() - start).count();
    }
  }

  std::vector<codegen::CompiledKernel> compiled_;
  std::vector<codegen::SharedKernel> shared_;
  PlanCode code_;
  std::size_t scratch_bytes_ = 0;
  bool all_single_ = true;
};

}  // namespace

Launcher::~Launcher() = default;

std::vector<const kir::Kernel*> kernels_of(const schedule::Plan& plan) {
  std::vector<const kir::Kernel*> kernels;
  for (const schedule::LaunchPlan* l : schedule::kernel_launches(plan))
    kernels.push_back(&l->kernel);
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

namespace {

void read_numbers(ByteReader& in, std::vector<codegen::SharedKernel>* shared) {
  // That there is one says that the code reads numbers: none of it is needed any more.
  static const auto general = std::make_shared<const kir::Kernel>();
  for (codegen::SharedKernel& k : *shared) {
    if (in.number() == 0) continue;
    k.general = general;
    k.numbers.resize(in.count());
    for (std::int64_t& x : k.numbers) x = in.number();
  }
}

}  // namespace

std::unique_ptr<Launcher> restore_cpu_launcher(const schedule::Plan& plan, std::string_view code) {
  ByteReader in(code);
  const bool shares = in.number() != 0;
  std::vector<codegen::CompiledKernel> compiled =
      shares ? codegen::read_named_kernels(in) : codegen::read_kernels(in);
  std::vector<codegen::SharedKernel> own(compiled.size());
  if (shares) read_numbers(in, &own);
  std::vector<codegen::KernelForm> forms = codegen::read_forms(in);
  if (!in.done() || compiled.size() != kernels_of(plan).size() || forms.size() != compiled.size())
    return nullptr;
  codegen::remember_code(plan.family, forms);
  codegen::found_shared(
      std::ranges::count_if(own, [](const auto& k) { return k.general != nullptr; }));
  for (std::size_t i = 0; i < forms.size(); ++i) own[i].form = std::move(forms[i]);
  return std::make_unique<CpuLauncher>(plan, std::move(compiled), std::move(own));
}

}  // namespace lilith
