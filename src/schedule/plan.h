#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernel_ir/kernel.h"
#include "lilith/graph.h"

namespace lilith::schedule {

/// Where the elements of a value lie: the order of its dimensions in memory, outermost first.
/// Inputs and outputs of a program are row-major.
struct Layout {
  std::vector<int> order;
  static Layout row_major(int rank);
  /// Elements to step for each (logical) dimension.
  std::vector<std::int64_t> strides(const Shape& shape) const;
  bool operator==(const Layout&) const = default;
};

/// A block of memory of a program.
struct BufferPlan {
  enum class Kind : std::uint8_t { Input, Output, Arena };
  Kind kind = Kind::Arena;
  int index = 0;     // of the program's input
  std::string name;  // for printing
  Shape shape;
  DType dtype = DType::F32;  // in memory: may be narrower than the node's (offsets of a window)
  Layout layout;
  std::size_t bytes = 0;
  std::size_t offset = 0;     // in the arena
  int first = -1, last = -1;  // launches that touch it
  int donor = -1;             // output: the input buffer whose memory it may take over, or -1
  bool scratch = false;       // of a schedule's own (packed panels, partial sums): no graph value
};

/// One kernel launch: a kernel, the buffers that its parameters are, and what it computes.
struct LaunchPlan {
  kir::Kernel kernel;
  std::vector<int> buffers;           // per Param of the kernel, an index into Plan::buffers
  std::vector<kir::BufferId> params;  // the kernel's name for each of them
  std::vector<int> written;           // buffers it stores to
  Loc loc;                            // the user's line of its last result
  std::string what;                   // "conv_general+add+maximum -> %12 f32[100,16,28,28]"
  std::string how;                    // "rows 14 (dim 3), vectors 2 (dim 1), k-split 2"
  double cycles = 0;                  // the model's estimate, of one thread; 0: there is none
  std::string next_best;  // the way that came second, with its cycles; empty: there is no other
  double flops = 0;
  double bytes = 0;
  bool barrier_before = false;  // it touches what a launch since the last barrier touched
  bool single = false;          // too small to share: one thread runs it
};

/// A scheduled program: launches in order, over buffers.
struct Plan {
  std::vector<BufferPlan> buffers;
  std::vector<LaunchPlan> launches;
  std::vector<int> inputs, outputs;  // buffer of each program input and output
  std::size_t arena_bytes = 0;
  // Programs that do the same with other sizes and numbers have one family, and share code.
  std::uint64_t family = 0;
  std::vector<std::int64_t> varying = {};  // PlanOptions::varying
  std::string str() const;                 // the fusion decisions, for people
};

}  // namespace lilith::schedule
