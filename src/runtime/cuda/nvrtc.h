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

/// "13.0"
std::string compiler_version();
/// What to compile for so that a device of an architecture runs it: "sm_90", its own code, where
/// the compiler knows it, else "compute_120", PTX for the newest one before it, which the driver
/// compiles. DeviceError where it is older than all that the compiler knows.
std::string target_for(int architecture);
/// All that the code for a target depends on beside the text.
std::string compile_key(const std::string& target);
/// The code, or PTX, for a target.
std::string image_for(const std::string& source, const std::string& target);

}  // namespace lilith::runtime::cuda
