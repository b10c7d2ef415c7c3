#include "io/safetensors.h"
#include "lilith/io.h"

namespace lilith {

TensorDict load_tensors(const std::string& path) { return io::load_safetensors(path); }

void save_tensors(const TensorDict& tensors, const std::string& path) {
  io::save_safetensors(tensors, path);
}

void save(ModelRef model, const std::string& path) {
  TensorDict tensors;
  tensors.metadata["format"] = "pt";  // what other readers of PyTorch's keys look for
  for (auto& [key, value] : state_dict(model)) tensors.add(key, value);
  save_tensors(tensors, path);
}

void load(ModelRef model, const std::string& path, LoadOptions options) {
  const TensorDict tensors = load_tensors(path);
  options.source = path.substr(path.find_last_of('/') + 1);
  load_state_dict(model, StateDict(tensors.begin(), tensors.end()), options);
}

}  // namespace lilith
