// Files by what they are: single tensors, shards, folders, endings, and what is no file of weights.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "lilith/io.h"
#include "lilith/memory.h"
#include "lilith/ops.h"
#include "support/expect_error.h"
#include "support/python.h"
#include "support/temp_dir.h"

namespace lilith {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;
using testing::error_text;
using Names = std::vector<std::string>;

void expect_has(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << text << "\nlacks: " << part;
}

class OpenFile : public ::testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& bytes) {
    fs::create_directories(fs::path(path(name)).parent_path());
    std::ofstream(path(name), std::ios::binary) << bytes;
    return path(name);
  }
  std::string path(const std::string& name) const { return dir_.file(name); }
  std::string error(const std::string& name, const std::string& bytes) {
    return error_text([&] { load_tensors(write(name, bytes)); });
  }
  static TensorDict dict() {
    TensorDict d{{"enc.0.w", arange(6).reshape({2, 3}).to(kFloat32)},
                 {"enc.1.w", arange(4).to(kInt64)},
                 {"head", tensor(2.5)}};
    d.metadata["note"] = "a \"b\"\n";
    return d;
  }
  testing::TempDir dir_;
};

TEST_F(OpenFile, EveryFormatGivesNamesShapesAndTensorsOneByOne) {
  for (const char* name : {"x.safetensors", "x.pt", "x.npz", "x.gguf", "noending"}) {
    SCOPED_TRACE(name);
    save_tensors(dict(), path(name));
    const TensorFile file(path(name));
    EXPECT_TRUE(file.contains("enc.1.w"));
    EXPECT_FALSE(file.contains("enc"));
    EXPECT_EQ(file.names().size(), 3u);
    EXPECT_EQ(file.metadata().at("note"), "a \"b\"\n");
    for (const TensorFile::Entry& e : file.entries()) {
      EXPECT_EQ(e.shape, dict()[e.name].shape());
      EXPECT_EQ(e.dtype, dict()[e.name].dtype());
      EXPECT_EQ(e.bytes, dict()[e.name].aval().bytes());
      EXPECT_EQ(e.refused, "");
    }
    EXPECT_EQ(file["enc.0.w"].to_vector<float>(), (std::vector<float>{0, 1, 2, 3, 4, 5}));
    expect_has(error_text([&] { file["enc.0.v"]; }),
               "no tensor 'enc.0.v' among 3; the nearest is 'enc.0.w'");
    const TensorDict part = load_tensors(path(name), {.only = {"head"}});
    EXPECT_EQ(part.size(), 1u);
    EXPECT_EQ(load_tensors(path(name), {.only = {"enc"}}).size(), 2u);
    EXPECT_EQ(load_tensors(path(name), {.only = {"enc.1.", "head"}}).size(), 2u);
    expect_has(error_text([&] { load_tensors(path(name), {.only = {"head", "en"}}); }),
               name + " has no tensor 'en' among 3; the nearest is "s);
  }
}

TEST_F(OpenFile, ATensorOfALargeFileIsReadAlone) {
  // 2 GB that no disk holds: a file with a hole.
  std::string header =
      R"({"big":{"dtype":"F32","shape":[500000000],"data_offsets":[0,2000000000]},)"
      R"("last":{"dtype":"F32","shape":[2],"data_offsets":[2000000000,2000000008]}})";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  std::string head(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) head[i] = static_cast<char>(header.size() >> 8 * i);
  write("big.safetensors", head + header);
  fs::resize_file(path("big.safetensors"), head.size() + header.size() + 2000000008);
  const auto before = memory_stats().peak_bytes;
  EXPECT_EQ(TensorFile(path("big.safetensors"))["last"].to_vector<float>(),
            (std::vector<float>{0, 0}));
  EXPECT_EQ(load_tensors(path("big.safetensors"), {.only = {"last"}}).size(), 1u);
  EXPECT_EQ(load_tensors(path("big.safetensors")).size(), 2u) << "mapped, not copied";
  EXPECT_LT(memory_stats().peak_bytes - before, 1 << 20);
}

