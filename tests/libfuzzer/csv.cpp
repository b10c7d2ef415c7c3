// Tables: the first byte chooses the options.
#include "lilith/data.h"

#include "libfuzzer/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
  if (bytes == 0) return 0;
  return lilith::fuzzing::expect_value_or_error([&] {
    const lilith::fuzzing::MemoryFile file(data + 1, bytes - 1);
    lilith::CsvOptions options;
    if (data[0] & 1) options.header = (data[0] & 2) != 0;
    if (data[0] & 4) options.separator = ';';
    if (data[0] & 8) options.targets = {"y"};
    const lilith::CsvDataset table(file.path(), options);
    if (table.size() > 0) static_cast<void>(table[table.size() - 1]);
  });
}
