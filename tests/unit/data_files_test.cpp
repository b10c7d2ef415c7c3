// Readers of idx, MNIST, CIFAR and CSV files: what they read, and how they refuse what is broken.
#include <gtest/gtest.h>
#include <zlib.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>

#include "lilith/data.h"
#include "lilith/ops.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace lilith {
namespace {

using testing::error_text;
namespace fs = std::filesystem;

class DataFiles : public ::testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& bytes) {
    const fs::path path = dir_ / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << bytes;
    return path.string();
  }
  static std::string be32(std::uint32_t v) {
    return {static_cast<char>(v >> 24), static_cast<char>(v >> 16), static_cast<char>(v >> 8),
            static_cast<char>(v)};
  }
  static std::string of_images(std::uint32_t n) {
    return be32(2051) + be32(n) + be32(28) + be32(28);
  }
  static std::string images(std::uint32_t n) {
    std::string s = of_images(n);
    for (std::uint32_t i = 0; i < n * 784; ++i) s += static_cast<char>(i % 256);
    return s;
  }
  /// One image of one value.
  static std::string image_of(char pixel) { return of_images(1) + std::string(784, pixel); }
  static std::string labels(const std::vector<int>& values) {
    std::string s = be32(2049) + be32(static_cast<std::uint32_t>(values.size()));
    for (int v : values) s += static_cast<char>(v);
    return s;
  }
  static std::string gzip(const std::string& raw, const std::string& path) {
    gzFile f = gzopen(path.c_str(), "wb");
    gzwrite(f, raw.data(), static_cast<unsigned>(raw.size()));
    gzclose(f);
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void expect_error(const std::function<void()>& f, const std::vector<std::string>& parts) {
    try {
      f();
      FAIL() << "no error";
    } catch (const Error& e) {
      for (const auto& part : parts) {
        EXPECT_NE(std::string(e.what()).find(part), std::string::npos)
            << e.what() << "\nlacks: " << part;
      }
    }
  }
  const testing::TempDir folder_;
  const fs::path dir_ = folder_.path();
};

TEST_F(DataFiles, ReadsMnistPlainAndGzipped) {
  write("train-images-idx3-ubyte", images(3));
  gzip(labels({7, 0, 9}), (dir_ / "train-labels-idx1-ubyte.gz").string());
  const data::MNIST set(dir_.string(), data::Split::Train);
  ASSERT_EQ(set.size(), 3);
  const auto [x, y] = set.slice(0);
  EXPECT_EQ(x.shape(), (Shape{3, 1, 28, 28}));
  EXPECT_EQ(x.dtype(), kFloat32);
  EXPECT_EQ(y.to_vector<std::int64_t>(), (std::vector<std::int64_t>{7, 0, 9}));
  const float* p = x.data<float>();
  for (int i = 0; i < 3 * 784; ++i) ASSERT_EQ(p[i], static_cast<float>(i % 256) / 255.0f);
}

TEST_F(DataFiles, RefusesBrokenIdx) {
  const auto read = [](const std::string& path) { return [path] { data::read_idx(path); }; };
  expect_error(read((dir_ / "none").string()), {"cannot open", "none"});
  expect_error(read(dir_.string()), {"is a folder"});
  expect_error(read(write("empty", "")), {"empty", "ends within the magic"});
  expect_error(read(write("magic", "GIF89a--")), {"magic", "wrong magic 47494638"});
  expect_error(read(write("type", std::string("\0\0\x07\x01", 4))),
               {"type", "wrong magic", "0x07"});
  expect_error(read(write("rank", std::string("\0\0\x08\0", 4))), {"rank", "0 dimensions"});
  expect_error(read(write("sizes", be32(2051) + be32(5))), {"sizes", "ends within the sizes"});
  expect_error(read(write("huge", be32(2051) + be32(~0u) + be32(~0u) + be32(~0u))),
               {"huge", "too large"});
  expect_error(read(write("short", images(4).substr(0, 1000))),
               {"short", "too short", "3136", "984"});
  expect_error(read(write("long", images(1) + "x")), {"long", "more data than the 784 bytes"});
  const std::string packed = gzip(images(50), (dir_ / "ok.gz").string());
  EXPECT_EQ(data::read_idx((dir_ / "ok.gz").string()).shape, (Shape{50, 28, 28}));
  expect_error(read(write("cut.gz", packed.substr(0, packed.size() / 2))), {"cut.gz", "truncated"});
  std::string flipped = packed;
  flipped[flipped.size() / 2] = static_cast<char>(flipped[flipped.size() / 2] ^ 0x55);
  expect_error(read(write("flip.gz", flipped)), {"flip.gz"});
}

