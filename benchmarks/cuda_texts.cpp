// What a GPU would be given for dumped programs (LILITH_DUMP): launches, the longest chain of those
// that wait for each other, and what NVRTC makes of the text for sm_90: registers and spills.
//
//   cuda_texts [--text] DIR/NNNN_case/graph.txt…
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
#include "schedule/launch_graph.h"
#include "schedule/rewrite/prepare.h"
#include "schedule/schedule.h"

namespace {

using namespace lilith;

constexpr int kArchitecture = 90;

/// A large GPU of that architecture.
schedule::Target target() {
  schedule::Target t;
  t.gpu = schedule::GpuTarget{.threads = 256, .shared_bytes = 48 << 10, .units = 132};
  t.threads = t.gpu->units;
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

/// The largest number that stands before `unit` in NVRTC's report.
int most(const std::string& log, const std::string& unit) {
  int largest = 0;
  for (std::size_t at = log.find(unit); at != log.npos; at = log.find(unit, at + 1)) {
    std::size_t from = at;
    while (from > 0 && std::isdigit(static_cast<unsigned char>(log[from - 1]))) --from;
    if (from < at) largest = std::max(largest, std::stoi(log.substr(from, at - from)));
  }
  return largest;
}

void report(const std::string& path, const Graph& part, bool show_text) {
  const schedule::Plan plan = plan_of(part);
  const schedule::LaunchNeeds needs = schedule::launch_needs(plan);
  std::vector<const kir::Kernel*> kernels;
  std::size_t of_blocks = 0;
  for (const schedule::LaunchPlan& l : plan.launches) {
    kernels.push_back(&l.kernel);
    of_blocks += l.kernel.threads > 0;
    if (show_text)
      fmt::print("{:3} {:4} threads, waits for {}; {}: {}\n", kernels.size() - 1, l.kernel.threads,
                 needs[kernels.size() - 1], l.what.substr(0, 70), l.how);
  }
  const codegen::c::Source source = codegen::c::print(kernels, codegen::cuda::kDialect, {});
  if (show_text) fmt::print("{}\n", source.text);
  fmt::print("{}: {} launches ({} of blocks), longest chain {}, arena {:.1f} MB", path,
             plan.launches.size(), of_blocks, schedule::longest_chain(needs),
             static_cast<double>(plan.arena_bytes) / 1e6);
  if (const std::string& why = runtime::cuda::why_no_compiler(); !why.empty()) {
    fmt::print("; not compiled: {}\n", why);
    return;
  }
  const runtime::cuda::Compiled made = runtime::cuda::compile(source.text, kArchitecture, true);
  fmt::print(
      "; sm_{}: {} bytes, at most {} registers, {} bytes of shared memory, {} bytes spilled\n",
      kArchitecture, made.cubin.size(), most(made.log, " registers"), most(made.log, " bytes smem"),
      most(made.log, " bytes spill stores"));
}

}  // namespace

int main(int argc, char** argv) {
  bool show_text = false;
  for (int i = 1; i < argc; ++i) {
    if (std::string(argv[i]) == "--text")
      show_text = true;
    else
      for (const Graph& part : device_parts(argv[i])) report(argv[i], part, show_text);
  }
}
