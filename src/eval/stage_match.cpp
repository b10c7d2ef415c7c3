#include "eval/stage_match.h"

#include <fmt/format.h>

#include <string>
#include <unordered_map>

#include "ir/node.h"
#include "ir/node_map.h"
#include "ir/printer.h"

namespace lilith {
namespace {

using Nodes = std::vector<Node>;

std::string kind_of(const ir::NodeImpl& n) {
  return fmt::format("{}{} {} {}:{} {}", n.op->name, ir::attrs_text(n), ir::aval_text(n.aval),
                     n.loc.file ? n.loc.file : "", n.loc.line, n.name);
}

ir::NodeMap<int> numbered(const Nodes& nodes) {
  ir::NodeMap<int> at(nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i)
    at.insert(nodes[i].tensor().node(), static_cast<int>(i));
  return at;
}

class Matcher {
 public:
  Matcher(const Nodes& before, const Nodes& after)
      : before_(before), after_(after), old_(numbered(before)), new_(numbered(after)) {
    for (std::size_t i = 0; i < before.size(); ++i)
      of_kind_[kind_of(node(before_, i))].push_back(static_cast<int>(i));
  }

  std::vector<int> run() {
    was_.assign(after_.size(), -1);
    taken_.assign(before_.size(), false);
    for (std::size_t i = 0; i < after_.size(); ++i) {
      if (const int* same = old_.find(&node(after_, i))) take(i, *same);
    }
    for (const bool same_inputs : {true, false}) {
      for (std::size_t i = 0; i < after_.size(); ++i) {
        if (was_[i] < 0) match(i, same_inputs);
      }
    }
    return std::move(was_);
  }

 private:
  static const ir::NodeImpl& node(const Nodes& nodes, std::size_t i) {
    return *nodes[i].tensor().node();
  }
  void take(std::size_t i, int old) {
    was_[i] = old;
    taken_[static_cast<std::size_t>(old)] = true;
  }

  // Inputs come before their users: those of node i are matched already.
  bool inputs_match(const ir::NodeImpl& made, const ir::NodeImpl& old) const {
    if (made.inputs.size() != old.inputs.size()) return false;
    for (std::size_t k = 0; k < made.inputs.size(); ++k) {
      const int input = *new_.find(made.inputs[k]);
      if (was_[static_cast<std::size_t>(input)] != *old_.find(old.inputs[k])) return false;
    }
    return true;
  }

  void match(std::size_t i, bool same_inputs) {
    const auto at = of_kind_.find(kind_of(node(after_, i)));
    if (at == of_kind_.end()) return;
    int first = -1;
    for (const int old : at->second) {
      if (taken_[static_cast<std::size_t>(old)]) continue;
      if (inputs_match(node(after_, i), node(before_, static_cast<std::size_t>(old))))
        return take(i, old);
      if (first < 0) first = old;
    }
    if (!same_inputs && first >= 0) take(i, first);
  }

  const Nodes &before_, &after_;
  const ir::NodeMap<int> old_, new_;
  std::unordered_map<std::string, std::vector<int>> of_kind_;
  std::vector<int> was_;
  std::vector<bool> taken_;
};

}  // namespace

std::vector<int> match_nodes(const Graph& before, const Graph& after) {
  return Matcher(before.nodes(), after.nodes()).run();
}

}  // namespace lilith