TEST_F(DataFiles, RefusesFilesThatDisagree) {
  const auto load = [&] { data::MNIST(dir_.string(), data::Split::Test); };
  expect_error([&] { data::MNIST((dir_ / "no").string(), data::Split::Test); },
               {"is not a folder"});
  expect_error(load, {"has neither t10k-images-idx3-ubyte nor"});
  write("t10k-images-idx3-ubyte", images(2));
  expect_error(load, {"t10k-labels-idx1-ubyte"});
  write("t10k-labels-idx1-ubyte", labels({1, 2, 3}));
  expect_error(load, {"2 images", "3 labels"});
  const fs::path hostile = dir_ / "\x1b[31m";
  write("\x1b[31m/t10k-images-idx3-ubyte", images(2));
  write("\x1b[31m/t10k-labels-idx1-ubyte", labels({1, 10}));
  expect_error([&] { data::MNIST(hostile.string(), data::Split::Test); },
               {"/\\x1b[31m/t10k-labels-idx1-ubyte: label 10 at row 1"});
  write("t10k-labels-idx1-ubyte", labels({1, 10}));
  expect_error(load, {"t10k-labels-idx1-ubyte", "label 10 at row 1"});
  write("t10k-labels-idx1-ubyte", images(2));
  expect_error(load, {"t10k-labels-idx1-ubyte", "wrong magic", "2049"});
  write("t10k-images-idx3-ubyte", labels({1, 2}));
  expect_error(load, {"t10k-images-idx3-ubyte", "wrong magic", "2051"});
  write("t10k-images-idx3-ubyte", be32(2051) + be32(0) + be32(9) + be32(28));
  expect_error(load, {"images of 9x28; need 28x28"});
}

TEST_F(DataFiles, MnistIsFoundWhereTorchvisionHasIt) {
  const auto write_set = [&](const std::string& set, char pixel) {
    write(set + "/raw/t10k-images-idx3-ubyte", image_of(pixel));
    write(set + "/raw/t10k-labels-idx1-ubyte", labels({3}));
  };
  const std::string root = dir_.string();
  write_set("MNIST", '\0');
  write_set("FashionMNIST", '\xff');
  EXPECT_EQ(data::MNIST(root, false)[0][0].max().item(), 0);
  EXPECT_EQ(data::FashionMNIST(root, false)[0][0].min().item(), 1);
  EXPECT_EQ(data::FashionMNIST((dir_ / "FashionMNIST/raw").string(), false).size(), 1);
  EXPECT_NE(error_text([&] { data::KMNIST(root, false); }).find("KMNIST: "), std::string::npos);
  write_set("KMNIST", '\x33');
  EXPECT_FLOAT_EQ(data::KMNIST(root, {.train = false})[0][0].max().item<float>(), 0.2f);
}

// train-images.idx3-ubyte, as some mirrors have it.
TEST_F(DataFiles, MnistsNamesMayHaveADot) {
  write("KMNIST/raw/train-images.idx3-ubyte", image_of('\xff'));
  gzip(labels({4}), (dir_ / "KMNIST/raw/train-labels.idx1-ubyte.gz").string());
  EXPECT_EQ(data::KMNIST(dir_.string())[0][1].item<int>(), 4);
}

