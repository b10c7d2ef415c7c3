#pragma once

namespace lilith::cli {

/// The highest rate of fused multiply-adds (f32, GFLOP/s, two an FMA) that `threads` threads reach
/// together: the yardstick of a benchmark, measured in the same run. Widest vectors of this
/// processor, all operands in registers.
double fma_peak_gflops(int threads);

}  // namespace lilith::cli
