#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "lilith/train.h"
#include "train/checkpoint.h"
#include "train/interrupt.h"
#include "train/progress.h"

namespace lilith::detail {
namespace {

// Steps between two looks at the losses: reading one waits for the step that computes it.
constexpr std::size_t kReadEvery = 32;

class Fitting {
 public:
  Fitting(const DataSourcePtr& data, const FitSteps& steps, FitOptions& options)
      : options_(options),
        steps_(steps),
        shape_{data->size(), options.batch_size, options.seed, options.shuffle, options.drop_last},
        stream_(data, loader_options(), steps.columns),
        progress_(style(options.progress)) {
    LILITH_CHECK(options.epochs >= 0, "fit: epochs is {}; need at least 0", options.epochs);
    LILITH_CHECK(stream_.batches() > 0, "fit: no batches: {} rows, batch_size {}{}", data->size(),
                 options.batch_size, options.drop_last ? ", drop_last" : "");
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
    const train::InterruptGuard guard(true);
    start();
    while (state_.epoch < options_.epochs && !stopped_) {
      if (!run_epoch()) return interrupt();
      finish_epoch();
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

  DataLoaderOptions loader_options() const {
    return {.batch_size = options_.batch_size,
            .shuffle = options_.shuffle,
            .seed = options_.seed,
            .drop_last = options_.drop_last,
            .device = options_.device};
  }

  void start() {
    auto& scheduler = options_.scheduler;
    if (scheduler) scheduler->attach(options_.optimizer);
    if (options_.resume) {
      const std::string path = resume_path();
      state_ = train::load_checkpoint(path, steps_.model, options_.optimizer, shape_);
      saved_ = path == options_.checkpoint;
      progress_.message(
          fmt::format("resumed from {} in epoch {}, step {}{}", path, state_.epoch + 1, state_.step,
                      state_.epoch < options_.epochs
                          ? ""
                          : fmt::format("; {} epochs are done already", state_.epoch)));
      LILITH_CHECK(scheduler.has_value() == !state_.base_lrs.empty(),
                   "fit: cannot resume from {}: it was made {} a scheduler", path,
                   scheduler ? "without" : "with");
      if (scheduler) {
        scheduler->set_base_lrs(state_.base_lrs);
        scheduler->set_last_epoch(state_.scheduler_epoch);
      }
    } else if (scheduler) {
      state_.base_lrs = scheduler->base_lrs();
    }
    // A place that cannot be written to shows now, not after an epoch.
    if (!options_.checkpoint.empty()) check_writable(options_.checkpoint);
    state_.history.metric_name = options_.metric.name;
    state_.history.interrupted = false;
  }

  static void check_writable(const std::string& path) {
    const std::string probe = path + ".probe";
    std::FILE* file = std::fopen(probe.c_str(), "wb");
    LILITH_CHECK(file != nullptr, "fit: cannot write the checkpoint {}: {}", path,
                 std::strerror(errno));
    std::fclose(file);
    std::remove(probe.c_str());
  }

  // False when Ctrl-C ended it.
  bool run_epoch() {
    train_mode(steps_.model);
    stream_.start(state_.epoch, state_.batch);
    progress_.start_epoch();
    seconds_before_ = state_.seconds;
    samples_before_ = state_.samples;
    saved_ = false;
    while (!stream_.done()) {
      if (train::InterruptGuard::interrupted()) return false;
      const auto batch = stream_.next();
      pending_.push_back({steps_.train(batch), batch[0].size(0)});
      ++state_.batch;
      ++state_.step;
      if (options_.scheduler_per_step) step_scheduler();
      const bool due = progress_.due();
      if (due || pending_.size() >= kReadEvery) read_losses();
      if (due) progress_.update(progress_state());
    }
    read_losses();
    return true;
  }

  // Adds up the losses that are computed by now; a NaN ends the training before anything is saved.
  void read_losses() {
    std::int64_t step = state_.step - static_cast<std::int64_t>(pending_.size());
    for (const Pending& p : pending_) {
      ++step;
      const double loss = p.scores[0].item<double>();
      if (std::isnan(loss)) {
        const std::string kept =
            options_.checkpoint.empty() || !std::filesystem::exists(options_.checkpoint)
                ? "there is no checkpoint"
                : "the last checkpoint is " + options_.checkpoint;
        fail("fit: the loss is NaN at step {} (epoch {}); {}. A smaller learning rate often helps.",
             step, state_.epoch + 1, kept);
      }
      state_.loss_sum += loss * static_cast<double>(p.samples);
      if (has_metric())
        state_.metric_sum += p.scores[1].item<double>() * static_cast<double>(p.samples);
      state_.samples += p.samples;
    }
    pending_.clear();
    state_.seconds = seconds_before_ + progress_.seconds();
  }

  void finish_epoch() {
    const double n = static_cast<double>(state_.samples);
    EpochRow row;
    row.epoch = state_.epoch + 1;
    row.loss = state_.loss_sum / n;
    if (has_metric()) row.metric = state_.metric_sum / n;
    row.lr = options_.optimizer.lr();
    row.seconds = state_.seconds;
    const train::ProgressState shown = progress_state();
    std::string suffix;
    if (options_.validation.source) suffix = validate(row);
    state_.history.rows.push_back(row);
    progress_.finish_epoch(shown, suffix);
    ++state_.epoch;
    state_.batch = state_.samples = 0;
    state_.loss_sum = state_.metric_sum = state_.seconds = 0;
    if (!options_.scheduler_per_step) step_scheduler();
    call_callbacks();
    const bool due = options_.checkpoint_every > 0 && state_.epoch % options_.checkpoint_every == 0;
    if (due && !options_.checkpoint.empty()) {
      save(options_.checkpoint);
      saved_ = true;
    }
  }

  void step_scheduler() {
    if (!options_.scheduler) return;
    options_.scheduler->step();
    state_.scheduler_epoch = options_.scheduler->last_epoch();
  }

  std::string validate(EpochRow& row) {
    const TestModeScope scope(steps_.model);
    data::BatchStream stream(options_.validation.source,
                             {.batch_size = options_.batch_size, .device = options_.device},
                             steps_.columns);
    double loss_sum = 0, metric_sum = 0, n = 0;
    stream.start(0);
    while (!stream.done()) {
      const auto batch = stream.next();
      const auto scores = steps_.evaluate(batch);
      const double samples = static_cast<double>(batch[0].size(0));
      loss_sum += scores[0].item<double>() * samples;
      if (has_metric()) metric_sum += scores[1].item<double>() * samples;
      n += samples;
    }
    if (n == 0) return "";
    row.val_loss = loss_sum / n;
    std::string text = fmt::format("  val_loss {:.4f}", row.val_loss);
    if (has_metric()) {
      row.val_metric = metric_sum / n;
      text += fmt::format("  val_{} {:.4f}", options_.metric.name, row.val_metric);
    }
    return text;
  }

  void call_callbacks() {
    FitState view{state_.history, options_.optimizer,
                  steps_.model,   state_.step,
                  false,          [this](const std::string& path) { save(path); }};
    for (const Callback& callback : options_.callbacks) callback(view);
    stopped_ = view.stopped;
  }

  History interrupt() {
    read_losses();
    const std::string path = resume_path();
    if (path.empty()) {
      progress_.message(
          fmt::format("interrupted in epoch {}, after step {}", state_.epoch + 1, state_.step));
      state_.history.interrupted = true;
      return state_.history;
    }
    save(path);
    progress_.message(fmt::format("interrupted in epoch {}, after step {}; checkpoint: {}",
                                  state_.epoch + 1, state_.step, path));
    state_.history.interrupted = true;
    return state_.history;
  }

  const std::string& resume_path() const {
    return options_.checkpoint.empty() ? options_.interrupt_checkpoint : options_.checkpoint;
  }

  void save(const std::string& path) {
    train::save_checkpoint(path, steps_.model, options_.optimizer, state_, shape_);
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
  const FitSteps& steps_;
  train::RunShape shape_;
  data::BatchStream stream_;
  train::Progress progress_;
  train::RunState state_;
  std::vector<Pending> pending_;
  double seconds_before_ = 0;
  std::int64_t samples_before_ = 0;
  bool stopped_ = false, saved_ = false;
};

}  // namespace

History run_fit(const DataSourcePtr& data, const FitSteps& steps, FitOptions& options) {
  return Fitting(data, steps, options).run();
}

}  // namespace lilith::detail
