#pragma once
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lilith/autocast.h"
#include "lilith/compile.h"
#include "lilith/data.h"
#include "lilith/metrics.h"
#include "lilith/model.h"
#include "lilith/optim.h"
#include "lilith/train/options.h"
#include "lilith/transforms.h"

namespace lilith {

/// An epoch of fit. What was not measured is NaN; a validation that gave NaN is told from none by
/// `validated`. Means are over the examples.
struct EpochRow {
  std::int64_t epoch = 0;  // counts from 1
  double loss = 0;
  double metric = std::numeric_limits<double>::quiet_NaN();
  double val_loss = std::numeric_limits<double>::quiet_NaN();
  double val_metric = std::numeric_limits<double>::quiet_NaN();
  double lr = 0;
  double seconds = 0;      // of training, validation excluded
  bool validated = false;  // val_loss and val_metric were measured
};

/// What fit returns: a row an epoch, those before a resumption included.
struct History {
  std::string metric_name;  // empty: no metric
  std::vector<EpochRow> rows;
  bool interrupted = false;  // by a signal
  /// That signal (SIGINT, SIGTERM, SIGHUP), else 0: std::raise(history.signal) ends the process as
  /// it would have.
  int signal = 0;
  /// The rows as CSV with a header; an empty field stands for what was not measured.
  std::string csv() const;
  /// Writes csv() to a file. Error when it cannot be written.
  void save_csv(const std::string& path, SourceLocation loc = SourceLocation::current()) const;
};

/// What a batch is scored by while training: output and target to a 0-d tensor, the mean over the
/// batch. Traced into the step's program.
struct Metric {
  std::string name;
  std::function<Tensor(const Tensor& output, const Tensor& target)> f;
  /// Of class scores [N, C] and class numbers [N].
  static Metric accuracy(SourceLocation loc = SourceLocation::current());
  /// Mean absolute error.
  static Metric mae(SourceLocation loc = SourceLocation::current());
};

/// A dataset with any number of columns.
struct AnyDataset {
  AnyDataset() = default;
  template <int N>
  AnyDataset(const data::Dataset<N>& dataset) : source(dataset.source()) {}
  DataSourcePtr source;
};

/// What a callback sees and may do, after each epoch.
class FitState {
 public:
  const History& history;
  Optimizer& optimizer;
  ModelRef model;
  std::int64_t step;  // steps since the start of training
  /// Ends the training after this epoch; resumed with callbacks, it stays ended.
  void stop() { stopped = true; }
  /// Writes a checkpoint that fit can resume from. Error when the model holds a NaN or an infinity.
  void save_checkpoint(const std::string& path) const { save(path); }

