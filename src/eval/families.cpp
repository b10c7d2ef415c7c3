#include "eval/families.h"

#include <algorithm>
#include <deque>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "core/env.h"
#include "eval/first_sizes.h"
#include "ir/family.h"
#include "ir/hash.h"
#include "ir/node.h"

namespace lilith {
namespace {

/// The sizes of a family's first program, by place, and where another one differed.
struct Sizes {
  std::vector<std::int64_t> first;
  std::vector<bool> varies;
  std::shared_ptr<FirstProgram> program;  // null: it was long ago
};
struct Families {
  std::mutex mutex;
  std::unordered_map<std::uint64_t, Sizes> by_id;
  std::deque<std::uint64_t> with_programs;
};
constexpr std::size_t kMostFamilies = 1024;  // beyond, all are forgotten
constexpr std::size_t kMostFirst = 64;       // beyond, the oldest is dropped

Families& families() {
  static Families* f = new Families;  // outlives every static that still compiles
  return *f;
}

/// Returns one that is dropped for it.
std::shared_ptr<FirstProgram> keep_first(const Graph& g, std::uint64_t id, Sizes* sizes) {
  std::deque<std::uint64_t>& ids = families().with_programs;
  std::erase(ids, id);
  ids.push_back(id);
  sizes->program = std::make_shared<FirstProgram>(g);
  if (ids.size() <= kMostFirst) return nullptr;
  const std::uint64_t oldest = ids.front();
  ids.pop_front();
  return std::exchange(families().by_id.at(oldest).program, nullptr);
}

/// Those that vary, in order.
std::vector<std::int64_t> varying_of(const std::vector<std::int64_t>& sizes,
                                     const std::vector<bool>& varies) {
  std::vector<std::int64_t> out;
  for (std::size_t k = 0; k < sizes.size(); ++k)
    if (varies[k]) out.push_back(sizes[k]);
  std::ranges::sort(out);
  const auto again = std::ranges::unique(out);
  out.erase(again.begin(), again.end());
  return out;
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

void describe(const Sizes& known, const std::vector<std::int64_t>& sizes, Family* family) {
  family->varying = varying_of(sizes, known.varies);
  family->first = known.program;
  family->first_varying = varying_of(known.first, known.varies);
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
  std::unordered_map<std::uint64_t, Sizes> forgotten;  // graphs end without the lock
  std::shared_ptr<FirstProgram> dropped, replaced;
  const std::lock_guard lock(families().mutex);
  auto& by_id = families().by_id;
  if (by_id.size() >= kMostFamilies && !by_id.contains(family.id)) {
    forgotten.swap(by_id);
    families().with_programs.clear();
  }
  const auto [at, is_new] = by_id.try_emplace(family.id);
  Sizes& known = at->second;
  if (is_new || known.first.size() != sizes.size()) {
    known.varies.assign(sizes.size(), false);
    known.first = std::move(sizes);
    replaced = std::move(known.program);
    dropped = keep_first(g, family.id, &known);
    return family;
  }
  // The first one's plan is its own, whenever it is made: its sums keep their order.
  if (sizes == known.first) return family;
  for (std::size_t k = 0; k < sizes.size(); ++k)
    known.varies[k] = known.varies[k] || sizes[k] != known.first[k];
  describe(known, sizes, &family);
  return family;
}

std::optional<Family> family_ahead(const Graph& g) {
  Family family{.id = ir::family(g), .varying = {}, .is_ahead = true};
  const std::vector<std::int64_t> sizes = sizes_of(g);
  const std::lock_guard lock(families().mutex);
  const auto at = families().by_id.find(family.id);
  if (at == families().by_id.end()) return std::nullopt;
  const Sizes& known = at->second;
  if (known.first.size() != sizes.size() || known.first == sizes) return std::nullopt;
  for (std::size_t k = 0; k < sizes.size(); ++k)
    if (sizes[k] != known.first[k] && !known.varies[k]) return std::nullopt;
  describe(known, sizes, &family);
  return family;
}

}  // namespace lilith
