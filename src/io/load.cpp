#include "lilith/io.h"

#include <algorithm>
#include <cstring>

#include "eval/dump_case.h"
#include "io/file.h"
#include "io/gguf.h"
#include "io/numpy.h"
#include "io/safetensors.h"
#include "io/torch_file.h"
#include "io/zip.h"

namespace lilith {

namespace {

bool is_torch_name(const std::string& path) {
  constexpr std::string_view kEndings[] = {".pt", ".pth", ".th", ".pth.tar"};
  return std::any_of(std::begin(kEndings), std::end(kEndings),
                     [&](std::string_view ending) { return path.ends_with(ending); });
}

struct InstallHook {
  InstallHook() {
    driver::write_tensors_hook() = [](const auto& tensors, const std::string& path) {
      save_tensors(TensorDict(tensors), path);
    };
  }
};
const InstallHook install_hook;

}  // namespace

TensorDict load_tensors(const std::string& path, SourceLocation loc) {
  LocScope scope(loc, nullptr);
  const io::MappedFilePtr file = io::MappedFile::open(path);
  std::uint8_t head[9] = {};
  std::copy_n(file->all().begin(), std::min<std::uint64_t>(file->bytes(), sizeof head), head);
  const auto starts = [&](std::string_view magic) {
    return std::memcmp(head, magic.data(), magic.size()) == 0;
  };
  if (starts("PK\x03\x04") || starts("PK\x05\x06")) {
    const auto zip = std::make_shared<const io::ZipFile>(file);
    return io::is_torch_zip(*zip) ? io::read_all(io::open_torch(zip)) : io::load_npz(path);
  }
  if (io::starts_as_pickle(file->all()))
    return io::read_all(io::open_torch(io::open_torch_legacy(file)));
  if (io::is_tar(file->all())) return io::read_all(io::open_torch(io::open_torch_tar(file)));
  if (starts("GGUF")) return io::read_all(io::open_gguf(file));
  if (starts("\x93NUMPY")) return io::load_npy(path);
  // Its header is JSON after a length; what is called otherwise and has none is something else.
  LILITH_CHECK(head[8] == '{' || path.ends_with(".safetensors") || path.ends_with(".bin"),
               "load: {} is of an unknown format; need safetensors, .pt, .npy, .npz or GGUF.",
               path);
  return io::load_safetensors(path);
}

void save_tensors(const TensorDict& tensors, const std::string& path, SourceLocation loc) {
  LocScope scope(loc, nullptr);
  if (is_torch_name(path))
    io::save_torch(tensors, path);
  else
    io::save_safetensors(tensors, path);
}

void save(ModelRef model, const std::string& path) {
  LocScope scope(model.loc(), nullptr);
  TensorDict tensors;
  tensors.metadata["format"] = "pt";  // what other readers of PyTorch's keys look for
  for (auto& [key, value] : state_dict(model)) tensors.add(key, value);
  save_tensors(tensors, path);
}

void load(ModelRef model, const std::string& path, LoadOptions options) {
  LocScope scope(model.loc(), nullptr);
  const TensorDict tensors = load_tensors(path);
  for (const auto& [key, value] : state_dict(model)) {
    const auto refused = tensors.refused().find(key);
    LILITH_CHECK(refused == tensors.refused().end(), "load: {}: '{}' {}.", path, key,
                 refused->second);
  }
  options.source = path.substr(path.find_last_of('/') + 1);
  load_state_dict(model, StateDict(tensors.begin(), tensors.end()), options);
}

}  // namespace lilith
