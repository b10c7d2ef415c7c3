#pragma once
#include <functional>
#include <memory>
#include <string>

#include "eval/program.h"
#include "ir/numbered.h"

// Whole programs on disk: one that another process has made runs without passes, schedules and
// LLVM.
namespace lilith {

/// All that a program depends on, as bytes: the graph's structure, settings, the device, this build
/// of the library. Empty where it is not kept: without a cache, on devices whose code is not kept,
/// with ops or passes of the user's own, or where somebody wants to see how it is made.
std::string program_key(const Graph& g, const ProgramOptions& options);

/// Whether somebody wants to see how programs are made.
bool is_watched();
/// Whether making a program of it calls functions of the user: rules of ops, registered passes.
bool has_code_of_the_user(const ir::Numbered& g);

/// The program from disk, or as `make` makes it, which is then kept.
std::shared_ptr<Program> find_or_make_program(
    const Graph& g, const ProgramOptions& options,
    const std::function<std::shared_ptr<Program>()>& make);

/// Keeps a program whose ways were measured in place of the one that is there.
void keep_tuned_program(const Graph& g, const ProgramOptions& options, const Program& program);
/// Whether what is there was kept so, by an earlier process too, and by none replaced since.
bool is_tuned_on_disk(const Graph& g, const ProgramOptions& options);

}  // namespace lilith
