#pragma once
#include <string>

namespace lilith::testing {

/// The files of the fake driver and compiler (README.md).
std::string fake_cuda_driver();
std::string fake_cuda_compiler();

/// The fake driver of this process: what it is told and asked (control.h).
struct FakeCuda {
  static void set(const char* key, long value);
  static long calls(const char* name);
  static long held(int device);
  /// Texts that the compiler has been given.
  static long compilations();
  struct Graph {
    long nodes, edges, longest_chain;
  };
  static Graph last_graph();
};

}  // namespace lilith::testing