  bool stopped = false;
  std::function<void(const std::string&)> save = {};
  /// Numbers of callbacks that a checkpoint keeps: what one counts here goes on after a resumption.
  std::map<std::string, double> memory = {};
};
using Callback = std::function<void(FitState&)>;

/// Ends the training when the validation loss (without validation data, the loss) has not fallen by
/// more than min_delta for `patience` epochs. NaN is worse than any number. Ref: Keras
/// EarlyStopping.
struct EarlyStopping {
  int patience = 3;
  double min_delta = 0;
  void operator()(FitState& state) const;
};

/// Writes a checkpoint to `path` ("{epoch}" in it becomes the epoch) every `every` epochs; with
/// best_only, when the validation loss (else the loss) is the lowest so far; NaN never is.
struct CheckpointCallback {
  std::string path;
  std::int64_t every = 1;
  bool best_only = false;
  void operator()(FitState& state) const;
};

enum class ShowProgress { Auto, Off, Lines, Bar };

struct FitOptions {
  std::int64_t epochs = 1;
  std::int64_t batch_size = 32;
  /// `.optimizer = o` trains with o itself: called again with it, fit goes on as one longer fit
  /// would, the orders of the rows included.
  OptimizerRef optimizer = Adam({.lr = 1e-3});
  /// Batches whose gradients make one step together, each computed by itself: a step is of
  /// batch_size * accumulate rows and needs the memory of batch_size. Batch norms see the batches.
  std::int64_t accumulate = 1;
  /// The most that the gradients' common 2-norm, and each element, may be: see clip_grad_norm_,
  /// clip_grad_value_.
  std::optional<Real> clip_grad_norm = {};
  std::optional<Real> clip_grad_value = {};
  /// The loss runs under Autocast of this dtype, while training and for the validation. Unset: as
  /// around the call of fit.
  std::optional<DType> autocast = {};
  /// Where it trains: the model, its optimiser's state and the batches go there. Unset: where the
  /// model lies.
  std::optional<Device> device = {};
  AnyDataset validation = {};
  Metric metric = {};
  std::vector<Callback> callbacks = {};
  /// A schedule of the learning rate: CosineAnnealingLR({.T_max = 10}). It steps after each epoch;
  /// ReduceLROnPlateau by the validation loss, else the loss (in mode "max" by the metric).
  SchedulerRef scheduler = {};
  /// Whether it steps after each batch instead.
  bool scheduler_per_step = false;
  bool shuffle = true;
  bool drop_last = false;
  /// Of the order of the examples.
  std::uint64_t seed = 0;
  /// File of the checkpoint; empty: none but the one that a signal leaves. It never holds a NaN or
  /// an infinity: those end the training before it is written.
  std::string checkpoint = "";
  /// Epochs between two checkpoints; 0: none but at a signal and the end.
  std::int64_t checkpoint_every = 1;
  /// Goes on from `checkpoint`, without one from `interrupt_checkpoint`, as if it had never
  /// stopped: to the bit, on the same machine.
  bool resume = false;
  ShowProgress progress = ShowProgress::Auto;
  /// What Ctrl-C (or SIGTERM, SIGHUP) leaves when there is no `checkpoint`; empty: nothing.
  std::string interrupt_checkpoint = "lilith-interrupted.safetensors";
  /// Parameters, or prefixes of their paths ("encoder"), that stay as they are. Error for one that
  /// matches no parameter.
  std::vector<std::string> ignore = {};
};

namespace detail {

/// The calls that fit's loop makes; the user's model and loss are behind them.
struct FitSteps {
  ModelRef model;
  int columns;  // of a batch, that the calls read
  /// One optimisation step: the loss before it, then the metric where there is one.
  std::function<std::vector<Tensor>(const std::vector<Tensor>& batch)> train;
  /// The same without an update.
  std::function<std::vector<Tensor>(const std::vector<Tensor>& batch)> evaluate;
};
History run_fit(const DataSourcePtr& data, const FitSteps& steps, FitOptions& options, Loc loc);

/// sum += part gradients; undefined ones count as 0.
void add_scaled(ModelRef sum, ConstModelRef gradients, const Tensor& part);
/// The rows of a batch, batch_size at a time, and what part of them all those are; the mean of what
/// f gives.
std::vector<Tensor> in_parts(
    const std::vector<Tensor>& batch, std::int64_t batch_size,
    const std::function<std::vector<Tensor>(const std::vector<Tensor>& rows, const Tensor& part)>&
        f);
/// Gradients that are undefined.
template <class M>
auto no_gradients(const M& model) {
  typename reflect::GradientsOf<M>::type out(clone(model));
  for_each_parameter(out, [](const std::string&, Tensor& t) { t = Tensor(); });
  return out;
}
template <class G>
void clip_for_fit(G& gradients, const FitOptions& options, SourceLocation loc) {
  if (options.clip_grad_value) clip_grad_value_(gradients, *options.clip_grad_value, loc);
  if (options.clip_grad_norm) clip_grad_norm_(gradients, *options.clip_grad_norm, 2, loc);
}

/// Sets every `bool training` to false and, when it goes, back to what it was.
class TestModeScope {
 public:
  explicit TestModeScope(ConstModelRef model);
  ~TestModeScope();
  TestModeScope(const TestModeScope&) = delete;

