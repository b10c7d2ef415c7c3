#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <set>
#include <typeinfo>

#include "lilith/ops/random.h"
#include "lilith/train.h"
#include "train/checkpoint.h"
#include "train/finite.h"
#include "train/history.h"
#include "train/interrupt.h"
#include "train/mode_flags.h"
#include "train/progress.h"

namespace lilith::detail {
namespace {

// Steps between two looks at the losses: reading one waits for the step that computes it.
constexpr std::size_t kReadEvery = 32;

// The error again, with a sentence more before its line.
[[noreturn]] void rethrow_with(const Error& e, const std::string& sentence) {
  if (sentence.empty() || typeid(e) != typeid(Error)) throw;
  std::string text = e.what();
  const std::string line = e.loc() ? " (" + e.loc().str() + ")" : "";
  if (text.ends_with(line)) text.resize(text.size() - line.size());
  throw Error(text + (text.ends_with('.') ? " " : ". ") + sentence, e.loc());
}

class Fitting {
 public:
  Fitting(const DataSourcePtr& data, const FitSteps& steps, FitOptions& options, Loc line)
      : options_(options),
        optimizer_(options.optimizer),
        steps_(steps),
        line_(line),
        shape_{data->size(), step_rows(), options.seed, options.shuffle, options.drop_last},
        stream_(data, loader_options(), steps.columns),
        modes_(steps.model),
        progress_(style(options.progress)) {
    const LocScope scope(line_, nullptr);
    LILITH_CHECK(options.epochs >= 0, "fit: epochs is {}; need at least 0", options.epochs);
    LILITH_CHECK(stream_.batches() > 0, "fit: no batches: {} rows, batch_size {}{}", data->size(),
                 step_rows(), options.drop_last ? ", drop_last" : "");
    LILITH_CHECK(!options.resume || std::filesystem::exists(resume_path()),
                 "fit: resume without {}",
                 options.checkpoint.empty() ? "the path of a checkpoint"
                                            : "a checkpoint: there is no " + options.checkpoint);
    LILITH_CHECK(options.checkpoint_every >= 0, "fit: checkpoint_every is {}; need at least 0",
                 options.checkpoint_every);
    if (options.validation.source) {
      const auto columns = options.validation.source->columns().size();
      LILITH_CHECK(columns >= static_cast<std::size_t>(steps.columns),
                   "fit: the validation data has {} columns; the loss takes {}", columns,
                   steps.columns);
    }
  }

  History run() {
    const train::InterruptGuard guard;
    start();
    while (state_.epoch < options_.epochs && !state_.stopped) {
      if (!run_epoch() || !finish_epoch()) return interrupt();
    }
    if (!options_.checkpoint.empty() && !saved_) save(options_.checkpoint);
    return state_.history;
  }

 private:
  struct Pending {
    std::vector<Tensor> scores;  // loss, metric
    std::int64_t samples;
  };

  static train::Progress::Style style(ShowProgress show) {
    using Style = train::Progress::Style;
    switch (show) {
      case ShowProgress::Off:
        return Style::Off;
      case ShowProgress::Lines:
        return Style::Lines;
      case ShowProgress::Bar:
        return Style::Bar;
      case ShowProgress::Auto:
        break;
    }
    return train::Progress::detect();
  }

  // The rows that an optimiser's step is made of.
  std::int64_t step_rows() const {
    LILITH_CHECK(options_.accumulate >= 1, "fit: accumulate is {}; need at least 1",
                 options_.accumulate);
    return options_.batch_size * options_.accumulate;
  }

  DataLoaderOptions loader_options() const {
    return {.batch_size = step_rows(),
            .shuffle = options_.shuffle,
            .seed = options_.seed,
            .drop_last = options_.drop_last,
            .device = *options_.device};
  }

