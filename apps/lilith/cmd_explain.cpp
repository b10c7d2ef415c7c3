#include <fmt/format.h>

#include "commands.h"
#include "device_option.h"
#include "registry.h"

namespace lilith::cli {

void add_explain(CLI::App& app) {
  struct Options {
    std::string model, device = "cpu";
    zoo::BenchArgs args;
  };
  auto* command =
      app.add_subcommand("explain",
                         "Show the program of a zoo model's training step: kernels, what each "
                         "fuses, memory");
  auto o = std::make_shared<Options>();
  command->add_option("model", o->model, "Name of the model")->required();
  command->add_option("--batch-size", o->args.batch_size, "Examples a step (default 100)")
      ->check(CLI::PositiveNumber);
  command->add_option("--device", o->device, "cpu, cuda, cuda:1, opencl:0 or best")
      ->capture_default_str();
  command->callback([o] {
    const zoo::Entry& entry = zoo::find_model(o->model);
    LILITH_CHECK(entry.bench != nullptr, "explain: '{}' has no single training step to explain",
                 o->model);
    o->args.device = parse_device(o->device);
    const auto bench = entry.bench(o->args);
    bench->step(bench->batch(0)).item<double>();
    fmt::print("{}\n", bench->program().text);
  });
}

}  // namespace lilith::cli
