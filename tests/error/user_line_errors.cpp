#include "lilith/graph_names.h"
#include "lilith/lilith.h"
#include "support/expect_error.h"

// What the library calls inside does not show: the function and the line are the user's.
namespace lilith {
namespace {

struct Net {
  Linear a{4, 3};
  Tensor operator()(Tensor x) const { return a(x); }
};

const FitOptions kOneEpoch{.epochs = 1, .batch_size = 2, .progress = ShowProgress::Off};

TEST(UserLine, Transforms) {
  const Tensor x = ones({3});
  const auto twice = [](Tensor x) { return x * 2; };
  const std::string scalar =
      ": the function's value is f32[3]; need a floating scalar, as sum() or mean() give";
  EXPECT_ERROR_HERE(grad(twice, x), "grad" + scalar);
  EXPECT_ERROR_HERE(grad<0>(twice, x), "grad" + scalar);
  EXPECT_ERROR_HERE(grad({.allow_unused = true}, twice, x), "grad" + scalar);
  EXPECT_ERROR_HERE(grad([](Tensor x, int, int, int) { return x * 2; }, x, 1, 2, 3),
                    "grad" + scalar);
  EXPECT_ERROR_HERE(value_and_grad(twice)(x), "grad" + scalar);
  EXPECT_ERROR_HERE(grad_aux([](Tensor x) { return std::pair(x * 2, x); }, x), "grad_aux" + scalar);
  EXPECT_ERROR_HERE(hessian([](const Tensor& x) { return x * 2; }, x), "grad" + scalar);
  EXPECT_ERROR_HERE(jacobian([](const Tensor& x) { return x; }, ones({0})),
                    "jacobian: the function's value is f32[0]; need at least one element");
  EXPECT_ERROR_HERE(jvp(twice, x, ones({2})),
                    "jvp: a tangent is f32[2], its argument f32[3]; need the same");
  EXPECT_ERROR_HERE(vjp(twice, x).second(ones({2})),
                    "vjp: output 0 is f32[3], its cotangent f32[2]; need the same");
  EXPECT_ERROR_HERE(vjp(twice, arange(3)),
                    "vjp: argument 0 is i64[3]; need a floating dtype to differentiate");
  EXPECT_ERROR_HERE(gradcheck([](Tensor x) { return x.sum(); }, x),
                    "gradcheck: argument '0' is f32[3]; need f64");
  EXPECT_ERROR_HERE(gradcheck(
                        {.eps = 1e-5}, [](Tensor x) { return x.sum(); }, x),
                    "gradcheck: argument '0' is f32[3]; need f64");
}

TEST(UserLine, ManyArgumentsNameTheLineOfTheValue) {
  const auto f = [](Tensor x, int, int, int, int) { return x * 2; };
  const Loc here = std::source_location::current();
  EXPECT_EQ(testing::error_text([&] { grad(f, ones({3}), 1, 2, 3, 4); }),
            fmt::format("grad: the function's value is f32[3]; need a floating scalar, as sum() or "
                        "mean() give (user_line_errors.cpp:{})",
                        here.line - 1));
}

TEST(UserLine, AFunctionOfTheUsersHasItsOwnLines) {
  const auto f = [](const Tensor& x) { return matmul(x, x); };
  const Loc here = std::source_location::current();
  const std::string text = fmt::format(
      "matmul: inner sizes differ: a f32[2,3], b f32[2,3]; need a.shape[-1] == b.shape[-2] (3 vs "
      "2). b.transpose() fits. (user_line_errors.cpp:{})",
      here.line - 1);
  const Tensor x = ones({2, 3});
  EXPECT_ERROR(jacobian(f, x), text);
  EXPECT_ERROR(hessian(f, x), text);
  EXPECT_ERROR(grad(f, x), text);
  EXPECT_ERROR((Sequential{ReLU{}, [](Tensor x) { return x * 2; }}(f(x))), text);
  EXPECT_ERROR(compile(f)(x), text);
}

TEST(UserLine, Evaluation) {
  const Tensor x = rand({std::int64_t{1} << 50}) + 1;
  const auto text_of = [](auto f) {
    const std::string text = testing::error_text(f);
    EXPECT_TRUE(text.starts_with("eval: the program needs ")) << text;
    return text.substr(text.rfind(' ') + 1);
  };
  const auto line = [](int n) { return fmt::format("(user_line_errors.cpp:{})", n); };
  EXPECT_EQ(text_of([&] { eval(x); }), line(__LINE__));
  EXPECT_EQ(text_of([&] { eval(x, ones({2})); }), line(__LINE__));
  EXPECT_EQ(text_of([&] { x.sum().item<float>(); }), line(__LINE__));
  EXPECT_EQ(text_of([&] { x.raw_data(); }), line(__LINE__));
  const auto f = compile([](const Tensor& a) { return expand(a, {std::int64_t{1} << 50}) + 1; });
  EXPECT_EQ(text_of([&] { f(ones({1})); }), line(__LINE__ - 1));
}

TEST(UserLine, CompiledFunctions) {
  const Tensor outside = ones({2});
  const Loc here = std::source_location::current();
  eval(outside);
  EXPECT_ERROR_HERE(compile([&](const Tensor& a) { return a + outside; })(ones({2})),
                    fmt::format("compile: the function uses a tensor that is no argument (f32[2], "
                                "made at user_line_errors.cpp:{}): the program would keep its "
                                "present value for ever. Pass it as an argument.",
                                here.line - 1));
}

TEST(UserLine, ConditionsAndPrinting) {
  const Tensor x = ones({2});
  EXPECT_ERROR_HERE(static_cast<void>(x > 0 ? 1 : 2),
                    "if: the condition is bool[2]; need exactly one element, as any(x) and all(x) "
                    "give; whether there is a tensor says x.defined()");
  EXPECT_ERROR_HERE(static_cast<void>(ones({0}) ? 1 : 2),
                    "if: the condition is f32[0]; need exactly one element, as any(x) and all(x) "
                    "give; whether there is a tensor says x.defined()");
  EXPECT_ERROR_HERE(int(tensor(3e9)),
                    "int: the value is 3000000000; need a number from -2147483648 to 2147483647");
  EXPECT_ERROR_HERE(int(tensor(std::nanf(""))),
                    "int: the value is nan; need a number from -2147483648 to 2147483647");
  EXPECT_ERROR_HERE(static_cast<std::int8_t>(tensor(200)),
                    "int: the value is 200; need a number from -128 to 127");
  EXPECT_ERROR_HERE(float(ones({2})), "float: the tensor is f32[2]; need exactly one element");
  const std::string asked =
      "a value was asked for while a function is traced; return it from the function, or ask "
      "outside of it";
  EXPECT_ERROR_HERE(compile([](Tensor x) { return x.sum() > 0 ? x : -x; })(x), "if: " + asked);
  EXPECT_ERROR_HERE(compile([](Tensor x) { return to_string(x * 2).empty() ? x : -x; })(x),
                    "print: " + asked);
  // An argument has no line of its own: that of the function that is traced.
  EXPECT_ERROR_HERE(
      compile([](Tensor x) { return to_string(x).empty() ? x : -x; })(x),
      "print: the tensor is an input of a traced function and has no value; return it "
      "from the function instead");
}

TEST(UserLine, ModelsAndFiles) {
  Net net;
  const auto folder = std::string("/nowhere/at/all/");
  EXPECT_ERROR_HERE(save(net, folder + "x.safetensors"),
                    "save: cannot write /nowhere/at/all/x.safetensors: No such file or directory.");
  EXPECT_ERROR_HERE(load(net, folder + "x.pt"),
                    "load: cannot open /nowhere/at/all/x.pt: No such file or directory.");
  EXPECT_ERROR_HERE(load_tensors(folder + "x.npz"),
                    "load: cannot open /nowhere/at/all/x.npz: No such file or directory.");
  EXPECT_ERROR_HERE(save_tensors(TensorDict(), folder + "x"),
                    "save: cannot write /nowhere/at/all/x: No such file or directory.");
  const std::string text = testing::error_text([&] { load_state_dict(net, {}); });
  EXPECT_TRUE(text.starts_with("load_state_dict: 2 keys do not fit the model:")) << text;
  EXPECT_TRUE(text.ends_with(fmt::format("(user_line_errors.cpp:{})", __LINE__ - 2))) << text;
  const Device absent{Device::Kind::OpenCl, 200};
  const std::string copy = testing::error_text([&] { ones({2}).to(absent); });
  EXPECT_TRUE(copy.ends_with(fmt::format(" (user_line_errors.cpp:{})", __LINE__ - 1))) << copy;
  EXPECT_TRUE(copy.starts_with("to: there is no device opencl:200")) << copy;
  const auto here = [&](int line) {
    return copy.substr(0, copy.rfind(" (")) + fmt::format(" (user_line_errors.cpp:{})", line);
  };
  EXPECT_EQ(testing::error_text([&] { to(absent, net); }), here(__LINE__));
  EXPECT_EQ(testing::error_text([&] { absent | net; }), here(__LINE__));
  EXPECT_EQ(testing::error_text([&] { move_to(absent, net); }), here(__LINE__));
}

TEST(UserLine, Metrics) {
  const Tensor scores = ones({3, 4});
  const auto target = [](const char* metric) {
    return std::string(metric) + ": target is f32[3,4]; need integer classes [N]";
  };
  EXPECT_ERROR_HERE(accuracy(scores, scores), target("accuracy"));
  EXPECT_ERROR_HERE(top_k_accuracy(scores, scores), target("top_k_accuracy"));
  EXPECT_ERROR_HERE(confusion_matrix(scores, scores), target("confusion_matrix"));
  EXPECT_ERROR_HERE(precision(scores, scores), target("precision"));
  EXPECT_ERROR_HERE(recall(scores, scores), target("recall"));
  EXPECT_ERROR_HERE(f1_score(scores, scores), target("f1_score"));
  EXPECT_ERROR_HERE(r2_score(scores, ones({2})),
                    "r2_score: output is f32[3,4], target is f32[2]; need floating tensors of one "
                    "shape");
  const TensorDataset regression(ones({6, 4}), ones({6}));
  EXPECT_ERROR_HERE(accuracy(Net{}, regression),
                    "accuracy: target is f32[6]; need integer classes [N]");
}

TEST(UserLine, Optimisers) {
  Net net, gradients = net;
  Adam opt({.lr = 1e-3});
  gradients.a.bias = ones({2});
  EXPECT_ERROR_HERE(update(opt, net, gradients),
                    "update: 'a.bias' is f32[3], its gradient is f32[2].");
  EXPECT_ERROR_HERE(update(opt, net, net, {.ignore = {"c1"}}),
                    "update: ignore names 'c1', which is no parameter of the model.");
  EXPECT_ERROR_HERE(clip_grad_norm_(as_gradients(net), -1),
                    "clip_grad_norm_: need max_norm >= 0 and norm_type > 0; got -1 and 2.");
  EXPECT_ERROR_HERE(Adam({.lr = -1}), "Adam: lr must not be negative; got -1.");
  EXPECT_ERROR_HERE(StepLR(opt, {.step_size = 0}), "StepLR: step_size must be positive; got 0.");
  EXPECT_ERROR_HERE(StepLR({.step_size = 2}).step(),
                    "LRScheduler::step: no optimiser; call attach(opt) before.");
}

TEST(UserLine, WhatUpdateMakes) {
  const Graph g = trace([](Net& m, SGD& o, const Net& gradients) { update(o, m, gradients, {}); },
                        *[] {
                          static Net net;
                          return &net;
                        }(),
                        *[] {
                          static SGD opt({.lr = 0.1});
                          static Net net;
                          opt.prepare(net);
                          return &opt;
                        }(),
                        Net{});
  for (const Node& n : g.nodes()) {
    if (n.op_name() == "parameter") continue;
    EXPECT_TRUE(n.loc().str().starts_with("user_line_errors.cpp:"))
        << n.op_name() << " " << n.loc().str();
  }
}

TEST(UserLine, Layers) {
  EXPECT_ERROR_HERE(Linear(-1, 2),
                    "Linear: in_features and out_features must not be negative; got -1 and 2.");
  EXPECT_ERROR_HERE(Linear(std::int64_t{1} << 40, std::int64_t{1} << 40),
                    "Linear: the result would be f32[1099511627776,1099511627776]; need fewer than "
                    "2^63 bytes");
  EXPECT_ERROR_HERE(Embedding(0, 3),
                    "Embedding: num_embeddings and embedding_dim must be positive; got 0 and 3.");
  EXPECT_ERROR_HERE(Conv2d(3, 4, 0), "Conv2d: kernel_size must be at least 1; got 0.");
  EXPECT_ERROR_HERE(ConvTranspose1d(3, 0, 2),
                    "ConvTranspose1d: channels must be positive; got 3 in, 0 out.");
  EXPECT_ERROR_HERE(BatchNorm2d(0), "BatchNorm: num_features must be positive; got 0.");
  EXPECT_ERROR_HERE(GroupNorm(3, 4),
                    "GroupNorm: num_groups must divide num_channels; got 3 and 4.");
  EXPECT_ERROR_HERE(LayerNorm(IntList{}), "LayerNorm: normalized_shape must not be empty.");
  EXPECT_ERROR_HERE(RNN(2, 3, {.nonlinearity = "x"}),
                    "RNN: nonlinearity is 'x'; need 'tanh' or 'relu'.");
  EXPECT_ERROR_HERE(RNNCell(2, 3, {.nonlinearity = "x"}),
                    "RNNCell: nonlinearity is 'x'; need 'tanh' or 'relu'.");
  EXPECT_ERROR_HERE(Conv2d(3, 4, 3, {.kernel_size = 3}),
                    "Conv2d: kernel_size is given twice, in its place and by name.");
  EXPECT_ERROR_HERE(ConvTranspose2d(3, 4, {.stride = 2}),
                    "ConvTranspose2d: kernel_size is not given.");
  EXPECT_ERROR_HERE(MaxPool2d({.stride = 2}), "MaxPool: kernel_size is not given.");
  EXPECT_ERROR_HERE(MaxPool2d({}, 2), "MaxPool: kernel_size is not given.");
  EXPECT_ERROR_HERE(AvgPool2d({}, 2, 1), "AvgPool: kernel_size is not given.");
  EXPECT_ERROR_HERE(AvgPool2d(3, {.kernel_size = 2}),
                    "AvgPool: kernel_size is given twice, in its place and by name.");
  EXPECT_ERROR_HERE(F::max_pool2d(ones({1, 1, 4, 4}), 3, {.kernel_size = 2}),
                    "kernel_size is given twice, in its place and by name");
  EXPECT_ERROR_HERE(F::avg_pool1d(ones({1, 1, 4}), 3, {.kernel_size = 3}),
                    "kernel_size is given twice, in its place and by name");
  EXPECT_ERROR_HERE(LSTMCell(0, 3),
                    "LSTMCell: input_size and hidden_size must be positive; got 0 and 3.");
  EXPECT_ERROR_HERE(MultiheadAttention(10, 3),
                    "MultiheadAttention: num_heads must divide embed_dim; got 3 and 10.");
  EXPECT_ERROR_HERE(TransformerEncoderLayer(10, 3),
                    "TransformerEncoderLayer: num_heads must divide embed_dim; got 3 and 10.");
  EXPECT_ERROR_HERE(ZeroPad2d({1, 2, 3}), "Pad2d: padding takes 1 or 4 numbers; got 3.");
  const Sequential layers{Linear{4, 2}, Linear{3, 2}};
  EXPECT_ERROR_HERE(layers(ones({3, 4})),
                    "linear: x f32[3,2] has 2 features, weight f32[2,3] wants 3");
  EXPECT_ERROR_HERE(Linear(4, 2)(arange(4)),
                    "linear: dtypes differ: i64[4], f32[2,4]; need equal dtypes");
}

TEST(UserLine, Initialisers) {
  Tensor w = ones({2, 3});
  const Loc here = std::source_location::current();
  init::kaiming_uniform_(w);
  EXPECT_EQ(Node(w).loc().line, here.line + 1);
  EXPECT_ERROR_HERE(init::normal_(w, 0, -1), "init::normal_: std must not be negative; got -1.");
  const Linear layer(2, 3);
  EXPECT_EQ(Node(layer.weight).loc().line, here.line + 4);
}

TEST(UserLine, Fit) {
  Net net;
  const TensorDataset regression(ones({6, 4}), ones({6}));
  EXPECT_ERROR_HERE(fit(net, regression, MSELoss{}, kOneEpoch),
                    "mse_loss: input is f32[2,3], target is f32[2]; need one shape");
  EXPECT_ERROR_HERE(fit(net, regression, NLLLoss{}, kOneEpoch),
                    "nll_loss: target is f32[2]; input f32[2,3] needs integers of shape [2]");
  EXPECT_ERROR_HERE(fit(
                        net, regression, [](Tensor y, Tensor) { return y; }, kOneEpoch),
                    "fit: the function's value is f32[2,3]; need a floating scalar, as sum() or "
                    "mean() give");
  EXPECT_ERROR_HERE(
      fit(
          net, regression, [](Tensor y, Tensor t) { return matmul(y, t); }, kOneEpoch),
      "matmul: inner sizes differ: a f32[2,3], b f32[2]; need a.shape[-1] == "
      "b.shape[0] (3 vs 2).");
  EXPECT_ERROR_HERE(fit(net, regression, MSELoss{}, {.epochs = -1}),
                    "fit: epochs is -1; need at least 0");
  Linear layer(5, 3);
  EXPECT_ERROR_HERE(fit(layer, regression, MSELoss{}, kOneEpoch),
                    "linear: x f32[2,4] has 4 features, weight f32[3,5] wants 5");
  EXPECT_ERROR_HERE(predict(layer, regression),
                    "linear: x f32[6,4] has 4 features, weight f32[3,5] wants 5");
}

TEST(UserLine, FitChecksTargets) {
  Net net;
  const TensorDataset classes(ones({6, 4}), tensor({0, 1, 2, 0, 1, 9}));
  FitOptions in_order = kOneEpoch;
  in_order.shuffle = false;
  EXPECT_ERROR_HERE(fit(net, classes, NLLLoss{.weight = ones({3})}, in_order),
                    "nll_loss: index 9 is out of range; need 0 <= index < 3");
  EXPECT_ERROR_HERE(fit(net, classes, NLLLoss{.weight = ones({4})}, in_order),
                    "nll_loss: weight is f32[4]; need [3]");
}

TEST(UserLine, APassOfTheUsers) {
  struct Reset {
    ~Reset() { broken = false; }
    static bool& flag() {
      static bool on = false;
      return on;
    }
    bool& broken = flag();
  } reset;
  reset.broken = true;
  register_pass({"user_line_pass", "", [](const Graph& g) {
                   if (Reset::flag() && !g.nodes().empty())
                     return Graph(g.inputs(), {g.outputs()[0].to(kFloat64)});
                   return g;
                 }});
  const Tensor x = ones({7});
  eval(x);
  EXPECT_ERROR_HERE(eval(x * 3), "after pass 'user_line_pass': output 0 is f64[7], was f32[7]");
}

}  // namespace
}  // namespace lilith
