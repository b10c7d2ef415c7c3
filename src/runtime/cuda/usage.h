#pragma once
#include <string>
#include <vector>

namespace lilith::runtime::cuda {

/// What a function of a compiled program takes of a multiprocessor.
struct FunctionUse {
  std::string name;
  int registers = 0;     // of a thread
  int shared_bytes = 0;  // of a block
  int spilled = 0;       // bytes of a thread that are stored because registers do not suffice
};
/// Each function of the log that `compile` returns where it is asked for usage.
std::vector<FunctionUse> usage_of(const std::string& log);

}  // namespace lilith::runtime::cuda
