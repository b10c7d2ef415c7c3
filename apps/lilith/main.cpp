#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <numeric>
#include <vector>

#include "commands.h"
#include "lilith/error.h"

namespace {

// Letters that have to be inserted, deleted or replaced to make b of a.
std::size_t distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0]++;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] != b[j]);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

// A first argument that is no command and no option: an Error with the nearest command.
void check_command(const CLI::App& app, const std::string& given) {
  std::string names, nearest;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    const std::string& name = command->get_name();
    if (name == given) return;
    names += (names.empty() ? "" : ", ") + name;
    if (distance(given, name) < (nearest.empty() ? 4 : distance(given, nearest))) nearest = name;
  }
  lilith::fail("no command '{}'{}; there are: {}", given,
               nearest.empty() ? "" : ", do you mean '" + nearest + "'?", names);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Lilith: deep learning in C++. Results go to stdout, progress and logs to stderr.",
               "lilith"};
  app.require_subcommand(1);
  app.set_help_all_flag("--help-all", "Help of every command");
  try {
    lilith::cli::add_train(app);
    lilith::cli::add_bench(app);
    lilith::cli::add_inspect(app);
    lilith::cli::add_convert(app);
    lilith::cli::add_explain(app);
    lilith::cli::add_devices(app);
    lilith::cli::add_cache(app);
    if (argc > 1 && argv[1][0] != '-') check_command(app, argv[1]);
    if (argc > 2 && argv[1] == std::string("cache") && argv[2][0] != '-')
      check_command(*app.get_subcommand("cache"), argv[2]);
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
