// weight_norm and spectral_norm against torch.nn.utils, and layers whose options are lists.
#include <gtest/gtest.h>

#include "lilith/functional.h"
#include "lilith/nn.h"
#include "lilith/ops.h"
#include "lilith/transforms.h"
#include "support/expect_error.h"

namespace lilith {
namespace {

using testing::error_text;

void expect_near(const Tensor& got, const std::vector<double>& want) {
  const auto values = got.to(DType::F64).to_vector<double>();
  ASSERT_EQ(values.size(), want.size());
  for (std::size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(values[i], want[i], 1e-7) << i;
}

Tensor grid(const Shape& shape, double by, double from) {
  return ((arange(shape.numel(), {.dtype = DType::F64}) * 7 + 3) % 11 * by + from).view(shape);
}

Linear linear_layer() {
  Linear out(3, 2, {.dtype = DType::F64});
  out.weight = grid({2, 3}, 0.25, -1);
  out.bias = grid({2}, 0.5, -1);
  return out;
}

const auto kLoss = [](auto& m, const Tensor& x) { return sum(m(x) * tensor({{1, 2}, {3, 4}})); };

std::vector<std::string> keys(const StateDict& dict) {
  std::vector<std::string> out;
  for (const auto& [key, value] : dict) out.push_back(key);
  return out;
}

TEST(WeightNorm, AsTorch) {
  WeightNorm<Linear> m = nn::utils::weight_norm(linear_layer());
  const Tensor x = grid({2, 3}, 0.375, -1.625);
  expect_near(m(x), linear_layer()(x).to_vector<double>());
  m.weight_g = tensor({{0.5}, {2.0}}, {.dtype = DType::F64});
  expect_near(m(x), {1.6322597736923938, 8.473067552958856, 1.4272817112135985, 7.92534499545369});
  const auto [loss, g] = grad(kLoss, m, x);
  expect_near(g.weight_g, {7.828209814666379, 12.323757543866238});
  expect_near(g.weight_v,
              {-0.5942221184054279, 0.012379627466779897, -0.3342499416030532, 0.0, 0.0, 0.0});
  EXPECT_EQ(keys(state_dict(m)), (std::vector<std::string>{"bias", "weight_g", "weight_v"}));
  expect_near(remove_weight_norm(m)(x),
              {1.6322597736923938, 8.473067552958856, 1.4272817112135985, 7.92534499545369});
}

TEST(WeightNorm, KeepsTheDimensionThatIsChosen) {
  ConvTranspose1d conv(2, 3, 2, {.dtype = DType::F64});
  conv.weight = grid({2, 3, 2}, 0.25, -1);
  const auto m = weight_norm(conv, {.dim = 1});
  EXPECT_EQ(m.weight_g.shape(), (Shape{1, 3, 1}));
  expect_near(m.weight_g, {1.9685019685029528, 1.224744871391589, 1.5});
  EXPECT_EQ(weight_norm(conv, {.dim = {}}).weight_g.shape(), Shape{});
  EXPECT_NE(error_text([&] {
              weight_norm(conv, {.dim = 3});
            }).find("weight_norm: dim is 3; need -3 <= dim < 3"),
            std::string::npos);
}

TEST(SpectralNorm, AsTorch) {
  SpectralNorm<Linear> m = nn::utils::spectral_norm(linear_layer(), {.n_power_iterations = 2});
  const Tensor x = grid({2, 3}, 0.375, -1.625);
  m.weight_u = tensor({0.6, 0.8}, {.dtype = DType::F64});
  m.weight_v = tensor({0.6, 0.8, 0.0}, {.dtype = DType::F64});
  SpectralNorm<Linear> of_gradient = m;
  const auto [loss, g] = grad(kLoss, of_gradient, x);
  expect_near(g.weight_orig, {-0.23243244651909079, -1.2557739871950306, -0.6710073925230651,
                              -1.0777433252125186, 1.3087408047304043, -0.0549644123798374});
  expect_near(of_gradient.weight_u, {0.7614416673505753, 0.6482334357485547});
  expect_near(m(x), {2.2338003170490768, 5.464762336817324, 1.9199226734453645, 5.285403683329488});
  expect_near(m.weight_u, {0.7614416673505753, 0.6482334357485547});
  expect_near(m.weight_v, {-0.2464209749354573, 0.9338057997554172, 0.25939049993206037});
  EXPECT_EQ(keys(state_dict(m)),
            (std::vector<std::string>{"bias", "weight_orig", "weight_u", "weight_v"}));
  const Tensor before = m.weight_u;
  test_mode(m);
  m(x);
  expect_near(m.weight_u, before.to_vector<double>());
}

TEST(Layers, OptionsThatAreListsAreFields) {
  Sequential net{Upsample{.scale_factor = 2}, Unfold{.kernel_size = 2, .stride = 2},
                 Fold{.output_size = {8, 8}, .kernel_size = 2, .stride = 2}, Dropout{0.5}};
  test_mode(net);
  EXPECT_EQ(net(ones({1, 2, 4, 4})).shape(), (Shape{1, 2, 8, 8}));
  struct Net {
    FractionalMaxPool2d pool{.kernel_size = 2, .output_ratio = 0.5};
    EmbeddingBag bag{4, 3, {.mode = "max"}};
    CTCLoss ctc{.blank = 1};
    TripletMarginWithDistanceLoss triplet;
    RReLU slope;
    Tensor operator()(const Tensor& x) const { return slope(pool(x)); }
  } model;
  EXPECT_EQ(keys(state_dict(model)), std::vector<std::string>{"bag.weight"});
  EXPECT_EQ(model(ones({1, 1, 6, 6})).shape(), (Shape{1, 1, 3, 3}));
  test_mode(model);
  EXPECT_FALSE(model.slope.training);
}

TEST(RReLU, DrawsSlopesInTraining) {
  manual_seed(0);
  const Tensor x = full({1000}, -1.0);
  const Tensor y = -RReLU{}(x);
  EXPECT_GE(min(y).item<double>(), 0.125);
  EXPECT_LT(max(y).item<double>(), 1.0 / 3);
  EXPECT_NEAR(mean(y).item<double>(), (0.125 + 1.0 / 3) / 2, 0.01);
}

TEST(FeatureAlphaDropout, DropsWholeChannels) {
  manual_seed(0);
  const Tensor y = FeatureAlphaDropout{0.5}(randn({4, 50, 7}));
  const Tensor low = amin(y, 2);
  // A dropped channel is one value throughout.
  const Tensor dropped = eq(low, amax(y, 2));
  EXPECT_NEAR(sum(dropped).item<double>(), 100, 40);
  EXPECT_EQ(min(where(dropped, low, INFINITY)).item<float>(),
            max(where(dropped, low, -INFINITY)).item<float>());
}

TEST(SpatialErrors, SayWhatWasMeant) {
  const Tensor x = ones({1, 2, 3, 3});
  const auto text = [&](auto f) { return error_text(f); };
  EXPECT_NE(text([&] { unfold(x, 4); })
                .find("unfold: the window of 4 is larger than the padded input: dimension 2 of "
                      "f32[1,2,3,3]"),
            std::string::npos);
  EXPECT_NE(text([&] {
              fold(ones({1, 7, 4}), {3, 3}, 2);
            }).find("fold: 7 columns in f32[1,7,4]; need a multiple of kernel_size's 4"),
            std::string::npos);
  EXPECT_NE(text([&] {
              fold(ones({1, 8, 5}), {3, 3}, 2);
            }).find("fold: 5 blocks in f32[1,8,5]; output_size (3, 3) needs 2 x 2"),
            std::string::npos);
  EXPECT_NE(text([&] {
              grid_sample(x, ones({2, 3, 3, 2}));
            }).find("grid_sample: input is f32[1,2,3,3], grid is f32[2,3,3,2]; need floating"),
            std::string::npos);
  EXPECT_NE(text([&] {
              max_unpool2d(x, zeros({1, 2, 3, 3}, {.dtype = kInt64}), 2, {}, 0, {9, 6});
            }).find("max_unpool2d: output_size 9 in dimension 0; need 5 to 7, what pools to 3"),
            std::string::npos);
  EXPECT_NE(text([&] { embedding_bag(tensor({0, 1}), ones({2, 3})); })
                .find("embedding_bag: the index is i64[2], offsets are not given; need [B, L] "
                      "without offsets, or [L] with them"),
            std::string::npos);
  EXPECT_NE(text([&] {
              ctc_loss(ones({4, 2, 3}), tensor({{1}, {2}}), {4, 4}, {1, 1}, {.blank = 3});
            }).find("ctc_loss: blank is 3; need 0 to 2"),
            std::string::npos);
  EXPECT_NE(text([&] {
              ctc_loss(ones({4, 2, 3}), tensor({{1}, {2}}), {4}, {1, 1});
            }).find("ctc_loss: input_lengths are i64[1]; need integers [2]"),
            std::string::npos);
}

}  // namespace
}  // namespace lilith
