#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "lilith/tensor.h"
#include "lilith/tensor_index.h"

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
  /// Whether reading draws random numbers: a loader then gives each batch a generator of its own.
  virtual bool draws() const { return false; }
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
/// A seed from the generator (none: the process's, which manual_seed sets), which advances.
std::uint64_t draw_seed(const std::optional<RandomGenerator>& generator = {});
/// Sizes in these parts of n rows: each rounded down, and what is left one a part from the first
/// on. Error: below 0, or another sum than 1.
std::vector<std::int64_t> sizes_of_parts(std::int64_t n, const std::vector<double>& parts);
/// Shuffles the rows by the seed and cuts them into parts of these sizes, whose sum is the source's
/// size.
std::vector<DataSourcePtr> split(const DataSourcePtr& source,
                                 const std::vector<std::int64_t>& sizes, std::uint64_t seed);
/// The numbers of these rows of n: of a slice, whose ends may be negative, and of whole numbers or
/// a mask, 1-d. Errors: a step below 1; a tensor of another shape or dtype, a mask of another size;
/// None and "...".
std::vector<std::int64_t> rows_at(const At& at, std::int64_t n);
/// Tensors of equal first size as columns. Error when sizes differ or one is 0-d.
DataSourcePtr from_tensors(std::vector<Tensor> columns);
/// Error when the source is null or has another number of columns.
void check_columns(const DataSourcePtr& source, int n);

/// lilith/data/own.h
template <class T>
DataSourcePtr rows_of(T rows, SourceLocation loc);

/// A tensor that becomes a column, with the user's line.
struct Column {
  template <class T>
    requires std::is_constructible_v<Tensor, const T&>
  Column(const T& t, SourceLocation loc = SourceLocation::current()) : tensor(t), loc(loc) {}
  Tensor tensor;
  SourceLocation loc;
};

/// Examples of N columns (2: x and y), each row of the same shape and dtype. A cheap handle; copies
/// share the data.
template <int N>
class Dataset {
 public:
  using Batch = std::array<Tensor, N>;
  static constexpr int kColumns = N;

  /// Of a struct of one's own with size() and get(i): see OwnDataset.
  template <class T>
    requires requires(const T& t, std::int64_t i) {
      t.size();
      t.get(i);
    }
  Dataset(T rows, SourceLocation loc = SourceLocation::current())
      : Dataset(data::rows_of(std::move(rows), loc), loc) {}
  /// Error when the source has another number of columns.
  explicit Dataset(DataSourcePtr source, SourceLocation loc = SourceLocation::current())
      : source_(std::move(source)) {
    LocScope scope(loc, nullptr);
    check_columns(source_, N);
  }

  std::int64_t size() const { return source_->size(); }
  const DataSourcePtr& source() const { return source_; }
  /// These rows, stacked: one tensor [rows, ...] a column. Error when a row is out of range.
  Batch rows(const std::vector<std::int64_t>& rows,
             SourceLocation loc = SourceLocation::current()) const {
    LocScope scope(loc, nullptr);
    auto t = gather_rows(*source_, rows.data(), static_cast<std::int64_t>(rows.size()), N);
    Batch batch;
    for (int i = 0; i < N; ++i) batch[i] = std::move(t[static_cast<std::size_t>(i)]);
    return batch;
  }
  /// Row i, without a batch dimension. Error when out of range.
  Batch operator[](Index row) const {
    LocScope scope(row.loc, nullptr);
    Batch batch = rows({row.value}, row.loc);
    for (auto& t : batch) t = t.squeeze(0);
    return batch;
  }
  /// d[Slice(10, 20)], d[Slice()] for all, d[tensor({0, 2})], d[mask]: these rows, stacked. Error
  /// when one is out of range.
  Batch operator[](const At& at) const { return rows(rows_at(at, size()), at.loc); }
  /// Rows [from, to) as tensors (to: all that follow). Error for a negative `from`.
  Batch slice(std::int64_t from, std::int64_t to = INT64_MAX,
              SourceLocation loc = SourceLocation::current()) const {
    std::vector<std::int64_t> r;
    for (std::int64_t i = from; i < std::min(to, size()); ++i) r.push_back(i);
    return rows(r, loc);
  }

 private:
  DataSourcePtr source_;
};

}  // namespace data

/// Tensors with the same first size, row by row: TensorDataset(x, y). Error when the first sizes
/// differ or a tensor is 0-d. Ref: torch.utils.data.TensorDataset.
template <int N>
class TensorDataset : public data::Dataset<N> {
 public:
  template <class... T>
    requires(sizeof...(T) == N - 1)
  explicit TensorDataset(const data::Column& first, const T&... others)
      : data::Dataset<N>((static_cast<void>(LocScope(first.loc, nullptr)),
                          data::from_tensors({first.tensor, Tensor(others)...})),
                         first.loc) {}
};
template <class... T>
TensorDataset(const T&...) -> TensorDataset<static_cast<int>(sizeof...(T))>;

/// Cuts a dataset at random into parts of these sizes, which sum to its size; the same seed gives
/// the same parts. Without one it is drawn from the process's generator: the parts follow
/// manual_seed. Ref: torch.utils.data.random_split.
template <int N>
std::vector<data::Dataset<N>> random_split(const data::Dataset<N>& dataset,
                                           const std::vector<std::int64_t>& sizes,
                                           std::optional<std::uint64_t> seed = {},
                                           SourceLocation loc = SourceLocation::current()) {
  LocScope scope(loc, nullptr);
  std::vector<data::Dataset<N>> parts;
  for (auto& source : data::split(dataset.source(), sizes, seed ? *seed : data::draw_seed()))
    parts.emplace_back(std::move(source));
  return parts;
}
struct SplitKeywords {
  detail::Named named = {};
  std::optional<RandomGenerator> generator = {};
};
/// The same of sizes or of parts in braces, whose results are structured bindings:
/// auto [train, test] = random_split(data, {0.8, 0.2}).
template <int N, class T, std::size_t K>
  requires std::is_arithmetic_v<detail::Plain<T>>
detail::Several<data::Dataset<N>, K> random_split(const data::Dataset<N>& dataset,
                                                  const T (&sizes)[K],
                                                  std::optional<std::uint64_t> seed = {},
                                                  SourceLocation loc = SourceLocation::current()) {
  LocScope scope(loc, nullptr);
  std::vector<std::int64_t> counts;
  if constexpr (std::is_floating_point_v<T>)
    counts = data::sizes_of_parts(dataset.size(), std::vector<double>(sizes, sizes + K));
  else
    counts.assign(sizes, sizes + K);
  return {random_split(dataset, counts, seed, loc), "random_split", loc};
}
template <int N, class T, std::size_t K>
detail::Several<data::Dataset<N>, K> random_split(const data::Dataset<N>& dataset,
                                                  const T (&sizes)[K],
                                                  const RandomGenerator& generator,
                                                  SourceLocation loc = SourceLocation::current()) {
  return random_split(dataset, sizes, data::draw_seed(generator), loc);
}
template <int N, class T, std::size_t K>
detail::Several<data::Dataset<N>, K> random_split(const data::Dataset<N>& dataset,
                                                  const T (&sizes)[K], const SplitKeywords& k,
                                                  SourceLocation loc = SourceLocation::current()) {
  return random_split(dataset, sizes, data::draw_seed(k.generator), loc);
}

}  // namespace lilith
