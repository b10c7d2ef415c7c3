#pragma once
#include <array>
#include <concepts>
#include <cstring>
#include <functional>
#include <tuple>
#include <utility>

#include "lilith/data/dataset.h"
#include "lilith/data/loader.h"

namespace lilith {

namespace data {

/// A number as a column's row: f32 [] or i64 [].
Tensor scalar_row(double value);
Tensor scalar_row(std::int64_t value);

/// What get(i) gives: a tensor, an array of them, or a pair or tuple of tensors and numbers.
template <class T>
std::vector<Tensor> columns_of(const T& row) {
  if constexpr (std::is_convertible_v<const T&, Tensor>) {
    return {Tensor(row)};
  } else if constexpr (std::is_floating_point_v<T>) {
    return {scalar_row(static_cast<double>(row))};
  } else if constexpr (std::is_integral_v<T>) {
    return {scalar_row(static_cast<std::int64_t>(row))};
  } else if constexpr (requires { std::tuple_size<T>::value; }) {
    return std::apply(
        [](const auto&... e) {
          std::vector<Tensor> out;
          (out.push_back(columns_of(e).at(0)), ...);
          return out;
        },
        row);
  } else {
    return {row.begin(), row.end()};
  }
}
/// How many columns that is.
template <class T>
constexpr int num_columns() {
  if constexpr (std::is_convertible_v<const T&, Tensor> || std::is_arithmetic_v<T>)
    return 1;
  else
    return static_cast<int>(std::tuple_size_v<T>);
}
/// Rows that `get` makes, of what row 0 has. Error where one has other shapes or dtypes.
DataSourcePtr from_rows(std::int64_t size, std::function<std::vector<Tensor>(std::int64_t i)> get,
                        int columns);
/// Rows of one column changed by f as they are read.
DataSourcePtr mapped(DataSourcePtr source, int column, std::function<Tensor(const Tensor& row)> f);
/// The numbers 0 … n - 1 as rows: i64 [].
data::Dataset<1> row_numbers(std::int64_t n, SourceLocation loc);
/// The rows of several, one after the other. Error where their columns differ.
DataSourcePtr concatenated(std::vector<DataSourcePtr> sources);

}  // namespace data

/// A type of one's own with `size()` and `get(i)`, which gives row i: a Tensor, a std::pair or
/// std::tuple of tensors and numbers, or a std::array of tensors.
template <class T>
concept RowSource = requires(const T& t, std::int64_t i) {
  { t.size() } -> std::convertible_to<std::int64_t>;
  t.get(i);
};

/// A dataset of one's own: `OwnDataset(Squares{})` for a struct with size() and get(i), which is
/// moved in where it may be. All rows have the shapes and dtypes of row 0. get may be called from
/// other threads. Errors: no row; where it is read, a row of another shape or dtype. Ref:
/// torch.utils.data.Dataset.
template <RowSource T>
class OwnDataset
    : public data::Dataset<data::num_columns<decltype(std::declval<const T&>().get(0))>()> {
  using Row = decltype(std::declval<const T&>().get(0));
  static constexpr int kColumns = data::num_columns<Row>();

 public:
  explicit OwnDataset(T rows, SourceLocation loc = SourceLocation::current())
      : data::Dataset<kColumns>(data::rows_of(std::move(rows), loc), loc) {}
};
namespace data {
template <class T>
DataSourcePtr rows_of(T rows, SourceLocation loc) {
  LocScope scope(loc, nullptr);
  auto held = std::make_shared<const T>(std::move(rows));
  return from_rows(
      held->size(), [held](std::int64_t i) { return columns_of(held->get(i)); },
      num_columns<decltype(held->get(0))>());
}
template <class T>
struct RowColumns {};
template <RowSource T>
struct RowColumns<T> {
  static constexpr int value = num_columns<decltype(std::declval<const T&>().get(0))>();
};
}  // namespace data
template <RowSource T>
DataLoader(const T&) -> DataLoader<data::RowColumns<T>::value>;
template <RowSource T>
DataLoader(const T&, const DataLoaderOptions&) -> DataLoader<data::RowColumns<T>::value>;
template <RowSource T, detail::AnyNumber B>
DataLoader(const T&, B, bool = false) -> DataLoader<data::RowColumns<T>::value>;
template <RowSource T, detail::AnyNumber B>
DataLoader(const T&, B, const DataLoaderOptions&) -> DataLoader<data::RowColumns<T>::value>;

/// The rows `indices` of a dataset, in that order. Errors: one out of range. Ref:
/// torch.utils.data.Subset.
template <int N>
class Subset : public data::Dataset<N> {
 public:
  Subset(const data::Dataset<N>& dataset, std::vector<std::int64_t> indices,
         SourceLocation loc = SourceLocation::current())
      : data::Dataset<N>((static_cast<void>(LocScope(loc, nullptr)),
                          data::subset(dataset.source(), std::move(indices))),
                         loc) {}
  template <std::derived_from<Tensor> T>
  Subset(const data::Dataset<N>& dataset, const T& indices,
         SourceLocation loc = SourceLocation::current())
      : Subset(dataset, indices.to(kInt64, loc).template to_vector<std::int64_t>(loc), loc) {}
};

/// The rows of several datasets, one after the other. Errors: other columns, none. Ref:
/// torch.utils.data.ConcatDataset.
template <int N>
class ConcatDataset : public data::Dataset<N> {
 public:
  ConcatDataset(const std::vector<data::Dataset<N>>& datasets,
                SourceLocation loc = SourceLocation::current())
      : data::Dataset<N>((static_cast<void>(LocScope(loc, nullptr)), joined(datasets)), loc) {}

