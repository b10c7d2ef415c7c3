#include <fmt/format.h>

#include <fstream>

#include "commands.h"
#include "lilith/compile.h"
#include "lilith/devices.h"
#include "lilith/graph_names.h"
#include "lilith/io.h"
#include "lilith/ops.h"
#include "registry.h"

namespace lilith::cli {
namespace {

std::string text_of(const std::string& path) {
  std::ifstream in(path);
  LILITH_CHECK(in.good(), "explain: cannot read {}", path);
  return {std::istreambuf_iterator<char>(in), {}};
}

struct KernelsTimed {
  KernelsTimed() { set_time_kernels(true); }
  ~KernelsTimed() { set_time_kernels(before); }
  const bool before = time_kernels();
};

/// Runs a step a few times with its kernels timed.
template <class F>
void time_steps(F&& step) {
  constexpr int kSteps = 10;
  const KernelsTimed timed;
  for (int k = 0; k < kSteps; ++k) step();
}

/// Compiles and runs a case that LILITH_DUMP left: the program, then a line for each output, and
/// the program's page (empty: none).
void replay(const std::string& dir, const std::string& html) {
  const Graph g = parse_graph(text_of(dir + "/graph.txt"));
  const TensorDict stored = load_tensors(dir + "/inputs.safetensors");
  std::vector<Tensor> inputs;
  for (std::size_t k = 0; k < g.inputs().size(); ++k)
    inputs.push_back(stored[std::to_string(k)].to(g.inputs()[k].device()));
  const CompiledGraph f = compile(g);
  const std::vector<Tensor> outputs = f(inputs);
  time_steps([&] { f(inputs); });
  fmt::print("{}\n", f.explain());
  if (!html.empty()) f.explain_html(html);
  for (std::size_t k = 0; k < outputs.size(); ++k) {
    const Tensor x = outputs[k].to(kFloat64);
    fmt::print("output {}: {}", k, outputs[k].aval().str());
    if (x.numel() > 0)
      fmt::print("  min {:.9g}  max {:.9g}  mean {:.9g}", amin(x).item<double>(),
                 amax(x).item<double>(), x.mean().item<double>());
    fmt::print("\n");
  }
}

}  // namespace

void add_explain(CLI::App& app) {
  struct Options {
    std::string model, replay, html, device = "cpu";
    zoo::BenchArgs args;
  };
  auto* command =
      app.add_subcommand("explain",
                         "Show the program of a zoo model's training step, or of a case that "
                         "LILITH_DUMP left: kernels, their times, what each fuses, memory");
  auto o = std::make_shared<Options>();
  auto* model = command->add_option("model", o->model, "Name of the model");
  command->add_option("--replay", o->replay, "Folder of a case: run it again")->excludes(model);
  command->add_option("--html", o->html,
                      "File for a page that shows it all: graphs, kernels with their code, memory");
  command->add_option("--batch-size", o->args.batch_size, "Examples a step (default 100)")
      ->check(above_zero());
  add_device_option(command, &o->device);
  add_precision(command);
  command->callback([o] {
    if (!o->replay.empty()) return replay(o->replay, o->html);
    LILITH_CHECK(!o->model.empty(), "explain: name a model, or a case with --replay");
    const zoo::Entry& entry = zoo::find_model(o->model);
    LILITH_CHECK(entry.bench != nullptr, "explain: '{}' has no single training step to explain",
                 o->model);
    o->args.device = parse_device(o->device, {});
    const auto bench = entry.bench(o->args);
    bench->step(bench->batch(0)).item<double>();
    time_steps([&] { bench->step(bench->batch(0)).item<double>(); });
    fmt::print("{}\n", bench->program().text);
    if (!o->html.empty()) bench->explain_html(o->html);
  });
}

}  // namespace lilith::cli
