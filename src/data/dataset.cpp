#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "data/gather.h"
#include "data/random.h"
#include "data/users_function.h"
#include "ir/host_copy.h"
#include "ir/node.h"
#include "lilith/data/dataset.h"
#include "ops/indices.h"
#include "ops/random_key.h"
#include "runtime/storage.h"

namespace lilith {

DataSource::~DataSource() = default;

namespace data {
namespace {

class TensorSource final : public DataSource {
 public:
  explicit TensorSource(std::vector<Tensor> tensors) : tensors_(std::move(tensors)) {
    for (const Tensor& t : tensors_) {
      Aval row = t.aval();
      row.shape.erase(0);
      row.device = {};
      columns_.push_back(row);
      bytes_.push_back(static_cast<const char*>(t.raw_data()));
    }
  }
  std::int64_t size() const override { return tensors_[0].size(0); }
  const std::vector<Aval>& columns() const override { return columns_; }
  void read(const std::int64_t* rows, std::int64_t n, void* const* out) const override {
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      if (!out[c]) continue;
      const std::size_t row_bytes = columns_[c].bytes();
      char* to = static_cast<char*>(out[c]);
      for (std::int64_t i = 0; i < n; ++i, to += row_bytes) {
        std::memcpy(to, bytes_[c] + static_cast<std::size_t>(rows[i]) * row_bytes, row_bytes);
      }
    }
  }

 private:
  std::vector<Tensor> tensors_;
  std::vector<Aval> columns_;
  std::vector<const char*> bytes_;
};

class SubsetSource final : public DataSource {
 public:
  SubsetSource(DataSourcePtr base, std::vector<std::int64_t> rows)
      : base_(std::move(base)), rows_(std::move(rows)) {}
  std::int64_t size() const override { return static_cast<std::int64_t>(rows_.size()); }
  const std::vector<Aval>& columns() const override { return base_->columns(); }
  bool draws() const override { return base_->draws(); }
  void read(const std::int64_t* rows, std::int64_t n, void* const* out) const override {
    std::vector<std::int64_t> mapped(static_cast<std::size_t>(n));
    for (std::size_t i = 0; i < mapped.size(); ++i)
      mapped[i] = rows_[static_cast<std::size_t>(rows[i])];
    base_->read(mapped.data(), n, out);
  }

 private:
  DataSourcePtr base_;
  std::vector<std::int64_t> rows_;
};

void check_rows(const DataSource& source, const std::int64_t* rows, std::int64_t n) {
  const std::int64_t size = source.size();
  for (std::int64_t i = 0; i < n; ++i) {
    LILITH_CHECK(rows[i] >= 0 && rows[i] < size,
                 "Dataset: row {} is out of range; there are {} rows", rows[i], size);
  }
}

std::vector<std::int64_t> rows_of_slice(const Slice& slice, std::int64_t n) {
  LILITH_CHECK(slice.step > 0, "Dataset: a slice's step must be above 0; got {}.",
               slice.step.value);
  const ops::SliceRange range(slice.start, slice.stop, slice.step, n);
  std::vector<std::int64_t> rows;
  for (std::int64_t i = range.from; i < range.to; i += range.step) rows.push_back(i);
  return rows;
}

std::vector<std::int64_t> rows_of_tensor(const Tensor& numbers, std::int64_t n) {
  const bool mask = numbers.dtype() == DType::Bool;
  LILITH_CHECK(numbers.dim() == 1 && (mask || is_integral(numbers.dtype())),
               "Dataset: rows are given by 1-d whole numbers or by a 1-d mask; got {} {}.",
               numbers.dtype(), numbers.shape());
  LILITH_CHECK(!mask || numbers.size(0) == n, "Dataset: a mask of {} for {} rows.", numbers.size(0),
               n);
  std::vector<std::int64_t> rows = numbers.to(DType::I64).to_vector<std::int64_t>();
  if (!mask) {
    for (std::int64_t& row : rows)
      if (row >= -n) row = ops::from_end(row, n);
    return rows;
  }
  std::vector<std::int64_t> kept;
  for (std::int64_t i = 0; i < n; ++i)
    if (rows[static_cast<std::size_t>(i)] != 0) kept.push_back(i);
  return kept;
}

}  // namespace

std::vector<Tensor> gather_unchecked(const DataSource& source, const std::int64_t* rows,
                                     std::int64_t n, int columns) {
  const auto& avals = source.columns();
  std::vector<StoragePtr> storages;
  std::vector<void*> out(avals.size(), nullptr);
  std::vector<Tensor> tensors;
  for (std::size_t c = 0; c < static_cast<std::size_t>(columns); ++c) {
    Aval batch = avals[c];
    batch.shape.insert(0, n);
    storages.push_back(Storage::allocate(batch.bytes()));
    out[c] = storages.back()->data();
    tensors.push_back(ir::make_data(batch, storages.back()));
  }
  // The lines of a source that the user wrote come before the line of the loop.
  of_the_users([&] { source.read(rows, n, out.data()); });
  return tensors;
}

std::vector<Tensor> gather_rows(const DataSource& source, const std::int64_t* rows, std::int64_t n,
                                int columns) {
  LILITH_CHECK(columns >= 1 && static_cast<std::size_t>(columns) <= source.columns().size(),
               "Dataset: {} columns asked for; there are {}", columns, source.columns().size());
  check_rows(source, rows, n);
  return gather_unchecked(source, rows, n, columns);
}

std::vector<std::int64_t> rows_at(const At& at, std::int64_t n) {
  const LocScope scope(at.loc, nullptr);
  const TensorIndex& item = at.item;
  if (item.kind == TensorIndex::Kind::Slice) return rows_of_slice(item.slice, n);
  LILITH_CHECK(item.kind == TensorIndex::Kind::Tensor,
               "Dataset: got {}; rows are given by a number, a Slice, whole numbers or a mask.",
               item.kind == TensorIndex::Kind::None ? "None" : "...");
  return rows_of_tensor(item.tensor, n);
}

DataSourcePtr subset(DataSourcePtr source, std::vector<std::int64_t> rows) {
  check_rows(*source, rows.data(), static_cast<std::int64_t>(rows.size()));
  return std::make_shared<SubsetSource>(std::move(source), std::move(rows));
}

std::vector<std::int64_t> permutation(std::int64_t n, std::uint64_t seed) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  HostRandom random(seed, 0x5eed);
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  return order;
}

