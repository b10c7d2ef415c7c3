// Layers put together: attention, recurrences, blocks and small models, and their training steps.
#include <lilith/nn.h>

#include "workload.h"

namespace lilith::bench {
namespace {

// x [N,L,E], an encoder's layer without dropout.
template <int Width, int Heads, bool NormFirst>
struct Encoder {
  TransformerEncoderLayer layer{Width,
                                Heads,
                                {.dim_feedforward = 4 * Width,
                                 .dropout = 0,
                                 .activation = "gelu",
                                 .batch_first = true,
                                 .norm_first = NormFirst}};
  Tensor operator()(const Tensors& x) { return layer(x[0]); }
  Tensor loss(const Tensors& x) { return mse_loss((*this)(x), x[1]); }
  LILITH_FIELDS(layer)
};

struct Decoder {
  TransformerDecoderLayer layer{
      128, 4, {.dim_feedforward = 512, .dropout = 0, .batch_first = true}};
  Tensor operator()(const Tensors& x) { return layer(x[0], x[1]); }
  LILITH_FIELDS(layer)
};

struct SelfAttention {
  MultiheadAttention attention{256, 8, {.batch_first = true}};
  Tensor operator()(const Tensors& x) {
    return attention(x[0], x[0], x[0], {.need_weights = false}).output;
  }
  LILITH_FIELDS(attention)
};

// x [N,T,64] through a recurrent layer.
template <class Layer>
struct Recurrence {
  Layer layer{64, 128, {.batch_first = true}};
  Tensor operator()(const Tensors& x) { return layer(x[0]).output; }
  LILITH_FIELDS(layer)
};
struct TwoWays {
  LSTM layer{64, 64, {.num_layers = 2, .batch_first = true, .bidirectional = true}};
  Tensor operator()(const Tensors& x) { return layer(x[0]).output; }
  LILITH_FIELDS(layer)
};
// A few steps by hand, x [T,N,64].
struct Cells {
  LSTMCell first{64, 128};
  GRUCell second{128, 128};
  Tensor operator()(const Tensors& x) {
    LSTMState state = first(x[0][0]);
    Tensor h = second(state.h);
    for (int t = 1; t < 6; ++t) {
      state = first(x[0][t], state);
      h = second(state.h, h);
    }
    return h;
  }
  LILITH_FIELDS(first, second)
};
struct Language {
  Embedding embedding{65, 64};
  LSTM lstm{64, 128, {.batch_first = true}};
  Linear head{128, 65};
  Tensor loss(const Tensors& x) {
    return cross_entropy_loss(head(lstm(embedding(x[0])).output).flatten(0, 1), x[1].flatten());
  }
  LILITH_FIELDS(embedding, lstm, head)
};

// x [N,In,H,W]; a shortcut where the shape changes.
template <int In, int Out, int Stride>
struct Residual {
  Conv2d conv1{In, Out, 3, {.stride = Stride, .padding = 1, .bias = false}};
  BatchNorm2d norm1{Out};
  Conv2d conv2{Out, Out, 3, {.padding = 1, .bias = false}};
  BatchNorm2d norm2{Out};
  Conv2d shortcut{In, Out, 1, {.stride = Stride, .bias = false}};
  Tensor operator()(const Tensors& x) {
    const Tensor y = norm2(conv2(relu(norm1(conv1(x[0])))));
    return relu(y + (Stride == 1 && In == Out ? x[0] : shortcut(x[0])));
  }
  LILITH_FIELDS(conv1, norm1, conv2, norm2, shortcut)
};
struct Bottleneck {
  Conv2d reduce{256, 64, 1}, middle{64, 64, 3, {.padding = 1}}, widen{64, 256, 1};
  Tensor operator()(const Tensors& x) {
    return relu(x[0] + widen(relu(middle(relu(reduce(x[0]))))));
  }
  LILITH_FIELDS(reduce, middle, widen)
};
// A convolution of each channel, one across them, and channels weighed by their means.
struct Separable {
  Conv2d depthwise{64, 64, 3, {.padding = 1, .groups = 64}}, pointwise{64, 128, 1};
  BatchNorm2d norm{128};
  Linear squeeze{128, 16}, excite{16, 128};
  Tensor operator()(const Tensors& x) {
    const Tensor y = hardswish(norm(pointwise(depthwise(x[0]))));
    const Tensor scale = sigmoid(excite(relu(squeeze(y.mean({2, 3})))));
    return y * scale.reshape({-1, 128, 1, 1});
  }
  LILITH_FIELDS(depthwise, pointwise, norm, squeeze, excite)
};
// A level of a U-Net: down, up, and beside what came in.
struct DownAndUp {
  Conv2d in{3, 16, 3, {.padding = 1}}, down{16, 32, 3, {.padding = 1}};
  ConvTranspose2d up{32, 16, 2, {.stride = 2}};
  Conv2d out{32, 2, 3, {.padding = 1}};
  Tensor operator()(const Tensors& x) {
    const Tensor skip = relu(in(x[0]));
    return out(cat({skip, relu(up(relu(down(max_pool2d(skip, 2)))))}, 1));
  }
  LILITH_FIELDS(in, down, up, out)
};

template <int In, int Hidden, int Out>
struct Mlp {
  Linear first{In, Hidden}, second{Hidden, Hidden}, third{Hidden, Out};
  Tensor operator()(const Tensors& x) { return third(relu(second(relu(first(x[0]))))); }
  Tensor loss(const Tensors& x) { return cross_entropy_loss((*this)(x), x[1]); }
  LILITH_FIELDS(first, second, third)
};
// x [N,64,128]: an MLP along each of two dimensions.
struct Mixer {
  LayerNorm norm1{128};
  Linear tokens1{64, 128}, tokens2{128, 64};
  LayerNorm norm2{128};
  Linear channels1{128, 512}, channels2{512, 128};
  Tensor operator()(const Tensors& x) {
    const Tensor mixed = tokens2(gelu(tokens1(norm1(x[0]).transpose(1, 2)))).transpose(1, 2);
    const Tensor y = x[0] + mixed;
    return y + channels2(gelu(channels1(norm2(y))));
  }
  LILITH_FIELDS(norm1, tokens1, tokens2, norm2, channels1, channels2)
};

// x [N,1,28,28]
struct Digits {
  Conv2d conv1{1, 16, 3, {.padding = 1}}, conv2{16, 32, 3, {.padding = 1}};
  Linear head{32 * 7 * 7, 10};
  Tensor operator()(const Tensors& x) {
    const Tensor y = max_pool2d(relu(conv1(x[0])), 2);
    return head(max_pool2d(relu(conv2(y)), 2).flatten(1));
  }
  Tensor loss(const Tensors& x) { return cross_entropy_loss((*this)(x), x[1]); }
  LILITH_FIELDS(conv1, conv2, head)
};
// x [N,3,32,32]
struct NormedImages {
  Conv2d conv1{3, 32, 3, {.padding = 1, .bias = false}};
  BatchNorm2d norm1{32};
  Conv2d conv2{32, 64, 3, {.stride = 2, .padding = 1, .bias = false}};
  BatchNorm2d norm2{64};
  Linear head{64, 10};
  Tensor loss(const Tensors& x) {
    const Tensor y = relu(norm2(conv2(relu(norm1(conv1(x[0]))))));
    return cross_entropy_loss(head(y.mean({2, 3})), x[1]);
  }
  LILITH_FIELDS(conv1, norm1, conv2, norm2, head)
};
// x [N,1,32,32], noise [N,16]
struct ImageVae {
  Conv2d conv1{1, 16, 4, {.stride = 2, .padding = 1}},
      conv2{16, 32, 4, {.stride = 2, .padding = 1}};
  Linear mean{32 * 8 * 8, 16}, log_variance{32 * 8 * 8, 16}, start{16, 32 * 8 * 8};
  ConvTranspose2d up1{32, 16, 4, {.stride = 2, .padding = 1}},
      up2{16, 1, 4, {.stride = 2, .padding = 1}};
  Tensor loss(const Tensors& x) {
    const Tensor h = relu(conv2(relu(conv1(x[0])))).flatten(1);
    const Tensor m = mean(h), v = log_variance(h);
    const Tensor z = m + exp(v * 0.5) * x[1];
    const Tensor y = up2(relu(up1(relu(start(z)).reshape({-1, 32, 8, 8}))));
    const Tensor kl = 0.5 * (exp(v) + m * m - 1 - v).sum();
    return (binary_cross_entropy_with_logits(y, x[0], {.reduction = Reduction::Sum}) + kl) / 64;
  }
  LILITH_FIELDS(conv1, conv2, mean, log_variance, start, up1, up2)
};
struct Bags {
  Embedding embedding{20000, 64};
  Linear head{64, 5};
  Tensor loss(const Tensors& x) {
    return cross_entropy_loss(head(embedding(x[0]).mean({1})), x[1]);
  }
  LILITH_FIELDS(embedding, head)
};
struct Regression {
  Linear line{13, 1};
  Tensor loss(const Tensors& x) { return mse_loss(line(x[0]), x[1]); }
  LILITH_FIELDS(line)
};

// At this rate rounding stays rounding in the second step's loss.
Adam adam() { return Adam({.lr = 1e-4}); }

}  // namespace

std::vector<Workload> attentions() {
  const auto heads = [](std::int64_t b, std::int64_t l, std::int64_t s) {
    return std::vector<Input>{normal({b, 8, l, 64}), normal({b, 8, s, 64}), normal({b, 8, s, 64})};
  };
  return {
      {"attention 4x8x128x64", heads(4, 128, 128),
       [](const Tensors& x) { return scaled_dot_product_attention(x[0], x[1], x[2]); }},
      {"causal attention 2x8x256x64", heads(2, 256, 256),
       [](const Tensors& x) {
         return scaled_dot_product_attention(x[0], x[1], x[2], {}, 0.0, true);
       }},
      {"attention of one query to 512 keys", heads(8, 1, 512),
       [](const Tensors& x) { return scaled_dot_product_attention(x[0], x[1], x[2]); }},
      {"attention with a bias 2x8x128x64",
       {normal({2, 8, 128, 64}), normal({2, 8, 128, 64}), normal({2, 8, 128, 64}),
        normal({8, 128, 128})},
       [](const Tensors& x) { return scaled_dot_product_attention(x[0], x[1], x[2], x[3]); }},
      network<SelfAttention>("multihead attention 8x64x256", {normal({8, 64, 256})}),
      network<Encoder<384, 6, true>>("transformer block 8x128x384", {normal({8, 128, 384})}),
      network<Encoder<64, 4, false>>("transformer block 32x20x64", {normal({32, 20, 64})}),
      network<Decoder>("transformer decoder block 4x64x128",
                       {normal({4, 64, 128}), normal({4, 80, 128})}),
  };
}

std::vector<Workload> recurrences() {
  return {
      network<Recurrence<LSTM>>("lstm over 32 steps", {normal({32, 32, 64})}),
      network<Recurrence<GRU>>("gru over 32 steps", {normal({32, 32, 64})}),
      network<Recurrence<RNN>>("rnn over 32 steps", {normal({32, 32, 64})}),
      network<TwoWays>("lstm of 2 layers, both ways, 10 steps", {normal({16, 10, 64})}),
      network<Cells>("lstm and gru cells, 6 steps", {normal({6, 20, 64})}),
  };
}

std::vector<Workload> networks() {
  return {
      network<Residual<64, 64, 1>>("residual block 16x64x32x32", {normal({16, 64, 32, 32})}),
      network<Residual<64, 128, 2>>("residual block, stride 2, 16x64x32x32",
                                    {normal({16, 64, 32, 32})}),
      network<Bottleneck>("bottleneck block 8x256x14x14", {normal({8, 256, 14, 14})}),
      network<Separable>("separable block with excitation 8x64x28x28", {normal({8, 64, 28, 28})}),
      network<DownAndUp>("one level of a u-net 4x3x64x64", {normal({4, 3, 64, 64})}),
      network<Mlp<784, 512, 10>>("mlp, batch 128", {normal({128, 784})}),
      network<Mlp<784, 512, 10>>("mlp, batch 1", {normal({1, 784})}),
      network<Mlp<4, 32, 2>>("mlp of 32, batch 16", {normal({16, 4})}),
      network<Mixer>("mixer block 16x64x128", {normal({16, 64, 128})}),
      network<Digits>("digits, batch 1", {normal({1, 1, 28, 28})}),
      network<Digits>("digits, batch 1000", {normal({1000, 1, 28, 28})}),
  };
}

std::vector<Workload> steps() {
  return {
      training<Mlp<784, 512, 10>, Adam>("mlp with adam, batch 128",
                                        {normal({128, 784}), below(10, {128})}, adam),
      training<Mlp<4, 32, 2>, SGD>("mlp of 32 with sgd, batch 16",
                                   {normal({16, 4}), below(2, {16})},
                                   [] { return SGD({.lr = 1e-2}); }),
      training<Digits, Adam>("digits with adam, batch 64",
                             {normal({64, 1, 28, 28}), below(10, {64})}, adam),
      training<NormedImages, SGD>("normed images with momentum, batch 32",
                                  {normal({32, 3, 32, 32}), below(10, {32})},
                                  [] { return SGD({.lr = 1e-3, .momentum = 0.9}); }),
      training<ImageVae, Adam>("convolutional vae with adam, batch 64",
                               {unit({64, 1, 32, 32}), normal({64, 16})}, adam),
      training<Bags, Adam>("bags of words with adam, batch 128",
                           {below(20000, {128, 30}), below(5, {128})}, adam),
      training<Language, Adam>("lstm with adam, 16x32", {below(65, {16, 32}), below(65, {16, 32})},
                               adam),
      training<Encoder<128, 4, true>, AdamW>("transformer block with adamw, 8x64x128",
                                             {normal({8, 64, 128}), normal({8, 64, 128})},
                                             [] { return AdamW({.lr = 1e-4}); }),
      training<Regression, SGD>("linear regression with sgd, batch 100",
                                {normal({100, 13}), normal({100, 1})},
                                [] { return SGD({.lr = 1e-2}); }),
  };
}

}  // namespace lilith::bench
