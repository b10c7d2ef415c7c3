#include "eval/placement.h"

#include <cstring>
#include <unordered_map>
#include <vector>

namespace lilith {

using schedule::BufferPlan;

Placement::Placement(const schedule::Plan& plan, std::size_t num_checks)
    : plan_(plan), num_checks_(num_checks) {
  std::unordered_map<int, std::size_t> first;
  for (std::size_t i = 0; i < plan.outputs.size(); ++i)
    first_.push_back(first.try_emplace(plan.outputs[i], i).first->second);
}

// The input whose memory an output takes over in this run; -1 when it has memory of its own.
int Placement::donor_in_run(const BufferPlan& output, std::span<const char> donated) const {
  if (output.donor < 0 || donated.empty()) return -1;
  const int input = buffer(output.donor).index;
  return donated[static_cast<std::size_t>(input)] ? input : -1;
}

std::int64_t Placement::bytes_in_place(std::span<const char> donated,
                                       std::span<const StoragePtr> given) const {
  std::int64_t bytes = 0;
  std::vector<bool> seen(plan_.buffers.size());  // an output may be there twice
  for (std::size_t i = 0; i < given.size(); ++i) {
    const auto b = static_cast<std::size_t>(plan_.outputs[i]);
    const BufferPlan& p = plan_.buffers[b];
    if (p.kind != BufferPlan::Kind::Output || seen[b]) continue;
    seen[b] = true;
    if (given[i] || donor_in_run(p, donated) >= 0) bytes += static_cast<std::int64_t>(p.bytes);
  }
  return bytes;
}

void Placement::place(Instance& instance, const StoragePtr& arena,
                      std::span<const StoragePtr> inputs, std::span<const char> donated,
                      std::span<StoragePtr> outputs) const {
  for (std::size_t b = 0; b < plan_.buffers.size(); ++b) {
    const BufferPlan& p = plan_.buffers[b];
    if (p.kind == BufferPlan::Kind::Arena)
      instance.buffers[b] = arena ? static_cast<char*>(arena->data()) + p.offset : nullptr;
    if (p.kind == BufferPlan::Kind::Input)
      instance.buffers[b] = static_cast<char*>(inputs[static_cast<std::size_t>(p.index)]->data());
    if (p.kind == BufferPlan::Kind::Output) instance.buffers[b] = nullptr;
  }
  for (std::size_t i = 0; i < num_checks_; ++i) {
    const auto b = static_cast<std::size_t>(plan_.outputs[num_outputs() + i]);
    if (plan_.buffers[b].kind == BufferPlan::Kind::Output)
      instance.buffers[b] = reinterpret_cast<char*>(&instance.seen[i]);
  }
  place_outputs(instance, inputs, donated, outputs);
  std::size_t k = 0;
  for (const schedule::LaunchPlan& l : plan_.launches) {
    for (const int b : l.buffers)
      instance.params[k++] = instance.buffers[static_cast<std::size_t>(b)];
  }
}

void Placement::place_outputs(Instance& instance, std::span<const StoragePtr> inputs,
                              std::span<const char> donated, std::span<StoragePtr> outputs) const {
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const auto b = static_cast<std::size_t>(plan_.outputs[i]);
    const BufferPlan& p = plan_.buffers[b];
    const bool written = p.kind == BufferPlan::Kind::Output && !instance.buffers[b];
    const int donor = written ? donor_in_run(p, donated) : -1;
    if (donor >= 0) {
      outputs[i] = inputs[static_cast<std::size_t>(donor)];
    } else if (!outputs[i]) {
      outputs[i] = Storage::allocate(p.bytes);
    }
    if (written) instance.buffers[b] = static_cast<char*>(outputs[i]->data());
  }
}

void Placement::copy_repeated(std::span<const StoragePtr> inputs,
                              std::span<StoragePtr> outputs) const {
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const BufferPlan& p = buffer(plan_.outputs[i]);
    const void* from = nullptr;
    if (p.kind == BufferPlan::Kind::Input) from = inputs[static_cast<std::size_t>(p.index)]->data();
    if (!from && first_[i] < i) from = outputs[first_[i]]->data();
    if (from && from != outputs[i]->data()) std::memcpy(outputs[i]->data(), from, p.bytes);
  }
}

std::int64_t Placement::seen(const Instance& instance, std::size_t i) const {
  const int b = plan_.outputs[num_outputs() + i];
  std::int64_t value;
  std::memcpy(&value, instance.buffers[static_cast<std::size_t>(b)], sizeof value);
  return value;
}

}  // namespace lilith
