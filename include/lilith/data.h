#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "lilith/data/dataset.h"
#include "lilith/data/image.h"
#include "lilith/data/loader.h"
#include "lilith/data/more_transforms.h"
#include "lilith/data/own.h"
#include "lilith/data/text.h"
#include "lilith/data/transforms.h"

namespace lilith {

/// A column of a CSV file: by number (from 0; negative from the end) or by its name in the header.
using CsvColumn = std::variant<int, std::string>;

struct CsvOptions {
  /// Whether the first line holds names. Unset: it does where it holds a name of `features`,
  /// `targets` or `words`, and else when none of its fields is a number and it is no row with
  /// missing values; a line that holds numbers and words is an Error. Columns of `words`, given by
  /// number, do not count there; a line whose only words are in them is an Error.
  std::optional<bool> header = {};
  char separator = ',';
  /// The columns of x; empty: all but the targets.
  std::vector<CsvColumn> features = {};
  /// The columns of y.
  std::vector<CsvColumn> targets = {-1};
  /// Reads a missing value (an empty field, "NA", "N/A", "nan", "null", "none", "?") as NaN instead
  /// of refusing it. Ref: pandas.read_csv.
  bool missing_is_nan = false;
  /// Reads "inf", and numbers that no f32 holds, as infinities instead of refusing them.
  bool allow_infinite = false;
  /// What stands before the decimals: '.' or ','.
  char decimal = '.';
  /// The columns that hold words: a value is its word's number among those of the column, which are
  /// in the order of their bytes. A missing one is NaN with missing_is_nan. Ref: the codes of
  /// pandas' categories. Error for a column that is neither a feature nor a target.
  std::vector<CsvColumn> words = {};
};

/// A table of numbers, and of words as numbers: x f32 [features], y f32 [targets]. Fields may stand
/// in double quotes, which may hold separators and ends of lines; blank lines, a separator at the
/// end of lines and a byte order mark are passed over; with ' ' as separator several blanks count
/// as one. Numbers are decimal or hexadecimal as in C. Error, with file and line, for a field that
/// is no finite number or too large for f32, a ragged row or an unknown column. Ref: RFC 4180;
/// pandas.read_csv.
class CsvDataset : public data::Dataset<2> {
 public:
  explicit CsvDataset(const std::string& path, const CsvOptions& options = {},
                      SourceLocation loc = SourceLocation::current());
  /// The words of a column of CsvOptions::words: the i-th is the value i. Error for another column.
  const std::vector<std::string>& words(const CsvColumn& column,
                                        SourceLocation loc = SourceLocation::current()) const;

 private:
  struct Table;
  explicit CsvDataset(Table table, SourceLocation loc);
  std::shared_ptr<const Table> table_;
};

namespace data {

enum class Split { Train, Test };
/// PyTorch's arguments: MNIST("data", true), MNIST("data", {.train = false}). Nothing is
/// downloaded: the files have to be there.
struct Part {
  Part(Split split) : split(split) {}
  template <std::same_as<bool> B>
  Part(B train) : split(train ? Split::Train : Split::Test) {}
  Split split;
};
struct DatasetKeywords {
  detail::Named named = {};
  bool train = true;
  bool download = false;  // changes nothing
};

/// MNIST (or a data set in its format) from the four idx files in `dir`, gzipped or not: x f32
/// [1,28,28] with pixels in [0,1], y i64. The folder may be torchvision's root, too, with the files
/// in MNIST/raw. Error when a file is missing, broken, or disagrees with its partner. Ref: LeCun,
/// Cortes, Burges; torchvision.datasets.MNIST.
class MNIST : public data::Dataset<2> {
 public:
  explicit MNIST(const std::string& dir, Part part = Split::Train,
                 SourceLocation loc = SourceLocation::current());
  MNIST(const std::string& dir, const DatasetKeywords& k,
        SourceLocation loc = SourceLocation::current())
      : MNIST(dir, k.train ? Split::Train : Split::Test, loc) {}

 protected:
  /// `set`: its name in errors, and of the folder in torchvision's root.
  MNIST(const char* set, const std::string& dir, Split split, SourceLocation loc);
};

/// Clothes in MNIST's format. Ref: Xiao et al., arXiv:1708.07747;
/// torchvision.datasets.FashionMNIST.
class FashionMNIST : public MNIST {
 public:
  explicit FashionMNIST(const std::string& dir, Part part = Split::Train,
                        SourceLocation loc = SourceLocation::current())
      : MNIST("FashionMNIST", dir, part.split, loc) {}
  FashionMNIST(const std::string& dir, const DatasetKeywords& k,
               SourceLocation loc = SourceLocation::current())
      : FashionMNIST(dir, k.train ? Split::Train : Split::Test, loc) {}
};

/// Japanese letters in MNIST's format. Ref: Clanuwat et al., arXiv:1812.01718;
/// torchvision.datasets.KMNIST.
class KMNIST : public MNIST {
 public:
  explicit KMNIST(const std::string& dir, Part part = Split::Train,
                  SourceLocation loc = SourceLocation::current())
      : MNIST("KMNIST", dir, part.split, loc) {}
  KMNIST(const std::string& dir, const DatasetKeywords& k,
         SourceLocation loc = SourceLocation::current())
      : KMNIST(dir, k.train ? Split::Train : Split::Test, loc) {}
};

/// 32 x 32 photographs of 10 classes from the binary version's data_batch_1.bin … and
/// test_batch.bin in `dir`, or from the version for Python (data_batch_1 …), which torchvision has
/// in `dir`/cifar-10-batches-py: x f32 [3,32,32] with pixels in [0,1], y i64. Error when a file is
/// missing or broken. Ref: Krizhevsky 2009; torchvision.datasets.CIFAR10.
class CIFAR10 : public data::Dataset<2> {
 public:
  explicit CIFAR10(const std::string& dir, Part part = Split::Train,
                   SourceLocation loc = SourceLocation::current());
  CIFAR10(const std::string& dir, const DatasetKeywords& k,
          SourceLocation loc = SourceLocation::current())
      : CIFAR10(dir, k.train ? Split::Train : Split::Test, loc) {}
};
/// The same of 100 classes (the fine ones), from train.bin and test.bin, or train and test. Ref:
/// torchvision.datasets.CIFAR100.
class CIFAR100 : public data::Dataset<2> {
 public:
  explicit CIFAR100(const std::string& dir, Part part = Split::Train,
                    SourceLocation loc = SourceLocation::current());
  CIFAR100(const std::string& dir, const DatasetKeywords& k,
           SourceLocation loc = SourceLocation::current())
      : CIFAR100(dir, k.train ? Split::Train : Split::Test, loc) {}
};

struct DigitsOptions {
  std::int64_t size = 12000;
  std::uint64_t seed = 0;
};

/// Drawn digits that need no download: x f32 [1,28,28] in [0,1], y i64. Strokes with random shape,
/// thickness, affine and elastic distortion. The images depend on the options alone; Train and Test
/// never share one.
class Digits : public data::Dataset<2> {
 public:
  explicit Digits(Split split, const DigitsOptions& options = {},
                  SourceLocation loc = SourceLocation::current());
};

/// A file in the idx format: element type, sizes, and the elements as stored (big-endian),
/// row-major.
struct IdxFile {
  DType dtype = DType::U8;
  Shape shape;
  std::vector<std::uint8_t> bytes;
};
/// Reads an idx file, gzipped or not. Error with the file and the reason when it is broken.
IdxFile read_idx(const std::string& path, SourceLocation loc = SourceLocation::current());

}  // namespace data

}  // namespace lilith
