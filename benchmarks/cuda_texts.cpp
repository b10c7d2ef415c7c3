// What a GPU would be given for dumped programs (LILITH_DUMP): launches, the longest chain of those
// that wait for each other, and what NVRTC makes of the text for sm_90: registers and spills.
//
//   cuda_texts [--text] DIR/NNNN_case/graph.txt…
#include <fmt/core.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "codegen/c/source.h"
#include "codegen/cuda/dialect.h"
#include "lilith/lilith.h"
#include "passes/pipeline.h"
#include "runtime/cuda/nvrtc.h"
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

schedule::Plan plan_of(const std::string& path) {
  std::ifstream in(path);
  const Graph asked = parse_graph(std::string{std::istreambuf_iterator<char>(in), {}});
  schedule::IndexChecks prepared = schedule::prepare(run_passes(asked));
  schedule::PlanOptions options;
  options.target = target();
  options.donated.assign(prepared.graph.inputs().size(), prepared.checks.empty());
  return schedule::make_plan(prepared.graph, options);
}

/// Launches on the longest way along which each waits for one before it: they touch one buffer,
/// and one of them writes it.
std::size_t longest_chain(const schedule::Plan& plan) {
  std::vector<std::size_t> depth;
  for (const schedule::LaunchPlan& l : plan.launches) {
    std::size_t longest = 0;
    const auto writes = [](const schedule::LaunchPlan& by, int buffer) {
      return std::ranges::count(by.written, buffer) > 0;
    };
    for (std::size_t k = 0; k < depth.size(); ++k) {
      const schedule::LaunchPlan& before = plan.launches[k];
      const bool waits = std::ranges::any_of(l.buffers, [&](int b) {
        return std::ranges::count(before.buffers, b) > 0 && (writes(l, b) || writes(before, b));
      });
      if (waits) longest = std::max(longest, depth[k]);
    }
    depth.push_back(longest + 1);
  }
  return depth.empty() ? 0 : *std::ranges::max_element(depth);
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

void report(const std::string& path, bool show_text) {
  const schedule::Plan plan = plan_of(path);
  std::vector<const kir::Kernel*> kernels;
  std::size_t of_blocks = 0;
  for (const schedule::LaunchPlan& l : plan.launches) {
    kernels.push_back(&l.kernel);
    of_blocks += l.kernel.threads > 0;
    if (show_text)
      fmt::print("{:6} threads  {}: {}\n", l.kernel.threads, l.what.substr(0, 70), l.how);
  }
  const codegen::c::Source source = codegen::c::print(kernels, codegen::cuda::kDialect, {});
  if (show_text) fmt::print("{}\n", source.text);
  fmt::print("{}: {} launches ({} of blocks), longest chain {}, arena {:.1f} MB", path,
             plan.launches.size(), of_blocks, longest_chain(plan),
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
      report(argv[i], show_text);
  }
}
