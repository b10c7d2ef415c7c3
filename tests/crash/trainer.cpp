#include "crash/trainer.h"

#include <unistd.h>

#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "lilith/lilith.h"

namespace lilith::testing {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kEpochs = 12, kRows = 200, kBatch = 16, kSteps = kEpochs * 13;

// Everything that has a state: draws, running statistics, momenta.
struct Net {
  Linear a{6, 24};
  BatchNorm1d norm{24};
  Dropout drop{0.4};
  Linear b{24, 24};
  Dropout drop2{0.2};
  Linear c{24, 1};
  Tensor operator()(Tensor x) { return c(drop2(relu(b(drop(relu(norm(a(x)))))))); }
};

TensorDataset<2> data() {
  std::vector<float> x, y;
  for (int i = 0; i < kRows; ++i) {
    float sum = 0;
    for (int j = 0; j < 6; ++j) {
      x.push_back(std::sin(static_cast<float>(i * (j + 2)) * 0.37f));
      sum += x.back() * static_cast<float>(j - 2);
    }
    y.push_back(std::tanh(sum));
  }
  return TensorDataset(from_data(x.data(), {kRows, 6}), from_data(y.data(), {kRows, 1}));
}

OneCycleLR one_cycle() { return OneCycleLR({.max_lr = 0.02, .total_steps = kSteps}); }

void say_begins() {
  const char line = '\n';
  if (write(STDOUT_FILENO, &line, 1) != 1) _exit(4);
}

void write_final(const std::string& folder, Net& net, Optimizer& opt,
                 const std::vector<double>& losses) {
  TensorDict all;
  for (const auto& [name, t] : state_dict(net)) all.add("model." + name, t);
  for (const auto& [name, t] : state_dict(opt)) all.add("optimizer." + name, t);
  all.add("losses", tensor(losses));
  all.add("next draw", rand({4}));
  save_tensors(all, folder + "/final.safetensors");
}

int by_fit(const std::string& folder) {
  Net net;
  AdamW opt({.lr = 1e-3});
  const std::string checkpoint = folder + "/run.safetensors";
  const History history = fit(net, data(), MSELoss{},
                              {.epochs = kEpochs,
                               .batch_size = kBatch,
                               .optimizer = opt,
                               .validation = data(),
                               .callbacks = {EarlyStopping{.patience = 1000}},
                               .scheduler = one_cycle(),
                               .scheduler_per_step = true,
                               .checkpoint = checkpoint,
                               .resume = fs::exists(checkpoint),
                               .progress = ShowProgress::Off});
  if (history.interrupted) return 2;
  std::vector<double> losses;
  for (const EpochRow& row : history.rows)
    losses.insert(losses.end(), {row.loss, row.val_loss, row.lr});
  write_final(folder, net, opt, losses);
  return 0;
}

volatile std::sig_atomic_t g_stop = 0;

// The loop of a user: a checkpoint every few steps, in the middle of epochs, and at a signal.
int by_hand(const std::string& folder) {
  for (const int s : {SIGINT, SIGTERM}) std::signal(s, [](int) { g_stop = 1; });
  const std::string checkpoint = folder + "/run.safetensors";
  Net net;
  AdamW opt({.lr = 1e-3});
  StepLR decay(opt, {.step_size = 3, .gamma = 0.5});
  ReduceLROnPlateau plateau(opt, {.factor = 0.7, .patience = 1});
  DataLoader loader(data(), {.batch_size = kBatch, .shuffle = true});
  TrainState state;
  if (fs::exists(checkpoint)) load_checkpoint(checkpoint, net, opt, decay, plateau, loader, state);
  const auto step = compile([](Net& n, AdamW& o, Tensor x, Tensor y) {
    auto [loss, g] = grad([](Net& m, Tensor x, Tensor y) { return mse_loss(m(x), y); }, n, x, y);
    update(o, n, std::move(g));
    return loss;
  });
  for (; state.epoch < kEpochs; ++state.epoch) {
    double& sum = state.values["loss of the epoch"];
    for (auto [x, y] : loader) {
      sum += step(net, opt, x, y).item<double>();
      ++state.step;
      if (state.step % 5 != 0 && !g_stop) continue;
      save_checkpoint(checkpoint, net, opt, decay, plateau, loader, state);
      if (g_stop) return 2;
    }
    decay.step();
    plateau.step(sum);
    state.values[fmt::format("loss {}", state.epoch)] = sum;
    sum = 0;
  }
  std::vector<double> losses;
  for (const auto& [name, value] : state.values) losses.push_back(value);
  write_final(folder, net, opt, losses);
  return 0;
}

}  // namespace

int train_in(const std::string& folder, const std::string& kind) {
  try {
    manual_seed(11);
    say_begins();
    return kind == "fit" ? by_fit(folder) : by_hand(folder);
  } catch (const Error& e) {
    std::ofstream(folder + "/error.txt") << e.what();
    return 3;
  }
}

}  // namespace lilith::testing
