// The functions of CUDA's driver that Lilith calls, by the names and types of its documentation.
#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <utility>

#include "support/fake_cuda/control.h"
#include "support/fake_cuda/executor.h"
#include "support/fake_cuda/state.h"

using namespace fake_cuda;

namespace {

const char* const kCubin = "FAKE CUBIN";
const char* const kPtx = "FAKE PTX";

/// Counts the call and runs it under the lock.
template <class F>
Status call(const char* name, F&& f) {
  State& s = state();
  const std::lock_guard lock(s.mutex);
  ++s.calls[name];
  return s.initialized ? f(s) : kNotInitialized;
}
/// The same with the device of this thread's context.
template <class F>
Status on_device(const char* name, F&& f) {
  return call(name, [&](State&) {
    Device* d = current();
    if (d == nullptr) return kInvalidContext;
    return d->lost != kSuccess ? d->lost : f(*d);
  });
}

double now_ms() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double, std::milli>(now).count();
}

// Exit handlers still call: nothing here is destroyed before.
thread_local std::array<Device*, 64> contexts{};
thread_local std::size_t num_contexts = 0;

/// The library that the compiler made, from memory.
void* open_library(const std::string& bytes) {
  const int file = memfd_create("fake_cuda", 0);
  if (file < 0) return nullptr;
  const bool written =
      write(file, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size());
  void* library =
      written ? dlopen(("/proc/self/fd/" + std::to_string(file)).c_str(), RTLD_NOW | RTLD_LOCAL)
              : nullptr;
  if (library == nullptr) std::fprintf(stderr, "fake CUDA: %s\n", dlerror());
  return library;  // the file stays open: libraries are told apart by its number
}

template <class F>
F symbol(void* library, const std::string& name) {
  return reinterpret_cast<F>(dlsym(library, name.c_str()));
}

/// "FAKE CUBIN 90 BYTES\n…", "FAKE PTX 90 BYTES\n…"
Status load(Device& d, const char* image, Module** out) {
  const bool ptx = std::strncmp(image, kPtx, std::strlen(kPtx)) == 0;
  if (!ptx && std::strncmp(image, kCubin, std::strlen(kCubin)) != 0) return kInvalidImage;
  int architecture = 0;
  std::size_t bytes = 0;
  std::sscanf(image + std::strlen(ptx ? kPtx : kCubin), "%d %zu", &architecture, &bytes);
  const long own = state().settings.capability;
  if (ptx ? architecture > own : architecture / 10 != own / 10 || architecture > own)
    return kNoBinary;
  auto module = std::make_unique<Module>();
  module->library = open_library({std::strchr(image, '\n') + 1, bytes});
  if (module->library == nullptr) return kInvalidImage;
  symbol<void (*)(const FakeRuntime*)>(module->library, "fake_bind")(&kernel_runtime());
  symbol<void (*)(char**, char**)>(module->library, "fake_shared_memory")(&module->shared_begin,
                                                                          &module->shared_end);
  d.modules.insert(module.get());
  *out = module.release();
  return kSuccess;
}

Launch launch_of(Function* f, unsigned blocks, unsigned threads, void** params) {
  Launch l{f, blocks, threads, {}};
  for (unsigned p = 0; p < f->params; ++p) {
    l.words.emplace_back();
    std::memcpy(&l.words.back(), params[p], sizeof l.words.back());
  }
  return l;
}
bool fits(const Function* f, unsigned blocks, unsigned threads) {
  return f != nullptr && blocks > 0 && threads > 0 && threads <= 1024 &&
         (f->max_threads == 0 || threads <= f->max_threads);
}

void note_graph(State& s, const std::vector<Node>& nodes) {
  std::vector<long> depth;
  s.nodes = static_cast<long>(nodes.size());
  s.edges = s.longest_chain = 0;
  for (const Node& n : nodes) {
    long longest = 0;
    for (const std::size_t b : n.after) longest = std::max(longest, depth[b]);
    depth.push_back(longest + 1);
    s.edges += static_cast<long>(n.after.size());
    s.longest_chain = std::max(s.longest_chain, longest + 1);
  }
}

struct NodeParams {
  Function* function;
  unsigned grid[3], block[3], shared;
  void **params, **extra;
  void *kernel, *context;
};

}  // namespace

