#include <fmt/format.h>

#include "commands.h"
#include "device_option.h"
#include "lilith/error.h"

namespace lilith::cli {

Device parse_device(const std::string& text) {
  if (text == "best") return best_available_device();
  if (text == "cpu") return cpu();
  const auto colon = text.find(':');
  const std::string kind = text.substr(0, colon),
                    digits = colon == text.npos ? "0" : text.substr(colon + 1);
  const bool is_index = !digits.empty() && digits.size() <= 2 &&
                        digits.find_first_not_of("0123456789") == digits.npos;
  if (is_index && kind == "cuda") return cuda(std::stoi(digits));
  if (is_index && kind == "opencl") return opencl(std::stoi(digits));
  std::string there;
  for (const Device& d : devices()) there += (there.empty() ? "" : ", ") + d.str();
  fail("--device: '{}' is no device; there are: {} (or best)", text, there);
}

void add_devices(CLI::App& app) {
  auto* command = app.add_subcommand("devices", "List the devices of this machine, the CPU first");
  command->callback([] {
    const Device best = best_available_device();
    for (const Device& d : devices()) fmt::print("{}{}\n", d.str(), d == best ? "  (best)" : "");
  });
}

}  // namespace lilith::cli
