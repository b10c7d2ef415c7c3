#include <gtest/gtest.h>

#include <cmath>

#include "core/env.h"
#include "eval/compiled_program.h"
#include "ir/host.h"
#include "passes/pipeline.h"
#include "support/random_graph.h"
#include "support/to_storage.h"

// A value is a value: rounded or wrapped to its dtype where the graph says so, whether a kernel
// keeps it in a register or memory holds it. Numbers are whole, so that sums are exact in f32 in
// every order and everything is compared bit by bit.
namespace lilith {
namespace {

std::vector<RefTensor> run(const Graph& g, const std::vector<RefTensor>& inputs) {
  std::vector<StoragePtr> in, got(g.outputs().size());
  for (const RefTensor& t : inputs) in.push_back(testing::to_storage(t));
  make_compiled_program(g, {})->run(in, {}, got);
  std::vector<RefTensor> out;
  for (std::size_t o = 0; o < got.size(); ++o) {
    out.emplace_back(g.outputs()[o].aval());
    RefTensor& t = out.back();
    for (std::int64_t k = 0; k < t.aval.numel(); ++k) {
      if (t.floating())
        t.f[static_cast<std::size_t>(k)] = ir::read_f64(got[o]->data(), t.aval.dtype, k);
      else
        t.i[static_cast<std::size_t>(k)] = ir::read_i64(got[o]->data(), t.aval.dtype, k);
    }
  }
  return out;
}

// Sums below this are exact in f32; what a larger value went into may differ by its order.
bool exact(const std::vector<RefTensor>& values) {
  for (const RefTensor& t : values)
    for (std::int64_t k = 0; k < t.aval.numel(); ++k)
      if (!(std::fabs(t.get(k)) < 0x1p15)) return false;
  return true;
}

void expect_same(const RefTensor& want, const RefTensor& got, const std::string& where) {
  for (std::int64_t k = 0; k < want.aval.numel(); ++k)
    ASSERT_EQ(got.get(k), want.get(k)) << where << " element " << k;
}

struct Stored {
  explicit Stored(const char* what) { env::set("LILITH_DISABLE", what); }
  ~Stored() { env::set("LILITH_DISABLE", ""); }
};

class HalfPrograms : public ::testing::TestWithParam<DType> {};

TEST_P(HalfPrograms, GiveTheSameFusedStoredAndInterpreted) {
  int compared = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    testing::RandomGraph random(seed, GetParam());
    const Graph g = random.make(12);
    const std::vector<RefTensor> inputs = random.values(g, 100);
    // Every value of the graph as an output: each is stored.
    std::vector<Tensor> all;
    for (const Node& n : g.nodes())
      if (!n.tensor().node()->is_leaf()) all.push_back(n.tensor());
    const Graph every(g.inputs(), all);
    const auto want = ir::interpret(every, inputs);
    if (!exact(want)) continue;
    ++compared;
    const auto each = run(every, inputs);
    const auto fused = run(run_passes(g), inputs);
    std::vector<RefTensor> alone;
    {
      Stored unfused("fuse");
      alone = run(run_passes(g), inputs);
    }
    const auto of_graph = ir::interpret(g, inputs);
    const std::string where = "seed " + std::to_string(seed) + "\n" + g.str();
    for (std::size_t o = 0; o < want.size(); ++o) expect_same(want[o], each[o], "each, " + where);
    for (std::size_t o = 0; o < of_graph.size(); ++o) {
      expect_same(of_graph[o], fused[o], "fused, " + where);
      expect_same(of_graph[o], alone[o], "unfused, " + where);
    }
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(compared, 15);
}

std::string dtype_name(const ::testing::TestParamInfo<DType>& info) {
  return std::string(name(info.param));
}
INSTANTIATE_TEST_SUITE_P(Dtypes, HalfPrograms,
                         ::testing::Values(kFloat16, kBFloat16, kFloat32, kInt8, kUInt8, kInt16,
                                           kInt32),
                         dtype_name);

}  // namespace
}  // namespace lilith
