#include "lilith/checkpoint.h"
#include "lilith/init.h"
#include "lilith/nn.h"
#include "lilith/ops.h"
#include "lilith/optim.h"
#include "lilith/transforms.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace lilith {
namespace {

struct Pair {
  Linear a{2, 3};
  Linear b{3, 1, {.bias = false}};
};

TEST(GradErrors, Value) {
  const Tensor x = ones({3});
  EXPECT_ERROR_HERE(
      grad([](Tensor x) { return x * 2; }, x),
      "grad: the function's value is f32[3]; need a floating scalar, as sum() or mean() give");
  EXPECT_ERROR_HERE(grad([](Tensor) { return Tensor(); }, x),
                    "grad: the function returned an undefined tensor; need a scalar");
  EXPECT_ERROR_HERE(grad([](Tensor x) { return x.sum(); }, arange(3)),
                    "grad: argument 0 is i64[3]; need a floating dtype to differentiate");
}

TEST(GradErrors, Unused) {
  EXPECT_ERROR_HERE(grad([](Tensor, Tensor y) { return y.sum(); }, ones({2}), ones({2})),
                    "grad: the value does not depend on 'argument 0' in a differentiable way; "
                    "{.allow_unused = true} "
                    "as the first argument leaves such gradients undefined");
  const Pair m;
  EXPECT_ERROR_HERE(grad([](const Pair& m, Tensor x) { return m.a(x).sum(); }, m, ones({1, 2})),
                    "grad: the value does not depend on 'b.weight' in a differentiable way; "
                    "{.allow_unused = true} "
                    "as the first argument leaves such gradients undefined");
}

TEST(GradErrors, Cotangents) {
  auto doubled = vjp([](Tensor x) { return x * 2; }, ones({3}));
  EXPECT_ERROR_HERE(doubled.second(ones({2})),
                    "vjp: output 0 is f32[3], its cotangent f32[2]; need the same");
}

TEST(GradErrors, CustomRule) {
  const auto too_many = custom_vjp([](Tensor x) { return x * 2; },
                                   [](const std::vector<Tensor>&, const Tensor&, const Tensor& ct) {
                                     return std::vector<Tensor>{ct, ct};
                                   });
  EXPECT_ERROR_HERE(grad([&](Tensor x) { return too_many(x).sum(); }, ones({3})),
                    "custom_vjp: the rule gave 2 cotangents; need one for each of 1 inputs");
}

TEST(GradErrors, Gradcheck) {
  EXPECT_ERROR_HERE(gradcheck([](Tensor x) { return x.sum(); }, ones({3})),
                    "gradcheck: argument '0' is f32[3]; need f64");
}

TEST(OptimErrors, Options) {
  EXPECT_ERROR_HERE(SGD({.lr = 0.1, .nesterov = true}),
                    "SGD: nesterov needs momentum > 0 and dampening 0; got 0 and 0.");
  EXPECT_ERROR_HERE(Adam({.lr = -1}), "Adam: lr must not be negative; got -1.");
  EXPECT_ERROR_HERE(Adam({.betas = {0.9, 1.0}}), "Adam: beta2 must be below 1; got 1.");
  Adam opt({.lr = 1e-3});
  EXPECT_ERROR_HERE(opt.hyper("lr", 3), "Adam: no parameter group 3; there are 1.");
}

TEST(OptimErrors, Update) {
  Pair m;
  SGD opt({.lr = 0.1});
  Pair g = m;
  g.a.bias = ones({2});
  EXPECT_ERROR_HERE(update(opt, m, g), "update: 'a.bias' is f32[3], its gradient is f32[2].");
  EXPECT_ERROR_HERE(update(opt, m, m, {.ignore = {"c1"}}),
                    "update: ignore names 'c1', which is no parameter of the model.");
}

TEST(OptimErrors, Models) {
  Pair first, second;
  Adam opt({.lr = 1e-3});
  update(opt, first, first);
  second = first;
  update(opt, second, second);
  EXPECT_ERROR_HERE(
      update(opt, first, first),
      "update: Adam cannot tell which of its models this is: it is a copy of a model that has been "
      "updated since. Give each model a name in every update, {.model = \"generator\"} (without "
      "one "
      "they are \"0\", \"1\" … in the order of their first update), or an optimiser of its own.");
  EXPECT_ERROR(opt.state("a.weight", "left"),
               "Adam: it has updated no model 'left'; there is '0'.");
  struct Whole {
    Tensor gain = full({2}, 1);
  } whole;
  EXPECT_ERROR_HERE(update(opt, whole, whole),
                    "update: 'gain' is i64[2]; only floating-point parameters can be trained. Make "
                    "it of numbers with a point (full({2}, 1.0)), or declare it a Buffer.");
}

TEST(OptimErrors, Selections) {
  Pair m;
  Adam opt({.lr = 1e-3});
  EXPECT_ERROR_HERE(update(opt, m, m, {.ignore = {"a.weights"}}),
                    "update: ignore names 'a.weights', which is no parameter of the model; the "
                    "nearest is 'a.weight'.");
  EXPECT_ERROR_HERE(opt.add_param_group("a", {{"rate", 1}}),
                    "Adam: no hyper-parameter 'rate'; it has beta1, beta2, eps, lr, weight_decay.");
  EXPECT_ERROR_HERE(opt.unfreeze("a"), "Adam: 'a' was not frozen.");
  Adam grouped({.lr = 1e-3}), frozen({.lr = 1e-3});
  grouped.add_param_group("a.bais", {{"lr", 0}});
  EXPECT_ERROR_HERE(update(grouped, m, m),
                    "update: parameter group 'a.bais' matches no parameter of the model; the "
                    "nearest is 'a.bias'.");
  EXPECT_ERROR_HERE(grouped.prepare(m),
                    "Adam: parameter group 'a.bais' matches no parameter of the model; the nearest "
                    "is 'a.bias'.");
  frozen.freeze("a.bais");
  EXPECT_ERROR_HERE(
      update(frozen, m, m),
      "update: freeze names 'a.bais', which is no parameter of the model; the nearest "
      "is 'a.bias'.");
}

TEST(OptimErrors, Files) {
  const testing::TempDir dir;
  Pair m;
  Adam opt({.lr = 1e-3});
  StepLR schedule(opt, {.step_size = 2});
  save(opt, dir.file("opt"));
  save(schedule, dir.file("schedule"));
  SGD other({.lr = 1e-3});
  EXPECT_ERROR_HERE(load(other, dir.file("opt")), "load: opt holds Adam; this is SGD.");
  ExponentialLR exponential(opt, {.gamma = 0.5});
  EXPECT_ERROR_HERE(
      load(exponential, dir.file("schedule")),
      "load: " + dir.file("schedule") + " holds the state of StepLR; this is ExponentialLR.");
  save_checkpoint(dir.file("run"), m, opt);
  EXPECT_ERROR_HERE(load_checkpoint(dir.file("run"), m, opt, schedule),
                    "load_checkpoint: " + dir.file("run") +
                        " holds no 'scheduler'; it has 'model', 'optimizer', 'rng'.");
  EXPECT_ERROR_HERE(load_checkpoint(dir.file("opt"), m),
                    "load_checkpoint: " + dir.file("opt") +
                        " is no checkpoint: its metadata has no 'lilith.checkpoint'.");
}

TEST(OptimErrors, Clip) {
  Pair m;
  EXPECT_ERROR_HERE(clip_grad_value_(as_gradients(m), -1),
                    "clip_grad_value_: clip_value must not be negative; got -1.");
  EXPECT_ERROR_HERE(clip_grad_norm_(as_gradients(m), -1),
                    "clip_grad_norm_: need max_norm >= 0 and norm_type > 0; got -1 and 2.");
}

TEST(OptimErrors, Schedulers) {
  Adam opt({.lr = 1e-3});
  EXPECT_ERROR_HERE(StepLR(opt, {.step_size = 0}), "StepLR: step_size must be positive; got 0.");
  EXPECT_ERROR_HERE(ExponentialLR(opt, {.gamma = -1}),
                    "ExponentialLR: gamma must be positive; got -1.");
  EXPECT_ERROR_HERE(CosineAnnealingLR(opt, {.T_max = 0}),
                    "CosineAnnealingLR: T_max must be positive; got 0.");
  EXPECT_ERROR_HERE(StepLR({.step_size = 2}).step(),
                    "LRScheduler::step: no optimiser; call attach(opt) before.");
  EXPECT_ERROR_HERE(ReduceLROnPlateau(opt, {.mode = "most"}),
                    "ReduceLROnPlateau: mode is 'most'; need 'min' or 'max'.");
}

TEST(LayerErrors, Linear) {
  EXPECT_ERROR_HERE(Linear(-1, 2),
                    "Linear: in_features and out_features must not be negative; got -1 and 2.");
  EXPECT_ERROR_HERE(Embedding(0, 3),
                    "Embedding: num_embeddings and embedding_dim must be positive; got 0 and 3.");
}

TEST(LayerErrors, Convolution) {
  EXPECT_ERROR_HERE(Conv2d(0, 3, 3), "Conv2d: channels must be positive; got 0 in, 3 out.");
  EXPECT_ERROR_HERE(
      Conv2d(3, 4, 3, {.groups = 2}),
      "Conv2d: groups must divide both numbers of channels; got 3 in, 4 out, groups=2.");
  EXPECT_ERROR_HERE(Conv2d(3, 4, {3, 3, 3}), "Conv2d: kernel_size takes 1 or 2 numbers; got 3.");
}

TEST(LayerErrors, Norm) {
  EXPECT_ERROR_HERE(BatchNorm2d(0), "BatchNorm: num_features must be positive; got 0.");
  EXPECT_ERROR_HERE(GroupNorm(3, 4),
                    "GroupNorm: num_groups must divide num_channels; got 3 and 4.");
  BatchNorm2d norm(3);
  EXPECT_ERROR_HERE(norm(ones({2, 3})), "BatchNorm2d: x is f32[2,3]; need [N,C,H,W].");
}

TEST(LayerErrors, Init) {
  Tensor w = ones({2, 3}), v = ones({3}), i = arange(3);
  EXPECT_ERROR_HERE(init::kaiming_uniform_(v),
                    "init::kaiming_uniform_: got f32[3]; fan_in and fan_out need at least rank 2.");
  EXPECT_ERROR_HERE(init::kaiming_normal_(w, {.mode = "fan"}),
                    "init::kaiming_normal_: mode is 'fan'; need 'fan_in' or 'fan_out'.");
  EXPECT_ERROR_HERE(init::normal_(i), "init::normal_: got i64[3]; need a floating dtype.");
  EXPECT_ERROR_HERE(init::uniform_(w, 1, 0), "init::uniform_: the range [1, 0) is empty.");
  EXPECT_ERROR_HERE(init::eye_(v), "init::eye_: need rank 2; got f32[3].");
}

}  // namespace
}  // namespace lilith
