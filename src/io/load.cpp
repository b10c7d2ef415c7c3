#include "io/safetensors.h"
#include "lilith/io.h"

namespace lilith {

TensorDict load_tensors(const std::string& path) { return io::load_safetensors(path); }

void save_tensors(const TensorDict& tensors, const std::string& path) {
  io::save_safetensors(tensors, path);
}

}  // namespace lilith
