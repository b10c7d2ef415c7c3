#pragma once
#include <lilith/compile.h>
#include <lilith/ops.h>
#include <lilith/optim.h>
#include <lilith/train.h>
#include <lilith/transforms.h>

#include "common.h"

namespace lilith::zoo {

/// The figures of a compiled function's last program.
template <class F>
BenchCase::Program program_of(const F& f) {
  const CompiledStats stats = f.stats();
  return {stats.kernels, stats.arena_bytes, stats.compile_ms, explain(f)};
}

/// A BenchCase of a model and a loss of (model, x, second), where second is the labels or the noise
/// of a batch.
template <class Net, class Loss>
class DigitBench final : public BenchCase {
 public:
  /// second: "y" for the labels, "eps" for normal noise [N, noise].
  DigitBench(const BenchArgs& args, double flops_per_image, Loss loss, std::string second,
             std::int64_t noise = 0)
      : batch_size_(or_default<std::int64_t>(args.batch_size, 100)),
        flops_per_image_(flops_per_image),
        second_(std::move(second)),
        noise_(noise),
        args_(args),
        data_(load_digits(args.data, args.seed).train),
        stream_(data_.source(),
                {.batch_size = batch_size_,
                 .shuffle = true,
                 .seed = args.seed,
                 .drop_last = true,
                 .device = args.device},
                2),
        step_(make_step(std::move(loss))) {
    LILITH_CHECK(stream_.batches() > 0,
                 "bench: batches of {} need more than the {} images there are", batch_size_,
                 data_.size());
    manual_seed(args.seed);
    net_ = std::make_unique<Net>();
    move_to(args.device, *net_);
    optimizer_.prepare(*net_);
  }

  std::int64_t batch_size() const override { return batch_size_; }
  double flops() const override { return flops_per_image_ * static_cast<double>(batch_size_); }

  Batch batch(std::int64_t i) override {
    if (i != next_ || stream_.done()) stream_.start(i / stream_.batches(), i % stream_.batches());
    next_ = i + 1;
    auto tensors = stream_.next();
    if (noise_ > 0) tensors[1] = normal_noise(i);
    return {{"x", std::move(tensors[0])}, {second_, std::move(tensors[1])}};
  }

  Tensor step(const Batch& batch) override {
    return step_(*net_, optimizer_, batch[0].second, batch[1].second);
  }
  ModelRef model() override { return *net_; }
  Program program() override { return program_of(step_); }
  void explain_html(const std::string& path) override { lilith::explain_html(step_, path); }

 private:
  static auto make_step(Loss loss) {
    return compile([loss](Net& net, Optimizer& optimizer, const Tensor& x, const Tensor& second) {
      auto [value, gradients] = grad(loss, net, x, second);
      update(optimizer, net, std::move(gradients));
      return value;
    });
  }
  Tensor normal_noise(std::int64_t i) const {
    const RngState saved = rng_state();
    manual_seed(args_.seed * 1000003 + static_cast<std::uint64_t>(i) + 1);
    Tensor noise = randn({batch_size_, noise_}, {.device = args_.device});
    eval(noise);
    set_rng_state(saved);
    return noise;
  }

  std::int64_t batch_size_;
  double flops_per_image_;
  std::string second_;
  std::int64_t noise_;
  BenchArgs args_;
  data::Dataset<2> data_;
  data::BatchStream stream_;
  std::int64_t next_ = -1;
  std::unique_ptr<Net> net_;
  Optimizer optimizer_ = Adam({.lr = 1e-3});
  decltype(make_step(std::declval<Loss>())) step_;
};

}  // namespace lilith::zoo
