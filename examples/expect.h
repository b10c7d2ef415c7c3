#pragma once
#include <lilith/lilith.h>

#include <cstdlib>

/// Ends the program with status 1 when something is not as the example says.
inline void expect(bool condition, const char* what) {
  if (condition) return;
  fmt::print(stderr, "not true: {}\n", what);
  std::exit(1);
}
