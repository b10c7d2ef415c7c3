#include "eval/lazy.h"

#include "eval/canonical.h"
#include "eval/program_cache.h"
#include "ir/node_map.h"
#include "ir/order.h"
#include "lilith/compile.h"
#include "transforms/markers.h"
#include "transforms/settle.h"

namespace lilith::driver {
namespace {

bool pending(const ir::NodeImpl& node) { return !node.storage() && !node.is_leaf(); }

/// Cheaper to compute again than to store: markers and views of what is in memory.
bool trivial(const ir::NodeImpl& node) {
  if (node.op == &ir::alias_op() || node.op == &ir::seed_op()) return true;
  if (node.op->cls != OpClass::View) return false;
  for (const ir::NodeImpl* input : node.inputs)
    if (pending(*input)) return false;
  return true;
}

/// Pending nodes that the outputs reach, inputs first; markers included.
std::vector<ir::NodeImpl*> pending_nodes(const std::vector<ir::NodeImpl*>& outputs) {
  return ir::inputs_first(outputs, [](const ir::NodeImpl& n) { return pending(n); });
}

/// Which inputs nobody needs after this evaluation: leaves whose every reference is an edge of a
/// node that lets go of its inputs, being stored or dying with its last user.
std::vector<char> donations(const Canonical& c, const std::vector<ir::NodeImpl*>& order,
                            const ir::NodeMap<char>& stored) {
  std::vector<char> donated(c.inputs.size(), 0);
  if (ir::differentiation_depth() > 0) return donated;
  ir::NodeMap<int> gone(order.size() * 2);  // edges that vanish, by the node they lead to
  for (auto at = order.rbegin(); at != order.rend(); ++at) {
    const ir::NodeImpl& node = **at;
    const int* edges = gone.find(&node);
    const bool lets_go =
        stored.contains(&node) || (node.handles() == 0 && edges && *edges == node.refs());
    if (!lets_go) continue;
    for (const ir::NodeImpl* input : node.inputs) ++gone[input];
  }
  for (std::size_t k = 0; k < c.inputs.size(); ++k) {
    const ir::NodeImpl& leaf = *c.items[c.inputs[k]].node;
    const int* edges = gone.find(&leaf);
    donated[k] = leaf.op == &ir::data_op() && leaf.handles() == 0 && edges &&
                 *edges == leaf.refs() && leaf.storage().use_count() == 1 &&
                 !leaf.storage()->lent();
  }
  return donated;
}

void check_no_tracers(const Canonical& c) {
  for (std::uint32_t k : c.inputs) {
    const ir::NodeImpl& node = *c.items[k].node;
    LILITH_CHECK(
        node.op != &ir::parameter_op(),
        "eval: the value depends on '{}', an input of a function that was traced; it has no value "
        "outside of that function. Return it from the function instead.",
        node.name.empty() ? node.aval.str() : node.name);
  }
}

void run(const std::vector<ir::NodeImpl*>& targets, const std::vector<ir::NodeImpl*>& order) {
  ir::NodeMap<char> stored(targets.size());
  for (ir::NodeImpl* t : targets) stored.insert(t, 1);
  const Canonical c = canonicalise(targets);
  check_no_tracers(c);
  const std::shared_ptr<Program> program = ProgramCache::instance().get(c);
  const std::vector<char> donated = donations(c, order, stored);
  std::vector<StoragePtr> inputs, outputs(targets.size());
  inputs.reserve(c.inputs.size());
  std::int64_t num_donated = 0;
  for (std::uint32_t k : c.inputs) {
    ir::check_unchanged(*c.items[k].node);
    inputs.push_back(c.items[k].node->storage());
  }
  for (char d : donated) num_donated += d;
  run_at(*program, inputs, donated, outputs,
         [&](std::size_t item) { return c.items.at(item).node->loc; });
  count_run(num_donated);
  const bool keep_inputs = ir::differentiation_depth() > 0;
  // A target that lets go of its inputs may free a rule, and with it another target's last handle.
  const std::vector<Tensor> held(targets.begin(), targets.end());
  for (std::size_t k = 0; k < targets.size(); ++k) {
    if (keep_inputs)
      targets[k]->set_storage(std::move(outputs[k]));
    else
      targets[k]->make_leaf(std::move(outputs[k]));
  }
}

}  // namespace

void evaluate(const std::vector<Tensor>& outputs) {
  const ir::GraphLock lock;
  std::vector<ir::NodeImpl*> roots, targets;
  for (const Tensor& t : outputs)
    if (t.defined() && pending(*t.node())) roots.push_back(t.node());
  if (roots.empty()) return;
  const std::vector<ir::NodeImpl*> order = pending_nodes(roots);
  ir::NodeMap<char> wanted(roots.size());
  for (ir::NodeImpl* r : roots)
    if (wanted.insert(r, 1)) targets.push_back(r);
  for (ir::NodeImpl* node : order)
    if (node->handles() > 0 && !trivial(*node) && wanted.insert(node, 1)) targets.push_back(node);
  run(targets, order);
}

namespace {

thread_local int building_depth = 0;

/// Whether the root reaches more than `limit` pending nodes, and can be evaluated: it does not
/// depend on a traced function's input (someone rewrites that function's graph). It looks at no
/// more nodes than that, so that all looks together cost as much as the nodes that were added.
bool too_much_pending(ir::NodeImpl* root, std::size_t limit) {
  if (root->traced) return false;
  std::vector<ir::NodeImpl*> stack{root};
  ir::NodeMap<char> seen(256);
  while (!stack.empty() && seen.size() <= limit) {
    ir::NodeImpl* node = stack.back();
    stack.pop_back();
    if (!pending(*node) || !seen.insert(node, 1)) continue;
    for (ir::NodeImpl* input : node->inputs) stack.push_back(input);
  }
  return seen.size() > limit;
}

/// `total += loss` without end would hold every step's graph: looked at now and then (a prime, so
/// that each line of a loop has its turn), what has grown too long is evaluated.
void node_added(const Tensor& t) {
  constexpr std::size_t kMaxPending = 10000;
  constexpr int kPeriod = 997;
  thread_local int until_check = kPeriod;
  if (--until_check > 0) return;
  until_check = kPeriod;
  if (ir::trace_depth() > 0 || ir::differentiation_depth() > 0 || building_depth > 0) return;
  // While another thread evaluates, the next look is early enough.
  const ir::GraphLock lock(std::try_to_lock);
  if (lock && too_much_pending(t.node(), kMaxPending)) evaluate({t});
}

struct InstallHooks {
  InstallHooks() {
    ir::eval_hooks().eval = evaluate;
    ir::eval_hooks().added = node_added;
  }
};
const InstallHooks install_hooks;
}  // namespace

BuildingScope::BuildingScope() { ++building_depth; }
BuildingScope::~BuildingScope() { --building_depth; }

}  // namespace lilith::driver
