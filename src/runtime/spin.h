#pragma once

namespace lilith::runtime {

/// Tells the processor that this thread waits in a loop: some 10-40 ns.
inline void cpu_pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace lilith::runtime
