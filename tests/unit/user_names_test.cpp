// What a program may call its own beside `using namespace lilith` and what the system's headers
// declare. Most of it is that this file compiles.
#include <gtest/gtest.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <csignal>
#include <cstdlib>
#include <numeric>
#include <random>

#include "lilith/lilith.h"

using namespace lilith;

// Models and parts of programs.
struct Block {
  Linear fc{4, 4};
  Tensor operator()(const Tensor& x) const { return relu(fc(x)); }
};
struct Encoder {
  Block block;
  Tensor operator()(const Tensor& x) const { return block(x); }
};
struct Decoder {
  Linear out{4, 2};
  Tensor operator()(const Tensor& x) const { return out(x); }
};
struct Model {
  Encoder encoder;
  Decoder decoder;
  Tensor operator()(const Tensor& x) const { return decoder(encoder(x)); }
};
struct Generator {
  Linear fc{2, 4};
  Tensor operator()(const Tensor& z) const { return tanh(fc(z)); }
};
struct Discriminator {
  Linear fc{4, 1};
  Tensor operator()(const Tensor& x) const { return fc(x); }
};
struct Attention {
  Linear query{4, 4};
};
struct Net {
  Model model;
  Attention attention;
};
struct Loss {
  double value = 0;
};
struct Config {
  double lr = 0.1;
};
struct Dataset {
  std::vector<float> rows;
};
struct Batch {
  Tensor x, y;
};
struct Sample {
  int label = 0;
};
struct Picture {
  int width = 3;
};
struct Several {
  int n = 2;
};
struct Image {
  int width = 1;
};
struct Vector {
  double x = 0, y = 0;
};
struct Point {
  double x = 0, y = 0;
};
struct Matrix {
  double a = 1;
};
struct Agent {
  Net policy;
};
struct Policy {
  double epsilon = 0.1;
};
struct Timer {
  double s = 0;
};
struct Trainer {
  Config config;
  Timer timer;
};
struct Layer {
  int n = 0;
};
struct Tokenizer {
  int n = 0;
};
struct Node {
  std::vector<Node> children;
};
struct Graph {
  std::vector<Node> nodes;
};
struct Body {
  double mass = 1;
};
struct Pattern {
  int n = 0;
};
struct Match {
  int at = 0;
};

// Functions with types of the program's own, and with tensors.
namespace utils {
int version() { return 3; }
}  // namespace utils
namespace datasets {
int count() { return 4; }
}  // namespace datasets
double step(const Config& c) { return c.lr; }
double loss(const Loss& l) { return l.value; }
Tensor loss(const Model& m, const Tensor& x, const Tensor& y) { return mse_loss(m(x), y); }
int train(Model&, const Dataset& d) { return static_cast<int>(d.rows.size()); }
double evaluate(const Model&, const Dataset&) { return 1; }
double accuracy(const Model&, const Dataset&) { return 0.5; }
double accuracy(const Tensor& logits, const Tensor& labels) {
  return (argmax(logits, 1) == labels).to(kFloat).mean().item();
}
Tensor forward(const Model& m, const Tensor& x) { return m(x); }
Sample sample(const Policy&) { return {1}; }
Batch batch(const Dataset&) { return {ones({1, 4}), ones({1, 2})}; }
int count(const Dataset& d) { return static_cast<int>(d.rows.size()); }
Vector normalize(const Vector& v) { return {v.x / std::hypot(v.x, v.y), 0}; }
Vector clamp(const Vector& v, double, double) { return v; }
Vector lerp(const Vector& a, const Vector&, double) { return a; }
double distance(const Point& a, const Point& b) { return a.x - b.x; }
double dot(const Vector& a, const Vector& b) { return a.x * b.x + a.y * b.y; }
double cross(const Vector& a, const Vector& b) { return a.x * b.y - a.y * b.x; }
double angle(const Vector& v) { return std::atan2(v.y, v.x); }
double real(const Point& p) { return p.x; }
double norm(const Vector& v) { return std::sqrt(dot(v, v)); }
int buffers(const Net&) { return 0; }
bool is_tensor(int) { return false; }
Dataset load(const std::string& path) { return {{static_cast<float>(path.size())}}; }
void save(const Dataset&, const std::string&) {}
Tensor gelu(Tensor x) { return x * 7; }
Tensor mse(const Tensor& a, const Tensor& b) { return ((a - b) * (a - b)).mean(); }

int seed = 42;
volatile std::sig_atomic_t stopped = 0;
void on_signal(int) { stopped = 1; }

