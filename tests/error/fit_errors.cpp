#include <filesystem>

#include "lilith/lilith.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

// What fit refuses, and what it says: each message names the user's line.
namespace lilith {
namespace {

struct Net {
  Linear a{4, 3};
  BatchNorm1d norm{3};
  Tensor operator()(Tensor x) { return norm(a(x)); }
};

TensorDataset<2> rows(std::int64_t n) {
  return TensorDataset(ones({n, 4}) * arange(n).reshape({n, 1}) / 7.0, ones({n, 3}));
}

class FitErrors : public ::testing::Test {
 protected:
  FitOptions options(const std::string& checkpoint = "") const {
    return {.epochs = 1,
            .batch_size = 4,
            .checkpoint = checkpoint.empty() ? "" : dir_.file(checkpoint),
            .progress = ShowProgress::Off};
  }
  std::string path(const std::string& name) const { return dir_.file(name); }
  ::lilith::testing::TempDir dir_;
  Net net_;
};

TEST_F(FitErrors, Options) {
  auto o = options();
  o.checkpoint_every = -1;
  EXPECT_ERROR_HERE(fit(net_, rows(8), MSELoss{}, o),
                    "fit: checkpoint_every is -1; need at least 0");
  o = options();
  o.batch_size = 0;
  EXPECT_ERROR_HERE(fit(net_, rows(8), MSELoss{}, o),
                    "DataLoader: batch_size is 0; need at least 1");
  o = options("none/run.safetensors");
  EXPECT_ERROR_HERE(
      fit(net_, rows(8), MSELoss{}, o),
      "fit: cannot write the checkpoint " + o.checkpoint + ": No such file or directory");
  o = options();
  o.ignore = {"b"};
  EXPECT_ERROR_HERE(fit(net_, rows(8), MSELoss{}, o),
                    "update: ignore names 'b', which is no parameter of the model; the nearest is "
                    "'a.bias'.");
  o = options();
  o.callbacks = {CheckpointCallback{.path = path("x"), .every = 0}};
  EXPECT_ERROR_HERE(fit(net_, rows(8), MSELoss{}, o),
                    "CheckpointCallback: every is 0; need at least 1");
  o.callbacks = {CheckpointCallback{.path = "best-{Epoch}"}};
  EXPECT_ERROR_HERE(fit(net_, rows(8), MSELoss{}, o),
                    "CheckpointCallback: '{Epoch}' in path 'best-{Epoch}'; need '{epoch}'");
}

TEST_F(FitErrors, ALastBatchOfOneRow) {
  const Loc here = std::source_location::current();
  struct Narrow {
    Linear a{4, 3};
    Tensor operator()(Tensor x) const { return a(x).reshape({4, 3}); }  // three lines below
  } narrow;
  Loc line = here;
  line.line += 3;
  const std::string text = testing::error_text([&] { fit(narrow, rows(9), MSELoss{}, options()); });
  EXPECT_NE(text.find("The last batch of the 9 rows has 1 instead of 4; .drop_last = true leaves "
                      "it out. (" +
                      line.str() + ")"),
            text.npos)
      << text;
  EXPECT_EQ(text.find("drop_last"), text.rfind("drop_last")) << text;
  auto o = options();
  o.drop_last = true;
  EXPECT_NO_THROW(fit(narrow, rows(9), MSELoss{}, o));
  EXPECT_THROW(fit(net_, rows(9), MSELoss{}, options()), Error);
}

TEST_F(FitErrors, Resumption) {
  auto o = options("run.safetensors");
  o.resume = true;
  EXPECT_ERROR_HERE(fit(net_, rows(8), MSELoss{}, o),
                    "fit: resume without a checkpoint: there is no " + o.checkpoint);
  o.resume = false;
  o.optimizer = SGD({.lr = 0.1});
  fit(net_, rows(8), MSELoss{}, o);
  o.resume = true;
  const std::string from = "fit: cannot resume from " + o.checkpoint + ": ";
  EXPECT_ERROR_HERE(fit(net_, rows(9), MSELoss{}, o), from + "rows was 8, now it is 9");
  const auto batch_size = o.batch_size;
  o.batch_size = 2;
  EXPECT_ERROR_HERE(fit(net_, rows(8), MSELoss{}, o), from + "batch_size was 4, now it is 2");
  o.batch_size = batch_size;
}

TEST_F(FitErrors, Charts) {
  EXPECT_ERROR_HERE(draw_charts({}), "draw_charts: no chart; need at least one");
  EXPECT_ERROR_HERE(image_sheet(ones({5, 4, 3})),
                    "image_sheet: got f32[5,4,3]; need f32 [N,1,H,W] or [N,3,H,W]");
  EXPECT_ERROR_HERE(image_sheet(ones({1, 1, 4, 20000})),
                    "image_sheet: 400022x12 pixels; need 1 to 32767 a side");
  EXPECT_ERROR_HERE(
      image_sheet(ones({1, 1, 4, 4})).save(path("x.gif")),
      "save: " + path("x.gif") + " is no picture; need a name that ends in .png, .svg or .pdf");
  EXPECT_ERROR_HERE(History().save_csv(path("none/x.csv")),
                    "save_csv: cannot write " + path("none/x.csv"));
}

}  // namespace
}  // namespace lilith
