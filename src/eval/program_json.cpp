#include "eval/program_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "eval/source_lines.h"
#include "eval/stage_match.h"
#include "ir/node.h"
#include "ir/node_map.h"
#include "ir/printer.h"
#include "schedule/memory_plan.h"

namespace lilith {
namespace {

using Json = nlohmann::ordered_json;
using schedule::BufferPlan;
using schedule::LaunchPlan;

const char* class_of(const OpDef& op) {
  switch (op.cls) {
    case OpClass::Leaf:
      return "leaf";
    case OpClass::Elementwise:
      return "elementwise";
    case OpClass::View:
      return "view";
    case OpClass::Reduction:
      return "reduction";
    case OpClass::Contraction:
      return "contraction";
    case OpClass::Window:
      return "window";
    case OpClass::Scatter:
      return "scatter";
    case OpClass::Marker:
      return "marker";
    case OpClass::Loop:
      return "loop";
    case OpClass::Get:
      return "get";
    case OpClass::Sort:
      return "sort";
    case OpClass::Call:
      return "call";
  }
  return "";
}

/// Rows that many refer to by their number.
class Table {
 public:
  int add(const Json& row) {
    const auto [at, fresh] = numbers_.emplace(row.dump(-1, ' ', false, kReplace), rows_.size());
    if (fresh) rows_.push_back(row);
    return static_cast<int>(at->second);
  }
  Json take() { return std::move(rows_); }

 private:
  static constexpr auto kReplace = Json::error_handler_t::replace;
  std::unordered_map<std::string, std::size_t> numbers_;
  Json rows_ = Json::array();
};

/// The nodes of the graph that is scheduled: which buffer holds which, what a launch computes.
class Scheduled {
 public:
  Scheduled(const Graph& g, const schedule::Plan& plan) : nodes_(g.nodes()) {
    const ir::NodeNames names(nodes_);
    std::unordered_map<std::string, int> by_name;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      const ir::NodeImpl* n = nodes_[i].tensor().node();
      at_.insert(n, static_cast<int>(i));
      // As the plan calls the buffers of values.
      const std::string name = names.of(n);
      const bool number = name[0] >= '0' && name[0] <= '9';
      if (n->op != &ir::parameter_op()) by_name.emplace(number ? "v" + name : name, i);
    }
    for (const BufferPlan& b : plan.buffers) {
      int node = -1;
      if (b.kind == BufferPlan::Kind::Input)
        node = *at_.find(g.inputs()[static_cast<std::size_t>(b.index)].node());
      else if (const auto at = by_name.find(b.name); !b.scratch && at != by_name.end())
        node = at->second;
      node_of_.push_back(node);
    }
  }

  int node_of(std::size_t buffer) const { return node_of_[buffer]; }

  /// The nodes that the next launch stores, in Json, and all that it computes: what these need and
  /// no launch before it has stored.
  Json results_of(const LaunchPlan& l) const {
    Json all = Json::array();
    for (const int b : l.written) {
      if (node_of_[static_cast<std::size_t>(b)] >= 0)
        all.push_back(node_of_[static_cast<std::size_t>(b)]);
    }
    return all;
  }
  std::vector<int> computed_by(const LaunchPlan& l) {
    std::vector<int> all;
    std::vector<char> seen(nodes_.size(), 0);
    std::vector<int> open;
    for (const int b : l.written) open.push_back(node_of_[static_cast<std::size_t>(b)]);
    const std::vector<int> results = open;
    while (!open.empty()) {
      const int i = open.back();
      open.pop_back();
      if (i < 0 || seen[static_cast<std::size_t>(i)]++) continue;
      all.push_back(i);
      for (const ir::NodeImpl* in : nodes_[static_cast<std::size_t>(i)].tensor().node()->inputs) {
        const int k = *at_.find(in);
        if (!in->is_leaf() && !stored_.contains(in)) open.push_back(k);
      }
    }
    for (const int i : results) {
      if (i >= 0) stored_.insert(nodes_[static_cast<std::size_t>(i)].tensor().node(), true);
    }
    std::sort(all.begin(), all.end());
    return all;
  }

 private:
  const std::vector<Node> nodes_;
  ir::NodeMap<int> at_;
  std::vector<int> node_of_;  // by buffer; -1: none
  ir::NodeMap<bool> stored_;
};

/// One program. Lines and code are shared by all of a page.
class Writer {
 public:
  explicit Writer(const ProgramRecord& record, SourceLines& lines) : r_(record), lines_(lines) {}

