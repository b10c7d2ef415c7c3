#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "lilith/devices.h"
#include "registry.h"

namespace lilith::cli {
namespace {

std::string model_list() {
  std::string text = "Models:";
  for (const auto& m : zoo::models()) text += fmt::format("\n  {:<15} {}", m.name, m.summary);
  return text;
}

std::string json_line(const zoo::TrainReport& r) {
  nlohmann::ordered_json j;
  j["model"] = r.model;
  j["data"] = r.data;
  j["epochs"] = r.epochs;
  j["seed"] = r.seed;
  if (r.train_loss) j["train_loss"] = *r.train_loss;
  if (r.test_accuracy) j["test_accuracy"] = *r.test_accuracy;
  if (r.test_loss) j["test_loss"] = *r.test_loss;
  j["seconds"] = std::round(r.seconds * 1000) / 1000;
  if (r.interrupted) j["interrupted"] = true;
  if (!r.details.empty()) j.update(nlohmann::ordered_json::parse(r.details));
  return j.dump();
}

// Whether a run without --out that Ctrl-C ended left a checkpoint in the working folder.
bool left_by_interrupt() {
  for (const auto& file : std::filesystem::directory_iterator(".")) {
    if (file.path().filename().string().starts_with("lilith-interrupted")) return true;
  }
  return false;
}

}  // namespace

void add_train(CLI::App& app) {
  auto* command = app.add_subcommand(
      "train", "Train a model of the zoo and report its score as a line of JSON");
  struct Options {
    std::string model, device = "cpu";
    zoo::TrainArgs args;
  };
  auto o = std::make_shared<Options>();
  command->add_option("model", o->model, "Name of the model")->required();
  command->add_option("--data", o->args.data,
                      "Folder with the data set, or a text; without it, built-in generated data");
  command->add_option("--weights", o->args.weights,
                      "File of weights to begin with; without --epochs it is scored, not trained");
  command->add_option("--epochs", o->args.epochs, "Passes over the data (default: the model's)")
      ->check(above_zero());
  command->add_option("--batch-size", o->args.batch_size, "Examples a step (default: the model's)")
      ->check(above_zero());
  command->add_option("--lr", o->args.lr, "Learning rate (default: the model's)")
      ->check(above_zero());
  add_device_option(command, &o->device);
  add_precision(command);
  command->add_option("--out", o->args.out,
                      "Folder for the model, metrics.csv, curves.png and the checkpoint");
  command->add_flag("--resume", o->args.resume,
                    "Go on from the checkpoint in --out, or from what Ctrl-C left in this folder");
  command->add_option("--seed", o->args.seed, "Of initial weights, order and noise")
      ->check(not_negative())
      ->capture_default_str();
  command->footer(model_list);
  command->callback([o] {
    const zoo::Entry& entry = zoo::find_model(o->model);
    LILITH_CHECK(!o->args.resume || !o->args.out.empty() || left_by_interrupt(),
                 "--resume: no --out, the folder that holds the checkpoint, and no "
                 "lilith-interrupted.safetensors in this folder");
    LILITH_CHECK(o->args.weights.empty() || entry.takes_weights,
                 "--weights: '{}' begins with weights of its own", entry.name);
    o->args.device = parse_device(o->device, {});
    const zoo::TrainReport report = entry.train(o->args);
    fmt::print("{}\n", json_line(report));
    // As a shell reports a process that the signal ended.
    if (report.interrupted) throw CLI::RuntimeError(128 + report.signal);
  });
}

}  // namespace lilith::cli
