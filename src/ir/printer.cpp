#include "ir/printer.h"

#include <algorithm>
#include <ostream>
#include <unordered_set>

#include "ir/host.h"
#include "ir/node.h"
#include "ir/text.h"
#include "runtime/device_memory.h"

namespace lilith {
namespace ir {
namespace {

std::string clean(const std::string& name) {
  std::string out = name;
  for (char& c : out) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!plain && c != '.' && c != '_') c = '_';
  }
  // Only numbered nodes are called by a number.
  if (out.find_first_not_of("0123456789") == out.npos) out = "_" + out;
  return out;
}

std::string values_text(const NodeImpl& leaf) {
  std::string out;
  const StoragePtr value = runtime::on_host(leaf.storage());
  const void* data = value->data();
  for (std::int64_t i = 0; i < leaf.aval.numel(); ++i) {
    if (i) out += ',';
    out += is_floating(leaf.aval.dtype) ? real_text(read_f64(data, leaf.aval.dtype, i))
                                        : std::to_string(read_i64(data, leaf.aval.dtype, i));
  }
  return out;
}

}  // namespace

NodeNames::NodeNames(const std::vector<const NodeImpl*>& nodes) : number_(nodes.size()) {
  std::unordered_set<std::string> taken;
  for (const NodeImpl* node : nodes) {
    if (node->name.empty() || !node->is_leaf()) continue;
    const std::string base = clean(node->name);
    std::string name = base;
    for (int i = 1; !taken.insert(name).second; ++i) name = base + "_" + std::to_string(i);
    names_.push_back(std::move(name));
    number_.insert(node, -static_cast<int>(names_.size()));
  }
  int next = 0;
  for (const NodeImpl* node : nodes) {
    if (number_.insert(node, next)) ++next;
  }
}

namespace {
std::vector<const NodeImpl*> pointers(const std::vector<Node>& nodes) {
  std::vector<const NodeImpl*> out;
  out.reserve(nodes.size());
  for (const Node& n : nodes) out.push_back(n.tensor().node());
  return out;
}
}  // namespace

NodeNames::NodeNames(const std::vector<Node>& nodes) : NodeNames(pointers(nodes)) {}

std::string NodeNames::of(const NodeImpl* node) const {
  const int* number = number_.find(node);
  if (number == nullptr) throw InternalError("printer: a node is not of the graph");
  return *number < 0 ? names_[static_cast<std::size_t>(-1 - *number)] : std::to_string(*number);
}

std::string attrs_text(const NodeImpl& node) {
  // A parameter's index is its place; the values of small leaves stand for their memory.
  if (node.op == &parameter_op()) return {};
  if (node.op == &data_op() || node.op == &scalar_op()) {
    if (!node.storage() || node.aval.numel() > kMaxPrintedValues) return {};
    return " {values=[" + values_text(node) + "]}";
  }
  return node.attrs.empty() ? std::string() : " {" + node.attrs.str() + "}";
}

std::string aval_text(const Aval& aval) {
  return aval.device == Device{} ? aval.str() : aval.str() + "@" + aval.device.str();
}

}  // namespace ir

namespace ir {
namespace {

void collect_bodies(const std::vector<Node>& nodes, std::vector<const Body*>* bodies) {
  for (const Node& n : nodes) {
    for (const auto& [key, attr] : n.attrs().items()) {
      const BodyPtr* body = std::get_if<BodyPtr>(&attr);
      const auto same = [&](const Body* b) { return b->name() == (*body)->name(); };
      if (!body || std::ranges::any_of(*bodies, same)) continue;
      collect_bodies((*body)->graph().nodes(), bodies);
      bodies->push_back(body->get());
    }
  }
}

/// Of the nodes alone, a line each, and what they return.
std::string lines_of(const std::vector<Node>& all, const std::vector<Tensor>& outputs,
                     bool with_locs, const char* indent);

}  // namespace
}  // namespace ir

std::string Graph::str(bool with_locs) const {
  const std::vector<Node> all = nodes();
  std::vector<const Body*> bodies;
  ir::collect_bodies(all, &bodies);
  std::string out;
  for (const Body* body : bodies) {
    out += body->name() + " {\n";
    out += ir::lines_of(body->graph().nodes(), body->graph().outputs(), with_locs, "  ") + "}\n";
  }
  return out + ir::lines_of(all, outputs_, with_locs, "");
}

namespace ir {
namespace {

std::string lines_of(const std::vector<Node>& all, const std::vector<Tensor>& outputs,
                     bool with_locs, const char* indent) {
  const NodeNames names(all);
  std::string out;
  for (const Node& n : all) {
    const NodeImpl& node = *n.tensor().node();
    out += indent;
    out += "%" + names.of(&node) + ": " + aval_text(node.aval) + " = " + node.op->name;
    if (!node.is_leaf()) {
      out += '(';
      for (std::size_t i = 0; i < node.inputs.size(); ++i) {
        out += (i ? ", %" : "%") + names.of(node.inputs[i]);
      }
      out += ')';
    }
    out += attrs_text(node);
    if (with_locs && node.loc) out += "  # " + node.loc.str();
    out += '\n';
  }
  out += indent;
  out += "return";
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    out += (i ? ", %" : " %") + names.of(outputs[i].node());
  }
  return out + "\n";
}

}  // namespace
}  // namespace ir

std::ostream& ir::operator<<(std::ostream& out, const Graph& g) { return out << g.str(); }

}  // namespace lilith
