#pragma once
#include <CLI/CLI.hpp>

namespace lilith::cli {

// Each adds its subcommand; the callback runs it and throws lilith::Error when it fails.
void add_train(CLI::App& app);
void add_bench(CLI::App& app);
void add_inspect(CLI::App& app);
void add_explain(CLI::App& app);
void add_devices(CLI::App& app);

}  // namespace lilith::cli
