#pragma once
#include <lilith/io.h>
#include <lilith/nn.h>
#include <lilith/ops.h>
#include <lilith/train.h>

#include <chrono>
#include <cmath>
#include <numbers>
#include <set>

#include "common.h"
#include "text.h"

namespace lilith::zoo {

/// How a model of characters is trained, unless the command line says otherwise.
struct LanguagePlan {
  std::int64_t length;  // of a window
  std::int64_t epochs, batch_size;
  double lr, weight_decay;
  std::int64_t sampled = 500;
};

/// Mean cross-entropy of the next character, in nats. net(x): logits [B,T,symbols] of x i64 [B,T].
template <class Net>
Tensor language_loss(const Net& net, const Tensor& x, const Tensor& y) {
  return cross_entropy_loss(net(x).flatten(0, 1), y.flatten());
}

/// Up in the first hundredth of the steps, then down to a tenth along a cosine: a factor of the
/// rate.
inline LRScheduler warm_up_and_cosine(std::int64_t steps) {
  const double up = std::max(1.0, static_cast<double>(steps) / 100), n = static_cast<double>(steps);
  return LambdaLR([up, n](std::int64_t step) {
    const double t = static_cast<double>(step);
    if (t < up) return (t + 1) / (up + 1);
    return 0.55 + 0.45 * std::cos(std::numbers::pi * std::min(1.0, (t - up) / (n - up + 1)));
  });
}

/// Trains `net` on windows of the text, and lets it write: what char-lstm and gpt share.
/// speaker(net): a NextToken.
template <class Net, class Speaker>
TrainReport train_language(const std::string& name, const TrainArgs& args, const TextData& text,
                           const LanguagePlan& plan, Net& net, Speaker speaker) {
  const auto start = std::chrono::steady_clock::now();
  const auto windows = token_windows(text.train, plan.length);
  const std::int64_t epochs = or_default(args.epochs, plan.epochs),
                     batch = or_default(args.batch_size, plan.batch_size);
  AdamW optimizer({.lr = or_default(args.lr, plan.lr), .weight_decay = plan.weight_decay});
  std::set<std::string> flat;
  for (const auto& [path, t] : named_parameters(net))
    if (t.ndim() < 2) flat.insert(path);
  optimizer.add_param_group([flat](const std::string& path) { return flat.contains(path); },
                            {{"weight_decay", 0}});
  const History history =
      fit(net, windows, language_loss<Net>,
          {.epochs = epochs,
           .batch_size = batch,
           .optimizer = optimizer,
           .clip_grad_norm = 1.0,
           .device = args.device,
           .validation = token_windows(text.test, plan.length),
           .scheduler = warm_up_and_cosine(epochs * ((windows.size() + batch - 1) / batch)),
           .scheduler_per_step = true,
           .seed = args.seed,
           .checkpoint = checkpoint_path(args),
           .resume = args.resume});
  if (!args.out.empty()) save(net, out_path(args, "model.safetensors"));
  write_curves(args, history, name);
  TrainReport report = make_report(name, text.name, args, history);
  if (!history.interrupted) {
    test_mode(net);
    write_sample(args, sample_text(text.vocabulary, speaker(net), plan.sampled));
  }
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

}  // namespace lilith::zoo
