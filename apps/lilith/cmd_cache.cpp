#include <fmt/format.h>

#include <memory>

#include "commands.h"
#include "lilith/disk_cache.h"
#include "lilith/error.h"

namespace lilith::cli {
namespace {

std::string mebibytes(std::int64_t bytes) {
  return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1 << 20));
}

void check_there_is_one() {
  LILITH_CHECK(!disk_cache_folder().empty(),
               "cache: nothing is kept on disk: LILITH_CACHE is off, or there is no home");
}

void print_stats() {
  check_there_is_one();
  std::int64_t entries = 0, bytes = 0;
  for (const DiskCacheKind& kind : disk_cache_contents()) {
    fmt::print("{:<10} {:>7}  {:>12}\n", kind.name, kind.entries, mebibytes(kind.bytes));
    entries += kind.entries;
    bytes += kind.bytes;
  }
  fmt::print("{:<10} {:>7}  {:>12} of {}, in {}\n", "all", entries, mebibytes(bytes),
             mebibytes(disk_cache_limit_bytes()), disk_cache_folder());
}

void verify() {
  check_there_is_one();
  const DiskCacheCheck check = verify_disk_cache();
  fmt::print("{} entries are good, {} were damaged and are removed\n", check.good, check.dropped);
}

}  // namespace

void add_cache(CLI::App& app) {
  auto* command = app.add_subcommand("cache", "What is kept on disk of compiled programs");
  command->require_subcommand(1);
  command->add_subcommand("path", "Print its folder")->callback([] {
    check_there_is_one();
    fmt::print("{}\n", disk_cache_folder());
  });
  command->add_subcommand("stats", "How many entries of which kind there are, and their size")
      ->callback(print_stats);
  command->add_subcommand("clear", "Remove all entries")->callback([] {
    check_there_is_one();
    fmt::print("{} entries removed\n", clear_disk_cache());
  });
  command->add_subcommand("verify", "Read all entries and remove damaged ones")->callback(verify);
  auto* pack = command->add_subcommand(
      "pack", "Copy all entries into a folder to ship beside a program (LILITH_CACHE_PACK)");
  const auto folder = std::make_shared<std::string>();
  pack->add_option("DIR", *folder, "The folder")->required();
  pack->callback([folder] { fmt::print("{} entries in {}\n", pack_disk_cache(*folder), *folder); });
}

}  // namespace lilith::cli
