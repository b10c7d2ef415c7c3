#include "schedule/barriers.h"

namespace lilith::schedule {

void place_barriers(Plan* plan) {
  struct Touch {
    bool read = false, write = false, all = false;  // all: by more than thread 0
  };
  std::vector<Touch> since(plan->buffers.size());
  std::vector<int> touched;  // since the last barrier
  for (LaunchPlan& l : plan->launches) {
    bool conflict = false;
    const auto each_touch = [&](auto&& f) {
      for (std::size_t p = 0; p < l.buffers.size(); ++p) {
        const bool write = l.kernel.buffers[static_cast<std::size_t>(l.params[p])].written;
        f(l.buffers[p], write);
        const int donor = plan->buffers[static_cast<std::size_t>(l.buffers[p])].donor;
        if (donor >= 0) f(donor, write);
      }
    };
    each_touch([&](int buffer, bool write) {
      const Touch& t = since[static_cast<std::size_t>(buffer)];
      const bool clash = t.write || (write && t.read);
      conflict = conflict || (clash && (t.all || !l.single));
    });
    l.barrier_before = conflict;
    if (conflict) {
      for (const int buffer : touched) since[static_cast<std::size_t>(buffer)] = {};
      touched.clear();
    }
    each_touch([&](int buffer, bool write) {
      touched.push_back(buffer);
      Touch& t = since[static_cast<std::size_t>(buffer)];
      (write ? t.write : t.read) = true;
      t.all = t.all || !l.single;
    });
  }
}

}  // namespace lilith::schedule
