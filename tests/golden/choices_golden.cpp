#include <fmt/core.h>

#include "golden/cases.h"
#include "passes/pipeline.h"
#include "schedule/choose.h"
#include "schedule/cpu/backend.h"
#include "schedule/fusion/fusion.h"
#include "schedule/rewrite/prepare.h"

// What the schedule decides for a graph, on machines that differ in nothing but data: graph in,
// choices out.
namespace lilith {
namespace {

using namespace schedule;

Target machine(Isa isa, int threads, std::int64_t l1, std::int64_t l2) {
  Target t;
  t.isa = isa;
  t.vector_bytes = isa == Isa::Avx512 ? 64 : isa == Isa::Avx2 ? 32 : 16;
  t.vector_registers = isa == Isa::Avx512 ? 32 : 16;
  t.threads = threads;
  t.l1_bytes = l1;
  t.l2_bytes = l2;
  return t;
}

std::string choices(const Graph& g, const Target& target) {
  const CpuBackend backend(target);
  const Dataflow dataflow(g);
  const Fusion fusion = fuse(dataflow, g, backend, {});
  Builder builder(g, dataflow, target);
  std::string text;
  for (const Decision& d : choose(fusion.groups, backend, {}, &builder)) {
    std::string results;
    for (const auto& [n, layout] : d.choice.results)
      results += (results.empty() ? "" : ", ") + n->op->name;
    text += fmt::format("  {}: {}", results, d.choice.name);
    if (d.choice.cycles > 0) text += fmt::format(" ({:.1e} cycles)", d.choice.cycles);
    text += "\n";
  }
  return text;
}

TEST(Choices, AreTheExpectedOnes) {
  testing::check_golden("choices/products", [](const std::string& input) {
    const Graph g = prepare(run_passes(parse_graph(input))).graph;
    return "AVX-512, 2 threads, L2 of 2 MiB\n" +
           choices(g, machine(Isa::Avx512, 2, 48 << 10, 2 << 20)) +
           "AVX-512, 16 threads, L2 of 1 MiB\n" +
           choices(g, machine(Isa::Avx512, 16, 32 << 10, 1 << 20)) +
           "AVX2, 2 threads, L2 of 256 KiB\n" +
           choices(g, machine(Isa::Avx2, 2, 32 << 10, 256 << 10));
  });
}

// Nothing but the size of a cache makes the difference.
TEST(Choices, FollowTheCaches) {
  int differ = 0;
  for (const testing::GoldenCase& c : testing::read_cases("choices/products")) {
    const Graph g = prepare(run_passes(parse_graph(c.input))).graph;
    differ += choices(g, machine(Isa::Avx2, 2, 32 << 10, 256 << 10)) !=
              choices(g, machine(Isa::Avx2, 2, 32 << 10, 4 << 20));
  }
  EXPECT_GE(differ, 5);
}

}  // namespace
}  // namespace lilith
