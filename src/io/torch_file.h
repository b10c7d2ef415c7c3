#pragma once
#include <string>

#include "io/contents.h"
#include "io/torch_archive.h"
#include "lilith/tensor_dict.h"

namespace lilith::io {

/// What a file holds that torch.save wrote, in any of its formats (zip since PyTorch 1.6, the one
/// before, the tar archive of 0.1), or torch.jit.save (TorchScript). The pickle is read as data,
/// nothing in it is run.
///
/// Names: the keys of nested dicts, the indices of lists and the names of attributes, joined by
/// dots ("state_dict.fc.weight", "layers.0"); keys that are no text as Python prints them ("(1,
/// 2)", "None"). A whole module has the names of its state_dict(): parameters, buffers (but those
/// that are not persistent) and submodules without the words _parameters, _buffers, _modules;
/// attributes that are tensors come under their own. A lone tensor is called "tensor", constants of
/// frozen TorchScript "CONSTANTS.c0". Metadata: text, numbers, the class of objects
/// ("NAME.__class__"). Tensors that Lilith cannot hold are refused, and so are names that two keys
/// share (1 and "1"). Errors: files that torch.save did not write, or that are damaged.
Contents open_torch(TorchArchive archive);
Contents open_torch(const ZipPtr& zip);
/// TorchScript of PyTorch 1.0 to 1.3, which describes modules and tensors in a member model.json.
Contents open_torch_json(const ZipPtr& zip, const std::string& member);

/// Writes tensors as PyTorch 1.6 and later reads them, torch.load(weights_only=True) too: a dict
/// by name. Handles of one tensor share a storage, as in PyTorch. `metadata` goes into a member of
/// its own, which PyTorch passes over. The file is replaced as a whole or not at all.
void save_torch(const TensorDict& tensors, const std::string& path);

}  // namespace lilith::io
