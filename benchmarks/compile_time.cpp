// What it costs to make a program, phase by phase, as models grow: milliseconds of processor time,
// of all threads together, each model in a process of its own. A line of "x" says how many times
// the figures of the line above are those of the one before, to the power that makes the step a
// doubling. Usage: compile_time [--csv] [kind [size…]]   kinds: conv resnet transformer mlp
// sine
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <ctime>
#include <map>

#include "core/phases.h"
#include "eval/program_cache.h"
#include "ir/node.h"
#include "lilith/lilith.h"

namespace {

using namespace lilith;

struct ConvNet {
  struct Block {
    Conv2d conv{8, 8, 3, {.padding = 1}};
    BatchNorm2d norm{8};
  };
  std::vector<Block> blocks;
  Linear head{8, 10};
  explicit ConvNet(int n) : blocks(static_cast<std::size_t>(n)) {}
  Tensor operator()(Tensor x) {
    Tensor skip = x;
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      x = blocks[i].norm(blocks[i].conv(x));
      if (i % 2 == 1) x = skip = x + skip;
      x = relu(x);
    }
    return head(x.mean({2, 3}));
  }
  static Tensor input() { return randn({4, 8, 8, 8}); }
  LILITH_FIELDS(blocks, head)
};

struct Transformer {
  std::vector<TransformerEncoderLayer> blocks;
  Linear head{32, 10};
  explicit Transformer(int n) {
    for (int i = 0; i < n; ++i)
      blocks.emplace_back(32, 2,
                          TransformerLayerOptions{.dim_feedforward = 64,
                                                  .dropout = 0,
                                                  .activation = "gelu",
                                                  .batch_first = true,
                                                  .norm_first = true});
  }
  Tensor operator()(Tensor x) const {
    for (const auto& b : blocks) x = b(x);
    return head(x.mean({1}));
  }
  static Tensor input() { return randn({4, 8, 32}); }
  LILITH_FIELDS(blocks, head)
};

struct Mlp {
  std::vector<Linear> layers;
  Linear head{32, 10};
  explicit Mlp(int n) {
    for (int i = 0; i < n; ++i) layers.emplace_back(32, 32);
  }
  Tensor operator()(Tensor x) const {
    for (const auto& l : layers) x = relu(l(x));
    return head(x);
  }
  static Tensor input() { return randn({4, 32}); }
  LILITH_FIELDS(layers, head)
};

// A ResNet of bottleneck blocks: 3, 4, 6, 3 of them are ResNet-50, 3, 8, 36, 3 ResNet-152.
struct ResNet {
  struct ConvNorm {
    Conv2d conv;
    BatchNorm2d norm;
    ConvNorm(int in, int out, int kernel, int stride)
        : conv(in, out, kernel, {.stride = stride, .padding = kernel / 2, .bias = false}),
          norm(out) {}
    Tensor operator()(const Tensor& x) { return norm(conv(x)); }
    LILITH_FIELDS(conv, norm)
  };
  struct Block {
    ConvNorm reduce, spatial, expand;
    std::optional<ConvNorm> shortcut;
    Block(int in, int width, int stride)
        : reduce(in, width, 1, 1),
          spatial(width, width, 3, stride),
          expand(width, 4 * width, 1, 1) {
      if (in != 4 * width) shortcut.emplace(in, 4 * width, 1, stride);
    }
    Tensor operator()(const Tensor& x) {
      const Tensor y = expand(relu(spatial(relu(reduce(x)))));
      return relu(y + (shortcut ? (*shortcut)(x) : x));
    }
    LILITH_FIELDS(reduce, spatial, expand, shortcut)
  };
  ConvNorm stem{3, 64, 7, 2};
  std::vector<Block> blocks;
  Linear head{2048, 1000};
  // Of 50, 101 or 152 layers.
  explicit ResNet(int layers) {
    const int counts[] = {3, layers > 101 ? 8 : 4, layers == 50 ? 6 : layers == 101 ? 23 : 36, 3};
    int in = 64;
    for (int stage = 0; stage < 4; ++stage) {
      const int width = 64 << stage;
      for (int i = 0; i < counts[stage]; ++i) {
        blocks.emplace_back(in, width, stage > 0 && i == 0 ? 2 : 1);
        in = 4 * width;
      }
    }
  }
  Tensor operator()(Tensor x) {
    x = max_pool2d(relu(stem(x)), 3, 2, 1);
    for (Block& b : blocks) x = b(x);
    return head(x.mean({2, 3}));
  }
  LILITH_FIELDS(stem, blocks, head)
};

double cpu_ms() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_nsec) / 1e6;
}

// Columns: trace, the phases, the rest of the first step, a step, and their names.
constexpr std::size_t kColumns = kNumPhases + 3;
using Row = std::array<double, kColumns>;
constexpr const char* kTitles[kColumns] = {"trace",  "key",   "passes", "prepare", "fuse",  "build",
                                           "memory", "names", "LLVM",   "rest",    "a step"};

// `step` returns when it has traced.
template <class Trace, class Run>
Row measure(Trace trace, Run run) {
  count_every_phase();
  const double start = cpu_ms();
  trace();
  const double traced = cpu_ms();
  const PhaseTimes before = phase_times();
  run();
  const double end = cpu_ms();
  const PhaseTimes phases = phase_times() - before;
  trace();
  const double again = cpu_ms();
  run();
  const double step = cpu_ms() - again;
  Row row{};
  row[0] = traced - start;
  std::copy(phases.ms.begin(), phases.ms.end(), row.begin() + 1);
  row[kColumns - 2] = std::max(0.0, end - traced - phases.sum() - step);
  row[kColumns - 1] = step;
  return row;
}

