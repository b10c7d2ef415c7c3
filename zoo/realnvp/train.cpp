#include "realnvp/train.h"

#include <lilith/io.h>
#include <lilith/plot.h>
#include <lilith/train.h>

#include <chrono>
#include <cmath>
#include <filesystem>
#include <numbers>

#include "common.h"
#include "realnvp/model.h"

namespace lilith::zoo {
namespace {

// Two half circles that reach into each other, with noise; y says which. x f32 [N,2], centred. Ref:
// sklearn.datasets.make_moons.
Dataset<2> moons(std::int64_t n) {
  const Tensor angle = rand({n}) * std::numbers::pi, lower = (arange(n) % 2).to(kFloat32);
  const Tensor side = 1 - 2 * lower;
  const Tensor x =
      stack({side * cos(angle) + lower - 0.5, side * sin(angle) + lower * 0.5 - 0.25}, 1);
  Tensor points = x + 0.08 * randn({n, 2});
  eval(points);
  return TensorDataset(points, (arange(n) % 2));
}

// A dot a point [N,2], those with y = 1 in another colour, within ±reach.
Raster scatter(const Tensor& points, const Tensor& y, double reach) {
  constexpr int kSide = 480;
  Raster raster(kSide, kSide);
  const std::vector<float> at = points.to_vector<float>();
  const auto kinds = y.to_vector<std::int64_t>();
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    const auto pixel = [&](float v) {
      return static_cast<int>(std::lround((v / reach + 1) * kSide / 2));
    };
    const Color color = kinds[i] == 1 ? Color{200, 60, 40} : Color{40, 80, 170};
    raster.fill(pixel(at[2 * i]) - 1, kSide - pixel(at[2 * i + 1]) - 1, 3, 3, color);
  }
  return raster;
}

void write_pictures(const RealNvp& net, const Dataset<2>& test, const TrainArgs& args) {
  const std::filesystem::path out = args.out;
  const auto [x, y] = test.slice(0);
  const Tensor z = net(x).first, none = zeros({x.size(0)}, {.dtype = kInt64});
  scatter(x, y, 2).save_png((out / "data.png").string());
  scatter(net.inverse(randn_like(x)), none, 2).save_png((out / "samples.png").string());
  scatter(z, y, 4).save_png((out / "inverse.png").string());
}

}  // namespace

TrainReport train_realnvp(const TrainArgs& args) {
  LILITH_CHECK(args.data.empty(), "--data: realnvp draws its two moons itself");
  const auto start = std::chrono::steady_clock::now();
  prepare_out(args.out);
  manual_seed(args.seed);
  const Dataset<2> train = moons(4000), test = moons(2000);
  RealNvp net;
  const auto loss = [](const RealNvp& m, const Tensor& x) { return -m.log_prob(x).mean(); };
  const std::int64_t epochs = or_default<std::int64_t>(args.epochs, 50);
  const History history = fit(net, train, loss,
                              {.epochs = epochs,
                               .batch_size = or_default<std::int64_t>(args.batch_size, 200),
                               .optimizer = Adam({.lr = or_default(args.lr, 2e-3)}),
                               .device = args.device,
                               .validation = test,
                               .scheduler = CosineAnnealingLR({.T_max = epochs}),
                               .seed = args.seed,
                               .checkpoint = checkpoint_path(args),
                               .resume = args.resume});
  const RealNvp on_host = to(cpu(), net);
  if (!args.out.empty()) {
    save(net, (std::filesystem::path(args.out) / "model.safetensors").string());
    write_pictures(on_host, test, args);
  }
  write_curves(args, history, "realnvp");
  TrainReport report = make_report("realnvp", "two moons", args, history);
  const Tensor x = test.slice(0)[0];
  const auto error = (on_host.inverse(on_host(x).first) - x).abs().max().item<float>();
  if (std::isfinite(error)) report.details = fmt::format(R"({{"inverse_error": {}}})", error);
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

}  // namespace lilith::zoo
