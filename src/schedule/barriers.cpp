#include "schedule/barriers.h"

namespace lilith::schedule {

void place_barriers(Plan* plan) {
  struct Touch {
    bool read = false, write = false, all = false;  // all: by more than thread 0
  };
  std::vector<Touch> since(plan->buffers.size());
  for (LaunchPlan& l : plan->launches) {
    bool conflict = false;
    const auto each_touch = [&](auto&& f) {
      for (std::size_t p = 0; p < l.buffers.size(); ++p) {
        const bool write = l.kernel.buffers[static_cast<std::size_t>(l.params[p])].written;
        f(since[static_cast<std::size_t>(l.buffers[p])], write);
        const int donor = plan->buffers[static_cast<std::size_t>(l.buffers[p])].donor;
        if (donor >= 0) f(since[static_cast<std::size_t>(donor)], write);
      }
    };
    each_touch([&](const Touch& t, bool write) {
      const bool clash = t.write || (write && t.read);
      conflict = conflict || (clash && (t.all || !l.single));
    });
    l.barrier_before = conflict;
    if (conflict) since.assign(plan->buffers.size(), {});
    each_touch([&](Touch& t, bool write) {
      (write ? t.write : t.read) = true;
      t.all = t.all || !l.single;
    });
  }
}

}  // namespace lilith::schedule
