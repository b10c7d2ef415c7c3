#include <fmt/format.h>
#include <lilith/io.h>
#include <lilith/runtime.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "compile_probe.h"
#include "fma_peak.h"
#include "lilith/devices.h"
#include "registry.h"

namespace lilith::cli {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using Json = nlohmann::ordered_json;

struct BenchOptions {
  std::vector<std::string> models;
  std::string device = "cpu", weights, dump;
  bool json = false, probe = false;
  int threads = 0, runs = 100, curve = 20, batches = 40;
  zoo::BenchArgs args;
};

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

// The weights of a file, by name, in place of the model's own.
void read_weights(const std::string& path, ModelRef model, Device device) {
  const TensorDict dict = load_tensors(path);
  StateDict state;
  for (const auto& [name, tensor] : dict) state.emplace(name, tensor);
  load_state_dict(model, state, {.source = path});
  move_to(device, model);
}

void dump(const std::string& folder, const std::string& name, zoo::BenchCase& bench,
          const std::vector<zoo::BenchCase::Batch>& batches) {
  fs::create_directories(folder);
  TensorDict weights, stream;
  for (const auto& [path, tensor] : state_dict(bench.model())) weights.add(path, tensor);
  for (std::size_t i = 0; i < batches.size(); ++i) {
    for (const auto& [field, tensor] : batches[i])
      stream.add(fmt::format("{}.{}", field, i), tensor);
  }
  save_tensors(weights, (fs::path(folder) / (name + ".weights.safetensors")).string());
  save_tensors(stream, (fs::path(folder) / (name + ".batches.safetensors")).string());
}

double rounded(double value, double digits) { return std::round(value * digits) / digits; }

struct Timing {
  std::vector<double> losses, times_ms;
  double last_loss = 0;
  double first_ms = 0;
};

// A step is timed from its batch to its loss on the host, as a training loop that reads every loss
// would see it.
Timing time_steps(zoo::BenchCase& bench, const std::vector<zoo::BenchCase::Batch>& batches,
                  const BenchOptions& o) {
  Timing t;
  for (int i = 0; i < o.curve + o.runs; ++i) {
    const auto start = Clock::now();
    t.last_loss = bench.step(batches[static_cast<std::size_t>(i) % batches.size()]).item<double>();
    const double ms = ms_since(start);
    if (i == 0) t.first_ms = ms;
    if (i < o.curve)
      t.losses.push_back(t.last_loss);
    else
      t.times_ms.push_back(ms);
  }
  return t;
}

double median(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  const std::size_t n = v.size();
  return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

Json measure(const zoo::Entry& entry, const BenchOptions& o) {
  const auto bench = entry.bench(o.args);
  if (!o.weights.empty()) read_weights(o.weights, bench->model(), o.args.device);
  std::vector<zoo::BenchCase::Batch> batches;
  for (int i = 0; i < o.batches; ++i) batches.push_back(bench->batch(i));
  if (!o.dump.empty()) dump(o.dump, entry.name, *bench, batches);
  const std::array<double, 2> compile_ms =
      probe_compile(entry.name, o.device, o.args.batch_size, o.threads);
  const Timing t = time_steps(*bench, batches, o);
  const double peak = fma_peak_gflops(num_threads());
  const auto program = bench->program();
  const double middle = median(t.times_ms),
               least = *std::min_element(t.times_ms.begin(), t.times_ms.end());
  const double gflops = bench->flops() / middle * 1e-6;
  Json j;
  j["name"] = entry.name;
  j["mode"] = "train";
  j["batch"] = bench->batch_size();
  j["device"] = o.args.device.str();
  j["threads"] = num_threads();
  j["median_ms"] = rounded(middle, 1e4);
  j["min_ms"] = rounded(least, 1e4);
  j["runs"] = o.runs;
  j["gflops"] = rounded(gflops, 10);
  j["peak_gflops"] = rounded(peak, 10);
  j["percent_of_peak"] = rounded(100 * gflops / peak, 10);
  j["compile_ms_cold"] = rounded(compile_ms[0], 10);
  j["compile_ms_warm"] = rounded(compile_ms[1], 10);
  j["kernels"] = program.kernels;
  j["arena_bytes"] = program.arena_bytes;
  j["loss"] = t.last_loss;
  j["seed"] = o.args.seed;
  j["losses"] = t.losses;
  Json times = Json::array();
  for (double ms : t.times_ms) times.push_back(rounded(ms, 1e4));
  j["times_ms"] = times;
  return j;
}

void print_row(const Json& j, bool with_header) {
  if (with_header) {
    fmt::print("{:<8} {:>5} {:>10} {:>10} {:>9} {:>9} {:>6} {:>8} {:>8} {:>7} {:>10} {:>12}\n",
               "name", "batch", "median ms", "min ms", "GFLOP/s", "peak", "%", "cold ms", "warm ms",
               "kernels", "arena B", "loss");
  }
  fmt::print(
      "{:<8} {:>5} {:>10.4f} {:>10.4f} {:>9.1f} {:>9.1f} {:>6.1f} {:>8.1f} {:>8.1f} {:>7} {:>10} "
      "{:>12.6f}\n",
      j["name"].get<std::string>(), j["batch"].get<std::int64_t>(), j["median_ms"].get<double>(),
      j["min_ms"].get<double>(), j["gflops"].get<double>(), j["peak_gflops"].get<double>(),
      j["percent_of_peak"].get<double>(), j["compile_ms_cold"].get<double>(),
      j["compile_ms_warm"].get<double>(), j["kernels"].get<std::int64_t>(),
      j["arena_bytes"].get<std::int64_t>(), j["loss"].get<double>());
}

std::vector<const zoo::Entry*> chosen(const std::vector<std::string>& names) {
  std::vector<const zoo::Entry*> entries;
  for (const std::string& name : names) {
    if (name == "all") {
      for (const auto& e : zoo::models()) {
        if (e.bench) entries.push_back(&e);
      }
      continue;
    }
    const zoo::Entry& entry = zoo::find_model(name);
    LILITH_CHECK(entry.bench != nullptr, "bench: '{}' has no benchmark", name);
    entries.push_back(&entry);
  }
  return entries;
}

void run_bench(BenchOptions& o) {
  const auto entries = chosen(o.models);
  LILITH_CHECK(o.weights.empty() || entries.size() == 1,
               "--weights: a file fits one model; {} are asked for", entries.size());
  o.args.device = parse_device(o.device, {});
  if (o.threads > 0) set_num_threads(o.threads);
  if (o.probe) {
    fmt::print("{}\n", probe_here(*entries.at(0), o.args));
    return;
  }
  for (const zoo::Entry* entry : entries) {
    const Json j = measure(*entry, o);
    if (o.json)
      fmt::print("{}\n", j.dump());
    else
      print_row(j, entry == entries.front());
    std::fflush(stdout);
  }
}

}  // namespace

void add_bench(CLI::App& app) {
  auto* command = app.add_subcommand(
      "bench", "Time whole training steps of zoo models, each with a fresh batch");
  auto o = std::make_shared<BenchOptions>();
  command->add_option("models", o->models, "Names of models, or all")->required();
  command->add_flag("--json", o->json, "A line of JSON for each model");
  command->add_option("--data", o->args.data,
                      "Folder with MNIST; without it, built-in drawn digits");
  command->add_option("--batch-size", o->args.batch_size, "Examples a step (default 100)")
      ->check(above_zero());
  add_device_option(command, &o->device);
  add_precision(command);
  command->add_option("--threads", o->threads, "Threads to run on (default: the cores there are)")
      ->check(above_zero());
  command->add_option("--runs", o->runs, "Timed steps")->check(above_zero())->capture_default_str();
  command->add_option("--curve", o->curve, "Steps before, whose losses are reported")
      ->check(above_zero())
      ->capture_default_str();
  command->add_option("--batches", o->batches, "Different batches, taken in turn")
      ->check(above_zero())
      ->capture_default_str();
  command->add_option("--seed", o->args.seed, "Of initial weights, batches and noise")
      ->check(not_negative())
      ->capture_default_str();
  command->add_option("--weights", o->weights, "Safetensors file with the initial weights");
  command->add_option("--dump", o->dump,
                      "Folder for MODEL.weights.safetensors and MODEL.batches.safetensors");
  command->add_flag("--probe-compile", o->probe)->group("");
  command->callback([o] { run_bench(*o); });
}

}  // namespace lilith::cli
