#include "lilith/autocast.h"
#include "lilith/compile.h"
#include "lilith/functional.h"
#include "lilith/transforms.h"
#include "lilith/tune.h"
#include "support/expect_error.h"

// What PyTorch's spellings say where they cannot be served.
namespace lilith {
namespace {

TEST(SpellingErrors, Words) {
  const Tensor x = zeros(2, 3);
  EXPECT_ERROR_HERE(mse_loss(x, x, "sun"),
                    "reduction: \"sun\" is none of its words; need \"none\", \"mean\" or \"sum\"");
  const std::string word = "maximum";
  EXPECT_ERROR_HERE(MSELoss{.reduction = word},
                    "reduction: \"maximum\" is none of its words; need \"none\", \"mean\" or "
                    "\"sum\"");
  EXPECT_ERROR_HERE(F::pad(x, {1, 1}, "mirror"),
                    "mode: \"mirror\" is none of its words; need \"constant\", \"reflect\", "
                    "\"replicate\", \"circular\" or \"zeros\"");
  EXPECT_ERROR_HERE(x.div(x, "down"),
                    "rounding_mode: \"down\" is none of its words; need \"none\", \"trunc\" or "
                    "\"floor\"");
  EXPECT_ERROR_HERE(meshgrid({x}, "yx"), "meshgrid: indexing is 'yx'; need \"ij\" or \"xy\"");
}

TEST(SpellingErrors, InPlaceOnWhatShowsATensor) {
  Tensor x = ones(2, 3), y;
  const auto text = [](const std::string& method) {
    return method +
           ": it changes the variable that it is called on, and this is a temporary that shows a "
           "tensor or a part of one (x[0], x.t(), x.data()), which would stay as it is: write x." +
           method +
           "(…) of a whole one, x.index_put_({0}, y), x = slice_update(x, part, dim, start, end) "
           "or x = masked_fill(x, mask, y); for the value alone give it a name, Tensor y = x[0]; "
           "y." +
           method + "(…)";
  };
  EXPECT_ERROR_HERE(y = x[0].add_(1), text("add_"));
  EXPECT_ERROR_HERE(y = x.t().mul_(2), text("mul_"));
  EXPECT_ERROR_HERE(y = x.view(-1).fill_(2), text("fill_"));
  EXPECT_ERROR_HERE(y = x.index({Slice(), 0}).exp_(), text("exp_"));
  EXPECT_ERROR_HERE(y = x.data().normal_(), text("normal_"));
  EXPECT_ERROR_HERE(y = x.detach()[0].uniform_(), text("uniform_"));
  EXPECT_EQ(x.sum().item(), 6);
  // Of what is new, nothing is lost.
  EXPECT_EQ((x * 2)[0].add_(1).sum().item(), 9);
  EXPECT_EQ((x * 2).chunk(3, 1)[0].add_(1).sum().item(), 6);
  EXPECT_EQ(x.clone().add_(1).sum().item(), 12);
  EXPECT_EQ(x[x > 0].add_(1).sum().item(), 12);
  EXPECT_EQ(empty(3).zero_().sum().item(), 0);
  EXPECT_EQ(ones(3).add_(ones(3), {.alpha = 2}).sum().item(), 9);
  EXPECT_EQ(ones(3).sub_(ones(3), {.alpha = 2}).sum().item(), -3);
  EXPECT_EQ(ones(3).clamp_({.max = 0.5}).sum().item(), 1.5);
  Tensor given = x * 2;
  EXPECT_EQ(std::move(given).add_(1).sum().item(), 18);
  EXPECT_EQ(x.sum().item(), 6);
  const auto f = [](Tensor v) { return (v * 2).clamp_(0, 1).sum() + (v + 1).mul_(2).sum(); };
  EXPECT_EQ(grad(f, x).second.sum().item(), 12);
}

TEST(SpellingErrors, Methods) {
  Tensor x = zeros(2, 3), whole = tensor({1, 2});
  EXPECT_ERROR_HERE(x.clamp(), "clamp: neither min nor max is given; need one");
  EXPECT_ERROR_HERE(x[tensor({true, false, true})],
                    "index: a mask bool[3] for f32[2,3] at dimension 0; need a mask of x's sizes "
                    "there");
  EXPECT_ERROR_HERE(x.max(1)[2], "values and indices: item 2; need 0 (values) or 1 (indices)");
  EXPECT_ERROR_HERE(tensor((std::int64_t{1} << 60) + 1).item(),
                    "item: 1152921504606846977 does not fit a double; write item<std::int64_t>()");
  EXPECT_ERROR_HERE(x.view(4, 2),
                    "view: f32[2,3] does not fit [4,2]; need as many elements (6 vs 8)");
  EXPECT_ERROR_HERE(x.add_(zeros(4, 2, 3)),
                    "add_: f32[2,3] would become f32[4,2,3]; an in-place operator keeps the shape");
  EXPECT_ERROR_HERE(whole.add_(0.5),
                    "add_: i64[2] would become f32[2]; convert it first with x.to(dtype)");
  EXPECT_ERROR_HERE(x.uniform_(1, 0), "uniform_: from 1 to 0; need from <= to");
  EXPECT_ERROR_HERE(zeros(2, -3), "zeros: shape [2,-3]; need sizes >= 0");
}

TEST(SpellingErrors, Keywords) {
  const Tensor x = rand({2, 3});
  EXPECT_ERROR_HERE(x.std({.unbiased = true, .correction = 1}),
                    "std: unbiased is true and correction is 1; need one of them");
  EXPECT_ERROR_HERE(var(x, {.dim = 1, .unbiased = false, .correction = 0}),
                    "var: unbiased is false and correction is 0; need one of them");
  EXPECT_ERROR_HERE(x.softmax({.dtype = kFloat64}), "softmax: .dim is missing; need the dimension");
  EXPECT_ERROR_HERE(x.sum(1, {.dim = 0}), "sum: the dimension is given twice");
  EXPECT_ERROR_HERE(nonzero(x, {.as_tuple = false}),
                    "nonzero: as_tuple = false; that is nonzero(x)");
  EXPECT_ERROR_HERE(Adam(1e-3, {.lr = 1e-2}), "lr is given twice, in its place and by name");
  EXPECT_ERROR_HERE(conv2d(zeros({1, 2, 4, 4}), zeros({3, 2, 3, 3}), {.padding = "sam"}),
                    "padding: 'sam'; need sizes, \"same\" or \"valid\"");
  EXPECT_ERROR_HERE(Conv2d(2, 3, 3, {.padding = "sam"}),
                    "padding: 'sam'; need sizes, \"same\" or \"valid\"");
  EXPECT_ERROR_HERE(range(0, 1, 0),
                    "range: from 0 to 1 in steps of 0; need finite bounds and a step other than 0");
  EXPECT_ERROR_HERE(range(0, 1, -1),
                    "range: from 0 to 1 in steps of -1; need the end on the step's side");
}

TEST(SpellingErrors, WordsOfDevicesInMixedPrecision) {
  const auto text = [](const char* op, const char* word) {
    return fmt::format(
        "{}: \"{}\" is no device; need a word like \"cpu\", \"cuda\" or \"opencl:0\", and a dtype "
        "as "
        "it is (kFloat16)",
        op, word);
  };
  EXPECT_ERROR_HERE(autocast("float16", kFloat16, [] {}), text("autocast", "float16"));
  const char* none = nullptr;
  EXPECT_ERROR_HERE(autocast(none, kFloat16, [] {}), text("autocast", ""));
  EXPECT_ERROR_HERE(GradScaler("float16"), text("GradScaler", "float16"));
  EXPECT_EQ(autocast("cuda", kFloat16, [] { return autocast_dtype(); }), kFloat16);
  EXPECT_EQ(GradScaler("cuda:1").get_scale(), 65536);
}

TEST(SpellingErrors, ScaleWhileAFunctionIsTraced) {
  const GradScaler scaler;
  EXPECT_ERROR_HERE(trace([&](const Tensor& x) { return x * scaler.get_scale(); }, zeros({2})),
                    "get_scale: the scale's value is asked for while a function is traced; return "
                    "the tensor scaler.current_scale from the function, from a loss with "
                    "grad_aux, or ask outside of it");
}

TEST(SpellingErrors, PackedSequences) {
  const Tensor x = zeros({4, 3, 2});
  EXPECT_ERROR_HERE(pack_padded_sequence(x, {4, 2}),
                    "pack_padded_sequence: lengths are i64[2]; need integers [3], one a row");
  EXPECT_ERROR_HERE(pack_padded_sequence(x, zeros({3})),
                    "pack_padded_sequence: lengths are f32[3]; need integers [3], one a row");
  EXPECT_ERROR_HERE(pack_padded_sequence(x, {4, 5, 1}),
                    "pack_padded_sequence: a row's length is 5; need 1 to 4, the steps of x");
  EXPECT_ERROR_HERE(pack_padded_sequence(x, tensor({4, 0, 1})),
                    "pack_padded_sequence: a row's length is 0; need 1 to 4, the steps of x");
  EXPECT_ERROR_HERE(pack_padded_sequence(zeros({4}), {4}),
                    "pack_padded_sequence: x is f32[4]; need at least two dimensions, of steps "
                    "and of rows");
  EXPECT_ERROR_HERE(
      pad_packed_sequence(pack_padded_sequence(x, {3, 2, 1}), {.total_length = 2}),
      "pad_packed_sequence: total_length is 2; need 3, the steps of the longest row, or more");
  EXPECT_ERROR_HERE(nn::GRU(5, 3)(pack_padded_sequence(x, {3, 2, 1})),
                    "GRU: the packed x is f32[3,3,2]; need [T,N,C] with 5 features.");
  EXPECT_ERROR_HERE(nn::GRU(2, 3)(pack_padded_sequence(x, {3, 2, 1}), zeros({1, 2, 3})),
                    "GRU: h is f32[1,2,3]; need [1,3,3].");
}

TEST(SpellingErrors, Draws) {
  Tensor bytes = zeros({4}, kUInt8), half = zeros({2}, kFloat16);
  EXPECT_ERROR_HERE(bytes.random_(0, 300), "random_: [0, 300) of u8; need numbers that it holds");
  EXPECT_ERROR_HERE(bytes.random_(-1, 3), "random_: [-1, 3) of u8; need numbers that it holds");
  EXPECT_ERROR_HERE(half.random_(100000),
                    "random_: [0, 100000) of f16; need numbers that it holds");
  EXPECT_ERROR_HERE(randint(0, 200, {2}, kInt8),
                    "randint: [0, 200) of i8; need numbers that it holds");
  EXPECT_ERROR_HERE(bernoulli(bytes, 1.5), "bernoulli: p is 1.5; need 0 <= p <= 1");
  bytes.random_(255, 256);
  EXPECT_EQ(bytes.to_vector<std::uint8_t>(), std::vector<std::uint8_t>(4, 255));
  EXPECT_NO_THROW(randint(-128, 128, {2}, kInt8));
  EXPECT_NO_THROW(randint(0, 2, {2}, kBool));
}

TEST(SpellingErrors, Tune) {
  const auto f = compile([](const Tensor& v) { return v * 2; });
  const std::string text = "tune: it runs the function, which a trace or a grad cannot wait for";
  const auto traced = [&](const Tensor& x) { return tune(f, x), x; };
  EXPECT_TRUE(testing::error_text([&] { compile(traced)(ones({2})); }).starts_with(text));
}

TEST(SpellingErrors, ValuesAskedForInATrace) {
  const Tensor x = zeros(2, 3);
  const std::string rule =
      ": a value was asked for while a function is traced; return it from the function, or ask "
      "outside of it";
  EXPECT_ERROR_HERE(
      compile([](Tensor t) { return t[t > 0]; })(x),
      "index: the size of its result depends on values of bool[2,3], which a function "
      "that is traced (compile, a loop's body) does not have; call index outside and "
      "pass its result in, or keep the shape with where or masked_fill");
  EXPECT_ERROR_HERE(compile([](Tensor t) { return one_hot(t); })(tensor({1, 2})), "one_hot" + rule);
  EXPECT_ERROR_HERE(compile([](Tensor t) { return t * t.sum().item(); })(x), "item" + rule);
}

TEST(SpellingErrors, Composites) {
  const Tensor x = zeros(2, 3), m = zeros(3, 3);
  EXPECT_ERROR_HERE(x.renorm(0, 0, 1), "renorm: p is 0 and maxnorm 1; need p > 0, maxnorm >= 0");
  EXPECT_ERROR_HERE(x.matrix_power(2),
                    "matrix_power: got f32[2,3]; need square matrices [..., M, M]");
  EXPECT_ERROR_HERE(m.to(kInt64).matrix_power(-1),
                    "matrix_power: n is -1 of i64[3,3]; integers have no inverse");
  EXPECT_ERROR_HERE(as_strided(x, {3, 3}, {2, 1}),
                    "as_strided: places 0 to 6 of f32[2,3]; need them within its 6 elements");
  EXPECT_ERROR_HERE(m.diagonal_scatter(zeros(2)),
                    "diagonal_scatter: src is f32[2]; need shape [3]");
  EXPECT_ERROR_HERE(zeros(2, 2, 2).cov(),
                    "cov: got f32[2,2,2]; need [variables, observations] or [observations]");
  EXPECT_ERROR_HERE(x.mvlgamma(0), "mvlgamma: p is 0; need p >= 1");
  EXPECT_ERROR_HERE(gradient(x, 1, 0, 2),
                    "gradient: dimension 0 of f32[2,3] has 2 elements; need at least 3");
  EXPECT_ERROR_HERE(dropout2d(x),
                    "dropout2d: got f32[2,3]; need [N, C, …] or [C, …] with 2 spatial dimensions");
  EXPECT_ERROR_HERE(gumbel_softmax(x, 0), "gumbel_softmax: tau is 0; need tau > 0");
  EXPECT_ERROR_HERE(hann_window(-1), "hann_window: -1 points; need at least 0");
  EXPECT_ERROR_HERE(channel_shuffle(zeros(1, 3, 2), 2),
                    "channel_shuffle: f32[1,3,2] in 2 groups; need [N, C, …] with C a multiple of "
                    "them");
  EXPECT_ERROR_HERE(rms_norm(x, 4), "rms_norm: f32[2,3] does not end in normalized_shape [4]");
  const std::string flat = "cartesian_prod: got f32[2,3]; need one dimension";
  EXPECT_ERROR_HERE(cartesian_prod(std::vector<Tensor>{x}), flat);
  EXPECT_ERROR_HERE(cartesian_prod({x}), flat);
  EXPECT_ERROR_HERE(cartesian_prod({x, x}), flat);
  EXPECT_ERROR_HERE(cartesian_prod(x), flat);
  EXPECT_ERROR_HERE(cartesian_prod(x, x + 1), flat);
  EXPECT_ERROR_HERE(vander(x), "vander: got f32[2,3]; need one dimension");
  EXPECT_ERROR_HERE(tril_indices(-1, 2), "tril_indices: -1 rows and 2 columns; need at least 0");
  EXPECT_ERROR_HERE(nn::Softmax2d()(x), "Softmax2d: x is f32[2,3]; need [N,C,H,W] or [C,H,W].");
  EXPECT_ERROR_HERE(nn::ConstantPad2d({1, 2, 3}, 0), "Pad2d: padding takes 1 or 4 numbers; got 3.");
}

// Tensors one after the other, as PyTorch takes them, and the same as a list.
TEST(SpellingErrors, TensorsOneAfterTheOther) {
  const Tensor x = zeros(2, 3), y = zeros(4, 5), deep = zeros(2, 2, 2);
  const std::string apart =
      "broadcast_tensors: shapes do not broadcast: f32[2,3], f32[4,5]; need equal sizes or 1, "
      "counted "
      "from the last dimension (2 vs 4)";
  EXPECT_ERROR_HERE(broadcast_tensors(x, y), apart);
  EXPECT_ERROR_HERE(broadcast_tensors({x, y}), apart);
  const std::string matrices = "block_diag: got f32[2,2,2]; need at most 2 dimensions";
  EXPECT_ERROR_HERE(block_diag(deep), matrices);
  EXPECT_ERROR_HERE(block_diag({deep}), matrices);
  EXPECT_ERROR_HERE(block_diag(x, Buffer(deep)), matrices);
  const std::string vectors = "meshgrid: got f32[2,3]; need at most 1 dimension";
  EXPECT_ERROR_HERE(meshgrid(x, y), vectors);
  EXPECT_ERROR_HERE(meshgrid(x, y, "xy"), vectors);
  EXPECT_ERROR_HERE(meshgrid({x, y}), vectors);
  const std::string product =
      "chain_matmul: inner sizes differ: a f32[2,3], b f32[4,5]; need a.shape[-1] == b.shape[-2] "
      "(3 vs 4).";
  EXPECT_ERROR_HERE(chain_matmul(x, y), product);
  EXPECT_ERROR_HERE(chain_matmul({x, y}), product);
  const std::string equation =
      "einsum: sizes 3 and 4 of one label in \"ij,jk->ik\"; need equal sizes";
  EXPECT_ERROR_HERE(einsum("ij,jk->ik", x, y), equation);
  EXPECT_ERROR_HERE(einsum("ij,jk->ik", {x, y}), equation);
}

// What is named or numbered in brackets.
TEST(SpellingErrors, InBrackets) {
  Adam optimizer(1e-3);
  const std::string none =
      "Adam: no hyper-parameter 'rate'; it has beta1, beta2, eps, lr, weight_decay.";
  EXPECT_ERROR_HERE(optimizer.param_groups()[0]["rate"], none);
  EXPECT_ERROR_HERE(std::as_const(optimizer.param_groups()[0])["rate"], none);
  EXPECT_ERROR_HERE(optimizer.param_groups()[0].hyper.at("rate"), none);
  EXPECT_ERROR_HERE(optimizer.hyper("rate"), none);
  EXPECT_ERROR_HERE(optimizer.hyper("lr", 3), "Adam: no parameter group 3; there are 1.");
  Sequential layers{nn::Linear(2, 3), nn::ReLU()};
  EXPECT_ERROR_HERE(layers[2], "Sequential: no layer 2; it has 2.");
  EXPECT_ERROR_HERE(std::as_const(layers)[-3], "Sequential: no layer -3; it has 2.");
  EXPECT_ERROR_HERE(layers.insert(3, nn::ReLU()), "Sequential: no layer 3; it has 2.");
  layers.insert(2, nn::ReLU());
  EXPECT_EQ(layers.size(), 3);
}

TEST(SpellingErrors, OfWholeModels) {
  EXPECT_ERROR_HERE(nn::utils::parameters_to_vector(nn::ReLU()),
                    "parameters_to_vector: the model has no parameters");
  GradScaler scaler;
  EXPECT_ERROR_HERE(scaler.load_state_dict({{"scale", Tensor()}}),
                    "load_state_dict: 'scale' is an undefined tensor.");
}

}  // namespace
}  // namespace lilith
