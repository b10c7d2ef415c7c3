// Images in files and folders, and their transforms.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "lilith/data.h"
#include "lilith/ops.h"
#include "support/expect_error.h"
#include "support/shared.h"
#include "support/temp_dir.h"

namespace lilith {
namespace {

using testing::error_text;

Tensor picture() { return ((arange(3 * 5 * 4) * 37) % 256).view(3, 5, 4).to(DType::U8); }

TEST(Images, ThatAreCutOffAreRefused) {
  const testing::TempDir dir;
  const std::string path = dir.file("cut.jpg");
  write_image(((arange(3 * 64 * 64) * 37) % 256).view(3, 64, 64).to(DType::U8), path);
  std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);
  EXPECT_NE(error_text([&] { read_image(path); }).find("cut.jpg"), std::string::npos);
}

TEST(Images, AreReadAsTheyWereWritten) {
  const testing::TempDir dir;
  for (const std::int64_t channels : {1, 2, 3, 4}) {
    const Tensor x = ((arange(channels * 6) * 41) % 256).view(channels, 2, 3).to(DType::U8);
    write_image(x, dir.file("x.png"));
    const Tensor y = read_image(dir.file("x.png"));
    EXPECT_EQ(y.shape(), x.shape());
    EXPECT_EQ(y.to_vector<std::uint8_t>(), x.to_vector<std::uint8_t>());
  }
  const Tensor smooth = (arange(16 * 16) / 255.0).view(1, 16, 16).expand(3, 16, 16);
  write_image(smooth, dir.file("x.jpg"), 100);
  const Tensor back = read_image(dir.file("x.jpg"));
  EXPECT_EQ(back.shape(), (Shape{3, 16, 16}));
  EXPECT_LT(max(abs(back.to(kFloat) / 255 - smooth)).item<float>(), 0.02);
  write_image(ones({4, 4}), dir.file("grey.jpeg"));
  EXPECT_EQ(read_image(dir.file("grey.jpeg")).shape(), (Shape{1, 4, 4}));
}

TEST(Images, ErrorsNameTheFile) {
  const testing::TempDir dir;
  EXPECT_ERROR_HERE(read_image(dir.path().string()),
                    "read_image: " + dir.path().string() + " is a folder");
  EXPECT_NE(error_text([&] { read_image(dir.file("none.png")); }).find("read_image: cannot open"),
            std::string::npos);
  std::ofstream(dir.file("text.png")) << "hello";
  EXPECT_NE(error_text([&] {
              read_image(dir.file("text.png"));
            }).find("is neither PNG nor JPEG by its first bytes"),
            std::string::npos);
  write_image(picture(), dir.file("cut.jpg"));
  write_image(picture(), dir.file("cut.png"));
  std::filesystem::resize_file(dir.file("cut.png"), 60);
  EXPECT_NE(error_text([&] { read_image(dir.file("cut.png")); }).find("cut.png: "),
            std::string::npos);
  std::ofstream(dir.file("bad.jpg"), std::ios::binary) << "\xff\xd8\xff\xe0 nothing";
  EXPECT_NE(error_text([&] { read_image(dir.file("bad.jpg")); }).find("bad.jpg: "),
            std::string::npos);
  EXPECT_NE(error_text([&] {
              write_image(picture(), dir.file("x.bmp"));
            }).find("need .png, .jpg or .jpeg"),
            std::string::npos);
  EXPECT_NE(error_text([&] {
              write_image(ones({4, 2, 2}), dir.file("x.jpg"));
            }).find("4 channels; JPEG has 1 or 3"),
            std::string::npos);
}

TEST(Images, FoldersAreClasses) {
  const testing::TempDir dir;
  for (const char* name : {"b", "a"}) {
    std::filesystem::create_directory(dir.file(name));
    write_image(full({1, 2, 2}, name[0] == 'a' ? 0.0 : 1.0), dir.file(name) + "/1.png");
  }
  const data::ImageFolder folder(dir.file(""));
  EXPECT_EQ(folder.classes(), (std::vector<std::string>{"a", "b"}));
  const auto [x, y] = folder.rows({1, 0});
  EXPECT_EQ(x.shape(), (Shape{2, 3, 2, 2}));
  EXPECT_EQ(x[0].mean().item<float>(), 1);
  EXPECT_EQ(y.to_vector<std::int64_t>(), (std::vector<std::int64_t>{1, 0}));
  const data::ImageFolder small(dir.file(""), {.transform = transforms::Compose(
                                                   transforms::Resize{1}, transforms::ToFloat{})});
  EXPECT_EQ(small[0][0].shape(), (Shape{3, 1, 1}));
  EXPECT_NE(error_text([&] { data::ImageFolder(dir.file("a")); }).find("has no folder of images"),
            std::string::npos);
  EXPECT_ERROR_HERE(
      data::ImageFolder(dir.file("\x1b")),
      "ImageFolder: " + dir.file("\\x1b") + " is not a folder; nothing is downloaded");
  EXPECT_ERROR_HERE(write_image(picture(), dir.file("\x1b/x.jpg")),
                    "write_image: cannot write " + dir.file("\\x1b/x.jpg"));
}

TEST(Images, RealPhotographs) {
  LILITH_SHARED_OR_SKIP(path, "data/cifar10-jpeg");
  std::string root = path;
  if (std::filesystem::is_directory(root + "/train")) root += "/train";
  const data::ImageFolder folder(root);
  EXPECT_EQ(folder.classes().size(), 10u);
  EXPECT_EQ(folder[0][0].shape(), (Shape{3, 32, 32}));
}

TEST(Transforms, ResizeAsInterpolate) {
  const Tensor x = picture().to(kFloat) / 255;
  for (const Interpolation mode : {Interpolation::Bilinear, Interpolation::Bicubic})
    for (const bool antialias : {false, true}) {
      const Tensor got =
          transforms::Resize{.size = {3, 7}, .mode = mode, .antialias = antialias}(x);
      const Tensor want =
          interpolate(x.unsqueeze(0), {.size = {3, 7}, .mode = mode, .antialias = antialias});
      EXPECT_LT(max(abs(got - want[0])).item<float>(), 1e-5) << mode.word() << antialias;
    }
  EXPECT_EQ(transforms::Resize{2}(x).shape(), (Shape{3, 2, 2}));
  EXPECT_EQ(transforms::Resize{8}(picture()).dtype(), DType::U8);
  EXPECT_EQ(transforms::Resize{8}(x).shape(), (Shape{3, 10, 8}));
}

TEST(Transforms, GeometryIsExact) {
  const Tensor x = picture(), square = x.slice(1, 0, 4);
  const auto bytes = [](const Tensor& t) { return t.to_vector<std::uint8_t>(); };
  EXPECT_EQ(bytes(transforms::RandomHorizontalFlip{1}(x)), bytes(flip(x, {2})));
  EXPECT_EQ(bytes(transforms::RandomVerticalFlip{1}(x)), bytes(flip(x, {1})));
  EXPECT_EQ(bytes(transforms::RandomHorizontalFlip{0}(x)), bytes(x));
  EXPECT_EQ(bytes(transforms::CenterCrop{{3, 2}}(x)), bytes(x.slice(1, 1, 4).slice(2, 1, 3)));
  EXPECT_EQ(transforms::CenterCrop{7}(x).shape(), (Shape{3, 7, 7}));
  EXPECT_EQ(bytes(transforms::RandomAffine{.degrees = {90, 90}}(square)),
            bytes(rot90(square, 1, {1, 2})));
  EXPECT_EQ(bytes(transforms::RandomCrop{{5, 4}}(x)), bytes(x));
  manual_seed(1);
  const Tensor cut = transforms::RandomCrop{.size = {5, 4}, .padding = 2}(x);
  EXPECT_EQ(cut.shape(), x.shape());
  const Tensor resized = transforms::RandomResizedCrop{6}(x);
  EXPECT_EQ(resized.shape(), (Shape{3, 6, 6}));
  EXPECT_EQ(bytes(transforms::RandomRotation{0}(x)), bytes(x));
}

TEST(Transforms, ColoursAndErasing) {
  const Tensor x = picture().to(kFloat) / 255;
  const Tensor y = transforms::Normalize{{0.5, 0.25, 0}, {0.5, 1, 2}}(x);
  EXPECT_LT(max(abs(y[1] - (x[1] - 0.25))).item<float>(), 1e-6);
  EXPECT_LT(max(abs(y[2] - x[2] / 2)).item<float>(), 1e-6);
  manual_seed(3);
  const Tensor hued = transforms::ColorJitter{.hue = 0.5}(x);
  EXPECT_LT(max(abs(amax(hued, 0) - amax(x, 0))).item<float>(), 1e-5);  // value and saturation stay
  EXPECT_LT(max(abs(amin(hued, 0) - amin(x, 0))).item<float>(), 1e-5);
  const Tensor jittered =
      transforms::ColorJitter{.brightness = 0.4, .contrast = 0.4, .saturation = 0.4}(x);
  EXPECT_GE(min(jittered).item<float>(), 0);
  EXPECT_LE(max(jittered).item<float>(), 1);
  const Tensor erased = transforms::RandomErasing{.p = 1, .value = 2}(ones({3, 16, 16}));
  const double share = sum(eq(erased, 2)).item<double>() / erased.numel();
  EXPECT_GT(share, 0.01);
  EXPECT_LT(share, 0.4);
  EXPECT_EQ(transforms::ToFloat{}(full({1, 1, 1}, 255, {.dtype = DType::U8})).item<float>(), 1);
}

TEST(Transforms, MixturesOfABatch) {
  manual_seed(2);
  const Tensor x = arange(4, {.dtype = kFloat}).view(4, 1, 1, 1).expand(4, 1, 8, 8);
  const Tensor y = arange(4);
  const auto [mixed, p] = transforms::MixUp{.num_classes = 4}(x, y);
  EXPECT_LT(max(abs(sum(p, 1) - 1)).item<float>(), 1e-6);
  // A row's value is that of its probabilities.
  EXPECT_LT(
      max(abs(sum(p * arange(4, {.dtype = kFloat}), 1) - mixed.mean({1, 2, 3}))).item<float>(),
      1e-5);
  const auto [cut, q] = transforms::CutMix{.num_classes = 4}(x, y);
  EXPECT_LT(max(abs(sum(q * arange(4, {.dtype = kFloat}), 1) - cut.mean({1, 2, 3}))).item<float>(),
            1e-5);
  EXPECT_NE(error_text([&] { transforms::MixUp{.num_classes = 4}(x, x); }).find("MixUp: x is"),
            std::string::npos);
}

// torchvision's: what lies outside of the image is zero.
TEST(Transforms, CropsReachOutside) {
  using transforms::functional::crop;
  const Tensor x = (arange(12) + 1).reshape({1, 3, 4});
  const auto values = [](const Tensor& t) { return t.to_vector<std::int64_t>(); };
  using Numbers = std::vector<std::int64_t>;
  EXPECT_EQ(values(crop(x, 1, 2, 2, 2)), (Numbers{7, 8, 11, 12}));
  EXPECT_EQ(values(crop(x, -1, -1, 2, 3)), (Numbers{0, 0, 0, 0, 1, 2}));
  EXPECT_EQ(values(crop(x, 2, 3, 2, 2)), (Numbers{12, 0, 0, 0}));
  EXPECT_EQ(values(crop(x, 5, 0, 1, 2)), (Numbers{0, 0}));
  EXPECT_EQ(values(crop(x, 0, -9, 1, 2)), (Numbers{0, 0}));
  EXPECT_EQ(crop(x, -1, -1, 5, 6).shape(), (Shape{1, 5, 6}));
  EXPECT_EQ(crop(ones({2, 3}, kUInt8), 0, 1, 3, 3).dtype(), kUInt8);
}

// One channel is grey: there is no saturation and no hue, and its contrast is around its own mean.
TEST(Transforms, OneChannel) {
  using namespace transforms;
  const Tensor grey = tensor({0.2f, 0.4f, 0.6f, 0.8f}).reshape({1, 2, 2});
  const auto near = [](const Tensor& a, const std::vector<float>& b) {
    return allclose(a, tensor(b).reshape({1, 2, 2}), 0, 1e-6);
  };
  EXPECT_TRUE(near(functional::adjust_contrast(grey, 0.5), {0.35f, 0.45f, 0.55f, 0.65f}));
  EXPECT_TRUE(near(functional::adjust_saturation(grey, 2), {0.2f, 0.4f, 0.6f, 0.8f}));
  EXPECT_TRUE(near(functional::adjust_brightness(grey, 0.5), {0.1f, 0.2f, 0.3f, 0.4f}));
  EXPECT_TRUE(near(functional::to_grayscale(grey), {0.2f, 0.4f, 0.6f, 0.8f}));
  EXPECT_EQ(Grayscale{3}(grey).shape(), (Shape{3, 2, 2}));
  EXPECT_EQ(Grayscale{3}(grey)[2].to_vector<float>(), grey.to_vector<float>());
  const Tensor bytes = tensor({10, 20, 30, 41}, kUInt8).reshape({1, 2, 2});
  EXPECT_EQ(functional::adjust_contrast(bytes, 2).to_vector<std::uint8_t>(),
            (std::vector<std::uint8_t>{0, 14, 34, 56}));  // around 25.25, cut
  const Tensor jittered = ColorJitter{0.3, 0.3, 0.3, 0.2}(grey);
  EXPECT_EQ(jittered.shape(), grey.shape());
  EXPECT_TRUE((jittered >= 0).all().item<bool>() && (jittered <= 1).all().item<bool>());
  EXPECT_FALSE(allclose(jittered, grey));
}

}  // namespace
}  // namespace lilith
