#include <gtest/gtest.h>

#include <cmath>

#include "lilith/lilith.h"
#include "support/expect_error.h"

// What PyTorch's spellings do beyond a value: words, options of compile, state, structured
// bindings.
namespace lilith {
namespace {

using testing::error_text;

bool same(const Tensor& a, const Tensor& b) { return allclose(a, b, 1e-6, 1e-7); }

TEST(PytorchWords, NameDtypesAndDevices) {
  EXPECT_EQ(zeros({2}, "float64").dtype(), kDouble);
  EXPECT_EQ(zeros({2}, "torch.int64").dtype(), kLong);
  EXPECT_EQ(ones({2}, "cpu").device(), cpu());
  EXPECT_EQ(zeros({2}, {.device = "cpu"}).device(), Device("cpu"));
  EXPECT_EQ(rand(2, 3).to("bfloat16").dtype(), kBFloat16);
  EXPECT_NE(
      error_text([] { zeros({2}, "floot"); }).find("\"floot\" is neither a dtype nor a device"),
      std::string::npos);
  EXPECT_NE(error_text([] { zeros({2}, "floot"); }).find("pytorch_words_test.cpp"),
            std::string::npos);
  EXPECT_NE(error_text([] { (void)rand(2, 3).to("cuda:9"); }).find("devices"), std::string::npos);
  EXPECT_EQ(fmt::format("{} {} {}", Shape{2, 3}, kFloat, cpu()), "[2,3] f32 cpu");
  EXPECT_EQ(tensor({1, 2}).type(), "torch.LongTensor");
}

TEST(PytorchWords, DtypeFollowsTheNumbersUnlessItIsGiven) {
  EXPECT_EQ(arange(3, {.device = cpu()}).dtype(), kLong);
  EXPECT_EQ(arange(0., 3., {.device = cpu()}).dtype(), kFloat);
  EXPECT_EQ(full({2}, 1, {.device = cpu()}).dtype(), kLong);
  EXPECT_EQ(tensor({1, 2}, {.device = cpu()}).dtype(), kLong);
  const TensorOptions options{.dtype = kDouble};
  EXPECT_EQ(arange(3, options).dtype(), kDouble);
  EXPECT_EQ(tensor({1, 2}, options).dtype(), kDouble);
  EXPECT_EQ(tensor(std::vector<double>{1, 2}).dtype(), kDouble);
}

TEST(PytorchWords, ToVectorWidens) {
  EXPECT_EQ(tensor({1.5f, 2.f}).to_vector<double>(), (std::vector<double>{1.5, 2}));
  EXPECT_EQ(tensor({1, 2}, kInt).to_vector<std::int64_t>(), (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(tensor({true, false}).to_vector<float>(), (std::vector<float>{1, 0}));
  EXPECT_NE(error_text([] {
              (void)tensor({1., 2.}, kDouble).to_vector<float>();
            }).find("need data<double>"),
            std::string::npos);
  EXPECT_NE(error_text([] { (void)tensor({1, 2}).to_vector<double>(); }).find("data<double>"),
            std::string::npos);
}

TEST(PytorchWords, CompileTakesOptions) {
  const Tensor x = rand(8, 8), w = rand(8, 8);
  const auto halves =
      compile([](Tensor a, Tensor b) { return a.matmul(b); }, {.autocast = kBFloat16});
  EXPECT_EQ(halves(x, w).dtype(), kBFloat16);
  EXPECT_EQ(x.matmul(w).dtype(), kFloat);
  EXPECT_NE(error_text([] {
              (void)compile([](Tensor a) { return a; }, {.autocast = kDouble});
            }).find("f64"),
            std::string::npos);
  const auto fixed = compile([](Tensor a) { return sin(a) * 2; }, {.dynamic = false});
  for (const int n : {3, 5, 7, 9}) {
    const Tensor a = rand({n, 4});
    EXPECT_TRUE(same(fixed(a), sin(a) * 2));
  }
  const auto chosen = compile([](Tensor a, Tensor m) { return where(m, a, 0); });
  EXPECT_TRUE(same(chosen(x, x > 0.5), where(x > 0.5, x, 0)));
  EXPECT_TRUE(same(chosen(x, x == x), x));
}

struct Net {
  nn::Linear fc{3, 2};
  nn::BatchNorm1d bn{2};
  Tensor operator()(Tensor x) { return bn(fc(x)); }
};

TEST(PytorchWords, StateGoesThroughDicts) {
  const Tensor x = rand(4, 3);
  Net net;
  Adam one(1e-2), two(1e-3);
  const auto step = [&](Adam& opt) {
    const auto [loss, g] = grad([](Net& m, Tensor x) { return m(x).square().sum(); }, net, x);
    update(opt, net, g);
  };
  step(one);
  two.load_state_dict(one.state_dict());
  EXPECT_EQ(two.lr(), 1e-2);
  EXPECT_EQ(two.param_groups()[0]["lr"].value(), 1e-2);
  two.param_groups()[0]["lr"] = 0.5;
  EXPECT_EQ(two.lr(), 0.5);
  GradScaler scaler(1024.0), other("cuda");
  EXPECT_EQ(scaler.get_scale(), 1024);
  EXPECT_EQ(other.get_scale(), 65536);
  other.load_state_dict(scaler.state_dict());
  EXPECT_EQ(other.get_scale(), 1024);
  EXPECT_NE(error_text([] { Adam opt(1e-2, {.lr = 1e-4}); }).find("lr is given twice"),
            std::string::npos);

  const Tensor flat = nn::utils::parameters_to_vector(net);
  EXPECT_EQ(flat.numel(), 3 * 2 + 2 + 2 + 2);
  Net copy;
  nn::utils::vector_to_parameters(flat, copy);
  EXPECT_TRUE(same(copy.fc.weight, net.fc.weight));
  EXPECT_NE(error_text([&] {
              nn::utils::vector_to_parameters(flat.slice(0, 1), copy);
            }).find("the parameters have 12 numbers"),
            std::string::npos);
  const Net halves = to(net, kHalf);
  EXPECT_EQ(halves.fc.weight.dtype(), kHalf);
  EXPECT_EQ(halves.bn.running_mean.dtype(), kHalf);
  EXPECT_EQ(halves.bn.num_batches_tracked.dtype(), kLong);
  EXPECT_EQ(net.fc.weight.dtype(), kFloat);
  EXPECT_EQ(to(net, "cpu").fc.weight.device(), cpu());
  EXPECT_EQ(buffers(net).size(), 3u);
}

TEST(PytorchWords, PartsAreStructuredBindings) {
  const Tensor x = arange(6).view(2, 3);
  const auto [a, b] = x.unbind<2>(0);
  EXPECT_TRUE(equal(b, x[1]));
  const auto [l, r] = x.split({1, 2}, 1);
  EXPECT_EQ(r.shape(), (Shape{2, 2}));
  const auto [q, k, v] = chunk<3>(x, 1);
  EXPECT_EQ(v.shape(), (Shape{2, 1}));
  const auto [row, column] = meshgrid(arange(2), arange(3));
  EXPECT_EQ(column.shape(), (Shape{2, 3}));
  EXPECT_NE(error_text([&] { (void)x.unbind<3>(); }).find("there are 2 parts; need the 3"),
            std::string::npos);
  int rows = 0;
  for (const Tensor& each : x) EXPECT_TRUE(equal(each, x[rows++]));
  EXPECT_EQ(rows, 2);

  const TensorDataset data(arange(10), arange(10) * 2);
  const auto [train, test] = random_split(data, {0.75, 0.25}, 3);
  EXPECT_EQ(train.size(), 8);
  EXPECT_EQ(test.size(), 2);
  const auto [one, two] = random_split(data, {6, 4}, RandomGenerator(1));
  EXPECT_EQ(two.size(), 4);
  EXPECT_NE(error_text([&] { (void)random_split(data, {0.5, 0.6}); }).find("add up to"),
            std::string::npos);
  EXPECT_EQ((one + two).size(), 10);
  EXPECT_EQ(ConcatDataset({one, two, one}).size(), 16);
  EXPECT_EQ(Subset(data, tensor({1, 3}))[1][0].item(), 3);
}

struct Squares {
  std::int64_t size() const { return 5; }
  std::pair<Tensor, std::int64_t> get(std::int64_t i) const {
    return {full({2}, static_cast<double>(i)), i * i};
  }
};

TEST(PytorchWords, DataOfOnesOwn) {
  DataLoader loader(Squares{}, 2, {.drop_last = true});
  EXPECT_EQ(loader.size(), 2);
  const auto [x, y] = *DataLoader(Squares{}, {.batch_size = 5}).begin();
  EXPECT_EQ(y.to_vector<std::int64_t>(), (std::vector<std::int64_t>{0, 1, 4, 9, 16}));
  WeightedRandomSampler sampler(tensor({0., 1.}), 20, true);
  EXPECT_EQ(sampler.size, 20);
  EXPECT_EQ(RandomSampler(data::Dataset<2>(Squares{})).size, 5);
}

TEST(PytorchWords, MasksOfTransformers) {
  manual_seed(1);
  nn::TransformerEncoder encoder(nn::TransformerEncoderLayer(8, 2, 16, 0.0), 2);
  const Tensor x = rand(5, 3, 8), mask = nn::Transformer::generate_square_subsequent_mask(5);
  const Tensor wanted = encoder(x, {.src_mask = mask});
  EXPECT_TRUE(allclose(encoder(x, mask), wanted, 1e-5, 1e-6));
  EXPECT_TRUE(allclose(encoder(x, {.mask = mask}), wanted, 1e-5, 1e-6));
  EXPECT_TRUE(allclose(encoder(x, {.is_causal = true}), wanted, 1e-5, 1e-6));
  nn::TransformerDecoder decoder(nn::TransformerDecoderLayer(8, 2, 16, 0.0), 1);
  EXPECT_TRUE(allclose(decoder(x, x, {.tgt_is_causal = true}), decoder(x, x, mask), 1e-5, 1e-6));
  nn::MultiheadAttention attention(8, 2);
  const std::string text =
      error_text([&] { attention(x, x, x, {.key_padding_mask = zeros({5, 3}, kBool)}); });
  EXPECT_NE(text.find(".batch_first = true"), std::string::npos) << text;
}

TEST(PytorchWords, IndexPutTakesWhatIndexTakes) {
  Tensor x = zeros(3, 4);
  x.index_put_({Slice(), 0}, 1);
  x.index_put_({1, Slice(1, None)}, tensor({2., 3., 4.}));
  x.index_put_({x > 3}, -1);
  EXPECT_EQ(x.to_vector<float>(), (std::vector<float>{1, 0, 0, 0, 1, 2, 3, -1, 1, 0, 0, 0}));
  const auto [sum, g] = grad([&](Tensor t) { return x.index_put({0}, t).square().sum(); }, rand(4));
  EXPECT_EQ(g.shape(), (Shape{4}));
}

}  // namespace
}  // namespace lilith
