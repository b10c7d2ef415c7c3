#include "eval/kept_copies.h"

#include <algorithm>
#include <utility>

#include "core/env.h"
#include "lilith/error.h"
#include "runtime/device_memory.h"

namespace lilith {

using schedule::BufferPlan;
using schedule::LaunchPlan;

namespace {

constexpr std::size_t kAlign = 64;

bool writes(const LaunchPlan& l, int buffer) {
  return std::ranges::find(l.written, buffer) != l.written.end();
}

// An output of a run may be written over it.
bool may_be_taken_over(const schedule::Plan& plan, int input) {
  return std::ranges::any_of(plan.buffers, [&](const BufferPlan& p) { return p.donor == input; });
}

// Whether it reads inputs alone that stay, and fills temporaries of the schedule that no other
// launch writes.
bool only_copies(const schedule::Plan& plan, const LaunchPlan& l, const std::vector<int>& writers) {
  if (l.loop || l.call || l.written.empty()) return false;
  return std::ranges::all_of(l.buffers, [&](int b) {
    const auto id = static_cast<std::size_t>(b);
    const BufferPlan& p = plan.buffers[id];
    return writes(l, b) ? p.kind == BufferPlan::Kind::Arena && p.scratch && writers[id] == 1
                        : p.kind == BufferPlan::Kind::Input && !may_be_taken_over(plan, b);
  });
}

bool has_room(std::size_t bytes) {
  runtime::DeviceMemory& memory = runtime::memory_of(cpu());
  return memory.live_bytes() + static_cast<std::int64_t>(bytes) <= memory.limit_bytes();
}

}  // namespace

bool keeps_copies(Device device, bool guarded) {
  return device == cpu() && !guarded && !env::disabled("kept_copies");
}

KeptCopies::KeptCopies(const schedule::Plan& plan, Device device, bool guarded) : plan_(plan) {
  if (!keeps_copies(device, guarded)) return;
  std::vector<int> writers(plan.buffers.size(), 0);
  for (const LaunchPlan& l : plan.launches) {
    for (const int b : l.written) ++writers[static_cast<std::size_t>(b)];
  }
  for (std::size_t k = 0; k < plan.launches.size(); ++k) {
    const LaunchPlan& l = plan.launches[k];
    if (!only_copies(plan, l, writers)) continue;
    Copy copy{k, {}, l.written};
    for (const int b : l.buffers) {
      const auto input = static_cast<std::size_t>(plan.buffers[static_cast<std::size_t>(b)].index);
      if (!writes(l, b)) copy.inputs.push_back(number_of(input));
    }
    copies_.push_back(std::move(copy));
  }
}

std::size_t KeptCopies::number_of(std::size_t input) {
  const auto at = std::ranges::find(inputs_, input);
  const auto number = static_cast<std::size_t>(at - inputs_.begin());
  if (at == inputs_.end()) inputs_.push_back(input);
  return number;
}

std::vector<SeenInput> KeptCopies::look(std::span<const StoragePtr> inputs) const {
  std::vector<SeenInput> seen;
  seen.reserve(inputs_.size());
  for (const std::size_t i : inputs_)
    seen.push_back({inputs[i], inputs[i]->writes(), inputs[i]->watched()});
  return seen;
}

// Of what is as the last run found it. Null: nothing is.
std::shared_ptr<CopiedInputs> KeptCopies::choose(const std::vector<SeenInput>& seen) {
  auto made = std::make_shared<CopiedInputs>();
  if (last_.size() != seen.size()) return nullptr;
  made->left_out.assign(plan_.launches.size(), 0);
  std::vector<char> counts(seen.size(), 0);
  std::size_t bytes = 0;
  for (const Copy& c : copies_) {
    if (!std::ranges::all_of(c.inputs, [&](std::size_t i) { return last_[i] == seen[i]; }))
      continue;
    made->left_out[c.launch] = 1;
    for (const std::size_t i : c.inputs) counts[i] = 1;
    for (const int b : c.buffers) {
      made->places.push_back({static_cast<std::size_t>(b), bytes});
      const std::size_t size = plan_.buffers[static_cast<std::size_t>(b)].bytes;
      bytes += (size + kAlign - 1) / kAlign * kAlign;
    }
  }
  if (bytes == 0 || !has_room(bytes)) return nullptr;
  for (std::size_t i = 0; i < counts.size(); ++i)
    if (counts[i]) made->compared.push_back(i);
  made->of = seen;
  try {
    made->memory = Storage::allocate(bytes);
  } catch (const DeviceError&) {
    no_room_ = true;  // a program runs without, and does not try in each run
    return nullptr;
  }
  return made;
}

void KeptCopies::before_run(Instance* instance, std::span<const StoragePtr> inputs) {
  if (copies_.empty()) return;
  const std::lock_guard lock(mutex_);
  if (no_room_ && !kept_) return;
  std::vector<SeenInput> seen = look(inputs);
  const auto same = [&](std::size_t i) { return kept_->of[i] == seen[i]; };
  if (kept_ && !std::ranges::all_of(kept_->compared, same)) kept_.reset();
  instance->kept = kept_;
  if (!kept_ && !no_room_) instance->made = choose(seen);
  last_ = std::move(seen);
}

void KeptCopies::place(Instance* instance) {
  const CopiedInputs* copies = instance->kept ? instance->kept.get() : instance->made.get();
  instance->left_out = instance->kept ? &instance->kept->left_out : nullptr;
  if (copies == nullptr) return;
  for (const CopiedInputs::Place& p : copies->places)
    instance->buffers[p.buffer] = {copies->memory.get(), p.offset};
}

void KeptCopies::after_run(Instance* instance) {
  instance->left_out = nullptr;
  instance->kept.reset();
  if (!instance->made) return;
  const std::lock_guard lock(mutex_);
  kept_ = std::exchange(instance->made, nullptr);
}

}  // namespace lilith
