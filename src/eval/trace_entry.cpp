#include "eval/trace_entry.h"

#include <algorithm>
#include <chrono>

#include "eval/numbers.h"
#include "eval/program_cache.h"
#include "ir/hash.h"
#include "ir/node_map.h"
#include "ir/text.h"
#include "transforms/custom_rules.h"
#include "transforms/markers.h"
#include "transforms/settle.h"

namespace lilith::driver {
namespace {

std::string describe(const ir::NodeImpl& node) {
  std::string out = node.aval.str();
  if (!node.is_leaf()) out += fmt::format(", the result of {}", node.op->name);
  if (node.loc) out += ", made at " + node.loc.str();
  return out;
}

class EntryBuilder {
 public:
  EntryBuilder(Session& session, std::unique_ptr<detail::ResultBox> result)
      : session_(session), result_(std::move(result)), entry_(std::make_shared<Entry>()) {}

  std::shared_ptr<Entry> build() {
    const ir::GraphLock lock;
    collect();
    check_holders();
    const Canonical c = route();
    entry_->structure = c.key;
    note_outputs();
    if (!c.outputs.empty()) {
      key_ = c.key;
      bind_inputs(c);
      note_numbers(c);
      graph_ = build_graph(c);
      entry_->lines = lines_of(c);
      if (!ProgramCache::instance().has(key_)) take_numbers();
    }
    entry_->guards = session_.guards();
    entry_->bindings = session_.bindings();
    entry_->key_sources = session_.key_sources();
    entry_->prototype = std::move(result_);
    return std::move(entry_);
  }
  const Graph& graph() const { return graph_; }
  const Key& key() const { return key_; }

 private:
  // The nodes that results and assigned slots hold.
  void collect() {
    changed_ = session_.changed();
    for (std::size_t k : changed_) {
      const Tensor& t = *session_.signature().slots[k];
      targets_.push_back(t.defined() ? t.node() : nullptr);
    }
    for (const Tensor& t : detail::all_tensors(result_->model()))
      targets_.push_back(t.defined() ? t.node() : nullptr);
  }

  // Handles of the trace itself: arguments, results and the session's parameters.
  ir::NodeMap<int> own_handles() {
    ir::NodeMap<int> own(64);
    for (const Tensor* t : session_.signature().slots)
      if (t->defined()) ++own[t->node()];
    for (const Tensor& t : session_.parameters())
      if (t.defined()) ++own[t.node()];
    for (const Tensor& t : session_.hyper_parameters()) own[t.node()] += 2;  // and the Hyper's own
    for (const Tensor& t : session_.keys()) ++own[t.node()];
    for (std::size_t k = changed_.size(); k < targets_.size(); ++k)
      if (targets_[k]) ++own[targets_[k]];
    return own;
  }

  // Handles that gradient rules of the graph hold, by item.
  std::vector<int> handles_of_rules(const Canonical& c) const {
    std::vector<int> held;
    for (const auto& item : c.items) held.push_back(-item.node->handles());
    std::vector<Tensor> outputs;
    for (ir::NodeImpl* t : targets_)
      if (t) outputs.emplace_back(t);
    const std::vector<CustomRule> copies = copy_rules(outputs);
    outputs.clear();
    for (std::size_t k = 0; k < c.items.size(); ++k) held[k] += c.items[k].node->handles();
    return held;
  }

  // Per item: whether somebody outside of the trace holds it.
  std::vector<char> held_outside(const Canonical& c) {
    const ir::NodeMap<int> own = own_handles();
    std::vector<int> excess;
    for (const auto& item : c.items) {
      const int* mine = own.find(item.node);
      excess.push_back(item.node->handles() - (mine ? *mine : 0));
    }
    const auto positive = [](int n) { return n > 0; };
    std::vector<char> outside(excess.size(), 0);
    if (std::none_of(excess.begin(), excess.end(), positive)) return outside;
    const std::vector<int> of_rules = handles_of_rules(c);
    for (std::size_t k = 0; k < excess.size(); ++k) outside[k] = excess[k] > of_rules[k];
    return outside;
  }

  // Per item: whether it depends on an input of the trace.
  static std::vector<char> traced(const Canonical& c) {
    std::vector<char> depends(c.items.size(), 0);
    for (std::size_t k = 0; k < c.items.size(); ++k) {
      const auto& item = c.items[k];
      depends[k] = item.node->op == &ir::parameter_op();
      for (std::uint32_t e = 0; e < item.num_edges; ++e)
        depends[k] |= depends[c.edges[item.first_edge + e]];
    }
    return depends;
  }

