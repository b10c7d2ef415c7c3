#include "char_lstm/train.h"

#include "char_lstm/model.h"
#include "language.h"

namespace lilith::zoo {
namespace {

// Reads one token at a time: what came before is in the state.
NextToken speaker(const CharLstm& net) {
  const auto step =
      compile([](const CharLstm& m, const Tensor& token, const Tensor& h, const Tensor& c) {
        auto [logits, state] = m.step(token, {h, c});
        return std::tuple(logits[0][0], state.h, state.c);
      });
  LSTMState state = init_hidden(net.lstm, 1);
  return [&net, step, state](const std::vector<std::int64_t>& tokens) mutable {
    const Tensor token = tensor({{tokens.back()}}).to(net.fc.weight.device());
    Tensor logits;
    std::tie(logits, state.h, state.c) = step(net, token, state.h, state.c);
    return logits;
  };
}

}  // namespace

TrainReport train_char_lstm(const TrainArgs& args) {
  constexpr LanguagePlan kPlan{
      .length = 128, .epochs = 10, .batch_size = 64, .lr = 4e-3, .weight_decay = 0.01};
  prepare_out(args.out);
  const TextData text = load_text(args.data, kPlan.length, args.seed);
  manual_seed(args.seed);
  CharLstm net(text.vocabulary.size());
  return train_language("char-lstm", args, text, kPlan, net, speaker);
}

}  // namespace lilith::zoo
