#pragma once
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "lilith/tensor.h"

namespace lilith::parity {

using Json = nlohmann::ordered_json;

/// A tensor of a golden file, as stored: row-major bytes, not aligned.
struct Stored {
  DType dtype;
  Shape shape;
  const char* bytes = nullptr;

  /// Element k, widened.
  double real(std::int64_t k) const;
  std::int64_t integer(std::int64_t k) const;
  /// The values as a leaf of a dtype.
  Tensor leaf(DType to) const;
  /// The values as a leaf; floating ones as `floating`.
  Tensor tensor(DType floating) const { return leaf(is_floating(dtype) ? floating : dtype); }
};

/// One call of an operator: how it was called, and what came out.
struct Sample {
  std::string op;    // "nn.functional.relu", "div__trunc_rounding"
  std::string name;  // "nn.functional.relu/2"
  Json args, kwargs;
  std::vector<std::string> outs;
  Json cot, grad;
  Json ctor_args, ctor_kwargs, state;  // of a module
  bool is_old = false;                 // of PyTorch 1
};

/// A safetensors file of golden results.
class GoldenFile {
 public:
  explicit GoldenFile(const std::string& path);
  const std::vector<Sample>& samples() const { return samples_; }
  const Stored& at(const std::string& key) const;

 private:
  std::string content_;
  std::map<std::string, Stored> tensors_;
  std::vector<Sample> samples_;
};

}  // namespace lilith::parity
