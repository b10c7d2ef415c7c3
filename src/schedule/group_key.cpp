#include "schedule/group_key.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>

#include "core/env.h"
#include "ir/node_map.h"

namespace lilith::schedule {
namespace {

using ir::NodeImpl;

/// Writes a group down, its nodes as numbers in the order in which a walk from its results ends
/// with them.
class Writer {
 public:
  explicit Writer(const Builder& b) : b_(b) {}

  void operator()(const Map& g) {
    domain(g.domain);
    for (const Nodes* some : {&g.stores, &g.reduces}) list(*some);
  }
  void operator()(const RowChain& g) {
    add(g.stages.size());
    for (const RowChain::Stage& s : g.stages) {
      (*this)(s.map);
      list(s.reads);
    }
    list(g.visible);
  }
  void operator()(const Product& g) {
    is_product_ = true;
    for (NodeImpl* operand : g.core->inputs) views_below(operand);
    domain(g.domain);
    domain(g.core->aval.shape);
    varying(g.core);
    for (const NodeImpl* operand : g.core->inputs) {
      domain(operand->aval.shape);
      varying(operand);
    }
    node(g.core);
    list(g.stores);
    if (g.pool != nullptr) node(g.pool);
    if (g.sparse) known_ = false;
  }
  void operator()(const Scatter& g) { node(g.core); }
  void operator()(const Loop&) { known_ = false; }
  void operator()(const HostCall&) { known_ = false; }

  std::optional<GroupKey> finish(std::uint64_t settings) {
    if (!known_) return {};
    const XXH128_hash_t h =
        XXH3_128bits_withSeed(words_.data(), words_.size() * sizeof words_[0], settings);
    return GroupKey{{h.low64, h.high64},
                    std::move(nodes_),
                    is_product_ ? std::move(buffers_) : std::vector<int>()};
  }

 private:
  void add(std::uint64_t word) { words_.push_back(word); }
  void add(const Shape& shape) {
    add(static_cast<std::uint64_t>(shape.rank()));
    for (const std::int64_t d : shape) {
      add(static_cast<std::uint64_t>(d) * 2 + static_cast<std::uint64_t>(b_.varies(d)));
    }
  }
  void varying(const NodeImpl* n) {
    for (int d = 0; d < n->aval.shape.rank(); ++d) add(b_.varies(n, d) ? 1 : 0);
  }
  // Loops over several dimensions are merged: extents that vary may be products of these.
  void domain(const Shape& shape) {
    add(shape);
    const std::int64_t all = shape.numel();
    for (const std::int64_t v : b_.varying) {
      if (v > 1 && all % v == 0) add(static_cast<std::uint64_t>(v));
    }
  }
  void list(const Nodes& nodes) {
    add(nodes.size());
    for (NodeImpl* n : nodes) node(n);
  }

  void node(NodeImpl* n) {
    if (const int* known = numbers_.find(n)) {
      add(kKnown);
      return add(static_cast<std::uint64_t>(*known));
    }
    const int buffer = b_.buffer(n);
    const bool ends = n->is_leaf() || buffer >= 0;
    if (!ends) {
      for (NodeImpl* in : n->inputs) node(in);
    }
    add(kNew);
    describe(n);
    if (buffer >= 0)
      stored(buffer);
    else if (!ends)
      made_here(n);
    numbers_.insert(n, static_cast<int>(nodes_.size()));
    nodes_.push_back(n);
  }
  void describe(const NodeImpl* n) {
    // A constant that is an output lies in memory too, but is read as the number that it is.
    const bool is_read = b_.buffer(n) >= 0 && n->op != &ir::constant_op();
    add(static_cast<std::uint64_t>(is_read));
    add(static_cast<std::uint64_t>(n->aval.dtype));
    add(n->aval.shape);
    if (is_read) return;
    op(n);
    add(n->inputs.size());
  }
  // Definitions of ops live for ever.
  void op(const NodeImpl* n) {
    add(reinterpret_cast<std::uintptr_t>(n->op.operator->()));
    add(n->attrs.hash());
  }
  void stored(int id) {
    const BufferPlan& p = b_.plan.buffers[static_cast<std::size_t>(id)];
    add(static_cast<std::uint64_t>(p.dtype));
    for (const int d : p.layout.order) add(static_cast<std::uint64_t>(d));
    add(static_cast<std::uint64_t>(b_.is_constant(id)));
    if (is_product_)
      add(static_cast<std::uint64_t>(b_.may_be_kept(id)) * 2 +
          static_cast<std::uint64_t>(b_.is_input(id)));
    const auto first = std::ranges::find(buffers_, id);
    add(static_cast<std::uint64_t>(first - buffers_.begin()));
    if (first == buffers_.end()) buffers_.push_back(id);
  }
  // How its memory has to be, and what a product asks of those who read it.
  void made_here(const NodeImpl* n) {
    add(static_cast<std::uint64_t>(b_.dataflow.is_output(n)) * 2 +
        static_cast<std::uint64_t>(b_.dataflow.is_row_major(n)));
    if (!is_product_) return;
    const auto users = b_.dataflow.users(n);
    add(users.size());
    for (const NodeImpl* u : users) {
      const auto readers = b_.dataflow.users(u);
      const bool multiplied = std::ranges::any_of(
          readers, [](const NodeImpl* r) { return r->op->cls == OpClass::Contraction; });
      add(static_cast<std::uint64_t>(b_.dataflow.is_output(u)) * 2 +
          static_cast<std::uint64_t>(multiplied));
      describe(u);
      add(static_cast<std::uint64_t>(std::ranges::find(u->inputs, n) - u->inputs.begin()));
    }
  }
  // A product looks through views, stored or not, to what lies in memory below them.
  void views_below(NodeImpl* n) {
    while (!n->is_leaf() && n->inputs.size() == 1 &&
           (n->op->cls == OpClass::View || n->op->cls == OpClass::Elementwise)) {
      op(n);
      add(n->aval.shape);
      add(static_cast<std::uint64_t>(b_.buffer(n) >= 0));
      n = n->inputs[0];
    }
    node(n);
  }

  enum Tag : std::uint64_t { kKnown = 1, kNew };

  const Builder& b_;
  bool is_product_ = false, known_ = true;
  std::vector<std::uint64_t> words_;
  std::vector<NodeImpl*> nodes_;
  std::vector<int> buffers_;
  ir::NodeMap<int> numbers_{16};
};

}  // namespace

int GroupKey::number(const NodeImpl* n) const {
  const auto at = std::ranges::find(nodes, n);
  return at == nodes.end() ? -1 : static_cast<int>(at - nodes.begin());
}

std::uint64_t settings_key(const Builder& b) {
  const Target& t = b.target;
  const std::int64_t numbers[] = {static_cast<std::int64_t>(t.isa),
                                  t.vector_bytes,
                                  t.vector_registers,
                                  t.threads,
                                  t.l1_bytes,
                                  t.l2_bytes,
                                  t.native,
                                  t.slow_gather,
                                  static_cast<std::int64_t>(t.precision)};
  std::uint64_t hash = XXH3_64bits(numbers, sizeof numbers);
  hash = XXH3_64bits_withSeed(t.cpu.data(), t.cpu.size(), hash);
  for (const std::string& name : env::disabled())
    hash = XXH3_64bits_withSeed(name.data(), name.size(), hash + 1);
  return hash;
}

std::optional<GroupKey> group_key(const Group& g, const Builder& b, std::uint64_t settings) {
  Writer writer(b);
  std::visit(writer, g);
  return writer.finish(settings);
}

}  // namespace lilith::schedule
