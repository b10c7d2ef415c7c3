#include <fmt/core.h>

#include "codegen/c/source.h"
#include "codegen/cuda/dialect.h"
#include "golden/cases.h"
#include "passes/pipeline.h"
#include "support/gpu_plan.h"

// CUDA's text of one kernel of each kind, by titles that say what they are asked for: a graph in,
// its kernels out.
namespace lilith {
namespace {

TEST(CudaTexts, AreTheExpectedOnes) {
  const std::vector<testing::GoldenCase> cases = testing::read_cases("cuda/kernels");
  std::size_t next = 0;
  testing::check_golden("cuda/kernels", [&](const std::string& input) {
    const bool mma = cases.at(next++).title.find("tensor cores") != std::string::npos;
    const testing::GpuPlan made(run_passes(parse_graph(input)), testing::gpu_target(mma));
    std::string out;
    for (const schedule::LaunchPlan& l : made.plan.launches) {
      const kir::Kernel* list[] = {&l.kernel};
      const std::string text = codegen::c::print(list, codegen::cuda::kDialect, {}).text;
      out += "# " + l.how + "\n" + text.substr(text.find("// " + l.kernel.name));
    }
    return out;
  });
}

}  // namespace
}  // namespace lilith
