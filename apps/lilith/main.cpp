#include <fmt/format.h>

#include <cstdio>
#include <exception>

#include "commands.h"

int main(int argc, char** argv) {
  CLI::App app{"Lilith: deep learning in C++. Results go to stdout, progress and logs to stderr.",
               "lilith"};
  app.require_subcommand(1);
  app.set_help_all_flag("--help-all", "Help of every command");
  try {
    lilith::cli::add_train(app);
    lilith::cli::add_bench(app);
    lilith::cli::add_inspect(app);
    lilith::cli::add_explain(app);
    lilith::cli::add_devices(app);
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e);
  } catch (const std::exception& e) {
    std::fflush(stdout);
    fmt::print(stderr, "lilith: {}\n", e.what());
    return 1;
  }
  if (std::fflush(stdout) != 0) {
    fmt::print(stderr, "lilith: cannot write to stdout\n");
    return 1;
  }
  return 0;
}