TEST_F(OpenFile, Shards) {
  fs::create_directories(path("m"));
  save_tensors({{"a", ones({2})}, {"unlisted", ones({1})}}, path("m/model-1.safetensors"));
  save_tensors({{"b", zeros({1})}}, path("m/model-2.pt"));
  const std::string index = write("m/model.safetensors.index.json",
                                  R"({"metadata": {"total_size": 12}, "weight_map":
      {"a": "model-1.safetensors", "b": "model-2.pt"}})");
  for (const std::string& where : {index, path("m")}) {
    const TensorDict t = load_tensors(where);
    EXPECT_EQ(t.size(), 2u);
    EXPECT_EQ(t["a"].to_vector<float>(), (std::vector<float>{1, 1}));
    EXPECT_EQ(t["b"].to_vector<float>(), (std::vector<float>{0}));
    EXPECT_EQ(t.metadata.at("total_size"), "12");
  }
  fs::remove(path("m/model-2.pt"));
  expect_has(error_text([&] { load_tensors(index); }), "1 of 2 shards is missing: model-2.pt.");
  // Only what is asked for has to be there.
  const TensorDict part = load_tensors(index, {.only = {"a"}});
  EXPECT_EQ(part.size(), 1u);
  EXPECT_EQ(part["a"].to_vector<float>(), (std::vector<float>{1, 1}));
  EXPECT_EQ(load_tensors(path("m"), {.only = {"a"}}).size(), 1u);
  expect_has(error_text([&] { load_tensors(index, {.only = {"a", "b"}}); }),
             "1 of 2 shards is missing: model-2.pt.");
  expect_has(error_text([&] { load_tensors(index, {.only = {"b"}}); }),
             "1 of 1 shards is missing: model-2.pt.");
  expect_has(error_text([&] { load_tensors(index, {.only = {"unlisted"}}); }),
             "model.safetensors.index.json has no tensor 'unlisted' among 2");
  expect_has(error("m/i.json", R"({"weight_map": {"c": "model-1.safetensors"}})"),
             "model-1.safetensors has no 'c', which the index says it has");
  expect_has(error("m/i.json", R"({"weight_map": {"c": "../x"}})"),
             "outside of the index's folder");
  expect_has(error("m/i.json", R"({"weight_map": {"c": "i.json"}})"), "is JSON, a configuration");
  expect_has(error("m/i.json", R"({"weight_map": {"c": 3}})"), "the shard of 'c' is no text");
  expect_has(error("m/i.json", R"({"weight_map": )"), "the index of shards is broken JSON");
}

TEST_F(OpenFile, Folders) {
  fs::create_directories(path("none"));
  expect_has(error_text([&] { load_tensors(path("none")); }),
             "is a folder, and holds no file of weights");
  save_tensors(dict(), path("none/a.npz"));
  EXPECT_EQ(load_tensors(path("none")).size(), 3u);
  save_tensors(dict(), path("none/b.gguf"));
  expect_has(error_text([&] { load_tensors(path("none")); }), "name one: a.npz, b.gguf.");
}

TEST_F(OpenFile, TheEndingNamesTheFormat) {
  const auto starts = [&](const std::string& name, const std::string& magic) {
    const TensorDict one{{"w", arange(3).to(kFloat32)}};
    save_tensors(one, path(name));
    std::ifstream in(path(name), std::ios::binary);
    std::string head(magic.size(), '\0');
    in.read(head.data(), static_cast<std::streamsize>(head.size()));
    EXPECT_EQ(head, magic) << name;
    const TensorDict back = load_tensors(path(name));
    EXPECT_EQ(back.begin()->second.to_vector<float>(), (std::vector<float>{0, 1, 2})) << name;
  };
  starts("x.pt", "PK");
  starts("x.PTH", "PK");
  starts("x.npz", "PK");
  starts("x.npy", "\x93NUMPY");
  starts("x.gguf", "GGUF");
  for (const char* name : {"x.safetensors", "x", "x.bin", "x.ckpt", "x.weights"})
    starts(name, "8\0\0\0\0\0\0\0{"s);
  expect_has(
      error_text([&] { save_tensors(dict(), path("x.onnx")); }),
      "x.onnx: this format is not written; there are .safetensors, .pt, .npz, .npy and .gguf.");
  expect_has(error_text([&] { save_tensors(dict(), path("x.npy")); }),
             "a .npy file holds one array, these are 3 tensors");
  expect_has(error_text([&] { save_tensors({{"w", ones({1}).to(kBFloat16)}}, path("y.npz")); }),
             "'w' is bf16, which NumPy has no type for");
  expect_has(error_text([&] { save_tensors(dict(), path("x.pt"), {.quantize = "Q8_0"}); }),
             ".quantize is for GGUF alone");
  EXPECT_FALSE(fs::exists(path("y.npz")));
}

