// Files of NumPy and PyTorch.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "io/numpy.h"
#include "io/pickle.h"
#include "lilith/error.h"
#include "lilith/io.h"
#include "lilith/nn.h"
#include "lilith/ops.h"
#include "support/expect_error.h"
#include "support/shared.h"
#include "support/temp_dir.h"

namespace lilith {
namespace {

using namespace std::string_literals;
using testing::error_text;
using testing::TempDir;

std::string npy(const std::string& header, const std::string& data) {
  std::string out("\x93NUMPY\x01\x00", 8);
  out += static_cast<char>(header.size() & 0xff);
  out += static_cast<char>(header.size() >> 8);
  return out + header + data;
}
Tensor parse(const std::string& bytes) {
  return io::parse_npy({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}, "x.npy",
                       "x");
}
std::string read_all(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(Numpy, ArraysAndArchives) {
  LILITH_SHARED_OR_SKIP(folder, "weights");
  std::vector<std::int64_t> count(10);
  for (std::int64_t i = 0; i < 10; ++i) count[static_cast<std::size_t>(i)] = i;
  EXPECT_EQ(load_tensors(folder + "/tiny.npy")["tiny"].to_vector<std::int64_t>(), count);
  const TensorDict npz = load_tensors(folder + "/tiny.npz");
  EXPECT_EQ(npz.size(), 2u);
  EXPECT_EQ(npz["x"].to_vector<std::int64_t>(), count);
  EXPECT_EQ(npz["x_plus_one"].to_vector<std::int64_t>()[9], 10);
}

TEST(Numpy, OrdersOfBytesAndDimensions) {
  const Tensor big = parse(npy("{'descr': '>i2', 'fortran_order': False, 'shape': (2,), }\n",
                               std::string("\x01\x02\x00\x03", 4)));
  EXPECT_EQ(big.to_vector<std::int16_t>(), (std::vector<std::int16_t>{0x102, 3}));
  const Tensor fortran =
      parse(npy("{\"descr\": \"|u1\", \"fortran_order\": True, \"shape\": (2, 3)}", "abcdef"));
  EXPECT_EQ(fortran.shape(), (Shape{2, 3}));
  EXPECT_EQ(fortran.to_vector<std::uint8_t>(),
            (std::vector<std::uint8_t>{'a', 'c', 'e', 'b', 'd', 'f'}));
  const Tensor scalar =
      parse(npy("{'descr': '<u2', 'fortran_order': False, 'shape': ()}", std::string("\x05\0", 2)));
  EXPECT_EQ(scalar.dtype(), DType::I32);
  EXPECT_EQ(scalar.item<int>(), 5);
}

TEST(Numpy, BrokenArraysAreErrors) {
  const auto header = [](const std::string& descr, const std::string& shape) {
    return "{'descr': '" + descr + "', 'fortran_order': False, 'shape': " + shape + "}";
  };
  EXPECT_NE(error_text([&] {
              parse(npy(header("|O", "(1,)"), "abcd"));
            }).find("'x' is an array of Python objects"),
            std::string::npos);
  EXPECT_NE(error_text([&] {
              parse(npy(header("<f4", "(2,)"), "abcd"));
            }).find("load: x.npy: 'x' is F32[2], 8 bytes, but has 4 bytes."),
            std::string::npos);
  EXPECT_NE(error_text([&] {
              parse(npy(header("<f4", "(4294967296,4294967296)"), ""));
            }).find("overflows"),
            std::string::npos);
  EXPECT_NE(
      error_text([&] { parse(npy("{'descr': [('a', '<f4')]}", "")); }).find("header is broken"),
      std::string::npos);
  EXPECT_NE(error_text([&] { parse("\x93NUMPY\x01"); }).find("no npy array"), std::string::npos);
}

TEST(TorchFile, StateDictsLoadByPath) {
  LILITH_SHARED_OR_SKIP(folder, "weights");
  struct Net {
    Conv2d conv1{1, 8, 3}, conv2{8, 16, 3}, conv3{16, 24, 3};
    BatchNorm2d norm1{24};
    Linear fc1{11616, 32}, fc2{32, 10};
    BatchNorm1d norm2{10};
  } net;
  load(net, folder + "/mnist-cnn-a.pt");
  EXPECT_GT(net.norm1.num_batches_tracked.item<std::int64_t>(), 0);
  const auto a = net.conv1.weight.to_vector<float>();
  load(net, folder + "/mnist-cnn-b.safetensors");
  EXPECT_NE(net.conv1.weight.to_vector<float>(), a);
}

TEST(TorchFile, ViewsAreMadeDense) {
  LILITH_SHARED_OR_SKIP(folder, "weights");
  const Tensor t = load_tensors(folder + "/non-contiguous.pth")["tensor_fortran"];
  EXPECT_EQ(t.shape(), (Shape{2, 3, 4}));
  const auto v = t.to_vector<std::int64_t>();
  for (std::size_t i = 0; i < v.size(); ++i) EXPECT_EQ(v[i], static_cast<std::int64_t>(i) + 1);
  const Tensor part = load_tensors(folder + "/tiny-dict.pt")["test"];
  EXPECT_EQ(part.to_vector<std::int64_t>(), (std::vector<std::int64_t>{1, 2, 3, 4, 5, 6, 7, 8}));
}

TEST(TorchFile, PicklesAreDataAlone) {
  const auto read = [](const std::string& text) {
    return io::parse_pickle({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()},
                            "x.pt");
  };
  // os.system("…") is a value like any other: it is not run.
  const auto call = read(
      "\x80\x02"
      "cos\nsystem\nX\x04\x00\x00\x00"
      "true\x85R."s);
  EXPECT_TRUE(call.root->is(io::PickleValue::Kind::Object));
  EXPECT_NE(error_text([&] { read("\x80\x02R."); }).find("its stack runs empty"),
            std::string::npos);
  EXPECT_NE(error_text([&] { read("\x80\x02("); }).find("it is truncated"), std::string::npos);
  EXPECT_NE(error_text([&] { read("\x80\x02t."); }).find("a mark is missing"), std::string::npos);
  EXPECT_NE(error_text([&] { read("\x80\x02\x82"); }).find("opcode 0x82"), std::string::npos);
}

// Damaged files are read or refused; nothing else may happen.
TEST(FormatsFuzz, DamagedFilesAreReadOrRefused) {
  LILITH_SHARED_OR_SKIP(folder, "weights");
  const TempDir dir;
  const std::string path = dir.file("damaged");
  std::mt19937 rng(1);
  int refused = 0;
  for (const char* name : {"tiny-dict.pt", "non-contiguous.pth", "tiny.npz", "tiny.npy"}) {
    const std::string valid = read_all(folder + "/" + name);
    for (int round = 0; round < 100; ++round) {
      std::string bytes = valid;
      for (auto edits = 1 + rng() % 4; edits > 0; --edits)
        bytes[rng() % bytes.size()] = static_cast<char>(rng());
      if (rng() % 4 == 0) bytes.resize(rng() % bytes.size());
      std::ofstream(path, std::ios::binary) << bytes;
      try {
        for (const auto& [key, t] : load_tensors(path)) EXPECT_GE(t.numel(), 0);
      } catch (const Error&) {
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, 50);
  // Pickles behind the archive's checksum.
  const std::string pickle =
      "\x80\x02}q\x00(X\x01\x00\x00\x00"
      "aq\x01K\x05X\x01\x00\x00\x00"
      "b]q\x02(K\x01\x88NG"
      "\x00\x00\x00\x00\x00\x00\x00\x00"
      "eu."s;
  for (int round = 0; round < 20000; ++round) {
    std::string bytes = pickle;
    for (auto edits = 1 + rng() % 3; edits > 0; --edits)
      bytes[rng() % bytes.size()] = static_cast<char>(rng());
    try {
      io::parse_pickle({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}, "x.pt");
    } catch (const Error&) {
    }
  }
}

}  // namespace
}  // namespace lilith
