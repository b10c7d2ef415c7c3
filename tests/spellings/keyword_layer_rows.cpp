#include "spelling.h"

// Layers, functions of torch.nn.functional, optimisers and schedules with arguments by name behind
// those in order.
namespace lilith::spellings {
namespace {

const Row kRows[] = {
    SPELL("F.conv2d(img, kernel, padding=1)", F::conv2d(img, kernel, {.padding = 1})),
    SPELL("F.conv2d(img, kernel, bias=v, stride=2)",
          F::conv2d(img, kernel, {.bias = v, .stride = 2})),
    SPELL("F.conv2d(img, kernel, None, 2)", F::conv2d(img, kernel, None, 2)),
    SPELL("F.gelu(x, approximate='tanh')", F::gelu(x, {.approximate = "tanh"})),
    SPELL("F.relu(x, True)", F::relu(x, true)),
    SPELL("F.leaky_relu(x, negative_slope=0.2)", F::leaky_relu(x, {.negative_slope = 0.2})),
    SPELL("F.leaky_relu(x, 0.2, True)", F::leaky_relu(x, 0.2, true)),
    SPELL("F.relu_(x)", F::relu_(x)),
    SPELL("F.elu_(x)", F::elu_(x)),
    SPELL("F.softplus(x, beta=2)", F::softplus(x, {.beta = 2})),
    SPELL("F.dropout(x, p=0.5, training=False)", F::dropout(x, {.p = 0.5, .training = false})),
    SPELL("F.dropout(x, 0.5, training=False)", F::dropout(x, 0.5, {.training = false})),
    SPELL("F.normalize(x, dim=1)", F::normalize(x, {.dim = 1})),
    SPELL("F.normalize(x, p=1, dim=0)", F::normalize(x, {.p = 1, .dim = 0})),
    SPELL("F.cosine_similarity(x, y, dim=-1)", F::cosine_similarity(x, y, {.dim = -1})),
    SPELL("F.pairwise_distance(x, y, p=1)", F::pairwise_distance(x, y, {.p = 1})),
    SPELL("F.pad(x, (1, 1), value=2)", F::pad(x, {1, 1}, {.value = 2})),
    SPELL("F.pad(x, (1, 1), mode='replicate')", F::pad(x, {1, 1}, {.mode = "replicate"})),
    SPELL("F.one_hot(n, num_classes=4)", F::one_hot(n, {.num_classes = 4})),
    SPELL("F.batch_norm(x, v, v.abs(), training=True)",
          F::batch_norm(x, v, v.abs(), {.training = true})),
    SPELL("F.layer_norm(x, (3,), weight=v)", F::layer_norm(x, 3, {.weight = v})),
    SPELL("F.group_norm(img, 2, eps=1e-3)", F::group_norm(img, 2, {.eps = 1e-3})),
    SPELL("F.scaled_dot_product_attention(seq, seq, seq, is_causal=True)",
          F::scaled_dot_product_attention(seq, seq, seq, {.is_causal = true})),
    SPELL("F.scaled_dot_product_attention(seq, seq, seq, None, 0.0, True)",
          F::scaled_dot_product_attention(seq, seq, seq, None, 0.0, true)),
    SPELL("F.interpolate(img, None, 2)", F::interpolate(img, None, 2)),
    SPELL("F.unfold(img, (3, 3), 1, 1)", F::unfold(img, {3, 3}, 1, 1)),
    SPELL("F.gumbel_softmax(x, tau=0.5, hard=True).sum()",
          F::gumbel_softmax(x, {.tau = 0.5, .hard = true}).sum()),
    SPELL("nn.LayerNorm((3,))(x)", nn::LayerNorm({3})(x)),
    SPELL("nn.LayerNorm([2, 3], eps=1e-3)(x)", nn::LayerNorm({2, 3}, {.eps = 1e-3})(x)),
    SPELL("nn.LayerNorm((x.size(-1),))(x)", nn::LayerNorm({x.size(-1)})(x)),
    SPELL("nn.RMSNorm((3,), 1e-3)(x)", nn::RMSNorm({3}, 1e-3)(x)),
    SPELL("nn.BatchNorm2d(2, 1e-3, affine=False)(img)",
          nn::BatchNorm2d(2, 1e-3, {.affine = false})(img)),
    SPELL("nn.Conv2d(2, 8, 3, 2, 1, bias=False).bias is None",
          !nn::Conv2d(2, 8, 3, 2, 1, {.bias = false}).bias.defined()),
    SPELL("nn.Conv2d(2, 8, 3, 2, padding=1, bias=False)(img).shape",
          nn::Conv2d(2, 8, 3, 2, {.padding = 1, .bias = false})(img).shape()),
    SPELL("nn.ConvTranspose2d(2, 8, 4, 2, 1, bias=False)(img).shape",
          nn::ConvTranspose2d(2, 8, 4, 2, 1, {.bias = false})(img).shape()),
    SPELL("nn.LSTM(3, 4, 2, batch_first=True)(seq)[0].shape",
          nn::LSTM(3, 4, 2, {.batch_first = true})(seq).output.shape()),
    SPELL("nn.GRU(3, 4, 1, bidirectional=True)(seq)[0].shape",
          nn::GRU(3, 4, 1, {.bidirectional = true})(seq).output.shape()),
    SPELL("nn.MultiheadAttention(3, 1, 0.0, batch_first=True)(seq, seq, seq)[0].shape",
          nn::MultiheadAttention(3, 1, 0.0, {.batch_first = true})(seq, seq, seq).output.shape()),
    SPELL("nn.TransformerEncoderLayer(3, 1, 8, 0.0, batch_first=True)(seq).shape",
          nn::TransformerEncoderLayer(3, 1, 8, 0.0, {.batch_first = true})(seq).shape()),
    SPELL("nn.TransformerEncoder(nn.TransformerEncoderLayer(3, 1, 8), 2)(seq, "
          "mask=nn.Transformer.generate_square_subsequent_mask(4)).shape",
          nn::TransformerEncoder(nn::TransformerEncoderLayer(3, 1, 8), 2)(
              seq, {.mask = nn::Transformer::generate_square_subsequent_mask(4)})
              .shape()),
    SPELL("nn.TransformerEncoder(nn.TransformerEncoderLayer(3, 1, 8), num_layers=2)(seq, "
          "nn.Transformer.generate_square_subsequent_mask(4), is_causal=True).shape",
          nn::TransformerEncoder(nn::TransformerEncoderLayer(3, 1, 8), {.num_layers = 2})(
              seq, nn::Transformer::generate_square_subsequent_mask(4))
              .shape()),
    SPELL("nn.Linear(3, 4).in_features", static_cast<double>(nn::Linear(3, 4).in_features)),
    SPELL("nn.Sequential(nn.Flatten()).append(nn.Linear(32, 3)).append(nn.ReLU())(img).shape",
          nn::Sequential(nn::Flatten()).append(nn::Linear(32, 3)).append(nn::ReLU())(img).shape()),
    SPELL("nn.Upsample(size=(8, 8))(img)", nn::Upsample({.size = {8, 8}})(img)),
    SPELL("nn.utils.parameters_to_vector(nn.Linear(3, 4).parameters()).shape",
          nn::utils::parameters_to_vector(nn::Linear(3, 4)).shape()),
    SPELL("nn.utils.rnn.pad_sequence([v, v[:2]], batch_first=True)",
          nn::utils::rnn::pad_sequence({v, v.slice(0, 0, 2)}, {.batch_first = true})),
    SPELL("nn.utils.rnn.pad_packed_sequence(nn.utils.rnn.pack_padded_sequence(x, [3, 1], "
          "batch_first=True), padding_value=9.0)[0]",
          nn::utils::rnn::pad_packed_sequence(
              nn::utils::rnn::pack_padded_sequence(x, {3, 1}, {.batch_first = true}),
              {.padding_value = 9.0})
              .output),
    SPELL("nn.utils.rnn.pad_packed_sequence(nn.LSTM(3, 5, bidirectional=True)("
          "nn.utils.rnn.pack_padded_sequence(seq, index + 1, enforce_sorted=False))[0], True, "
          "total_length=6)[0].shape",
          nn::utils::rnn::pad_packed_sequence(
              nn::LSTM(3, 5, {.bidirectional = true})(
                  nn::utils::rnn::pack_padded_sequence(seq, index + 1, {.enforce_sorted = false}))
                  .output,
              true, 0, 6)
              .output.shape()),
    SPELL("after_steps(lambda p: optim.Adam(p, 1e-2, weight_decay=0.1), x)",
          after_steps(optim::Adam(1e-2, {.weight_decay = 0.1}), x)),
    SPELL("after_steps(lambda p: optim.SGD(p, 0.1, momentum=0.9), x)",
          after_steps(optim::SGD(0.1, {.momentum = 0.9}), x)),
    SPELL("after_steps(lambda p: optim.RMSprop(p, 1e-2, alpha=0.9), x)",
          after_steps(optim::RMSprop(1e-2, {.alpha = 0.9}), x)),
    SPELL("rates(lambda opt: lr.StepLR(opt, 2, gamma=0.5))",
          rates([](Optimizer& opt) { return StepLR(opt, 2, {.gamma = 0.5}); })),
    SPELL("rates(lambda opt: lr.MultiStepLR(opt, [1, 3], gamma=0.5))",
          rates([](Optimizer& opt) { return MultiStepLR(opt, {1, 3}, {.gamma = 0.5}); })),
    SPELL("rates(lambda opt: lr.CosineAnnealingLR(opt, 4, eta_min=0.1))",
          rates([](Optimizer& opt) { return CosineAnnealingLR(opt, 4, {.eta_min = 0.1}); })),
    SPELL("rates(lambda opt: lr.OneCycleLR(opt, 0.1, total_steps=10))",
          rates([](Optimizer& opt) { return OneCycleLR(opt, 0.1, {.total_steps = 10}); })),
    SPELL("rates(lambda opt: lr.ReduceLROnPlateau(opt, 'min', factor=0.5, patience=0))",
          rates([](Optimizer& opt) {
            return ReduceLROnPlateau(opt, "min", {.factor = 0.5, .patience = 0});
          })),
    SPELL("len(data.TensorDataset(x, y) + data.TensorDataset(x, y))",
          static_cast<double>((data::TensorDataset(x, y) + data::TensorDataset(x, y)).size())),
    SPELL("len(data.ConcatDataset([data.TensorDataset(x, y), data.TensorDataset(x, y)]))",
          static_cast<double>(
              data::ConcatDataset({data::TensorDataset(x, y), data::TensorDataset(x, y)}).size())),
    SPELL("len(data.random_split(data.TensorDataset(arange(10)), [0.75, 0.25])[0])",
          static_cast<double>(
              data::random_split(data::TensorDataset(arange(10)), {0.75, 0.25})[0].size())),
    SPELL("len(data.DataLoader(data.TensorDataset(arange(10)), 4, drop_last=True))",
          static_cast<double>(
              data::DataLoader(data::TensorDataset(arange(10)), 4, {.drop_last = true}).size())),
    SPELL("len(list(data.WeightedRandomSampler([0.1, 0.9], 8, True)))",
          static_cast<double>(data::WeightedRandomSampler({0.1, 0.9}, 8, true).size)),
};

}  // namespace

std::vector<Row> keyword_layer_rows() { return {std::begin(kRows), std::end(kRows)}; }

}  // namespace lilith::spellings
