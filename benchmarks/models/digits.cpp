#include "workload.h"
#include "zoo/cnn/model.h"
#include "zoo/lenet/model.h"
#include "zoo/vae/model.h"

namespace lilith::bench {
namespace {

constexpr std::int64_t kDefaultBatch = 100;

Batch digits(std::int64_t i, std::int64_t size) { return image_batch(i, size, 1, 28); }

struct Cnn {
  static constexpr std::int64_t kBatch = kDefaultBatch;
  zoo::Cnn net;

  Tensor operator()(const Tensor& x) const { return net(x); }
  static Batch batch(std::int64_t i, std::int64_t size) { return digits(i, size); }
  static double multiply_adds(bool) {
    return 784.0 * 16 * 9 + 196.0 * 32 * 16 * 9 + 49.0 * 32 * 32 * 9 + 288 * 10;
  }
};

struct LeNet {
  static constexpr std::int64_t kBatch = kDefaultBatch;
  zoo::LeNet net;

  Tensor operator()(const Tensor& x) const { return net(x); }
  static Batch batch(std::int64_t i, std::int64_t size) { return digits(i, size); }
  static double multiply_adds(bool) {
    return 576.0 * 20 * 25 + 64.0 * 50 * 20 * 25 + 800.0 * 500 + 500 * 10;
  }
};

struct Vae {
  static constexpr std::int64_t kBatch = kDefaultBatch;
  zoo::Vae net;

  // The logits of the pixels, of which the first ten stand for the classes.
  Tensor operator()(const Tensor& x) const { return net.decode(net.encode(x.flatten(1)).first); }
  static Batch batch(std::int64_t i, std::int64_t size) { return digits(i, size); }
  static double multiply_adds(bool) { return 2.0 * 784 * 500 + 2 * 500 * 5; }
};

}  // namespace

std::unique_ptr<Workload> make_cnn(std::int64_t batch, double lr) {
  return std::make_unique<WorkloadOf<Cnn>>(batch, lr);
}
std::unique_ptr<Workload> make_lenet(std::int64_t batch, double lr) {
  return std::make_unique<WorkloadOf<LeNet>>(batch, lr);
}
std::unique_ptr<Workload> make_vae(std::int64_t batch, double lr) {
  return std::make_unique<WorkloadOf<Vae>>(batch, lr);
}

}  // namespace lilith::bench
