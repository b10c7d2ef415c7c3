#pragma once
#include <vector>

#include "ir/numbered.h"
#include "lilith/graph_names.h"

// What the schedule wants said in the graph. Those of one node, which is of an op that prepare.cpp
// names, give an undefined tensor where it stays as it is.
namespace lilith::schedule {

/// A convolution of a dilated input: one for each place between its elements.
Tensor split_phases(const Node& n, const std::vector<Tensor>& in);
/// A convolution with padding or a dilated input: of a padded one.
Tensor explicit_padding(const Node& n, const std::vector<Tensor>& in);
/// Reductions over large windows, whose elements would be written out one by one:
///   windows side by side  -> a reduction of the reshaped input
///   others                -> one dimension after another, a long one in two levels
Tensor split_windows(const Node& n, const std::vector<Tensor>& in);
/// argmax and argmin along long rows, which would be walked element by element: the least place at
/// which the extremum lies. Short axes stay, and those with many columns beside them.
Tensor split_argmax(const Node& n, const std::vector<Tensor>& in);
/// A mask that a backward pass tests on a ReLU's input: the same test on its stored output.
Graph test_relu_results(const ir::Numbered& g);
/// What a ReLU makes zero before an unpool: zeros of what is unpooled.
Tensor unpool_last(const Node& n, const std::vector<Tensor>& in);

/// Large values of the forward pass that products of the backward pass read: computed anew.
Graph compute_again(const ir::Numbered& g);

/// One node for each result of a loop, whose launch writes each once.
Graph one_get_each(const ir::Numbered& g);

}  // namespace lilith::schedule
