// How long a training step waits for its batch: cnn's step fed by a DataLoader, without and with
// worker threads, from images in memory and from images that are changed one by one as they are
// read. A step ends when its loss is on the host.
#include <fmt/format.h>
#include <lilith/compile.h>
#include <lilith/data.h>
#include <lilith/ops.h>
#include <lilith/optim.h>
#include <lilith/runtime.h>
#include <lilith/transforms.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <numeric>

#include "zoo/cnn/model.h"

namespace {

using namespace lilith;
using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

double quantile_of(std::vector<double> v, double q) {
  std::sort(v.begin(), v.end());
  return v[static_cast<std::size_t>(q * static_cast<double>(v.size() - 1))];
}

/// cnn, its optimiser and its compiled step.
struct Training {
  zoo::Cnn net;
  Adam optimizer{AdamOptions{.lr = 1e-3}};

  double step(const Tensor& x, const Tensor& y) {
    static auto compiled = compile([](zoo::Cnn& m, Adam& o, const Tensor& images, const Tensor& t) {
      auto [loss, g] = grad([](const zoo::Cnn& net, const Tensor& in,
                               const Tensor& target) { return nll_loss(net(in), target); },
                            m, images, t);
      update(o, m, std::move(g));
      return loss;
    });
    return compiled(net, optimizer, x, y).item<float>();
  }
};

/// Milliseconds, one of each for a batch.
struct Times {
  std::vector<double> waits, steps;
};

Times run(const data::Dataset<2>& data, std::int64_t batch, std::int64_t workers,
          std::int64_t epochs) {
  const DataLoader<2> loader(
      data,
      {.batch_size = batch, .shuffle = true, .seed = 1, .drop_last = true, .num_workers = workers});
  Training training;
  Times times;
  for (std::int64_t epoch = 0; epoch < epochs; ++epoch) {
    auto at = loader.begin();
    bool is_first = true;  // compiles, and the workers begin
    for (const auto end = loader.end(); at != end; is_first = false) {
      const auto asked = Clock::now();
      const auto [x, y] = *at;
      double wait = ms_since(asked);
      const auto began = Clock::now();
      training.step(x, y);
      const double step = ms_since(began);
      const auto done = Clock::now();
      ++at;
      wait += ms_since(done);
      if (is_first) continue;
      times.steps.push_back(step);
      times.waits.push_back(wait);
    }
  }
  return times;
}

/// The step by itself, on one batch that lies there.
double alone(const data::Dataset<2>& data, std::int64_t batch) {
  const auto [x, y] = data.slice(0, batch);
  Training training;
  std::vector<double> times;
  for (int k = 0; k < 60; ++k) {
    const auto began = Clock::now();
    training.step(x, y);
    if (k >= 10) times.push_back(ms_since(began));
  }
  return quantile_of(times, 0.5);
}

void report(const std::string& name, const data::Dataset<2>& data, std::int64_t batch,
            const std::vector<std::int64_t>& workers, std::int64_t epochs) {
  const double by_itself = alone(data, batch);
  for (const std::int64_t n : workers) {
    const auto [waits, steps] = run(data, batch, n, epochs);
    const double waited = std::accumulate(waits.begin(), waits.end(), 0.0),
                 stepped = std::accumulate(steps.begin(), steps.end(), 0.0);
    fmt::print("| {} | {} | {:.3f} | {:.3f} | {:.4f} | {:.4f} | {:.1f} % | {:.3f} |\n", name, n,
               by_itself, quantile_of(steps, 0.5), quantile_of(waits, 0.5),
               quantile_of(waits, 0.95), 100 * waited / (waited + stepped),
               (waited + stepped) / static_cast<double>(steps.size()));
  }
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"How long cnn's training step waits for its batches.", "feeding"};
  std::string folder;
  std::int64_t batch = 100, epochs = 2;
  std::vector<std::int64_t> workers = {0, 1, 2};
  app.add_option("--data", folder, "MNIST's folder; without it drawn digits");
  app.add_option("--batch", batch)->capture_default_str();
  app.add_option("--epochs", epochs)->capture_default_str();
  app.add_option("--workers", workers, "Numbers of threads that make batches")
      ->delimiter(',')
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    const data::Dataset<2> digits =
        folder.empty() ? data::Dataset<2>(data::Digits(data::Split::Train, {.size = 12000}))
                       : data::Dataset<2>(data::MNIST(folder, data::Split::Train));
    const transforms::Compose augment(transforms::RandomCrop{.size = {28, 28}, .padding = 2},
                                      transforms::RandomErasing{});
    fmt::print("{} threads, batches of {}, medians in ms\n\n", num_threads(), batch);
    fmt::print(
        "| images | workers | step alone | step | wait | 95 % wait less than | time waited "
        "| each batch |\n|---|---|---|---|---|---|---|---|\n");
    report("in memory", digits, batch, workers, epochs);
    report("cropped and erased", transformed(digits, augment), batch, workers, 1);
  } catch (const std::exception& e) {
    fmt::print(stderr, "feeding: {}\n", e.what());
    return 1;
  }
  return 0;
}