TEST_F(DataFiles, ErrorsOfMnistNameTheSet) {
  const std::string root = dir_.string();
  const std::string images_path = write("t10k-images-idx3-ubyte", images(2));
  const std::string labels_path = write("t10k-labels-idx1-ubyte", labels({1, 10}));
  EXPECT_ERROR_HERE(data::KMNIST(root, false),
                    "KMNIST: " + labels_path + ": label 10 at row 1; labels are 0 to 9");
  write("t10k-labels-idx1-ubyte", labels({1}));
  EXPECT_ERROR_HERE(data::FashionMNIST(root, false), "FashionMNIST: 2 images in " + images_path +
                                                         ", but 1 labels in " + labels_path);
  write("t10k-labels-idx1-ubyte", images(1));
  EXPECT_ERROR_HERE(data::FashionMNIST(root, false),
                    "FashionMNIST: " + labels_path +
                        ": wrong magic: u8 with 3 dimensions; labels are u8 with 1 (magic 2049)");
  write("t10k-images-idx3-ubyte", be32(2051) + be32(0) + be32(9) + be32(28));
  EXPECT_ERROR_HERE(data::KMNIST(root, false),
                    "KMNIST: " + images_path + ": images of 9x28; need 28x28");
}

// 3 x 32 x 32 bytes of CIFAR.
std::string photograph() {
  std::string pixels;
  for (int p = 0; p < 3072; ++p) pixels += static_cast<char>(p % 256);
  return pixels;
}

TEST_F(DataFiles, ReadsCifarsBinaryFiles) {
  for (const auto& [name, labels] :
       {std::pair<const char*, int>{"test_batch.bin", 1}, {"test.bin", 2}}) {
    std::string records;
    for (int i = 0; i < 2; ++i) {
      for (int l = 0; l < labels; ++l) records += static_cast<char>(7 + l + i);
      records += photograph();
    }
    write(name, records);
  }
  const data::CIFAR10 ten(dir_.string(), data::Split::Test);
  EXPECT_EQ(ten.size(), 2);
  EXPECT_EQ(ten[1][1].item<int>(), 8);
  EXPECT_FLOAT_EQ(ten[1][0].to_vector<float>()[255], 1);
  EXPECT_EQ(data::CIFAR100(dir_.string(), data::Split::Test)[1][1].item<int>(), 9);
  EXPECT_NE(error_text([&] {
              data::CIFAR10(dir_.string(), data::Split::Train);
            }).find("has neither data_batch_1 nor data_batch_1.bin"),
            std::string::npos);
}

// A batch as Python 2 pickled it: {"data": u8 [1, 3072], KEY: [label]}.
std::string pickled_batch(const std::string& key, char label) {
  const auto text = [](const std::string& s) { return "U" + std::string(1, char(s.size())) + s; };
  const std::string array =
      std::string("cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85", 54) +
      text("b") + "\x87R(K\x01K\x01M" + std::string("\0\x0c\x86", 3) + "cnumpy\ndtype\n" +
      text("u1") + std::string("K\0K\x01\x87R(K\x03", 9) + text("|") + "NNN" +
      "J\xff\xff\xff\xffJ\xff\xff\xff\xff" + std::string("K\0tb\x89", 5);
  return "\x80\x02}(" + text("data") + array + std::string("T\0\x0c\0\0", 5) + photograph() + "tb" +
         text(key) + "](K" + label + "eu.";
}

