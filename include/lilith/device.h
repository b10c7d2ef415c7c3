#pragma once
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <source_location>
#include <string>
#include <string_view>
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
  /// PyTorch's number alone: cuda(i). Error where it is not there. No bool and no character.
  template <std::integral I>
    requires(sizeof(I) > 1)
  Device(I i, std::source_location loc = std::source_location::current())
      : Device(numbered(static_cast<std::int64_t>(i), loc)) {}
  Device(std::nullptr_t) = delete;
  Kind kind = Kind::Cpu;
  std::uint8_t index = 0;
  /// "cpu", "cuda:0", "opencl:1".
  std::string str() const;
  bool operator==(const Device&) const = default;
  /// A number is no device: compare with cuda(1).
  template <std::integral I>
  bool operator==(I) const = delete;

 private:
  static Device numbered(std::int64_t i, std::source_location loc);
};

/// The host's processor.
Device cpu();
/// CUDA device i. Error, listing the devices there are, when it is absent.
Device cuda(int i = 0, std::source_location loc = std::source_location::current());
/// OpenCL device i. Error, listing the devices there are, when it is absent.
Device opencl(int i = 0, std::source_location loc = std::source_location::current());
namespace detail {
/// Error unless the word names a kind of device ("cpu", "cuda:1"), whether it is there or not: the
/// first argument of PyTorch's autocast and GradScaler, which is of no matter here.
void check_device_word(const char* op, std::string_view word, std::source_location loc);
/// Whether it does.
bool is_device_word(std::string_view word);
}  // namespace detail

/// Every device of this machine, the CPU first.
std::vector<Device> devices();
/// CUDA when there is one, else an OpenCL GPU, else the CPU.
Device best_available_device();

}  // namespace lilith
