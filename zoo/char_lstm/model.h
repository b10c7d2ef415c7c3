#pragma once
#include <lilith/nn.h>
#include <lilith/ops.h>

namespace lilith::zoo {

/// Two recurrent layers that predict the next character. x i64 [B,T] -> logits [B,T,symbols].
struct CharLstm {
  Embedding embedding;
  LSTM lstm;
  Linear fc;

  explicit CharLstm(std::int64_t symbols, std::int64_t embedded = 128, std::int64_t hidden = 256)
      : embedding(symbols, embedded),
        lstm(embedded, hidden, {.num_layers = 2, .batch_first = true}),
        fc(hidden, symbols) {}

  Tensor operator()(const Tensor& x) const { return fc(lstm(embedding(x)).output); }
  /// The same from a state, with the state that it leaves.
  std::pair<Tensor, LSTMState> step(const Tensor& x, const LSTMState& state) const {
    const auto [output, next] = lstm(embedding(x), state);
    return {fc(output), next};
  }
  LILITH_FIELDS(embedding, lstm, fc)
};

}  // namespace lilith::zoo
