#include "runtime/cuda/graph.h"

#include "lilith/error.h"
#include "runtime/cuda/session.h"

namespace lilith::runtime::cuda {
namespace {

/// What a node is told. The driver copies the values that the pointers lead to.
class Params {
 public:
  explicit Params(const Launch& l) {
    for (const std::uint64_t& w : l.words) pointers_.push_back(const_cast<std::uint64_t*>(&w));
    params_.function = l.function;
    params_.grid[0] = l.blocks;
    params_.block[0] = l.threads;
    params_.params = pointers_.data();
  }
  Params(const Params&) = delete;
  const NodeParams* get() const { return &params_; }

 private:
  std::vector<void*> pointers_;
  NodeParams params_;
};

}  // namespace

void Graph::Destroy::operator()(GraphData* graph) const {
  if (const CurrentForRelease current(device->context_); current) api().cuGraphDestroy(graph);
}
void Graph::Destroy::operator()(ExecData* exec) const {
  const CurrentForRelease current(device->context_);
  if (!current) return;
  api().cuStreamSynchronize(device->stream_);  // it may still run
  api().cuGraphExecDestroy(exec);
}

Graph::Graph(Device& device, std::span<const Launch> launches,
             std::span<const std::vector<int>> after)
    : device_(device), graph_(nullptr, {&device}), exec_(nullptr, {&device}) {
  const Current current(device);
  GraphData* graph = nullptr;
  device.check(api().cuGraphCreate(&graph, 0), "cuGraphCreate");
  graph_.reset(graph);
  for (std::size_t k = 0; k < launches.size(); ++k) {
    std::vector<NodeData*> before;
    for (const int b : after[k]) before.push_back(nodes_.at(static_cast<std::size_t>(b)).node);
    nodes_.push_back({nullptr, launches[k].words});
    device.check(api().cuGraphAddKernelNode(&nodes_.back().node, graph, before.data(),
                                            before.size(), Params(launches[k]).get()),
                 "cuGraphAddKernelNode");
  }
  ExecData* exec = nullptr;
  device.check_with_room([&] { return api().cuGraphInstantiate(&exec, graph, 0); },
                         "cuGraphInstantiate");
  exec_.reset(exec);
}

Graph::~Graph() = default;

void Graph::run(std::span<const Launch> launches) {
  if (launches.size() != nodes_.size())
    throw InternalError("cuda: a graph is run with other launches than it was made of");
  const Current current(device_);
  for (std::size_t k = 0; k < nodes_.size(); ++k) {
    if (nodes_[k].words == launches[k].words) continue;
    device_.check(api().cuGraphExecKernelNodeSetParams(exec_.get(), nodes_[k].node,
                                                       Params(launches[k]).get()),
                  "cuGraphExecKernelNodeSetParams");
    nodes_[k].words = launches[k].words;
  }
  device_.check_with_room([&] { return api().cuGraphLaunch(exec_.get(), device_.stream_); },
                          "cuGraphLaunch");
}

}  // namespace lilith::runtime::cuda
