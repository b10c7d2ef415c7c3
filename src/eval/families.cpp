#include "eval/families.h"

#include <algorithm>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "core/env.h"
#include "ir/family.h"
#include "ir/hash.h"
#include "ir/node.h"

namespace lilith {
namespace {

/// The sizes of a family's first program, by place, and where another one differed.
struct Sizes {
  std::vector<std::int64_t> first;
  std::vector<bool> varies;
};
struct Families {
  std::mutex mutex;
  std::unordered_map<std::uint64_t, Sizes> by_id;
};
constexpr std::size_t kMostFamilies = 1024;  // beyond, all are forgotten

Families& families() {
  static Families* f = new Families;  // outlives every static that still compiles
  return *f;
}

std::vector<std::int64_t> sizes_of(const Graph& g) {
  std::vector<std::int64_t> sizes;
  const auto add = [&](const Shape& shape) {
    sizes.insert(sizes.end(), shape.begin(), shape.end());
  };
  for (const Tensor& t : g.inputs()) add(t.shape());
  for (const ir::NodeImpl* node : ir::topological_order(g.outputs())) add(node->aval.shape);
  return sizes;
}

}  // namespace

Family part_of(const Family& whole, std::uint64_t part) {
  return {whole.id == 0 ? 0 : mix(whole.id, part), whole.varying};
}

namespace {
thread_local bool own = false;
}  // namespace
bool own_sizes() { return own || env::disabled("shared_code"); }
bool set_own_sizes(bool on) { return std::exchange(own, on); }

Family join_family(const Graph& g) {
  if (own_sizes()) return {};
  Family family{ir::family(g), {}};
  std::vector<std::int64_t> sizes = sizes_of(g);
  const std::lock_guard lock(families().mutex);
  auto& by_id = families().by_id;
  if (by_id.size() >= kMostFamilies && !by_id.contains(family.id)) by_id.clear();
  const auto [at, is_new] = by_id.try_emplace(family.id);
  Sizes& known = at->second;
  if (is_new || known.first.size() != sizes.size()) {
    known.varies.assign(sizes.size(), false);
    known.first = std::move(sizes);
    return family;
  }
  // The first one's plan is its own, whenever it is made: its sums keep their order.
  if (sizes == known.first) return family;
  for (std::size_t k = 0; k < sizes.size(); ++k) {
    known.varies[k] = known.varies[k] || sizes[k] != known.first[k];
    if (known.varies[k]) family.varying.push_back(sizes[k]);
  }
  std::sort(family.varying.begin(), family.varying.end());
  family.varying.erase(std::unique(family.varying.begin(), family.varying.end()),
                       family.varying.end());
  return family;
}

}  // namespace lilith
