#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "io/safetensors.h"
#include "lilith/error.h"
#include "lilith/io.h"
#include "support/shared.h"
#include "support/temp_dir.h"

namespace lilith {
namespace {

namespace fs = std::filesystem;
using testing::TempDir;

std::string read_all(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_all(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

std::size_t files_in(const TempDir& dir) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(dir.path()), {}));
}

// A file with this header text and data.
std::string safetensors(const std::string& header, const std::string& data) {
  std::string out;
  for (int i = 0; i < 8; ++i) out.push_back(static_cast<char>(header.size() >> (8 * i) & 0xff));
  return out + header + data;
}

std::string error_of(const std::string& bytes) {
  TempDir dir;
  const std::string path = dir.file("x.safetensors");
  write_all(path, bytes);
  try {
    load_tensors(path);
  } catch (const Error& e) {
    std::string text = e.what();
    const auto at = text.find(path);
    EXPECT_NE(at, std::string::npos) << "the error does not name the file: " << text;
    return text;
  }
  return "";
}

// Why the one tensor 'x' of a file is not read.
std::string refusal_of(const std::string& bytes) {
  TempDir dir;
  write_all(dir.file("x.safetensors"), bytes);
  return load_tensors(dir.file("x.safetensors")).refused().at("x");
}

TEST(Safetensors, GoldenFilesAreReadOrRefusedAsTheFormatSays) {
  LILITH_SHARED_OR_SKIP(folder, "golden/safetensors");
  const auto manifest = nlohmann::json::parse(read_all(folder + "/manifest.json"));
  ASSERT_FALSE(manifest.empty());
  for (const auto& row : manifest) {
    const std::string name = row["file"], expect = row["expect"];
    SCOPED_TRACE(name);
    const std::string path = folder + "/" + name;
    if (expect.rfind("error", 0) == 0) {
      EXPECT_THROW(load_tensors(path), Error);
    } else {
      EXPECT_NO_THROW(load_tensors(path));
    }
  }
}

TEST(Safetensors, ErrorKindsOfTheGoldenFiles) {
  LILITH_SHARED_OR_SKIP(folder, "golden/safetensors");
  const auto expect = [&](const std::string& name, const std::string& reason) {
    try {
      load_tensors(folder + "/" + name);
      ADD_FAILURE() << name << " was read";
    } catch (const Error& e) {
      EXPECT_NE(std::string(e.what()).find(reason), std::string::npos) << name << ": " << e.what();
    }
  };
  expect("test_header_too_small_0.bin", "too small");
  expect("test_header_too_large_0.bin", "too large");
  expect("test_invalid_header_length_0.bin", "truncated");
  expect("test_invalid_header_not_json_0.bin", "not JSON");
  expect("test_invalid_header_non_utf8_0.bin", "the header is not");
  expect("test_invalid_info_0.bin", "16 bytes, but has 4");
  expect("test_validation_overflow_0.bin", "overflows");
  expect("test_validation_overflow_1.bin", "overflows");
  expect("test_metadata_incomplete_buffer_0.bin", "follow the last tensor");
  expect("test_metadata_incomplete_buffer_1.bin", "truncated");
  expect("json_attack_overlap.bin", "overlap");
}

TEST(Safetensors, WriterGivesTheSameBytes) {
  LILITH_SHARED_OR_SKIP(folder, "golden/safetensors");
  const auto manifest = nlohmann::json::parse(read_all(folder + "/manifest.json"));
  int compared = 0;
  for (const auto& row : manifest) {
    if (row["expect"] != "ok; byte-exact writer output") continue;
    const std::string bytes = read_all(folder + "/" + std::string(row["file"]));
    SCOPED_TRACE(std::string(row["file"]));
    const std::span<const std::uint8_t> view(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                             bytes.size());
    const auto header = io::parse_safetensors_header(view, bytes.size(), "golden");
    const std::string head = io::format_safetensors_header(header.entries, header.metadata);
    EXPECT_EQ(head + bytes.substr(header.data_begin), bytes);
    ++compared;
    const bool foreign = std::any_of(header.entries.begin(), header.entries.end(),
                                     [](const auto& e) { return e.dtype == "F4"; });
    if (foreign) continue;  // read as f32, so written as F32
    TempDir dir;
    save_tensors(load_tensors(folder + "/" + std::string(row["file"])), dir.file("out"));
    EXPECT_EQ(read_all(dir.file("out")), bytes);
    EXPECT_EQ(files_in(dir), 1u) << "a temporary file was left";
  }
  EXPECT_EQ(compared, 5);
}

TEST(Safetensors, DataAtAnyAlignmentIsRead) {
  const float values[] = {1.5f, -2.f};
  const std::string header = R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                             R"("b":{"dtype":"F32","shape":[2],"data_offsets":[1,9]}})";
  TempDir dir;
  write_all(dir.file("x"),
            safetensors(header, std::string("\x07") +
                                    std::string(reinterpret_cast<const char*>(values), 8)));
  const TensorDict t = load_tensors(dir.file("x"));
  EXPECT_EQ(t["a"].to_vector<std::uint8_t>(), (std::vector<std::uint8_t>{7}));
  EXPECT_EQ(t["b"].to_vector<float>(), (std::vector<float>{1.5f, -2.f}));
}

TEST(Safetensors, DTypesThatAreWidened) {
  const std::string header = R"({"u64":{"dtype":"U64","shape":[1],"data_offsets":[0,8]},)"
                             R"("u16":{"dtype":"U16","shape":[1],"data_offsets":[8,10]},)"
                             R"("e5":{"dtype":"F8_E5M2","shape":[2],"data_offsets":[10,12]},)"
                             R"("e4":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[12,14]},)"
                             R"("f4":{"dtype":"F4","shape":[2],"data_offsets":[14,15]}})";
  const std::string data("\x05\0\0\0\0\0\0\0\xff\xff\x3c\xc4\x38\x7e\xf1", 15);
  TempDir dir;
  write_all(dir.file("x"), safetensors(header, data));
  const TensorDict t = load_tensors(dir.file("x"));
  EXPECT_EQ(t["u64"].to_vector<std::int64_t>(), (std::vector<std::int64_t>{5}));
  EXPECT_EQ(t["u16"].to_vector<std::int32_t>(), (std::vector<std::int32_t>{65535}));
  EXPECT_EQ(t["e5"].to_vector<float>(), (std::vector<float>{1.f, -4.f}));
  EXPECT_EQ(t["e4"].to_vector<float>(), (std::vector<float>{1.f, 448.f}));
  EXPECT_EQ(t["f4"].to_vector<float>(), (std::vector<float>{0.5f, -6.f}));
}

TEST(Safetensors, MalformedHeadersAreRefused) {
  const auto one = [](const std::string& fields) {
    return safetensors("{\"x\":{" + fields + "}}", "abcd");
  };
  const auto has = [](const std::string& text, const std::string& part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  };
  has(error_of(safetensors(R"({"x":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},)"
                           R"("x":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})",
                           "abcd")),
      "has the key 'x' twice");
  has(error_of(one(R"("dtype":"U8","dtype":"I8","shape":[4],"data_offsets":[0,4])")),
      "'dtype' twice");
  has(error_of(one(R"("dtype":"F6_E2M3","shape":[16],"data_offsets":[0,12])")), "");
  has(error_of(one(R"("dtype":"U8","shape":[-4],"data_offsets":[0,4])")),
      "not a non-negative integer");
  has(error_of(one(R"("dtype":"U8","shape":[4.0],"data_offsets":[0,4])")),
      "not a non-negative integer");
  has(error_of(one(R"("dtype":"U8","shape":[4],"data_offsets":[0])")), "not a list of two");
  has(error_of(one(R"("dtype":"U8","shape":[4],"data_offsets":[4,0])")),
      "neither overlap nor leave holes");
  has(error_of(one(R"("dtype":"U8","shape":[3],"data_offsets":[1,4])")),
      "neither overlap nor leave holes");
  has(error_of(one(R"("dtype":"F4","shape":[3],"data_offsets":[0,2])")), "does not end at a byte");
  has(error_of(one(R"("dtype":"U8","shape":[4])")), "has no data_offsets");
  has(refusal_of(one(R"("dtype":"Q8","shape":[4],"data_offsets":[0,4])")), "unknown dtype 'Q8'");
  has(refusal_of(one(R"("dtype":"BOOL","shape":[4],"data_offsets":[0,4])")), "other than 0 and 1");
  has(refusal_of(one(R"("dtype":"U8","shape":[1,1,1,1,1,1,1,1,1,1,1,1,4],"data_offsets":[0,4])")),
      "rank 13");
  has(error_of(safetensors("[1]", "")), "no JSON object");
  has(error_of(safetensors(R"({"__metadata__":{"a":1}})", "")), "'a' is not a string");
  has(error_of(safetensors(R"({"x":3})", "")), "no JSON object");
  has(error_of(safetensors("{\"\xff\":1}", "")), "not UTF-8");
  EXPECT_THROW(load_tensors("/nonexistent/x.safetensors"), Error);
  EXPECT_THROW(load_tensors("/"), Error);
}

TEST(Safetensors, AFailedSaveLeavesTheOldFile) {
  TempDir dir;
  write_all(dir.file("x"), "old");
  TensorDict bad;
  bad.add("t", Tensor());
  EXPECT_THROW(save_tensors(bad, dir.file("x")), Error);
  EXPECT_EQ(read_all(dir.file("x")), "old");
  EXPECT_THROW(save_tensors({}, dir.file("absent/x")), Error);
}

TEST(TensorDictTest, NamesTheNearestKey) {
  TensorDict d;
  d.add("conv1.weight", Tensor());
  d.add("fc.bias", Tensor());
  try {
    d["conv.weight"];
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find(
                  "no tensor 'conv.weight' among 2; the nearest is 'conv1.weight'"),
              std::string::npos)
        << e.what();
  }
  EXPECT_THROW(d.add("fc.bias", Tensor()), Error);
}

}  // namespace
}  // namespace lilith