extern "C" {

// ---- control.h ----

void fake_cuda_set(const char* key, long value) {
  const std::lock_guard lock(state().mutex);
  if (long* at = state().settings.find(key)) *at = value;
  if (std::strcmp(key, "seed") == 0) state().random.seed(static_cast<std::uint64_t>(value));
}
long fake_cuda_calls(const char* name) {
  const std::lock_guard lock(state().mutex);
  return state().calls[name];
}
long fake_cuda_held(int device) {
  const std::lock_guard lock(state().mutex);
  const auto at = static_cast<std::size_t>(device);
  return at < state().devices.size() ? static_cast<long>(state().devices[at]->held) : 0;
}
void fake_cuda_last_graph(long* nodes, long* edges, long* longest_chain) {
  const std::lock_guard lock(state().mutex);
  *nodes = state().nodes, *edges = state().edges, *longest_chain = state().longest_chain;
}

// ---- The driver, devices and contexts ----

Status cuInit(unsigned) {
  const std::lock_guard lock(state().mutex);
  if (state().settings.devices == 0) return kNoDevice;
  state().start();
  return kSuccess;
}
Status cuDriverGetVersion(int* version) {
  *version = static_cast<int>(state().settings.version);
  return kSuccess;
}
Status cuGetErrorName(Status code, const char** name) {
  *name = code == kOutOfMemory      ? "CUDA_ERROR_OUT_OF_MEMORY"
          : code == kNoBinary       ? "CUDA_ERROR_NO_BINARY_FOR_GPU"
          : code == kInvalidContext ? "CUDA_ERROR_INVALID_CONTEXT"
          : code == kIllegalAddress ? "CUDA_ERROR_ILLEGAL_ADDRESS"
          : code == kInvalidValue   ? "CUDA_ERROR_INVALID_VALUE"
          : code == kLaunchFailed   ? "CUDA_ERROR_LAUNCH_FAILED"
                                    : nullptr;
  return *name == nullptr ? kInvalidValue : kSuccess;
}
Status cuGetErrorString(Status code, const char** text) {
  *text = code == kOutOfMemory ? "out of memory" : "of the fake driver";
  return kSuccess;
}
Status cuDeviceGetCount(int* count) {
  return call("cuDeviceGetCount", [&](State& s) {
    *count = static_cast<int>(s.devices.size());
    return kSuccess;
  });
}
Status cuDeviceGet(int* device, int ordinal) {
  *device = ordinal;
  return kSuccess;
}
Status cuDeviceGetName(char* name, int bytes, int device) {
  std::snprintf(name, static_cast<std::size_t>(bytes), "Fake GPU %d", device);
  return kSuccess;
}
Status cuDeviceTotalMem_v2(std::size_t* bytes, int) {
  *bytes = static_cast<std::size_t>(state().settings.memory);
  return kSuccess;
}
Status cuDeviceGetAttribute(int* value, int attribute, int) {
  const long capability = state().settings.capability;
  switch (attribute) {
    case 1:  // threads of a block
      *value = 1024;
      return kSuccess;
    case 8:  // shared memory of a block
      *value = 48 << 10;
      return kSuccess;
    case 16:  // multiprocessors
      *value = 4;
      return kSuccess;
    case 20:  // compute mode: default
      *value = 0;
      return kSuccess;
    case 75:
      *value = static_cast<int>(capability / 10);
      return kSuccess;
    case 76:
      *value = static_cast<int>(capability % 10);
      return kSuccess;
    default:
      return kInvalidValue;
  }
}
Status cuDevicePrimaryCtxRetain(Device** context, int device) {
  return call("cuDevicePrimaryCtxRetain", [&](State& s) {
    const auto at = static_cast<std::size_t>(device);
    if (at >= s.devices.size()) return kInvalidDevice;
    *context = s.devices[at].get();
    return kSuccess;
  });
}
Status cuCtxPushCurrent_v2(Device* context) {
  if (context == nullptr || num_contexts == contexts.size()) return kInvalidContext;
  contexts[num_contexts++] = current() = context;
  return kSuccess;
}
Status cuCtxPopCurrent_v2(Device** context) {
  if (num_contexts == 0) return kInvalidContext;
  *context = contexts[--num_contexts];
  current() = num_contexts == 0 ? nullptr : contexts[num_contexts - 1];
  return kSuccess;
}

// ---- Memory ----

Status cuMemGetInfo_v2(std::size_t* free, std::size_t* total) {
  return on_device("cuMemGetInfo", [&](Device& d) {
    *total = static_cast<std::size_t>(state().settings.memory);
    *free = *total - std::min(*total, d.held);
    return kSuccess;
  });
}
Status cuMemAlloc_v2(Address* address, std::size_t bytes) {
  return on_device("cuMemAlloc", [&](Device& d) { return allocate(d, bytes, address); });
}
Status cuMemFree_v2(Address address) {
  return on_device("cuMemFree", [&](Device& d) { return release(d, address); });
}
Status cuMemHostAlloc(void** memory, std::size_t bytes, unsigned) {
  return on_device("cuMemHostAlloc", [&](Device&) {
    *memory = std::malloc(bytes);
    state().pinned[*memory] = bytes;
    return kSuccess;
  });
}
Status cuMemFreeHost(void* memory) {
  return on_device("cuMemFreeHost", [&](Device& d) {
    run_all(d);
    state().pinned.erase(memory);
    std::free(memory);
    return kSuccess;
  });
}

/// From pinned memory a copy reads when its turn comes, from other memory at once.
Status cuMemcpyHtoDAsync_v2(Address to, const void* from, std::size_t bytes, Stream* stream) {
  return on_device("cuMemcpyHtoDAsync", [&](Device& d) {
    char* at = host_address(d, to, bytes);
    if (at == nullptr || stream->device != &d) return kInvalidValue;
    auto block = state().pinned.upper_bound(from);
    const bool pinned =
        block != state().pinned.begin() &&
        static_cast<const char*>(from) < static_cast<const char*>((--block)->first) + block->second;
    if (pinned) {
      enqueue(*stream, [=] { std::memcpy(at, from, bytes); });
    } else {
      const auto* begin = static_cast<const char*>(from);
      enqueue(*stream, [at, copy = std::vector<char>(begin, begin + bytes)] {
        std::memcpy(at, copy.data(), copy.size());
      });
    }
    return kSuccess;
  });
}
Status cuMemcpyDtoHAsync_v2(void* to, Address from, std::size_t bytes, Stream* stream) {
  return on_device("cuMemcpyDtoHAsync", [&](Device& d) {
    const char* at = host_address(d, from, bytes);
    if (at == nullptr || stream->device != &d) return kInvalidValue;
    enqueue(*stream, [=] { std::memcpy(to, at, bytes); });
    return kSuccess;
  });
}
Status cuMemcpyDtoDAsync_v2(Address to, Address from, std::size_t bytes, Stream* stream) {
  return on_device("cuMemcpyDtoDAsync", [&](Device& d) {
    char* const target = host_address(d, to, bytes);
    const char* const source = host_address(d, from, bytes);
    if (target == nullptr || source == nullptr || stream->device != &d) return kInvalidValue;
    enqueue(*stream, [=] { std::memmove(target, source, bytes); });
    return kSuccess;
  });
}

// ---- Streams and events ----

Status cuStreamCreate(Stream** stream, unsigned) {
  return on_device("cuStreamCreate", [&](Device& d) {
    d.streams.push_back(std::make_unique<Stream>(Stream{&d, {}}));
    *stream = d.streams.back().get();
    return kSuccess;
  });
}
Status cuStreamSynchronize(Stream* stream) {
  return on_device("cuStreamSynchronize", [&](Device& d) {
    run_all(*stream);
    return d.lost;
  });
}
Status cuStreamWaitEvent(Stream* stream, Event* event, unsigned) {
  return on_device("cuStreamWaitEvent", [&](Device& d) {
    if (stream->device != &d) return kInvalidHandle;
    enqueue_wait(*stream, *event);
    return kSuccess;
  });
}
Status cuEventCreate(Event** event, unsigned flags) {
  return on_device("cuEventCreate", [&](Device&) {
    *event = new Event{(flags & 2) == 0, 0, 0, 0, nullptr};
    return kSuccess;
  });
}
Status cuEventDestroy_v2(Event* event) {
  return on_device("cuEventDestroy", [&](Device& d) {
    run_all(d);
    delete event;
    return kSuccess;
  });
}
Status cuEventRecord(Event* event, Stream* stream) {
  return on_device("cuEventRecord", [&](Device&) {
    event->stream = stream;
    ++event->recorded;
    enqueue(*stream, [event] {
      ++event->happened;
      event->at_ms = now_ms();
    });
    return kSuccess;
  });
}
Status cuEventSynchronize(Event* event) {
  return on_device("cuEventSynchronize", [&](Device& d) {
    if (event->happened < event->recorded) run_all(*event->stream);
    return d.lost;
  });
}
Status cuEventElapsedTime(float* ms, Event* from, Event* to) {
  return on_device("cuEventElapsedTime", [&](Device&) {
    if (!from->timed || !to->timed || from->happened == 0 || to->happened == 0)
      return kInvalidHandle;
    *ms = static_cast<float>(to->at_ms - from->at_ms);
    return kSuccess;
  });
}

// ---- Modules and launches ----

Status cuModuleLoadData(Module** module, const void* image) {
  return on_device("cuModuleLoadData",
                   [&](Device& d) { return load(d, static_cast<const char*>(image), module); });
}
Status cuModuleUnload(Module* module) {
  return on_device("cuModuleUnload", [&](Device& d) {
    // The module itself stays: what is queued finds that it is gone.
    if (d.modules.erase(module) > 0) d.unloaded.push_back(module);
    return kSuccess;
  });
}
Status cuModuleGetFunction(Function** function, Module* module, const char* name) {
  return on_device("cuModuleGetFunction", [&](Device&) {
    std::unique_ptr<Function>& f = module->functions[name];
    if (!f) {
      f = std::make_unique<Function>();
      f->name = name;
      f->call = symbol<void (*)(void**)>(module->library, "fake_call_" + f->name);
      if (f->call == nullptr) return kNotFound;
      f->params = *symbol<const unsigned*>(module->library, "fake_params_" + f->name);
      f->max_threads = *symbol<const unsigned*>(module->library, "fake_threads_" + f->name);
      f->module = module;
    }
    *function = f.get();
    return kSuccess;
  });
}
Status cuLaunchKernel(Function* f, unsigned grid, unsigned, unsigned, unsigned block, unsigned,
                      unsigned, unsigned, Stream* stream, void** params, void**) {
  return on_device("cuLaunchKernel", [&](Device& d) {
    if (!fits(f, grid, block) || stream->device != &d) return kInvalidValue;
    if (const auto code = static_cast<Status>(std::exchange(state().settings.fail_next, 0)))
      return code;
    enqueue(*stream, [&d, l = launch_of(f, grid, block, params)] { run_launch(d, l); });
    return kSuccess;
  });
}

// ---- Graphs ----

Status cuGraphCreate(Graph** graph, unsigned) {
  return on_device("cuGraphCreate", [&](Device&) {
    *graph = new Graph;
    return kSuccess;
  });
}
Status cuGraphDestroy(Graph* graph) {
  return on_device("cuGraphDestroy", [&](Device&) {
    delete graph;
    return kSuccess;
  });
}
Status cuGraphAddKernelNode_v2(NodeHandle** node, Graph* graph, NodeHandle* const* after,
                               std::size_t count, const NodeParams* p) {
  return on_device("cuGraphAddKernelNode", [&](Device&) {
    if (!fits(p->function, p->grid[0], p->block[0])) return kInvalidValue;
    Node added{launch_of(p->function, p->grid[0], p->block[0], p->params), {}};
    for (std::size_t k = 0; k < count; ++k) {
      if (after[k] == nullptr || after[k]->graph != graph) return kInvalidValue;
      added.after.push_back(after[k]->number);
    }
    graph->handles.push_back(std::make_unique<NodeHandle>(NodeHandle{graph, graph->nodes.size()}));
    graph->nodes.push_back(std::move(added));
    *node = graph->handles.back().get();
    return kSuccess;
  });
}
Status cuGraphInstantiateWithFlags(Exec** exec, Graph* graph, unsigned long long) {
  return on_device("cuGraphInstantiate", [&](Device&) {
    *exec = new Exec{graph->nodes, graph};
    note_graph(state(), graph->nodes);
    return kSuccess;
  });
}
Status cuGraphExecDestroy(Exec* exec) {
  return on_device("cuGraphExecDestroy", [&](Device&) {
    delete exec;
    return kSuccess;
  });
}
Status cuGraphExecKernelNodeSetParams_v2(Exec* exec, NodeHandle* node, const NodeParams* p) {
  return on_device("cuGraphExecKernelNodeSetParams", [&](Device&) {
    if (node->graph != exec->graph || !fits(p->function, p->grid[0], p->block[0]))
      return kInvalidValue;
    exec->nodes[node->number].launch = launch_of(p->function, p->grid[0], p->block[0], p->params);
    return kSuccess;
  });
}
Status cuGraphLaunch(Exec* exec, Stream* stream) {
  return on_device("cuGraphLaunch", [&](Device& d) {
    enqueue(*stream, [&d, nodes = exec->nodes] { run_graph(d, nodes); });
    return kSuccess;
  });
}

}  // extern "C"
