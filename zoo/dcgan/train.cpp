#include "dcgan/train.h"

#include <lilith/checkpoint.h>
#include <lilith/io.h>
#include <lilith/plot.h>
#include <lilith/train.h>

#include <chrono>
#include <cmath>

#include "common.h"
#include "dcgan/model.h"

namespace lilith::zoo {
namespace {

// One step of both: the generator runs once, and gets its gradient through what it made. Gives the
// losses of the discriminator and of the generator.
std::pair<Tensor, Tensor> train_step(Generator& generator, Discriminator& discriminator,
                                     Adam& of_generator, Adam& of_discriminator, const Tensor& real,
                                     const Tensor& z) {
  auto [fake, pull] = vjp([](Generator& g, const Tensor& noise) { return g(noise); }, generator, z);
  auto [d_loss, d_gradients] = grad(
      [](Discriminator& d, const Tensor& seen, const Tensor& made) {
        return adversarial_loss(d(seen), true) + adversarial_loss(d(made), false);
      },
      discriminator, real, stop_gradient(fake));
  update(of_discriminator, discriminator, std::move(d_gradients));
  auto [g_loss, cotangent] =
      grad([&](const Tensor& made) { return adversarial_loss(discriminator(made), true); },
           stop_gradient(fake));
  auto [g_gradients, unused] = pull(cotangent);
  update(of_generator, generator, std::move(g_gradients));
  return {d_loss, g_loss};
}

void write_sheet(const Generator& generator, const Tensor& z, const TrainArgs& args) {
  Generator drawing = generator;
  test_mode(drawing);
  const Tensor sheet = (drawing(z) * 0.5 + 0.5).to(cpu());
  image_sheet(sheet).save(out_path(args, "samples.png"));
}

}  // namespace

TrainReport train_dcgan(const TrainArgs& args) {
  const auto start = std::chrono::steady_clock::now();
  LILITH_CHECK(!args.resume, "--resume: dcgan keeps no checkpoint");
  prepare_out(args.out);
  const DigitData digits = load_digits(args.data, args.seed);
  manual_seed(args.seed);
  Generator generator;
  Discriminator discriminator;
  move_to(args.device, generator);
  move_to(args.device, discriminator);
  const AdamOptions options{.lr = or_default(args.lr, 2e-4), .betas = {0.5, 0.999}};
  Adam of_generator(options), of_discriminator(options);
  const auto batch = or_default<std::int64_t>(args.batch_size, 128);
  const DataLoader<2> loader(digits.train, {.batch_size = batch,
                                            .shuffle = true,
                                            .seed = args.seed,
                                            .drop_last = true,
                                            .device = args.device});
  LILITH_CHECK(loader.size() > 0, "--batch-size: {} is more than the {} images there are", batch,
               digits.train.size());
  auto step = compile(train_step);
  const Tensor shown = randn({50, Generator::kLatent, 1, 1}, {.device = args.device});
  History history;
  const std::int64_t epochs = or_default<std::int64_t>(args.epochs, 5);
  for (std::int64_t epoch = 1; epoch <= epochs; ++epoch) {
    const auto began = std::chrono::steady_clock::now();
    double d_sum = 0, g_sum = 0;
    for (const auto& [x, y] : loader) {
      const Tensor z = randn({x.size(0), Generator::kLatent, 1, 1}, {.device = args.device});
      const auto [d_loss, g_loss] =
          step(generator, discriminator, of_generator, of_discriminator, x * 2 - 1, z);
      d_sum += d_loss.item<float>();
      g_sum += g_loss.item<float>();
    }
    const double n = static_cast<double>(loader.size());
    history.rows.push_back(
        {.epoch = epoch,
         .loss = d_sum / n,
         .metric = g_sum / n,
         .lr = options.lr,
         .seconds =
             std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count()});
    fmt::print(stderr, "epoch {}/{}  discriminator {:.4f}  generator {:.4f}  {:.1f} s\n", epoch,
               epochs, d_sum / n, g_sum / n, history.rows.back().seconds);
    if (!args.out.empty()) write_sheet(generator, shown, args);
  }
  history.metric_name = "loss of the generator";
  if (!args.out.empty()) save(generator, out_path(args, "model.safetensors"));
  write_curves(args, history, "dcgan");
  TrainReport report = make_report("dcgan", digits.name, args, history);
  if (const double loss = history.rows.back().metric; std::isfinite(loss))
    report.details = fmt::format(R"({{"generator_loss": {}}})", loss);
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

}  // namespace lilith::zoo
