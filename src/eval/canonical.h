#pragma once
#include <cstdint>
#include <vector>

#include "core/run_error.h"
#include "eval/program.h"
#include "ir/node.h"
#include "lilith/graph_names.h"
#include "lilith/precision.h"

namespace lilith::driver {

/// 128 bits of a structure: settings, ops, attrs, avals and edges. Process-local (ops by address).
struct Key {
  std::uint64_t a = 0x243f6a8885a308d3u, b = 0x13198a2e03707344u;
  Precision precision = Precision::high;  // of the settings
  void add(std::uint64_t x);
  void add(const Aval& aval);
  /// What the user has set that programs depend on.
  void add_settings();
  bool operator==(const Key&) const = default;
};
struct KeyHash {
  std::size_t operator()(const Key& k) const { return k.a; }
};

/// What a set of outputs computes, numbered in the order of a depth-first walk. Marker ops are
/// gone; nodes that hold a value are inputs. Made and used under one lock; pointers stay valid
/// while the outputs are held.
struct Canonical {
  struct Item {
    ir::NodeImpl* node;
    std::uint32_t first_edge, num_edges;  // in edges
  };
  std::vector<Item> items;             // inputs before users
  std::vector<std::uint32_t> edges;    // indices of items
  std::vector<std::uint32_t> inputs;   // items that are run-time inputs, in order of first visit
  std::vector<std::uint32_t> outputs;  // one per output
  Key key;
  double ms = 0;  // that numbering took, where every phase counts (core/phases.h)
};

/// True for a node whose value is in memory, or that is an input of a trace.
bool is_input(const ir::NodeImpl& node);

Canonical canonicalise(const std::vector<ir::NodeImpl*>& outputs);
/// The graph of it: inputs become parameters (named as their nodes). The lines of its nodes tell
/// their items (Loc::site).
Graph build_graph(const Canonical& c);
/// The lines of the items.
std::vector<Loc> lines_of(const Canonical& c);
/// Runs a program of this structure. Its errors name line_of(number of an item), not the lines of
/// the graph that it was compiled from.
template <class LineOf>
void run_at(Program& program, std::span<const StoragePtr> inputs, std::span<const char> donated,
            std::span<StoragePtr> outputs, LineOf&& line_of) {
  try {
    program.run(inputs, donated, outputs);
  } catch (const RunError& e) {
    if (e.loc().site == 0) throw;
    e.rethrow_at(line_of(e.loc().site - 1));
  }
}
/// The same with these parameters of a trace as inputs, in this order; other inputs stay data
/// leaves.
Graph copy_graph(const Canonical& c, const std::vector<Tensor>& parameters);

}  // namespace lilith::driver
