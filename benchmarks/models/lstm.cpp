#include <lilith/nn.h>
#include <lilith/ops.h>

#include "workload.h"

namespace lilith::bench {
namespace {

constexpr std::int64_t kSymbols = 65, kEmbedding = 128, kHidden = 256, kLength = 64;

/// Two recurrent layers that predict the next symbol. x i64 [B,T] -> [B,T,65].
struct CharLstm {
  static constexpr std::int64_t kBatch = 64;
  Embedding embedding{kSymbols, kEmbedding};
  LSTM lstm{kEmbedding, kHidden, {.num_layers = 2, .batch_first = true}};
  Linear fc{kHidden, kSymbols};

  Tensor operator()(const Tensor& x) const { return fc(lstm(embedding(x)).output); }
  Tensor loss(const Tensor& x, const Tensor& y) const {
    return cross_entropy_loss((*this)(x).reshape({-1, kSymbols}), y.reshape({-1}));
  }

  static Batch batch(std::int64_t i, std::int64_t size) { return text_batch(i, size, kLength); }
  static double multiply_adds(bool trains) {
    constexpr double kToken =
        4 * kHidden * (kEmbedding + kHidden) + 4 * kHidden * 2 * kHidden + kHidden * kSymbols;
    return kLength * kToken * (trains ? 3 : 1);
  }
};

}  // namespace

std::unique_ptr<Workload> make_lstm(std::int64_t batch, double lr) {
  return std::make_unique<WorkloadOf<CharLstm>>(batch, lr);
}

}  // namespace lilith::bench
