#pragma once
#include <lilith/compile.h>
#include <lilith/optim.h>
#include <lilith/transforms.h>

#include <memory>
#include <string>

#include "data.h"

namespace lilith::bench {

/// A model with its optimiser, whose training step and forward pass are compiled functions.
class Workload {
 public:
  virtual ~Workload() = default;
  virtual std::int64_t batch_size() const = 0;
  /// Multiply-adds of the contractions of one example, forward and (where it trains) backward.
  virtual double multiply_adds(bool trains) const = 0;
  virtual Batch batch(std::int64_t i) const = 0;
  /// One training step; the loss before the update.
  virtual Tensor step(const Batch& batch) = 0;
  /// Logits, in test mode.
  virtual Tensor infer(const Tensor& x) = 0;
  virtual ModelRef model() = 0;
  /// Of the program that ran last.
  virtual CompiledStats stats() const = 0;
  virtual void explain_html(const std::string& path) const = 0;
};

/// What the models share. Net: kBatch, batch(i, size), loss(x, y), multiply_adds(trains); without
/// loss only its forward pass runs.
template <class Net>
class WorkloadOf final : public Workload {
 public:
  /// batch 0: the model's own.
  WorkloadOf(std::int64_t batch, double lr)
      : batch_size_(batch > 0 ? batch : Net::kBatch), optimizer_({.lr = lr}) {}

  std::int64_t batch_size() const override { return batch_size_; }
  double multiply_adds(bool trains) const override { return Net::multiply_adds(trains); }
  Batch batch(std::int64_t i) const override { return Net::batch(i, batch_size_); }
  Tensor step(const Batch& b) override {
    LILITH_CHECK(kTrains, "large_models: of this model the forward pass alone (--infer)");
    if (inferred_) train_mode(net_);
    inferred_ = false;
    return step_(net_, optimizer_, b.x, b.y);
  }
  Tensor infer(const Tensor& x) override {
    if (!inferred_) test_mode(net_);
    inferred_ = true;
    return infer_(net_, x);
  }
  ModelRef model() override { return net_; }
  CompiledStats stats() const override { return inferred_ ? infer_.stats() : step_.stats(); }
  void explain_html(const std::string& path) const override {
    inferred_ ? lilith::explain_html(infer_, path) : lilith::explain_html(step_, path);
  }

 private:
  static constexpr bool kTrains = requires(Net& m, const Tensor& t) { m.loss(t, t); };

  static auto make_step() {
    return compile([](Net& net, Adam& optimizer, const Tensor& x, const Tensor& y) {
      if constexpr (kTrains) {
        auto [loss, gradients] = grad(
            [](Net& m, const Tensor& in, const Tensor& out) { return m.loss(in, out); }, net, x, y);
        update(optimizer, net, std::move(gradients));
        return loss;
      } else {
        return y;
      }
    });
  }
  static auto make_infer() {
    return compile([](Net& net, const Tensor& x) { return net(x); });
  }

  std::int64_t batch_size_;
  Net net_;
  Adam optimizer_;
  decltype(make_step()) step_ = make_step();
  decltype(make_infer()) infer_ = make_infer();
  bool inferred_ = false;
};

std::unique_ptr<Workload> make_gpt(std::int64_t batch, double lr);
std::unique_ptr<Workload> make_lstm(std::int64_t batch, double lr);
std::unique_ptr<Workload> make_resnet18(std::int64_t batch, double lr);
/// Those of the zoo, whose training steps `lilith bench` times.
std::unique_ptr<Workload> make_cnn(std::int64_t batch, double lr);
std::unique_ptr<Workload> make_lenet(std::int64_t batch, double lr);
std::unique_ptr<Workload> make_vae(std::int64_t batch, double lr);

}  // namespace lilith::bench
