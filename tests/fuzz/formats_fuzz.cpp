// Files of weights and tables, damaged at random: they are read or refused, whatever the damage.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <random>

#include "core/quote.h"
#include "io/describe.h"
#include "lilith/data.h"
#include "lilith/io.h"
#include "lilith/memory.h"
#include "lilith/ops.h"
#include "support/temp_dir.h"

namespace lilith {
namespace {

std::mt19937 seeded() {
  const char* given = std::getenv("LILITH_FUZZ_SEED");
  const auto seed = static_cast<std::uint32_t>(given != nullptr ? std::atol(given) : 1);
  std::printf("seed %u\n", seed);
  return std::mt19937(seed);
}

std::string bytes_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// A few edits: bytes, numbers that are made large, cuts, runs taken out or doubled.
std::string damaged(std::string bytes, std::mt19937& rng) {
  for (auto edits = 1 + rng() % 4; edits > 0 && !bytes.empty(); --edits) {
    const std::size_t at = rng() % bytes.size();
    switch (rng() % 6) {
      case 0:
        bytes.resize(at);
        break;
      case 1:
        bytes.insert(at, bytes.substr(at, 1 + rng() % 16));
        break;
      case 2:
        bytes.erase(at, 1 + rng() % 8);
        break;
      case 3:
        for (std::size_t i = at; i < std::min(at + 8, bytes.size()); ++i) bytes[i] = '\xff';
        break;
      default:
        bytes[at] = static_cast<char>(rng());
    }
  }
  return bytes;
}

class FormatsFuzzing : public ::testing::Test {
 protected:
  // What is asked for stays within a factor of the file's size: the most that a block of GGUF
  // expands, and a deflated member, apart.
  void fuzz(const std::string& name, int rounds, std::int64_t factor) {
    const std::string valid = bytes_of(dir_.file(name)), path = dir_.file("damaged-" + name);
    int read = 0, refused = 0;
    for (int round = 0; round < rounds; ++round) {
      const std::string bytes = damaged(valid, rng_);
      std::ofstream(path, std::ios::binary) << bytes;
      reset_peak_memory();
      const auto before = memory_stats().live_bytes;
      try {
        for (const auto& [key, t] : load_tensors(path)) EXPECT_GE(t.numel(), 0);
        TensorFile file(path);
        for (const auto& e : file.entries()) escaped(e.name);
        ++read;
      } catch (const Error&) {
        ++refused;
      }
      EXPECT_LE(memory_stats().peak_bytes - before,
                factor * static_cast<std::int64_t>(bytes.size()) + 4096)
          << name << ", round " << round;
    }
    EXPECT_GT(read, 0) << name;
    EXPECT_GT(refused, 0) << name;
  }
  static TensorDict tensors() {
    TensorDict d{{"a.weight", arange(96).reshape({3, 32}).to(kFloat32)},
                 {"b", arange(4).to(kInt64)},
                 {"c", ones({2}).to(kFloat16)}};
    d.metadata["note"] = "text";
    return d;
  }
  testing::TempDir dir_;
  std::mt19937 rng_ = seeded();
};

TEST_F(FormatsFuzzing, FilesOfWeights) {
  save_tensors(tensors(), dir_.file("x.gguf"));
  save_tensors(tensors(), dir_.file("q.gguf"), {.quantize = "Q4_0"});
  save_tensors(tensors(), dir_.file("x.npz"));
  save_tensors({{"w", arange(12).reshape({3, 4}).to(kFloat32)}}, dir_.file("x.npy"));
  save_tensors(tensors(), dir_.file("x.safetensors"));
  fuzz("x.gguf", 1500, 32);
  fuzz("q.gguf", 1500, 32);
  fuzz("x.npz", 1500, 4);
  fuzz("x.npy", 1500, 4);
  fuzz("x.safetensors", 1500, 8);
}

TEST_F(FormatsFuzzing, Shards) {
  save_tensors(tensors(), dir_.file("s.safetensors"));
  std::ofstream(dir_.file("i.json"))
      << R"({"metadata": {"n": 1}, "weight_map": {"a.weight": "s.safetensors", "b": "s.safetensors"}})";
  fuzz("i.json", 1500, 64);
}

TEST_F(FormatsFuzzing, Tables) {
  const std::string valid = "\"a\",b,c\r\n1,2.5e3,\"3\"\n-4,+5,0x1p3\n7,8,9,\n";
  const std::string path = dir_.file("x.csv");
  int read = 0;
  for (int round = 0; round < 3000; ++round) {
    std::ofstream(path, std::ios::binary) << damaged(valid, rng_);
    try {
      read += CsvDataset(path, {.missing_is_nan = round % 2 == 0}).size() > 0 ? 1 : 0;
    } catch (const Error&) {
    }
  }
  EXPECT_GT(read, 0);
}

TEST_F(FormatsFuzzing, BytesOfAnyKindAreDescribedAsText) {
  for (int round = 0; round < 20000; ++round) {
    std::string bytes(rng_() % 64, '\0');
    for (char& c : bytes) c = static_cast<char>(rng_());
    for (const std::string& text :
         {escaped(bytes, 40),
          io::describe_other({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()},
                             "x.bin")})
      for (const char c : text)
        ASSERT_TRUE(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) << text;
  }
}

}  // namespace
}  // namespace lilith
