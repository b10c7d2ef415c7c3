#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "io/contents.h"
#include "io/zip.h"

namespace lilith::io {

/// An array's description at the start of a .npy file.
struct NpyHeader {
  std::string descr;  // numpy's type: "<f4"
  bool fortran = false;
  std::vector<std::uint64_t> sizes;
  std::uint64_t data_begin = 0;
  std::string reason;  // why Lilith cannot hold it, a predicate; empty when it can
  std::string type;    // elements.h's name of it
};
/// Reads a header, versions 1 to 3; `bytes` may end after it. Errors: a broken one. Ref:
/// numpy.lib.format
NpyHeader parse_npy_header(std::span<const std::uint8_t> bytes, const Origin& origin);

/// The array of a .npy file's bytes. Big-endian and Fortran-ordered arrays are brought into
/// Lilith's order. Errors: sizes that do not fit the data; Refusals: objects, records, texts,
/// times, complex and long double numbers.
Tensor parse_npy(std::span<const std::uint8_t> bytes, const std::string& file,
                 const std::string& name);
/// The one array, under the name of the file without its ending.
Contents open_npy(MappedFilePtr file);
/// The arrays by name. Other members ("README.txt") go to the metadata by name alone.
Contents open_npz(const std::shared_ptr<const ZipFile>& zip);

/// The member of an .npz that holds the metadata, as JSON, where there is any.
inline constexpr const char* kNpzMetadata = "metadata.json";
/// Writes one tensor as .npy, and tensors by name as .npz, for np.load. The file is replaced as a
/// whole or not at all. Errors: bf16, which NumPy lacks; several tensors in a .npy.
void save_npy(const TensorDict& tensors, const std::string& path);
void save_npz(const TensorDict& tensors, const std::string& path);

}  // namespace lilith::io
