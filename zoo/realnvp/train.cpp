#include "realnvp/train.h"

#include <lilith/io.h>
#include <lilith/plot.h>
#include <lilith/train.h>

#include <chrono>
#include <cmath>
#include <numbers>

#include "common.h"
#include "realnvp/model.h"

namespace lilith::zoo {
namespace {

// Two half circles that reach into each other, with noise; y says which. x f32 [N,2], centred. Ref:
// sklearn.datasets.make_moons.
data::Dataset<2> moons(std::int64_t n) {
  const Tensor angle = rand({n}) * std::numbers::pi, lower = (arange(n) % 2).to(kFloat32);
  const Tensor side = 1 - 2 * lower;
  const Tensor x =
      stack({side * cos(angle) + lower - 0.5, side * sin(angle) + lower * 0.5 - 0.25}, 1);
  Tensor points = x + 0.08 * randn({n, 2});
  eval(points);
  return TensorDataset(points, (arange(n) % 2));
}

// A dot a point [N,2], those with y = 1 in another colour.
auto scatter(const std::string& title, const Tensor& points, const Tensor& y) {
  const std::vector<float> at = points.to_vector<float>();
  const auto kinds = y.to_vector<std::int64_t>();
  Series all[] = {{.dots = true}, {.dots = true}};
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    Series& s = all[kinds[i]];
    s.x.push_back(at[2 * i]);
    s.y.push_back(at[2 * i + 1]);
  }
  all[0].name = "moon 0";
  all[1].name = "moon 1";
  Chart chart{title, "x", "y", {all[0]}};
  if (!all[1].x.empty()) chart.series.push_back(all[1]);
  return draw_charts({chart}, 480, 480);
}

void write_pictures(const RealNvp& net, const data::Dataset<2>& test, const TrainArgs& args) {
  const auto [x, y] = test.slice(0);
  const Tensor z = net(x).first, none = zeros({x.size(0)}, {.dtype = kInt64});
  scatter("two moons", x, y).save(out_path(args, "data.png"));
  scatter("samples", net.inverse(randn_like(x)), none).save(out_path(args, "samples.png"));
  scatter("latent numbers", z, y).save(out_path(args, "inverse.png"));
}

}  // namespace

TrainReport train_realnvp(const TrainArgs& args) {
  LILITH_CHECK(args.data.empty(), "--data: realnvp draws its two moons itself");
  const auto start = std::chrono::steady_clock::now();
  prepare_out(args.out);
  manual_seed(args.seed);
  const data::Dataset<2> train = moons(4000), test = moons(2000);
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
    save(net, out_path(args, "model.safetensors"));
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
