// A small GPT with groups of parameters, gradients of several batches a step, and a run that is
// broken off and resumed. Ref: nanoGPT. `example_gpt FILE STEPS` takes a text.
#include <fstream>

#include "expect.h"

using namespace lilith;

constexpr int n_embd = 32, n_head = 4, n_layer = 2, block_size = 32;

struct CausalSelfAttention {
  nn::Linear c_attn{n_embd, 3 * n_embd};
  nn::Linear c_proj{n_embd, n_embd};

  Tensor operator()(Tensor x) const {
    auto B = x.size(0), T = x.size(1), C = x.size(2);
    auto qkv = c_attn(x).split(n_embd, 2);
    Tensor q = qkv[0].view(B, T, n_head, C / n_head).transpose(1, 2);
    Tensor k = qkv[1].view(B, T, n_head, C / n_head).transpose(1, 2);
    Tensor v = qkv[2].view(B, T, n_head, C / n_head).transpose(1, 2);
    Tensor y = F::scaled_dot_product_attention(q, k, v, {}, true);
    y = y.transpose(1, 2).contiguous().view(B, T, C);
    return c_proj(y);
  }
};

struct Block {
  nn::LayerNorm ln_1{n_embd};
  CausalSelfAttention attn;
  nn::LayerNorm ln_2{n_embd};
  nn::Sequential mlp{nn::Linear(n_embd, 4 * n_embd), nn::GELU(), nn::Linear(4 * n_embd, n_embd)};

  Tensor operator()(Tensor x) const {
    x = x + attn(ln_1(x));
    x = x + mlp(ln_2(x));
    return x;
  }
};

struct GPT {
  nn::Embedding wte, wpe{block_size, n_embd};
  nn::ModuleList<Block> h = nn::ModuleList<Block>(n_layer);
  nn::LayerNorm ln_f{n_embd};
  nn::Linear lm_head;

  GPT(int vocab_size) : wte(vocab_size, n_embd), lm_head(n_embd, vocab_size, false) {
    apply(*this, [](nn::Linear& m) { nn::init::normal_(m.weight, 0.0, 0.02); });
    apply(*this, [](nn::Embedding& m) { nn::init::normal_(m.weight, 0.0, 0.02); });
    wte.weight = lm_head.weight;
  }
  Tensor operator()(Tensor idx) const {
    Tensor pos = arange(0, idx.size(1));
    Tensor x = wte(idx) + wpe(pos);
    for (auto& block : h) x = block(x);
    return lm_head(ln_f(x));
  }
  Tensor loss(Tensor idx, Tensor targets) const {
    Tensor logits = (*this)(idx);
    return F::cross_entropy(logits.view(-1, logits.size(-1)), targets.view(-1));
  }
  LILITH_FIELDS(wte, wpe, h, ln_f, lm_head)
};

optim::AdamW configure_optimizer(const GPT& model) {
  optim::AdamW optimizer({.lr = 1e-2, .betas = {0.9, 0.95}, .weight_decay = 0.1});
  std::vector<std::string> nodecay;
  for (auto [name, p] : named_parameters(model))
    if (p.dim() < 2) nodecay.push_back(name);
  for (const auto& name : nodecay) optimizer.add_param_group(name, {{"weight_decay", 0.0}});
  return optimizer;
}

struct Run {
  GPT model;
  optim::AdamW optimizer = configure_optimizer(model);
  std::optional<DataLoader<2>::Iterator> batch;  // where the data stand
  explicit Run(int vocab_size) : model(vocab_size) {}

  // Steps of `accumulate` batches each.
  double train(DataLoader<2>& loader, int steps, int accumulate) {
    auto loss_fn = [&](const GPT& m, Tensor x, Tensor y) { return m.loss(x, y) / accumulate; };
    double last = 0;
    if (!batch) batch = loader.begin();
    auto gradients = [&] {
      if (*batch == loader.end()) batch = loader.begin();
      auto [x, y] = **batch;
      ++*batch;
      auto [loss, g] = grad(loss_fn, model, x, y);
      last += loss.item();
      return g;
    };
    for (int i = 0; i < steps; ++i) {
      last = 0;
      auto sum = gradients();
      for (int micro = 1; micro < accumulate; ++micro)
        sum = map_parameters([](Tensor a, Tensor b) { return a + b; }, sum, gradients());
      clip_grad_norm_(sum, 1.0);
      update(optimizer, model, sum);
    }
    return last;
  }
};

std::string generate(const GPT& model, const CharVocabulary& vocabulary, int max_new_tokens) {
  Tensor idx = zeros(1, 1, {.dtype = kLong});
  for (int i = 0; i < max_new_tokens; ++i) {
    Tensor idx_cond = idx.size(1) <= block_size ? idx : idx.slice(1, -block_size);
    Tensor logits = model(idx_cond).select(1, -1) / 0.8;
    auto [v, _] = logits.topk(5);
    logits = logits.masked_fill(logits < v.select(1, -1).unsqueeze(1), -INFINITY);
    idx = cat({idx, multinomial(F::softmax(logits, -1), 1)}, 1);
  }
  return vocabulary.decode(idx);
}

int main(int argc, char** argv) {
  manual_seed(1337);
  std::string text;
  if (argc > 1) {
    std::ifstream file(argv[1]);
    if (!file) {
      fmt::print(stderr, "cannot read {}\n", argv[1]);
      return 1;
    }
    text.assign(std::istreambuf_iterator<char>(file), {});
  } else {
    for (int i = 0; i < 60; ++i) text += "to be, or not to be, that is the question.\n";
  }
  const int steps = argc > 2 ? std::atoi(argv[2]) : 10;
  CharVocabulary vocabulary(text);
  auto windows = token_windows(vocabulary.encode(text), block_size);
  const DataLoaderOptions options{.batch_size = 4, .shuffle = true, .seed = 0};

  Run run(vocabulary.size());
  DataLoader loader(windows, options);
  const double first = run.train(loader, 1, 4);
  const double half = run.train(loader, steps, 4);
  save_checkpoint("gpt.ckpt", run.model, run.optimizer, loader);

  Run resumed(vocabulary.size());
  DataLoader rest(windows, options);
  load_checkpoint("gpt.ckpt", resumed.model, resumed.optimizer, rest);
  const double last = resumed.train(rest, steps, 4);
  fmt::print("loss {:.3f} -> {:.3f} -> {:.3f}\n{}\n", first, half, last,
             generate(resumed.model, vocabulary, 40));
  expect(half < first && last < half, "the loss falls, and goes on falling after the resumption");
}
