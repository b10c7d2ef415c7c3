#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernel_ir/kernel.h"
#include "lilith/graph_names.h"

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

struct LoopPlan;

/// What a launch runs that is an op of class Call or Sort: a function of the host, on whole values.
struct CallPlan {
  const OpDef* op = nullptr;
  Attrs attrs;
  std::vector<Aval> in, out;
  std::vector<int> buffers;  // of the launch: the operands', then the results'
  int scratch = -1;          // of the launch: what a Sort needs beside them
  bool may_fail() const { return op->cls == OpClass::Call; }
};

/// One kernel launch: a kernel, the buffers that its parameters are, and what it computes.
struct LaunchPlan {
  kir::Kernel kernel;
  // What it runs in place of the kernel, which then says no more than what it touches.
  std::shared_ptr<LoopPlan> loop;
  std::shared_ptr<const CallPlan> call;
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
  int decision = -1;            // which choice of a way it comes of, in order
};

/// A scheduled program: launches in order, over buffers.
struct Plan {
  std::vector<BufferPlan> buffers;
  std::vector<LaunchPlan> launches;
  std::vector<int> inputs, outputs;  // buffer of each program input and output
  std::size_t arena_bytes = 0;
  // Of a loop's body: so many launches, the first ones, do the same in every step. They run in the
  // first one alone.
  std::size_t once = 0;
  // Programs that do the same with other sizes and numbers have one family, and share code.
  std::uint64_t family = 0;
  std::vector<std::int64_t> varying = {};  // PlanOptions::varying
  std::string str() const;                 // the fusion decisions, for people
};

/// What a launch runs that is a loop or a branch: other plans, whose buffers are parts of its own.
struct LoopPlan {
  /// Scan: a body, `steps` times. While: a condition, then a body while it is true. Branch: one
  /// body where a bool is true, else the other.
  enum class Kind : std::uint8_t { Scan, While, Branch };
  /// Where a buffer of a body lies in a step: in the buffer of the launch with this number, in
  /// steps of even and odd numbers, at offset + number * step bytes; in step 0 in `first`, if any.
  struct Place {
    int in[2] = {-1, -1};
    std::int64_t offset[2] = {0, 0};
    std::int64_t step = 0;
    int first = -1;
  };
  /// A result that is copied when the loop ends, from where a step more would read it.
  struct Result {
    int to = -1;
    Place from;
    std::size_t bytes = 0;
  };
  Kind kind = Kind::Scan;
  std::int64_t steps = 0;
  int decides = -1;      // Branch: the buffer of the launch that says which
  std::size_t asks = 0;  // While: the buffer of the condition that says whether it goes on
  std::vector<Plan> bodies;
  std::vector<std::vector<Place>> places;  // by body, by its buffer
  std::vector<Result> results;
};

/// The launches that are kernels, those of loops where these stand.
std::vector<LaunchPlan*> kernel_launches(Plan& plan);
std::vector<const LaunchPlan*> kernel_launches(const Plan& plan);
/// Whether a launch, of a loop too, is a call of the host that may fail.
bool has_calls(const Plan& plan);

}  // namespace lilith::schedule