 private:
  std::vector<std::pair<bool*, bool>> flags_;
};

/// Of a model's first parameter or buffer; the host's where it has none.
Device device_of(ConstModelRef model);

Tensor run_predict(const DataSourcePtr& data, const std::function<Tensor(const Tensor&)>& f,
                   std::int64_t batch_size, Device device);

/// Column 1 of every row.
Tensor all_targets(const DataSourcePtr& data);

template <std::size_t>
using TensorAt = Tensor;
template <class Loss, class M, class Indices>
inline constexpr bool takes_model = false;
template <class Loss, class M, std::size_t... I>
inline constexpr bool takes_model<Loss, M, std::index_sequence<I...>> =
    std::is_invocable_v<Loss&, M&, TensorAt<I>...>;

/// How many tensors a loss takes after the model; 0: it takes output and target instead.
template <class Loss, class M, int N>
constexpr int model_loss_columns() {
  if constexpr (takes_model<Loss, M, std::make_index_sequence<N>>)
    return N;
  else if constexpr (N > 1)
    return model_loss_columns<Loss, M, N - 1>();
  else
    return 0;
}

/// Loss of a batch, and the metric where there is one.
template <int Columns, class M, class Loss>
std::pair<Tensor, std::vector<Tensor>> fit_objective(M& m, Loss& loss, const Metric& metric,
                                                     const std::vector<Tensor>& batch,
                                                     SourceLocation loc) {
  if constexpr (Columns > 0) {
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return std::pair<Tensor, std::vector<Tensor>>{loss(m, batch[I]...), {}};
    }(std::make_index_sequence<Columns>{});
  } else {
    const Tensor output = call_at(loc, m, batch[0]);
    std::vector<Tensor> score;
    if (metric.f) score.push_back(metric.f(output, batch[1]));
    return {call_at(loc, loss, output, batch[1]), std::move(score)};
  }
}

/// What the compiled step of fit takes for a loss: one that holds tensors is an argument, so that
/// they are inputs of the program; any other is captured.
template <class Loss>
struct FitLossArgument {
  struct None {};
  using Held = std::conditional_t<reflect::Model<Loss>, Loss, None>;
  Loss& loss;
  None none = {};
  Held& held() {
    if constexpr (reflect::Model<Loss>)
      return loss;
    else
      return none;
  }
  Loss& loss_of(Held& held) {
    if constexpr (reflect::Model<Loss>)
      return held;
    else
      return static_cast<void>(held), loss;
  }
};

template <class T>
inline constexpr bool is_dataset =
    requires(const T& t) { []<int N>(const data::Dataset<N>&) {}(t); };

template <class Loss, class M, class Indices>
inline constexpr bool gives_tensor = false;
template <class Loss, class M, std::size_t... I>
inline constexpr bool gives_tensor<Loss, M, std::index_sequence<I...>> =
    std::is_invocable_r_v<Tensor, Loss&, M&, TensorAt<I>...>;

/// Says what is wrong with the arguments of fit, where something is.
template <class M, int N, class Loss>
constexpr void check_fit() {
  static_assert(!std::is_const_v<M>,
                "lilith: fit: the model is const, so it cannot be trained; give one that is not");
  if constexpr (!std::is_const_v<M>) {
    constexpr int kColumns = model_loss_columns<Loss, M, N>();
    constexpr bool kOfOutput = N >= 2 && std::is_invocable_v<Loss&, Tensor, Tensor>;
    constexpr bool kModelRuns = std::is_invocable_v<M&, Tensor>;
    static_assert(kColumns > 0 || kOfOutput,
                  "lilith: fit: the loss takes neither output and target (NLLLoss{}, or [](Tensor "
                  "output, Tensor target) { … }) nor the model and the data's columns ([](Net& m, "
                  "Tensor x, Tensor y) { … }): look at the number and the types of its parameters");
    static_assert(kColumns > 0 || !kOfOutput || kModelRuns,
                  "lilith: fit: this loss is of output and target, but the model cannot be called "
                  "with one Tensor: give it Tensor operator()(Tensor x) const, or take a loss of "
                  "the model, [](Net& m, Tensor x, Tensor y) { … }");
    if constexpr (kColumns > 0)
      static_assert(gives_tensor<Loss, M, std::make_index_sequence<kColumns>>,
                    "lilith: fit: the loss has to return a Tensor, the loss of the batch");
    else if constexpr (kOfOutput && kModelRuns)
      static_assert(std::is_invocable_r_v<Tensor, Loss&, Tensor, Tensor> &&
                        std::is_invocable_r_v<Tensor, M&, Tensor>,
                    "lilith: fit: the model and the loss each have to return a Tensor");
  }
}

}  // namespace detail

