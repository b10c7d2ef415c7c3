#pragma once
#include <concepts>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "lilith/data.h"
#include "lilith/generator.h"
#include "lilith/model.h"
#include "lilith/ops/random.h"
#include "lilith/optim.h"

namespace lilith {

/// Where a loop of one's own stands, and what else it has to remember.
struct TrainState {
  std::int64_t epoch = 0;
  std::int64_t step = 0;
  std::map<std::string, double> values = {};      // "best_loss"
  std::map<std::string, std::string> texts = {};  // "run"
};

namespace detail {

/// A file's path, with the user's line.
struct CheckpointPath {
  template <class S>
    requires std::convertible_to<S, std::string>
  CheckpointPath(S&& p, SourceLocation l = SourceLocation::current())
      : path(std::forward<S>(p)), loc(l) {}
  std::string path;
  SourceLocation loc;
};

/// One thing of a checkpoint: its tensors and a text.
struct CheckpointEntry {
  StateDict tensors;
  std::string note;
};
struct CheckpointPart {
  std::string kind;  // "model", "optimizer" …: parts of a kind are told apart by their order
  std::function<CheckpointEntry()> save;
  /// Checks that the entry fits, and returns what puts it in place: that cannot fail.
  std::function<std::function<void()>(const CheckpointEntry&, const std::string& file)> load;
};

CheckpointPart part_of_model(ModelRef model);
CheckpointPart part_of(Optimizer& opt);
CheckpointPart part_of(LRScheduler& scheduler);
CheckpointPart part_of(ReduceLROnPlateau& scheduler);
CheckpointPart part_of(TrainState& state);
CheckpointPart part_of(RngState& state);
CheckpointPart part_of(RandomGenerator& generator);
CheckpointPart part_of_integer(std::int64_t value, std::function<void(std::int64_t)> set);
CheckpointPart part_of_real(double value, std::function<void(double)> set);

CheckpointPart part_of_loader(
    std::function<DataLoaderState()> get,
    std::function<std::function<void()>(const DataLoaderState&)> checked_set);

template <class T>
inline constexpr bool is_loader = false;
template <int N>
inline constexpr bool is_loader<DataLoader<N>> = true;

template <class T>
CheckpointPart checkpoint_part(T& x, SourceLocation loc) {
  static_assert(!std::is_convertible_v<T&, std::string_view>,
                "lilith: a checkpoint holds models, optimisers, schedulers, a DataLoader, "
                "generators, TrainState and numbers; put a text into TrainState::texts");
  if constexpr (std::is_integral_v<Plain<T>>)
    return part_of_integer(static_cast<std::int64_t>(x),
                           [&x](std::int64_t v) { x = static_cast<T>(v); });
  else if constexpr (std::is_floating_point_v<Plain<T>>)
    return part_of_real(static_cast<double>(x), [&x](double v) { x = static_cast<T>(v); });
  else if constexpr (std::is_base_of_v<Optimizer, T> || std::is_base_of_v<LRScheduler, T> ||
                     std::is_base_of_v<ReduceLROnPlateau, T> || std::is_same_v<TrainState, T> ||
                     std::is_same_v<RngState, T> || std::is_same_v<RandomGenerator, T>)
    return part_of(x);
  else if constexpr (is_loader<T>)
    return part_of_loader([&x] { return x.state(); },
                          [&x, loc](const DataLoaderState& state) -> std::function<void()> {
                            T(x).set_state(state, loc);  // whether it fits
                            return [&x, state, loc] { x.set_state(state, loc); };
                          });
  else
    return part_of_model(ModelRef(x, loc));
}

void save_checkpoint(const CheckpointPath& path, const std::vector<CheckpointPart>& parts);
void load_checkpoint(const CheckpointPath& path, const std::vector<CheckpointPart>& parts);

}  // namespace detail

/// Writes one safetensors file that a loop can go on from as if it had never stopped, whole or not
/// at all: save_checkpoint("run.safetensors", net, opt, scheduler, state). In any order and number:
/// models (structs, containers, tensors), optimisers, schedulers (ReduceLROnPlateau too), a
/// DataLoader (where its loop stands, the batch in hand counted as done), generators, TrainState,
/// numbers. The state of the process's generator goes along. The model's tensors are named
/// "model.conv1.weight": `load_tensors` shows all.
template <class... Parts>
void save_checkpoint(const detail::CheckpointPath& path, const Parts&... parts) {
  detail::save_checkpoint(path, {detail::checkpoint_part(const_cast<Parts&>(parts), path.loc)...});
}

/// Puts back what save_checkpoint wrote, and the process's generator. The parts are found by kind
/// and order; those that are not asked for stay in the file. Schedulers are made before, optimisers
/// need no prepare. Errors: a part that the file lacks or that does not fit; nothing at all is
/// changed then.
template <class... Parts>
void load_checkpoint(const detail::CheckpointPath& path, Parts&... parts) {
  static_assert((!std::is_const_v<Parts> && ...),
                "lilith: load_checkpoint writes to what it is given; one of these is const");
  detail::load_checkpoint(path, {detail::checkpoint_part(parts, path.loc)...});
}

}  // namespace lilith
