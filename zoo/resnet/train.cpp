#include "resnet/train.h"

#include <lilith/io.h>
#include <lilith/train.h>

#include <chrono>

#include "common.h"
#include "images.h"
#include "resnet/model.h"

namespace lilith::zoo {

TrainReport train_resnet(const TrainArgs& args) {
  const auto start = std::chrono::steady_clock::now();
  prepare_out(args.out);
  const ImageData images = load_images(args.data, args.seed);
  manual_seed(args.seed);
  auto net = images.side <= 64 ? resnet20(images.classes) : resnet18(images.classes);
  if (!args.weights.empty()) load(net, args.weights);
  const bool scores_only = !args.weights.empty() && args.epochs == 0;
  const std::int64_t epochs = scores_only ? 0 : or_default<std::int64_t>(args.epochs, 15),
                     batch = or_default<std::int64_t>(args.batch_size, 64);
  const double lr = or_default(args.lr, 0.1);
  History history;
  if (!scores_only) {
    const std::int64_t steps = epochs * ((images.train.size() + batch - 1) / batch);
    SGD optimizer({.lr = lr, .momentum = 0.9, .weight_decay = 5e-4, .nesterov = true});
    history = fit(net, images.train, CrossEntropyLoss{},
                  {.epochs = epochs,
                   .batch_size = batch,
                   .optimizer = optimizer,
                   .device = args.device,
                   .validation = images.test,
                   .metric = Metric::accuracy(),
                   .scheduler = OneCycleLR({.max_lr = lr, .total_steps = steps + 1}),
                   .scheduler_per_step = true,
                   .seed = args.seed,
                   .checkpoint = checkpoint_path(args),
                   .resume = args.resume});
    if (!args.out.empty()) save(net, out_path(args, "model.safetensors"));
    write_curves(args, history, "resnet");
  }
  TrainReport report = make_report("resnet", images.name, args, history);
  if (!history.interrupted)
    report.test_accuracy = accuracy(net, images.test, {.device = args.device});
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

}  // namespace lilith::zoo
