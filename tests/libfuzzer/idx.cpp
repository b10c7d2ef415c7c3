// idx files, gzipped or not.
#include "lilith/data.h"

#include "libfuzzer/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
  return lilith::fuzzing::expect_value_or_error([&] {
    const lilith::fuzzing::MemoryFile file(data, bytes);
    lilith::data::read_idx(file.path());
  });
}
