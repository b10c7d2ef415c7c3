#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "lilith/tensor.h"

namespace lilith {

/// Rows of one or more columns, read by number: what a Dataset is a handle to. Derive from it to
/// bring data of one's own. Implementations are immutable and may be read from several threads.
class DataSource {
 public:
  virtual ~DataSource();
  /// Number of rows.
  virtual std::int64_t size() const = 0;
  /// Shape and dtype of one row of each column (the batch dimension is not part of it).
  virtual const std::vector<Aval>& columns() const = 0;
  /// Writes rows[0..n) of column c densely to out[c]; a null out[c] skips the column. Rows are in
  /// range.
  virtual void read(const std::int64_t* rows, std::int64_t n, void* const* out) const = 0;
};
using DataSourcePtr = std::shared_ptr<const DataSource>;

namespace data {

/// Rows `rows[0..n)` as tensors [n, row shape...], one for each of the first `columns` columns, in
/// host memory. Error when a row is out of range.
std::vector<Tensor> gather_rows(const DataSource& source, const std::int64_t* rows, std::int64_t n,
                                int columns);
/// The rows `rows` of `source`, in that order. Error when one is out of range.
DataSourcePtr subset(DataSourcePtr source, std::vector<std::int64_t> rows);
/// A random permutation of 0..n-1 that depends on the seed alone (on every machine).
std::vector<std::int64_t> permutation(std::int64_t n, std::uint64_t seed);
/// Shuffles the rows by the seed and cuts them into parts of these sizes, whose sum is the source's
/// size.
std::vector<DataSourcePtr> split(const DataSourcePtr& source,
                                 const std::vector<std::int64_t>& sizes, std::uint64_t seed);
/// Tensors of equal first size as columns. Error when sizes differ or one is 0-d.
DataSourcePtr from_tensors(std::vector<Tensor> columns);
void check_columns(const DataSourcePtr& source, int n);

}  // namespace data

/// Examples of N columns (2: x and y), each row of the same shape and dtype. A cheap handle; copies
/// share the data.
template <int N>
class Dataset {
 public:
  using Batch = std::array<Tensor, N>;
  static constexpr int kColumns = N;

  explicit Dataset(DataSourcePtr source) : source_(std::move(source)) {
    data::check_columns(source_, N);
  }

  std::int64_t size() const { return source_->size(); }
  const DataSourcePtr& source() const { return source_; }
  /// These rows, stacked: one tensor [rows, ...] a column. Error when a row is out of range.
  Batch rows(const std::vector<std::int64_t>& rows) const {
    auto t = data::gather_rows(*source_, rows.data(), static_cast<std::int64_t>(rows.size()), N);
    Batch batch;
    for (int i = 0; i < N; ++i) batch[i] = std::move(t[static_cast<std::size_t>(i)]);
    return batch;
  }
  /// Row i, without a batch dimension. Error when out of range.
  Batch operator[](std::int64_t i) const {
    Batch batch = rows({i});
    for (auto& t : batch) t = t.squeeze(0);
    return batch;
  }
  /// Rows [from, to) as tensors (to: all that follow).
  Batch slice(std::int64_t from, std::int64_t to = INT64_MAX) const {
    std::vector<std::int64_t> r;
    for (std::int64_t i = from; i < std::min(to, size()); ++i) r.push_back(i);
    return rows(r);
  }

