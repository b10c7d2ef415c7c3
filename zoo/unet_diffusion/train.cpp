#include "unet_diffusion/train.h"

#include <lilith/io.h>
#include <lilith/plot.h>
#include <lilith/train.h>

#include <chrono>

#include "common.h"
#include "unet_diffusion/model.h"

namespace lilith::zoo {
namespace {

// Images from noise, all steps back: f32 [n,1,28,28] in [0, 1].
Tensor draw(const Diffusion& model, std::int64_t n, Device device) {
  auto step =
      compile([](const Diffusion& m, const Tensor& x, const Tensor& t) { return m.denoise(x, t); });
  Tensor x = randn({n, 1, 28, 28}, {.device = device});
  for (std::int64_t t = NoiseSchedule::kSteps - 1; t >= 0; --t)
    x = step(model, x, full({n}, t, {.dtype = kInt64, .device = device}));
  return clamp(x * 0.5 + 0.5, 0, 1).to(cpu());
}

}  // namespace

TrainReport train_unet_diffusion(const TrainArgs& args) {
  const auto start = std::chrono::steady_clock::now();
  prepare_out(args.out);
  const DigitData digits = load_digits(args.data, args.seed);
  manual_seed(args.seed);
  Diffusion model;
  const auto loss = [](const Diffusion& m, const Tensor& x) { return m.loss(x * 2 - 1); };
  const std::int64_t epochs = or_default<std::int64_t>(args.epochs, 6);
  const History history = fit(model, digits.train, loss,
                              {.epochs = epochs,
                               .batch_size = or_default<std::int64_t>(args.batch_size, 64),
                               .optimizer = Adam({.lr = or_default(args.lr, 1e-3)}),
                               .device = args.device,
                               .validation = digits.test,
                               .scheduler = CosineAnnealingLR({.T_max = epochs}),
                               .seed = args.seed,
                               .checkpoint = checkpoint_path(args),
                               .resume = args.resume});
  if (!args.out.empty()) {
    save(model, out_path(args, "model.safetensors"));
    if (!history.interrupted)
      image_sheet(draw(model, 50, args.device)).save(out_path(args, "samples.png"));
  }
  write_curves(args, history, "unet-diffusion");
  TrainReport report = make_report("unet-diffusion", digits.name, args, history);
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

}  // namespace lilith::zoo