  void check_holders() {
    std::vector<ir::NodeImpl*> roots;
    for (ir::NodeImpl* t : targets_)
      if (t) roots.push_back(t);
    const Canonical c = canonicalise(roots);
    const std::vector<char> outside = held_outside(c), depends = traced(c);
    // Users first: of what was captured the last result is named.
    for (std::size_t k = c.items.size(); k-- > 0;) {
      if (!outside[k]) continue;
      const ir::NodeImpl& node = *c.items[k].node;
      LILITH_CHECK(!depends[k],
                   "compile: a tensor of the traced function is kept outside of it ({}); it has no "
                   "value there. Return it from the function.",
                   describe(node));
      fail(
          "compile: the function uses a tensor that is no argument ({}): the program would keep "
          "its present value for ever. Pass it as an argument.",
          describe(node));
    }
  }

  // Decides where each output comes from; what is left for the program, in canonical form.
  Canonical route() {
    std::vector<ir::NodeImpl*> program_outputs;
    ir::NodeMap<std::size_t> at(targets_.size());
    for (std::size_t k = 0; k < targets_.size(); ++k) {
      Entry::Output out{Entry::Output::Fixed, 0, {}};
      if (targets_[k]) {
        ir::NodeImpl* node = ir::see_through(targets_[k]);
        const bool parameter = node->op == &ir::parameter_op();
        const auto slot = parameter ? static_cast<std::size_t>(node->attrs.integer("index")) : 0;
        if (parameter && slot < session_.parameters().size()) {
          out = {Entry::Output::Passed, entry_->passed_slots.size(), {}};
          entry_->passed_slots.push_back(slot);
        } else if (node->is_leaf() && !parameter) {
          out.fixed = Tensor(node);
        } else {
          if (at.insert(node, program_outputs.size())) {
            program_outputs.push_back(node);
            entry_->output_avals.push_back(node->aval);
          }
          out = {Entry::Output::Program, *at.find(node), {}};
        }
      }
      if (k < changed_.size())
        entry_->state.emplace_back(changed_[k], std::move(out));
      else
        entry_->results.push_back(std::move(out));
    }
    return canonicalise(program_outputs);
  }

  // Of a tensor that the function makes of numbers.
  void note_contents(const ir::NodeImpl& data) {
    constexpr std::size_t kMostBytes = 1 << 16;
    const std::size_t bytes = data.aval.bytes();
    if (data.aval.device != cpu() || bytes > kMostBytes) return;
    entry_->structure.add(hash_text({static_cast<const char*>(data.storage()->data()), bytes}));
  }

  void note_numbers(const Canonical& c) {
    for (const Canonical::Item& item : c.items) {
      if (item.node->op != &ir::constant_op()) continue;
      const Attr& value = *item.node->attrs.find("value");
      entry_->numbers.push_back({ir::attr_text(value), item.node->loc});
    }
  }

  // Where results and fields come from: what is captured may change that alone.
  void note_outputs() {
    const auto note = [&](const Entry::Output& out) {
      entry_->structure.add(out.kind);
      entry_->structure.add(out.kind == Entry::Output::Passed ? entry_->passed_slots[out.index]
                                                              : out.index);
      if (out.kind != Entry::Output::Fixed || !out.fixed.defined()) return;
      const ir::NodeImpl& node = *out.fixed.node();
      entry_->structure.add(node.aval);
      if (node.op == &ir::constant_op())
        entry_->structure.add(node.attrs.hash());
      else if (node.storage())
        note_contents(node);
    };
    for (const auto& [slot, out] : entry_->state) {
      entry_->structure.add(slot);
      note(out);
    }
    for (const Entry::Output& out : entry_->results) note(out);
  }

  // What changes from trace to trace comes as an input. The program's inputs are in the order that
  // its key tells, which knows them by their places alone.
  void take_numbers() {
    WithNumbers made = changing_numbers(graph_);
    if (made.numbers.empty()) return;
    std::vector<Entry::Input> inputs = std::move(entry_->inputs);
    for (StoragePtr& number : made.numbers)
      inputs.push_back({Entry::Input::Fixed, 0, false, std::move(number)});
    std::vector<ir::NodeImpl*> outputs;
    for (const Tensor& t : made.graph.outputs()) outputs.push_back(t.node());
    const Canonical c = canonicalise(outputs);
    entry_->inputs.clear();
    for (const std::uint32_t k : c.inputs) {
      const std::int64_t index = c.items[k].node->attrs.integer("index");
      entry_->inputs.push_back(std::move(inputs.at(static_cast<std::size_t>(index))));
    }
    graph_ = build_graph(c);
    key_ = c.key;
    entry_->lines = lines_of(c);
  }

