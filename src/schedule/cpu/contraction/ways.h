#pragma once
#include <vector>

#include "schedule/kernel/backend.h"
#include "schedule/kernel/contraction_spec.h"

namespace lilith::schedule {

/// The ways to compute a product on a CPU, the cheapest first by the model. None for windows over
/// its result that no register tile holds.
std::vector<Choice> product_ways(Builder& b, const Product& g);

// Orders of sums (Choice::sum_order) other than along the axes.
constexpr std::int64_t kInChunks = 1;  // so many of the first summed axis, added at the end
constexpr std::int64_t kInLanes = 2;   // along an axis
constexpr std::int64_t kInPairs = 3;   // of an axis that is not the last
constexpr std::int64_t kWinograd = 4;  // transformed, with so many outputs a tile

// Each kind of way, for a product whose axes are known. Cycles of one thread.

/// Register tiles over the result, in all of their shapes.
void add_tile_ways(Builder& b, const Product& g, const ContractionSpec& spec,
                   std::vector<Choice>* ways);
/// Register tiles over an operand that the kernel itself pads. None where no slab of it fits.
void add_slab_ways(Builder& b, const Product& g, std::vector<Choice>* ways);
/// Tiles in blocks that the caches hold; of bf16 in pairs too, where the target has instructions
/// for that.
void add_blocked_ways(Builder& b, const Product& g, const ContractionSpec& spec,
                      std::vector<Choice>* ways);
/// The lanes along the sum.
void add_dot_ways(Builder& b, const Product& g, const ContractionSpec& spec,
                  std::vector<Choice>* ways);
/// Loops that are always right.
void add_generic_way(Builder& b, const Product& g, const ContractionSpec& spec,
                     std::vector<Choice>* ways);
/// Only the elements of an operand that are not zero.
void add_sparse_ways(Builder& b, const Product& g, std::vector<Choice>* ways);

/// Row-major, but for a dimension that lies innermost.
Layout innermost(int rank, int dim);
/// A choice whose results all lie like this, those that are stored transposed accordingly.
Choice laid_out(std::string name, double cycles, const Nodes& results, const Layout& layout);

}  // namespace lilith::schedule
