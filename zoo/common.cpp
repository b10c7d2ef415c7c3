#include "common.h"

#include <lilith/plot.h>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace lilith::zoo {

DigitData load_digits(const std::string& folder, std::uint64_t seed) {
  if (!folder.empty()) {
    DigitData d{data::MNIST(folder, data::Split::Train), data::MNIST(folder, data::Split::Test),
                "MNIST"};
    fmt::print(stderr, "data: MNIST from {}: {} images to train on, {} to test\n", folder,
               d.train.size(), d.test.size());
    return d;
  }
  DigitData d{data::Digits(data::Split::Train, {.size = 12000, .seed = seed}),
              data::Digits(data::Split::Test, {.size = 2000, .seed = seed}), "drawn digits"};
  fmt::print(stderr,
             "data: built-in drawn digits (not MNIST): {} images to train on, {} to test; --data "
             "DIR takes MNIST\n",
             d.train.size(), d.test.size());
  return d;
}

void prepare_out(const std::string& folder) {
  if (folder.empty()) return;
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  LILITH_CHECK(!error && std::filesystem::is_directory(folder),
               "--out: cannot make the folder {}: {}", folder,
               error ? error.message() : "it is a file");
}

std::string out_path(const TrainArgs& args, const std::string& file) {
  return (std::filesystem::path(args.out) / file).string();
}

std::string checkpoint_path(const TrainArgs& args) {
  return args.out.empty() ? "" : out_path(args, "checkpoint.safetensors");
}

namespace {

void add_charts(const History& history, const std::string& title, std::vector<Chart>* charts) {
  Series loss{"train", {}, {}}, val_loss{"test", {}, {}}, metric{"train", {}, {}},
      val_metric{"test", {}, {}};
  for (const EpochRow& row : history.rows) {
    const auto add = [&](Series& s, double v) {
      if (!std::isfinite(v)) return;
      s.x.push_back(static_cast<double>(row.epoch));
      s.y.push_back(v);
    };
    add(loss, row.loss);
    add(val_loss, row.val_loss);
    add(metric, row.metric);
    add(val_metric, row.val_metric);
  }
  const auto chart = [&](const std::string& name, std::vector<Series> series) {
    std::erase_if(series, [](const Series& s) { return s.x.empty(); });
    return Chart{title + ": " + name, "epoch", name, std::move(series)};
  };
  charts->push_back(chart("loss", {loss, val_loss}));
  if (!history.metric_name.empty())
    charts->push_back(chart(history.metric_name, {metric, val_metric}));
}

}  // namespace

void write_curves(const TrainArgs& args, const History& history, const std::string& title) {
  if (args.out.empty() || history.rows.empty()) return;
  history.save_csv(out_path(args, "metrics.csv"));
  std::vector<Chart> charts;
  add_charts(history, title, &charts);
  draw_charts(charts).save(out_path(args, "curves.png"));
}

void write_curves(const TrainArgs& args, const std::vector<NamedHistory>& runs,
                  const std::string& title) {
  if (args.out.empty()) return;
  std::vector<Chart> charts;
  const std::string table = out_path(args, "metrics.csv");
  std::ofstream csv(table);
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const auto& [name, history] = runs[i];
    std::istringstream lines(history.csv());
    std::string line;
    if (std::getline(lines, line); i == 0) csv << "run," << line << '\n';
    while (std::getline(lines, line)) csv << name << ',' << line << '\n';
    if (!history.rows.empty()) add_charts(history, title + ", " + name, &charts);
  }
  csv.close();
  LILITH_CHECK(!csv.fail(), "{}: cannot write {}", title, table);
  if (!charts.empty()) draw_charts(charts).save(out_path(args, "curves.png"));
}

TrainReport make_report(const std::string& model, const std::string& data, const TrainArgs& args,
                        const History& history) {
  TrainReport report;
  report.model = model;
  report.data = data;
  report.epochs = static_cast<std::int64_t>(history.rows.size());
  report.seed = args.seed;
  report.interrupted = history.interrupted;
  report.signal = history.signal;
  if (!history.rows.empty()) {
    const EpochRow& last = history.rows.back();
    report.train_loss = last.loss;
    if (std::isfinite(last.val_loss)) report.test_loss = last.val_loss;
  }
  return report;
}

}  // namespace lilith::zoo
