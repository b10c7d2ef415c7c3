#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "lilith/data.h"

namespace lilith::data {

/// Labelled images held as bytes, a quarter of their size in f32; a batch is scaled to [0,1] as it
/// is gathered.
class ByteImages final : public DataSource {
 public:
  /// pixels: [labels.size(), shape...], row-major.
  ByteImages(std::vector<std::uint8_t> pixels, std::vector<std::uint8_t> labels,
             const Shape& shape);
  std::int64_t size() const override { return static_cast<std::int64_t>(labels_.size()); }
  const std::vector<Aval>& columns() const override { return columns_; }
  void read(const std::int64_t* rows, std::int64_t n, void* const* out) const override;

 private:
  std::vector<std::uint8_t> pixels_, labels_;
  std::vector<Aval> columns_;
};

/// Error for one that is not below `classes`, with its row; `op` names the set, `path` its file.
void check_labels(const char* op, const std::string& path, std::span<const std::uint8_t> labels,
                  int classes);

}  // namespace lilith::data
