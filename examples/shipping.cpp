// docs/tutorial/5-shipping.md: a model that was trained in a notebook, in a program of its own.
// `example_shipping WEIGHTS IMAGE…` reads them; without arguments it makes some.
#include <chrono>

#include "expect.h"

using namespace lilith;

namespace {

// The notebook's class, field by field: names and order of the state_dict are the same.
struct Net {
  nn::Conv2d conv1{1, 8, 3, {.padding = 1}};
  nn::BatchNorm2d bn1{8};
  nn::Linear fc{8 * 14 * 14, 10};

  Tensor operator()(Tensor x) {
    x = F::max_pool2d(F::relu(bn1(conv1(x))), 2);
    return F::softmax(fc(x.flatten(1)), 1);
  }
};

auto compiled_net() {
  return compile([](Net& net, const Tensor& x) { return net(x); });
}

// What a program keeps for its whole life: weights, and the function that was compiled for them.
class Classifier {
 public:
  explicit Classifier(const std::string& weights) {
    load(net_, weights, {.strip = {"module"}});  // saved from a DataParallel: names begin with it
    eval(net_);
    (*this)(zeros({1, 1, 28, 28}));  // compiles, or finds what an earlier process compiled
  }
  // Pixels [N,1,28,28] in [0, 1] to probabilities.
  Tensor operator()(Tensor x) { return forward_(net_, x); }

 private:
  Net net_;
  decltype(compiled_net()) forward_ = compiled_net();
};

Tensor read_digit(const std::string& path) {
  const Tensor image = read_image(path).to(kFloat) / 255;  // [C,H,W]
  const Tensor grey = image.mean(0, true).unsqueeze(0);    // [1,1,H,W]
  return F::interpolate(grey, {.size = {28, 28}, .mode = "bilinear", .antialias = true});
}

// What torch.save(model.module.state_dict(), path) would leave, and an image.
void stand_in_for_the_notebook() {
  manual_seed(0);
  Net net;
  auto digits = data::Digits(data::Split::Train, {.size = 500});
  fit(net, digits, [](Net& m, Tensor x, Tensor y) { return F::nll_loss(m(x).log(), y); },
      {.epochs = 2, .optimizer = Adam({.lr = 3e-3}), .progress = ShowProgress::Off});
  save(net, "notebook.pt");
  write_image(digits[3][0], "digit.png");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 1) stand_in_for_the_notebook();
  Classifier classify(argc > 1 ? argv[1] : "notebook.pt");
  std::vector<std::string> images(argv + std::min(argc, 2), argv + argc);
  if (argc == 1) images = {"digit.png"};
  for (const std::string& path : images) {
    const auto start = std::chrono::steady_clock::now();
    const Tensor p = classify(read_digit(path))[0];
    const auto digit = p.argmax().item<int>();
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
    fmt::print("{}: {} ({:.0f} %, {:.2f} ms)\n", path, digit, 100 * p[digit].item(), took.count());
    expect(p[digit].item() >= 0.1f, "the likeliest of ten has a tenth");
  }
}
