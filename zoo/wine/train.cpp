#include "wine/train.h"

#include <lilith/io.h>
#include <lilith/ops.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>

#include "common.h"
#include "wine/least_squares.h"
#include "wine/model.h"

namespace lilith::zoo {
namespace {

constexpr std::int64_t kFeatures = 11;

struct Table {
  std::string name;
  data::Dataset<2> data;
};

// The separator of the UCI files is ';' in some mirrors and ',' in others.
char separator_of(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "rb");
  LILITH_CHECK(file != nullptr, "wine: cannot open {}", path);
  char separator = ',';
  for (int c = std::fgetc(file); c != EOF && c != '\n'; c = std::fgetc(file)) {
    if (c == ';') separator = ';';
  }
  std::fclose(file);
  return separator;
}

Table read_table(const std::string& folder, const std::string& name) {
  const std::string path =
      (std::filesystem::path(folder) / ("winequality-" + name + ".csv")).string();
  CsvDataset data(path, {.separator = separator_of(path)});
  const std::int64_t features = data.source()->columns()[0].shape[0];
  LILITH_CHECK(features == kFeatures, "wine: {} has {} features; need {} and the quality", path,
               features, kFeatures);
  return {name, data};
}

// Numbers with a known linear law and noise, for a run without files.
Table make_table(const std::string& name, std::int64_t rows, std::uint64_t seed) {
  manual_seed(seed);
  const Tensor x = randn({rows, kFeatures});
  const Tensor law = randn({kFeatures, 1}) * 0.3;
  const Tensor y = matmul(x, law) + 5.6 + randn({rows, 1}) * 0.65;
  return {name, TensorDataset<2>(x, y)};
}

std::vector<Table> load_tables(const TrainArgs& args) {
  if (args.data.empty()) {
    std::fprintf(stderr,
                 "data: built-in made-up tables (not the wine data); --data DIR takes "
                 "winequality-red.csv and "
                 "winequality-white.csv\n");
    return {make_table("red", 1600, args.seed), make_table("white", 4900, args.seed + 1)};
  }
  std::vector<Table> tables{read_table(args.data, "red"), read_table(args.data, "white")};
  fmt::print(stderr, "data: wine quality from {}: {} red, {} white\n", args.data,
             tables[0].data.size(), tables[1].data.size());
  return tables;
}

// Training and test rows as host numbers, features standardised by the training rows.
struct Standardised {
  std::int64_t rows[2];
  std::vector<float> x[2], y[2];
  data::Dataset<2> dataset(int part) const {
    return TensorDataset<2>(from_data(x[part].data(), {rows[part], kFeatures}),
                            from_data(y[part].data(), {rows[part], 1}));
  }
};

Standardised standardise(const data::Dataset<2>& train, const data::Dataset<2>& test) {
  Standardised s;
  const data::Dataset<2>* parts[] = {&train, &test};
  for (int p = 0; p < 2; ++p) {
    const auto [x, y] = parts[p]->slice(0);
    s.rows[p] = x.size(0);
    s.x[p] = x.to_vector<float>();
    s.y[p] = y.to_vector<float>();
  }
  for (std::int64_t f = 0; f < kFeatures; ++f) {
    double sum = 0, squares = 0;
    const double n = static_cast<double>(s.rows[0]);
    const auto at = [f](std::int64_t row) { return static_cast<std::size_t>(row * kFeatures + f); };
    for (std::int64_t i = 0; i < s.rows[0]; ++i) sum += s.x[0][at(i)];
    for (std::int64_t i = 0; i < s.rows[0]; ++i) squares += std::pow(s.x[0][at(i)] - sum / n, 2);
    const double deviation = squares > 0 ? std::sqrt(squares / n) : 1;
    for (int p = 0; p < 2; ++p) {
      for (std::int64_t i = 0; i < s.rows[p]; ++i) {
        s.x[p][at(i)] = static_cast<float>((s.x[p][at(i)] - sum / n) / deviation);
      }
    }
  }
  return s;
}

// The test error of the closed form: a column of ones beside the features.
double closed_form_mse(const Standardised& s) {
  constexpr int kCols = kFeatures + 1;
  std::vector<double> a;
  for (std::int64_t i = 0; i < s.rows[0]; ++i) {
    a.push_back(1);
    for (std::int64_t f = 0; f < kFeatures; ++f)
      a.push_back(s.x[0][static_cast<std::size_t>(i * kFeatures + f)]);
  }
  const auto w = least_squares(std::move(a), {s.y[0].begin(), s.y[0].end()}, kCols);
  double sum = 0;
  for (std::int64_t i = 0; i < s.rows[1]; ++i) {
    double prediction = w[0];
    for (std::int64_t f = 0; f < kFeatures; ++f) {
      prediction +=
          w[static_cast<std::size_t>(f + 1)] * s.x[1][static_cast<std::size_t>(i * kFeatures + f)];
    }
    sum += std::pow(prediction - s.y[1][static_cast<std::size_t>(i)], 2);
  }
  return sum / static_cast<double>(s.rows[1]);
}

struct Fitted {
  double mse = 0;
  History history;
};

template <class Net>
Fitted fit_wine(Net& net, const Standardised& s, const TrainArgs& args, std::int64_t epochs,
                const std::string& run) {
  const std::string folder = args.out;
  FitOptions options{.epochs = epochs,
                     .batch_size = or_default<std::int64_t>(args.batch_size, 100),
                     .optimizer = Adam({.lr = or_default(args.lr, 0.02)}),
                     .device = args.device,
                     .validation = s.dataset(1),
                     .seed = args.seed};
  // Half a cosine down to zero: the noise of small batches dies away.
  options.scheduler = CosineAnnealingLR({.T_max = epochs});
  if (!folder.empty()) {
    options.checkpoint =
        (std::filesystem::path(folder) / ("checkpoint-" + run + ".safetensors")).string();
    options.checkpoint_every = 50;
  }
  options.interrupt_checkpoint = fmt::format("lilith-interrupted-{}.safetensors", run);
  // A run that was stopped before this one began has no checkpoint of it.
  options.resume =
      args.resume &&
      std::filesystem::exists(folder.empty() ? options.interrupt_checkpoint : options.checkpoint);
  fmt::print(stderr, "{}\n", run);
  Fitted fitted;
  fitted.history = fit(net, s.dataset(0), MSELoss{}, std::move(options));
  fitted.mse = fitted.history.rows.empty() ? NAN : fitted.history.rows.back().val_loss;
  if (!folder.empty())
    save(net, (std::filesystem::path(folder) / ("model-" + run + ".safetensors")).string());
  return fitted;
}

// The mean over the wines of the layer's last figures; of the raw tensors' for a wine whose other
// run was not begun when Ctrl-C came.
void average_tables(const std::vector<NamedHistory>& runs, TrainReport* report) {
  double train = 0, test = 0, n = 0;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const auto& rows = runs[i].history.rows;
    const bool superseded = i + 1 < runs.size() && runs[i + 1].name + "-raw" == runs[i].name &&
                            !runs[i + 1].history.rows.empty();
    if (rows.empty() || superseded) continue;
    train += rows.back().loss;
    test += rows.back().val_loss;
    ++n;
  }
  if (n == 0) return;
  report->train_loss = train / n;
  report->test_loss = test / n;
}

}  // namespace