 private:
  DataSourcePtr source_;
};

/// Tensors with the same first size, row by row: TensorDataset(x, y). Ref:
/// torch.utils.data.TensorDataset.
template <int N>
class TensorDataset : public Dataset<N> {
 public:
  template <class... T>
    requires(sizeof...(T) == N)
  explicit TensorDataset(const T&... columns)
      : Dataset<N>(data::from_tensors({Tensor(columns)...})) {}
};
template <class... T>
TensorDataset(const T&...) -> TensorDataset<static_cast<int>(sizeof...(T))>;

/// Cuts a dataset at random into parts of these sizes, which sum to its size; the same seed gives
/// the same parts. Ref: torch.utils.data.random_split.
template <int N>
std::vector<Dataset<N>> random_split(const Dataset<N>& dataset,
                                     const std::vector<std::int64_t>& sizes,
                                     std::uint64_t seed = 0) {
  std::vector<Dataset<N>> parts;
  for (auto& source : data::split(dataset.source(), sizes, seed))
    parts.emplace_back(std::move(source));
  return parts;
}

/// A column of a CSV file: by number (from 0; negative from the end) or by its name in the header.
using CsvColumn = std::variant<int, std::string>;

struct CsvOptions {
  /// Whether the first line holds names. Unset: it does when one of its fields is no number.
  std::optional<bool> header = {};
  char separator = ',';
  /// The columns of x; empty: all but the targets.
  std::vector<CsvColumn> features = {};
  /// The columns of y.
  std::vector<CsvColumn> targets = {-1};
};

/// A table of numbers: x f32 [features], y f32 [targets]. Fields may stand in double quotes; blank
/// lines are skipped. Error, with file and line, for a field that is no finite number, a ragged row
/// or an unknown column.
class CsvDataset : public Dataset<2> {
 public:
  explicit CsvDataset(const std::string& path, const CsvOptions& options = {});
};

namespace data {

enum class Split { Train, Test };

/// MNIST (or a data set in its format) from the four idx files in `dir`, gzipped or not: x f32
/// [1,28,28] with pixels in [0,1], y i64. Error when a file is missing, broken, or disagrees with
/// its partner. Ref: LeCun, Cortes, Burges; torchvision.datasets.MNIST.
class MNIST : public Dataset<2> {
 public:
  MNIST(const std::string& dir, Split split);
};

struct DigitsOptions {
  std::int64_t size = 12000;
  std::uint64_t seed = 0;
};

/// Drawn digits that need no download: x f32 [1,28,28] in [0,1], y i64. Strokes with random shape,
/// thickness, affine and elastic distortion. The images depend on the options alone; Train and Test
/// never share one.
class Digits : public Dataset<2> {
 public:
  explicit Digits(Split split, const DigitsOptions& options = {});
};

/// A file in the idx format: element type, sizes, and the elements as stored (big-endian),
/// row-major.
struct IdxFile {
  DType dtype = DType::U8;
  Shape shape;
  std::vector<std::uint8_t> bytes;
};
/// Reads an idx file, gzipped or not. Error with the file and the reason when it is broken.
IdxFile read_idx(const std::string& path);

}  // namespace data

struct DataLoaderOptions {
  std::int64_t batch_size = 1;
  bool shuffle = false;
  /// Of the shuffle; epoch e of a loader with seed s is the same order on every machine.
  std::uint64_t seed = 0;
  /// Leaves out a last batch that is smaller than batch_size.
  bool drop_last = false;
  /// Where the batches are put.
  Device device = {};
};

namespace data {

/// The loop of a DataLoader, without the number of columns in its type.
class BatchStream {
 public:
  BatchStream(DataSourcePtr source, const DataLoaderOptions& options, int columns);
  /// Starts epoch `epoch`, at its batch `first`.
  void start(std::int64_t epoch, std::int64_t first = 0);
  std::int64_t batches() const { return batches_; }
  /// Rows that an epoch visits.
  std::int64_t rows() const;
  bool done() const { return next_ >= batches_; }
  /// The next batch, one tensor a column; the caller checks done().
  std::vector<Tensor> next();

 private:
  DataSourcePtr source_;
  DataLoaderOptions options_;
  int columns_;
  std::int64_t batches_ = 0, next_ = 0;
  std::vector<std::int64_t> order_;
};

}  // namespace data

/// Batches of a dataset: `for (auto [x, y] : DataLoader(train, {.batch_size = 100, .shuffle =
/// true}))`. Each loop over the same loader is the next epoch, in a new order. Error when
/// batch_size < 1. Ref: torch.utils.data.DataLoader.
template <int N>
class DataLoader {
 public:
  using Batch = std::array<Tensor, N>;

  explicit DataLoader(const Dataset<N>& dataset, const DataLoaderOptions& options = {})
      : stream_(dataset.source(), options, N) {}

  /// Batches an epoch.
  std::int64_t size() const { return stream_.batches(); }
  /// The next loop is epoch `epoch` (counted from 0).
  void set_epoch(std::int64_t epoch) { epoch_ = epoch; }

  struct Sentinel {};
  class Iterator {
   public:
    explicit Iterator(data::BatchStream& stream) : stream_(&stream) { load(); }
    Batch& operator*() { return batch_; }
    Iterator& operator++() {
      load();
      return *this;
    }
    bool operator!=(Sentinel) const { return !at_end_; }

   private:
    void load() {
      at_end_ = stream_->done();
      if (at_end_) return;
      auto t = stream_->next();
      for (int i = 0; i < N; ++i) batch_[i] = std::move(t[static_cast<std::size_t>(i)]);
    }
    data::BatchStream* stream_;
    Batch batch_;
    bool at_end_ = false;
  };
  Iterator begin() {
    stream_.start(epoch_++);
    return Iterator(stream_);
  }
  Sentinel end() const { return {}; }

 private:
  data::BatchStream stream_;
  std::int64_t epoch_ = 0;
};

}  // namespace lilith
