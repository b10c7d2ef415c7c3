#include <fmt/format.h>

#include "commands.h"
#include "lilith/devices.h"

namespace lilith::cli {

void add_devices(CLI::App& app) {
  auto* command = app.add_subcommand(
      "devices", "List the devices of this machine, the CPU first, and what kinds it has none of");
  command->callback([] {
    const Device best = best_available_device();
    for (const Device& d : devices())
      fmt::print("{:<10} {}{}\n", d.str(), description(d), d == best ? "  (best)" : "");
    for (const DeviceKindInfo& kind : device_kinds())
      if (kind.count == 0) fmt::print("{:<10} none: {}\n", kind.name, kind.why_none);
  });
}

}  // namespace lilith::cli
