#pragma once
#include <string>

#include "io/contents.h"
#include "io/file.h"

namespace lilith::io {

/// What a GGUF file holds, versions 1 to 3, of either order of bytes. Blocks are expanded to f32
/// when a tensor is read; sizes are brought into row-major order. Types whose layout is not known
/// are refused. Errors: a broken header, tensors outside of the file, names twice. Ref:
/// https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
Contents open_gguf(MappedFilePtr file);

/// Writes a GGUF file, version 3, with the metadata as texts. `quantise` ("Q8_0", "Q4_0" or empty)
/// is the type of floating tensors of rank 2 and more whose rows are a multiple of 32; the others
/// keep their dtype. Errors: bool and u8, which GGUF lacks; rank above 4; NaN or inf in what is
/// quantised; an unknown `quantise`.
void save_gguf(const TensorDict& tensors, const std::string& path, const std::string& quantise);

}  // namespace lilith::io