  void start() {
    const LocScope scope(line_, nullptr);
    state_.first_epoch = optimizer_.fit_epochs();
    attach_scheduler();
    if (options_.resume) resume();
    // A place that cannot be written to shows now, not after an epoch.
    if (!options_.checkpoint.empty()) check_writable(options_.checkpoint);
    state_.history.metric_name = options_.metric.name;
    state_.history.interrupted = false;
    never_finite_ = train::non_finite_paths(steps_.model);
    if (modes_.all_off())
      progress_.message(
          "fit: every layer is in test mode and stays in it (no dropout, frozen batch norm); "
          "train_mode(model) changes that");
  }

  void attach_scheduler() {
    SchedulerRef& s = options_.scheduler;
    LILITH_CHECK(!options_.scheduler_per_step || !s.plateau(),
                 "fit: scheduler_per_step with ReduceLROnPlateau, which steps after an epoch");
    LILITH_CHECK(!s.plateau() || !s.plateau()->maximizes() || options_.metric.f,
                 "fit: ReduceLROnPlateau in mode 'max' watches the metric; there is no .metric");
    // It would be left with an optimiser that ends with fit.
    if (s.is_callers() && !options_.optimizer.is_callers()) s.own();
    const auto attach = [&](auto* scheduler) {
      if (!scheduler || scheduler->optimizer() == &optimizer_) return;
      LILITH_CHECK(!s.is_callers() || !scheduler->optimizer(),
                   "fit: the scheduler belongs to another optimiser than .optimizer; give the one "
                   "that it was made with, or a scheduler made without");
      scheduler->attach(optimizer_);
    };
    attach(s.schedule());
    attach(s.plateau());
  }

  void resume() {
    const LocScope scope(line_, "fit");
    const std::string path = resume_path();
    state_ = train::load_run(path, parts());
    saved_ = path == options_.checkpoint;
    LILITH_CHECK(state_.batch == 0 || state_.history.metric_name == options_.metric.name,
                 "fit: cannot resume from {} within an epoch: the metric was '{}', now it is '{}'",
                 path, state_.history.metric_name, options_.metric.name);
    // Without callbacks there is nothing left that would end it.
    if (options_.callbacks.empty()) state_.stopped = false;
    std::string what;
    if (state_.epoch >= options_.epochs)
      what = fmt::format("; {} epochs are done already", state_.epoch);
    else if (state_.stopped)
      what = "; a callback has ended the training";
    progress_.message(fmt::format("resumed from {} in epoch {}, step {}{}", path, state_.epoch + 1,
                                  state_.step, what));
  }

  train::RunParts parts() { return {steps_.model, optimizer_, options_.scheduler, shape_}; }

  static void check_writable(const std::string& path) {
    const std::string probe = path + ".probe";
    std::FILE* file = std::fopen(probe.c_str(), "wb");
    LILITH_CHECK(file != nullptr, "fit: cannot write the checkpoint {}: {}", path,
                 std::strerror(errno));
    std::fclose(file);
    std::remove(probe.c_str());
  }

  // False when a signal ended it.
  bool run_epoch() {
    modes_.restore();
    stream_.start(state_.first_epoch + state_.epoch, state_.batch);
    optimizer_.set_fit_epochs(state_.first_epoch + state_.epoch + 1);
    progress_.start_epoch();
    seconds_before_ = state_.seconds;
    samples_before_ = state_.samples;
    saved_ = false;
    while (!stream_.done()) {
      if (train::InterruptGuard::signal()) return false;
      const auto batch = next_batch();
      pending_.push_back({train_step(batch), batch[0].size(0)});
      ++state_.batch;
      ++state_.step;
      if (options_.scheduler_per_step) step_schedule();
      const bool due = progress_.due();
      if (due || pending_.size() >= kReadEvery) read_losses();
      if (due) progress_.update(progress_state());
    }
    read_losses();
    check_finite();
    return true;
  }

  std::vector<Tensor> next_batch() {
    const LocScope scope(line_, nullptr);
    return stream_.next();
  }

  std::vector<Tensor> train_step(const std::vector<Tensor>& batch) {
    const std::int64_t rows = batch[0].size(0);
    if (rows == step_rows()) return steps_.train(batch);
    try {
      return steps_.train(batch);
    } catch (const Error& e) {
      rethrow_with(e, fmt::format("The last batch of the {} rows has {} instead of {}; "
                                  ".drop_last = true leaves it out.",
                                  shape_.rows, rows, step_rows()));
    }
  }

