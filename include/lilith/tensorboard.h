#pragma once
#include <concepts>
#include <map>
#include <memory>
#include <string>

#include "lilith/tensor.h"

namespace lilith {

struct EpochRow;
class FitState;

/// Writes events that TensorBoard shows: `tensorboard --logdir runs`. Each event is in the file
/// when the call returns. A handle: copies write to one file. Ref:
/// torch.utils.tensorboard.SummaryWriter.
class SummaryWriter {
 public:
  /// A new file in `log_dir`, which is made where it is missing. Error when it cannot be.
  explicit SummaryWriter(const std::string& log_dir,
                         SourceLocation loc = SourceLocation::current());

  void add_scalar(const std::string& tag, double value, std::int64_t step,
                  SourceLocation loc = SourceLocation::current());
  /// A tensor of one element.
  template <std::derived_from<Tensor> T>
  void add_scalar(const std::string& tag, const T& value, std::int64_t step,
                  SourceLocation loc = SourceLocation::current()) {
    add_scalar(tag, value.item(loc), step, loc);
  }
  /// Each under its own tag, "main_tag/tag".
  void add_scalars(const std::string& main_tag, const std::map<std::string, double>& values,
                   std::int64_t step, SourceLocation loc = SourceLocation::current());
  /// How the finite elements are spread over 30 bins of one width. Error without any.
  void add_histogram(const std::string& tag, const Tensor& values, std::int64_t step,
                     SourceLocation loc = SourceLocation::current());
  /// image as write_image takes it.
  void add_image(const std::string& tag, const Tensor& image, std::int64_t step,
                 SourceLocation loc = SourceLocation::current());
  void add_text(const std::string& tag, const std::string& text, std::int64_t step,
                SourceLocation loc = SourceLocation::current());
  // Nothing is left to do: each event is in the file.
  void flush() {}
  void close() {}
  /// The file that it writes.
  const std::string& path() const;

 private:
  struct File;
  std::shared_ptr<File> file_;
};

/// A callback of fit that writes each epoch's row: loss, metric, val_loss, val_metric, lr.
/// `fit(net, data, loss, {.callbacks = {TensorBoard("runs/1")}})`.
class TensorBoard {
 public:
  explicit TensorBoard(const std::string& log_dir, SourceLocation loc = SourceLocation::current())
      : writer_(log_dir, loc) {}
  void operator()(FitState& state);
  SummaryWriter& writer() { return writer_; }

 private:
  SummaryWriter writer_;
};

}  // namespace lilith
