// Allocations, writes and reads of memory of a device, with 1 to 4 threads: thousands a second, the
// best of the repeats. Usage: device_memory [device] [repeats]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <thread>
#include <vector>

#include "lilith/devices.h"
#include "runtime/device_memory.h"

namespace {

using namespace lilith;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kBytes = 256;

/// Thousands of calls a second of all threads together.
double rate(int threads, int calls, const std::function<void(int thread)>& call) {
  const auto start = Clock::now();
  std::vector<std::thread> team;
  for (int t = 0; t < threads; ++t)
    team.emplace_back([&, t] {
      for (int i = 0; i < calls; ++i) call(t);
    });
  for (std::thread& t : team) t.join();
  const std::chrono::duration<double> took = Clock::now() - start;
  return threads * calls / took.count() / 1e3;
}

}  // namespace

int main(int argc, char** argv) {
  const Device device = parse_device(argc > 1 ? argv[1] : "opencl:0");
  const int repeats = argc > 2 ? std::atoi(argv[2]) : 3;
  const std::vector<char> host(kBytes);
  std::printf("%s, blocks of %zu bytes, 1000/s\nthreads  allocate   write    read\n",
              device.str().c_str(), kBytes);
  for (const int threads : {1, 2, 4}) {
    std::vector<StoragePtr> memory;
    std::vector<std::vector<char>> mine(static_cast<std::size_t>(threads),
                                        std::vector<char>(kBytes));
    for (int t = 0; t < threads; ++t) memory.push_back(Storage::allocate(kBytes, device));
    const auto at = [](int t) { return static_cast<std::size_t>(t); };
    double allocate = 0, write = 0, read = 0;
    for (int r = 0; r < repeats; ++r) {
      allocate = std::max(allocate, rate(threads, 200000, [&](int) {
                            const StoragePtr s = Storage::allocate(kBytes, device);
                          }));
      write = std::max(write, rate(threads, 20000, [&](int t) {
                         runtime::write(*memory[at(t)], 0, host.data(), kBytes);
                       }));
      read = std::max(read, rate(threads, 20000, [&](int t) {
                        runtime::read(*memory[at(t)], 0, mine[at(t)].data(), kBytes);
                      }));
    }
    std::printf("%7d %9.0f %7.0f %7.0f\n", threads, allocate, write, read);
  }
}