std::uint64_t draw_seed(const std::optional<RandomGenerator>& generator) {
  return static_cast<std::uint64_t>(ops::take_host_key(generator));
}

std::vector<std::int64_t> sizes_of_parts(std::int64_t n, const std::vector<double>& parts) {
  std::vector<std::int64_t> sizes;
  double sum = 0;
  std::int64_t left = n;
  for (const double part : parts) {
    LILITH_CHECK(part >= 0 && part <= 1, "random_split: a part is {}; need numbers in [0, 1]",
                 part);
    sum += part;
    sizes.push_back(static_cast<std::int64_t>(std::floor(static_cast<double>(n) * part)));
    left -= sizes.back();
  }
  LILITH_CHECK(std::abs(sum - 1) < 1e-6,
               "random_split: the parts add up to {}; need 1, or sizes that add up to {}", sum, n);
  for (std::size_t k = 0; left > 0; ++k, --left) ++sizes[k % sizes.size()];
  return sizes;
}

std::vector<DataSourcePtr> split(const DataSourcePtr& source,
                                 const std::vector<std::int64_t>& sizes, std::uint64_t seed) {
  std::int64_t sum = 0;
  for (std::int64_t s : sizes) {
    LILITH_CHECK(s >= 0, "random_split: a part of {} rows; sizes are not negative", s);
    sum += s;
  }
  LILITH_CHECK(sum == source->size(), "random_split: the parts sum to {} rows; the dataset has {}",
               sum, source->size());
  const auto order = permutation(sum, seed);
  std::vector<DataSourcePtr> parts;
  auto from = order.begin();
  for (std::int64_t s : sizes) {
    parts.push_back(
        std::make_shared<SubsetSource>(source, std::vector<std::int64_t>(from, from + s)));
    from += s;
  }
  return parts;
}

DataSourcePtr from_tensors(std::vector<Tensor> columns) {
  LILITH_CHECK(!columns.empty(), "TensorDataset: no tensors; need at least one");
  for (std::size_t i = 0; i < columns.size(); ++i) {
    LILITH_CHECK(columns[i].ndim() >= 1,
                 "TensorDataset: tensor {} is a scalar; rows need a first dimension", i);
    LILITH_CHECK(columns[i].size(0) == columns[0].size(0),
                 "TensorDataset: tensor 0 is {}, tensor {} is {}; the first sizes must agree",
                 columns[0].aval().str(), i, columns[i].aval().str());
    columns[i] = ir::host_copy(columns[i], "TensorDataset");
  }
  return std::make_shared<TensorSource>(std::move(columns));
}

void check_columns(const DataSourcePtr& source, int n) {
  LILITH_CHECK(source != nullptr, "Dataset: no source");
  LILITH_CHECK(static_cast<std::size_t>(n) == source->columns().size(),
               "Dataset: the source has {} columns; the type says {}", source->columns().size(), n);
}

}  // namespace data
}  // namespace lilith
