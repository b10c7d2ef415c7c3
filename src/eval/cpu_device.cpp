#include "codegen/codegen.h"
#include "core/device_kinds.h"
#include "eval/launcher.h"
#include "runtime/device_memory.h"
#include "runtime/thread_team.h"

// The host's row in the table of devices.
namespace lilith {
namespace {

schedule::Target target(int) {
  schedule::Target t = codegen::target();
  t.threads = runtime::ThreadTeam::instance().size();
  return t;
}

[[maybe_unused]] const Device::Kind kind = register_device_kind(
    {.name = "cpu",
     .count = [] { return 1; },
     .why_none = [] { return std::string(); },
     .describe = [](int) { return codegen::target().cpu; },
     .is_accelerator = [](int) { return false; },
     .memory = [](int) -> runtime::DeviceMemory& { return runtime::host_memory(); },
     .target = target,
     .launcher = [](const schedule::Plan& plan, int) { return make_cpu_launcher(plan); },
     .restore = [](const schedule::Plan& plan, std::string_view code,
                   int) { return restore_cpu_launcher(plan, code); },
     .runs_loops = true});

}  // namespace
}  // namespace lilith
