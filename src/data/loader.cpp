#include "lilith/data/loader.h"

#include <algorithm>
#include <numeric>

#include "core/device_kinds.h"
#include "data/gather.h"
#include "data/prefetch.h"
#include "data/random.h"
#include "ir/one_device.h"
#include "lilith/generator.h"
#include "ops/random_key.h"
#include "runtime/fork.h"

namespace lilith::data {

BatchStream::BatchStream(DataSourcePtr source, const DataLoaderOptions& options, int columns)
    : source_(std::move(source)), options_(options), columns_(columns) {
  LILITH_CHECK(options.batch_size >= 1, "DataLoader: batch_size is {}; need at least 1",
               options.batch_size);
  check_device("DataLoader", options.device);
  LILITH_CHECK(options.num_workers >= 0 && options.prefetch_factor >= 1,
               "DataLoader: num_workers is {}, prefetch_factor {}; need 0 and 1 at least",
               options.num_workers, options.prefetch_factor);
  LILITH_CHECK(!options.shuffle || !options.sampler,
               "DataLoader: shuffle and a sampler; need one of them");
  LILITH_CHECK(options.sampler || options.sampler.size == 0,
               "DataLoader: the sampler has {} rows and no order; need one", options.sampler.size);
  const std::int64_t n = options.sampler ? options.sampler.size : source_->size();
  visited_ = n;
  batches_ = n / options.batch_size + (!options.drop_last && n % options.batch_size != 0);
  next_ = batches_;
}

void BatchStream::start(std::int64_t epoch, std::int64_t first) {
  prefetch_ = {};
  epoch_ = epoch;
  if (options_.sampler) {
    auto order = options_.sampler.order(options_.seed.value_or(0), epoch);
    LILITH_CHECK(static_cast<std::int64_t>(order.size()) == visited_,
                 "DataLoader: the sampler gave {} rows; its size is {}", order.size(), visited_);
    for (const std::int64_t row : order)
      LILITH_CHECK(row >= 0 && row < source_->size(),
                   "DataLoader: the sampler gave row {}; there are {} rows", row, source_->size());
    order_ = std::make_shared<const std::vector<std::int64_t>>(std::move(order));
  } else if (options_.shuffle) {
    HostRandom mix(options_.seed.value_or(0), static_cast<std::uint64_t>(epoch));
    order_ =
        std::make_shared<const std::vector<std::int64_t>>(permutation(source_->size(), mix.next()));
  }
  next_ = first;
}

std::int64_t BatchStream::rows() const {
  return options_.drop_last ? batches_ * options_.batch_size : visited_;
}

bool BatchStream::random() const {
  return options_.shuffle || options_.sampler.random || source_->draws();
}

std::vector<Tensor> BatchStream::batch(std::int64_t k) const {
  // What a batch draws depends on the epoch's seed and its number alone: not on who makes it.
  std::optional<RandomGenerator> own;
  if (source_->draws()) {
    HostRandom mix(options_.seed.value_or(0), static_cast<std::uint64_t>(epoch_));
    own.emplace(mix.next() + static_cast<std::uint64_t>(k));
  }
  const ops::GeneratorScope drawing(own);
  const std::int64_t from = k * options_.batch_size;
  const std::int64_t n = std::min<std::int64_t>(options_.batch_size, visited_ - from);
  std::vector<std::int64_t> in_order;
  const std::int64_t* rows = nullptr;
  if (order_) {
    rows = order_->data() + from;
  } else {
    in_order.resize(static_cast<std::size_t>(n));
    std::iota(in_order.begin(), in_order.end(), from);
    rows = in_order.data();
  }
  return gather_unchecked(*source_, rows, n, columns_);
}

std::vector<Tensor> BatchStream::next() {
  if (options_.num_workers > 0 && !prefetch_.threads)
    prefetch_.threads = std::make_shared<Prefetcher>(*this);
  const auto take = [&] {
    if (!prefetch_.threads) return batch(next_);
    try {
      return prefetch_.threads->take(next_);
    } catch (...) {
      prefetch_ = {};  // a batch that failed may be asked for again
      throw;
    }
  };
  auto tensors = take();
  ++next_;
  for (Tensor& t : tensors) t = ir::on_device(t, options_.device);
  return tensors;
}

LoaderEpochs::LoaderEpochs(const BatchStream& stream) : seed_(stream.options().seed) {
  const DataLoaderOptions& o = stream.options();
  random_ = stream.random();
  made_with_.rows = o.sampler ? o.sampler.size : stream.source()->size();
  made_with_.batch_size = o.batch_size;
  made_with_.shuffle = o.shuffle;
  made_with_.drop_last = o.drop_last;
}

LoaderEpochs::LoaderEpochs(const LoaderEpochs& other) { *this = other; }

LoaderEpochs& LoaderEpochs::operator=(const LoaderEpochs& other) {
  if (this == &other) return *this;
  const runtime::Busy busy;
  const std::scoped_lock lock(mutex_, other.mutex_);
  made_with_ = other.made_with_;
  random_ = other.random_;
  seed_ = other.seed_;
  next_epoch_ = other.next_epoch_;
  restored_ = other.restored_;
  running_.clear();
  return *this;
}

std::pair<BatchStream, LoaderEpochs::LoopPtr> LoaderEpochs::begin(const BatchStream& stream) {
  const runtime::Busy busy;
  const std::lock_guard lock(mutex_);
  auto loop = std::make_shared<Loop>();
  if (restored_) {
    loop->epoch = restored_->epoch;
    loop->next = restored_->batch;
    loop->seed = restored_->seed;
    next_epoch_ = restored_->next_epoch;
    restored_.reset();
  } else {
    loop->epoch = next_epoch_++;
    loop->seed = seed_;
  }
  if (random_ && !loop->seed) loop->seed = draw_seed();
  BatchStream started = stream;
  if (loop->seed) started.set_seed(*loop->seed);
  started.start(loop->epoch, loop->next);
  std::erase_if(running_, [](const auto& l) { return l.expired(); });
  running_.push_back(loop);
  return {std::move(started), std::move(loop)};
}

void LoaderEpochs::set_epoch(std::int64_t epoch) {
  const runtime::Busy busy;
  const std::lock_guard lock(mutex_);
  if (random_ && !seed_) seed_ = draw_seed();
  next_epoch_ = epoch;
  restored_.reset();
}

DataLoaderState LoaderEpochs::state() const {
  const runtime::Busy busy;
  const std::lock_guard lock(mutex_);
  DataLoaderState state = made_with_;
  state.keeps_seed = seed_.has_value();
  for (const auto& running : running_) {
    const auto loop = running.lock();
    if (!loop) continue;
    state.epoch = loop->epoch;
    state.batch = loop->next;
    state.seed = loop->seed;
    state.next_epoch = next_epoch_;
    return state;
  }
  if (restored_) return *restored_;
  state.epoch = next_epoch_;
  state.next_epoch = next_epoch_ + 1;
  state.seed = seed_;
  return state;
}

void LoaderEpochs::set_state(const DataLoaderState& state, std::int64_t batches) {
  const runtime::Busy busy;
  const std::lock_guard lock(mutex_);
  const auto same = [](const char* what, const auto& was, const auto& now) {
    LILITH_CHECK(was == now, "set_state: {} was {}, the loader has {}; need the same", what, was,
                 now);
  };
  same("the number of rows", state.rows, made_with_.rows);
  same("batch_size", state.batch_size, made_with_.batch_size);
  same("shuffle", state.shuffle, made_with_.shuffle);
  same("drop_last", state.drop_last, made_with_.drop_last);
  LILITH_CHECK(state.epoch >= 0 && state.batch >= 0 && state.batch <= batches,
               "set_state: batch {} of epoch {}; an epoch has {} batches", state.batch, state.epoch,
               batches);
  LILITH_CHECK(!seed_ || !state.seed || *seed_ == *state.seed,
               "set_state: the seed was {}, the loader has {}; need the same",
               state.seed.value_or(0), seed_.value_or(0));
  if (state.keeps_seed) seed_ = state.seed;
  restored_ = state;
}

}  // namespace lilith::data