 private:
  static DataSourcePtr joined(const std::vector<data::Dataset<N>>& datasets) {
    std::vector<DataSourcePtr> sources;
    for (const data::Dataset<N>& d : datasets) sources.push_back(d.source());
    return data::concatenated(std::move(sources));
  }
};
template <int N>
ConcatDataset(const std::vector<data::Dataset<N>>&) -> ConcatDataset<N>;
template <class D, std::size_t K>
ConcatDataset(const D (&)[K]) -> ConcatDataset<D::kColumns>;
/// a, then b: PyTorch's a + b.
template <int N>
ConcatDataset<N> operator+(const data::Dataset<N>& a, const data::Dataset<N>& b) {
  return ConcatDataset<N>(std::vector<data::Dataset<N>>{a, b});
}

/// A dataset whose column 0 is changed by f as it is read: `transformed(images, [](Tensor x) {
/// return x * 2 - 1; })`. f is given a row and may draw from the process's generator.
template <int N, class F>
data::Dataset<N> transformed(const data::Dataset<N>& dataset, F f,
                             SourceLocation loc = SourceLocation::current()) {
  LocScope scope(loc, nullptr);
  return data::Dataset<N>(
      data::mapped(dataset.source(), 0,
                   [f = std::move(f)](const Tensor& row) { return Tensor(f(row)); }),
      loc);
}

/// Sequences [length, ...] of different lengths as one tensor [longest, N, ...], or with
/// batch_first [N, longest, ...]; padding_value after their ends. Errors: none, other sizes or
/// dtypes. Ref: torch.nn.utils.rnn.pad_sequence.
Tensor pad_sequence(const std::vector<Tensor>& sequences, bool batch_first = false,
                    Real padding_value = 0, SourceLocation loc = SourceLocation::current());

struct PadSequenceKeywords {
  detail::Named named = {};
  bool batch_first = false;
  Real padding_value = 0;
};
inline Tensor pad_sequence(const std::vector<Tensor>& sequences, const PadSequenceKeywords& k,
                           SourceLocation loc = SourceLocation::current()) {
  return pad_sequence(sequences, k.batch_first, k.padding_value, loc);
}

/// Batches of rows that are made one by collate: `CollateLoader(Names{}, {.batch_size = 8},
/// [](const std::vector<Tensor>& rows) { return pad_sequence(rows); })`. Rows may be of any shapes
/// and types: what get(i) of a struct with size() and get(i) gives. Order and state are those of a
/// DataLoader of row numbers, which `numbers()` is: save_checkpoint(path, net, loader.numbers()).
/// Ref: torch.utils.data.DataLoader's collate_fn.
template <RowSource T, class F>
class CollateLoader {
 public:
  using Row = std::remove_cvref_t<decltype(std::declval<const T&>().get(0))>;

  CollateLoader(T rows, const DataLoaderOptions& options, F collate,
                SourceLocation loc = SourceLocation::current())
      : rows_(std::make_shared<const T>(std::move(rows))),
        collate_(std::move(collate)),
        numbers_(data::row_numbers(rows_->size(), loc), options, loc) {}

  /// Batches an epoch.
  std::int64_t size() const { return numbers_.size(); }
  DataLoader<1>& numbers() { return numbers_; }

  class Iterator {
   public:
    Iterator(DataLoader<1>::Iterator at, const CollateLoader& of) : at_(std::move(at)), of_(&of) {}
    auto operator*() const {
      std::vector<Row> rows;
      for (const auto i : (*at_)[0].template to_vector<std::int64_t>())
        rows.push_back(of_->rows_->get(i));
      return of_->collate_(rows);
    }
    Iterator& operator++() {
      ++at_;
      return *this;
    }
    friend bool operator==(const Iterator& a, const Iterator& b) { return a.at_ == b.at_; }

   private:
    DataLoader<1>::Iterator at_;
    const CollateLoader* of_;
  };
  Iterator begin() const { return {numbers_.begin(), *this}; }
  Iterator end() const { return {numbers_.end(), *this}; }

 private:
  std::shared_ptr<const T> rows_;
  F collate_;
  DataLoader<1> numbers_;
};

}  // namespace lilith
