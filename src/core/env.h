#pragma once
#include <string>
#include <string_view>
#include <vector>

// The environment variables of Lilith, in one table (env.cpp). Nothing else calls getenv.
namespace lilith::env {

/// The raw text of a variable of the table; empty when unset. InternalError for a name not in it.
const std::string& text(std::string_view variable);
/// True when the variable is set to anything but "", "0", "off" or "false".
bool flag(std::string_view variable);
/// The variable as a whole number; `fallback` when unset. Error when it is no number.
int integer(std::string_view variable, int fallback);

/// LILITH_DEBUG asks for `level` (1 kernels, 2 passes, 3 graphs, 4 kernel IR, 5 LLVM IR, 6
/// assembly) on a topic. "1;5,codegen/llvm" is level 1 everywhere and level 5 for topics that begin
/// so.
bool debug(int level, std::string_view topic = "");
/// The highest level that LILITH_DEBUG asks for on any topic; 0 for none.
int debug_level();
/// The folder of LILITH_DUMP; empty for none.
const std::string& dump_dir();
/// The folder of the cache on disk: LILITH_CACHE, else lilith in XDG_CACHE_HOME or ~/.cache; empty
/// for none (LILITH_CACHE=off, or no home).
const std::string& cache_dir();
/// Verify after each pass: LILITH_VERIFY, and always in Debug builds.
bool verify();
/// LILITH_DISABLE names this pass or feature ("cse,fuse").
bool disabled(std::string_view what);
/// All names in LILITH_DISABLE.
const std::vector<std::string>& disabled();
bool eager();
bool check_nan();

/// Replaces a variable's value for this process; an empty value unsets it. Not thread-safe: for
/// tests and for command-line flags, before other threads run.
void set(std::string_view variable, std::string_view value);
/// Called before a variable is replaced: threads of the library itself stop reading them. For
/// static initialisers; returns true.
bool before_set(void (*stop)());
/// The table as text, for `--help`: one variable a line.
std::string help();

}  // namespace lilith::env
