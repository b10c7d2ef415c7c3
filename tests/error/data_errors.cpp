#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "ir/node.h"
#include "lilith/data.h"
#include "lilith/io.h"
#include "support/expect_error.h"

namespace lilith {
namespace {

Tensor leaf(const Shape& shape) {
  const Aval aval{shape, DType::F32, {}};
  return ir::make_data(aval, Storage::allocate(aval.bytes()));
}

/// A file of its own for each test, gone at the end.
class FileErrors : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ =
        std::filesystem::temp_directory_path() / ("lilith-errors-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string file(const std::string& name, const std::string& content) {
    std::ofstream(folder_ / name, std::ios::binary) << content;
    return (folder_ / name).string();
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  std::filesystem::path folder_;
};

TEST(DataErrors, Datasets) {
  EXPECT_ERROR_HERE(
      TensorDataset(leaf({4, 2}), leaf({5})),
      "TensorDataset: tensor 0 is f32[4,2], tensor 1 is f32[5]; the first sizes must agree");
  EXPECT_ERROR_HERE(TensorDataset(leaf({4}), leaf({})),
                    "TensorDataset: tensor 1 is a scalar; rows need a first dimension");
  const TensorDataset set(leaf({4, 2}), leaf({4}));
  EXPECT_ERROR_HERE(set.rows({4}), "Dataset: row 4 is out of range; there are 4 rows");
  EXPECT_ERROR_HERE(set[-1], "Dataset: row -1 is out of range; there are 4 rows");
  EXPECT_ERROR_HERE(set.slice(-1), "Dataset: row -1 is out of range; there are 4 rows");
  EXPECT_ERROR_HERE(DataLoader(set, {.batch_size = 0}),
                    "DataLoader: batch_size is 0; need at least 1");
  EXPECT_ERROR_HERE(random_split(set, {3, 2}),
                    "random_split: the parts sum to 5 rows; the dataset has 4");
  EXPECT_ERROR_HERE(random_split(set, {5, -1}),
                    "random_split: a part of -1 rows; sizes are not negative");
  EXPECT_ERROR_HERE(data::Dataset<3>(set.source()),
                    "Dataset: the source has 2 columns; the type says 3");
  EXPECT_ERROR_HERE(data::Digits(data::Split::Train, {.size = -1}),
                    "Digits: size is -1; need at least 0");
}

TEST_F(FileErrors, Csv) {
  EXPECT_ERROR_HERE(CsvDataset(path("none.csv")), "CSV: cannot open " + path("none.csv"));
  const std::string ragged = file("ragged.csv", "1,2,3\n4,5\n");
  EXPECT_ERROR_HERE(CsvDataset{ragged}, "CSV: " + ragged + ":2: 2 fields; the first line has 3");
  const std::string word = file("word.csv", "a,b\n1,2\n3,x\n");
  EXPECT_ERROR_HERE(CsvDataset{word}, "CSV: " + word +
                                          ":3: column 1 (b) holds 'x', which is no finite number; "
                                          ".words = {the column} numbers a column's words");
  const CsvDataset words(word, {.header = true, .words = {"b"}});
  EXPECT_ERROR_HERE(words.words("a"), "words: the column is none of CsvOptions::words");
  const std::string hole = file("hole.csv", "a,b\nx,1\n,2\n");
  EXPECT_ERROR_HERE(CsvDataset(hole, {.words = {"a"}}),
                    "CSV: " + hole +
                        ":3: column 0 (a) holds '', which is no word; "
                        ".missing_is_nan = true reads it as NaN");
  const std::string names = file("names.csv", "a,b\n1,2\n");
  EXPECT_ERROR_HERE(CsvDataset(names, {.targets = {"c"}}),
                    "CSV: " + names + ": no column 'c'; the header has: a, b");
  EXPECT_ERROR_HERE(CsvDataset(names, {.targets = {5}}),
                    "CSV: " + names + ": column 5 is out of range; there are 2 columns");
}

TEST_F(FileErrors, Idx) {
  const std::string magic = file("magic", std::string("\1\2\3\4", 4));
  EXPECT_ERROR_HERE(
      data::read_idx(magic),
      "idx: " + magic + ": wrong magic 01020304; an idx file starts with two zero bytes");
  const std::string brief = file("brief", std::string("\0\0", 2));
  EXPECT_ERROR_HERE(data::read_idx(brief),
                    "idx: " + brief + ": the file ends within the magic number");
  EXPECT_ERROR_HERE(data::MNIST(path("none"), data::Split::Train),
                    "MNIST: " + path("none") + " is not a folder; nothing is downloaded");
  // Names are not obeyed by a terminal.
  EXPECT_ERROR_HERE(data::read_idx("no\x1b[31m\n"),
                    "idx: cannot open no\\x1b[31m\\n: No such file or directory");
  EXPECT_ERROR_HERE(data::MNIST("no\x1b[31m\n", data::Split::Train),
                    "MNIST: no\\x1b[31m\\n is not a folder; nothing is downloaded");
}

std::string with_header(const std::string& header, const std::string& data = "") {
  std::string size(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) size[i] = static_cast<char>(header.size() >> (8 * i));
  return size + header + data;
}

TEST_F(FileErrors, Safetensors) {
  const std::string tiny = file("tiny.safetensors", "\1\2\3");
  EXPECT_ERROR_HERE(
      load_tensors(tiny),
      "load: " + tiny + ": the header is too small: 3 bytes, a safetensors file has at least 8.");
  const std::string cut = file("cut.safetensors", with_header("{}").substr(0, 9));
  EXPECT_ERROR_HERE(load_tensors(cut),
                    "load: " + cut + " is truncated: the header needs 2 bytes, the file has 1.");
  const std::string list = file("list.safetensors", with_header("[]"));
  EXPECT_ERROR_HERE(load_tensors(list), "load: " + list + ": the header is no JSON object.");
  const std::string dtype =
      file("dtype.safetensors",
           with_header(R"({"w":{"dtype":"F33","shape":[1],"data_offsets":[0,4]}})", "1234"));
  EXPECT_ERROR_HERE(load_tensors(dtype)["w"], "TensorDict: 'w' is of the unknown dtype 'F33'.");
  const std::string size =
      file("size.safetensors",
           with_header(R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", "1234"));
  EXPECT_ERROR_HERE(load_tensors(size),
                    "load: " + size + ": 'w' is F32[2], 8 bytes, but has 4 bytes.");
  const std::string hole =
      file("hole.safetensors",
           with_header(R"({"w":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})", "12"));
  EXPECT_ERROR_HERE(load_tensors(hole), "load: " + hole +
                                            ": 'w' lies at [1, 2) but the tensor before ends at 0; "
                                            "tensors must neither overlap nor leave holes.");
}

}  // namespace
}  // namespace lilith
