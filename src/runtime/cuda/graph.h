#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "runtime/cuda/device.h"

namespace lilith::runtime::cuda {

/// Launches as one graph of the driver: a launch of the graph costs the host what one kernel does,
/// and kernels that do not wait for each other run side by side. Not thread-safe.
class Graph {
 public:
  /// after[k]: the launches, before k, that k waits for. The functions' modules outlive it.
  Graph(Device& device, std::span<const Launch> launches, std::span<const std::vector<int>> after);
  Graph(const Graph&) = delete;
  ~Graph();

  /// Enqueues all of it. The same launches as it was made of, but for their words: the nodes whose
  /// words have changed since the last run are told. Runs that were enqueued before keep theirs.
  void run(std::span<const Launch> launches);

 private:
  struct Destroy {
    Device* device;
    void operator()(GraphData* graph) const;
    void operator()(ExecData* exec) const;
  };
  struct Node {
    NodeData* node = nullptr;
    std::vector<std::uint64_t> words;  // as the driver has them
  };

  Device& device_;
  std::unique_ptr<GraphData, Destroy> graph_;
  std::unique_ptr<ExecData, Destroy> exec_;
  std::vector<Node> nodes_;
};

}  // namespace lilith::runtime::cuda
