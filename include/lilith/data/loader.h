#pragma once
#include <atomic>
#include <cstddef>
#include <iterator>
#include <mutex>

#include "lilith/data/dataset.h"
#include "lilith/data/sampler.h"

namespace lilith {

struct DataLoaderOptions {
  Int batch_size = 1;
  bool shuffle = false;
  /// Of the shuffle; epoch e of a loader with seed s is the same order on every machine. Without
  /// one, each loop draws its own from the process's generator: the orders follow manual_seed, and
  /// a loader that is made anew in every epoch shuffles anew.
  std::optional<std::uint64_t> seed = {};
  /// Leaves out a last batch that is smaller than batch_size.
  bool drop_last = false;
  /// Where the batches are put.
  Device device = {};
  /// Threads that make the next batches meanwhile; 0: each is made when it is asked for. Order,
  /// values and state are the same with any number.
  Int num_workers = 0;
  /// Batches that each of them may be ahead. More than PyTorch's 2: where steps keep all cores
  /// busy, a worker runs some milliseconds late, which short steps would wait for.
  Int prefetch_factor = 4;
  /// Which rows an epoch visits, instead of `shuffle`.
  Sampler sampler = {};
  /// PyTorch's, which change nothing here: copies to a device pass through pinned memory of their
  /// own, and threads cost nothing to start.
  bool pin_memory = false, persistent_workers = false;
};

/// Where a DataLoader stands, for a checkpoint: `loader.state()`, put back by `set_state`.
struct DataLoaderState {
  std::int64_t epoch = 0;  // of the loop that runs, else of the next one
  std::int64_t batch = 0;  // of that loop, the next one; those handed out count as done
  /// Of that epoch's order; none where the next loop draws one.
  std::optional<std::uint64_t> seed = {};
  bool keeps_seed = false;      // the epochs after it have the same seed
  std::int64_t next_epoch = 0;  // of the loop after that one
  // What the loader was made with: another loader goes through other batches.
  std::int64_t rows = 0, batch_size = 0;
  bool shuffle = false, drop_last = false;
  bool operator==(const DataLoaderState&) const = default;
};

namespace data {

/// Threads that make batches ahead of a stream. Copies of the stream have none of them.
class Prefetcher;
class PrefetchHandle {
 public:
  PrefetchHandle() = default;
  PrefetchHandle(const PrefetchHandle&) {}
  PrefetchHandle(PrefetchHandle&&) = default;
  PrefetchHandle& operator=(const PrefetchHandle&) {
    threads.reset();
    return *this;
  }
  PrefetchHandle& operator=(PrefetchHandle&&) = default;
  std::shared_ptr<Prefetcher> threads;
};

/// The batches of an epoch, one after the other. A value: copies go on by themselves.
class BatchStream {
 public:
  BatchStream() = default;
  BatchStream(DataSourcePtr source, const DataLoaderOptions& options, int columns);
  /// Starts epoch `epoch`, at its batch `first`. Shuffled by the options' seed (none: 0).
  void start(std::int64_t epoch, std::int64_t first = 0);
  std::int64_t batches() const { return batches_; }
  /// Rows that an epoch visits.
  std::int64_t rows() const;
  bool done() const { return next_ >= batches_; }
  /// The number of the next batch.
  std::int64_t position() const { return next_; }
  /// The next batch, one tensor a column; the caller checks done().
  std::vector<Tensor> next();
  const DataSourcePtr& source() const { return source_; }
  const DataLoaderOptions& options() const { return options_; }
  void set_seed(std::uint64_t seed) { options_.seed = seed; }
  /// Whether an epoch depends on a seed.
  bool random() const;
  /// Batch k of the epoch, in host memory.
  std::vector<Tensor> batch(std::int64_t k) const;

 private:
  DataSourcePtr source_;
  DataLoaderOptions options_;
  int columns_ = 0;
  std::int64_t batches_ = 0, next_ = 0, epoch_ = 0, visited_ = 0;
  std::shared_ptr<const std::vector<std::int64_t>> order_;  // null: 0, 1, 2 …
  PrefetchHandle prefetch_;
};

/// The loops over one DataLoader: which epoch each of them is, and where they are.
class LoaderEpochs {
 public:
  /// A loop that runs.
  struct Loop {
    std::int64_t epoch = 0;
    std::optional<std::uint64_t> seed;
    std::atomic<std::int64_t> next = 0;
  };
  using LoopPtr = std::shared_ptr<Loop>;

  explicit LoaderEpochs(const BatchStream& stream);
  /// Copies the number of the next epoch, and none of the loops.
  LoaderEpochs(const LoaderEpochs& other);
  LoaderEpochs& operator=(const LoaderEpochs& other);

  /// Starts a loop: a stream at its first batch.
  std::pair<BatchStream, LoopPtr> begin(const BatchStream& stream);
  void set_epoch(std::int64_t epoch);
  DataLoaderState state() const;
  void set_state(const DataLoaderState& state, std::int64_t batches);

