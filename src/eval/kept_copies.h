#pragma once
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "eval/instance.h"
#include "schedule/plan.h"

namespace lilith {

/// An input as a run found it.
struct SeenInput {
  std::weak_ptr<Storage> block;  // which keeps nobody from donating it
  std::uint64_t writes = 0;
  bool may_change = false;  // its owner may write there
  bool operator==(const SeenInput& o) const {
    return !may_change && !o.may_change && writes == o.writes && !block.owner_before(o.block) &&
           !o.block.owner_before(block);
  }
};

/// Copies that are kept, and what they were made of.
struct CopiedInputs {
  std::vector<SeenInput> of;
  std::vector<std::size_t> compared;  // the inputs that count, by their number in `of`
  std::vector<char> left_out;         // by launch
  struct Place {
    std::size_t buffer, offset;  // of the plan, in `memory`
  };
  std::vector<Place> places;
  StoragePtr memory;
};

/// Whether the programs of a device keep copies. Not where `guarded`, for guard bands belong to the
/// arena.
bool keeps_copies(Device device, bool guarded);

/// Copies of inputs that a program's schedules make for themselves (weights in panels, transformed
/// weights), kept from run to run while those inputs stay what they are: inference then copies no
/// weights. A second run in a row with the same inputs makes them in memory of their own; from then
/// on their launches are left out. They are dropped as soon as one of the inputs is another block,
/// or was written to. Thread-safe.
class KeptCopies {
 public:
  /// The plan outlives it.
  KeptCopies(const schedule::Plan& plan, Device device, bool guarded);

  /// Before the inputs are written to: what the run may leave out, or makes for later ones.
  void before_run(Instance* instance, std::span<const StoragePtr> inputs);
  /// After its buffers were placed: those of copies lie elsewhere.
  static void place(Instance* instance);
  /// Of a run that reached its end: what it made is there for later ones.
  void after_run(Instance* instance);

 private:
  // A launch that does nothing else.
  struct Copy {
    std::size_t launch;
    std::vector<std::size_t> inputs;  // by their number in inputs_
    std::vector<int> buffers;
  };
  std::vector<SeenInput> look(std::span<const StoragePtr> inputs) const;
  std::shared_ptr<CopiedInputs> choose(const std::vector<SeenInput>& seen);
  std::size_t number_of(std::size_t input);

  const schedule::Plan& plan_;
  std::vector<Copy> copies_;
  std::vector<std::size_t> inputs_;  // that are copied
  std::mutex mutex_;
  bool no_room_ = false;
  std::vector<SeenInput> last_;  // of the run before
  std::shared_ptr<const CopiedInputs> kept_;
};

}  // namespace lilith
