#pragma once
#include <span>
#include <string>
#include <vector>

#include "codegen/c/statements.h"
#include "core/bytes.h"

namespace lilith::codegen::c {

/// The kernels of a program as one text. Kernels that are equal, names apart, are printed once.
struct Source {
  std::string text;
  /// By kernel: what is launched for it, in order. Empty where it does nothing.
  std::vector<std::vector<Entry>> kernels;
};

/// What the device that will run it computes in.
struct Features {
  std::string device;  // for errors
  bool f64 = true;
};

/// Throws InternalError for a kernel that breaks the rules of kernel IR, DeviceError for one that
/// computes in a dtype that the device has not.
Source print(std::span<const kir::Kernel* const> kernels, const Dialect& dialect,
             const Features& features);

/// What is launched, as bytes for another process: Source::kernels.
void write(ByteWriter& out, const std::vector<std::vector<Entry>>& kernels);
std::vector<std::vector<Entry>> read_entries(ByteReader& in);

}  // namespace lilith::codegen::c