 private:
  mutable std::mutex mutex_;  // loops over a const loader may start from several threads
  DataLoaderState made_with_;
  bool random_ = false;
  std::optional<std::uint64_t> seed_;  // of every epoch; none: each draws one
  std::int64_t next_epoch_ = 0;
  std::optional<DataLoaderState> restored_;  // where the next loop goes on
  std::vector<std::weak_ptr<const Loop>> running_;
};

/// A loop that an iterator advances. Copies of the iterator advance none.
class LoopHandle {
 public:
  LoopHandle() = default;
  explicit LoopHandle(LoaderEpochs::LoopPtr loop) : loop_(std::move(loop)) {}
  LoopHandle(const LoopHandle&) {}
  LoopHandle(LoopHandle&&) = default;
  LoopHandle& operator=(const LoopHandle&) {
    loop_.reset();
    return *this;
  }
  LoopHandle& operator=(LoopHandle&&) = default;
  void advance(std::int64_t next) {
    if (loop_) loop_->next = next;
  }

 private:
  LoaderEpochs::LoopPtr loop_;
};

}  // namespace data

/// Batches of a dataset: `for (auto [x, y] : DataLoader(train, {.batch_size = 100, .shuffle =
/// true}))`. Each loop is the next epoch, in a new order, and runs by itself: loops over one loader
/// may be nested, left, or run side by side. Copies of a loader count their own epochs. Error when
/// batch_size < 1. Ref: torch.utils.data.DataLoader; of the state, torchdata's StatefulDataLoader.
template <int N>
class DataLoader {
 public:
  using Batch = std::array<Tensor, N>;

  explicit DataLoader(const data::Dataset<N>& dataset, const DataLoaderOptions& options = {},
                      SourceLocation loc = SourceLocation::current())
      : stream_((static_cast<void>(LocScope(loc, nullptr)),
                 data::BatchStream(dataset.source(), options, N))),
        epochs_(stream_),
        loc_(loc) {}

  /// PyTorch's order: DataLoader(train, 64, true).
  template <detail::AnyNumber B>
  DataLoader(const data::Dataset<N>& dataset, B batch_size, bool shuffle = false,
             SourceLocation loc = SourceLocation::current())
      : DataLoader(dataset, {.batch_size = batch_size, .shuffle = shuffle}, loc) {}
  /// The rest by name: DataLoader(train, 64, {.shuffle = true}).
  template <detail::AnyNumber B>
  DataLoader(const data::Dataset<N>& dataset, B batch_size, const DataLoaderOptions& options,
             SourceLocation loc = SourceLocation::current())
      : DataLoader(dataset,
                   detail::with_first(options, &DataLoaderOptions::batch_size, batch_size,
                                      "batch_size", loc),
                   loc) {}

  /// Batches an epoch.
  std::int64_t size() const { return stream_.batches(); }
  /// The next loop is epoch `epoch` (counted from 0). A shuffled loader without a seed draws one
  /// now and keeps it.
  void set_epoch(std::int64_t epoch) { epochs_.set_epoch(epoch); }
  /// Where the loop stands that runs (of nested ones, the outermost), the batch in hand counted as
  /// done: to be asked for after its step. Between two loops, where the next one starts.
  DataLoaderState state() const { return epochs_.state(); }
  /// The next loop goes on from there, with the same batches in the same order; the loops after it
  /// as they would have. A loader without a seed needs rng_state() restored as well. Error for the
  /// state of another data set, batch_size, shuffle or drop_last.
  void set_state(const DataLoaderState& state, SourceLocation loc = SourceLocation::current()) {
    LocScope scope(loc, nullptr);
    epochs_.set_state(state, size());
  }

  /// An input iterator with a stream of its own; its batch may be moved from. Two are equal at the
  /// end, or where they stand at the same batch.
  class Iterator {
   public:
    using iterator_concept = std::input_iterator_tag;
    using iterator_category = std::input_iterator_tag;
    using value_type = Batch;
    using difference_type = std::ptrdiff_t;
    using pointer = Batch*;
    using reference = Batch&;

    Iterator() = default;
    Iterator(std::pair<data::BatchStream, data::LoaderEpochs::LoopPtr> loop, SourceLocation loc)
        : stream_(std::move(loop.first)), loop_(std::move(loop.second)), loc_(loc) {
      load();
    }
    Batch& operator*() const { return batch_; }
    Batch* operator->() const { return &batch_; }
    Iterator& operator++() {
      load();
      return *this;
    }
    Iterator operator++(int) {
      Iterator before = *this;
      load();
      return before;
    }
    friend bool operator==(const Iterator& a, const Iterator& b) {
      return a.at_end_ == b.at_end_ && (a.at_end_ || a.stream_.position() == b.stream_.position());
    }

   private:
    void load() {
      at_end_ = stream_.done();
      if (at_end_) {
        batch_ = {};
        return;
      }
      const LocScope::Fallback line{Loc(loc_)};
      auto t = stream_.next();
      for (int i = 0; i < N; ++i) batch_[i] = std::move(t[static_cast<std::size_t>(i)]);
      loop_.advance(stream_.position());
    }
    data::BatchStream stream_;
    data::LoopHandle loop_;
    SourceLocation loc_;
    mutable Batch batch_;
    bool at_end_ = true;
  };
  using Sentinel = Iterator;
  Iterator begin() const { return Iterator(epochs_.begin(stream_), loc_); }
  Iterator end() const { return Iterator(); }

 private:
  data::BatchStream stream_;  // never started: what each loop copies
  mutable data::LoaderEpochs epochs_;
  SourceLocation loc_;
};

}  // namespace lilith
