#pragma once
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "eval/instance.h"
#include "schedule/plan.h"

namespace lilith {

/// The kernels of a plan, compiled for a device, and how its launches run there. Immutable; runs of
/// several threads at once have an instance each.
class Launcher {
 public:
  virtual ~Launcher();

  /// Runs all launches over the instance's buffers. Returns once they are queued, at the earliest:
  /// who reads a buffer waits for them (runtime/device_memory.h).
  virtual void run(Instance& instance) const = 0;
  /// The same, one launch after another: `after(k)` may look at what launch k wrote.
  virtual void run_in_steps(Instance& instance,
                            const std::function<void(std::size_t)>& after) const = 0;
  /// The same, and the milliseconds that each launch took.
  virtual std::vector<double> run_timed(Instance& instance) const = 0;
  struct Code {
    std::string bytes;
    std::string
        made_by;  // the file of a compiler that they are worth nothing without (disk_cache.h)
  };
  /// What DeviceKind::restore makes it of in another process; empty where the kind has none.
  virtual Code code() const { return {}; }
};

/// By launch; those of loops where these stand.
std::vector<const kir::Kernel*> kernels_of(const schedule::Plan& plan);

/// For this CPU: launches run on the thread team, one thread's alone on the caller.
std::unique_ptr<Launcher> make_cpu_launcher(const schedule::Plan& plan);
/// The same of the code that such a launcher had, without kernels; null where that is of no use.
std::unique_ptr<Launcher> restore_cpu_launcher(const schedule::Plan& plan, std::string_view code);

}  // namespace lilith
