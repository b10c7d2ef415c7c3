#include "gpt/train.h"

#include "gpt/model.h"
#include "language.h"

namespace lilith::zoo {
namespace {

// What the last `length` tokens say of the next one: one program, whatever their number.
NextToken speaker(const Gpt& net) {
  const auto length = static_cast<std::size_t>(net.wpe.weight.size(0));
  const auto logits = compile([](const Gpt& m, const Tensor& tokens, const Tensor& last) {
    return index_select(m(tokens)[0], 0, last)[0];
  });
  return [&net, length, logits](const std::vector<std::int64_t>& tokens) mutable {
    const std::size_t n = std::min(tokens.size(), length);
    std::vector<std::int64_t> window(tokens.end() - static_cast<std::ptrdiff_t>(n), tokens.end());
    window.resize(length, 0);  // what comes later is not seen
    const Device device = net.wte.weight.device();
    const Tensor x = from_data(window.data(), {1, static_cast<std::int64_t>(length)});
    return logits(net, x.to(device), tensor({static_cast<std::int64_t>(n) - 1}).to(device));
  };
}

}  // namespace

TrainReport train_gpt(const TrainArgs& args) {
  constexpr LanguagePlan kPlan{
      .length = 128, .epochs = 5, .batch_size = 32, .lr = 2e-3, .weight_decay = 0.1};
  prepare_out(args.out);
  const TextData text = load_text(args.data, kPlan.length, args.seed);
  manual_seed(args.seed);
  Gpt net({.symbols = text.vocabulary.size(), .length = kPlan.length});
  return train_language("gpt", args, text, kPlan, net, speaker);
}

}  // namespace lilith::zoo
