#include <cstdlib>
#include <fstream>

#include "lilith/ops.h"
#include "lilith/plot.h"
#include "support/expect_error.h"
#include "support/own_process.h"
#include "support/temp_dir.h"

// Pictures, and a machine without Cairo.
namespace lilith {
namespace {

TEST(PlotErrors, Pictures) {
  EXPECT_ERROR_HERE(draw_charts({}), "draw_charts: no chart; need at least one");
  EXPECT_ERROR_HERE(draw_charts({Chart{}}, 100, 100),
                    "draw_charts: panels of 100x100; need at least 200x150");
  EXPECT_ERROR_HERE(draw_charts({Chart{}, Chart{}}, 20000, 150),
                    "draw_charts: 2 panels of 20000x150; all together have at most 32767 pixels a "
                    "side");
  EXPECT_ERROR_HERE(image_sheet(ones({5, 4, 3})),
                    "image_sheet: got f32[5,4,3]; need f32 [N,1,H,W] or [N,3,H,W]");
  EXPECT_ERROR_HERE(image_sheet(ones({5, 1, 4, 3}), 0),
                    "image_sheet: columns 0, scale 2, gap 2; need 1, 1, 0 or more");
  EXPECT_ERROR_HERE(image_sheet(ones({1, 1, 1, 1}), 1, 40000),
                    "image_sheet: 40004x40004 pixels; need 1 to 32767 a side");
}

TEST(PlotErrors, DISABLED_WithoutCairo) {
  const std::string folder = std::getenv("LD_LIBRARY_PATH");
  const std::string text = "plots are drawn by Cairo, which is not found: " + folder +
                           "/libcairo.so.2: file too short; Debian has it in libcairo2";
  const detail::Picture picture = draw_charts({Chart{}});
  EXPECT_ERROR_HERE(picture.save("x.png"), text);
  EXPECT_ERROR_HERE(picture.pixels(), text);
}

TEST(PlotErrors, WithoutCairo) {
  const testing::TempDir dir;
  std::ofstream(dir.file("libcairo.so.2")) << "no library";
  testing::expect_success(
      testing::run_case("PlotErrors", "WithoutCairo", "LD_LIBRARY_PATH=" + dir.path().string()));
}

}  // namespace
}  // namespace lilith
