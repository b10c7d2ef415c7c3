#pragma once
#include <lilith/io.h>
#include <lilith/nn.h>
#include <lilith/ops.h>
#include <lilith/train.h>

#include <chrono>

#include "common.h"

namespace lilith::zoo {

/// Trains a classifier of digits and tests it: what cnn, lenet and vit share.
template <class Net>
TrainReport train_classifier(const std::string& name, const TrainArgs& args, std::int64_t epochs) {
  const auto start = std::chrono::steady_clock::now();
  prepare_out(args.out);
  const DigitData digits = load_digits(args.data);
  manual_seed(args.seed);
  Net net;
  epochs = or_default(args.epochs, epochs);
  const History history = fit(net, digits.train, NLLLoss{},
                              {.epochs = epochs,
                               .batch_size = or_default<std::int64_t>(args.batch_size, 100),
                               .optimizer = Adam({.lr = or_default(args.lr, 1e-3)}),
                               .device = args.device,
                               .validation = digits.test,
                               .metric = Metric::accuracy(),
                               .seed = args.seed,
                               .checkpoint = checkpoint_path(args),
                               .resume = args.resume});
  if (!args.out.empty()) save(net, out_path(args, "model.safetensors"));
  write_curves(args, history, name);
  TrainReport report = make_report(name, digits.name, args, history);
  if (!history.interrupted)
    report.test_accuracy = accuracy(net, digits.test, {.device = args.device});
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

}  // namespace lilith::zoo
