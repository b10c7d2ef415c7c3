#pragma once
#include <functional>

#include "eval/compiled_program.h"
#include "passes/pipeline.h"
#include "schedule/rewrite/prepare.h"
#include "support/gpu_plan.h"
#include "support/opencl_run.h"
#include "support/to_storage.h"
#include "support/traced.h"

// Whole plans, launch by launch: on an OpenCL device next to the interpreter.
namespace lilith::testing {

/// A plan and what it is run on.
struct PlanCase {
  std::string name;
  schedule::Plan plan;
  std::vector<RefTensor> inputs;
};

/// Which kernels a plan is made of: a CPU's, or those of blocks of threads.
enum class Form { Tasks, Blocks };

/// The plan of a traced graph as `eval` makes it, with a value for each input; those may be
/// overwritten where no check forbids it.
inline PlanCase plan_case(std::string name, Form form, const Graph& traced,
                          std::vector<RefTensor> values) {
  if (form == Form::Blocks)
    return {name + " in blocks", GpuPlan(run_passes(traced)).plan, std::move(values)};
  schedule::IndexChecks prepared = schedule::prepare(run_passes(traced));
  ProgramOptions options;
  options.donatable.assign(prepared.graph.inputs().size(), 1);
  return {std::move(name), plan_for(prepared.graph, !prepared.checks.empty(), options),
          std::move(values)};
}

/// The same of a function over parameters with normal values, integers from 0 to 9.
inline PlanCase plan_case(const std::string& name, Form form, const std::vector<Aval>& avals,
                          const std::function<std::vector<Tensor>(const std::vector<Tensor>&)>& f) {
  std::vector<RefTensor> values;
  std::mt19937 rng(static_cast<unsigned>(name.size()));
  std::normal_distribution<double> normal;
  for (const Aval& a : avals) {
    values.emplace_back(a);
    for (std::int64_t k = 0; k < a.numel(); ++k)
      values.back().set(k, is_floating(a.dtype) ? normal(rng) : static_cast<double>(rng() % 10));
  }
  const Traced made = traced(avals, f);
  std::vector<RefTensor> used;  // in the order of the graph's inputs
  for (const std::size_t k : made.used) used.push_back(values[k]);
  return plan_case(name, form, made.graph, std::move(used));
}

/// Memory of a plan's buffers, on the host and on the device: one arena, and a block for each input
/// and output. On the device outputs lie where a donated input does; on the host they do not, since
/// the interpreter reads anew what a kernel keeps.
class PlanMemory {
 public:
  PlanMemory(const PlanCase& c, runtime::opencl::Device& device)
      : plan_(c.plan), device_(device), arena_(device, c.plan.arena_bytes) {
    using Kind = schedule::BufferPlan::Kind;
    for (const schedule::BufferPlan& b : plan_.buffers) {
      owned_.push_back(b.kind == Kind::Arena ? nullptr : std::make_unique<Block>(device, b.bytes));
      if (b.kind != Kind::Input) continue;
      const StoragePtr s = to_storage(c.inputs[static_cast<std::size_t>(b.index)], b.dtype);
      std::memcpy(owned_.back()->host.data(), s->data(), b.bytes);
      device.write(*owned_.back()->device, 0, s->data(), b.bytes);
    }
    for (std::size_t b = 0; b < owned_.size(); ++b) {
      if (const int donor = plan_.buffers[b].donor; donor >= 0)
        owned_[b]->host = owned_[static_cast<std::size_t>(donor)]->host;
    }
  }

  char* host(int b) {
    const auto& own = owned_[static_cast<std::size_t>(b)];
    return own ? own->host.data() : arena_.host.data() + plan(b).offset;
  }
  runtime::opencl::Place place(int b) const {
    const auto& own = owned_[static_cast<std::size_t>(plan(b).donor >= 0 ? plan(b).donor : b)];
    if (own) return {own->device.get(), 0};
    return {arena_.device.get(), static_cast<std::int64_t>(plan(b).offset)};
  }
  /// The first element in which the two differ, or -1. From then on the host has the device's bits:
  /// NaNs may differ, and what a kernel leaves as it was is compared too.
  std::int64_t difference(int b) {
    const runtime::opencl::Place at = place(b);
    std::vector<char> got(plan(b).bytes);
    device_.read(*at.buffer, static_cast<std::size_t>(at.offset), got.data(), got.size());
    const std::int64_t i =
        codegen::testing::first_difference(host(b), got.data(), plan(b).dtype, got.size());
    std::memcpy(host(b), got.data(), got.size());
    return i;
  }

 private:
  struct Block {
    Block(runtime::opencl::Device& on, std::size_t bytes)
        : host(bytes, static_cast<char>(0xCD)), device(on.allocate(bytes)) {
      on.write(*device, 0, host.data(), bytes);
    }
    std::vector<char> host;
    std::unique_ptr<runtime::opencl::Buffer> device;
  };
  const schedule::BufferPlan& plan(int b) const {
    return plan_.buffers[static_cast<std::size_t>(b)];
  }

  const schedule::Plan& plan_;
  runtime::opencl::Device& device_;
  Block arena_;
  std::vector<std::unique_ptr<Block>> owned_;  // of inputs and outputs
};

/// Runs the launches, which are kernels `first`… of `compiled`.
inline void run_plan(const PlanCase& c, codegen::opencl::CompiledKernels& compiled,
                     std::size_t first) {
  PlanMemory memory(c, runtime::opencl::device(0));
  for (std::size_t n = 0; n < c.plan.launches.size(); ++n) {
    const schedule::LaunchPlan& l = c.plan.launches[n];
    std::vector<runtime::opencl::Place> places;
    std::vector<void*> pointers;
    for (const int b : l.buffers) {
      places.push_back(memory.place(b));
      pointers.push_back(memory.host(b));
    }
    compiled.launch(first + n, places);
    kir::interpret(l.kernel, pointers);
    for (const int b : l.written) {
      const std::int64_t i = memory.difference(b);
      if (i < 0) continue;
      ADD_FAILURE() << c.name << ", launch " << n << " (" << l.what << ": " << l.how
                    << "): element " << i << " of "
                    << c.plan.buffers[static_cast<std::size_t>(b)].name << " differs\n"
                    << kir::to_string(l.kernel).substr(0, 6000);
      return;
    }
  }
}

/// All plans as one program.
inline void check_plans(const std::vector<PlanCase>& cases) {
  std::vector<const kir::Kernel*> kernels;
  for (const PlanCase& c : cases) {
    for (const schedule::LaunchPlan& l : c.plan.launches) kernels.push_back(&l.kernel);
  }
  codegen::opencl::CompiledKernels compiled(kernels, runtime::opencl::device(0));
  std::size_t first = 0;
  for (const PlanCase& c : cases) {
    run_plan(c, compiled, first);
    first += c.plan.launches.size();
  }
}

}  // namespace lilith::testing
