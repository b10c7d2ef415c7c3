#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "kernel_ir/kernel.h"

// What kernels for other sizes, offsets and factors have in common. A program that comes back with
// other sizes is planned anew, and most of its kernels are the old ones but for numbers. Those are
// compiled once, with the numbers given at launch.
namespace lilith::kir {

/// A number of a kernel that another kernel of the same form may have otherwise: the extent of a
/// loop or a constant of an expression.
struct Number {
  enum class Role : std::uint8_t { Extent, Tasks, Constant } role;  // Tasks: of a Parallel loop
  DType dtype;                                                      // Constant
  std::int64_t value;  // a float's: the bits of its double

  bool is_integer() const { return role != Role::Constant || !is_floating(dtype); }
  bool operator==(const Number&) const = default;
};

/// A kernel without its numbers, and these, in the order of a walk that depends on the form alone.
/// What decides how code is written stays in the form: register arrays with all that indexes them,
/// unrolled loops, whether a loop has more than one iteration, sizes of scratch (rounded up to a
/// power of two).
struct Skeleton {
  std::string form;
  std::vector<Number> numbers;
};
/// Of a kernel for a CPU.
Skeleton skeleton(const Kernel& k);

/// Which numbers of a form are given at launch: numbers[k] is in place slots[k], or fixed (-1).
struct Holes {
  struct Range {
    std::int64_t least, most;  // of integers; code is made for these
  };
  std::vector<int> slots;
  std::vector<Range> ranges;  // by place

  /// What varies between kernels of one form, and how many tasks there are, which costs nothing.
  /// Numbers that are equal in each of them share a place; ranges leave room for larger numbers.
  explicit Holes(const std::vector<std::vector<Number>>& samples);
  /// Whether a kernel with these numbers differs from one with `fixed` in its holes alone, in their
  /// ranges.
  bool fit(const std::vector<Number>& numbers, const std::vector<Number>& fixed) const;
  /// What a launch gives: by place.
  std::vector<std::int64_t> values(const std::vector<Number>& numbers) const;
};

/// The kernel with a Scalar buffer "numbers", the last of its buffers, in the holes' places.
Kernel generalise(const Kernel& k, const Holes& holes);

}  // namespace lilith::kir
