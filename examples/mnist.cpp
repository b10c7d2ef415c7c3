// Ref: pytorch/examples, mnist. `example_mnist DIR` takes MNIST; without it, drawn digits.
#include "expect.h"

using namespace lilith;

struct Net {
  nn::Conv2d conv1{1, 32, 3, 1};
  nn::Conv2d conv2{32, 64, 3, 1};
  nn::Dropout dropout1{0.25};
  nn::Dropout dropout2{0.5};
  nn::Linear fc1{9216, 128};
  nn::Linear fc2{128, 10};

  Tensor operator()(Tensor x) {
    x = conv1(x);
    x = F::relu(x);
    x = conv2(x);
    x = F::relu(x);
    x = F::max_pool2d(x, 2);
    x = dropout1(x);
    x = flatten(x, 1);
    x = fc1(x);
    x = F::relu(x);
    x = dropout2(x);
    x = fc2(x);
    return F::log_softmax(x, 1);
  }
};

void train(Net& model, Device device, const DataLoader<2>& train_loader, optim::Adadelta& optimizer,
           int epoch) {
  train_mode(model);
  int batch_idx = 0;
  for (auto [data, target] : train_loader) {
    data = data.to(device), target = target.to(device);
    auto [loss, g] =
        grad([](Net& m, Tensor x, Tensor y) { return F::nll_loss(m(x), y); }, model, data, target);
    update(optimizer, model, g);
    if (batch_idx++ % 10 == 0) fmt::print("Train Epoch: {}\tLoss: {:.6f}\n", epoch, loss.item());
  }
}

double test(Net& model, Device device, const DataLoader<2>& test_loader, std::int64_t size) {
  eval(model);
  double test_loss = 0, correct = 0;
  for (auto [data, target] : test_loader) {
    data = data.to(device), target = target.to(device);
    Tensor output = model(data);
    test_loss += F::nll_loss(output, target, {.reduction = "sum"}).item();
    Tensor pred = output.argmax(1, true);
    correct += pred.eq(target.view_as(pred)).sum().item();
  }
  fmt::print("Test set: Average loss: {:.4f}, Accuracy: {}/{}\n", test_loss / size, correct, size);
  return correct / size;
}

int main(int argc, char** argv) {
  manual_seed(1);
  Device device = cpu();
  auto part = [&](data::Split split, std::int64_t size) -> data::Dataset<2> {
    if (argc > 1) return data::MNIST(argv[1], split);
    return data::Digits(split, {.size = size});
  };
  auto dataset1 = part(data::Split::Train, 1024), dataset2 = part(data::Split::Test, 256);
  DataLoader train_loader(dataset1, {.batch_size = 64, .shuffle = true});
  DataLoader test_loader(dataset2, {.batch_size = 256});

  Net model;
  model = to(device, model);
  optim::Adadelta optimizer({.lr = 1.0});
  StepLR scheduler(optimizer, {.step_size = 1, .gamma = 0.7});
  double accuracy = 0;
  for (int epoch = 1; epoch < 3; ++epoch) {
    train(model, device, train_loader, optimizer, epoch);
    accuracy = test(model, device, test_loader, dataset2.size());
    scheduler.step();
  }
  save(model, "mnist_cnn.pt");
  expect(accuracy > 0.5, "two epochs tell digits apart");
}