TEST_F(DataFiles, ReadsCifarsPickledFilesWhereTorchvisionHasThem) {
  write("cifar-10-batches-py/test_batch", pickled_batch("labels", 7));
  for (int i = 1; i <= 5; ++i)
    write("cifar-10-batches-py/data_batch_" + std::to_string(i),
          pickled_batch("labels", static_cast<char>(i)));
  write("cifar-100-python/test", pickled_batch("fine_labels", 99));
  write("cifar-100-python/train", pickled_batch("coarse_labels", 1));
  const data::CIFAR10 test(dir_.string(), false), train(dir_.string(), true);
  EXPECT_EQ(test.size(), 1);
  EXPECT_EQ(test[0][1].item<int>(), 7);
  EXPECT_EQ(test[0][0].shape(), (Shape{3, 32, 32}));
  EXPECT_FLOAT_EQ(test[0][0].to_vector<float>()[255], 1);
  EXPECT_EQ(train.size(), 5);
  EXPECT_EQ(train[4][1].item<int>(), 5);
  EXPECT_EQ(data::CIFAR100(dir_.string(), false)[0][1].item<int>(), 99);
  EXPECT_NE(error_text([&] { data::CIFAR100(dir_.string(), true); }).find("no list 'fine_labels'"),
            std::string::npos);
}

TEST_F(DataFiles, RefusesClassesThatCifarHasNot) {
  const std::string nine = "\x09" + photograph(), ten = "\x0a" + photograph();
  const std::string file = write("test_batch.bin", nine + ten);
  EXPECT_ERROR_HERE(data::CIFAR10(dir_.string(), false),
                    "CIFAR10: " + file + ": label 10 at row 1; labels are 0 to 9");
  // The coarse class comes first, and is not read.
  const std::string fine = write("test.bin", std::string("\xff\x63", 2) + photograph() +
                                                 std::string("\x01\x64", 2) + photograph());
  EXPECT_ERROR_HERE(data::CIFAR100(dir_.string(), false),
                    "CIFAR100: " + fine + ": label 100 at row 1; labels are 0 to 99");
  const std::string pickled =
      write("cifar-10-batches-py/test_batch", pickled_batch("labels", '\xc8'));
  fs::remove(file);
  EXPECT_ERROR_HERE(data::CIFAR10(dir_.string(), false),
                    "CIFAR10: " + pickled + ": label 200 at row 0; labels are 0 to 9");
}

TEST_F(DataFiles, ReadsCsv) {
  const CsvDataset plain(write("plain.csv", "1,2,3\n4,5,6\r\n\n7,-8.5,9e1"));
  ASSERT_EQ(plain.size(), 3);
  const auto [x, y] = plain.slice(0);
  EXPECT_EQ(x.to_vector<float>(), (std::vector<float>{1, 2, 4, 5, 7, -8.5f}));
  EXPECT_EQ(y.to_vector<float>(), (std::vector<float>{3, 6, 90}));
  EXPECT_EQ(y.shape(), (Shape{3, 1}));

  const std::string named = write("named.csv", "\"a\"; b ;\"c;d\"\n1;+2;\"3\"\n4; 5 ;6\n");
  const CsvDataset chosen(named, {.separator = ';', .features = {"c;d", 0}, .targets = {"b"}});
  EXPECT_EQ(chosen.slice(0)[0].to_vector<float>(), (std::vector<float>{3, 1, 6, 4}));
  EXPECT_EQ(chosen.slice(0)[1].to_vector<float>(), (std::vector<float>{2, 5}));
}

