#pragma once
#include <lilith/model.h>
#include <lilith/train.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace lilith::zoo {

/// What `lilith train` passes on. A number that is 0 stands for the model's own default.
struct TrainArgs {
  std::string data;     // a folder; empty: the built-in data
  std::string weights;  // a file to begin with; without epochs it is scored, not trained
  std::int64_t epochs = 0, batch_size = 0;
  double lr = 0;
  Device device = {};
  std::string out;  // a folder for results; empty: nothing is written
  bool resume = false;
  std::uint64_t seed = 0;
};

/// What a training run found; the command line prints it as JSON.
struct TrainReport {
  std::string model, data;
  std::int64_t epochs = 0;  // done, those before a resumption included
  std::uint64_t seed = 0;
  std::optional<double> train_loss, test_loss, test_accuracy;  // none before the first epoch ends
  double seconds = 0;
  bool interrupted = false;
  int signal = 0;       // by which one
  std::string details;  // a JSON object with what only this model reports; empty: none
};

struct BenchArgs {
  std::string data;  // a folder; empty: the built-in data
  std::int64_t batch_size = 0;
  Device device = {};
  std::uint64_t seed = 0;
};

/// A training step that can be timed: forward, loss, gradients, update, as one program.
class BenchCase {
 public:
  /// The tensors of one step, by the names under which they are dumped (x, y, eps).
  using Batch = std::vector<std::pair<std::string, Tensor>>;
  virtual ~BenchCase() = default;
  virtual std::int64_t batch_size() const = 0;
  /// Floating-point operations of a step, counted densely: two for a multiply-add of a contraction.
  virtual double flops() const = 0;
  /// Batch i of the stream; what it holds depends on the seed and on i alone.
  virtual Batch batch(std::int64_t i) = 0;
  /// Runs a step; the loss before the update.
  virtual Tensor step(const Batch& batch) = 0;
  /// The model's weights, to be dumped or replaced.
  virtual ModelRef model() = 0;
  struct Program {
    std::int64_t kernels = 0, arena_bytes = 0;
    double compile_ms = 0;  // tracing excluded
    std::string text;       // what explain shows
  };
  /// The program that the last step ran.
  virtual Program program() = 0;
  /// Writes its page (lilith::explain_html).
  virtual void explain_html(const std::string& path) = 0;
};

struct Entry {
  std::string name, summary;
  TrainReport (*train)(const TrainArgs&);
  std::unique_ptr<BenchCase> (*bench)(const BenchArgs&);  // null: none
  bool takes_weights = false;
};

/// Every model of the zoo.
const std::vector<Entry>& models();
/// The model of that name. Error that lists those there are.
const Entry& find_model(const std::string& name);

}  // namespace lilith::zoo
