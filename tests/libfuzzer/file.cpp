// Files of weights of every format: which reader gets the bytes follows from the first of them, so
// the corpus chooses it.
#include "lilith/io.h"

#include "libfuzzer/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
  return lilith::fuzzing::expect_value_or_error([&] {
    const lilith::fuzzing::MemoryFile file(data, bytes);
    const lilith::TensorDict tensors = lilith::load_tensors(file.path());
    volatile unsigned char seen = 0;
    for (const auto& [name, t] : tensors) {
      const auto* p = static_cast<const unsigned char*>(t.raw_data());
      const std::int64_t n = t.aval().bytes();
      for (std::int64_t k = 0; k < n; k += 61) seen = seen + p[k];
    }
  });
}
