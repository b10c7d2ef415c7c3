#include "io/open.h"

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "core/quote.h"
#include "io/describe.h"
#include "io/gguf.h"
#include "io/numpy.h"
#include "io/safetensors.h"
#include "io/shards.h"
#include "io/torch_file.h"
#include "lilith/error.h"

namespace lilith::io {

namespace {

constexpr const char* kFormats = "need safetensors, .pt, .npy, .npz or GGUF";

bool has(const ZipFile& zip, std::string_view ending) {
  return std::any_of(zip.names().begin(), zip.names().end(),
                     [&](const std::string& name) { return name.ends_with(ending); });
}

Contents open_zip(const MappedFilePtr& file) {
  const auto zip = std::make_shared<const ZipFile>(file);
  if (is_torch_zip(*zip)) return open_torch(zip);
  if (has(*zip, ".npy") || zip->names().empty()) return open_npz(zip);
  LILITH_CHECK(!has(*zip, "model.weights.h5"),
               "load: {} is a Keras model, whose weights are in HDF5; {}.", file->path(), kFormats);
  fail("load: {} is a zip archive without tensors: it holds {}{}; {}.", file->path(),
       escaped(zip->names().front()),
       zip->names().size() > 1 ? fmt::format(" and {} more", zip->names().size() - 1) : "",
       kFormats);
}

// A file that is no index of others.
Contents open_file(const MappedFilePtr& file) {
  const auto all = file->all();
  std::uint8_t head[9] = {};
  std::copy_n(all.begin(), std::min<std::uint64_t>(all.size(), sizeof head), head);
  const auto starts = [&](std::string_view magic) {
    return std::memcmp(head, magic.data(), magic.size()) == 0;
  };
  if (starts("PK\x03\x04") || starts("PK\x05\x06")) return open_zip(file);
  if (starts("GGUF")) return open_gguf(file);
  if (starts("\x93NUMPY")) return open_npy(file);
  if (head[8] == '{' && (head[7] | head[6]) == 0) return open_safetensors(file);
  if (starts_as_pickle(all)) return open_torch(open_torch_legacy(file));
  if (is_tar(all)) return open_torch(open_torch_tar(file));
  const std::string& path = file->path();
  const std::string what = describe_other(all, path);
  LILITH_CHECK(what.empty(), "load: {} {}; {}.", path, what, kFormats);
  // What is called so is a safetensors file that is damaged; its reader says where.
  if (path.ends_with(".safetensors") || path.ends_with(".bin")) return open_safetensors(file);
  std::string bytes;
  for (const std::uint8_t b : all.first(std::min<std::size_t>(all.size(), 8)))
    bytes += fmt::format(" {:02x}", b);
  fail("load: {} is of an unknown format (it begins with{}); {}.", path, bytes, kFormats);
}

}  // namespace

Contents open_contents(const std::string& path, const Selection& selection) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error))
    return open_contents(weights_in_folder(path), selection);
  const MappedFilePtr file = MappedFile::open(path);
  if (is_shard_index(file->all()))
    return open_shards(*file, selection,
                       [](const std::string& shard) { return open_file(MappedFile::open(shard)); });
  return open_file(file);
}

}  // namespace lilith::io
