#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <random>

#include "io/safetensors.h"
#include "lilith/error.h"

namespace lilith {
namespace {

std::string valid_file() {
  const io::SafetensorsEntry entries[] = {{"a.weight", "F32", {2, 3}, 0, 24},
                                          {"b", "I64", {}, 24, 32},
                                          {"c", "U8", {0, 4}, 32, 32},
                                          {"d\u00e9", "F4", {2, 2}, 32, 34}};
  return io::format_safetensors_header(entries, {{"format", "pt"}}) + std::string(34, 'x');
}

// One random edit: a flipped byte, an inserted or removed run, a number replaced, a cut.
void mutate(std::string& bytes, std::mt19937& rng) {
  const auto below = [&](std::size_t n) { return n == 0 ? 0 : rng() % n; };
  const std::size_t at = below(bytes.size());
  switch (below(6)) {
    case 0:
      if (!bytes.empty()) bytes[at] = static_cast<char>(rng());
      break;
    case 1:
      bytes.insert(at, std::string(1 + below(4), "{}[]\",:0123456789-e.\\"[below(21)]));
      break;
    case 2:
      bytes.erase(at, 1 + below(8));
      break;
    case 3:
      bytes.resize(at);
      break;
    case 4: {
      const std::size_t digit = bytes.find_first_of("0123456789", at);
      if (digit != std::string::npos)
        bytes.replace(digit, 1, below(2) == 0 ? "18446744073709551615" : "-1");
      break;
    }
    default:
      bytes.append(bytes.substr(at, 1 + below(16)));
  }
}

// Every mutated file is either read, with offsets inside the file, or refused with an Error.
TEST(SafetensorsFuzz, HeadersAreReadOrRefused) {
  const char* given = std::getenv("LILITH_FUZZ_SEED");
  const auto seed = static_cast<std::uint32_t>(given != nullptr ? std::atol(given) : 1);
  std::printf("seed %u\n", seed);
  std::mt19937 rng(seed);
  const std::string valid = valid_file();
  int read = 0, refused = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string bytes = valid;
    for (auto edits = 1 + rng() % 4; edits > 0; --edits) mutate(bytes, rng);
    const std::span<const std::uint8_t> view(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                             bytes.size());
    try {
      const auto header = io::parse_safetensors_header(view, bytes.size(), "fuzz");
      for (const auto& e : header.entries) {
        ASSERT_LE(e.begin, e.end);
        ASSERT_LE(header.data_begin + e.end, bytes.size());
      }
      ++read;
    } catch (const Error&) {
      ++refused;
    }
  }
  EXPECT_GT(read, 0);
  EXPECT_GT(refused, 0);
}

}  // namespace
}  // namespace lilith
