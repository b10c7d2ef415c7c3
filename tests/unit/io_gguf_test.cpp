// GGUF: every type of blocks, headers of all kinds, writing.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>

#include "io/gguf.h"
#include "io/gguf_blocks.h"
#include "lilith/io.h"
#include "lilith/ops.h"
#include "support/expect_error.h"
#include "support/python.h"
#include "support/temp_dir.h"

namespace lilith {
namespace {

using testing::error_text;
using testing::TempDir;

void expect_has(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << text << "\nlacks: " << part;
}

// Numbers and texts as GGUF writes them, in either order of bytes.
class Bytes {
 public:
  explicit Bytes(bool big = false) : big_(big) {}
  template <class T>
  Bytes& put(T v) {
    std::string s(reinterpret_cast<const char*>(&v), sizeof v);
    if (big_) std::reverse(s.begin(), s.end());
    all += s;
    return *this;
  }
  Bytes& length(std::uint64_t n) {
    return version == 1 ? put(static_cast<std::uint32_t>(n)) : put<std::uint64_t>(n);
  }
  Bytes& text(const std::string& s) {
    length(s.size());
    all += s;
    return *this;
  }
  Bytes& head(std::uint64_t tensors, std::uint64_t pairs) {
    all += "GGUF";
    return put<std::uint32_t>(version).length(tensors).length(pairs);
  }
  Bytes& info(const std::string& name, std::initializer_list<std::uint64_t> innermost_first,
              std::uint32_t type, std::uint64_t offset) {
    text(name).put(static_cast<std::uint32_t>(innermost_first.size()));
    for (const std::uint64_t d : innermost_first) length(d);
    return put(type).put(offset);
  }
  Bytes& align(std::size_t to = 32) {
    all.resize((all.size() + to - 1) / to * to);
    return *this;
  }
  std::string all;
  std::uint32_t version = 3;

