#pragma once
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "io/contents.h"
#include "io/torch_archive.h"

namespace lilith::io {

/// Makes the tensors that a torch.save file's pickle describes: PyTorch's by the function that
/// would rebuild them, NumPy's arrays, storages. Tensors share a mapped file's memory where they
/// lie there densely. Two that view the same elements in the same way are one.
class TorchTensors {
 public:
  explicit TorchTensors(TorchArchive archive) : archive_(std::move(archive)) {}
  const TorchArchive& archive() const { return archive_; }

  /// Whether a value stands for a tensor.
  bool is_tensor(const PickleValue& v) const;
  /// What can be said of it without reading its elements: type, sizes, bytes, dtype. Refusals:
  /// those of `make` that this shows.
  void describe(const PickleValue& v, const std::string& name, Entry& entry);
  /// That tensor. Refusals: tensors that Lilith does not hold (sparse, complex, nested, on the meta
  /// device, of an unknown dtype …). Errors: storages outside of the file.
  Tensor make(const PickleValue& v, const std::string& name);
  /// The same for a tensor that no pickle describes.
  void describe(const TorchView& view, const std::string& name, Entry& entry) const;
  Tensor make(const TorchView& view, const std::string& name);
  /// The same text for two values that stand for the same elements.
  std::string place_of(const PickleValue& v) const;

 private:
  // The function that would rebuild a tensor and its arguments; or a persistent id.
  struct Recipe {
    std::string_view function;
    const PickleValue* args = nullptr;
    const PickleValue* id = nullptr;
    const PickleValue* arg(std::size_t i) const { return args ? args->at(i) : nullptr; }
  };
  static Recipe unwrap(const PickleValue& v);
  bool is_stored(const PickleValue& id) const;
  Tensor rebuild(const Recipe& recipe, const Origin& origin);
  void describe_view(std::string_view dtype, const std::vector<std::uint64_t>& sizes,
                     const Origin& origin, Entry& entry) const;
  Tensor dequantise(const Recipe& recipe, const Origin& origin);
  Tensor from_device(const Recipe& recipe, const Origin& origin);
  Tensor of_id(const PickleValue& id, const Origin& origin);
  TorchView view_of(const Recipe& recipe, const Origin& origin) const;
  Tensor of_view(const TorchView& view, std::string_view dtype, bool negated, const Origin& origin);
  Tensor copy_of(const TorchView& view, std::string_view type, const Shape& shape, bool negated,
                 const Origin& origin);
  void count_copy(std::uint64_t bytes, const Origin& origin);

  const TorchArchive archive_;
  std::map<std::string, Tensor> made_;
  std::uint64_t copied_ = 0;
};

/// The attributes that a tensor of a subclass, or a parameter, carries; None where it has none.
const PickleValue* tensor_attributes(const PickleValue& v);

}  // namespace lilith::io
