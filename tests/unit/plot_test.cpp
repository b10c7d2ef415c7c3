// Pictures: what is drawn, and the files that they become.
#include "lilith/plot.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "lilith/data.h"
#include "lilith/ops.h"
#include "support/temp_dir.h"

namespace lilith {
namespace {

Chart two_curves() {
  return {"Loss", "epoch", "loss", {{"a", {1, 2, 3}, {3, 2, 1}}, {"b", {1, 2, 3}, {1, NAN, 3}}}};
}

std::int64_t count(const Tensor& pixels, int r, int g, int b) {
  const Tensor is =
      (pixels.select(0, 0) == r) & (pixels.select(0, 1) == g) & (pixels.select(0, 2) == b);
  return is.sum().item<std::int64_t>();
}

std::string content(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(Charts, DrawEverySeries) {
  const detail::Picture picture = draw_charts({two_curves(), Chart{"empty", "x", "y", {}}});
  EXPECT_EQ(picture.width(), 1120);
  const Tensor pixels = picture.pixels();
  EXPECT_EQ(pixels.shape(), (Shape{3, 400, 1120}));
  EXPECT_GT(count(pixels, 0, 114, 178), 100);
  EXPECT_GT(count(pixels, 213, 94, 0), 10);
  EXPECT_THROW(draw_charts({}), Error);
}

TEST(Charts, DotsHaveNoLine) {
  Chart chart{"", "x", "y", {{"a", {0, 0.5, 1}, {0, 1, 0}}}};
  const std::int64_t line = count(draw_charts({chart}).pixels(), 0, 114, 178);
  chart.series[0].dots = true;
  EXPECT_LT(count(draw_charts({chart}).pixels(), 0, 114, 178), line / 4);
}

TEST(Charts, LayImagesOut) {
  const detail::Picture sheet = image_sheet(ones({5, 1, 4, 3}), 3, 2, 1);
  EXPECT_EQ(sheet.width(), 3 * (3 * 2 + 1) + 1);
  EXPECT_EQ(sheet.height(), 2 * (4 * 2 + 1) + 1);
  EXPECT_EQ(count(sheet.pixels(), 255, 255, 255), 5 * 4 * 3 * 4);
  EXPECT_THROW(image_sheet(ones({5, 4, 3})), Error);
}

// Red, green and blue keep their places, in memory and in the file.
TEST(Charts, SheetsAreReadBack) {
  const Tensor image = arange(12).reshape({1, 3, 2, 2}).to(kFloat32) * 20 / 255;
  const detail::Picture sheet = image_sheet(image, 1, 1, 0);
  const Tensor expected = (arange(12) * 20).reshape({3, 2, 2}).to(DType::U8);
  EXPECT_TRUE(equal(sheet.pixels(), expected));
  const testing::TempDir dir;
  const std::string file = dir.file("sheet.png");
  sheet.save(file);
  EXPECT_TRUE(equal(read_image(file), expected));
}

TEST(Charts, TheNameSaysWhichFile) {
  const detail::Picture picture = draw_charts({two_curves()});
  const std::pair<const char*, const char*> kinds[] = {
      {"c.png", "\x89PNG"}, {"c.SVG", "<?xml"}, {"c.pdf", "%PDF"}};
  const testing::TempDir dir;
  for (const auto& [name, start] : kinds) {
    const std::string file = dir.file(name);
    picture.save(file);
    EXPECT_TRUE(content(file).starts_with(start)) << name;
    EXPECT_THROW(picture.save(std::string("/nonexistent/") + name), Error);
  }
  EXPECT_THROW(picture.save("c.jpg"), Error);
  EXPECT_FALSE(std::filesystem::exists("c.jpg"));
}

}  // namespace
}  // namespace lilith