TrainReport train_wine(const TrainArgs& args) {
  const auto start = std::chrono::steady_clock::now();
  prepare_out(args.out);
  const std::int64_t epochs = or_default<std::int64_t>(args.epochs, 150);
  const auto tables = load_tables(args);
  std::vector<NamedHistory> runs;
  std::string details;
  fmt::print("{:<6} {:>6} {:>6}  {:>12} {:>12} {:>14}\n", "wine", "train", "test", "raw tensors",
             "Linear", "least squares");
  for (const Table& table : tables) {
    const std::int64_t n = table.data.size(), held_out = n / 5;
    const auto parts = random_split(table.data, {n - held_out, held_out}, args.seed);
    const Standardised s = standardise(parts[0], parts[1]);
    manual_seed(args.seed);
    WineRaw raw;
    WineLinear linear;
    const Fitted by_raw = fit_wine(raw, s, args, epochs, table.name + "-raw");
    runs.push_back({table.name + "-raw", by_raw.history});
    if (by_raw.history.interrupted) break;
    const Fitted by_linear = fit_wine(linear, s, args, epochs, table.name);
    runs.push_back({table.name, by_linear.history});
    if (by_linear.history.interrupted) break;
    const double closed = closed_form_mse(s);
    fmt::print("{:<6} {:>6} {:>6}  {:>12.5f} {:>12.5f} {:>14.5f}\n", table.name, s.rows[0],
               s.rows[1], by_raw.mse, by_linear.mse, closed);
    details += fmt::format(
        "{}\"{}\": {{\"raw_mse\": {:.6f}, \"linear_mse\": {:.6f}, \"least_squares_mse\": {:.6f}}}",
        details.empty() ? "" : ", ", table.name, by_raw.mse, by_linear.mse, closed);
  }
  write_curves(args, runs, "wine");
  TrainReport report = make_report("wine", args.data.empty() ? "made-up tables" : "wine quality",
                                   args, runs.back().history);
  average_tables(runs, &report);
  report.details = "{" + details + "}";
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

}  // namespace lilith::zoo
