#include "lilith/data/own.h"

#include <algorithm>
#include <cstring>

#include "data/users_function.h"
#include "ir/host_copy.h"
#include "lilith/ops/create.h"
#include "lilith/ops/shape.h"

namespace lilith::data {

namespace {

std::vector<Aval> avals_of(const std::vector<Tensor>& row) {
  std::vector<Aval> out;
  for (const Tensor& t : row) out.push_back({t.shape(), t.dtype(), {}});
  return out;
}

void write_row(const Tensor& t, const Aval& want, std::int64_t i, void* to) {
  LILITH_CHECK(t.shape() == want.shape && t.dtype() == want.dtype,
               "Dataset: row {} is {}; row 0 is {}, and all rows have to be alike", i,
               t.aval().str(), want.str());
  const Tensor host = ir::host_copy(t, "Dataset");
  std::memcpy(to, host.raw_data(), want.bytes());
}

class RowsSource final : public DataSource {
 public:
  RowsSource(std::int64_t size, std::function<std::vector<Tensor>(std::int64_t)> get, int columns)
      : size_(size), get_(std::move(get)) {
    LILITH_CHECK(size_ > 0, "Dataset: size() is {}; need at least one row", size_);
    columns_ = avals_of(of_the_users([&] { return get_(0); }));
    LILITH_CHECK(static_cast<int>(columns_.size()) == columns,
                 "Dataset: get(0) gives {} columns; its type says {}", columns_.size(), columns);
  }
  std::int64_t size() const override { return size_; }
  const std::vector<Aval>& columns() const override { return columns_; }
  bool draws() const override { return true; }
  void read(const std::int64_t* rows, std::int64_t n, void* const* out) const override {
    for (std::int64_t i = 0; i < n; ++i) {
      const std::vector<Tensor> row = get_(rows[i]);
      LILITH_CHECK(row.size() == columns_.size(), "Dataset: row {} has {} columns; row 0 has {}",
                   rows[i], row.size(), columns_.size());
      for (std::size_t c = 0; c < columns_.size(); ++c) {
        if (!out[c]) continue;
        char* to = static_cast<char*>(out[c]) + static_cast<std::size_t>(i) * columns_[c].bytes();
        write_row(row[c], columns_[c], rows[i], to);
      }
    }
  }

 private:
  std::int64_t size_;
  std::function<std::vector<Tensor>(std::int64_t)> get_;
  std::vector<Aval> columns_;
};

class MappedSource final : public DataSource {
 public:
  MappedSource(DataSourcePtr base, int column, std::function<Tensor(const Tensor&)> f)
      : base_(std::move(base)), column_(static_cast<std::size_t>(column)), f_(std::move(f)) {
    LILITH_CHECK(base_->size() > 0, "transformed: the dataset has no row");
    columns_ = base_->columns();
    std::vector<char> bytes(columns_[column_].bytes());
    const std::int64_t first = 0;
    std::vector<void*> out(columns_.size(), nullptr);
    out[column_] = bytes.data();
    base_->read(&first, 1, out.data());
    const Tensor row = of_the_users([&] { return f_(row_at(bytes.data())); });
    columns_[column_] = {row.shape(), row.dtype(), {}};
  }
  std::int64_t size() const override { return base_->size(); }
  const std::vector<Aval>& columns() const override { return columns_; }
  bool draws() const override { return true; }
  void read(const std::int64_t* rows, std::int64_t n, void* const* out) const override {
    if (!out[column_]) return base_->read(rows, n, out);
    const std::size_t from_bytes = base_->columns()[column_].bytes(),
                      to_bytes = columns_[column_].bytes();
    std::vector<char> bytes(from_bytes * static_cast<std::size_t>(n));
    std::vector<void*> inner(out, out + columns_.size());
    inner[column_] = bytes.data();
    base_->read(rows, n, inner.data());
    for (std::int64_t i = 0; i < n; ++i) {
      const auto k = static_cast<std::size_t>(i);
      write_row(f_(row_at(bytes.data() + k * from_bytes)), columns_[column_], rows[i],
                static_cast<char*>(out[column_]) + k * to_bytes);
    }
  }