TEST_F(OpenFile, OtherFilesAreCalledWhatTheyAre) {
  const std::tuple<const char*, std::string, const char*> kFiles[] = {
      {"a.safetensors", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n",
       "is a Git LFS pointer, not the file itself: fetch it with 'git lfs pull'"},
      {"b.bin", "<!DOCTYPE html>\n<html>", "is an HTML page"},
      {"c.pt", "\n <HTML><body>", "is an HTML page"},
      {"config.json", R"({"hidden_size": 3, "n": 1})",
       "is JSON, a configuration without weights (its keys: hidden_size, n)"},
      {"d", "[1, 2]", "is JSON text, not weights"},
      {"e.param", "7767517\n75 83\nInput data\n", "is ncnn's .param"},
      {"f.bin", "\x47\x6b\x30\x01" + std::string(64, '\1'), "is ncnn's .bin"},
      {"g.onnx", "\x08\x07\x12\x07pytorch\x1a\x03", "is an ONNX model"},
      {"h.tflite", "\x1c\0\0\0TFL3\x14\0"s, "is a TensorFlow Lite model"},
      {"i.h5", "\x89HDF\r\n\x1a\n\0\0"s, "is an HDF5 file"},
      {"j.npz.gz", "\x1f\x8b\x08\0\0\0\0\0\0"s, "is compressed by gzip: unpack it"},
      {"k.safetensors", "", "is empty, too small for any format"},
      {"l.csv", "a,b\n1,2\n", "is text, not weights; it begins with 'a,b'"},
      {"m.bin", "lmgg\1\0\0\0"s, "is in a format of llama.cpp's before GGUF"},
      {"n.xml", "<?xml version=\"1.0\"?><Error/>", "is XML"},
      {"o.dat", "\1\2\3\4\5\6\7\x10\x11\x12",
       "is of an unknown format (it begins with 01 02 03 04 05 06 07 10)"},
      {"p.txt", "esc \x1b[31m", "is of an unknown format"},
  };
  for (const auto& [name, bytes, text] : kFiles) expect_has(error(name, bytes), name + " "s + text);
  expect_has(error("q.safetensors", "\x7f\1\0\0\0\0\0\0[1]"s), "the header needs 383 bytes");
}

TEST_F(OpenFile, NumpyReadsWhatIsWritten) {
  LILITH_PYTHON_OR_SKIP("numpy");
  TensorDict d;
  for (const DType t : {kBool, kUInt8, kInt8, kInt16, kInt32, kInt64, kFloat16, kFloat32, kFloat64})
    d.add(std::string(name(t)), arange(6).reshape({2, 3}).to(t));
  d.add("scalar", tensor(2.5f));
  d.add("vector", arange(3).to(kFloat32));
  d.add("empty", zeros({0, 3}));
  save_tensors(d, path("x.npz"));
  save_tensors({{"w", arange(6).reshape({1, 2, 3}).to(kFloat32)}}, path("x.npy"));
  const char* check = R"(
import sys, numpy as np
z = np.load(sys.argv[1])
assert len(z.files) == 12, z.files
types = dict(bool='?', u8='u1', i8='i1', i16='i2', i32='i4', i64='i8', f16='f2', f32='f4', f64='f8')
for k, t in types.items():
    want = np.arange(6).reshape(2, 3).astype(t)
    assert z[k].dtype == np.dtype(t) and np.array_equal(z[k], want), k
assert z['scalar'].shape == () and z['scalar'] == 2.5
assert z['vector'].shape == (3,) and z['empty'].shape == (0, 3)
w = np.load(sys.argv[2])
assert w.shape == (1, 2, 3) and w.dtype == np.float32 and w[0, 1, 2] == 5
)";
  EXPECT_EQ(testing::python_failure(check, path("x.npz") + " " + path("x.npy")), "");
}

