#include "eval/placement.h"

#include <unordered_map>
#include <vector>

#include "runtime/device_memory.h"

namespace lilith {

using schedule::BufferPlan;

Placement::Placement(const schedule::Plan& plan, std::size_t num_checks, Device device,
                     const ScalarBlock* scalars)
    : plan_(plan), num_checks_(num_checks), device_(device), scalars_(scalars) {
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

Place Placement::input_place(const Instance& instance, std::span<const StoragePtr> inputs,
                             std::size_t input) const {
  const std::optional<std::size_t> at = scalars_ ? scalars_->offset(input) : std::nullopt;
  if (at) return {instance.scalars.get(), *at};
  return {inputs[input].get(), 0};
}

void Placement::place(Instance& instance, const StoragePtr& arena,
                      std::span<const StoragePtr> inputs, std::span<const char> donated,
                      std::span<StoragePtr> outputs) const {
  for (std::size_t b = 0; b < plan_.buffers.size(); ++b) {
    const BufferPlan& p = plan_.buffers[b];
    Place& place = instance.buffers[b];
    if (p.kind == BufferPlan::Kind::Arena) place = {arena.get(), p.offset};
    if (p.kind == BufferPlan::Kind::Input)
      place = input_place(instance, inputs, static_cast<std::size_t>(p.index));
    if (p.kind == BufferPlan::Kind::Output) place = {};
  }
  for (std::size_t i = 0; i < num_checks_; ++i) {
    const auto b = static_cast<std::size_t>(plan_.outputs[num_outputs() + i]);
    if (plan_.buffers[b].kind == BufferPlan::Kind::Output)
      instance.buffers[b] = {instance.seen.get(), i * sizeof(std::int64_t)};
  }
  place_outputs(instance, inputs, donated, outputs);
}

void Placement::place_outputs(Instance& instance, std::span<const StoragePtr> inputs,
                              std::span<const char> donated, std::span<StoragePtr> outputs) const {
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const auto b = static_cast<std::size_t>(plan_.outputs[i]);
    const BufferPlan& p = plan_.buffers[b];
    const bool written = p.kind == BufferPlan::Kind::Output && !instance.buffers[b].storage;
    const int donor = written ? donor_in_run(p, donated) : -1;
    if (donor >= 0) {
      outputs[i] = inputs[static_cast<std::size_t>(donor)];
    } else if (!outputs[i]) {
      outputs[i] = Storage::allocate(p.bytes, device_);
    }
    if (!written) continue;
    outputs[i]->set_range({});
    outputs[i]->note_write();
    instance.buffers[b] = {outputs[i].get(), 0};
  }
}

void Placement::copy_repeated(std::span<const StoragePtr> inputs,
                              std::span<StoragePtr> outputs) const {
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const BufferPlan& p = buffer(plan_.outputs[i]);
    const Storage* from = nullptr;
    if (p.kind == BufferPlan::Kind::Input) from = inputs[static_cast<std::size_t>(p.index)].get();
    if (!from && first_[i] < i) from = outputs[first_[i]].get();
    if (from && from != outputs[i].get()) runtime::copy(*from, *outputs[i], p.bytes);
  }
}

std::int64_t Placement::seen(const Instance& instance, std::size_t i) const {
  const int b = plan_.outputs[num_outputs() + i];
  const Place& place = instance.buffers[static_cast<std::size_t>(b)];
  std::int64_t value = 0;
  runtime::read(*place.storage, place.offset, &value, sizeof value);
  return value;
}

}  // namespace lilith
