// Training steps, or forward passes, of models too large for the zoo, and forward passes of the
// zoo's; benchmarks/peers/torch_large.py runs the same in PyTorch, from the weights that
// --save-initial writes.
#include <fmt/format.h>
#include <lilith/autocast.h>
#include <lilith/devices.h>
#include <lilith/init.h>
#include <lilith/io.h>
#include <lilith/ops.h>
#include <lilith/runtime.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/lilith/fma_peak.h"
#include "workload.h"

namespace {

using namespace lilith;
using bench::Batch, bench::Workload;
using Clock = std::chrono::steady_clock;
using Json = nlohmann::ordered_json;

const std::map<std::string, std::unique_ptr<Workload> (*)(std::int64_t, double)> kModels = {
    {"gpt", bench::make_gpt}, {"lstm", bench::make_lstm},   {"resnet18", bench::make_resnet18},
    {"cnn", bench::make_cnn}, {"lenet", bench::make_lenet}, {"vae", bench::make_vae}};

struct Options {
  std::string model, save_initial, html, device = "cpu", autocast;
  int steps = 20, curve = 5, batches = 40, threads = 0;
  std::int64_t batch = 0, seed = 0;
  std::vector<std::int64_t> before;
  double lr = 1e-3;
  bool json = false, infer = false, losses = false;
};

struct Timing {
  std::vector<double> losses;    // of every step
  std::vector<double> times_ms;  // of every step, the first ones too
  double compile_ms() const {
    return std::max(0.0, times_ms[0] - *std::min_element(times_ms.begin(), times_ms.end()));
  }
};

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

// A step is timed from its batch to its loss (its logits) on the host.
double step(Workload& w, const Batch& b, bool infer, double* ms) {
  const auto start = Clock::now();
  const Tensor result = infer ? w.infer(b.x) : w.step(b);
  const Tensor here = result.to(cpu());
  here.raw_data();
  *ms = ms_since(start);
  if (!infer) return here.item<double>();
  return cross_entropy_loss(result.flatten(0, -2), b.y.flatten()).item<double>();
}

Timing time_steps(Workload& w, const Options& o) {
  std::vector<Batch> batches;
  const int steps = o.curve + o.steps;
  const Device device = parse_device(o.device);
  move_to(device, w.model());
  for (int i = 0; i < std::min(steps, o.batches); ++i) {
    const Batch b = w.batch(i);
    batches.push_back({b.x.to(device), b.y.to(device)});
  }
  for (const std::int64_t n : o.before) {
    double ms = 0;
    step(w, {batches[0].x.narrow(0, 0, n), batches[0].y.narrow(0, 0, n)}, o.infer, &ms);
  }
  Timing t;
  for (int i = 0; i < steps; ++i) {
    double ms = 0;
    const double loss =
        step(w, batches[static_cast<std::size_t>(i) % batches.size()], o.infer, &ms);
    t.times_ms.push_back(ms);
    t.losses.push_back(loss);
    if (o.losses) fmt::print("step {} loss {:.7f}\n", i, loss);
  }
  return t;
}

double median(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  const std::size_t n = v.size();
  return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

double rounded(double value, double digits) { return std::round(value * digits) / digits; }

Json measure(Workload& w, const Options& o) {
  const Timing t = time_steps(w, o);
  const std::vector<double> timed(t.times_ms.begin() + o.curve, t.times_ms.end());
  const double middle = median(timed), peak = cli::fma_peak_gflops(num_threads());
  const double gflops =
      2e-6 * w.multiply_adds(!o.infer) * static_cast<double>(w.batch_size()) / middle;
  const CompiledStats stats = w.stats();
  Json j;
  j["name"] = o.model;
  j["mode"] = o.infer ? "infer" : "train";
  j["batch"] = w.batch_size();
  j["device"] = o.device;
  j["threads"] = num_threads();
  j["median_ms"] = rounded(middle, 1e4);
  j["min_ms"] = rounded(*std::min_element(timed.begin(), timed.end()), 1e4);
  j["runs"] = o.steps;
  j["gflops"] = rounded(gflops, 10);
  j["peak_gflops"] = rounded(peak, 10);
  j["percent_of_peak"] = rounded(100 * gflops / peak, 10);
  j["compile_ms_cold"] = rounded(t.compile_ms(), 10);
  j["kernels"] = stats.kernels;
  j["arena_bytes"] = stats.arena_bytes;
  j["loss"] = t.losses.back();
  j["seed"] = o.seed;
  j["losses"] = std::vector<double>(t.losses.begin(), t.losses.begin() + o.curve);
  Json times = Json::array();
  for (double ms : timed) times.push_back(rounded(ms, 1e4));
  j["times_ms"] = times;
  return j;
}

void print_row(const Json& j) {
  fmt::print("{:<8} {:>5} {:>5} {:>10} {:>10} {:>9} {:>6} {:>8} {:>7} {:>11} {:>10}\n", "name",
             "mode", "batch", "median ms", "min ms", "GFLOP/s", "%", "cold ms", "kernels",
             "arena B", "loss");
  fmt::print(
      "{:<8} {:>5} {:>5} {:>10.3f} {:>10.3f} {:>9.1f} {:>6.1f} {:>8.1f} {:>7} {:>11} {:>10.6f}\n",
      j["name"].get<std::string>(), j["mode"].get<std::string>(), j["batch"].get<std::int64_t>(),
      j["median_ms"].get<double>(), j["min_ms"].get<double>(), j["gflops"].get<double>(),
      j["percent_of_peak"].get<double>(), j["compile_ms_cold"].get<double>(),
      j["kernels"].get<std::int64_t>(), j["arena_bytes"].get<std::int64_t>(),
      j["loss"].get<double>());
}

void run(const Options& o) {
  if (o.threads > 0) set_num_threads(o.threads);
  manual_seed(static_cast<std::uint64_t>(o.seed));
  const auto workload = kModels.at(o.model)(o.batch, o.lr);
  eval_pending(workload->model());
  if (!o.save_initial.empty()) save(workload->model(), o.save_initial);
  if (o.steps == 0) return;
  set_time_kernels(!o.html.empty());
  const Autocast scope(o.autocast.empty() ? std::optional<DType>() : dtype_from_name(o.autocast));
  const Json j = measure(*workload, o);
  if (!o.html.empty()) workload->explain_html(o.html);
  if (o.json)
    fmt::print("{}\n", j.dump());
  else
    print_row(j);
}

void add_options(CLI::App& app, Options& o) {
  std::vector<std::string> names;
  for (const auto& [name, make] : kModels) names.push_back(name);
  app.add_option("model", o.model, "gpt, lstm, resnet18; forward cnn, lenet and vae too")
      ->required()
      ->check(CLI::IsMember(names));
  app.add_option("--steps", o.steps, "Timed steps; 0: none, only the weights are saved")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--curve", o.curve, "Steps before, whose losses are reported")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--batches", o.batches, "Different batches, taken in turn")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--batch", o.batch, "Examples a step (default 16, 64, 128)")
      ->check(CLI::PositiveNumber);
  app.add_option("--before", o.before,
                 "Examples of steps that run before, fewer than in a batch: what is timed is then "
                 "the program for all sizes")
      ->check(CLI::PositiveNumber)
      ->delimiter(',');
  app.add_option("--lr", o.lr, "Of Adam")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--threads", o.threads, "Threads to run on (default: the cores there are)")
      ->check(CLI::PositiveNumber);
  app.add_option("--device", o.device, "cpu, cuda, cuda:1, opencl:0 or best")
      ->envname("LILITH_DEVICE")
      ->capture_default_str();
  app.add_option("--seed", o.seed, "Of the initial weights")->check(CLI::NonNegativeNumber);
  app.add_option("--save-initial", o.save_initial,
                 "Safetensors file that gets the initial weights, by PyTorch's keys");
  app.add_option("--html", o.html,
                 "File for a page about the program; kernels are timed, one by one");
  app.add_option("--autocast", o.autocast, "Products in this dtype")
      ->check(CLI::IsMember({"bf16", "f16"}));
  app.add_flag("--infer", o.infer, "The forward pass alone, in test mode");
  app.add_flag("--json", o.json, "A line of JSON");
  app.add_flag("--losses", o.losses, "A line with the loss of each step");
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Times steps of gpt, lstm or resnet18, compiled.", "large_models"};
  Options options;
  add_options(app, options);
  CLI11_PARSE(app, argc, argv);
  try {
    run(options);
  } catch (const std::exception& e) {
    fmt::print(stderr, "large_models: {}\n", e.what());
    return 1;
  }
  return 0;
}
