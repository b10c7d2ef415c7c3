#include "images.h"

#include <lilith/ops.h>

#include <filesystem>

namespace lilith::zoo {
namespace {

namespace fs = std::filesystem;

ImageData drawn_digits(std::uint64_t seed) {
  const auto part = [&](data::Split split, std::int64_t size) {
    const auto [x, y] = data::Digits(split, {.size = size, .seed = seed}).slice(0, size);
    return TensorDataset<2>(pad(x - 0.5, {2, 2, 2, 2}).repeat({1, 3, 1, 1}), y);
  };
  fmt::print(
      stderr,
      "data: built-in drawn digits in three channels; --data DIR takes the folders train and "
      "test, each with a folder of images a class\n");
  return {part(data::Split::Train, 640), part(data::Split::Test, 200), 10, 32, "drawn digits"};
}

using Transform = std::function<Tensor(const Tensor&)>;

struct Transforms {
  Transform train, test;
  std::int64_t side;
};

Transforms transforms_of(const Tensor& first) {
  using namespace transforms;
  const std::int64_t side = first.size(1);
  if (std::max(side, first.size(2)) <= 64) {
    const Normalize normalize{{0.4914, 0.4822, 0.4465}, {0.2470, 0.2435, 0.2616}};
    return {Compose(ToFloat{}, RandomCrop{.size = {side, first.size(2)}, .padding = side / 8},
                    RandomHorizontalFlip{}, normalize),
            Compose(ToFloat{}, normalize), side};
  }
  const Normalize normalize{{0.485, 0.456, 0.406}, {0.229, 0.224, 0.225}};
  return {Compose(ToFloat{}, RandomResizedCrop{.size = 224}, RandomHorizontalFlip{}, normalize),
          Compose(ToFloat{}, Resize{256}, CenterCrop{224}, normalize), 224};
}

}  // namespace

ImageData load_images(const std::string& folder, std::uint64_t seed) {
  if (folder.empty()) return drawn_digits(seed);
  const fs::path root = folder;
  const std::string train_root = (root / "train").string(),
                    test_root =
                        (root / (fs::is_directory(root / "test") ? "test" : "val")).string();
  const data::ImageFolder found(train_root);
  const Transforms t = transforms_of(read_image(found.samples().front().first));
  const data::ImageFolder train(train_root, {.transform = t.train}),
      test(test_root, {.transform = t.test});
  LILITH_CHECK(train.classes() == test.classes(), "--data: {} has other classes than {}", test_root,
               train_root);
  fmt::print(stderr, "data: {}: {} images of {} classes to train on, {} to test\n", folder,
             train.size(), train.classes().size(), test.size());
  return {train, test, static_cast<std::int64_t>(train.classes().size()), t.side,
          fs::canonical(root).filename().string()};
}

}  // namespace lilith::zoo
