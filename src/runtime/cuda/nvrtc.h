#pragma once
#include <string>

// NVRTC, CUDA's compiler, found at run time: no header and no library of CUDA is needed to build.
namespace lilith::runtime::cuda {

/// Why there is no compiler; empty where there is one.
const std::string& why_no_compiler();

struct Compiled {
  std::string cubin;  // code for that architecture
  std::string log;    // what the compiler says: warnings; what functions use, where it is asked for
};
/// Compiles CUDA C++ for an architecture: 90 is sm_90. Nothing is contracted, division and roots
/// are exact, denormals are kept. DeviceError with the compiler's log where it fails, and where
/// there is none. `usage`: the log says how many registers each function needs, and what it spills.
Compiled compile(const std::string& source, int architecture, bool usage = false);

}  // namespace lilith::runtime::cuda
