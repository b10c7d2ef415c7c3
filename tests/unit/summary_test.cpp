#include "lilith/summary.h"

#include <gtest/gtest.h>

#include "lilith/nn.h"
#include "lilith/ops.h"

namespace lilith {
namespace {

struct Net {
  Conv2d conv{3, 8, 3, {.stride = 2, .padding = 1}};
  BatchNorm2d norm{8};
  Sequential head{Flatten(), Linear(8 * 4 * 4, 5, {.bias = false}), ReLU()};
  Linear unused{2, 2};
  Tensor operator()(Tensor x) { return head(relu(norm(conv(x)))); }
};

const LayerSummary& layer(const ModelSummary& s, const std::string& path) {
  for (const LayerSummary& l : s.layers)
    if (l.path == path) return l;
  throw std::runtime_error("no layer " + path);
}

TEST(Summary, OfConvolutionsNormsAndLinearLayers) {
  const Net net;
  const ModelSummary s = summary(net, zeros({2, 3, 8, 8}));
  ASSERT_EQ(s.layers.size(), 4u);
  EXPECT_EQ(layer(s, "conv").type, "Conv2d");
  EXPECT_EQ(layer(s, "conv").output, (Shape{2, 8, 4, 4}));
  EXPECT_EQ(layer(s, "conv").parameters, 8 * 27 + 8);
  EXPECT_EQ(layer(s, "conv").flops, 2.0 * 2 * 8 * 16 * 27);
  EXPECT_EQ(layer(s, "norm").output, (Shape{2, 8, 4, 4}));
  EXPECT_EQ(layer(s, "norm").parameters, 16);
  EXPECT_EQ(layer(s, "norm").flops, 0);
  EXPECT_EQ(layer(s, "head.1").output, (Shape{2, 5}));
  EXPECT_EQ(layer(s, "head.1").flops, 2.0 * 2 * 5 * 128);
  EXPECT_FALSE(layer(s, "unused").called);
  EXPECT_EQ(s.parameters, num_parameters(net));
  EXPECT_EQ(s.flops, layer(s, "conv").flops + layer(s, "head.1").flops);
  EXPECT_TRUE(net.norm.training);
}

TEST(Summary, Prints) {
  const std::string text = fmt::format("{}", summary(Linear(3, 4), zeros({2, 3})));
  EXPECT_EQ(text,
            "layer   output    parameters       FLOPs\n"
            "Linear  [2,4]             16          48\n"
            "all                       16          48\n");
}

struct Words {
  Embedding embedding{10, 4};
  LSTM lstm{4, 6};
  Linear decoder{6, 10, {.bias = false}};
  Tensor operator()(Tensor x) const { return decoder(lstm(embedding(x)).output); }
};

TEST(Summary, OfARecurrence) {
  const ModelSummary s = summary(Words{}, zeros({7, 2}, {.dtype = DType::I64}));
  EXPECT_EQ(layer(s, "embedding").output, (Shape{7, 2, 4}));
  EXPECT_EQ(layer(s, "lstm").type, "LSTM");
  EXPECT_EQ(layer(s, "lstm").output, (Shape{7, 2, 6}));
  EXPECT_EQ(layer(s, "lstm").parameters, 24 * 4 + 24 * 6 + 48);
  EXPECT_EQ(layer(s, "lstm").flops, 2.0 * 7 * 2 * 24 * (4 + 6));
  EXPECT_EQ(layer(s, "decoder").output, (Shape{7, 2, 10}));
}

struct Tied {
  Embedding in{10, 4};
  Linear out{4, 10, false};
  Tied() { out.weight = in.weight; }
  Tensor operator()(Tensor x) const { return out(in(x)); }
  LILITH_FIELDS(in, out)
};

TEST(Summary, CountsWhatIsTiedOnce) {
  const ModelSummary s = summary(Tied{}, zeros({3}, {.dtype = DType::I64}));
  EXPECT_EQ(s.parameters, 40);
  EXPECT_EQ(layer(s, "in").parameters + layer(s, "out").parameters, 40);
  EXPECT_EQ(s.flops, 2.0 * 3 * 10 * 4);
}

TEST(Summary, ProductsWithoutParametersAreOfTheWhole) {
  struct Attention {
    Linear q{4, 4, false};
    Tensor operator()(Tensor x) const { return matmul(q(x), x.transpose(0, 1)); }
  };
  const ModelSummary s = summary(Attention{}, zeros({5, 4}));
  EXPECT_EQ(layer(s, "q").flops, 2.0 * 5 * 4 * 4);
  EXPECT_EQ(s.flops, 2.0 * 5 * 4 * 4 + 2.0 * 5 * 5 * 4);
}

TEST(Summary, OfATransposedConvolution) {
  const ModelSummary s =
      summary(ConvTranspose2d(4, 2, 2, {.stride = 2, .bias = false}), zeros({1, 4, 3, 3}));
  EXPECT_EQ(s.layers.at(0).output, (Shape{1, 2, 6, 6}));
  EXPECT_EQ(s.flops, 2.0 * 9 * 4 * 2 * 4);
}

}  // namespace
}  // namespace lilith
