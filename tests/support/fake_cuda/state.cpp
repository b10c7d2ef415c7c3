#include "support/fake_cuda/state.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sstream>

#include "support/fake_cuda/executor.h"

namespace fake_cuda {
namespace {

constexpr std::size_t kPage = 4096, kAlignment = 256;

Device* running = nullptr;  // whose kernel runs

char* translate(const void* device_pointer) {
  const auto address = reinterpret_cast<Address>(device_pointer);
  char* found = host_address(*running, address, 0);
  if (found == nullptr) {
    char text[100];
    std::snprintf(text, sizeof text, "a kernel was given %#lx, which is no memory of device %d",
                  static_cast<unsigned long>(address), running->number);
    throw Fault(text);
  }
  return found;
}

}  // namespace

Settings::Settings() {
  const char* text = std::getenv("FAKE_CUDA");
  std::istringstream in(text ? text : "");
  for (std::string part; std::getline(in, part, ',');) {
    const std::size_t at = part.find('=');
    long* value = find(part.substr(0, at));
    if (value != nullptr && at != part.npos) *value = std::atol(part.c_str() + at + 1);
  }
}

long* Settings::find(const std::string& key) {
  if (key == "devices") return &devices;
  if (key == "version") return &version;
  if (key == "memory") return &memory;
  if (key == "seed") return &seed;
  if (key == "capability") return &capability;
  if (key == "late") return &late;
  if (key == "fail_next") return &fail_next;
  return nullptr;
}

State& state() {
  static auto* s = new State;
  return *s;
}

void State::start() {
  if (initialized) return;
  initialized = true;
  random.seed(static_cast<std::uint64_t>(settings.seed));
  set_translation(translate);
  for (long i = 0; i < settings.devices; ++i) {
    devices.push_back(std::make_unique<Device>());
    devices.back()->number = static_cast<int>(i);
  }
}

Device*& current() {
  thread_local Device* device = nullptr;
  return device;
}

Status allocate(Device& device, std::size_t bytes, Address* out) {
  if (bytes == 0) return kInvalidValue;
  if (device.held + bytes > static_cast<std::size_t>(state().settings.memory)) return kOutOfMemory;
  const std::size_t own = (bytes + kPage - 1) / kPage * kPage;
  void* mapped =
      mmap(nullptr, own + kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return kOutOfMemory;
  Allocation a;
  a.mapped = static_cast<char*>(mapped);
  a.mapped_bytes = own + kPage;
  a.bytes = bytes;
  a.memory = a.mapped + (own - bytes) / kAlignment * kAlignment;
  mprotect(a.mapped + own, kPage, PROT_NONE);
  std::memset(a.memory, 0xFF, bytes);  // NaNs
  *out = reinterpret_cast<Address>(a.memory) ^ kTag;
  device.memory[*out] = a;
  device.held += bytes;
  return kSuccess;
}

Status release(Device& device, Address address) {
  const auto at = device.memory.find(address);
  if (at == device.memory.end()) return kInvalidValue;
  run_all(device);
  munmap(at->second.mapped, at->second.mapped_bytes);
  device.held -= at->second.bytes;
  device.memory.erase(at);
  return kSuccess;
}

char* host_address(Device& device, Address address, std::size_t bytes) {
  auto at = device.memory.upper_bound(address);
  if (at == device.memory.begin()) return nullptr;
  --at;
  const Address offset = address - at->first;
  if (offset > at->second.bytes || bytes > at->second.bytes - offset) return nullptr;
  return at->second.memory + offset;
}

// ---- Queues ----

// An op that waits for another stream has that one run as far as it must, and no further.
void run_one(Stream& stream) {
  const Op op = std::move(stream.ops.front());
  stream.ops.pop_front();
  while (op.after != nullptr && op.after->happened < op.recorded) run_one(*op.after->stream);
  if (stream.device->lost != kSuccess) return;
  try {
    op.run();
  } catch (const Fault& f) {
    std::fprintf(stderr, "fake CUDA: %s\n", f.what());
    stream.device->lost = kIllegalAddress;
  }
}

void enqueue(Stream& stream, std::function<void()> run) {
  State& s = state();
  stream.ops.push_back({std::move(run)});
  while (!stream.ops.empty() && (s.settings.late == 0 || s.random() % 8 == 0)) run_one(stream);
}
void enqueue_wait(Stream& stream, Event& event) {
  stream.ops.push_back({[] {}, &event, event.recorded});
}

// What other streams hold may run at any time.
void run_all(Stream& stream) {
  while (!stream.ops.empty()) {
    for (const auto& other : stream.device->streams) {
      if (other.get() == &stream) continue;
      while (!other->ops.empty() && state().random() % 2 == 0) run_one(*other);
    }
    if (!stream.ops.empty()) run_one(stream);  // the other one may have run it
  }
}
void run_all(Device& device) {
  for (const auto& stream : device.streams) run_all(*stream);
}

// ---- Kernels ----

void run_launch(Device& device, const Launch& launch) {
  const Function& f = *launch.function;
  if (device.modules.count(f.module) == 0) throw Fault("a function runs whose module was unloaded");
  running = &device;
  std::memset(f.module->shared_begin, 0xFF,
              static_cast<std::size_t>(f.module->shared_end - f.module->shared_begin));
  std::vector<void*> params;
  for (const std::uint64_t& w : launch.words) params.push_back(const_cast<std::uint64_t*>(&w));
  try {
    run_blocks(f.call, params.data(), launch.blocks, launch.threads, state().random);
  } catch (const Fault& fault) {
    throw Fault(f.name + ": " + fault.what());
  }
}

void run_graph(Device& device, const std::vector<Node>& nodes) {
  std::vector<std::size_t> waits(nodes.size()), ready;
  std::vector<std::vector<std::size_t>> next(nodes.size());
  for (std::size_t k = 0; k < nodes.size(); ++k) {
    waits[k] = nodes[k].after.size();
    for (const std::size_t b : nodes[k].after) next[b].push_back(k);
    if (waits[k] == 0) ready.push_back(k);
  }
  while (!ready.empty()) {
    std::swap(ready[state().random() % ready.size()], ready.back());
    const std::size_t k = ready.back();
    ready.pop_back();
    run_launch(device, nodes[k].launch);
    for (const std::size_t n : next[k]) {
      if (--waits[n] == 0) ready.push_back(n);
    }
  }
}

}  // namespace fake_cuda