 private:
  Tensor row_at(const char* bytes) const {
    const Aval& a = base_->columns()[column_];
    return detail::copy_from(bytes, a.shape, a.dtype, {}, {});
  }
  DataSourcePtr base_;
  std::size_t column_;
  std::function<Tensor(const Tensor&)> f_;
  std::vector<Aval> columns_;
};

class ConcatSource final : public DataSource {
 public:
  explicit ConcatSource(std::vector<DataSourcePtr> sources) : sources_(std::move(sources)) {
    LILITH_CHECK(!sources_.empty(), "ConcatDataset: no datasets; need at least one");
    for (std::size_t k = 0; k < sources_.size(); ++k) {
      const auto &first = sources_[0]->columns(), &here = sources_[k]->columns();
      for (std::size_t c = 0; c < first.size(); ++c)
        LILITH_CHECK(here[c].shape == first[c].shape && here[c].dtype == first[c].dtype,
                     "ConcatDataset: column {} of dataset {} is {}, of dataset 0 {}; need the same",
                     c, k, here[c].str(), first[c].str());
      size_ += sources_[k]->size();
      ends_.push_back(size_);
    }
  }
  std::int64_t size() const override { return size_; }
  const std::vector<Aval>& columns() const override { return sources_[0]->columns(); }
  bool draws() const override {
    return std::any_of(sources_.begin(), sources_.end(),
                       [](const DataSourcePtr& s) { return s->draws(); });
  }
  void read(const std::int64_t* rows, std::int64_t n, void* const* out) const override {
    std::vector<void*> at(out, out + columns().size());
    for (std::int64_t i = 0; i < n; ++i) {
      const auto k = static_cast<std::size_t>(
          std::upper_bound(ends_.begin(), ends_.end(), rows[i]) - ends_.begin());
      const std::int64_t row = rows[i] - (k == 0 ? 0 : ends_[k - 1]);
      sources_[k]->read(&row, 1, at.data());
      for (std::size_t c = 0; c < at.size(); ++c)
        if (at[c]) at[c] = static_cast<char*>(at[c]) + columns()[c].bytes();
    }
  }

 private:
  std::vector<DataSourcePtr> sources_;
  std::vector<std::int64_t> ends_;
  std::int64_t size_ = 0;
};

}  // namespace

Tensor scalar_row(double value) { return full({}, value, {.dtype = DType::F32}); }
Tensor scalar_row(std::int64_t value) { return full({}, value, {.dtype = DType::I64}); }

DataSourcePtr from_rows(std::int64_t size, std::function<std::vector<Tensor>(std::int64_t i)> get,
                        int columns) {
  return std::make_shared<RowsSource>(size, std::move(get), columns);
}
DataSourcePtr mapped(DataSourcePtr source, int column, std::function<Tensor(const Tensor& row)> f) {
  return std::make_shared<MappedSource>(std::move(source), column, std::move(f));
}
DataSourcePtr concatenated(std::vector<DataSourcePtr> sources) {
  return std::make_shared<ConcatSource>(std::move(sources));
}

data::Dataset<1> row_numbers(std::int64_t n, SourceLocation loc) {
  LocScope scope(loc, nullptr);
  return data::Dataset<1>(from_tensors({arange(n)}), loc);
}

}  // namespace lilith::data

namespace lilith {

Tensor pad_sequence(const std::vector<Tensor>& sequences, bool batch_first, Real padding_value,
                    SourceLocation loc) {
  LocScope scope(loc);
  LILITH_CHECK(!sequences.empty(), "pad_sequence: no sequences; need at least one");
  std::int64_t longest = 0;
  for (const Tensor& s : sequences) {
    LILITH_CHECK(s.ndim() >= 1 && s.dtype() == sequences[0].dtype(),
                 "pad_sequence: a sequence is {}, the first {}; need [length, ...] of one dtype",
                 s.aval().str(), sequences[0].aval().str());
    longest = std::max(longest, s.size(0));
  }
  std::vector<Tensor> padded;
  for (const Tensor& s : sequences) {
    std::vector<std::int64_t> sides(2 * s.shape().size(), 0);
    sides.back() = longest - s.size(0);
    padded.push_back(sides.back() == 0 ? s : constant_pad_nd(s, sides, padding_value));
  }
  return stack(padded, batch_first ? 0 : 1);
}

}  // namespace lilith
