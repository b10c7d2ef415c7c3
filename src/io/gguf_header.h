#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "io/file.h"
#include "lilith/tensor.h"

namespace lilith::io {

struct GgufInfo {
  std::string name;
  std::vector<std::uint64_t> sizes;  // outermost first
  std::uint32_t type = 0;
  std::uint64_t offset = 0;  // from the start of the data
};
/// An array of metadata, left where it is in the file.
struct GgufArray {
  std::uint32_t element = 0;
  std::uint64_t count = 0, offset = 0;  // of its first element
};
struct GgufHeader {
  std::uint32_t version = 0;
  bool swapped = false;  // big-endian
  std::uint64_t data_begin = 0;
  std::vector<GgufInfo> infos;
  /// Numbers and texts; short arrays as "[1, 2]", longer ones by their beginning and number.
  std::map<std::string, std::string> metadata;
  std::map<std::string, GgufArray> arrays;
};

/// Reads the header of a GGUF file, versions 1 to 3. Errors: truncation, unknown types of metadata,
/// keys twice, an alignment that is no power of two.
GgufHeader parse_gguf_header(const MappedFile& file);
/// The elements of an array as texts; those of nested arrays one after the other.
std::vector<std::string> gguf_texts(const MappedFile& file, const GgufHeader& header,
                                    const GgufArray& array);
/// The elements as a 1-D tensor, i64 or f64. Error for texts.
Tensor gguf_numbers(const MappedFile& file, const GgufHeader& header, const std::string& key,
                    const GgufArray& array);

}  // namespace lilith::io
