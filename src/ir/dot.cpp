#include <cstdio>
#include <memory>

#include "ir/node.h"
#include "ir/printer.h"

namespace lilith {
namespace {

std::string escaped(const std::string& s) {
  std::string out;
  for (char c : s) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string dot_text(const Graph& g) {
  const std::vector<Node> nodes = g.nodes();
  const ir::NodeNames names(nodes);
  std::string out = "digraph lilith {\n  node [shape=box fontname=\"monospace\"];\n";
  for (const Node& n : nodes) {
    const ir::NodeImpl& node = *n.tensor().node();
    const std::string& id = names.of(&node);
    std::string label = node.is_leaf() ? "%" + id + " " + node.op->name : node.op->name;
    label += "\n" + ir::aval_text(node.aval);
    if (!node.is_leaf() && !node.attrs.empty()) label += "\n" + node.attrs.str();
    out += "  \"" + id + "\" [label=\"" + escaped(label) + "\"";
    out += node.is_leaf() ? " style=rounded];\n" : "];\n";
    for (const ir::NodeImpl* input : node.inputs) {
      out += "  \"" + names.of(input) + "\" -> \"" + id + "\";\n";
    }
  }
  for (std::size_t i = 0; i < g.outputs().size(); ++i) {
    out += fmt::format("  \"return {}\" [shape=plaintext];\n  \"{}\" -> \"return {}\";\n", i,
                       names.of(g.outputs()[i].node()), i);
  }
  return out + "}\n";
}

}  // namespace

void to_dot(const Graph& g, const std::string& path) {
  const std::string text = dot_text(g);
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "w"), std::fclose);
  LILITH_CHECK(file && std::fwrite(text.data(), 1, text.size(), file.get()) == text.size(),
               "to_dot: cannot write {}", path);
}

}  // namespace lilith