 private:
  bool big_;
};

class Gguf : public ::testing::Test {
 protected:
  std::string file(const std::string& bytes) {
    std::ofstream(path_, std::ios::binary) << bytes;
    return path_;
  }
  TensorDict load(const std::string& bytes) { return load_tensors(file(bytes)); }
  std::string error(const std::string& bytes) {
    return error_text([&] { load(bytes); });
  }
  TempDir dir_;
  std::string path_ = dir_.file("x.gguf");
};

std::string one_tensor(std::uint32_t type, std::uint64_t row, const std::string& data,
                       bool big = false) {
  Bytes b(big);
  b.head(1, 0).info("q", {row}, type, 0).align();
  return b.all + data;
}

// What gguf-py 0.19 makes of 8 blocks of pseudo-random bytes, as an FNV hash of the bits of the
// values (every NaN as 0x7fc00000): id, elements and bytes a block, hash.
struct Row {
  std::uint32_t id;
  std::uint64_t elements, bytes, hash;
};
constexpr Row kBlocks[] = {
    {2, 32, 18, 0xabbeb0476ed98f25},     // Q4_0
    {3, 32, 20, 0x3aacb5ff454fc596},     // Q4_1
    {6, 32, 22, 0xc9042f85d9af5525},     // Q5_0
    {7, 32, 24, 0xc8a38900f98f6d5c},     // Q5_1
    {8, 32, 34, 0x1dfd5cef5bf709e5},     // Q8_0
    {10, 256, 84, 0xa7988852eaae2902},   // Q2_K
    {11, 256, 110, 0x6f4235b9e56f12a5},  // Q3_K
    {12, 256, 144, 0xe02da703a61c79f3},  // Q4_K
    {13, 256, 176, 0x4763d51bb29cdf4d},  // Q5_K
    {14, 256, 210, 0x7ed4351688c2bb85},  // Q6_K
    {16, 256, 66, 0x424ae7bd5b3d35e5},   // IQ2_XXS
    {17, 256, 74, 0x20150b0725df1af5},   // IQ2_XS
    {18, 256, 98, 0x514927fc84d7c295},   // IQ3_XXS
    {19, 256, 50, 0xa4ccbe52cb650c25},   // IQ1_S
    {20, 32, 18, 0x2f0eafb2d06d9765},    // IQ4_NL
    {21, 256, 110, 0x2ee7e1a510acf075},  // IQ3_S
    {22, 256, 82, 0x02f45b013da31cbd},   // IQ2_S
    {23, 256, 136, 0xb33ce45608537a91},  // IQ4_XS
    {29, 256, 56, 0x53818289b5e122a5},   // IQ1_M
    {34, 256, 54, 0x4841af8781762325},   // TQ1_0
    {35, 256, 66, 0x91ec066c14952325},   // TQ2_0
    {39, 32, 17, 0x352ed7eca9ebb725},    // MXFP4
    {40, 64, 36, 0xcfcb6503fbed4b25},    // NVFP4
};

std::string random_blocks(const Row& row) {
  std::string out;
  std::uint32_t x = row.id + 1;
  for (std::uint64_t i = 0; i < 8 * row.bytes; ++i) {
    x = x * 1664525 + 1013904223;
    out += static_cast<char>(x >> 24);
  }
  return out;
}

std::uint64_t hash_of(const std::vector<float>& values) {
  std::uint64_t h = 0xcbf29ce484222325;
  for (const float v : values) {
    std::uint32_t bits = 0x7fc00000;
    if (!std::isnan(v)) std::memcpy(&bits, &v, 4);
    h = (h ^ bits) * 0x100000001b3;
  }
  return h;
}

TEST_F(Gguf, BlocksGiveGgufPysBits) {
  for (const Row& row : kBlocks) {
    const Tensor t = load(one_tensor(row.id, 8 * row.elements, random_blocks(row)))["q"];
    EXPECT_EQ(t.dtype(), DType::F32);
    EXPECT_EQ(hash_of(t.to_vector<float>()), row.hash) << io::gguf_type(row.id)->name;
  }
}

TEST_F(Gguf, BlocksOfKnownValues) {
  Bytes q8, q4;
  q8.put(half(0.5f).bits);
  for (int i = 0; i < 32; ++i) q8.put(static_cast<std::int8_t>(i - 16));
  const auto a = load(one_tensor(8, 32, q8.all))["q"].to_vector<float>();
  for (int i = 0; i < 32; ++i)
    EXPECT_EQ(a[static_cast<std::size_t>(i)], 0.5f * static_cast<float>(i - 16));
  q4.put(half(0.5f).bits);
  for (int i = 0; i < 16; ++i) q4.put(static_cast<std::uint8_t>(i | (15 - i) << 4));
  const auto b = load(one_tensor(2, 32, q4.all))["q"].to_vector<float>();
  EXPECT_EQ(b[1], -3.5f);
  EXPECT_EQ(b[16], 3.5f);
  Bytes q8k;  // 8-bit blocks with a float scale
  q8k.put(0.25f);
  for (int i = 0; i < 256; ++i) q8k.put(static_cast<std::int8_t>(i - 128));
  q8k.all.resize(292);
  EXPECT_EQ(load(one_tensor(15, 256, q8k.all))["q"].to_vector<float>()[255], 127 * 0.25f);
}

TEST_F(Gguf, TypesThatCannotBeReadAreRefusedAlone) {
  Bytes b;
  b.head(4, 0).info("new", {32}, 99, 0).info("q8_1", {32}, 9, 0).info("odd", {33}, 8, 0);
  b.info("w", {3, 2}, 0, 64).align();
  b.all.resize(b.all.size() + 64);
  for (int i = 0; i < 6; ++i) b.put(static_cast<float>(i));
  const TensorDict t = load(b.all);
  EXPECT_EQ(t.size(), 1u);
  EXPECT_EQ(t["w"].shape(), (Shape{2, 3}));
  EXPECT_EQ(t["w"].to_vector<float>(), (std::vector<float>{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(t.refused().at("new"), "is of GGUF's type 99, which is not known");
  EXPECT_EQ(t.refused().at("q8_1"), "is Q8_1, whose blocks no published reader expands to numbers");
  EXPECT_EQ(t.refused().at("odd"), "is Q8_0 with rows of 33, which are no multiple of 32");
}

TEST_F(Gguf, BigEndianFiles) {
  Bytes b(true);
  b.head(3, 1).text("n").put<std::uint32_t>(5).put<std::int32_t>(-7);
  b.info("f", {2}, 0, 0).info("q", {32}, 8, 32).info("iq", {256}, 16, 96).align();
  b.put(1.5f).put(-2.f).align();
  b.put(half(0.5f).bits);
  for (int i = 0; i < 32; ++i) b.put(static_cast<std::int8_t>(i));
  b.align();
  b.all.resize(b.all.size() + 66);
  const TensorDict t = load(b.all);
  EXPECT_EQ(t.metadata.at("n"), "-7");
  EXPECT_EQ(t["f"].to_vector<float>(), (std::vector<float>{1.5f, -2.f}));
  EXPECT_EQ(t["q"].to_vector<float>()[3], 1.5f);
  expect_has(t.refused().at("iq"), "is IQ2_XXS in a big-endian file");
}

TEST_F(Gguf, VersionOneHasShortLengths) {
  Bytes b;
  b.version = 1;
  b.head(1, 1).text("general.name").put<std::uint32_t>(8).text("old");
  b.info("w", {2}, 0, 0).align();
  b.put(1.f).put(2.f);
  const TensorDict t = load(b.all);
  EXPECT_EQ(t.metadata.at("general.name"), "old");
  EXPECT_EQ(t["w"].to_vector<float>(), (std::vector<float>{1, 2}));
  b.all[4] = 4;
  expect_has(error(b.all), "GGUF version 4 is not read, 1 to 3 are");
}

TEST_F(Gguf, MetadataOfEveryType) {
  Bytes b;
  b.head(0, 15);
  const auto key = [&](const char* name, std::uint32_t type) -> Bytes& {
    return b.text(name).put(type);
  };
  key("u8", 0).put<std::uint8_t>(200);
  key("i8", 1).put<std::int8_t>(-3);
  key("u16", 2).put<std::uint16_t>(60000);
  key("i16", 3).put<std::int16_t>(-3000);
  key("u32", 4).put<std::uint32_t>(4000000000u);
  key("i32", 5).put<std::int32_t>(-5);
  key("f32", 6).put(0.5f);
  key("bool", 7).put<std::uint8_t>(1);
  key("text", 8).text("a\nb");
  key("u64", 10).put<std::uint64_t>(~0ull);
  key("i64", 11).put<std::int64_t>(-6);
  key("f64", 12).put(0.1);
  key("words", 9).put<std::uint32_t>(8).put<std::uint64_t>(2).text("x").text("y");
  key("many", 9).put<std::uint32_t>(5).put<std::uint64_t>(100);
  for (std::int32_t i = 0; i < 100; ++i) b.put(i);
  key("nested", 9).put<std::uint32_t>(9).put<std::uint64_t>(2);
  for (const std::uint64_t n : {2, 1}) {
    b.put<std::uint32_t>(1).put(n);
    for (std::uint64_t i = 0; i < n; ++i) b.put<std::int8_t>(-1);
  }
  const auto m = load(b.all).metadata;
  const std::pair<const char*, const char*> expected[] = {
      {"u8", "200"},
      {"i8", "-3"},
      {"u16", "60000"},
      {"i16", "-3000"},
      {"u32", "4000000000"},
      {"i32", "-5"},
      {"f32", "0.5"},
      {"bool", "true"},
      {"text", "a\nb"},
      {"u64", "18446744073709551615"},
      {"i64", "-6"},
      {"f64", "0.1"},
      {"words", "[\"x\", \"y\"]"},
      {"many", "[0, 1, 2, 3, 4, 5, 6, 7, …] (100 in all)"},
      {"nested", "[-1, -1, -1]"}};
  for (const auto& [name, text] : expected) EXPECT_EQ(m.at(name), text) << name;
}

TEST_F(Gguf, ALargeVocabularyIsSummarised) {
  Bytes b;
  b.head(1, 3);
  constexpr std::uint64_t kWords = 256'000;
  b.text("tokenizer.ggml.tokens").put<std::uint32_t>(9).put<std::uint32_t>(8).put(kWords);
  for (std::uint64_t i = 0; i < kWords; ++i) b.text("word" + std::to_string(i));
  for (const char* name : {"tokenizer.ggml.scores", "tokenizer.ggml.token_type"}) {
    b.text(name).put<std::uint32_t>(9).put<std::uint32_t>(6).put(kWords);
    for (std::uint64_t i = 0; i < kWords; ++i) b.put(static_cast<float>(i));
  }
  b.info("w", {1}, 0, 0).align();
  b.put(3.f);
  file(b.all);
  const TensorDict t = load_tensors(path_);
  EXPECT_EQ(t["w"].item<float>(), 3);
  EXPECT_TRUE(t.metadata.at("tokenizer.ggml.tokens").ends_with("(256000 in all)"));
}

TEST_F(Gguf, BrokenHeadersAreErrors) {
  const std::string valid = one_tensor(0, 2, std::string(8, '\0'));
  for (std::size_t n = 8; n < valid.size(); n += 3) {
    const std::string text = error(valid.substr(0, n));
    EXPECT_TRUE(text.find("truncated") != text.npos ||
                text.find("outside of the file") != text.npos)
        << n << ": " << text;
  }
  Bytes twice;
  twice.head(2, 0).info("w", {1}, 0, 0).info("w", {1}, 0, 32).align();
  twice.all.resize(twice.all.size() + 64);
  expect_has(error(twice.all), "there are two tensors 'w'");
  Bytes overlap;
  overlap.head(2, 0).info("a", {16}, 0, 0).info("b", {1}, 0, 32).align();
  overlap.all.resize(overlap.all.size() + 64);
  expect_has(error(overlap.all), "'a' and 'b' overlap");
  Bytes keys;
  keys.head(0, 2).text("k").put<std::uint32_t>(0).put<std::uint8_t>(1);
  keys.text("k").put<std::uint32_t>(0).put<std::uint8_t>(1);
  expect_has(error(keys.all), "has a key twice: 'k'");
  Bytes odd;
  odd.head(0, 1).text("general.alignment").put<std::uint32_t>(4).put<std::uint32_t>(3);
  expect_has(error(odd.all), "the alignment 3 is no power of two");
  Bytes huge;
  huge.head(0, 1).text("k").put<std::uint32_t>(9).put<std::uint32_t>(12).put(~0ull);
  expect_has(error(huge.all), "truncated in its header");
  Bytes unknown;
  unknown.head(0, 1).text("k").put<std::uint32_t>(13);
  expect_has(error(unknown.all), "of the unknown type 13");
  Bytes deep;
  deep.head(0, 1).text("k").put<std::uint32_t>(9);
  for (int i = 0; i < 9; ++i) deep.put<std::uint32_t>(9).put<std::uint64_t>(1);
  expect_has(error(deep.all), "nest without end");
}

TEST_F(Gguf, AlignmentOfTheData) {
  Bytes b;
  b.head(1, 1).text("general.alignment").put<std::uint32_t>(4).put<std::uint32_t>(128);
  b.info("w", {1}, 0, 0).align(128);
  b.put(4.f);
  EXPECT_EQ(load(b.all)["w"].item<float>(), 4);
}

TensorDict all_dtypes() {
  TensorDict d;
  for (const DType t : {kFloat32, kFloat16, kBFloat16, kFloat64, kInt8, kInt16, kInt32, kInt64})
    d.add(std::string(name(t)), (arange(6) - 2).reshape({2, 3}).to(t));
  d.add("scalar", tensor(2.5f));
  d.add("empty", zeros({0, 3}));
  d.metadata["general.name"] = "ours";
  return d;
}

TEST_F(Gguf, WhatIsWrittenIsRead) {
  const TensorDict d = all_dtypes();
  io::save_gguf(d, path_, "");
  const TensorDict back = load_tensors(path_);
  ASSERT_EQ(back.size(), d.size());
  for (const auto& [key, value] : d) {
    EXPECT_EQ(back[key].aval().str(), value.aval().str());
    EXPECT_EQ(std::memcmp(back[key].raw_data(), value.raw_data(), value.aval().bytes()), 0) << key;
  }
  EXPECT_EQ(back.metadata.at("general.name"), "ours");
  EXPECT_EQ(error_text([&] { io::save_gguf({{"m", ones({1}).to(kBool)}}, path_, ""); }),
            "save: 'm' is bool, which GGUF has no type for; .to(kInt16) gives one that it has.");
  expect_has(error_text([&] { io::save_gguf(d, path_, "Q3_K"); }), "there are Q8_0 and Q4_0");
  expect_has(error_text([&] { io::save_gguf({{"m", full({1, 32}, NAN)}}, path_, "Q8_0"); }),
             "'m' holds nan, which Q8_0 has no code for");
  EXPECT_EQ(load_tensors(path_).size(), d.size()) << "the old file stays";
}

TEST_F(Gguf, QuantisedWriting) {
  const Tensor w = sin(arange(128).to(kFloat32)).reshape({2, 64}), b = cos(arange(64).to(kFloat32));
  for (const auto& [type, step] : {std::pair{"Q8_0", 1 / 127.f}, std::pair{"Q4_0", 1 / 7.f}}) {
    io::save_gguf({{"w", w}, {"b", b}}, path_, type);
    const TensorDict back = load_tensors(path_);
    EXPECT_LT((back["w"] - w).abs().max().item<float>(), step) << type;
    EXPECT_EQ(back["b"].to_vector<float>(), b.to_vector<float>()) << "vectors stay as they are";
  }
}

TEST_F(Gguf, GgufPyReadsWhatIsWritten) {
  LILITH_PYTHON_OR_SKIP("gguf, numpy");
  io::save_gguf(all_dtypes(), path_, "");
  const char* check = R"(
import sys, numpy as np, gguf
r = gguf.GGUFReader(sys.argv[1])
want = np.arange(6).reshape(2, 3) - 2
for t in r.tensors:
    if t.name == 'scalar': assert float(t.data.reshape(-1)[0]) == 2.5
    elif t.name == 'empty': assert t.n_elements == 0
    else:
        got = gguf.quants.dequantize(t.data, t.tensor_type) if t.name == 'bf16' else t.data
        assert np.array_equal(np.asarray(got, np.float64), want), t.name
assert bytes(r.get_field('general.name').parts[-1]).decode() == 'ours'
assert len(r.tensors) == 10
)";
  EXPECT_EQ(testing::python_failure(check, path_), "");
  const Tensor w = sin(arange(128).to(kFloat32)).reshape({2, 64});
  for (const char* type : {"Q8_0", "Q4_0"}) {
    io::save_gguf({{"w", w}}, path_, type);
    const char* same = R"(
import sys, numpy as np, gguf
from gguf.quants import quantize
t = gguf.GGUFReader(sys.argv[1]).tensors[0]
assert t.tensor_type.name == sys.argv[2]
w = np.fromfile(sys.argv[3], np.float32).reshape(2, 64)
assert np.array_equal(t.data, quantize(w, t.tensor_type))
)";
    std::ofstream(dir_.file("raw"), std::ios::binary)
        .write(static_cast<const char*>(w.raw_data()), 128 * 4);
    EXPECT_EQ(testing::python_failure(same, path_ + " " + type + " " + dir_.file("raw")), "");
  }
}

}  // namespace
}  // namespace lilith
