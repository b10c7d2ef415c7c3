#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "lilith/tensor.h"

namespace lilith::io {

/// Where bytes come from, for errors: the file and the tensor's name in it.
struct Origin {
  const std::string& file;
  const std::string& name;
};

/// True when a file's element type (safetensors' name: "F32", "U64", "F8_E4M3") can be held, as it
/// is or widened: U16, U32 and U64 become i32, i64 and i64 (Error where a value does not fit), 8-
/// and 4-bit floats f32.
bool can_hold(std::string_view type);
/// Bits of one element of such a type; 0 when it is unknown.
int bits_of(std::string_view type);
/// Sizes as a Shape. Errors: a rank or a size that is too large.
Shape to_shape(const std::vector<std::uint64_t>& sizes, const Origin& origin);
/// A tensor in host memory from row-major little-endian elements. Errors: a type that cannot be
/// held, bools other than 0 and 1.
Tensor from_elements(std::string_view type, const Shape& shape, std::vector<std::uint8_t> bytes,
                     const Origin& origin);
/// The same, the bytes read by `read` into the tensor's own memory where the type is one of
/// Lilith's.
template <class Read>
Tensor read_elements(std::string_view type, const Shape& shape, std::uint64_t bytes,
                     const Origin& origin, Read read);

/// Lilith's dtype of that name, or nothing.
const DType* native_dtype(std::string_view type);
/// A leaf with that memory, once filled.
Tensor make_host_tensor(const Shape& shape, DType dtype, const Origin& origin, void*& data);
void check_elements(const Tensor& t, const Origin& origin);

template <class Read>
Tensor read_elements(std::string_view type, const Shape& shape, std::uint64_t bytes,
                     const Origin& origin, Read read) {
  if (const DType* dtype = native_dtype(type)) {
    void* data = nullptr;
    Tensor t = make_host_tensor(shape, *dtype, origin, data);
    read(data, bytes);
    check_elements(t, origin);
    return t;
  }
  std::vector<std::uint8_t> raw(bytes);
  read(raw.data(), bytes);
  return from_elements(type, shape, std::move(raw), origin);
}

}  // namespace lilith::io