  // Adds up the losses that are computed by now; one that is no number ends the training before
  // anything is saved.
  void read_losses() {
    const LocScope scope(line_, nullptr);
    std::int64_t step = state_.step - static_cast<std::int64_t>(pending_.size());
    for (const Pending& p : pending_) {
      ++step;
      const double loss = p.scores[0].item<double>();
      if (!std::isfinite(loss))
        fail("fit: the loss is {} at step {} (epoch {}); {}. A smaller learning rate often helps.",
             std::isnan(loss) ? "NaN" : fmt::format("{}", loss), step, state_.epoch + 1,
             last_checkpoint());
      state_.loss_sum += loss * static_cast<double>(p.samples);
      if (has_metric())
        state_.metric_sum += p.scores[1].item<double>() * static_cast<double>(p.samples);
      state_.samples += p.samples;
    }
    pending_.clear();
    state_.seconds = seconds_before_ + progress_.seconds();
  }

  // A gradient may be NaN where the loss is a number: the weights show it first.
  void check_finite() const {
    const auto path = train::first_non_finite(steps_.model, never_finite_);
    LILITH_CHECK(!path,
                 "fit: '{}' holds a NaN or an infinity after step {} (epoch {}), though the loss "
                 "was a number; {}. LILITH_CHECK_NAN=1 shows where the first one comes from.",
                 *path, state_.step, state_.batch > 0 ? state_.epoch + 1 : state_.epoch,
                 last_checkpoint());
  }

  std::string last_checkpoint() const {
    const std::string& path = options_.checkpoint;
    if (path.empty() || !std::filesystem::exists(path)) return "there is no checkpoint";
    return "the last checkpoint is " + path +
           (saved_epoch_ > 0 ? fmt::format(" (epoch {})", saved_epoch_) : "");
  }

  // False when a signal came before the epoch's validation was done.
  bool finish_epoch() {
    const double n = static_cast<double>(state_.samples);
    EpochRow row;
    row.epoch = state_.epoch + 1;
    row.loss = state_.loss_sum / n;
    if (has_metric()) row.metric = state_.metric_sum / n;
    row.lr = optimizer_.lr();
    row.seconds = state_.seconds;
    const train::ProgressState shown = progress_state();
    std::string suffix;
    if (options_.validation.source && !validate(row, suffix)) return false;
    state_.history.rows.push_back(row);
    progress_.finish_epoch(shown, suffix);
    ++state_.epoch;
    state_.batch = state_.samples = 0;
    state_.loss_sum = state_.metric_sum = state_.seconds = 0;
    step_scheduler_of_epoch();
    call_callbacks();
    const bool due = options_.checkpoint_every > 0 && state_.epoch % options_.checkpoint_every == 0;
    if (due && !options_.checkpoint.empty()) {
      save(options_.checkpoint);
      saved_ = true;
    }
    return true;
  }

  void step_schedule() {
    const LocScope scope(line_, nullptr);
    if (LRScheduler* s = options_.scheduler.schedule()) s->step();
  }

  void step_scheduler_of_epoch() {
    if (!options_.scheduler_per_step) step_schedule();
    ReduceLROnPlateau* plateau = options_.scheduler.plateau();
    if (!plateau) return;
    const LocScope scope(line_, nullptr);
    const EpochRow& row = state_.history.rows.back();
    if (plateau->maximizes())
      plateau->step(row.validated ? row.val_metric : row.metric);
    else
      plateau->step(train::watched_loss(row));
  }