TEST(UserNames, OfTypesAreTheProgramsOwn) {
  Model model;
  Net net;
  Generator generator;
  Discriminator discriminator;
  const Dataset data{{1, 2, 3}};
  EXPECT_EQ(discriminator(generator(randn({3, 2}))).shape(), (Shape{3, 1}));
  EXPECT_EQ(train(model, data), 3);
  EXPECT_EQ(evaluate(model, data), 1);
  EXPECT_EQ(num_parameters(net), 4 * 4 + 4 + 4 * 2 + 2 + 4 * 4 + 4);
  EXPECT_EQ(Picture().width + Several().n + Image().width + Layer().n + Tokenizer().n, 6);
  EXPECT_EQ(Matrix().a + Agent().policy.model.decoder.out.weight.size(0), 3);
  EXPECT_EQ(Trainer().config.lr, 0.1);
  EXPECT_EQ(utils::version() + datasets::count(), 7);
}

TEST(UserNames, OfFunctionsOverload) {
  const Model model;
  const Dataset data{{1, 2, 3}};
  const Batch b = batch(data);
  EXPECT_EQ(forward(model, b.x).shape(), (Shape{1, 2}));
  EXPECT_EQ(loss(model, b.x, b.y).ndim(), 0);
  EXPECT_EQ(step(Config{}) + loss(Loss{1}), 1.1);
  EXPECT_EQ(accuracy(model, data), 0.5);
  EXPECT_EQ(accuracy(eye(2), tensor({0, 1})), 1);
  EXPECT_EQ(sample(Policy{}).label + count(data) + buffers(Net{}), 4);
  EXPECT_FALSE(is_tensor(1));
  const Vector v{3, 0}, w = clamp(lerp(normalize(v), v, 0.5), 0, 1);
  EXPECT_EQ(dot(w, v) + cross(w, v) + norm(w) + angle(w) + distance({1, 0}, {0, 0}) + real(Point{}),
            5);
  EXPECT_EQ(load("four").rows[0], 4);
  EXPECT_EQ(load(std::string("four")).rows[0], 4);
  save(data, "nowhere");
  EXPECT_EQ(gelu(ones({1})).item(), 7);
  EXPECT_EQ(mse(ones({2}), zeros({2})).item(), 1);
  // Lilith's, with tensors.
  const Tensor x = tensor({3., 4.});
  EXPECT_EQ(dot(x, x).item(), 25);
  EXPECT_EQ(norm(x).item(), 5);
  EXPECT_EQ(clamp(x, 0, 3).sum().item(), 6);
  EXPECT_EQ(normalize(x, 2, 0).size(0), 2);
  EXPECT_EQ(real(x).sum().item() + angle(x).sum().item(), 7);
}

TEST(UserNames, BesideTheSystemsHeaders) {
  const auto old = signal(SIGUSR1, on_signal);
  raise(SIGUSR1);
  signal(SIGUSR1, old);
  EXPECT_EQ(stopped, 1);
  manual_seed(seed);
  EXPECT_EQ(abs(-2), 2);
  EXPECT_EQ(std::real(std::complex<double>(1, 2)), 1);
  EXPECT_EQ(sqrt(4.0) + pow(2.0, 2) + floor(0.5) + exp(0.0), 7);
  EXPECT_NE(index("ab", 'b'), nullptr);
  EXPECT_GT(time(nullptr), 0);
}

// PyTorch's own names for what has another at the top.
TEST(UserNames, AreThereAsPyTorchs) {
  namespace torch = lilith::pytorch;
  torch::Generator g(3);
  EXPECT_EQ(torch::rand({2}, {.generator = g}).size(0), 2);
  EXPECT_EQ(torch::signal::windows::hann(5).size(0), 5);
  EXPECT_EQ(windows::hann(5).size(0), 5);
  EXPECT_EQ(torch::utils::data::DataLoader(TensorDataset(ones({4, 1})), {.batch_size = 2}).size(),
            2);
  EXPECT_EQ(torch::nn::Linear(3, 4).weight.size(0), 4);
  EXPECT_EQ(torch::nn::functional::relu(tensor({-1., 2.})).sum().item(), 2);
  EXPECT_TRUE(torch::is_tensor(torch::ones({1})));
  EXPECT_NE(torch::seed(), torch::seed());
  torch::manual_seed(0);
  torch::optim::Adam optimizer(1e-3);
  const torch::utils::data::Dataset<1> rows = TensorDataset(ones({4, 1}));
  EXPECT_EQ(rows.size(), 4);
  EXPECT_EQ(nn::utils::parameters_to_vector(nn::Linear(3, 4)).size(0), 16);
  EXPECT_EQ(nn::utils::rnn::pad_sequence({ones({2}), ones({1})}, true).size(1), 2);
}
