// Where things live, and what can be set for a whole program.
#include "net.h"

using namespace lilith;

int main() {
  auto device = best_available_device();
  fmt::print("devices:");
  for (Device d : devices()) fmt::print(" {}", d.str());
  fmt::print(", best {}\n", device.str());
  expect(devices().front() == cpu(), "the CPU comes first");
  try {
    cuda(99);
    expect(false, "asking for a device that is not there throws");
  } catch (const Error& e) {
    fmt::print("{}\n", e.what());
  }
  Net net = to(device, Net{});
  Net same = device | net;
  expect(same.conv1.weight.device() == device, "device | net reads as put on");

  set_num_threads(2);
  set_spin(false);
  set_precision(Precision::highest);
  expect(ones({64, 64}).matmul(ones({64, 64})).max().item<float>() == 64, "highest precision");
  set_precision(Precision::high);
  set_spin(true);
  auto stats = memory_stats(device);
  fmt::print("in use: {} bytes\n", stats.live_bytes);
}
