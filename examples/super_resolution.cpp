// Images at three times their size. Ref: pytorch/examples, super_resolution.
// `example_super_resolution DIR EPOCHS` takes an ImageFolder; without it, drawn shapes.
#include <filesystem>

#include "expect.h"

using namespace lilith;

constexpr int upscale_factor = 3;

struct Net {
  nn::ReLU relu;
  nn::Conv2d conv1{1, 32, {5, 5}, {1, 1}, {2, 2}};
  nn::Conv2d conv2{32, 32, {3, 3}, {1, 1}, {1, 1}};
  nn::Conv2d conv3{32, 16, {3, 3}, {1, 1}, {1, 1}};
  nn::Conv2d conv4{16, upscale_factor* upscale_factor, {3, 3}, {1, 1}, {1, 1}};
  nn::PixelShuffle pixel_shuffle{upscale_factor};

  Net() {
    nn::init::orthogonal_(conv1.weight, nn::init::calculate_gain("relu"));
    nn::init::orthogonal_(conv2.weight, nn::init::calculate_gain("relu"));
    nn::init::orthogonal_(conv3.weight, nn::init::calculate_gain("relu"));
    nn::init::orthogonal_(conv4.weight);
  }
  Tensor operator()(Tensor x) const {
    x = relu(conv1(x));
    x = relu(conv2(x));
    x = relu(conv3(x));
    x = pixel_shuffle(conv4(x));
    return x;
  }
  LILITH_FIELDS(relu, conv1, conv2, conv3, conv4, pixel_shuffle)
};

// An ImageFolder of squares and discs, where none is given.
std::string draw_images() {
  const std::string root = "super_resolution_images";
  Tensor i = arange(30).unsqueeze(1), j = arange(30).unsqueeze(0);
  for (int n = 0; n < 24; ++n) {
    const int x = 8 + n % 14, y = 8 + n * 5 % 14, r = 4 + n % 5;
    Tensor disc = ((i - y).square() + (j - x).square()) < r * r;
    Tensor square = ((i - y).abs() < r) & ((j - x).abs() < r);
    std::filesystem::create_directories(root + (n % 2 ? "/disc" : "/square"));
    Tensor image = (n % 2 ? disc : square).to(kFloat).expand(3, 30, 30) * 0.8 + 0.1;
    write_image(image, fmt::format("{}/{}/{}.png", root, n % 2 ? "disc" : "square", n));
  }
  return root;
}

int main(int argc, char** argv) {
  manual_seed(123);
  const std::string root = argc > 1 ? argv[1] : draw_images();
  const int crop_size = 30;
  using namespace transforms;
  data::ImageFolder images(root, {.transform = Compose(ToFloat(), CenterCrop{crop_size})});
  DataLoader loader(images, {.batch_size = 8, .shuffle = true});
  Net model;
  nn::MSELoss criterion;
  optim::Adam optimizer({.lr = 1e-2});
  double first = 0, last = 0;
  for (int epoch = 1; epoch <= (argc > 2 ? std::atoi(argv[2]) : 20); ++epoch) {
    double epoch_loss = 0;
    for (auto [image, label] : loader) {
      Tensor target = image.mean(1, true);  // luminance
      Tensor input =
          F::interpolate(target, {.scale_factor = 1.0 / upscale_factor, .mode = "bicubic"});
      auto [loss, g] = grad([&](const Net& m, Tensor x, Tensor y) { return criterion(m(x), y); },
                            model, input, target);
      update(optimizer, model, g);
      epoch_loss += loss.item();
    }
    last = epoch_loss / loader.size();
    if (epoch == 1) first = last;
    fmt::print("Epoch {}: Avg. Loss {:.4f}, PSNR {:.2f} dB\n", epoch, last, -10 * std::log10(last));
  }
  Tensor small = images[0][0].mean(0, true).unsqueeze(0);
  write_image(model(small).squeeze(0).clamp(0, 1), "super_resolution.png");
  expect(last < first / 2, "the images come out better");
}