  void bind_inputs(const Canonical& c) {
    const std::size_t slots = session_.parameters().size(),
                      hypers = session_.hyper_parameters().size();
    for (std::uint32_t k : c.inputs) {
      const ir::NodeImpl& node = *c.items[k].node;
      Entry::Input in{Entry::Input::Fixed};
      if (node.op != &ir::parameter_op()) {
        in.fixed = node.storage();
        note_contents(node);
      } else {
        in.index = static_cast<std::size_t>(node.attrs.integer("index"));
        LILITH_CHECK(
            owns(node, in.index),
            "compile: the function uses a tensor of another function that is being traced ({})",
            describe(node));
        if (in.index < slots) {
          in.kind = Entry::Input::Slot;
          const Signature& s = session_.signature();
          in.dies = std::count_if(changed_.begin(), changed_.end(), [&](std::size_t k) {
                      return s.tied(k, in.index);
                    }) == s.holders(in.index);
        } else if (in.index < slots + hypers) {
          in.kind = Entry::Input::Hyper;
          in.index -= slots;
        } else {
          in.kind = Entry::Input::RandomKey;
          in.index -= slots + hypers;
        }
      }
      entry_->inputs.push_back(std::move(in));
    }
  }

  bool owns(const ir::NodeImpl& node, std::size_t index) const {
    const std::size_t slots = session_.parameters().size(),
                      hypers = session_.hyper_parameters().size();
    if (index < slots) return session_.parameters()[index].node() == &node;
    if (index < slots + hypers) return session_.hyper_parameters()[index - slots].node() == &node;
    const auto at = index - slots - hypers;
    return at < session_.keys().size() && session_.keys()[at].node() == &node;
  }

  Session& session_;
  std::unique_ptr<detail::ResultBox> result_;
  std::shared_ptr<Entry> entry_;
  Graph graph_;  // of the program
  Key key_;
  std::vector<std::size_t> changed_;    // slots, the first targets
  std::vector<ir::NodeImpl*> targets_;  // then the results; null where undefined
};

struct ClearVisitor final : Visitor {
  void parameter(Tensor& t) override { t.rebind(Tensor()); }
  void buffer(Buffer& t) override { t = Buffer(); }
};

}  // namespace

bool Entry::accepts(const Signature& s) const {
  for (const Session::Guard& g : guards)
    if (HyperAccess::value(*s.hypers[g.hyper]) != g.value) return false;
  return true;
}

std::string Entry::explain() const {
  std::string out = label + "\n";
  out += program ? program->stats().text : "nothing to compute\n";
  return out;
}

double now_ms() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double, std::milli>(now).count();
}

void Entry::note_trace(double began_ms) {
  traced_at_ms = now_ms();
  trace_ms = traced_at_ms - began_ms;
  traced_calls = calls.load();
}

std::string Entry::change_to(const Entry& later) const {
  for (std::size_t k = 0; k < std::min(numbers.size(), later.numbers.size()); ++k) {
    const auto& [before, at] = numbers[k];
    const auto& [now, line] = later.numbers[k];
    if (before == now) continue;
    return fmt::format("{} -> {}{}", before, now, line ? ", used at " + line.str() : "");
  }
  return "it computes something else";
}

std::shared_ptr<Entry> make_entry(std::span<const detail::ArgRef> args,
                                  const detail::TraceFunction& f) {
  std::vector<ConstModelRef> models;
  for (const auto& arg : args) models.push_back(arg.model);
  ir::settle(models);
  Session session(args, "compile", true);
  EntryBuilder builder(session, session.run(f));
  std::shared_ptr<Entry> entry = builder.build();
  session.restore();
  ClearVisitor clear;
  entry->prototype->model().visit(clear);
  LILITH_CHECK(
      !session.escaped(),
      "compile: a tensor of the traced function is kept outside of it (in a captured variable or a "
      "static); it has no value there. Return it from the function.");
  if (!builder.graph().outputs().empty())
    entry->program = ProgramCache::instance().get(builder.key(), builder.graph());
  entry->program_key = builder.key();
  entry->graph = builder.graph();
  entry->key = session.signature().key;
  for (const Tensor& t : session.parameters())
    if (t.defined())
      entry->label += (entry->label.empty() ? "" : ", ") + t.node()->name + " " + t.aval().str();
  return entry;
}

}  // namespace lilith::driver

namespace lilith::detail {

Graph trace_graph(const ArgRef* args, std::size_t n, const TraceFunction& f) {
  driver::Session session({args, n}, "trace", false);
  const std::unique_ptr<ResultBox> result = session.run(f);
  std::vector<ir::NodeImpl*> targets;
  std::vector<Tensor> outputs = all_tensors(result->model());
  for (std::size_t k : session.changed()) outputs.push_back(*session.signature().slots[k]);
  session.restore();
  for (const Tensor& t : outputs)
    if (t.defined()) targets.push_back(t.node());
  std::vector<Tensor> inputs;
  for (std::size_t k = 0; k < session.parameters().size(); ++k)
    if (const Tensor& t = session.parameters()[k]; t.defined() && session.signature().is_first(k))
      inputs.push_back(t);
  const ir::GraphLock lock;
  return driver::copy_graph(driver::canonicalise(targets), inputs);
}

}  // namespace lilith::detail
