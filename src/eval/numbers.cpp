#include "eval/numbers.h"

#include <bit>
#include <mutex>
#include <unordered_map>

#include "eval/families.h"
#include "ir/host.h"
#include "passes/free_numbers.h"
#include "passes/rules.h"

namespace lilith::driver {
namespace {

/// The numbers of a structure's first trace, and where a later one differed.
struct Seen {
  std::vector<double> first;
  std::vector<bool> changes;
};
struct Structures {
  std::mutex mutex;
  std::unordered_map<std::uint64_t, Seen> by_hash;
};
constexpr std::size_t kMostStructures = 1024;  // beyond, all are forgotten

Structures& structures() {
  static Structures* s = new Structures;  // outlives every static that still compiles
  return *s;
}

/// Which of the numbers change; `structure` is the hash of the graph without them.
std::vector<bool> remember(std::uint64_t structure, const std::vector<double>& values) {
  const std::lock_guard lock(structures().mutex);
  auto& by_hash = structures().by_hash;
  if (by_hash.size() >= kMostStructures && !by_hash.contains(structure)) by_hash.clear();
  Seen& seen = by_hash[structure];
  if (seen.first.size() != values.size()) seen = {values, std::vector<bool>(values.size())};
  for (std::size_t k = 0; k < values.size(); ++k) {
    const bool same =
        std::bit_cast<std::uint64_t>(seen.first[k]) == std::bit_cast<std::uint64_t>(values[k]);
    seen.changes[k] = seen.changes[k] || !same;
  }
  return seen.changes;
}

}  // namespace

WithNumbers changing_numbers(Graph g) {
  if (own_sizes()) return {std::move(g), {}};
  const ir::Numbered numbered(g);
  const auto [nodes, free] = passes::numbers_of(numbered);
  if (nodes.empty()) return {std::move(g), {}};
  std::vector<double> values;
  for (const std::uint32_t n : nodes) values.push_back(*passes::constant_value(numbered.node(n)));
  const std::vector<bool> changes = remember(passes::with_inputs(numbered, nodes).hash(), values);
  std::vector<std::uint32_t> changing;
  std::vector<StoragePtr> numbers;
  for (std::size_t k = 0; k < nodes.size(); ++k) {
    if (!changes[k] || !free[k]) continue;
    changing.push_back(nodes[k]);
    const DType dtype = numbered.node(nodes[k]).aval.dtype;
    numbers.push_back(Storage::allocate(size_of(dtype)));
    ir::fill(numbers.back()->data(), dtype, 1, {Scalar::Kind::Float, 0, values[k]});
  }
  if (changing.empty()) return {std::move(g), {}};
  return {passes::with_inputs(numbered, changing), std::move(numbers)};
}

}  // namespace lilith::driver
