// Files in memory: mapped or read, shared with the tensors in them; names without a tensor.
#include "io/file.h"

#include <gtest/gtest.h>

#include <fstream>

#include "io/elements.h"
#include "lilith/io.h"
#include "lilith/ops.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace lilith {
namespace {

using namespace std::string_literals;
using io::MappedFile;
using testing::error_text;
using testing::TempDir;

void write(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}
std::string floats(std::initializer_list<float> values) {
  return {reinterpret_cast<const char*>(values.begin()), values.size() * sizeof(float)};
}
bool inside(const void* p, std::span<const std::uint8_t> bytes) {
  return p >= bytes.data() && p < bytes.data() + bytes.size();
}

TEST(MappedFile, SmallFilesAreReadAndLargeOnesMapped) {
  const TempDir dir;
  write(dir.file("x"), "0123456789");
  const auto read = MappedFile::open(dir.file("x")),
             mapped = MappedFile::open(dir.file("x"), "load", 1);
  EXPECT_FALSE(read->mapped());
  EXPECT_TRUE(mapped->mapped());
  for (const auto& file : {read, mapped}) {
    const auto part = file->range(3, 4, "a part");
    EXPECT_EQ(std::string(part.begin(), part.end()), "3456");
    EXPECT_TRUE(file->range(10, 0, "nothing").empty());
    EXPECT_NE(error_text([&] {
                file->range(7, 4, "'a'");
              }).find("is truncated or damaged: 'a' needs 4 bytes at 7, the file has 10."),
              std::string::npos);
    EXPECT_NE(error_text([&] { file->range(~0ull, 2, "'a'"); }).find("is truncated"),
              std::string::npos);
  }
  write(dir.file("empty"), "");
  EXPECT_EQ(MappedFile::open(dir.file("empty"), "load", 0)->bytes(), 0u);
  EXPECT_NE(error_text([&] { MappedFile::open(dir.file("none")); }).find("No such file"),
            std::string::npos);
  EXPECT_NE(error_text([&] { MappedFile::open(dir.path().string()); }).find("not a regular file"),
            std::string::npos);
}

TEST(MappedFile, TensorsShareAMappingAndKeepIt) {
  const TempDir dir;
  write(dir.file("x"), floats({9, 1, 2, 3}) + "\1\0"s);
  auto file = MappedFile::open(dir.file("x"), "load", 1);
  const std::string name = "a";
  const io::Origin origin{file->path(), name};
  const auto bytes = file->all();
  Tensor a = io::tensor_at(file, 4, "F32", {3}, origin);
  EXPECT_TRUE(inside(a.raw_data(), bytes));
  const Tensor odd = io::tensor_at(file, 1, "F32", {3}, origin);
  EXPECT_FALSE(inside(odd.raw_data(), bytes)) << "not aligned for floats";
  const Tensor wide = io::tensor_at(file, 16, "U16", {1}, origin);
  EXPECT_EQ(wide.item<std::int32_t>(), 1);
  EXPECT_NE(error_text([&] { io::tensor_at(file, 8, "F32", {3}, origin); }).find("'a' needs 12"),
            std::string::npos);
  EXPECT_THROW(io::tensor_at(file, 0, "C64", {1}, origin), io::Refusal);
  // Writers that rename do not disturb the mapping, and the file goes with its last tensor.
  io::write_atomically(dir.file("x"), "save", [](std::FILE* f) { io::write_bytes(f, "gone", 4); });
  std::weak_ptr<const MappedFile> watch = file;
  file.reset();
  EXPECT_FALSE(watch.expired());
  EXPECT_EQ(a.to_vector<float>(), (std::vector<float>{1, 2, 3}));
  // A program that could work in place does not: the mapping cannot be written.
  for (int i = 0; i < 3; ++i) {
    a = a * 2.0 + 1.0;
    a.raw_data();
  }
  EXPECT_EQ(a.to_vector<float>(), (std::vector<float>{15, 23, 31}));
  EXPECT_TRUE(watch.expired());
}

TEST(TensorDictTest, NamesWithoutATensorHaveAReason) {
  TensorDict d{{"a", zeros({2})}};
  d.refuse("b", "is sparse, which Lilith does not hold");
  EXPECT_EQ(d.size(), 1u);
  EXPECT_FALSE(d.contains("b"));
  EXPECT_EQ(d.refused().at("b"), "is sparse, which Lilith does not hold");
  EXPECT_ERROR_HERE(d["b"], "TensorDict: 'b' is sparse, which Lilith does not hold.");
  EXPECT_NE(error_text([&] { d.add("b", zeros({})); }).find("'b' is taken"), std::string::npos);
  EXPECT_NE(error_text([&] { d.refuse("a", "x"); }).find("'a' is taken"), std::string::npos);
}

}  // namespace
}  // namespace lilith
