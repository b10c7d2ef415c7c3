#pragma once
#include <string>

#include "lilith/tensor_dict.h"

namespace lilith::io {

/// The tensors of a file that torch.save wrote (the zip format, PyTorch 1.6 and later). Nested
/// dicts and lists become dotted names ("state_dict.fc.weight", "layers.0"); strings and numbers go
/// to the metadata. The pickle is read as data, nothing in it is run. Errors: the old format,
/// TorchScript code, sparse and quantised tensors.
TensorDict load_torch(const std::string& path);

}  // namespace lilith::io
