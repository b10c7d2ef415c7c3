#include "lilith/compile.h"
#include "lilith/transforms.h"
#include "program_check.h"

// Maps whose accesses disagree about the innermost dimension.
namespace lilith::testing {
namespace {

bool has(const std::shared_ptr<Program>& p, const std::string& what) {
  return p->stats().text.find(what) != std::string::npos;
}

// Lines so far apart that the cache keeps few of them: tiles, with whatever is left of either side.
TEST(ProgramMap, TranspositionsRunInTiles) {
  for (const auto& [m, n] : {std::pair{1024, 512}, {1024, 501}, {1024, 15}, {2048, 77}}) {
    const auto program =
        check_program({f32({n, m})}, [](const Inputs& x) { return Inputs{clone(x[0].t()) * 2}; });
    EXPECT_EQ(program->stats().num_kernels, 1);
    const std::string text =
        plan_with_caches(trace([](Tensor x) { return clone(x.t()) * 2; }, zeros({n, m})));
    EXPECT_EQ(text.find("in tiles with") != std::string::npos, n > 64) << text;
  }
  const auto odd = check_program({f32({520, 1111})},
                                 [](const Inputs& x) { return Inputs{clone(x[0].t()) * 2}; });
  EXPECT_FALSE(has(odd, "in tiles with")) << odd->stats().text;
  check_program({f32({1024, 1024}), {{3, 700, 1024}, DType::F64}}, [](const Inputs& x) {
    return Inputs{x[0] + x[0].t(), clone(x[1].transpose(1, 2)), clone(x[1].permute({2, 0, 1}))};
  });
}

// A batch norm whose input lies channels last and whose output does not: a chain would fetch a line
// of the input for each element.
TEST(ProgramMap, NoChainAcrossLongRows) {
  const auto net = [](const Inputs& x) {
    return Inputs{x[3] + batch_norm(conv2d(x[0], x[1], {}, 1, 1), {}, {}, x[2], x[2], true)};
  };
  const auto program = check_program(
      {f32({8, 4, 64, 64}), f32({16, 4, 3, 3}), f32({16}), f32({8, 16, 64, 64})}, net, 1e-4);
  EXPECT_FALSE(has(program, "chain of")) << program->stats().text;
}

}  // namespace
}  // namespace lilith::testing