template <class Net>
Row training_step(int n) {
  manual_seed(0);
  Net net(n);
  const Tensor x = Net::input();
  const Tensor y = arange(x.shape()[0]);
  eval(net);
  train_mode(net);
  eval(x, y);
  Adam opt({.lr = 1e-3});
  const auto loss = [](Net& m, Tensor in, Tensor target) {
    return cross_entropy_loss(m(in), target);
  };
  std::optional<decltype(grad(loss, net, x, y))> made;
  return measure([&] { made.emplace(grad(loss, net, x, y)); },
                 [&] {
                   update(opt, net, made->second);
                   made.reset();
                 });
}

// Of a value that nobody else holds: the result may take its memory.
Row sines(int n) {
  std::vector<Tensor> starts{randn({64}), randn({64})};
  eval(starts);
  Tensor y;
  return measure(
      [&] {
        y = std::move(starts.back());
        starts.pop_back();
        for (int i = 0; i < n; ++i) y = sin(y) * 0.9;
        y = y.sum();
      },
      [&] { eval(y); });
}

Tensor without_values(const Aval& aval) {
  return ir::make_data(aval, Storage::allocate(aval.bytes()));
}

// The training step of a ResNet on 8 images of 224x224, with Adam: compiled, but not run.
struct ResNetStep {
  ResNet net;
  Tensor x = without_values({{8, 3, 224, 224}}), y = without_values({{8}, DType::I64});
  Tensor count = without_values({{}});
  std::vector<Tensor> outputs;

  void trace() {
    const auto loss = [](ResNet& m, const Tensor& in, const Tensor& target) {
      return cross_entropy_loss(m(in), target);
    };
    outputs.clear();
    for_each_parameter(net, [](const std::string&, Tensor& t) { t = without_values(t.aval()); });
    for_each_buffer(net, [](const std::string&, Buffer& t) { t = without_values(t.aval()); });
    auto [value, grads] = grad(loss, net, x, y);
    outputs.push_back(value);
    std::vector<Tensor> of;
    for_each_parameter(grads, [&](const std::string&, Tensor& t) { of.push_back(t); });
    std::size_t next = 0;
    for_each_parameter(net, [&](const std::string&, Tensor& w) { adam(w, of[next++]); });
    for_each_buffer(net, [&](const std::string&, Buffer& t) { outputs.push_back(t); });
  }

  void adam(const Tensor& w, const Tensor& g) {
    const Tensor m = without_values(w.aval()) * 0.9 + g * 0.1;
    const Tensor v = without_values(w.aval()) * 0.999 + g * g * 0.001;
    const Tensor rate = 1e-3 / (1 - pow(0.9, count)), scale = 1 - pow(0.999, count);
    outputs.insert(outputs.end(), {w - rate * m / (sqrt(v / scale) + 1e-8), m, v});
  }

  void compile() const {
    const ir::GraphLock lock;
    std::vector<ir::NodeImpl*> nodes;
    for (const Tensor& t : outputs) nodes.push_back(t.node());
    driver::ProgramCache& cache = driver::ProgramCache::instance();
    cache.get(cache.request(driver::canonicalise(nodes)));
  }
};

Row resnet(int layers) {
  ResNetStep step{ResNet(layers)};
  return measure([&] { step.trace(); }, [&] { step.compile(); });
}

using Make = Row (*)(int);
struct Kind {
  Make make;
  std::vector<int> sizes;
};
const std::map<std::string, Kind>& kinds() {
  static const std::map<std::string, Kind> all = {
      {"conv", {training_step<ConvNet>, {32, 64, 110, 220, 440}}},
      {"resnet", {resnet, {50, 101, 152}}},
      {"transformer", {training_step<Transformer>, {4, 16, 48, 96}}},
      {"mlp", {training_step<Mlp>, {64, 256, 1024}}},
      {"sine", {sines, {100, 400, 1600}}}};
  return all;
}

// In a process of its own: no kernel is found that another size compiled.
bool in_process(Make make, int size, Row* row) {
  int ends[2];
  if (pipe(ends) != 0) return false;
  const pid_t child = fork();
  if (child == 0) {
    const Row made = make(size);
    const bool written = write(ends[1], &made, sizeof(made)) == sizeof(made);
    _exit(written ? 0 : 1);
  }
  close(ends[1]);
  const bool got = read(ends[0], row, sizeof(*row)) == sizeof(*row);
  close(ends[0]);
  waitpid(child, nullptr, 0);
  return got;
}

void print(const char* name, int size, const Row& row, const char* format) {
  std::printf("%-11s %5d", name, size);
  for (const double x : row) std::printf(format, x);
  std::printf("\n");
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  std::printf("%-17s", "ms");
  for (const char* title : kTitles) std::printf(" %8s", title);
  std::printf("\n");
  for (const auto& [name, kind] : kinds()) {
    if (argc > 1 && name != argv[1]) continue;
    std::vector<int> sizes = kind.sizes;
    if (argc > 2) sizes.clear();
    for (int i = 2; i < argc; ++i) sizes.push_back(std::atoi(argv[i]));
    Row last{};
    int last_size = 0;
    for (const int size : sizes) {
      Row row{};
      if (!in_process(kind.make, size, &row)) {
        std::printf("%s %d: failed\n", name.c_str(), size);
        return 1;
      }
      print(name.c_str(), size, row, " %8.1f");
      Row growth{};
      for (std::size_t i = 0; i < kColumns && last_size > 0; ++i)
        growth[i] = std::pow(std::max(row[i], 0.1) / std::max(last[i], 0.1),
                             std::log(2.0) / std::log(1.0 * size / last_size));
      if (last_size > 0) print("  x", 2, growth, " %8.2f");
      last = row;
      last_size = size;
    }
  }
  return 0;
}
