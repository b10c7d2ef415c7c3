#include "transforms/differentiation.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "ir/node.h"
#include "ir/node_map.h"
#include "ir/order.h"
#include "runtime/fork.h"

namespace lilith::ir {
namespace {

/// What other threads have to know of a thread's differentiations, until the outermost ends.
struct Session {
  std::vector<const NodeImpl*> placeholders;  // to be compared alone: an inner one may be gone
  std::vector<NodeRef> kept;                  // have a value and their inputs
  std::size_t prune_at = 16;
};

// Trivially destructible: what ends late in a thread's exit may still evaluate.
thread_local int depth = 0;
thread_local Session* own = nullptr;

/// Under a GraphLock, as what they hold.
std::vector<Session*>& sessions() {
  static auto* all = new std::vector<Session*>;  // lives through static destruction
  return *all;
}

// The child has but the thread that forked.
const bool fork_hooks = runtime::at_fork(runtime::LockOrder::Outer, {.child = [] {
                                           sessions().clear();
                                           if (own) sessions().push_back(own);
                                         }});

Session& own_session() {
  if (!own) sessions().push_back(own = new Session);
  return *own;
}

/// The placeholders of all sessions, and what depends on them of that which the roots reach.
NodeMap<char> dependent(const std::vector<NodeImpl*>& roots) {
  NodeMap<char> found(256);
  for (const Session* s : sessions())
    for (const NodeImpl* placeholder : s->placeholders) found.insert(placeholder, 1);
  for (const NodeImpl* node : inputs_first(roots, [](const NodeImpl& n) { return !n.is_leaf(); })) {
    const bool depends = std::ranges::any_of(
        node->inputs, [&](const NodeImpl* input) { return found.contains(input); });
    if (depends) found.insert(node, 1);
  }
  return found;
}

void keep(Session& session, const Tensor& node) {
  if (session.kept.size() >= session.prune_at) {
    std::erase_if(session.kept, [](const NodeRef& n) { return n->refs() == 1; });
    session.prune_at = std::max<std::size_t>(16, 2 * session.kept.size());
  }
  session.kept.emplace_back(node);
}

/// What an ended session kept lets go of its inputs, but for what another one needs.
void let_go(const std::vector<NodeRef>& kept) {
  std::vector<Tensor> nodes;
  for (const NodeRef& n : kept) nodes.push_back(n.tensor());
  const std::vector<char> still = keep_inputs(nodes);
  for (std::size_t k = 0; k < nodes.size(); ++k) {
    if (still[k])
      keep(*sessions().front(), nodes[k]);
    else
      nodes[k].node()->let_go_of_inputs();
  }
}

}  // namespace

int differentiation_depth() { return depth; }

void begin_differentiation() { ++depth; }

void end_differentiation() {
  if (--depth > 0 || !own) return;
  std::unique_ptr<Session> ended;  // what dies with it dies without the lock
  const GraphLock lock(GraphLock::For::Evaluation);
  ended.reset(std::exchange(own, nullptr));
  std::erase(sessions(), ended.get());
  let_go(ended->kept);
}

void add_placeholders(const std::vector<Tensor>& placeholders) {
  if (depth == 0) return;
  const GraphLock lock(GraphLock::For::Evaluation);
  for (const Tensor& t : placeholders)
    if (t.defined()) own_session().placeholders.push_back(t.node());
}

std::vector<char> keep_inputs(const std::vector<Tensor>& nodes) {
  if (depth > 0) return std::vector<char>(nodes.size(), 1);
  std::vector<char> keeps(nodes.size(), 0);
  if (sessions().empty()) return keeps;
  std::vector<NodeImpl*> roots;
  for (const Tensor& t : nodes) roots.push_back(t.node());
  const NodeMap<char> found = dependent(roots);
  for (std::size_t k = 0; k < roots.size(); ++k) keeps[k] = found.contains(roots[k]);
  return keeps;
}

bool may_be_differentiated(const std::vector<NodeImpl*>& pending) {
  if (depth > 0) return true;
  if (sessions().empty()) return false;
  NodeMap<char> placeholders(256);
  for (const Session* s : sessions())
    for (const NodeImpl* placeholder : s->placeholders) placeholders.insert(placeholder, 1);
  const auto is_kept = [](const NodeImpl& n) { return n.storage() && !n.is_leaf(); };
  return std::ranges::any_of(pending, [&](const NodeImpl* node) {
    return placeholders.contains(node) ||
           std::ranges::any_of(node->inputs, [&](const NodeImpl* input) {
             return placeholders.contains(input) || is_kept(*input);
           });
  });
}

void store_and_keep_inputs(const Tensor& node, StoragePtr value) {
  if (depth == 0 && sessions().empty()) {  // they ended while the value was computed
    node.node()->make_leaf(std::move(value));
    return;
  }
  node.node()->set_storage(std::move(value));
  keep(depth > 0 ? own_session() : *sessions().front(), node);
}

}  // namespace lilith::ir
