#include "support/opencl_run.h"
#include "support/tile_kernels.h"

// Loops, registers, memory and masks on an OpenCL device.
namespace lilith::codegen::testing {
namespace {

using namespace kir;
using Cases = std::vector<KernelCase>;

void append(Cases* to, Cases from) {
  for (KernelCase& c : from) to->push_back(std::move(c));
}
/// Every `step`th of them: building each takes a tenth of a second.
Cases some(Cases all, std::size_t step) {
  Cases out;
  for (std::size_t k = 0; k < all.size(); k += step) out.push_back(std::move(all[k]));
  return out;
}

TEST(OpenClLoops, MemoryAndMasks) {
  NEEDS_OPENCL;
  Cases all = some(kernels::pointwise(), 6);
  for (auto more :
       {kernels::rows_columns_and_transposes, kernels::masks, kernels::gathers_and_scatters,
        kernels::integers_are_cut_by_stores, kernels::scalar_stores_with_masks})
    append(&all, more());
  check_on_opencl(all);
}

TEST(OpenClLoops, Registers) {
  NEEDS_OPENCL;
  Cases all = some(kernels::reductions(), 3);
  for (auto more : {kernels::sums_over_rows_in_lanes, kernels::dot_product_tile,
                    kernels::two_passes_over_a_row, kernels::bit_scans_into_a_tile})
    append(&all, more());
  check_on_opencl(all);
}

TEST(OpenClLoops, Tiles) {
  NEEDS_OPENCL;
  Cases all = some(kernels::matmul_tiles(), 5);
  append(&all, some(kernels::tiles_that_no_register_file_holds(), 2));
  append(&all, some(kernels::long_epilogues_of_a_tile(), 3));
  append(&all, some(kernels::tails_of_every_length(), 27));
  check_on_opencl(all);
}

TEST(OpenClLoops, ConditionsAndBarriers) {
  NEEDS_OPENCL;
  Cases all = kernels::conditions();
  append(&all, kernels::barrier());
  check_on_opencl(all);
}

}  // namespace
}  // namespace lilith::codegen::testing
