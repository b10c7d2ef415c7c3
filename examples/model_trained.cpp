// A model is a struct; fit trains it. Swap data::Digits for data::MNIST("data/mnist", …) to use
// files.
#include <lilith/lilith.h>

using namespace lilith;

struct Net {
  Conv2d conv1{1, 20, 5};
  Conv2d conv2{20, 50, 5};
  Linear fc1{4 * 4 * 50, 500};
  Linear fc2{500, 10};

  Tensor operator()(Tensor x) const {
    x = max_pool2d(relu(conv1(x)), 2);
    x = max_pool2d(relu(conv2(x)), 2);
    x = x.reshape({-1, 4 * 4 * 50});
    x = relu(fc1(x));
    return log_softmax(fc2(x), 1);
  }
};

int main() {
  manual_seed(0);
  auto device = best_available_device();
  auto net = to(device, Net{});
  auto train = data::Digits(data::Split::Train, {.size = 1000});
  auto test = data::Digits(data::Split::Test, {.size = 200});
  fit(net, train, NLLLoss{},
      {.epochs = 3, .batch_size = 100, .optimizer = Adam({.lr = 1e-3}), .device = device});
  fmt::print("accuracy {:.4f}\n", accuracy(net, test));
  save(net, "net.safetensors");
  Net again;
  load(again, "net.safetensors");
  return accuracy(net, test) > 0.5 && accuracy(again, test) == accuracy(net, test) ? 0 : 1;
}