  bool validate(EpochRow& row, std::string& shown) {
    const TestModeScope scope(steps_.model);
    const RngState rng = rng_state();
    data::BatchStream stream(options_.validation.source,
                             {.batch_size = options_.batch_size, .device = *options_.device},
                             steps_.columns);
    double loss_sum = 0, metric_sum = 0, n = 0;
    stream.start(0);
    while (!stream.done()) {
      if (train::InterruptGuard::signal()) {
        set_rng_state(rng);  // the resumed run validates from the start
        return false;
      }
      const auto batch = stream.next();
      const auto scores = steps_.evaluate(batch);
      const double samples = static_cast<double>(batch[0].size(0));
      const LocScope reading(line_, nullptr);
      loss_sum += scores[0].item<double>() * samples;
      if (has_metric()) metric_sum += scores[1].item<double>() * samples;
      n += samples;
    }
    if (n == 0) return true;
    row.validated = true;
    row.val_loss = loss_sum / n;
    shown = fmt::format("  val_loss {:.4f}", row.val_loss);
    if (has_metric()) {
      row.val_metric = metric_sum / n;
      shown += fmt::format("  val_{} {:.4f}", options_.metric.name, row.val_metric);
    }
    return true;
  }

  void call_callbacks() {
    FitState view{state_.history, optimizer_, steps_.model, state_.step};
    view.memory = state_.memory;
    std::vector<std::string> early;  // saved before every callback had its say
    const auto take = [&] {
      const bool changed = state_.memory != view.memory || state_.stopped != view.stopped;
      state_.memory = view.memory;
      state_.stopped = view.stopped;
      return changed;
    };
    view.save = [&](const std::string& path) {
      take();
      save(path);
      early.push_back(path);
    };
    for (const Callback& callback : options_.callbacks) callback(view);
    if (!take()) return;
    for (const std::string& path : early) {
      if (std::filesystem::exists(path)) save(path);
    }
  }

  History interrupt() {
    read_losses();
    const std::string& path = resume_path();
    if (!path.empty()) save(path);
    const std::string where =
        fmt::format("interrupted in epoch {}, after step {}", state_.epoch + 1, state_.step);
    progress_.message(path.empty() ? where : where + "; checkpoint: " + path);
    state_.history.interrupted = true;
    state_.history.signal = train::InterruptGuard::signal();
    return state_.history;
  }

  const std::string& resume_path() const {
    return options_.checkpoint.empty() ? options_.interrupt_checkpoint : options_.checkpoint;
  }

  void save(const std::string& path) {
    const LocScope scope(line_, "fit");
    check_finite();
    const auto spoiled = train::first_non_finite(ModelRef(optimizer_), {});
    LILITH_CHECK(!spoiled, "fit: {}'s {} holds a NaN or an infinity after step {}; {}",
                 optimizer_.name(), *spoiled, state_.step, last_checkpoint());
    try {
      train::save_run(path, parts(), state_);
    } catch (const Error& e) {
      rethrow_with(
          e, std::filesystem::exists(path) ? "The checkpoint that was there is as it was." : "");
    }
    if (path == options_.checkpoint) saved_epoch_ = state_.epoch;
  }

  bool has_metric() const { return !state_.history.metric_name.empty(); }

  train::ProgressState progress_state() const {
    const double n = std::max<double>(1, static_cast<double>(state_.samples));
    return {state_.epoch + 1,
            options_.epochs,
            state_.batch,
            stream_.batches(),
            state_.samples - samples_before_,
            state_.loss_sum / n,
            state_.history.metric_name,
            state_.metric_sum / n};
  }

  FitOptions& options_;
  Optimizer& optimizer_;
  const FitSteps& steps_;
  Loc line_;
  train::RunShape shape_;
  data::BatchStream stream_;
  const train::ModeFlags modes_;
  train::Progress progress_;
  train::RunState state_;
  std::vector<Pending> pending_;
  double seconds_before_ = 0;
  std::int64_t samples_before_ = 0;
  std::int64_t saved_epoch_ = 0;        // that `checkpoint` holds; 0: written before this call
  std::set<std::string> never_finite_;  // paths that hold infinities on purpose: masks
  bool saved_ = false;
};

}  // namespace

History run_fit(const DataSourcePtr& data, const FitSteps& steps, FitOptions& options, Loc loc) {
  return Fitting(data, steps, options, loc).run();
}

}  // namespace lilith::detail
