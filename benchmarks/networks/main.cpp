// Forward passes of real networks with random weights; benchmarks/peers/networks.py runs the same
// in PyTorch and ONNX Runtime, from the weights that --save writes.
#include <fmt/format.h>
#include <lilith/compile.h>
#include <lilith/init.h>
#include <lilith/io.h>
#include <lilith/ops.h>
#include <lilith/runtime.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <vector>

#include "networks.h"

namespace lilith::bench {

const std::map<std::string, NetworkKind>& networks() {
  static const auto* all = [] {
    auto* made = new std::map<std::string, NetworkKind>;
    add_convolutional(made);
    add_mobile(made);
    add_transformers(made);
    return made;
  }();
  return *all;
}

namespace {

struct Options {
  std::string name, save;
  std::int64_t batch = 1;
  int runs = 20, threads = 0;
  bool explain = false;
};

constexpr std::int64_t kLength = 128;

// Element k is a wave of k, or a symbol that follows from it: any language makes the same.
Tensor input_of(const NetworkKind& kind, std::int64_t batch) {
  if (kind.side > 0) {
    const Shape shape{batch, 3, kind.side, kind.side};
    return sin(arange(static_cast<double>(shape.numel()), {.dtype = kFloat64}) * 0.37)
        .to(kFloat32)
        .reshape(shape);
  }
  return (arange(batch * kLength) * 7919 % kind.symbols).reshape({batch, kLength});
}

void run(const Options& o) {
  if (o.threads > 0) set_num_threads(o.threads);
  set_time_kernels(o.explain);
  manual_seed(0);
  const NetworkKind& kind = networks().at(o.name);
  const std::unique_ptr<Network> net = kind.make();
  eval_pending(net->model());
  if (!o.save.empty()) {
    save(net->model(), o.save);
    // A file keeps no order.
    nlohmann::ordered_json names = nlohmann::ordered_json::array();
    for (const auto& [name, tensor] : named_parameters(net->model())) names.push_back(name);
    for (const auto& [name, tensor] : named_buffers(net->model())) names.push_back(name);
    fmt::print("{}\n", names.dump());
  }
  if (o.runs == 0) return;
  using Clock = std::chrono::steady_clock;
  std::vector<double> ms;
  Tensor y;
  for (int i = 0; i <= o.runs; ++i) {
    // In other memory: nothing that was made of one input serves the next.
    const Tensor x = input_of(kind, o.batch);
    eval(x);
    const auto start = Clock::now();
    y = (*net)(x);
    y.raw_data();
    ms.push_back(std::chrono::duration<double, std::milli>(Clock::now() - start).count());
  }
  if (o.explain) fmt::print("{}\n", net->explain());
  nlohmann::ordered_json j;
  j["name"] = o.name;
  j["batch"] = o.batch;
  j["threads"] = num_threads();
  j["first_ms"] = ms[0];
  ms.erase(ms.begin());
  j["times_ms"] = ms;
  std::sort(ms.begin(), ms.end());
  j["median_ms"] = ms[ms.size() / 2];
  j["min_ms"] = ms[0];
  j["outputs"] = y.flatten().narrow(0, 0, 8).to_vector<float>();
  fmt::print("{}\n", j.dump());
}

}  // namespace
}  // namespace lilith::bench

int main(int argc, char** argv) {
  CLI::App app("Forward passes of real networks, as a line of JSON.");
  lilith::bench::Options o;
  std::vector<std::string> names;
  for (const auto& [name, kind] : lilith::bench::networks()) names.push_back(name);
  app.add_option("name", o.name, "Of the network")->required()->check(CLI::IsMember(names));
  app.add_option("--batch", o.batch, "Examples a pass")->check(CLI::PositiveNumber);
  app.add_option("--runs", o.runs, "Timed passes; 0: only the weights are saved")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--threads", o.threads, "Threads to run on (default: the cores there are)");
  app.add_option("--save", o.save,
                 "Safetensors file that gets the weights; their names are printed in order");
  app.add_flag("--explain", o.explain,
               "Its kernels and the times of each, which a pass then takes longer for");
  CLI11_PARSE(app, argc, argv);
  try {
    lilith::bench::run(o);
  } catch (const std::exception& e) {
    fmt::print(stderr, "{}\n", e.what());
    return 1;
  }
  return 0;
}
