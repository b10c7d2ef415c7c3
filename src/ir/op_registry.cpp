#include "ir/op_registry.h"

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <shared_mutex>
#include <unordered_map>
#include <unordered_set>

#include "ir/check_aval.h"
#include "ir/host_call.h"
#include "ir/node.h"
#include "ir/one_device.h"
#include "runtime/fork.h"

namespace lilith {
namespace {

struct Registry {
  std::shared_mutex mutex;
  std::map<std::string, std::unique_ptr<OpDef>, std::less<>> ops;
  std::unordered_map<std::string_view, const OpDef*> by_name;
  std::unordered_set<const OpDef*> of_the_user;
};

// A function-local static, never destroyed: definitions register from static initialisers.
Registry& registry() {
  static Registry* r = new Registry;
  return *r;
}

// A shared mutex knows its owner by the thread's number, which is another one in the child.
[[maybe_unused]] const bool fork_hooks = runtime::at_fork(
    runtime::LockOrder::Inner, {[] { registry().mutex.lock(); }, [] { registry().mutex.unlock(); },
                                [] { new (&registry().mutex) std::shared_mutex; }});

bool has_own_schedule(OpClass cls) { return cls != OpClass::Elementwise && cls != OpClass::View; }

bool is_name(std::string_view name) {
  if (name.empty() || !((name[0] >= 'a' && name[0] <= 'z') || name[0] == '_')) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

void check_definition(const OpDef& def) {
  LILITH_CHECK(is_name(def.name),
               "register_op: the name is '{}'; need lower-case letters, digits and '_'", def.name);
  LILITH_CHECK(def.infer, "register_op: '{}' has no infer; every op needs a shape rule", def.name);
  LILITH_CHECK(static_cast<bool>(def.vjp) == def.no_vjp_reason.empty(),
               "register_op: '{}' has {}; need exactly one of vjp and no_vjp_reason", def.name,
               def.vjp ? "both a vjp and a no_vjp_reason" : "neither a vjp nor a no_vjp_reason");
  LILITH_CHECK(def.lower || has_own_schedule(def.cls),
               "register_op: '{}' has no lower; elementwise and view ops need one", def.name);
  const auto need = [&](OpClass cls, bool has, const char* what) {
    LILITH_CHECK(def.cls != cls || has, "register_op: '{}' has no {}", def.name, what);
  };
  need(OpClass::Reduction, def.combine != Combination::None,
       "combine; a reduction says what its elements are combined by");
  need(OpClass::Contraction, def.axes && def.arity == 2,
       "axes of two operands; a contraction says what its loops are");
  need(OpClass::Window, def.dims.has_value(),
       "dims; a window op says how its attributes speak of dimensions");
  need(OpClass::Scatter, def.dims.has_value(),
       "dims; a scatter says how its attributes speak of dimensions");
  need(OpClass::Loop, static_cast<bool>(def.results), "results; a loop says what it gives");
  need(OpClass::Call, static_cast<bool>(def.call), "call; the function that computes it");
  need(OpClass::Sort, def.call && def.scratch, "call and scratch; the function that computes it");
  LILITH_CHECK(def.index_operand >= 0 &&
                   (def.arity < 0 || def.index_operand < def.arity || def.index_operand == 0),
               "register_op: '{}' has index_operand {}; need one of its {} operands, or 0",
               def.name, def.index_operand, def.arity);
  LILITH_CHECK(def.arity >= -1, "register_op: '{}' has arity {}; need -1 (any) or more", def.name,
               def.arity);
}

void check_inputs(const OpDef& op, const std::vector<Tensor>& inputs) {
  LILITH_CHECK(op.arity < 0 || inputs.size() == static_cast<std::size_t>(op.arity),
               "{}: got {} inputs; need {}", op.name, inputs.size(), op.arity);
  for (std::size_t i = 0; i < inputs.size(); ++i)
    LILITH_CHECK(inputs[i].defined(), "{}: input {} is undefined", op.name, i);
}

// Pending users of borrowed memory that was written to again would read what came later.
void look_at_borrowed(const std::vector<Tensor>& inputs) {
  for (const Tensor& t : inputs) {
    const StoragePtr& storage = t.node()->storage();
    if (!storage || !storage->watched()) continue;
    if (t.node()->has_users())
      ir::check_unchanged(*t.node());
    else
      storage->look();
  }
}

Aval infer_aval(const OpDef& op, const std::vector<Tensor>& inputs, const Attrs& attrs) {
  constexpr std::size_t kInline = 4;
  if (inputs.size() <= kInline) {
    std::array<Aval, kInline> in;
    for (std::size_t i = 0; i < inputs.size(); ++i) in[i] = inputs[i].aval();
    return op.infer({op.name, {in.data(), inputs.size()}, attrs});
  }
  std::vector<Aval> in;
  in.reserve(inputs.size());
  for (const Tensor& t : inputs) in.push_back(t.aval());
  return op.infer({op.name, in, attrs});
}

/// Whether vmap knows what becomes of an op (ops/batch.h): by its class, what it says of its
/// dimensions, or a rule of its own.
bool has_batch_rule(const OpDef& def) {
  const bool by_class = def.cls == OpClass::Elementwise || def.cls == OpClass::Reduction ||
                        def.cls == OpClass::Leaf || def.cls == OpClass::Get;
  return by_class || def.arity == 0 || def.dims || def.batch;
}

const OpDef& add(OpDef def) {
  Registry& r = registry();
  std::unique_lock lock(r.mutex);
  LILITH_CHECK(!r.by_name.count(def.name), "register_op: there is an op '{}' already", def.name);
  const std::string name = def.name;
  const auto at = r.ops.emplace(name, std::make_unique<OpDef>(std::move(def))).first;
  OpDef& made = *at->second;
  if (made.cls == OpClass::Call && !made.reference)
    made.reference = [&made](RefCtx& c) { ir::call_reference(made, c); };
  r.by_name.emplace(made.name, &made);
  return made;
}

}  // namespace

const OpDef& register_builtin(OpDef def) {
  check_definition(def);
  LILITH_CHECK(has_batch_rule(def),
               "register_op: '{}' has no batch; every built-in op says what vmap makes of it",
               def.name);
  return add(std::move(def));
}

const OpDef& register_op(OpDef def) {
  LILITH_CHECK(
      !has_own_schedule(def.cls),
      "register_op: '{}' is neither elementwise nor a view; the other classes are scheduled "
      "by what the library knows of its own ops",
      def.name);
  check_definition(def);
  const OpDef& made = add(std::move(def));
  Registry& r = registry();
  std::unique_lock lock(r.mutex);
  r.of_the_user.insert(&made);
  return made;
}

bool is_builtin(const OpDef& def) {
  Registry& r = registry();
  std::shared_lock lock(r.mutex);
  return !r.of_the_user.contains(&def);
}

const OpDef* find_op(std::string_view name) {
  // An op stays for ever: a thread asks once for most, and waits for no other that asks.
  constexpr std::size_t kKnown = 256;
  thread_local std::array<const OpDef*, kKnown> known{};
  const OpDef*& at = known[std::hash<std::string_view>{}(name) % kKnown];
  if (at && at->name == name) return at;
  Registry& r = registry();
  std::shared_lock lock(r.mutex);
  const auto found = r.by_name.find(name);
  if (found == r.by_name.end()) return nullptr;
  return at = found->second;
}

std::vector<const OpDef*> all_ops() {
  Registry& r = registry();
  std::shared_lock lock(r.mutex);
  std::vector<const OpDef*> out;
  for (const auto& [name, op] : r.ops) out.push_back(op.get());
  return out;
}

Tensor apply(const OpDef& op, std::vector<Tensor> inputs, Attrs attrs) {
  check_inputs(op, inputs);
  ir::bring_together(op.name, inputs);
  const Aval aval = infer_aval(op, inputs, attrs);
  ir::check_aval(op.name, aval);
  look_at_borrowed(inputs);
  Tensor out(new ir::NodeImpl(&op, std::move(inputs), std::move(attrs), aval, LocScope::current()));
  if (ir::eval_hooks().added) ir::eval_hooks().added(out);
  return out;
}

Tensor apply(std::string_view op, std::vector<Tensor> inputs, Attrs attrs) {
  const OpDef* def = find_op(op);
  LILITH_CHECK(def, "apply: there is no op '{}'; register_op adds one", op);
  return apply(*def, std::move(inputs), std::move(attrs));
}

}  // namespace lilith
