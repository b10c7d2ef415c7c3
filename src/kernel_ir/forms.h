#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "kernel_ir/kernel.h"
#include "kernel_ir/skeleton.h"

namespace lilith::kir {

/// Bytes that are looked up, with their hash.
struct Form {
  std::string bytes;
  std::array<std::uint64_t, 2> hash;

  explicit Form(std::string of);
  bool operator==(const Form& o) const { return hash == o.hash && bytes == o.bytes; }
};

/// A kernel without its numbers, its form hashed.
struct SkeletonForm {
  Form form;
  std::vector<Number> numbers;
};

/// The canonical form and the skeleton of a kernel, each made when somebody asks first.
/// Thread-safe.
class KernelForms {
 public:
  /// Of the kernel that holds this, or a copy of it.
  std::shared_ptr<const Form> canonical(const Kernel& k);
  /// The same.
  std::shared_ptr<const SkeletonForm> skeleton(const Kernel& k);

 private:
  std::mutex mutex_;
  std::shared_ptr<const Form> canonical_;
  std::shared_ptr<const SkeletonForm> skeleton_;
};

/// Of any kernel: what is known of it, else made anew.
std::shared_ptr<const Form> canonical_of(const Kernel& k);
std::shared_ptr<const SkeletonForm> skeleton_of(const Kernel& k);

}  // namespace lilith::kir
