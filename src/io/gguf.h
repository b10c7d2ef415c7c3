#pragma once
#include <string>

#include "lilith/tensor_dict.h"

namespace lilith::io {

/// The tensors of a GGUF file, versions 2 and 3; numbers and strings go to the metadata. Blocks of
/// Q4_0, Q4_1, Q5_0, Q5_1 and Q8_0 become f32. Sizes are brought into row-major order. Errors:
/// other quantisations, offsets outside of the file. Ref:
/// https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
TensorDict load_gguf(const std::string& path);

}  // namespace lilith::io
