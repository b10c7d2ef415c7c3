#pragma once
#include <cstddef>
#include <vector>

#include "lilith/graph_names.h"

namespace lilith {

/// A program whose values lie on several devices, in parts that run one after another. Values are
/// numbered: the graph's inputs come first.
struct Split {
  /// A value that is copied to another device, where it is a value of its own.
  struct Move {
    std::size_t from, to;
    Device from_device;
    Aval aval;  // of `to`
  };
  struct Part {
    std::vector<Move> moves;  // first: values that come from other devices (op copy_to)
    Graph graph;              // what is computed then, all on `device`; may have no outputs
    Device device;
    std::vector<std::size_t> inputs, outputs;  // the values that the graph's are
  };
  struct Constant {
    std::size_t value;
    Tensor leaf;
  };
  std::vector<Part> parts;
  std::vector<Constant> constants;   // leaves that are outputs, or copied to another device
  std::vector<std::size_t> outputs;  // the values that the whole graph's outputs are
  std::size_t num_values = 0;
};

/// Whether all values of a graph lie on one device.
bool is_on_one_device(const Graph& g);
/// As few parts as there can be where the host begins: each takes all nodes of its device whose
/// operands are there. So the scalars of an optimiser come first, and the step after it is one
/// program.
Split split_by_device(const Graph& g);

}  // namespace lilith
