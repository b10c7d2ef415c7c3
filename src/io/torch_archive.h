#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "io/elements.h"
#include "io/file.h"
#include "io/pickle.h"
#include "io/zip.h"

namespace lilith::io {

/// Where a storage lies, and what PyTorch calls its elements: "Float", "Untyped".
struct TorchStorage {
  MappedFilePtr file;
  std::uint64_t offset = 0, bytes = 0;
  std::string kind;
};
/// A tensor as a view of a storage. Offset and strides count elements.
struct TorchView {
  TorchStorage storage;
  std::uint64_t offset = 0;
  std::vector<std::uint64_t> sizes, strides;
};

/// What the layouts of torch.save have in common: a pickle, and storages that its persistent ids
/// name.
struct TorchArchive {
  MappedFilePtr file;
  MappedFilePtr object_bytes;  // what `object` was parsed from
  Pickle object;
  bool big_endian = false;  // the elements
  /// The storage of a persistent id. Error where the file has none, or a broken one; `origin` names
  /// the tensor.
  std::function<TorchStorage(const PickleValue& id, const Origin& origin)> storage;
  /// Whole tensors by persistent id: PyTorch 0.1 alone.
  std::map<std::string, TorchView> tensors;
};

using ZipPtr = std::shared_ptr<const ZipFile>;
/// Whether a zip archive was written by torch.save, torch.jit.save or torch.export.
bool is_torch_zip(const ZipFile& zip);
/// The model.json of TorchScript before PyTorch 1.4; empty where a pickle describes the model.
std::string torch_json_member(const ZipFile& zip);
/// Since PyTorch 1.6; TorchScript too. Members: PREFIX/data.pkl, PREFIX/data/KEY, byteorder.
TorchArchive open_torch_zip(const ZipPtr& zip);
/// TorchScript's constants, which its code and a frozen module's graph refer to; an archive without
/// a root where the file has none.
TorchArchive open_torch_constants(const ZipPtr& zip);

/// Whether a file starts as a pickle does: since protocol 2, and torch.save's in protocol 0 and 1.
bool starts_as_pickle(std::span<const std::uint8_t> bytes);
/// PyTorch 0.1.10 to 1.5: pickles of a magic number, the protocol, the system, the object and the
/// storages' keys; then a count and the elements of each storage. They are little-endian whatever
/// the system, as PyTorch writes and reads them. Errors: another pickle; the message names what it
/// holds.
TorchArchive open_torch_legacy(MappedFilePtr file);

/// Whether a file is a tar archive.
bool is_tar(std::span<const std::uint8_t> bytes);
/// PyTorch before 0.1.10: a tar archive of `storages`, `tensors` and `pickle`.
TorchArchive open_torch_tar(MappedFilePtr file);

/// Bytes of an element of that kind of storage; 0 for a kind that PyTorch does not have.
std::uint64_t torch_element_bytes(std::string_view kind);
/// "torch FloatStorage" and "torch.cuda FloatStorage" -> "Float"; empty for what is no storage.
std::string_view torch_storage_kind(const PickleValue* type);
/// The text of a key, which may have been written as a number.
std::string torch_key(const PickleValue& key);

}  // namespace lilith::io
