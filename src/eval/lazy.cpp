#include "eval/lazy.h"

#include <algorithm>
#include <optional>

#include "eval/canonical.h"
#include "eval/program_cache.h"
#include "ir/node_map.h"
#include "ir/order.h"
#include "lilith/compile.h"
#include "runtime/sole_holder.h"
#include "transforms/differentiation.h"
#include "transforms/markers.h"

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
/// node that lets go of its inputs, becoming a leaf or dying with its last user.
std::vector<char> donations(const Canonical& c, const std::vector<ir::NodeImpl*>& order,
                            const ir::NodeMap<char>& become_leaves) {
  std::vector<char> donated(c.inputs.size(), 0);
  if (become_leaves.size() == 0) return donated;
  ir::NodeMap<int> gone(order.size() * 2);  // edges that vanish, by the node they lead to
  const auto is_let_go = [](const ir::NodeImpl& node, const int* edges) {
    return node.handles() == 0 && edges && *edges + UndoScope::refs(&node) == node.refs();
  };
  for (auto at = order.rbegin(); at != order.rend(); ++at) {
    const ir::NodeImpl& node = **at;
    const int* edges = gone.find(&node);
    if (!become_leaves.contains(&node) && !is_let_go(node, edges)) continue;
    for (const ir::NodeImpl* input : node.inputs) ++gone[input];
  }
  for (std::size_t k = 0; k < c.inputs.size(); ++k) {
    const ir::NodeImpl& leaf = *c.items[c.inputs[k]].node;
    donated[k] = leaf.op == &ir::data_op() && is_let_go(leaf, gone.find(&leaf)) &&
                 runtime::held_by(leaf.storage(), 1) && !leaf.storage()->lent();
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

/// Of this thread, begun and not ended. One lies within another where the user's code is called
/// while a program is compiled or interpreted: passes, `lower`, `reference`.
thread_local int evaluations = 0;

/// The claims of one evaluation; those that it has when it ends are let go of.
class Claims {
 public:
  Claims() = default;
  Claims(Claims&&) = default;
  ~Claims() { let_go(); }
  /// False: another thread has it.
  bool take(ir::NodeImpl& node) {
    const ir::Claim::Taken taken = node.claim.take();
    if (taken == ir::Claim::Taken::Now) nodes_.push_back(&node);
    return taken != ir::Claim::Taken::ByAnother;
  }
  void let_go_of_others(const std::vector<Tensor>& kept) {
    ir::NodeMap<char> stay(kept.size());
    for (const Tensor& t : kept) stay.insert(t.node(), 1);
    const auto gone = std::erase_if(nodes_, [&](ir::NodeImpl* node) {
      if (stay.contains(node)) return false;
      node->claim.let_go();
      return true;
    });
    if (gone > 0) ir::GraphLock::tell_waiting();
  }
  void let_go() {
    if (nodes_.empty()) return;
    for (ir::NodeImpl* node : nodes_) node->claim.let_go();
    nodes_.clear();
    ir::GraphLock::tell_waiting();
  }
  std::size_t size() const { return nodes_.size(); }

 private:
  std::vector<ir::NodeImpl*> nodes_;  // which stay: they are held, or reached from what is
};

/// What an evaluation is chosen from, under the lock.
struct Choice {
  std::vector<ir::NodeImpl*> targets, order;  // order: all that is pending, inputs first
  Canonical canonical;
  ProgramCache::Request request;
  std::vector<char> keep_inputs;  // by target
  Claims claims;                  // of the targets, but for those that others have; may be of more
};

/// One evaluation: chosen and stored under a lock, compiled and run without it. Walks do not wait
/// for those that compile: the user's code that is called may itself walk.
class Evaluation {
 public:
  explicit Evaluation(Choice choice)
      : targets_(choice.targets.begin(), choice.targets.end()),
        keep_inputs_(std::move(choice.keep_inputs)),
        request_(std::move(choice.request)),
        lines_(lines_of(choice.canonical)),
        claims_(std::move(choice.claims)) {
    take_inputs(choice.canonical, choice.order, request_.program.get());
    claims_.let_go_of_others(targets_);
    ++evaluations;
  }
  ~Evaluation() {
    --evaluations;
    end();
  }
  Evaluation(const Evaluation&) = delete;

  void run() {
    outputs_.resize(targets_.size());
    const std::shared_ptr<Program> program = ProgramCache::instance().get(request_);
    if (!request_.program) take_inputs_again(*program);
    run_at(*program, inputs_, donated_, outputs_,
           [&](std::size_t item) { return lines_.at(item); });
    count_run(num_donated_);
  }

  /// Ends it.
  void store() {
    const bool keeps = std::ranges::find(keep_inputs_, 1) != keep_inputs_.end();
    if (keeps || claims_.size() < targets_.size())
      store_alone();
    else
      store_beside_others();
    end();
  }

 private:
  /// Under the lock. `program`: null while it is to be compiled; it is then given nothing to write
  /// to.
  void take_inputs(const Canonical& c, const std::vector<ir::NodeImpl*>& order,
                   const Program* program) {
    ir::NodeMap<char> become_leaves(targets_.size());
    for (std::size_t k = 0; k < targets_.size(); ++k)
      if (!keep_inputs_[k]) become_leaves.insert(targets_[k].node(), 1);
    inputs_.clear();  // which count as holders of their memory
    donated_ = !program || ir::GraphLock::is_wanted_for_walk()
                   ? std::vector<char>(c.inputs.size(), 0)
                   : donations(c, order, become_leaves);
    inputs_.reserve(c.inputs.size());
    for (std::uint32_t k : c.inputs) {
      ir::check_unchanged(*c.items[k].node);
      inputs_.push_back(c.items[k].node->storage());
    }
    num_donated_ = std::count(donated_.begin(), donated_.end(), 1);
    const bool interpreted = program && !program->plan();
    running_.emplace(num_donated_ > 0 && !interpreted);
  }

  /// Now that it is compiled the program may write to inputs, unless part of what it computes was
  /// stored meanwhile.
  void take_inputs_again(const Program& program) {
    const ir::GraphLock lock(ir::GraphLock::For::Evaluation);
    std::vector<ir::NodeImpl*> targets;
    for (const Tensor& t : targets_) targets.push_back(t.node());
    const Canonical c = canonicalise(targets);
    if (c.key != request_.key) return;
    keep_inputs_ = ir::keep_inputs(targets_);
    take_inputs(c, pending_nodes(targets), &program);
  }

  void store_alone() {
    const ir::GraphLock lock(ir::GraphLock::For::Evaluation);
    for (std::size_t k = 0; k < targets_.size(); ++k) {
      const Tensor& target = targets_[k];
      if (target.node()->storage()) continue;  // by a run that this thread did not wait for
      if (keep_inputs_[k])
        ir::store_and_keep_inputs(target, std::move(outputs_[k]));
      else
        target.node()->make_leaf(std::move(outputs_[k]));
    }
  }

  void store_beside_others() {
    std::vector<ir::InputList> old_inputs(targets_.size());
    {
      const ir::SharedGraphLock lock;
      for (std::size_t k = 0; k < targets_.size(); ++k) {
        ir::NodeImpl& target = *targets_[k].node();
        if (!target.storage()) target.make_leaf(std::move(outputs_[k]), old_inputs[k]);
      }
    }
    for (const ir::InputList& nodes : old_inputs)
      for (ir::NodeImpl* node : nodes) node->release();
  }

  void end() {
    claims_.let_go();
    running_.reset();
  }

  const runtime::Busy busy_;
  // Held: a target that lets go of its inputs may free a rule, and with it another's last handle.
  const std::vector<Tensor> targets_;
  // Decided with what is donated: a node that keeps its inputs needs their memory.
  std::vector<char> keep_inputs_;
  std::vector<char> donated_;
  std::vector<StoragePtr> inputs_, outputs_;
  ProgramCache::Request request_;
  std::vector<Loc> lines_;
  std::int64_t num_donated_ = 0;
  std::optional<ir::RunScope> running_;
  Claims claims_;
};

/// What evaluating the roots stores: them, and what else they reach that somebody holds.
std::vector<ir::NodeImpl*> targets_of(const std::vector<ir::NodeImpl*>& roots,
                                      const std::vector<ir::NodeImpl*>& order) {
  std::vector<ir::NodeImpl*> targets;
  ir::NodeMap<char> wanted(roots.size());
  for (ir::NodeImpl* r : roots)
    if (wanted.insert(r, 1)) targets.push_back(r);
  for (ir::NodeImpl* node : order)
    if (node->handles() > 0 && !trivial(*node) && wanted.insert(node, 1)) targets.push_back(node);
  return targets;
}

bool is_pending(const Tensor& t) { return t.defined() && pending(*t.node()); }

std::vector<ir::NodeImpl*> pending_roots(const std::vector<Tensor>& outputs) {
  std::vector<ir::NodeImpl*> roots;
  for (const Tensor& t : outputs)
    if (is_pending(t)) roots.push_back(t.node());
  return roots;
}

/// With `order`: what is computed for the roots, and the graph of it.
void choose_targets(const std::vector<ir::NodeImpl*>& roots, Choice* choice) {
  choice->targets = targets_of(roots, choice->order);
  choice->canonical = canonicalise(choice->targets);
  check_no_tracers(choice->canonical);
}

/// Beside other threads' evaluations, having claimed all that is pending. Null: another has part of
/// it, the program is to be made, or somebody's gradient may need what would be let go of.
std::unique_ptr<Evaluation> choose_beside_others(const std::vector<Tensor>& outputs) {
  if (ir::differentiation_depth() > 0) return nullptr;  // before all is walked and claimed
  const ir::SharedGraphLock lock;
  Choice choice;
  bool mine = true;
  std::vector<ir::NodeImpl*> roots = pending_roots(outputs);
  choice.order = ir::inputs_first(roots, [&](ir::NodeImpl& node) {
    if (!mine || !pending(node)) return false;
    mine = choice.claims.take(node);
    return mine && pending(node);  // still: now nobody else stores it
  });
  if (!mine || ir::may_be_differentiated(choice.order)) return nullptr;
  std::erase_if(roots, [](const ir::NodeImpl* root) { return !pending(*root); });
  if (roots.empty()) return nullptr;  // others stored them meanwhile
  choose_targets(roots, &choice);
  choice.request.key = choice.canonical.key;
  choice.request.program = ProgramCache::instance().find(choice.canonical.key);
  if (!choice.request.program) return nullptr;
  choice.keep_inputs.assign(choice.targets.size(), 0);
  return std::make_unique<Evaluation>(std::move(choice));
}

/// Null: nothing is pending. Waits for other threads that compute part of it. Not so where this
/// thread holds the lock already, or is `called_back` by an evaluation or a compilation of its own,
/// which others may wait for: it computes the value again, once nobody writes to inputs.
std::unique_ptr<Evaluation> choose_alone(const std::vector<Tensor>& outputs, bool called_back) {
  while (true) {
    ir::GraphLock lock(called_back ? ir::GraphLock::For::Walk : ir::GraphLock::For::Evaluation);
    const std::vector<ir::NodeImpl*> roots = pending_roots(outputs);
    if (roots.empty()) return nullptr;
    Choice choice;
    choice.order = pending_nodes(roots);
    const auto elsewhere = std::ranges::find_if(
        choice.order, [](const ir::NodeImpl* node) { return node->claim.is_anothers(); });
    if (!called_back && ir::GraphLock::is_outermost() && elsewhere != choice.order.end()) {
      const ir::NodeRef held{Tensor(*elsewhere)};
      lock.wait_until([node = *elsewhere] { return !node->claim.is_anothers(); });
      continue;
    }
    choose_targets(roots, &choice);
    choice.request = ProgramCache::instance().request(choice.canonical);
    choice.keep_inputs = ir::keep_inputs({choice.targets.begin(), choice.targets.end()});
    for (ir::NodeImpl* target : choice.targets) choice.claims.take(*target);
    return std::make_unique<Evaluation>(std::move(choice));
  }
}

}  // namespace

void evaluate(const std::vector<Tensor>& outputs) {
  if (std::ranges::none_of(outputs, is_pending)) return;
  const bool called_back = evaluations > 0 || ProgramCache::is_making();
  std::unique_ptr<Evaluation> evaluation;
  if (!called_back && !ir::GraphLock::is_held()) evaluation = choose_beside_others(outputs);
  if (!evaluation) evaluation = choose_alone(outputs, called_back);
  if (!evaluation) return;
  evaluation->run();
  evaluation->store();
}

namespace {

thread_local int building_depth = 0;
thread_local UndoScope* undo_scope = nullptr;

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
  // While another thread has the lock, the next look is early enough.
  const bool too_much = [&] {
    const ir::GraphLock lock(std::try_to_lock);
    return lock && too_much_pending(t.node(), kMaxPending);
  }();
  if (too_much) evaluate({t});
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

UndoScope::UndoScope(const std::vector<Tensor*>& fields)
    : held_(fields.size()), outer_(undo_scope) {
  for (Tensor* t : fields) {
    if (!t->defined()) continue;
    before_.emplace_back(t, ir::NodeRef(*t));
    ++held_[t->node()];
  }
  undo_scope = this;
}
UndoScope::~UndoScope() {
  undo_scope = outer_;
  for (const auto& [field, value] : before_) field->rebind(value.tensor());
}

int UndoScope::refs(const ir::NodeImpl* node) {
  int all = 0;
  for (const UndoScope* s = undo_scope; s; s = s->outer_) {
    if (const int* held = s->held_.find(node)) all += *held;
  }
  return all;
}

}  // namespace lilith::driver
