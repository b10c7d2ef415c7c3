#pragma once
#include <lilith/data.h>
#include <lilith/train.h>

#include <string>

#include "registry.h"

namespace lilith::zoo {

/// Images of digits for training and testing, and what they are.
struct DigitData {
  data::Dataset<2> train, test;
  std::string name;  // "MNIST" or "drawn digits"
};

/// MNIST from the folder, or the drawn digits when it is empty; says on stderr which of the two.
DigitData load_digits(const std::string& folder, std::uint64_t seed = 0);

/// Makes the folder of --out where there is one; Error when that fails.
void prepare_out(const std::string& folder);
/// A file in --out.
std::string out_path(const TrainArgs& args, const std::string& file);
/// The checkpoint of a run in --out; empty without a folder.
std::string checkpoint_path(const TrainArgs& args);
/// One of the fits of a training run.
struct NamedHistory {
  std::string name;
  History history;
};
/// Writes metrics.csv and curves.png (the loss, and the metric where there is one) to --out.
void write_curves(const TrainArgs& args, const History& history, const std::string& title);
/// The same of several fits: metrics.csv begins with a column of their names, each has its charts.
void write_curves(const TrainArgs& args, const std::vector<NamedHistory>& runs,
                  const std::string& title);

/// The last epoch's figures as a report; its epochs are those that the history holds.
TrainReport make_report(const std::string& model, const std::string& data, const TrainArgs& args,
                        const History& history);

/// Value, or the model's default for 0.
template <class T>
T or_default(T value, T fallback) {
  return value == T{} ? fallback : value;
}

}  // namespace lilith::zoo
