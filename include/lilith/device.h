#pragma once
#include <cstdint>
#include <source_location>
#include <string>
#include <vector>

namespace lilith {

/// Where a tensor lives. A name, not a resource: cheap to copy and compare.
struct Device {
  enum class Kind : std::uint8_t { Cpu, Cuda, OpenCl };
  constexpr Device() = default;
  constexpr Device(Kind kind, std::uint8_t index) : kind(kind), index(index) {}
  /// By PyTorch's word, as parse_device reads it: "cpu", "cuda:1". Error where it is not there.
  Device(const char* word, std::source_location loc = std::source_location::current());
  Device(const std::string& word, std::source_location loc = std::source_location::current());
  Kind kind = Kind::Cpu;
  std::uint8_t index = 0;
  /// "cpu", "cuda:0", "opencl:1".
  std::string str() const;
  bool operator==(const Device&) const = default;
};

/// The host's processor.
Device cpu();
/// CUDA device i. Error, listing the devices there are, when it is absent.
Device cuda(int i = 0, std::source_location loc = std::source_location::current());
/// OpenCL device i. Error, listing the devices there are, when it is absent.
Device opencl(int i = 0, std::source_location loc = std::source_location::current());
/// Every device of this machine, the CPU first.
std::vector<Device> devices();
/// CUDA when there is one, else an OpenCL GPU, else the CPU.
Device best_available_device();

}  // namespace lilith
