// How the time of a training step grows with its work: over the batch (vae), the length of the text
// (gpt) and the number of layers (a deep mlp). Prints a table, by the size and by the work.
//
//   growth [--out growth.png]
#include <fmt/format.h>
#include <lilith/compile.h>
#include <lilith/optim.h>
#include <lilith/plot.h>
#include <lilith/transforms.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>

#include "zoo/gpt/model.h"
#include "zoo/vae/model.h"

namespace {

using namespace lilith;
using Clock = std::chrono::steady_clock;

/// A step to time, after a first call; what it works on is the same each time.
struct Step {
  double multiply_adds;  // of its products, forward and backward
  std::function<void()> run;
};

/// A program of this size alone, though others came before.
template <class Net, class Loss>
std::function<void()> training(Net net, Loss loss, Tensor x, Tensor y) {
  eval(x, y);
  auto step = compile(
      [loss](Net& m, Adam& optimizer, const Tensor& in, const Tensor& out) {
        auto [value, g] = grad(loss, m, in, out);
        update(optimizer, m, std::move(g));
        return value;
      },
      {.dynamic = false});
  return [=, net = std::move(net), optimizer = Adam{AdamOptions{.lr = 1e-3}}]() mutable {
    eval(step(net, optimizer, x, y));
  };
}

Step vae(std::int64_t batch) {
  const auto loss = [](const zoo::Vae& m, const Tensor& x, const Tensor& noise) {
    return zoo::vae_loss(m, x, noise);
  };
  const double layers = 2 * 784 * 500 + 3 * 500 * zoo::Vae::kLatent;
  return {3 * layers * static_cast<double>(batch),
          training(zoo::Vae(), loss, rand({batch, 784}), randn({batch, zoo::Vae::kLatent}))};
}

Step gpt(std::int64_t length) {
  constexpr std::int64_t kSymbols = 65, kBatch = 4;
  const zoo::GptConfig config{.symbols = kSymbols, .length = length};
  const auto loss = [](const zoo::Gpt& m, const Tensor& x, const Tensor& y) {
    return cross_entropy_loss(m(x).reshape({-1, kSymbols}), y.reshape({-1}));
  };
  const double token = static_cast<double>(
      config.blocks * (12 * config.width * config.width + 2 * length * config.width) +
      config.width * kSymbols);
  return {3 * token * static_cast<double>(kBatch * length),
          training(zoo::Gpt(config), loss, randint(0, kSymbols, {kBatch, length}),
                   randint(0, kSymbols, {kBatch, length}))};
}

struct Mlp {
  std::vector<Linear> layers;
  Tensor operator()(Tensor x) const {
    for (const Linear& layer : layers) x = x + tanh(layer(x));
    return x;
  }
};

Step mlp(std::int64_t depth) {
  constexpr std::int64_t kWidth = 512, kBatch = 128;
  Mlp net;
  for (std::int64_t k = 0; k < depth; ++k) net.layers.emplace_back(kWidth, kWidth);
  const auto loss = [](const Mlp& m, const Tensor& x, const Tensor& y) {
    return mse_loss(m(x), y);
  };
  return {3.0 * kWidth * kWidth * kBatch * static_cast<double>(depth),
          training(std::move(net), loss, randn({kBatch, kWidth}), randn({kBatch, kWidth}))};
}

double ms_of(const std::function<void()>& f) {
  const Clock::time_point start = Clock::now();
  f();
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

/// The least of a few: for as long as a fifth of a second, 5 times or more.
double best_ms(const std::function<void()>& f) {
  double best = INFINITY, sum = 0;
  for (int k = 0; k < 5 || sum < 200; ++k) {
    const double ms = ms_of(f);
    best = std::min(best, ms);
    sum += ms;
  }
  return best;
}

struct Kind {
  std::string name, size;
  std::vector<std::int64_t> sizes;
  std::function<Step(std::int64_t)> make;
};

std::vector<Kind> kinds() {
  return {{"vae", "batch", {1, 4, 16, 64, 256, 1024, 4096}, vae},
          {"gpt (4 x 192)", "length", {64, 128, 256, 512, 1024}, gpt},
          {"mlp (512 wide)", "layers", {1, 2, 4, 8, 16, 32, 64}, mlp}};
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"How the time of a training step grows with its work."};
  std::string out;
  app.add_option("--out", out, "A picture: .png, .svg or .pdf");
  CLI11_PARSE(app, argc, argv);
  fmt::print("| model | size | first call, ms | step, ms | GFLOP/s |\n|---|---|---|---|---|\n");
  std::vector<Chart> charts;
  for (const Kind& kind : kinds()) {
    Series measured{.name = "measured", .x = {}, .y = {}};
    Series work{.name = "as the work of the largest", .x = {}, .y = {}};
    std::vector<double> multiply_adds;
    for (const std::int64_t size : kind.sizes) {
      const Step step = kind.make(size);
      const double first = ms_of(step.run), ms = best_ms(step.run);
      fmt::print("| {} | {} {} | {:.0f} | {:.3f} | {:.0f} |\n", kind.name, kind.size, size, first,
                 ms, 2 * step.multiply_adds / ms / 1e6);
      std::fflush(stdout);
      measured.x.push_back(std::log2(static_cast<double>(size)));
      measured.y.push_back(std::log2(ms));
      multiply_adds.push_back(step.multiply_adds);
    }
    work.x = measured.x;
    for (const double m : multiply_adds)
      work.y.push_back(measured.y.back() + std::log2(m / multiply_adds.back()));
    charts.push_back({.title = kind.name,
                      .x_label = "log2 of " + kind.size,
                      .y_label = "log2 of ms a step",
                      .series = {measured, work}});
  }
  if (!out.empty()) draw_charts(charts).save(out);
}
