#pragma once
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "io/contents.h"

namespace lilith::io {

/// One tensor of a safetensors file as the header describes it; dtypes that Lilith lacks included.
struct SafetensorsEntry {
  std::string name;
  std::string dtype;                 // the format's name: "F32", "BF16", "F4"
  std::vector<std::uint64_t> shape;  // outermost first
  std::uint64_t begin = 0, end = 0;  // bytes in the data section
};

struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries;  // by offset
  std::map<std::string, std::string> metadata;
  std::uint64_t data_begin = 0;  // where the data section starts in the file
};

/// Reads and checks the header of a file of `file_bytes` bytes that starts with `head` (8 bytes of
/// length and the header itself). `file` names it in errors. Throws Error for every violation of
/// the format: https://github.com/huggingface/safetensors#format
SafetensorsHeader parse_safetensors_header(std::span<const std::uint8_t> head,
                                           std::uint64_t file_bytes, const std::string& file);

/// The bytes before the data section, entries in the given order with offsets from their sizes,
/// padded to a multiple of 8.
std::string format_safetensors_header(std::span<const SafetensorsEntry> entries,
                                      const std::map<std::string, std::string>& metadata);

/// Rank in the writer's order: entries are written widest dtype first, then by name, so that every
/// tensor is aligned. -1 when the format has no such dtype.
int safetensors_dtype_rank(std::string_view dtype);

/// What a safetensors file holds. Tensors share the file's mapping where they can. Refused are
/// dtypes that Lilith cannot hold, unknown ones too. Errors: those of the header.
Contents open_safetensors(MappedFilePtr file);
/// Writes a safetensors file as a whole or not at all.
void save_safetensors(const TensorDict& tensors, const std::string& path);

}  // namespace lilith::io
