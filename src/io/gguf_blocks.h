#pragma once
#include <cstdint>
#include <string_view>

namespace lilith::io {

/// An element type of GGUF. Plain ones have blocks of one element and no decoder.
struct GgufType {
  std::uint32_t id;
  std::string_view name;  // "Q4_K"; of plain types also the name that elements.h knows
  std::uint32_t block_elements = 1, block_bytes = 0;  // 0 bytes: the layout is not known
  void (*decode)(const std::uint8_t* block, float* out) = nullptr;
  /// The halves of a block, at these bytes, that a big-endian file has the other way round; -2 when
  /// other parts of it depend on the order of bytes too.
  int half_at[2] = {-2, -2};

  bool plain() const { return block_elements == 1 && block_bytes > 0; }
  bool quantised() const { return decode != nullptr; }
};

/// The type with that number, or nullptr. Types that are known by name alone are neither plain nor
/// quantised.
const GgufType* gguf_type(std::uint32_t id);

/// One block of 32 elements as Q8_0 (34 bytes) and Q4_0 (18 bytes), rounded as ggml does.
void encode_q8_0(const float* in, std::uint8_t* block);
void encode_q4_0(const float* in, std::uint8_t* block);

}  // namespace lilith::io
