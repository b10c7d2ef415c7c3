// Every way to compute a product, beside what the model says of it: what the schedule would choose,
// what would have been best, and how far the model is off. Numbers are of the whole team, the least
// of a few runs; the model's are of one thread at the clock that the loop of FMAs ran at.
//
//   ways [--runs N] [--only NAME] [--images N]
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "codegen/codegen.h"
#include "eval/plan_runner.h"
#include "ir/node.h"
#include "lilith/lilith.h"
#include "passes/pipeline.h"
#include "runtime/thread_team.h"
#include "schedule/choose.h"
#include "schedule/rewrite/prepare.h"
#include "schedule/schedule.h"

namespace {

using namespace lilith;

struct Case {
  std::string name;
  std::function<Tensor(const Tensor&, const Tensor&)> f;
  Shape a, b;
};

// A convolution's gradients, as training meets them.
Tensor conv(const Tensor& x, const Tensor& w) { return conv2d(x, w, {}, 1, 1); }
Case conv_forward(std::int64_t n, std::int64_t c, std::int64_t s) {
  return {fmt::format("conv {}ch fwd", c), conv, {n, c, s, s}, {c, c, 3, 3}};
}
Case conv_weights(std::int64_t n, std::int64_t c, std::int64_t s) {
  return {fmt::format("conv {}ch dW", c),
          [=](const Tensor& x, const Tensor& dy) {
            return grad([&](const Tensor& w) { return (conv(x, w) * dy).sum(); },
                        full({c, c, 3, 3}, 0.1))
                .second;
          },
          {n, c, s, s},
          {n, c, s, s}};
}
Case conv_data(std::int64_t n, std::int64_t c, std::int64_t s) {
  return {fmt::format("conv {}ch dX", c),
          [=](const Tensor& dy, const Tensor& w) {
            return grad([&](const Tensor& x) { return (conv(x, w) * dy).sum(); },
                        full({n, c, s, s}, 0.1))
                .second;
          },
          {n, c, s, s},
          {c, c, 3, 3}};
}

// The same where channels lie innermost, as they do inside of a network.
Tensor channels_first(const Tensor& x) { return x.permute({0, 3, 1, 2}); }
Tensor channels_last(const Tensor& x) { return x.permute({0, 2, 3, 1}); }
void add_channels_last(std::vector<Case>* all, std::int64_t n, std::int64_t c, std::int64_t s) {
  const Shape image{n, s, s, c}, weights{c, c, 3, 3};
  all->push_back(
      {fmt::format("channels last {}ch fwd", c),
       [](const Tensor& x, const Tensor& w) { return channels_last(conv(channels_first(x), w)); },
       image, weights});
  all->push_back({fmt::format("channels last {}ch dX", c),
                  [=](const Tensor& dy, const Tensor& w) {
                    return grad(
                               [&](const Tensor& x) {
                                 return (channels_last(conv(channels_first(x), w)) * dy).sum();
                               },
                               full(image, 0.1))
                        .second;
                  },
                  image, weights});
  all->push_back({fmt::format("channels last {}ch dW", c),
                  [=](const Tensor& x, const Tensor& dy) {
                    return grad(
                               [&](const Tensor& w) {
                                 return (channels_last(conv(channels_first(x), w)) * dy).sum();
                               },
                               full(weights, 0.1))
                        .second;
                  },
                  image, image});
}

// Operands that lie the other way.
void add_transposed(std::vector<Case>* all, std::int64_t n) {
  const Shape square{n, n};
  all->push_back({fmt::format("{}, b transposed", n),
                  [](const Tensor& x, const Tensor& w) { return matmul(x, w.t()); }, square,
                  square});
  all->push_back({fmt::format("{}, a transposed", n),
                  [](const Tensor& x, const Tensor& w) { return matmul(x.t(), w); }, square,
                  square});
  all->push_back({fmt::format("{}, both transposed", n),
                  [](const Tensor& x, const Tensor& w) { return matmul(x.t(), w.t()); }, square,
                  square});
}

// A linear layer of a few rows, which waits for its weights.
void add_few_rows(std::vector<Case>* all, std::int64_t rows, std::int64_t in, std::int64_t out) {
  const std::string name = fmt::format("{} rows", rows);
  all->push_back({name + " fwd",
                  [](const Tensor& x, const Tensor& w) { return matmul(x, w.t()); },
                  {rows, in},
                  {out, in}});
  all->push_back({name + " dX",
                  [](const Tensor& dy, const Tensor& w) { return matmul(dy, w); },
                  {rows, out},
                  {out, in}});
  all->push_back({name + " dW",
                  [](const Tensor& dy, const Tensor& x) { return matmul(dy.t(), x); },
                  {rows, out},
                  {rows, in}});
}

// Results of few channels that are asked for in rows.
void add_small_convolutions(std::vector<Case>* all) {
  all->push_back({"conv3d 8ch fwd",
                  [](const Tensor& x, const Tensor& w) { return conv3d(x, w, {}, 1, 1); },
                  {2, 8, 16, 32, 32},
                  {16, 8, 3, 3, 3}});
  all->push_back({"conv 32ch dilated fwd",
                  [](const Tensor& x, const Tensor& w) { return conv2d(x, w, {}, 1, 2, 2); },
                  {8, 32, 32, 32},
                  {32, 32, 3, 3}});
  all->push_back({"conv 1x1 fwd",
                  [](const Tensor& x, const Tensor& w) { return conv2d(x, w); },
                  {8, 64, 28, 28},
                  {128, 64, 1, 1}});
  all->push_back({"conv 2x2 transposed fwd",
                  [](const Tensor& x, const Tensor& w) { return conv_transpose2d(x, w, {}, 2); },
                  {8, 32, 28, 28},
                  {32, 16, 2, 2}});
  all->push_back({"conv 4x4 transposed fwd",
                  [](const Tensor& x, const Tensor& w) { return conv_transpose2d(x, w, {}, 2, 1); },
                  {8, 64, 16, 16},
                  {64, 32, 4, 4}});
}

// The products of gpt (6 x 384, T 128, batch 16), and the convolutions of resnet18.
std::vector<Case> cases(std::int64_t images) {
  const std::int64_t t = 2048, d = 384;
  std::vector<Case> all;
  const auto linear = [&](const std::string& name, std::int64_t in, std::int64_t out) {
    all.push_back({name + " fwd",
                   [](const Tensor& x, const Tensor& w) { return matmul(x, w.t()); },
                   {t, in},
                   {out, in}});
    all.push_back({name + " dX",
                   [](const Tensor& dy, const Tensor& w) { return matmul(dy, w); },
                   {t, out},
                   {out, in}});
    all.push_back({name + " dW",
                   [](const Tensor& dy, const Tensor& x) { return matmul(dy.t(), x); },
                   {t, out},
                   {t, in}});
  };
  linear("proj", d, d);
  linear("qkv", d, 3 * d);
  linear("up", d, 4 * d);
  linear("down", 4 * d, d);
  all.push_back({"square 512",
                 [](const Tensor& x, const Tensor& w) { return matmul(x, w); },
                 {512, 512},
                 {512, 512}});
  all.push_back({"odd 511",
                 [](const Tensor& x, const Tensor& w) { return matmul(x, w); },
                 {511, 509},
                 {509, 503}});
  for (const std::int64_t n : {512, 1000, 1024, 2048}) add_transposed(&all, n);
  add_few_rows(&all, 1, 2048, 2048);
  add_few_rows(&all, 128, 64, 2048);
  add_few_rows(&all, 8, 1024, 4096);
  all.push_back({"steps of an LSTM",  // at batch 1, as its loop reads them
                 [](const Tensor& x, const Tensor& w) {
                   const Tensor bias = w.narrow(1, 0, 1).reshape({1024});
                   return (matmul(x, w.t()) + bias).reshape({64, 1, 1024});
                 },
                 {64, 256},
                 {1024, 256}});
  add_small_convolutions(&all);
  for (const auto& [c, s] : {std::pair{64, 32}, {128, 16}, {256, 8}, {512, 4}}) {
    all.push_back(conv_forward(images, c, s));
    all.push_back(conv_weights(images, c, s));
    all.push_back(conv_data(images, c, s));
    add_channels_last(&all, images, c, s);
  }
  return all;
}

struct Way {
  std::string name;
  double cycles = 0, ms = 0, difference = 0;
};

schedule::Plan plan_of(const Graph& g, std::size_t way, std::vector<Way>* ways) {
  schedule::PlanOptions options;
  options.target = codegen::target();
  options.target.threads = runtime::ThreadTeam::instance().size();
  options.pick = [&](const schedule::Group& group, const std::vector<schedule::Choice>& choices) {
    if (!std::holds_alternative<schedule::Product>(group)) return std::size_t{0};
    if (ways->empty()) {
      for (const schedule::Choice& c : choices) ways->push_back({c.name, c.cycles});
    }
    return way;
  };
  return schedule::make_plan(g, options);
}

// Of the product and what packs its operands.
double product_ms(const schedule::Plan& plan, const std::vector<double>& ms) {
  double sum = 0;
  for (std::size_t k = 0; k < ms.size(); ++k) {
    const bool packs = plan.launches[k].how.rfind("pack ", 0) == 0;
    if (packs || plan.launches[k].flops > 1e6) sum += ms[k];
  }
  return sum;
}

double largest_difference(const std::vector<float>& want, const float* got) {
  double largest = 0, scale = 0;
  for (std::size_t k = 0; k < want.size(); ++k) {
    largest = std::max(largest, std::abs(static_cast<double>(want[k]) - got[k]));
    scale = std::max(scale, std::abs(static_cast<double>(want[k])));
  }
  return largest / scale;
}

void measure(const Case& c, int runs) {
  const Tensor a = randn(c.a), b = randn(c.b);
  eval(a, b);
  const std::vector<StoragePtr> in = {a.node()->storage(), b.node()->storage()};
  const Graph g = schedule::prepare(run_passes(trace(c.f, a, b))).graph;
  std::vector<Way> ways;
  plan_of(g, 0, &ways);
  std::vector<float> want;
  double flops = 0;
  std::deque<schedule::Plan> plans;
  std::deque<PlanRunner> runners;
  for (std::size_t w = 0; w < ways.size(); ++w) {
    ways[w].ms = INFINITY;
    runners.emplace_back(plans.emplace_back(plan_of(g, w, &ways)), in);
    for (const auto& l : plans[w].launches) flops = std::max(flops, l.flops);
  }
  for (int k = 0; k <= runs; ++k) {
    for (std::size_t w = 0; w < ways.size(); ++w) {
      const double ms = product_ms(plans[w], runners[w].run());
      if (k > 0) ways[w].ms = std::min(ways[w].ms, ms);  // the first round warms up
      const auto* result = static_cast<const float*>(runners[w].outputs[0]->data());
      if (want.empty())
        want.assign(result, result + runners[w].outputs[0]->bytes() / sizeof(float));
      ways[w].difference = largest_difference(want, result);
    }
  }
  const auto best = std::min_element(ways.begin(), ways.end(),
                                     [](const Way& x, const Way& y) { return x.ms < y.ms; });
  fmt::print("{}: {} x {}, {:.2f} GF, chosen {:.3f} ms, best {:.3f} ms ({:.2f}x)\n", c.name,
             c.a.str(), c.b.str(), flops / 1e9, ways[0].ms, best->ms, ways[0].ms / best->ms);
  for (const Way& w : ways) {
    fmt::print("  {:8.3f} ms {:6.1f} GF/s  {:8.3g} cycles, {:5.2f} GHz  {:.0e}  {}\n", w.ms,
               flops / w.ms / 1e6, w.cycles,
               w.cycles / runtime::ThreadTeam::instance().size() / w.ms / 1e6, w.difference,
               w.name);
  }
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  int runs = 5, images = 16;
  std::string only;
  for (int k = 1; k + 1 < argc; k += 2) {
    if (std::strcmp(argv[k], "--runs") == 0) runs = std::atoi(argv[k + 1]);
    if (std::strcmp(argv[k], "--only") == 0) only = argv[k + 1];
    if (std::strcmp(argv[k], "--images") == 0) images = std::atoi(argv[k + 1]);
  }
  for (const Case& c : cases(images)) {
    if (c.name.find(only) != std::string::npos) measure(c, runs);
  }
}
