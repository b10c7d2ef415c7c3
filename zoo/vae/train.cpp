#include "vae/train.h"

#include <lilith/io.h>
#include <lilith/ops.h>
#include <lilith/plot.h>

#include <chrono>

#include "bench_case.h"
#include "vae/model.h"

namespace lilith::zoo {
namespace {

// Test images above, their reconstructions below, row by row.
void write_sheet(const Vae& vae, const data::Dataset<2>& test, const TrainArgs& args) {
  constexpr std::int64_t kColumns = 12, kRows = 4;
  const auto [x, y] = test.slice(0, kColumns * kRows);
  const TensorDataset<2> shown(x, y);
  const Tensor reconstructed = predict(vae, shown, {.device = args.device});
  std::vector<Tensor> rows;
  for (std::int64_t from = 0; from < x.size(0); from += kColumns) {
    rows.push_back(x.slice(0, from, from + kColumns));
    rows.push_back(reconstructed.slice(0, from, from + kColumns));
  }
  image_sheet(cat(rows, 0), kColumns).save(out_path(args, "reconstructions.png"));
}

}  // namespace

TrainReport train_vae(const TrainArgs& args) {
  const auto start = std::chrono::steady_clock::now();
  prepare_out(args.out);
  const DigitData digits = load_digits(args.data);
  manual_seed(args.seed);
  Vae vae;
  const std::int64_t epochs = or_default<std::int64_t>(args.epochs, 10);
  // Nats an image, so that the figure does not depend on the batch.
  const auto loss = [](const Vae& m, const Tensor& x) {
    const Tensor noise = randn({x.size(0), Vae::kLatent}, {.device = x.device()});
    return vae_loss(m, x, noise) / static_cast<double>(x.size(0));
  };
  const History history = fit(vae, digits.train, loss,
                              {.epochs = epochs,
                               .batch_size = or_default<std::int64_t>(args.batch_size, 100),
                               .optimizer = Adam({.lr = or_default(args.lr, 1e-3)}),
                               .device = args.device,
                               .validation = digits.test,
                               .seed = args.seed,
                               .checkpoint = checkpoint_path(args),
                               .resume = args.resume});
  if (!args.out.empty()) {
    save(vae, out_path(args, "model.safetensors"));
    write_sheet(vae, digits.test, args);
  }
  write_curves(args, history, "vae");
  TrainReport report = make_report("vae", digits.name, args, history);
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

std::unique_ptr<BenchCase> bench_vae(const BenchArgs& args) {
  // Multiply-adds an image of each contraction; the first one needs no gradient of its input.
  constexpr double kFirst = 784 * 500, kOthers = 2 * 500 * 5 + 5 * 500 + 500 * 784;
  constexpr double kFlops = 2 * (2 * kFirst + 3 * kOthers);
  using Loss = decltype(&vae_loss);
  return std::make_unique<DigitBench<Vae, Loss>>(args, kFlops, &vae_loss, "eps", Vae::kLatent);
}

}  // namespace lilith::zoo