/// Trains a model. The loss is either one of output and target (NLLLoss{}: the data is (x, y), the
/// model is called with x), or one of the model and the first columns of the data: `[](Vae& m,
/// Tensor x) { return loss; }`; it returns a scalar. Forward pass, gradients and update run as one
/// compiled program; a smaller last batch is a second one. A loss or a weight that is NaN or
/// infinite is an Error that names the step. Layers in test mode (`training` false) stay in it.
/// Ctrl-C, SIGTERM and SIGHUP stop after the running step with a checkpoint, and fit returns
/// (history.interrupted); a second one ends the process. A signal that the program ignores stays
/// ignored; handlers of its own run as well. Tensors in the loss (NLLLoss{.weight = w}) are not
/// trained.
template <class M, int N, class Loss>
History fit(M& model, const data::Dataset<N>& data, Loss loss, FitOptions options = {},
            SourceLocation loc = SourceLocation::current()) {
  detail::check_fit<M, N, Loss>();
  constexpr int kColumns = detail::model_loss_columns<Loss, M, N>();
  const LocScope::Fallback line(loc);
  const Metric metric = options.metric;
  LILITH_CHECK(kColumns == 0 || !metric.f,
               "fit: a metric needs a loss of output and target, this one takes the model");
  if (!options.device) options.device = detail::device_of(model);
  move_to(*options.device, ModelRef(model, loc));
  Optimizer& optimizer = options.optimizer;
  optimizer.prepare(ModelRef(model, loc), {.ignore = options.ignore});
  detail::FitLossArgument<Loss> loss_argument{loss};
  if constexpr (reflect::Model<Loss>) move_to(*options.device, ModelRef(loss, loc));
  auto objective = [&](Loss& l, M& m, const std::vector<Tensor>& batch) {
    const Autocast scope(options.autocast, loc);
    return detail::fit_objective<kColumns>(m, l, metric, batch, loc);
  };
  using Held = typename detail::FitLossArgument<Loss>::Held;
  const auto& ignore = options.ignore;
  auto step = compile(
      [&](M& m, Optimizer& optimizer, Held& held, const std::vector<Tensor>& batch) {
        auto of_model = [&](M& of, const std::vector<Tensor>& x) {
          return objective(loss_argument.loss_of(held), of, x);
        };
        auto [value, score, gradients] = detail::grad_aux_impl(
            std::index_sequence<0>{}, "fit", GradOptions{.loc = loc}, of_model, m, batch);
        detail::clip_for_fit(gradients, options, loc);
        update(optimizer, m, std::move(gradients), {.ignore = ignore}, loc);
        score.insert(score.begin(), value);
        return score;
      },
      loc);
  // Of accumulated gradients: `part` of all rows are in this batch.
  auto collect = compile(
      [&](M& m, typename reflect::GradientsOf<M>::type& sum, Held& held,
          const std::vector<Tensor>& batch, const Tensor& part) {
        auto of_model = [&](M& of, const std::vector<Tensor>& x) {
          return objective(loss_argument.loss_of(held), of, x);
        };
        auto [value, score, gradients] = detail::grad_aux_impl(
            std::index_sequence<0>{}, "fit", GradOptions{.loc = loc}, of_model, m, batch);
        detail::add_scaled(ModelRef(sum, loc), gradients, part);
        score.insert(score.begin(), value);
        return score;
      },
      loc);
  auto finish = compile(
      [&](M& m, Optimizer& optimizer, typename reflect::GradientsOf<M>::type& sum) {
        detail::clip_for_fit(sum, options, loc);
        update(optimizer, m, sum, {.ignore = ignore}, loc);
      },
      loc);
  auto evaluate = compile(
      [&](M& m, Held& held, const std::vector<Tensor>& batch) {
        auto [value, score] = objective(loss_argument.loss_of(held), m, batch);
        score.insert(score.begin(), value);
        return score;
      },
      loc);
  Held& held = loss_argument.held();
  const detail::FitSteps steps{
      model, kColumns > 0 ? kColumns : 2,
      [&](const std::vector<Tensor>& batch) {
        if (options.accumulate == 1) return step(model, optimizer, held, batch);
        auto sum = detail::no_gradients(model);
        auto scores = detail::in_parts(batch, options.batch_size,
                                       [&](const std::vector<Tensor>& rows, const Tensor& part) {
                                         return collect(model, sum, held, rows, part);
                                       });
        finish(model, optimizer, sum);
        return scores;
      },
      [&](const std::vector<Tensor>& batch) { return evaluate(model, held, batch); }};
  return detail::run_fit(data.source(), steps, options, loc);
}

/// Says that the data is no dataset.
template <class M, class Data, class Loss>
  requires(!detail::is_dataset<Data>)
History fit(M&, const Data&, Loss, const FitOptions& = {}) {
  static_assert(detail::is_dataset<Data>,
                "lilith: fit: the second argument is no dataset: make one of tensors, "
                "TensorDataset(x, y); fit makes its batches itself, so it takes no DataLoader");
  return {};
}

struct PredictOptions {
  std::int64_t batch_size = 256;
  /// Where it computes; unset: where the model lies.
  std::optional<Device> device = {};
};

/// What the model gives for the first column of the data, row by row, as one tensor in host memory:
/// [rows, ...]. A copy of the model in test mode is called, as const or not: the model itself, its
/// flags and its buffers stay as they are, and threads may share it. Error for an empty dataset.
template <class M, int N>
Tensor predict(const M& model, const data::Dataset<N>& data, const PredictOptions& options = {},
               SourceLocation loc = SourceLocation::current()) {
  const LocScope::Fallback line(loc);
  const Device device = options.device.value_or(detail::device_of(model));
  M copy = lilith::to(device, model, loc);
  test_mode(ModelRef(copy, loc));
  auto forward =
      compile([loc](M& m, const Tensor& x) { return Tensor(detail::call_at(loc, m, x)); }, loc);
  return detail::run_predict(
      data.source(), [&](const Tensor& x) { return forward(copy, x); }, options.batch_size, device);
}

/// The part of the rows of (x, y) that a classifier gets right: see accuracy(output, target).
template <class M>
double accuracy(const M& model, const data::Dataset<2>& data, const PredictOptions& options = {},
                SourceLocation loc = SourceLocation::current()) {
  const LocScope scope(loc);
  return accuracy(predict(model, data, options, loc), detail::all_targets(data.source()));
}

}  // namespace lilith