TEST_F(DataFiles, CsvWordsAreNumbersInTheirOrder) {
  const std::string path = write("words.csv",
                                 "colour,size,kind\nred,1,b\nblue,2,a\n\"red\",3,b\n"
                                 ",4,c\ngreen,5,a\n");
  const CsvDataset set(path, {.missing_is_nan = true, .words = {"colour", -1}});
  const auto x = set.slice(0)[0].to_vector<float>(), y = set.slice(0)[1].to_vector<float>();
  EXPECT_EQ(set.words("colour"), (std::vector<std::string>{"blue", "green", "red"}));
  EXPECT_EQ(set.words(0), set.words("colour"));
  EXPECT_EQ(set.words("kind"), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(y, (std::vector<float>{1, 0, 1, 2, 0}));
  EXPECT_TRUE(std::isnan(x[6]));
  EXPECT_EQ((std::vector<float>{x[0], x[2], x[4], x[8]}), (std::vector<float>{2, 0, 2, 1}));
  EXPECT_EQ(x[9], 5);
}

// A first line of words may be a header or the first row: the columns that hold no words tell.
TEST_F(DataFiles, CsvOfWordsWithoutAHeader) {
  const auto x = [](const CsvDataset& set) { return set.slice(0)[0].to_vector<float>(); };
  const std::string mixed = write("mixed.csv", "red,1,b\nblue,2,a\n");
  const CsvDataset rows(mixed, {.words = {0, 2}});
  EXPECT_EQ(x(rows), (std::vector<float>{1, 1, 0, 2}));
  EXPECT_EQ(rows.words(-1), (std::vector<std::string>{"a", "b"}));
  const std::string named = write("named.csv", "colour,size,kind\nred,1,b\n");
  EXPECT_EQ(CsvDataset(named, {.words = {0, -1}}).words(0), (std::vector<std::string>{"red"}));

  const std::string words = write("words.csv", "red,b\nblue,a\n");
  EXPECT_ERROR_HERE(CsvDataset(words, {.words = {0, 1}}),
                    "CSV: " + words +
                        ":1: the first line holds words ('red') in columns of words alone; say "
                        "whether it is a header: .header = true or false");
  EXPECT_EQ(CsvDataset(words, {.header = false, .words = {0, 1}}).size(), 2);
  EXPECT_EQ(CsvDataset(words, {.header = true, .words = {0, 1}}).size(), 1);
  // A name that the line holds makes it a header, whatever it is asked for; one that it lacks is no
  // column.
  EXPECT_EQ(CsvDataset(words, {.targets = {"b"}, .words = {0, 1}}).size(), 1);
  EXPECT_EQ(
      CsvDataset(write("year.csv", "colour,2019\nred,1\n"), {.targets = {"2019"}, .words = {0}})
          .size(),
      1);
  EXPECT_EQ(CsvDataset(words, {.words = {"red", 1}}).size(), 1);
  EXPECT_ERROR_HERE(CsvDataset(words, {.words = {"green"}}),
                    "CSV: " + words + ": no column 'green'; the header has: red, b");
  EXPECT_EQ(CsvDataset(write("codes.csv", "1,2\n3,4\n"), {.words = {0, 1}}).size(), 2);
}

TEST_F(DataFiles, ColumnsOfWordsAreReadOnes) {
  const std::string path = write("unread.csv", "colour,size,kind\nred,1,b\n");
  EXPECT_ERROR_HERE(
      CsvDataset(path, {.features = {"size"}, .words = {"kind", 0}}),
      "CSV: " + path + ": column 0 (colour) of .words is neither a feature nor a target");
}

TEST_F(DataFiles, PathsThatTheSystemRefusesAreErrors) {
  fs::create_symlink(dir_ / "round", dir_ / "round");
  for (const std::string& name : {std::string(300, 'a'), std::string("round")}) {
    const std::string path = (dir_ / name).string();
    EXPECT_ERROR_HERE(CsvDataset{path}, "CSV: cannot open " + path);
    expect_error([&] { data::read_idx(path); }, {"idx: cannot open " + path});
    for (const auto& [set, text] :
         {std::pair{"MNIST", error_text([&] { data::MNIST(path, false); })},
          std::pair{"CIFAR10", error_text([&] { data::CIFAR10(path, false); })}})
      EXPECT_EQ(text.find(set + (": " + path) + " is not a folder"), 0) << text;
  }
}

TEST_F(DataFiles, MessagesOfCsvHoldNoControlBytes) {
  const std::string path = write("\x1b[31m/a.csv", "a\x1b[1m,b\n1,x\n");
  const std::string shown = "CSV: " + dir_.string() + "/\\x1b[31m/";
  expect_error([&] { CsvDataset{path}; }, {shown + "a.csv:2: column 1 (b) holds 'x'"});
  EXPECT_ERROR_HERE(CsvDataset(path + "\r"), "CSV: cannot open " + shown.substr(5) + "a.csv\\r");
  EXPECT_ERROR_HERE(CsvDataset(path, {.targets = {"\x07"}}),
                    shown + "a.csv: no column '\\x07'; the header has: a\\x1b[1m, b");
}

TEST_F(DataFiles, AMissingValueInTheFirstRowOfCsvDropsNothing) {
  const std::string path = write("hole.csv", "1,,3\n4,5,NA\n");
  expect_error([&] { CsvDataset{path}; }, {"hole.csv:1: column 1 holds ''", "missing_is_nan"});
  const CsvDataset set(path, {.missing_is_nan = true});
  ASSERT_EQ(set.size(), 2);
  const auto [x, y] = set.slice(0);
  EXPECT_EQ(x.data<float>()[0], 1);
  EXPECT_TRUE(std::isnan(x.data<float>()[1]));
  EXPECT_EQ(x.data<float>()[3], 5);
  EXPECT_EQ(y.data<float>()[0], 3);
  EXPECT_TRUE(std::isnan(y.data<float>()[1]));
  for (const char* word : {"nan", "NaN", "N/A", " null", "None", "?"}) {
    const CsvDataset one(write("word.csv", fmt::format("{},1\n2,3\n", word)),
                         {.missing_is_nan = true});
    EXPECT_EQ(one.size(), 2) << word;
  }
  // Names beside a missing one are a header still.
  EXPECT_EQ(CsvDataset(write("index.csv", ",a,b\n0,1,2\n")).size(), 1);
  const std::string mixed = write("mixed.csv", "id,2019,2020\n1,2,3\n");
  expect_error([&] { CsvDataset{mixed}; },
               {"mixed.csv:1: the first line holds numbers ('2019') and words ('id')",
                ".header = true or false"});
  EXPECT_EQ(CsvDataset(mixed, {.header = true}).size(), 1);
}

TEST_F(DataFiles, ANumberOfCsvThatNoF32HoldsIsRefused) {
  expect_error([&] { CsvDataset{write("large.csv", "a,b\n1,2\n3,-1e39\n")}; },
               {"large.csv:3: column 1 (b) holds '-1e39', which is too large for f32"});
  const CsvDataset set(write("edge.csv", "1,3.4028234e38\n"));
  EXPECT_EQ(set.slice(0)[1].data<float>()[0], 3.4028234e38f);
}

TEST_F(DataFiles, CsvOfEveryKind) {
  const auto x = [&](const std::string& text, CsvOptions options = {}) {
    return CsvDataset(write("kind.csv", text), options).slice(0)[0].to_vector<float>();
  };
  using Values = std::vector<float>;
  EXPECT_EQ(x("\xef\xbb\xbf\"a\",b\r\n1,2\r\n3,4\r\n"), (Values{1, 3})) << "BOM, CRLF";
  EXPECT_EQ(x("1,2\r3,4\r"), (Values{1, 3})) << "CR alone";
  EXPECT_EQ(x("a,b,\n1,2,\n3,4,\n"), (Values{1, 3})) << "a separator ends each line";
  EXPECT_EQ(x("1,2,\n3,4,\n"), (Values{1, 3}));
  EXPECT_EQ(x("a,b\n1,2,\n3,4\n"), (Values{1, 3}));
  EXPECT_EQ(x("\"a\nb\",\"c \"\"d\"\"\"\n\"1\", 2\n"), (Values{1})) << "a name of two lines";
  EXPECT_EQ(x("a\tb\n 1 \t+2\n-0x1.8p1\t4\n", {.separator = '\t'}), (Values{1, -3}));
  EXPECT_EQ(x("  1   2 \n 3 4\n", {.separator = ' '}), (Values{1, 3})) << "runs of blanks";
  EXPECT_EQ(x("a;b\n1,5;2\n-2,25e1;3\n", {.separator = ';', .decimal = ','}),
            (Values{1.5f, -22.5f}));
  EXPECT_EQ(x("1e-50,0\n1e-400,0\n"), (Values{0, 0}));
  const Values inf = x("inf,1\n-Infinity,1\n1e39,1\n-1e400,1\n", {.allow_infinite = true});
  EXPECT_EQ(inf, (Values{INFINITY, -INFINITY, INFINITY, -INFINITY}));
  std::string wide;
  for (int c = 0; c < 5000; ++c) wide += std::to_string(c) + ",";
  EXPECT_EQ(x(wide + "7\n").size(), 5000u);
  EXPECT_TRUE(std::isnan(x("\t\t1\n2\t3\t4\n", {.separator = '\t', .missing_is_nan = true})[0]))
      << "a line of separators alone is a row";
}

TEST_F(DataFiles, ErrorsOfCsvSayWhatWouldReadIt) {
  const auto refused = [&](const std::string& text, const std::vector<std::string>& parts,
                           CsvOptions options = {}) {
    const std::string path = write("bad.csv", text);
    expect_error([&] { CsvDataset(path, options); }, parts);
  };
  refused("a;b\n1,5;2\n", {"bad.csv:2: column 0 (a) holds '1,5'", ".decimal = ',' reads it"},
          {.separator = ';'});
  refused("1,inf\n", {"holds 'inf', which is no finite number; .allow_infinite = true reads it"});
  refused("1,1e400\n", {"'1e400', which is too large for f32"});
  refused("a,b\n", {"no rows of data, a header alone"});
  refused(
      "\xff\xfe"
      "1",
      {"is UTF-16; save it as UTF-8"});
  refused("1,2\n3,\x1b[31m\n", {"holds '\\x1b[31m'"});
  refused("1,2\n3,+-4\n", {"'+-4'"});
  refused("\"x\ny\",b\n1,2\n3\n", {"bad.csv:4: 1 fields"});
  refused("1,2\n", {"is separator and decimal point"}, {.decimal = ','});
}

TEST_F(DataFiles, RefusesBrokenCsv) {
  const auto read = [](const std::string& path, CsvOptions options = {}) {
    return [=] { CsvDataset(path, options); };
  };
  expect_error(read((dir_ / "none.csv").string()), {"cannot open", "none.csv"});
  expect_error(read(write("empty.csv", "\n\n")), {"empty.csv", "no rows"});
  expect_error(read(write("names.csv", "a,b\n")), {"names.csv", "no rows"});
  expect_error(read(write("word.csv", "a,b\n1,2\n3,four\n")),
               {"word.csv:3", "column 1 (b) holds 'four'"});
  expect_error(read(write("first.csv", "x,2\n1,2\n"), {.header = false}), {"first.csv:1", "'x'"});
  expect_error(read(write("nan.csv", "1,2\nnan,2\n")), {"nan.csv:2", "'nan'", "no finite number"});
  expect_error(read(write("hole.csv", "1,2\n,2\n")), {"hole.csv:2", "''"});
  expect_error(read(write("ragged.csv", "1,2,3\n1,2,3\n1,2\n")),
               {"ragged.csv:3", "2 fields; the first line has 3"});
  expect_error(read(write("quote.csv", "1,2\n\"3,4\n")), {"quote.csv:2", "quoted"});
  expect_error(read(write("range.csv", "1,2\n"), {.targets = {2}}),
               {"range.csv", "column 2 is out of range"});
  expect_error(read(write("name.csv", "a,b\n1,2\n"), {.targets = {"c"}}),
               {"no column 'c'", "a, b"});
  expect_error(read(write("noname.csv", "1,2\n"), {.targets = {"c"}}), {"has no header"});
  expect_error(read(write("one.csv", "1\n2\n")), {"no column is left for x"});
  expect_error(read(dir_.string()), {"CSV"});
}

}  // namespace
}  // namespace lilith
