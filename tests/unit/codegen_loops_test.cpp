#include <atomic>
#include <thread>

#include "codegen_run.h"
#include "support/tile_kernels.h"

// Loops, registers, memory and masks: compiled code against the interpreter.
namespace lilith::codegen::testing {
namespace {

using namespace kir;

TEST(CodegenLoops, Pointwise) { check_all(kernels::pointwise()); }
TEST(CodegenLoops, RowsColumnsAndTransposes) { check_all(kernels::rows_columns_and_transposes()); }
TEST(CodegenLoops, MixedWidths) { check_all(kernels::mixed_widths()); }
TEST(CodegenLoops, Masks) { check_all(kernels::masks()); }
TEST(CodegenLoops, GathersAndScatters) { check_all(kernels::gathers_and_scatters()); }
TEST(CodegenLoops, IntegersAreCutByStores) { check_all(kernels::integers_are_cut_by_stores()); }
TEST(CodegenLoops, Reductions) { check_all(kernels::reductions()); }
TEST(CodegenLoops, SumsOverRowsInLanes) { check_all(kernels::sums_over_rows_in_lanes()); }
TEST(CodegenLoops, MatmulTiles) { check_all(kernels::matmul_tiles()); }
TEST(CodegenLoops, TailsOfEveryLength) { check_all(kernels::tails_of_every_length()); }
TEST(CodegenLoops, TilesThatNoRegisterFileHolds) {
  check_all(kernels::tiles_that_no_register_file_holds());
}
TEST(CodegenLoops, LongEpiloguesOfATile) { check_all(kernels::long_epilogues_of_a_tile()); }
TEST(CodegenLoops, DotProductTile) { check_all(kernels::dot_product_tile()); }
TEST(CodegenLoops, TwoPassesOverARow) { check_all(kernels::two_passes_over_a_row()); }
TEST(CodegenLoops, Conditions) { check_all(kernels::conditions()); }
TEST(CodegenLoops, BitScansIntoATile) { check_all(kernels::bit_scans_into_a_tile()); }
TEST(CodegenLoops, ScalarStoresWithMasks) { check_all(kernels::scalar_stores_with_masks()); }
TEST(CodegenLoops, EqualKernelsCompileOnce) {
  const Kernel a = kernels::matmul(3, 16, 8, 1, DType::F32),
               b = kernels::matmul(3, 16, 8, 1, DType::F32);
  const Kernel c = kernels::matmul(3, 16, 9, 1, DType::F32);
  const Kernel* list[] = {&a, &b, &c};
  const auto out = compile_kernels(list);
  EXPECT_EQ(out[0].fn, out[1].fn);
  EXPECT_NE(out[0].fn, out[2].fn);
}

// Threads that ask for the same kernels at the same time, in different orders, share the work.
TEST(CodegenLoops, ThreadsMakeAKernelOnce) {
  std::vector<Kernel> kernels;
  for (int k = 0; k < 12; ++k) kernels.push_back(kernels::matmul(3, 16, 20 + k, 1, DType::F32));
  std::vector<std::vector<CompiledKernel>> made(6);
  {
    std::vector<std::jthread> threads;
    for (std::size_t t = 0; t < made.size(); ++t) {
      threads.emplace_back([&, t] {
        std::vector<const Kernel*> list;
        for (std::size_t k = 0; k < kernels.size(); ++k)
          list.push_back(&kernels[(k + 2 * t) % kernels.size()]);
        made[t] = compile_kernels(list);
      });
    }
  }
  for (std::size_t t = 1; t < made.size(); ++t)
    for (std::size_t k = 0; k < kernels.size(); ++k)
      EXPECT_EQ(made[t][k].fn, made[0][(k + 2 * t) % kernels.size()].fn);
}

// What throws is thrown to whoever asked for it, and others do not wait for ever.
TEST(CodegenLoops, AKernelThatCannotBeMadeKeepsNobodyWaiting) {
  Kernel of_a_gpu = kernels::matmul(3, 16, 40, 1, DType::F32);
  of_a_gpu.threads = 32;
  const Kernel* list[] = {&of_a_gpu};
  std::atomic<int> thrown{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        try {
          compile_kernels(list);
        } catch (const std::exception&) {
          ++thrown;
        }
      });
    }
  }
  EXPECT_EQ(thrown, 4);
}

TEST(CodegenLoops, BarriersCallTheRuntime) {
  static int calls = 0;
  set_barrier_function([](std::int64_t, std::int64_t n) { calls += static_cast<int>(n); });
  check_all(kernels::barrier());
  set_barrier_function(nullptr);
  EXPECT_EQ(calls, static_cast<int>(isas().size()));
}

TEST(CodegenLoops, DamagedObjectsAreRefused) {
  const Kernel a = kernels::matmul(2, 16, 4, 1, DType::F32);
  const Kernel* list[] = {&a};
  const CompiledKernel good = compile_kernels(list)[0];
  for (std::size_t size : {std::size_t{0}, std::size_t{40}, good.object->bytes.size() / 2}) {
    auto bad = std::make_shared<KernelObject>(*good.object);
    bad->bytes.resize(size);
    EXPECT_ANY_THROW(load_object(bad));
  }
}

}  // namespace
}  // namespace lilith::codegen::testing
