#include "lilith/summary.h"

#include <algorithm>
#include <map>
#include <ostream>
#include <set>

#include "ir/node.h"
#include "lilith/graph_names.h"

// A layer of a model is known in its graph by its parameters: what is computed of the data and of
// them is its output.
namespace lilith {

namespace {

using I = std::int64_t;

std::string parent(const std::string& path) {
  const auto dot = path.rfind('.');
  return dot == path.npos ? "" : path.substr(0, dot);
}

// The structs that own tensors, in the order of declaration, by path.
class LayerFinder : public PathVisitor {
 public:
  void begin(const TypeInfo& type) override { types_[path()] = std::string(type.name); }
  void parameter(Tensor& t) override { found(t); }
  void buffer(Buffer& t) override { found(t); }

  std::vector<LayerSummary> layers;

 private:
  void found(const Tensor& t) {
    if (!t.defined()) return;
    // Weights of a recurrent layer lie in its list: the owner is the nearest struct with a name.
    std::string owner = parent(path());
    while (!owner.empty() && !types_.contains(owner)) owner = parent(owner);
    const auto same = [&](const LayerSummary& l) { return l.path == owner; };
    if (std::none_of(layers.begin(), layers.end(), same))
      layers.push_back({.path = owner, .type = types_[owner], .output = {}});
  }
  std::map<std::string, std::string> types_;
};

double product_flops(const Node& n) {
  const Shape &out = n.shape(), &b = n.inputs()[1].shape();
  double k = 1;
  if (n.op_name() == "dot_general") {
    for (const I axis : n.attrs().ints("rhs_contract")) k *= static_cast<double>(b[axis]);
  } else {
    k = static_cast<double>(b.numel()) / static_cast<double>(b[n.attrs().ints("rhs_spec")[0]]);
    for (const I d : n.attrs().ints("lhs_dilation")) k /= static_cast<double>(d);
  }
  return 2 * k * static_cast<double>(out.numel());
}

double flops_of(const Graph& g);

double flops_of(const Node& n) {
  if (n.op().cls == OpClass::Contraction) return product_flops(n);
  if (n.op().cls != OpClass::Loop) return 0;
  double sum = 0;
  for (const auto& [name, value] : n.attrs().items()) {
    if (const auto* body = std::get_if<BodyPtr>(&value)) sum += flops_of((*body)->graph());
  }
  const bool counted = n.attrs().has("length");
  return sum * (counted ? static_cast<double>(n.attrs().integer("length")) : 1);
}

double flops_of(const Graph& g) {
  double sum = 0;
  for (const Node& n : g.nodes()) sum += flops_of(n);
  return sum;
}

// Walks over the nodes, and tells what each of them belongs to.
class Attribution {
 public:
  explicit Attribution(ModelSummary* summary, const std::set<std::string>& tensors)
      : summary_(*summary), tensors_(tensors) {
    for (std::size_t i = 0; i < summary_.layers.size(); ++i) by_path_[summary_.layers[i].path] = i;
  }

  void add(const Node& n) {
    State& s = states_[n.tensor().node()];
    const std::string name = n.name();
    if (!name.empty()) {
      s.data = !tensors_.contains(name);
      if (!s.data) s.owner = layer_of(name);
      return;
    }
    LayerSummary* user = nullptr;
    for (const Node& in : n.inputs()) {
      const State& from = states_[in.tensor().node()];
      s.data |= from.data;
      if (!from.data && from.owner) user = from.owner;
    }
    const double flops = flops_of(n);
    summary_.flops += flops;
    if (!s.data) s.owner = user;
    // Rows that indices of several dimensions choose are gathered as a list, then take their shape.
    if (n.op_name() == "reshape") called(states_[n.inputs()[0].tensor().node()].rows, n);
    if (n.op_name() == "gather") s.rows = user;
    if (!s.data || !user) {
      // Results of a loop are parts of it.
      if (n.op().cls == OpClass::Get) called(states_[n.inputs()[0].tensor().node()].loop, n);
      return;
    }
    user->flops += flops;
    if (n.op().cls == OpClass::Loop)
      s.loop = user;
    else
      called(user, n);
  }

 private:
  struct State {
    bool data = false;              // depends on the example
    LayerSummary* owner = nullptr;  // of what is made of parameters alone
    LayerSummary* loop = nullptr;   // whose steps it runs
    LayerSummary* rows = nullptr;   // of whose table it is rows
  };
  void called(LayerSummary* layer, const Node& n) {
    if (!layer) return;
    // The first result of a loop with the largest rank is the sequence.
    if (n.op().cls == OpClass::Get && layer->called && n.shape().rank() < layer->output.rank())
      return;
    layer->output = n.shape();
    layer->called = true;
  }
  LayerSummary* layer_of(const std::string& name) {
    for (std::string owner = parent(name);; owner = parent(owner)) {
      if (const auto found = by_path_.find(owner); found != by_path_.end())
        return &summary_.layers[found->second];
      if (owner.empty()) return nullptr;
    }
  }

  ModelSummary& summary_;
  const std::set<std::string>& tensors_;
  std::map<std::string, std::size_t> by_path_;
  std::map<const void*, State> states_;
};

std::string short_number(double x) {
  if (x >= 1e9) return fmt::format("{:.2f} G", x / 1e9);
  if (x >= 1e6) return fmt::format("{:.2f} M", x / 1e6);
  return x >= 1e3 ? fmt::format("{:.2f} k", x / 1e3) : fmt::format("{:.0f}", x);
}

}  // namespace

namespace detail {

ModelSummary summarize(const Graph& g, ConstModelRef model) {
  ModelSummary summary;
  LayerFinder finder;
  model.visit(finder);
  summary.layers = std::move(finder.layers);
  std::set<std::string> tensors;
  for (const auto& [name, tensor] : state_dict(model)) tensors.insert(name);
  for (const auto& [name, tensor] : named_parameters(model)) {
    summary.parameters += tensor.numel();
    LayerSummary* owner = nullptr;
    for (LayerSummary& layer : summary.layers) {
      const bool holds = layer.path.empty() || name.starts_with(layer.path + ".");
      if (holds && (!owner || layer.path.size() > owner->path.size())) owner = &layer;
    }
    if (owner) owner->parameters += tensor.numel();
  }
  Attribution attribution(&summary, tensors);
  for (const Node& n : g.nodes()) attribution.add(n);
  return summary;
}

}  // namespace detail

std::string ModelSummary::str() const {
  std::size_t name_width = 5, shape_width = 6;
  const auto name_of = [](const LayerSummary& l) {
    return l.path.empty() ? l.type : fmt::format("{} ({})", l.path, l.type);
  };
  const auto shape_of = [](const LayerSummary& l) { return l.called ? l.output.str() : "-"; };
  for (const LayerSummary& l : layers) {
    name_width = std::max(name_width, name_of(l).size());
    shape_width = std::max(shape_width, shape_of(l).size());
  }
  const auto row = [&](std::string_view name, std::string_view shape, std::string_view parameters,
                       std::string_view work) {
    return fmt::format("{:<{}}  {:<{}}  {:>12}  {:>10}\n", name, name_width, shape, shape_width,
                       parameters, work);
  };
  std::string text = row("layer", "output", "parameters", "FLOPs");
  for (const LayerSummary& l : layers)
    text += row(name_of(l), shape_of(l), fmt::format("{}", l.parameters), short_number(l.flops));
  return text + row("all", "", fmt::format("{}", parameters), short_number(flops));
}

std::ostream& operator<<(std::ostream& out, const ModelSummary& s) { return out << s.str(); }

}  // namespace lilith
