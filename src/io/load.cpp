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

bool is_torch_archive(const std::string& path) {
  const io::ZipFile zip(path);
  return std::any_of(zip.names().begin(), zip.names().end(),
                     [](const std::string& name) { return name.ends_with("data.pkl"); });
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
  std::uint8_t head[9] = {};
  {
    io::InputFile file(path, "load");
    file.read(0, head, std::min<std::uint64_t>(file.bytes(), sizeof head));
  }
  const auto starts = [&](std::string_view magic) {
    return std::memcmp(head, magic.data(), magic.size()) == 0;
  };
  if (starts("PK\x03\x04") || starts("PK\x05\x06"))
    return is_torch_archive(path) ? io::load_torch(path) : io::load_npz(path);
  if (starts("GGUF")) return io::read_all(io::open_gguf(io::MappedFile::open(path)));
  if (starts("\x93NUMPY")) return io::load_npy(path);
  // A pickle of protocol 2 and later without an archive around it.
  LILITH_CHECK(
      head[0] != 0x80 || head[1] < 2 || head[1] > 5 || head[7] == 0,
      "load: {} is in the format of PyTorch before 1.6; save it again with a newer PyTorch.", path);
  // Its header is JSON after a length; what is called otherwise and has none is something else.
  LILITH_CHECK(head[8] == '{' || path.ends_with(".safetensors") || path.ends_with(".bin"),
               "load: {} is of an unknown format; need safetensors, .pt, .npy, .npz or GGUF.",
               path);
  return io::load_safetensors(path);
}

void save_tensors(const TensorDict& tensors, const std::string& path, SourceLocation loc) {
  LocScope scope(loc, nullptr);
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
