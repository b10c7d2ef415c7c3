#pragma once
#include <map>
#include <string>
#include <vector>

#include "lilith/model.h"
#include "lilith/tensor_dict.h"
#include "lilith/tensor_file.h"

namespace lilith {

struct ReadOptions {
  /// The tensors to read, by name or by what names begin with up to a dot ("encoder"); empty: all.
  /// Of shards, only theirs have to be there. Error for one that matches nothing.
  std::vector<std::string> only = {};
};

/// Reads the tensors of a file of weights, in the order of the file, with its metadata. The format
/// is found by what the file holds, not by its name:
/// - safetensors; large files are mapped: nothing is read before it is used;
/// - PyTorch (.pt, .pth, .bin of torch.save, TorchScript): nested dicts become dotted names, no
/// code
///   is run;
/// - NumPy (.npy, .npz);
/// - GGUF, versions 1 to 3, of either order of bytes: quantised blocks become f32;
/// - an index of shards (model.safetensors.index.json, pytorch_model.bin.index.json), or a folder
///   that holds one, or one file of weights.
///
/// Tensors come to the CPU. Unsigned integers wider than 8 bits become the next wider signed dtype,
/// 8- and 4-bit floats f32. What cannot be held (complex or sparse tensors, texts, unknown types)
/// is in refused() of the result, with the reason. Errors: Error that names the file and what is
/// wrong with it, or what it is instead of weights.
TensorDict load_tensors(const std::string& path, const ReadOptions& options = {},
                        SourceLocation loc = SourceLocation::current());
inline TensorDict load_tensors(const std::string& path, SourceLocation loc) {
  return load_tensors(path, ReadOptions(), loc);
}

struct SaveOptions {
  /// Of GGUF alone: "Q8_0" or "Q4_0" for floating tensors with two and more dimensions and rows of
  /// a multiple of 32; the others keep their dtype.
  std::string quantize = {};
};

/// Writes tensors, evaluating those that are pending, in the format that the path's ending names:
/// .safetensors; .pt, .pth, .th, .pth.tar for torch.load (weights_only too); .npz and .npy (one
/// tensor) for np.load; .gguf. Any other ending, or none, is safetensors, but for those of formats
/// that are not written (.onnx, .h5, .json, …), which are an Error. `tensors.metadata` goes along,
/// but into .npy.
///
/// The file is replaced as a whole or not at all. Errors: a name twice, an undefined tensor, a
/// dtype that the format lacks (bf16 in NumPy; bool, u8 in GGUF), a file that cannot be written.
void save_tensors(const TensorDict& tensors, const std::string& path,
                  const SaveOptions& options = {}, SourceLocation loc = SourceLocation::current());
inline void save_tensors(const TensorDict& tensors, const std::string& path, SourceLocation loc) {
  save_tensors(tensors, path, SaveOptions(), loc);
}

/// Writes every parameter and buffer of a model under its path ("conv1.weight"), in the format that
/// save_tensors takes for the file's name.
void save(ConstModelRef model, const std::string& path, const SaveOptions& options = {});
/// Assigns a file's tensors to the model, cast to the model's dtypes, and says what was loaded.
/// What the model does not want is not read. Keys may be chosen and renamed: see LoadOptions.
/// Errors: missing, unexpected and misshapen keys, side by side; the model is unchanged then. Ref:
/// torch.load, torch.nn.Module.load_state_dict.
LoadReport load(ModelRef model, const std::string& path, LoadOptions options = {});
/// torch.load: load_tensors. A template, so that a program's own load(const std::string&) is the
/// better match beside `using namespace lilith`.
template <int = 0>
TensorDict load(const std::string& path, SourceLocation loc = SourceLocation::current()) {
  return load_tensors(path, ReadOptions(), loc);
}
/// PyTorch's net.load_state_dict(torch.load(path)): load_state_dict(net, load_tensors(path)).
template <std::same_as<TensorDict> D>
LoadReport load_state_dict(ModelRef model, const D& tensors, const LoadOptions& options = {}) {
  return load_state_dict(model, StateDict(tensors.begin(), tensors.end()), options);
}
/// Tensors by name, as save_tensors: save({{"a", x}, {"b", y}}, "x.pt"), save(state_dict(net),
/// "n.pt").
void save(std::initializer_list<TensorDict::Item> tensors, const std::string& path,
          SourceLocation loc = SourceLocation::current());

}  // namespace lilith
