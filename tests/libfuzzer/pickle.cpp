// Pickles without an archive around them.
#include "io/pickle.h"

#include "libfuzzer/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
  return lilith::fuzzing::expect_value_or_error(
      [&] { lilith::io::parse_pickle({data, bytes}, "fuzz"); });
}
