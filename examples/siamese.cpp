// Pictures of one digit near each other, of others further away. Ref: pytorch/examples,
// siamese_network, with the triplet loss. `example_siamese DIR` takes MNIST.
#include "expect.h"

using namespace lilith;

struct SiameseNetwork {
  nn::Sequential features{nn::Conv2d(1, 16, 3, 2, 1), nn::ReLU(), nn::Conv2d(16, 32, 3, 2, 1),
                          nn::ReLU(), nn::Flatten()};
  nn::Linear fc{32 * 7 * 7, 32};

  Tensor operator()(Tensor x) const { return F::normalize(fc(features(x)), 2, 1); }
};

// Rows of an anchor, another picture of its digit, and one of another digit.
struct Triplets {
  Tensor images;
  std::vector<std::vector<std::int64_t>> of_digit = std::vector<std::vector<std::int64_t>>(10);

  explicit Triplets(const data::Dataset<2>& digits) {
    auto [x, y] = digits.slice(0, 600);
    images = x;
    const auto labels = y.to_vector<std::int64_t>();
    for (std::size_t i = 0; i < labels.size(); ++i) of_digit[labels[i]].push_back(i);
  }
  std::int64_t size() const { return 512; }
  std::array<Tensor, 3> get(std::int64_t i) const {
    const auto& same = of_digit[i % 10];
    const auto& other = of_digit[(i + 1 + i / 10 % 9) % 10];
    return {images[same[i % same.size()]], images[same[(i * 7 + 1) % same.size()]],
            images[other[i * 3 % other.size()]]};
  }
};

int main(int argc, char** argv) {
  manual_seed(1);
  auto digits = [&](data::Split split) -> data::Dataset<2> {
    if (argc > 1) return data::MNIST(argv[1], split);
    return data::Digits(split, {.size = 600});
  };
  OwnDataset train(Triplets(digits(data::Split::Train)));
  OwnDataset test(Triplets(digits(data::Split::Test)));
  SiameseNetwork model;
  nn::TripletMarginLoss criterion({.margin = 0.5});
  optim::Adam optimizer({.lr = 1e-3});
  for (int epoch = 1; epoch <= 3; ++epoch) {
    double loss_sum = 0;
    DataLoader loader(train, {.batch_size = 64, .shuffle = true});
    for (auto [anchor, positive, negative] : loader) {
      auto [loss, g] = grad([&](const SiameseNetwork& m, Tensor a, Tensor p,
                                Tensor n) { return criterion(m(a), m(p), m(n)); },
                            model, anchor, positive, negative);
      update(optimizer, model, g);
      loss_sum += loss.item();
    }
    fmt::print("Epoch {}: loss {:.4f}\n", epoch, loss_sum / loader.size());
  }
  auto [a, p, n] = test.slice(0);
  Tensor nearer =
      F::pairwise_distance(model(a), model(p)) < F::pairwise_distance(model(a), model(n));
  const double right = nearer.to(kFloat).mean().item();
  fmt::print("the picture of the same digit is nearer in {:.1f} %\n", 100 * right);
  expect(right > 0.7, "the same digit is nearer");
}
