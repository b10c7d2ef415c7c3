#pragma once
#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "kernel_ir/kernel.h"

// Values for the parameters of a kernel, and kernels that come with them.
namespace lilith::codegen::testing {

inline void randomise(std::vector<char>& bytes, DType dtype, std::mt19937& rng) {
  const std::size_t n = bytes.size() / size_of(dtype);
  std::uniform_real_distribution<double> real(-4, 4);
  for (std::size_t i = 0; i < n; ++i) {
    const double x = real(rng);
    auto put = [&](auto v) { std::memcpy(&bytes[i * sizeof v], &v, sizeof v); };
    switch (dtype) {
      case DType::Bool:
        put(static_cast<std::uint8_t>(rng() & 1));
        break;
      case DType::U8:
      case DType::I8:
        put(static_cast<std::uint8_t>(rng()));
        break;
      case DType::I16:
        put(static_cast<std::int16_t>(rng()));
        break;
      case DType::I32:
        put(static_cast<std::int32_t>(rng() % 4 == 0 ? rng() % 5 - 2 : rng()));
        break;
      case DType::I64:
        put(static_cast<std::int64_t>(rng() % 100) - 50);
        break;
      case DType::F16:
        put(half(static_cast<float>(x)));
        break;
      case DType::BF16:
        put(bfloat16(static_cast<float>(x)));
        break;
      case DType::F32:
        put(static_cast<float>(x));
        break;
      default:
        put(x);
        break;
    }
  }
}

inline double element(const char* data, DType dtype, std::size_t i) {
  auto get = [&](auto v) {
    std::memcpy(&v, data + i * sizeof v, sizeof v);
    return v;
  };
  switch (dtype) {
    case DType::Bool:
    case DType::U8:
      return get(std::uint8_t{});
    case DType::I8:
      return get(std::int8_t{});
    case DType::I16:
      return get(std::int16_t{});
    case DType::I32:
      return get(std::int32_t{});
    case DType::I64:
      return static_cast<double>(get(std::int64_t{}));
    case DType::F16:
      return static_cast<float>(get(half{}));
    case DType::BF16:
      return static_cast<float>(get(bfloat16{}));
    case DType::F32:
      return get(float{});
    default:
      return get(double{});
  }
}

using Inputs = std::vector<std::vector<char>>;

inline Inputs random_inputs(const kir::Kernel& k, unsigned seed = 1) {
  std::mt19937 rng(seed);
  Inputs out;
  for (const kir::BufferDecl& b : k.buffers) {
    if (b.space != kir::Space::Param) continue;
    out.emplace_back(static_cast<std::size_t>(b.size) * size_of(b.dtype));
    randomise(out.back(), b.dtype, rng);
  }
  return out;
}

/// A kernel to run next to the interpreter, on these inputs (none: random ones). Results of code
/// that sums in another order are that far away, in units of the dtype's epsilon.
struct KernelCase {
  kir::Kernel kernel;
  double tolerance = 4;
  Inputs inputs = {};
};

}  // namespace lilith::codegen::testing
