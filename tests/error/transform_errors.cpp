#include "lilith/data.h"
#include "lilith/ops.h"
#include "support/expect_error.h"

// Transforms of images, called where they stand and by a loop.
namespace lilith::transforms {
namespace {

const Tensor kImage = full({3, 4, 5}, 0.5), kBytes = full({3, 4, 5}, 7, {.dtype = kUInt8});

TEST(TransformErrors, Images) {
  const Tensor flat = ones({4, 5}), whole = ones({3, 4, 5}, kInt64), four = ones({4, 4, 5});
  const std::string rule = ": image is f32[4,5]; need u8 or floating [..., C, H, W]";
  EXPECT_ERROR_HERE(Resize{2}(flat), "Resize" + rule);
  EXPECT_ERROR_HERE(CenterCrop{2}(flat), "CenterCrop" + rule);
  EXPECT_ERROR_HERE(RandomCrop{2}(flat), "RandomCrop" + rule);
  EXPECT_ERROR_HERE(RandomHorizontalFlip{}(flat), "RandomHorizontalFlip" + rule);
  EXPECT_ERROR_HERE(GaussianBlur{3}(flat), "GaussianBlur" + rule);
  EXPECT_ERROR_HERE(ToFloat{}(whole),
                    "ToFloat: image is i64[3,4,5]; need u8 or floating [..., C, H, W]");
  EXPECT_ERROR_HERE(Grayscale{}(four), "Grayscale: image is f32[4,4,5]; need one channel or three");
  EXPECT_ERROR_HERE(ColorJitter{}(four),
                    "ColorJitter: image is f32[4,4,5]; need one channel or three");
  EXPECT_ERROR_HERE(functional::adjust_contrast(four, 2),
                    "adjust_contrast: image is f32[4,4,5]; need one channel or three");
  EXPECT_ERROR_HERE(functional::crop(ones({4}), 0, 0, 1, 1),
                    "crop: image is f32[4]; need [..., H, W]");
}

TEST(TransformErrors, Numbers) {
  const IntList three(1, 2, 3);
  EXPECT_ERROR_HERE(Resize{three}(kImage),
                    "Resize: size has 3 numbers; need 1 or 2, each at least 1");
  EXPECT_ERROR_HERE((Resize{2, "area"}(kImage)),
                    "Resize: mode 'area'; need 'nearest', 'bilinear' or 'bicubic'");
  EXPECT_ERROR_HERE(RandomCrop{9}(kImage),
                    "RandomCrop: 9 x 9 of f32[3,4,5] with padding 0; need no more than that");
  EXPECT_ERROR_HERE((Normalize{{0.5, 0.5}, {1}}(kImage)),
                    "Normalize: image is f32[3,4,5], mean has 2 numbers, std 1; need a floating "
                    "one and a number a channel");
  EXPECT_ERROR_HERE((Normalize{{0.5}, {0}}(kImage)), "Normalize: std of channel 0 is 0");
  EXPECT_ERROR_HERE(RandomAffine{.mode = "bicubic"}(kImage),
                    "RandomAffine: mode 'bicubic'; need 'nearest' or 'bilinear'");
  EXPECT_ERROR_HERE((RandomRotation{{3, 1}}(kImage)),
                    "RandomRotation: degrees from 3 to 1; need at least 0, or from less to more");
  EXPECT_ERROR_HERE(ColorJitter{.hue = 1}(kImage),
                    "ColorJitter: brightness 0, contrast 0, saturation 0, hue 1; need at least 0, "
                    "and of the hue at most 0.5");
  EXPECT_ERROR_HERE(ConvertImageDtype{kInt64}(kImage),
                    "ConvertImageDtype: f32[3,4,5] to i64; need u8 or floating");
  EXPECT_ERROR_HERE(Grayscale{2}(kImage), "Grayscale: 2 channels; need 1 or 3");
  EXPECT_ERROR_HERE(Pad{three}(kImage), "Pad: 3 numbers; need 1, 2 or 4");
  EXPECT_ERROR_HERE(GaussianBlur{three}(kImage),
                    "GaussianBlur: kernel_size has 3 numbers; need 1 or 2");
  EXPECT_ERROR_HERE(GaussianBlur{4}(kImage),
                    "GaussianBlur: kernel of 4 x 4 for f32[3,4,5]; need odd sizes below twice the "
                    "image's");
  EXPECT_ERROR_HERE((GaussianBlur{3, 0}(kImage)),
                    "GaussianBlur: sigma from 0 to 0; need positive numbers");
  EXPECT_ERROR_HERE(RandomChoice{}(kImage), "RandomChoice: there are no transforms");
  EXPECT_ERROR_HERE(RandomPosterize{9}(kBytes),
                    "RandomPosterize: 9 bits of u8[3,4,5]; need 0 to 8 of u8");
  EXPECT_ERROR_HERE(RandomAdjustSharpness{-1}(kImage),
                    "RandomAdjustSharpness: the factor is -1; need at least 0");
  EXPECT_ERROR_HERE(functional::adjust_brightness(kImage, -1),
                    "adjust_brightness: the factor is -1; need at least 0");
  EXPECT_ERROR_HERE(functional::crop(kImage, 0, 0, 0, 2),
                    "crop: a part of 0 x 2; need at least 1 x 1");
}

TEST(TransformErrors, Batches) {
  const Tensor x = ones({2, 3, 4, 4}), y = tensor({0, 1});
  EXPECT_ERROR_HERE(MixUp{2}(x, x),
                    "MixUp: x is f32[2,3,4,4], y is f32[2,3,4,4]; need floating [N, C, H, W] and "
                    "integers [N]");
  EXPECT_ERROR_HERE((CutMix{0, 1}(x, y)), "CutMix: num_classes 0, alpha 1; need 1 and more than 0");
}

TEST(TransformErrors, StepsOfSeveral) {
  EXPECT_ERROR_HERE(Compose(ToFloat{}, Resize{{1, 2, 3}})(kBytes),
                    "Resize: size has 3 numbers; need 1 or 2, each at least 1");
  EXPECT_ERROR_HERE((RandomApply{{RandomCrop{9}}, 1}(kImage)),
                    "RandomCrop: 9 x 9 of f32[3,4,5] with padding 0; need no more than that");
}

// The lines of rows: those that the user's function has, else that of who reads.
TEST(TransformErrors, RowsOfADataset) {
  const TensorDataset images(full({4, 3, 4, 5}, 0.5), arange(4));
  const std::string large =
      "RandomCrop: 9 x 9 of f32[3,4,5] with padding 0; need no more than that";
  EXPECT_ERROR_HERE(transformed(images, RandomCrop{9}), large);
  struct Rows {
    bool by_line = false;
    std::int64_t size() const { return 3; }
    Tensor get(std::int64_t i) const {
      if (i == 0) return ones({2});
      if (by_line) return ones({2}) + ones({3});
      return Tensor(RandomCrop{9}(kImage));
    }
  };
  const auto read = [](const auto& loader) {
    for ([[maybe_unused]] auto batch : loader) {
    }
  };
  const Loc here = std::source_location::current();
  const auto at = [&](int below) {
    return fmt::format(" (transform_errors.cpp:{})", static_cast<int>(here.line) + below);
  };
  for (const int workers : {0, 2}) {
    const std::string text = testing::error_text(
        [&] { read(DataLoader<1>(OwnDataset(Rows{true}), {.num_workers = workers})); });
    EXPECT_TRUE(text.ends_with(at(-8))) << text;
    const std::string of_crop = testing::error_text(
        [&] { read(DataLoader<1>(OwnDataset(Rows{false}), {.num_workers = workers})); });
    EXPECT_TRUE(of_crop.starts_with("RandomCrop: 9 x 9")) << of_crop;
    EXPECT_NE(of_crop.find("transform_errors.cpp:"), std::string::npos) << of_crop;
  }
}

}  // namespace
}  // namespace lilith::transforms
