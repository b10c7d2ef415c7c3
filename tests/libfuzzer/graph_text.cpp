// Graph IR as text: what parses prints as text that parses to the same graph.
#include "lilith/graph_names.h"

#include "libfuzzer/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
  return lilith::fuzzing::expect_value_or_error([&] {
    const lilith::ir::Graph g =
        lilith::parse_graph(std::string_view(reinterpret_cast<const char*>(data), bytes));
    if (lilith::parse_graph(g.str()).hash() != g.hash()) std::abort();
  });
}
