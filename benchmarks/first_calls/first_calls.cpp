// What it costs to compute something for the first time: work whose sizes, lengths or numbers
// change from call to call. Each piece of work runs twice in a process; the second time all sizes
// are known.
//
//   first_calls WORK…   a JSON line each: first_ms, again_ms, programs (compiled, planned)
#include <fmt/format.h>

#include <chrono>
#include <functional>
#include <map>

#include "lilith/lilith.h"

namespace {

using namespace lilith;

struct Attention {
  Linear query, key, value, out;
  std::int64_t heads;
  Attention(std::int64_t width, std::int64_t n)
      : query(width, width), key(width, width), value(width, width), out(width, width), heads(n) {}
  LILITH_FIELDS(query, key, value, out, heads)
  Tensor split(const Tensor& x) const {
    return x.reshape({x.size(0), x.size(1), heads, x.size(2) / heads}).transpose(1, 2);
  }
  Tensor join(const Tensor& x) const {
    return x.transpose(1, 2).reshape({x.size(0), x.size(2), -1});
  }
};

struct Block {
  LayerNorm norm1, norm2;
  Attention attention;
  Linear up, down;
  Block(std::int64_t width, std::int64_t heads)
      : norm1(width),
        norm2(width),
        attention(width, heads),
        up(width, 4 * width),
        down(4 * width, width) {}
  LILITH_FIELDS(norm1, norm2, attention, up, down)
  Tensor feed(const Tensor& x) const { return x + down(gelu(up(norm2(x)))); }
  Tensor operator()(const Tensor& x) const {
    const Attention& a = attention;
    const Tensor y = norm1(x);
    const Tensor seen =
        scaled_dot_product_attention(a.split(a.query(y)), a.split(a.key(y)), a.split(a.value(y)));
    return feed(x + a.out(a.join(seen)));
  }
  /// One more token; K and V grow by its key and value.
  Tensor next(const Tensor& x, Tensor& K, Tensor& V) const {
    const Attention& a = attention;
    const Tensor y = norm1(x), key = a.split(a.key(y)), value = a.split(a.value(y));
    K = K.defined() ? cat({K, key}, 2) : key;
    V = V.defined() ? cat({V, value}, 2) : value;
    return feed(x + a.out(a.join(scaled_dot_product_attention(a.split(a.query(y)), K, V))));
  }
};

struct Gpt {
  Embedding tokens{256, 384}, places{256, 384};
  std::vector<Block> blocks;
  LayerNorm norm{384};
  Linear head{384, 256};
  LILITH_FIELDS(tokens, places, blocks, norm, head)
  Gpt() {
    for (int i = 0; i < 6; ++i) blocks.emplace_back(384, 6);
  }
};

/// 256 tokens, the likeliest each time, keys and values kept.
std::function<void()> decode() {
  auto net = std::make_shared<Gpt>();
  eval_pending(*net);
  return [net] {
    std::vector<Tensor> K(6), V(6);
    std::int64_t token = 1;
    for (std::int64_t t = 0; t < 256; ++t) {
      Tensor x =
          net->tokens(tensor({token}).reshape({1, 1})) + net->places(tensor({t}).reshape({1, 1}));
      for (std::size_t l = 0; l < 6; ++l) x = net->blocks[l].next(x, K[l], V[l]);
      const Tensor best = net->head(net->norm(x)).argmax(-1);
      eval(best, K, V);
      token = best.item<std::int64_t>();
    }
  };
}

struct Encoder {
  Embedding tokens{30522, 384}, places{512, 384};
  std::vector<Block> blocks;
  LILITH_FIELDS(tokens, places, blocks)
  Encoder() {
    for (int i = 0; i < 6; ++i) blocks.emplace_back(384, 12);
  }
  Tensor operator()(const Tensor& ids) const {
    Tensor x = tokens(ids) + places(arange(ids.size(1)));
    for (const Block& b : blocks) x = b(x);
    return x.mean(1);
  }
};

/// Sentences of 60 lengths through a small encoder (that of MiniLM-L6).
std::function<void()> sentences() {
  auto net = std::make_shared<Encoder>();
  eval_pending(*net);
  return [net] {
    for (std::int64_t i = 0; i < 60; ++i) {
      const std::int64_t n = 5 + (i * 37) % 60 * 2;
      eval((*net)((arange(n) * 31 % 30522).reshape({1, n})));
    }
  };
}

struct Policy {
  Linear a{8, 64}, b{64, 64}, c{64, 4};
  Tensor operator()(const Tensor& x) const { return c(relu(b(relu(a(x))))); }
};

/// Training steps on episodes of 40 lengths.
std::function<void()> episodes() {
  auto net = std::make_shared<Policy>();
  auto opt = std::make_shared<Adam>();
  return [net, opt] {
    for (std::int64_t i = 0; i < 40; ++i) {
      const std::int64_t n = 10 + (i * 17) % 40 * 5;
      const Tensor x = rand({n, 8}), gains = rand({n}), action = (arange(n) % 4).unsqueeze(1);
      auto [loss, g] = grad(
          [&](const Policy& m) {
            return -(log_softmax(m(x), 1).gather(1, action).squeeze(1) * gains).mean();
          },
          *net);
      update(*opt, *net, g);
      eval(loss, *net, *opt);
    }
  };
}

struct Residual {
  Conv2d a, b;
  BatchNorm2d norm1, norm2;
  std::optional<Conv2d> shortcut;
  Residual(std::int64_t from, std::int64_t to, std::int64_t stride)
      : a(from, to, 3, {.stride = stride, .padding = 1, .bias = false}),
        b(to, to, 3, {.padding = 1, .bias = false}),
        norm1(to),
        norm2(to) {
    if (from != to) shortcut = Conv2d(from, to, 1, {.stride = stride, .bias = false});
  }
  LILITH_FIELDS(a, b, norm1, norm2, shortcut)
  Tensor operator()(const Tensor& x) {
    const Tensor y = norm2(b(relu(norm1(a(x)))));
    return relu(y + (shortcut ? (*shortcut)(x) : x));
  }
};

struct ResNet {
  Conv2d stem{3, 16, 3, {.padding = 1, .bias = false}};
  BatchNorm2d norm{16};
  Residual one{16, 16, 1}, two{16, 32, 2}, three{32, 64, 2};
  Linear head{64, 10};
  Tensor operator()(const Tensor& x) {
    return head(three(two(one(relu(norm(stem(x)))))).mean({2, 3}));
  }
};

/// 500 images of random sizes.
std::function<void()> images() {
  auto net = std::make_shared<ResNet>();
  eval(*net);
  return [net] {
    for (std::int64_t i = 0; i < 500; ++i) {
      const std::int64_t h = 24 + (i * 7919) % 73, w = 24 + (i * 104729) % 67;
      eval((*net)(full({1, 3, h, w}, 0.5)));
    }
  };
}

/// Windows of a signal at 200 offsets.
std::function<void()> slices() {
  const Tensor signal = rand({1, 960064});
  eval(signal);
  return [signal] {
    for (std::int64_t i = 0; i < 200; ++i)
      eval(signal.index({Slice(), Slice(64 + 512 * i, 64 + 512 * i + 576)}) * 0.5);
  };
}

/// 1000 training steps under a factor that is annealed.
std::function<void()> annealed() {
  auto net = std::make_shared<Policy>();
  auto opt = std::make_shared<Adam>();
  const Tensor x = rand({64, 8});
  eval(x);
  eval_pending(*net);
  auto step = compile([](Policy& m, Adam& o, Tensor x, double beta) {
    auto [loss, g] =
        grad([beta](const Policy& m, Tensor x) { return (m(x) * m(x)).mean() * beta + 0.5; }, m, x);
    update(o, m, g);
    return loss;
  });
  return [net, opt, x, step] {
    for (int i = 0; i < 1000; ++i) eval(step(*net, *opt, x, 0.001 * i + 0.0005));
  };
}

const std::vector<std::pair<const char*, std::function<std::function<void()>()>>> kWork = {
    {"decode", decode}, {"sentences", sentences}, {"episodes", episodes},
    {"images", images}, {"slices", slices},       {"annealed", annealed},
};

double ms_of(const std::function<void()>& f) {
  const auto begin = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin)
      .count();
}

}  // namespace

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    for (const auto& [name, make] : kWork) {
      if (std::string(argv[i]) != name) continue;
      manual_seed(1);
      const auto work = make();
      const CacheStats before = cache_stats();
      const double first = ms_of(work);
      const CacheStats after = cache_stats();
      const double again = ms_of(work);
      fmt::print(
          "{{\"work\": \"{}\", \"who\": \"lilith\", \"first_ms\": {:.1f}, \"again_ms\": {:.1f}, "
          "\"compiled\": {}, \"planned\": {}}}\n",
          name, first, again, after.compiled - before.compiled, after.planned - before.planned);
    }
  }
}
