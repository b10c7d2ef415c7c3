#pragma once
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <vector>

// What the fake driver remembers. Everything is done under one lock.
namespace fake_cuda {

using Status = int;
using Address = std::uint64_t;
inline constexpr Status kSuccess = 0, kInvalidValue = 1, kOutOfMemory = 2, kNotInitialized = 3,
                        kNoDevice = 100, kInvalidDevice = 101, kInvalidImage = 200,
                        kInvalidContext = 201, kNoBinary = 209, kInvalidHandle = 400,
                        kNotFound = 500, kIllegalAddress = 700, kLaunchFailed = 719;

struct Settings {
  long devices = 1, version = 13000, memory = 1l << 30, seed = 1, capability = 90, late = 1,
       fail_next = 0;
  Settings();  // from FAKE_CUDA
  long* find(const std::string& key);
};

struct Allocation {
  char* mapped = nullptr;
  char* memory = nullptr;  // ends at a page that nobody may touch
  std::size_t bytes = 0, mapped_bytes = 0;
};

struct Device;

struct Event {
  bool timed = true;
  long recorded = 0, happened = 0;  // how often
  double at_ms = 0;
  struct Stream* stream = nullptr;
};

struct Op {
  std::function<void()> run;
  Event* after = nullptr;  // it waits for what this had recorded
  long recorded = 0;
};

struct Stream {
  Device* device;
  std::deque<Op> ops;
};

struct Function {
  std::string name;
  void (*call)(void**) = nullptr;
  unsigned params = 0, max_threads = 0;
  struct Module* module = nullptr;
};

struct Module {
  void* library = nullptr;
  char *shared_begin = nullptr, *shared_end = nullptr;
  std::map<std::string, std::unique_ptr<Function>> functions;
};

struct Launch {
  Function* function;
  unsigned blocks, threads;
  std::vector<std::uint64_t> words;
};

struct Node {
  Launch launch;
  std::vector<std::size_t> after;
};
struct Graph;
struct NodeHandle {
  Graph* graph;
  std::size_t number;
};
struct Graph {
  std::vector<Node> nodes;
  std::vector<std::unique_ptr<NodeHandle>> handles;
};
struct Exec {
  std::vector<Node> nodes;
  const Graph* graph;
};

struct Device {
  int number = 0;
  std::map<Address, Allocation> memory;
  std::size_t held = 0;
  std::vector<std::unique_ptr<Stream>> streams;
  std::set<const Module*> modules;
  std::vector<const Module*> unloaded;
  Status lost = kSuccess;  // its context, by what a kernel did
};

struct State {
  std::recursive_mutex mutex;
  Settings settings;
  std::mt19937_64 random;
  bool initialized = false;
  std::vector<std::unique_ptr<Device>> devices;
  std::map<const void*, std::size_t> pinned;
  std::map<std::string, long> calls;
  long nodes = 0, edges = 0, longest_chain = 0;
  void start();
};
State& state();
/// The device whose context is this thread's; null: none.
Device*& current();

/// An address of a device is the host's with this, which makes it no address there.
inline constexpr Address kTag = Address{0x5c} << 56;

Status allocate(Device& device, std::size_t bytes, Address* out);
Status release(Device& device, Address address);
/// The host's address of bytes of a device; null where they are not all of one block.
char* host_address(Device& device, Address address, std::size_t bytes);

/// Enqueues; some of what waits may run meanwhile.
void enqueue(Stream& stream, std::function<void()> run);
void enqueue_wait(Stream& stream, Event& event);
void run_all(Stream& stream);
void run_all(Device& device);
void run_launch(Device& device, const Launch& launch);
/// Nodes in a random order that the edges allow.
void run_graph(Device& device, const std::vector<Node>& nodes);

}  // namespace fake_cuda
