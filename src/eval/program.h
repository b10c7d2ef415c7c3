#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "eval/families.h"
#include "lilith/graph_names.h"
#include "lilith/precision.h"
#include "runtime/storage.h"
#include "schedule/options.h"

namespace lilith::schedule {
struct Plan;
}

namespace lilith {

class ByteWriter;

/// What a compilation may assume.
struct ProgramOptions {
  /// Per input: it may be donated at run time, so an output may be planned into its memory. Empty:
  /// none.
  std::vector<char> donatable;
  /// Per input: it is 0-d, and a run gets it in memory of the host whatever the program's device.
  /// Empty: none.
  std::vector<char> by_value;
  /// Unused bytes after each temporary, checked after every run (InternalError when one was
  /// written); temporaries then share no memory. For tests.
  std::size_t guard_bytes = 0;
  Precision precision = lilith::precision();
  /// Whose code it may share, and what sizes make it differ. None: its kernels are its own.
  Family family = {};
  /// Which dimensions of a prepared graph vary; null: all of such a size.
  std::shared_ptr<const schedule::VaryingDims> varying_dims = {};
  /// Which ways its kernels take; null: the best by the model.
  schedule::Pick pick = {};
};

/// What a program is made of, for `explain` and tests.
struct ProgramStats {
  std::int64_t num_kernels = 0, num_nodes = 0;
  std::int64_t arena_bytes = 0;
  double compile_ms = 0;
  std::string text;               // what `explain` prints
  std::vector<double> kernel_ms;  // the best time of each; empty while none was taken
};

class Program;
/// What a program on several devices runs on one of them.
struct ProgramPart {
  const Program* program;       // null: values come from other devices, and nothing is computed
  std::vector<char> donatable;  // by input
};

/// A compiled graph. Immutable; may be run from many threads at once.
class Program {
 public:
  /// Compiles an (optimised) graph. Outputs may repeat, and may be inputs or constants.
  static std::shared_ptr<Program> compile(const Graph& g, const ProgramOptions& options = {});
  virtual ~Program();

  /// Runs it. inputs: one storage an input. donated[i]: nobody reads input i afterwards, the
  /// program may write there (empty: none). outputs[i]: null, or memory of the right size that
  /// nobody reads and that the program should write to; on return the memory of output i: that one,
  /// a donated input's, or new. No two outputs share memory. Errors of the run (an index out of
  /// range, LILITH_CHECK_NAN) are thrown; a run that throws has written to no input, donated or
  /// not.
  virtual void run(std::span<const StoragePtr> inputs, std::span<const char> donated,
                   std::span<StoragePtr> outputs) = 0;
  virtual ProgramStats stats() const = 0;
  /// Whether a run may find bad input (an index out of range) and throw.
  virtual bool may_fail() const { return false; }
  /// As split_by_device gives them; none for a program on one device.
  virtual std::vector<ProgramPart> parts() const { return {}; }
  /// What it runs, without the kernels' code; null for a program that is interpreted.
  virtual const schedule::Plan* plan() const { return nullptr; }
  /// Writes what another process makes it of (program_store.h), its form first, and which file that
  /// depends on (Launcher::Code::made_by); false where that cannot be.
  virtual bool save(ByteWriter&, std::string* /*made_by*/) const { return false; }
  enum class Form : std::uint8_t { Compiled = 1, Split = 2 };
};

/// The program that interprets the graph one op at a time, rounding each result to its dtype and
/// keeping denormals: LILITH_EAGER=1, and the oracle of compiled programs.
std::shared_ptr<Program> make_eager_program(const Graph& g);

}  // namespace lilith
