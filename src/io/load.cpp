#include "lilith/io.h"

#include <algorithm>
#include <cctype>
#include <map>

#include "eval/dump_case.h"
#include "io/contents.h"
#include "io/gguf.h"
#include "io/numpy.h"
#include "io/open.h"
#include "io/safetensors.h"
#include "io/selection.h"
#include "io/torch_file.h"
#include "ir/host_copy.h"
#include "transforms/load_state.h"

namespace lilith {

namespace {

struct InstallHook {
  InstallHook() {
    driver::write_tensors_hook() = [](const auto& tensors, const std::string& path) {
      save_tensors(TensorDict(tensors), path);
    };
  }
};
const InstallHook install_hook;

enum class Format { Safetensors, Torch, Npy, Npz, Gguf, Unwritten };

Format format_of(const std::string& path) {
  std::string name = path.substr(path.find_last_of('/') + 1);
  for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  constexpr std::pair<std::string_view, Format> kEndings[] = {
      {".pt", Format::Torch},        {".pth", Format::Torch},
      {".th", Format::Torch},        {".pth.tar", Format::Torch},
      {".npy", Format::Npy},         {".npz", Format::Npz},
      {".gguf", Format::Gguf},       {".onnx", Format::Unwritten},
      {".h5", Format::Unwritten},    {".hdf5", Format::Unwritten},
      {".keras", Format::Unwritten}, {".tflite", Format::Unwritten},
      {".pb", Format::Unwritten},    {".json", Format::Unwritten},
      {".csv", Format::Unwritten},   {".txt", Format::Unwritten},
      {".zip", Format::Unwritten},   {".tar", Format::Unwritten},
      {".gz", Format::Unwritten},    {".pkl", Format::Unwritten},
      {".pt2", Format::Unwritten},   {".msgpack", Format::Unwritten},
      {".mat", Format::Unwritten},   {".param", Format::Unwritten},
  };
  for (const auto& [ending, format] : kEndings)
    if (name.ends_with(ending)) return format;
  return Format::Safetensors;
}

// Handles of one tensor stay handles of one.
TensorDict on_host(const TensorDict& tensors) {
  TensorDict out;
  out.metadata = tensors.metadata;
  std::map<const ir::NodeImpl*, Tensor> copies;
  for (const auto& [name, value] : tensors) {
    Tensor& copy = copies[value.node()];
    if (!copy.defined() && value.defined()) copy = ir::host_copy(value, "save");
    out.add(name, copy);
  }
  return out;
}

bool all_on_host(const TensorDict& tensors) {
  return std::ranges::all_of(tensors, [](const TensorDict::Item& item) {
    return !item.second.defined() || item.second.device() == cpu();
  });
}

}  // namespace

TensorDict load_tensors(const std::string& path, const ReadOptions& options, SourceLocation loc) {
  LocScope scope(loc, nullptr);
  const io::Selection selection(options.only);
  io::Contents contents = io::open_contents(path, selection);
  std::vector<std::string_view> names;
  for (const io::Entry& entry : contents.entries) names.emplace_back(entry.name);
  selection.check(names, path);
  std::erase_if(contents.entries,
                [&](const io::Entry& entry) { return !selection.wants(entry.name); });
  return io::read_all(std::move(contents));
}

void save_tensors(const TensorDict& tensors, const std::string& path, const SaveOptions& options,
                  SourceLocation loc) {
  LocScope scope(loc, nullptr);
  if (!all_on_host(tensors)) return save_tensors(on_host(tensors), path, options, loc);
  const Format format = format_of(path);
  LILITH_CHECK(options.quantize.empty() || format == Format::Gguf,
               "save: {}: .quantize is for GGUF alone.", path);
  switch (format) {
    case Format::Torch:
      return io::save_torch(tensors, path);
    case Format::Npy:
      return io::save_npy(tensors, path);
    case Format::Npz:
      return io::save_npz(tensors, path);
    case Format::Gguf:
      return io::save_gguf(tensors, path, options.quantize);
    case Format::Unwritten:
      fail(
          "save: {}: this format is not written; there are .safetensors, .pt, .npz, .npy and "
          ".gguf.",
          path);
    case Format::Safetensors:
      return io::save_safetensors(tensors, path);
  }
}

void save(ConstModelRef model, const std::string& path, const SaveOptions& options) {
  LocScope scope(model.loc(), nullptr);
  TensorDict tensors;
  // What other readers of PyTorch's keys look for.
  if (format_of(path) == Format::Safetensors) tensors.metadata["format"] = "pt";
  for (auto& [key, value] : state_dict(model)) tensors.add(key, value);
  save_tensors(tensors, path, options);
}

void save(std::initializer_list<TensorDict::Item> tensors, const std::string& path,
          SourceLocation loc) {
  save_tensors(TensorDict(tensors), path, loc);
}

LoadReport load(ModelRef model, const std::string& path, LoadOptions options) {
  LocScope scope(model.loc(), nullptr);
  const io::Contents contents = io::open_contents(path);
  if (options.source.empty()) options.source = path.substr(path.find_last_of('/') + 1);
  std::vector<StateEntry> entries;
  for (const io::Entry& e : contents.entries) {
    StateEntry entry{e.name, {}, e.refused, {}};
    if (e.refused.empty()) {
      entry.aval = {io::to_shape(e.sizes, {path, e.name}), e.dtype, {}};
      entry.read = [&e, &path] { return io::read_entry(e, path); };
    }
    entries.push_back(std::move(entry));
  }
  return load_entries(model, entries, options);
}

}  // namespace lilith