  Json write() {
    Json j;
    j["title"] = r_.title;
    j["cpu"] = r_.target.cpu;
    j["threads"] = r_.target.threads;
    j["timed"] = !r_.ms.empty();
    j["arena_bytes"] = r_.plan.arena_bytes;
    j["stages"] = Json::array();
    for (std::size_t i = 0; i < r_.stages.size(); ++i) j["stages"].push_back(stage(i));
    Scheduled scheduled(r_.stages.back().graph, r_.plan);
    j["kernels"] = Json::array();
    for (std::size_t i = 0; i < r_.plan.launches.size(); ++i)
      j["kernels"].push_back(kernel(i, scheduled));
    j["buffers"] = Json::array();
    const auto taken = schedule::taken_launches(r_.plan);
    for (std::size_t i = 0; i < r_.plan.buffers.size(); ++i)
      j["buffers"].push_back(buffer(r_.plan.buffers[i], taken[i], scheduled.node_of(i)));
    j["inputs"] = r_.plan.inputs;
    j["outputs"] = r_.plan.outputs;
    j["kinds"] = kinds_.take();
    j["code"] = code_.take();
    return j;
  }

 private:
  // [name, kind, [inputs], node of the stage before or -1].
  Json stage(std::size_t i) {
    const Graph& g = r_.stages[i].graph;
    const std::vector<Node> nodes = g.nodes();
    const ir::NodeNames names(nodes);
    const std::vector<int> was =
        i == 0 ? std::vector<int>(nodes.size(), -1) : match_nodes(r_.stages[i - 1].graph, g);
    ir::NodeMap<int> at(nodes.size());
    Json rows = Json::array();
    for (std::size_t k = 0; k < nodes.size(); ++k) {
      const ir::NodeImpl& n = *nodes[k].tensor().node();
      at.insert(&n, static_cast<int>(k));
      Json inputs = Json::array();
      for (const ir::NodeImpl* in : n.inputs) inputs.push_back(*at.find(in));
      rows.push_back({names.of(&n), kind(n), std::move(inputs), was[k]});
    }
    Json outputs = Json::array();
    for (const Tensor& t : g.outputs()) outputs.push_back(*at.find(t.node()));
    return {{"name", r_.stages[i].name}, {"nodes", std::move(rows)}, {"outputs", outputs}};
  }

  // [op, class, attrs, aval, line, the function that the user called there].
  int kind(const ir::NodeImpl& n) {
    return kinds_.add({n.op->name, class_of(*n.op), ir::attrs_text(n), ir::aval_text(n.aval),
                       lines_.add(n.loc), n.loc.op ? n.loc.op : ""});
  }

  Json kernel(std::size_t i, Scheduled& scheduled) {
    const LaunchPlan& l = r_.plan.launches[i];
    Json j;
    j["what"] = l.what;
    j["how"] = l.how;
    j["next_best"] = l.next_best;
    j["cycles"] = l.cycles;
    j["flops"] = l.flops;
    j["bytes"] = l.bytes;
    j["ms"] = r_.ms.empty() ? Json() : Json(r_.ms[i]);
    j["line"] = lines_.add(l.loc);
    j["barrier"] = l.barrier_before;
    j["single"] = l.single;
    j["results"] = scheduled.results_of(l);
    j["nodes"] = scheduled.computed_by(l);
    j["buffers"] = l.buffers;
    j["written"] = l.written;
    j["code"] = code_.add(kir::to_string(l.kernel));
    return j;
  }

  static Json buffer(const BufferPlan& b, std::pair<int, int> taken, int node) {
    constexpr const char* kKinds[] = {"input", "output", "arena"};
    return {{"name", b.name},
            {"kind", kKinds[static_cast<int>(b.kind)]},
            {"type", std::string(name(b.dtype)) + b.shape.str()},
            {"order", b.layout.order},
            {"bytes", b.bytes},
            {"offset", b.offset},
            {"first", taken.first},
            {"last", taken.second},
            {"donor", b.donor},
            {"scratch", b.scratch},
            {"node", node}};
  }

  const ProgramRecord& r_;
  SourceLines& lines_;
  Table kinds_, code_;
};

}  // namespace

std::string to_json(const std::vector<ProgramRecord>& records) {
  SourceLines lines;
  Json j;
  j["programs"] = Json::array();
  for (const ProgramRecord& r : records) j["programs"].push_back(Writer(r, lines).write());
  j["lines"] = Json::array();
  for (const SourceLines::Line& l : lines.all())
    j["lines"].push_back({{"file", l.file}, {"at", l.at}, {"line", l.line}, {"text", l.text}});
  return j.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace lilith
