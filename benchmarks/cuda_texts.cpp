// What a GPU would be given for dumped programs (LILITH_DUMP): launches, the longest chain of those
// that wait for each other, and what NVRTC makes of the text for sm_90: registers and spills.
//
//   cuda_texts [--text] [--each] DIR/NNNN_case/graph.txt…
#include <fmt/ranges.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "codegen/c/source.h"
#include "codegen/cuda/dialect.h"
#include "eval/split.h"
#include "lilith/lilith.h"
#include "passes/pipeline.h"
#include "runtime/cuda/nvrtc.h"
#include "runtime/cuda/usage.h"
#include "schedule/launch_graph.h"
#include "schedule/rewrite/prepare.h"
#include "schedule/schedule.h"

namespace {

using namespace lilith;

constexpr int kArchitecture = 90;

struct Show {
  bool text = false, each = false;  // the kernels' text, what each takes
};

/// A large GPU of that architecture.
schedule::Target target() {
  schedule::Target t;
  t.gpu = schedule::GpuTarget{.threads = 256, .shared_bytes = 48 << 10, .units = 132, .mma = true};
  t.threads = t.gpu->units;
  t.precision = precision();
  return t;
}

schedule::Plan plan_of(const Graph& optimised) {
  schedule::IndexChecks prepared = schedule::prepare(optimised);
  schedule::PlanOptions options;
  options.target = target();
  options.donated.assign(prepared.graph.inputs().size(), prepared.checks.empty());
  return schedule::make_plan(prepared.graph, options);
}

/// What the device computes. A host part, whose scalars go by value, is no node of a CUDA graph.
std::vector<Graph> device_parts(const std::string& path) {
  std::ifstream in(path);
  const Graph g = run_passes(parse_graph(std::string{std::istreambuf_iterator<char>(in), {}}));
  if (is_on_one_device(g)) return {g};
  std::vector<Graph> parts;
  for (const Split::Part& part : split_by_device(g).parts)
    if (part.device != cpu() && !part.outputs.empty()) parts.push_back(part.graph);
  return parts;
}

/// The functions that most of each kind of room is taken by.
void print_use(const std::vector<runtime::cuda::FunctionUse>& use, bool each) {
  const auto largest = [&](auto member) {
    int most = 0;
    for (const runtime::cuda::FunctionUse& f : use) most = std::max(most, f.*member);
    return most;
  };
  using Use = runtime::cuda::FunctionUse;
  std::vector<int> registers;
  for (const Use& f : use) registers.push_back(f.registers);
  std::ranges::sort(registers);
  fmt::print(
      "{} functions, registers {} (median) to {}, at most {} bytes of shared memory and {} "
      "spilled\n",
      use.size(), registers.empty() ? 0 : registers[registers.size() / 2], largest(&Use::registers),
      largest(&Use::shared_bytes), largest(&Use::spilled));
  if (!each) return;
  for (const Use& f : use)
    fmt::print("  {:16} {:3} registers, {:5} bytes of shared memory, {} spilled\n", f.name,
               f.registers, f.shared_bytes, f.spilled);
}

void report(const std::string& path, const Graph& part, const Show& show) {
  const schedule::Plan plan = plan_of(part);
  const schedule::LaunchNeeds needs = schedule::launch_needs(plan);
  std::vector<const kir::Kernel*> kernels;
  std::size_t of_blocks = 0;
  for (const schedule::LaunchPlan& l : plan.launches) {
    kernels.push_back(&l.kernel);
    of_blocks += l.kernel.threads > 0;
    if (show.text)
      fmt::print("{:3} {:4} threads, waits for {}; {}: {}\n", kernels.size() - 1, l.kernel.threads,
                 needs[kernels.size() - 1], l.what.substr(0, 70), l.how);
  }
  const codegen::c::Source source = codegen::c::print(kernels, codegen::cuda::kDialect, {});
  if (show.text) fmt::print("{}\n", source.text);
  fmt::print("{}: {} launches ({} of blocks), longest chain {}, arena {:.1f} MB", path,
             plan.launches.size(), of_blocks, schedule::longest_chain(needs),
             static_cast<double>(plan.arena_bytes) / 1e6);
  if (const std::string& why = runtime::cuda::why_no_compiler(); !why.empty()) {
    fmt::print("; not compiled: {}\n", why);
    return;
  }
  const runtime::cuda::Compiled made = runtime::cuda::compile(source.text, kArchitecture, true);
  fmt::print("; sm_{}: {} bytes, ", kArchitecture, made.cubin.size());
  print_use(runtime::cuda::usage_of(made.log), show.each);
}

}  // namespace

int main(int argc, char** argv) {
  Show show;
  for (int i = 1; i < argc; ++i) {
    const std::string arg = argv[i];
    if (arg == "--text")
      show.text = true;
    else if (arg == "--each")
      show.each = true;
    else
      for (const Graph& part : device_parts(arg)) report(arg, part, show);
  }
}
