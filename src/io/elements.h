#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "io/file.h"
#include "lilith/tensor_dict.h"

namespace lilith::io {

/// Where bytes come from, for errors: the file and the tensor's name in it.
struct Origin {
  const std::string& file;
  const std::string& name;
};

/// Thrown for a tensor that is whole but that Lilith cannot hold (its kind, its rank, its values):
/// the rest of the file can be read. The reason is a predicate, "is complex, which …"; the text
/// "load: FILE: 'NAME' REASON."
class Refusal : public Error {
 public:
  Refusal(const Origin& origin, std::string reason);
  const std::string& reason() const { return reason_; }

 private:
  std::string reason_;
};
template <class... Args>
[[noreturn]] void refuse(const Origin& origin, fmt::format_string<Args...> format, Args&&... args) {
  throw Refusal(origin, fmt::format(format, std::forward<Args>(args)...));
}
/// Adds the tensor that `make` gives, or the name with the reason of the Refusal that it throws.
template <class Make>
void add_or_refuse(TensorDict& out, const std::string& name, Make make) {
  try {
    out.add(name, make());
  } catch (const Refusal& r) {
    out.refuse(name, r.reason());
  }
}

/// True when a file's element type (safetensors' name: "F32", "U64", "F8_E4M3") can be held, as it
/// is or widened: U16, U32 and U64 become i32, i64 and i64 (Error where a value does not fit), 8-
/// and 4-bit floats f32.
bool can_hold(std::string_view type);
/// Bits of one element of such a type; 0 when it is unknown.
int bits_of(std::string_view type);
/// The dtype in which such a type is held. Error when it cannot be.
DType dtype_held(std::string_view type);
/// Sizes as a Shape. Errors: a rank (a Refusal) or a size that is too large.
Shape to_shape(const std::vector<std::uint64_t>& sizes, const Origin& origin);
/// A tensor in host memory from row-major little-endian elements. Errors: another number of bytes
/// than the shape needs; Refusals: a type that cannot be held, a number beyond the wider type,
/// bools other than 0 and 1.
Tensor from_elements(std::string_view type, const Shape& shape, std::span<const std::uint8_t> bytes,
                     const Origin& origin);
/// A tensor of the elements at `offset` of a file. It shares the file's memory, and keeps it, where
/// the file is mapped, the type one of Lilith's and the place aligned for it; elsewhere it is a
/// copy. Errors: those of from_elements; elements outside of the file.
Tensor tensor_at(const MappedFilePtr& file, std::uint64_t offset, std::string_view type,
                 const Shape& shape, const Origin& origin);
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
  return from_elements(type, shape, raw, origin);
}

}  // namespace lilith::io
