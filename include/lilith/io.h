#pragma once
#include <map>
#include <string>

#include "lilith/model.h"
#include "lilith/tensor_dict.h"

namespace lilith {

/// Reads every tensor of a file of weights, in the order of the file, with its metadata. The format
/// is found by what the file holds, not by its name: safetensors, torch.save (.pt, .pth), NumPy
/// (.npy, .npz), GGUF. Tensors come to the CPU. Unsigned integers wider than 8 bits become the next
/// wider signed dtype, 8- and 4-bit floats and GGUF's quantised blocks f32. Of a torch.save file,
/// nested dicts become dotted names, and no code is run. Errors: Error that names the file and what
/// is wrong with it.
TensorDict load_tensors(const std::string& path, SourceLocation loc = SourceLocation::current());

/// Writes tensors, evaluating those that are pending: for a path that ends in .pt, .pth, .th or
/// .pth.tar a file that torch.load reads (weights_only too), else safetensors; `tensors.metadata`
/// goes along.
/// The file is replaced as a whole or not at all. Errors: a name twice, an undefined tensor, a file
/// that cannot be written.
void save_tensors(const TensorDict& tensors, const std::string& path,
                  SourceLocation loc = SourceLocation::current());

/// Writes every parameter and buffer of a model under its path ("conv1.weight"), in the
/// format that save_tensors takes for the file's name.
void save(ModelRef model, const std::string& path);
/// Assigns a file's tensors to the model, cast to the model's dtypes. Errors: missing, unexpected
/// and misshapen keys, side by side (with strict = false only the last); the model is unchanged
/// then.
void load(ModelRef model, const std::string& path, LoadOptions options = {});

}  // namespace lilith