TEST_F(OpenFile, WhatNumpyWritesIsReadOrRefusedByMember) {
  LILITH_PYTHON_OR_SKIP("numpy");
  const char* make = R"(
import sys, io, zipfile, numpy as np
a = dict(c64=np.ones(3, np.complex64), text=np.array(['a', 'bc']), dates=np.array(['2020-01-01'], 'M8[D]'),
         objects=np.array([1, 'a'], object), long=np.ones(2, np.longdouble), raw=np.zeros(2, 'V2'),
         records=np.zeros(2, [('a', '<f4'), ('b', '<i4')]), wide=np.array([2**63 + 1], np.uint64),
         big=np.arange(4, dtype='>f4'), big8=np.arange(4, dtype='>i8'),
         fortran=np.asfortranarray(np.arange(24.).reshape(2, 3, 4)), half=np.arange(3, dtype='f2'),
         u16=np.arange(3, dtype='u2'), scalar=np.array(3.5), empty=np.zeros((0, 3)), flag=np.array([True, False]))
np.savez(sys.argv[1], **a)
np.savez_compressed(sys.argv[2], **a)
with zipfile.ZipFile(sys.argv[1], 'a') as z: z.writestr('README.txt', 'hello'); z.writestr('bad.npy', 'no array')
)";
  ASSERT_EQ(testing::python_failure(make, path("s.npz") + " " + path("c.npz")), "");
  for (const char* file : {"s.npz", "c.npz"}) {
    SCOPED_TRACE(file);
    const TensorDict t = load_tensors(path(file));
    const std::pair<const char*, const char*> kRefused[] = {
        {"c64", "is complex ('<c8')"},
        {"text", "is an array of texts ('<U2')"},
        {"dates", "is an array of dates"},
        {"objects", "is an array of Python objects"},
        {"long", "is of numpy's long double ('<f16')"},
        {"raw", "is of raw bytes ('|V2')"},
        {"records", "is an array of records, [('a', '<f4'), ('b', '<i4')]"},
        {"wide", "is U64 and holds 9223372036854775809, more than i64 can"}};
    for (const auto& [name, reason] : kRefused) expect_has(t.refused().at(name), reason);
    EXPECT_EQ(t["big"].to_vector<float>(), (std::vector<float>{0, 1, 2, 3}));
    EXPECT_EQ(t["big8"].to_vector<std::int64_t>(), (std::vector<std::int64_t>{0, 1, 2, 3}));
    const auto f = t["fortran"].to_vector<double>();
    for (std::size_t i = 0; i < f.size(); ++i) EXPECT_EQ(f[i], static_cast<double>(i));
    EXPECT_EQ(t["half"].dtype(), kFloat16);
    EXPECT_EQ(t["u16"].dtype(), kInt32);
    EXPECT_EQ(t["scalar"].item<double>(), 3.5);
    EXPECT_EQ(t["empty"].shape(), (Shape{0, 3}));
    EXPECT_EQ(t["flag"].dtype(), kBool);
    EXPECT_EQ(t.size(), 8u);
  }
  const TensorDict t = load_tensors(path("s.npz"));
  EXPECT_EQ(t.metadata.at("ignored README.txt"), "no array, 5 bytes");
  EXPECT_EQ(t.refused().at("bad"), "is no npy array, though its name says so");
}

TEST_F(OpenFile, SafetensorsRefusesSingleTensors) {
  const std::string header = R"({"c":{"dtype":"C64","shape":[1],"data_offsets":[0,8]},)"
                             R"("new":{"dtype":"F3_\u001b","shape":[5],"data_offsets":[8,10]},)"
                             R"("z":{"dtype":"F8_E4M3FNUZ","shape":[2],"data_offsets":[10,12]},)"
                             R"("ok":{"dtype":"U8","shape":[1],"data_offsets":[12,13]}})";
  std::string head(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) head[i] = static_cast<char>(header.size() >> 8 * i);
  const TensorDict t =
      load_tensors(write("x.safetensors", head + header + std::string(10, '\0') + "\x40\x80\x07"s));
  EXPECT_EQ(t.refused().at("c"), "is complex (C64), which no dtype of Lilith can hold");
  EXPECT_EQ(t.refused().at("new"), "is of the unknown dtype 'F3_\\x1b'");
  EXPECT_EQ(t["ok"].item<int>(), 7);
  const auto z = t["z"].to_vector<float>();
  EXPECT_EQ(z[0], 1);
  EXPECT_TRUE(std::isnan(z[1]));
  const TensorFile file(path("x.safetensors"));
  expect_has(error_text([&] { file["c"]; }), "x.safetensors: 'c' is complex (C64)");
}

TEST_F(OpenFile, ListsOfTheMetadata) {
  std::string b = "GGUF";
  const auto put = [&](auto v) { b.append(reinterpret_cast<const char*>(&v), sizeof v); };
  const auto text = [&](const std::string& s) { put(std::uint64_t{s.size()}), b += s; };
  put(std::uint32_t{3}), put(std::uint64_t{0}), put(std::uint64_t{2});
  text("words"), put(std::uint32_t{9}), put(std::uint32_t{8}), put(std::uint64_t{20});
  for (int i = 0; i < 20; ++i) text("w" + std::to_string(i));
  text("types"), put(std::uint32_t{9}), put(std::uint32_t{5}), put(std::uint64_t{3});
  for (int i = 0; i < 3; ++i) put(std::int32_t{i - 1});
  const TensorFile file(write("x.gguf", b));
  EXPECT_EQ(file.format(), "GGUF");
  EXPECT_EQ(file.texts("words").size(), 20u);
  EXPECT_EQ(file.texts("words")[19], "w19");
  EXPECT_EQ(file.texts("types"), (Names{"-1", "0", "1"}));
  EXPECT_EQ(file.numbers("types").to_vector<std::int64_t>(), (std::vector<std::int64_t>{-1, 0, 1}));
  expect_has(error_text([&] { file.numbers("words"); }), "'words' is a list of texts");
  expect_has(error_text([&] { file.texts("other"); }), "has no list 'other' in its metadata");
}

}  // namespace
}  // namespace lilith
