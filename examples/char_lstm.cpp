// A character model whose decoder is its embedding, and what it writes. Ref: pytorch/examples,
// word_language_model. `example_char_lstm FILE EPOCHS` takes a text.
#include <fstream>

#include "expect.h"

using namespace lilith;

struct RNNModel {
  nn::Dropout drop{0.1};
  nn::Embedding encoder;
  nn::LSTM rnn;
  nn::Linear decoder;

  RNNModel(int ntoken, int nhid, int nlayers)
      : encoder(ntoken, nhid), rnn(nhid, nhid, nlayers), decoder(nhid, ntoken) {
    nn::init::uniform_(encoder.weight, -0.1, 0.1);
    nn::init::zeros_(decoder.bias);
    decoder.weight = encoder.weight;  // tied
  }
  std::pair<Tensor, LSTMState> operator()(Tensor input, LSTMState hidden) const {
    Tensor emb = drop(encoder(input));
    auto [output, state] = rnn(emb, hidden);
    return {decoder(drop(output)), state};
  }
  LILITH_FIELDS(drop, encoder, rnn, decoder)
};

std::string sample(RNNModel& model, const CharVocabulary& vocabulary, int length,
                   double temperature) {
  eval(model);
  LSTMState hidden = init_hidden(model.rnn, 1);
  Tensor input = randint(0, vocabulary.size(), {1, 1}, {.dtype = kLong});
  std::string text;
  for (int i = 0; i < length; ++i) {
    auto [output, state] = model(input, hidden);
    Tensor weights = output.squeeze().div(temperature).exp();
    input = multinomial(weights, 1).view(1, 1);
    hidden = state;
    text += vocabulary.decode(input);
  }
  return text;
}

int main(int argc, char** argv) {
  manual_seed(1111);
  std::string text;
  if (argc > 1) {
    std::ifstream file(argv[1]);
    if (!file) {
      fmt::print(stderr, "cannot read {}\n", argv[1]);
      return 1;
    }
    text.assign(std::istreambuf_iterator<char>(file), {});
  } else {
    for (int i = 0; i < 80; ++i) text += "the quick brown fox jumps over the lazy dog. ";
  }
  CharVocabulary vocabulary(text);
  auto dataset = token_windows(vocabulary.encode(text), 32);
  RNNModel model(vocabulary.size(), 64, 1);
  optim::Adam optimizer({.lr = 1e-2});
  auto step = compile([&](RNNModel& m, optim::Adam& opt, Tensor data, Tensor targets) {
    auto [loss, g] = grad(
        [&](RNNModel& net, Tensor x, Tensor y) {
          auto [output, hidden] = net(x.t(), init_hidden(net.rnn, x.size(0)));  // [T, N]
          return F::cross_entropy(output.view(-1, vocabulary.size()), y.t().reshape(-1));
        },
        m, data, targets);
    clip_grad_norm_(g, 0.25);
    update(opt, m, g);
    return loss;
  });
  double first = 0, last = 0;
  for (int epoch = 0; epoch < (argc > 2 ? std::atoi(argv[2]) : 5); ++epoch) {
    train_mode(model);
    for (auto [data, targets] : DataLoader(dataset, {.batch_size = 16, .shuffle = true}))
      last = step(model, optimizer, data, targets).item();
    if (first == 0) first = last;
    fmt::print("epoch {:3} | loss {:5.2f} | ppl {:8.2f}\n", epoch, last, std::exp(last));
  }
  fmt::print("{}\n", sample(model, vocabulary, 100, 0.8));
  expect(last < first, "the loss falls");
  expect(equal(model.encoder.weight, model.decoder.weight), "the weights are still one");
}
