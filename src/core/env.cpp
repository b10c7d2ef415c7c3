#include "core/env.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include "lilith/error.h"

namespace lilith::env {
namespace {

struct Row {
  std::string_view name;
  std::string_view meaning;
  std::string value;
};

std::vector<Row> read_table() {
  std::vector<Row> rows = {
      {"LILITH_DEBUG", "levels 1 to 6, with filters by topic: \"1;5,codegen/llvm\"", {}},
      {"LILITH_DUMP", "a folder that gets graphs, plans, kernels and cases to replay", {}},
      {"LILITH_DUMP_PLANS", "a folder for the plan of each program (tools/kernel_diff)", {}},
      {"LILITH_VERIFY", "1: verify the graph after each pass", {}},
      {"LILITH_DISABLE", "passes and features to skip: \"cse,fuse\"", {}},
      {"LILITH_EAGER", "1: evaluate one op at a time", {}},
      {"LILITH_CHECK_NAN", "1: name the op and the line that first make a NaN", {}},
      {"LILITH_SHARED", "the folder of real data and goldens for tests", {}},
      {"LILITH_CPU", "code for avx512, avx2 or baseline; unset: the best this CPU runs", {}},
      {"LILITH_CUDA_DRIVER", "the library of CUDA's driver; unset: libcuda.so.1", {}},
      {"LILITH_NVRTC", "the library of CUDA's compiler; unset: libnvrtc.so.13 or .12", {}},
      {"LILITH_DEVICE", "what --device of the commands is where it is not given", {}},
      {"LILITH_PRECISION", "highest, high or medium: what set_precision begins with", {}},
      {"LILITH_NUM_THREADS", "threads of the team; unset: the cores this process may use", {}},
      {"LILITH_TUNE",
       "1: time the ways of each compiled function's kernels at its second call",
       {}},
      {"LILITH_SPIN", "0: idle workers sleep at once", {}},
      {"LILITH_CACHE_PACK", "a folder of compiled programs that came with this one", {}},
      {"LILITH_CACHE",
       "the folder that keeps compiled programs; off: none; unset: ~/.cache/lilith",
       {}},
  };
  for (Row& row : rows) {
    if (const char* value = std::getenv(std::string(row.name).c_str())) row.value = value;
  }
  return rows;
}

struct DebugRule {
  int level;
  std::string topic;
};

struct Settings {
  std::vector<Row> rows = read_table();
  std::vector<DebugRule> debug;
  std::vector<std::string> disabled;
  std::string dump, cache;
  bool verify = false, eager = false, check_nan = false;
  Settings() { parse(); }
  const Row& row(std::string_view name) const;
  void parse();
};

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    std::string_view part = text.substr(0, end);
    while (part.starts_with(' ')) part.remove_prefix(1);
    while (part.ends_with(' ')) part.remove_suffix(1);
    if (!part.empty()) parts.emplace_back(part);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

// What the XDG base directory specification says; relative paths count for nothing.
std::string user_cache_dir() {
  const auto absolute = [](const char* variable) -> std::string {
    const char* value = std::getenv(variable);
    return value && value[0] == '/' ? value : "";
  };
  if (const std::string cache = absolute("XDG_CACHE_HOME"); !cache.empty())
    return cache + "/lilith";
  const std::string home = absolute("HOME");
  return home.empty() ? "" : home + "/.cache/lilith";
}

bool is_on(std::string_view v) { return !(v.empty() || v == "0" || v == "off" || v == "false"); }

std::string cache_folder(const std::string& asked) {
  if (asked.empty()) return user_cache_dir();
  std::error_code fault;  // without a working directory there is no such folder
  return is_on(asked) ? std::filesystem::absolute(asked, fault).string() : "";
}

int parse_int(std::string_view variable, std::string_view value) {
  int out = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), out);
  // Without a line: no line of the program is at fault.
  if (error != std::errc{} || end != value.data() + value.size())
    throw Error(fmt::format("{}: '{}' is no whole number", variable, value));
  return out;
}

const Row& Settings::row(std::string_view name) const {
  for (const Row& r : rows) {
    if (r.name == name) return r;
  }
  throw InternalError("env: no variable " + std::string(name) + " in the table of core/env.cpp");
}

void Settings::parse() {
  debug.clear();
  for (const std::string& part : split(row("LILITH_DEBUG").value, ';')) {
    const std::size_t comma = std::min(part.find(','), part.size());
    const int level = parse_int("LILITH_DEBUG", std::string_view(part).substr(0, comma));
    debug.push_back({level, comma < part.size() ? part.substr(comma + 1) : ""});
  }
  disabled = split(row("LILITH_DISABLE").value, ',');
  dump = row("LILITH_DUMP").value;
  cache = cache_folder(row("LILITH_CACHE").value);
  verify = is_on(row("LILITH_VERIFY").value);
#ifndef NDEBUG
  verify = verify || row("LILITH_VERIFY").value.empty();
#endif
  eager = is_on(row("LILITH_EAGER").value);
  check_nan = is_on(row("LILITH_CHECK_NAN").value);
}

Settings& settings() {
  static Settings* s = new Settings;  // lives through static destruction
  return *s;
}

}  // namespace

const std::string& text(std::string_view variable) { return settings().row(variable).value; }

bool flag(std::string_view variable) { return is_on(text(variable)); }

int integer(std::string_view variable, int fallback) {
  const std::string& value = text(variable);
  return value.empty() ? fallback : parse_int(variable, value);
}

bool debug(int level, std::string_view topic) {
  for (const DebugRule& rule : settings().debug) {
    if (rule.level >= level && (rule.topic.empty() || topic.starts_with(rule.topic))) return true;
  }
  return false;
}

int debug_level() {
  int most = 0;
  for (const DebugRule& rule : settings().debug) most = std::max(most, rule.level);
  return most;
}

const std::string& dump_dir() { return settings().dump; }
const std::string& cache_dir() { return settings().cache; }
bool verify() { return settings().verify; }
bool eager() { return settings().eager; }
bool check_nan() { return settings().check_nan; }

const std::vector<std::string>& disabled() { return settings().disabled; }

bool disabled(std::string_view what) {
  const auto& names = settings().disabled;
  return std::find(names.begin(), names.end(), what) != names.end();
}

namespace {
std::vector<void (*)()>& readers() {
  static std::vector<void (*)()> all;
  return all;
}
}  // namespace

bool before_set(void (*stop)()) {
  readers().push_back(stop);
  return true;
}

void set(std::string_view variable, std::string_view value) {
  for (const auto stop : readers()) stop();
  const_cast<Row&>(settings().row(variable)).value = value;
  settings().parse();
}

std::string help() {
  std::string out;
  for (const Row& r : settings().rows) out += fmt::format("{:<20} {}\n", r.name, r.meaning);
  return out;
}

}  // namespace lilith::env
