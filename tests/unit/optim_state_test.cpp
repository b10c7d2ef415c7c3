// Optimisers as files, and checkpoints of loops that the user writes.
#include <gtest/gtest.h>

#include "lilith/checkpoint.h"
#include "lilith/compile.h"
#include "lilith/data.h"
#include "lilith/io.h"
#include "lilith/nn.h"
#include "lilith/ops.h"
#include "lilith/transforms.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace lilith {
namespace {

using testing::error_text;
using testing::TempDir;

struct Net {
  Linear a{4, 8};
  Linear b{8, 1};
  Tensor operator()(const Tensor& x) const { return b(tanh(a(x))); }
};
const auto loss_fn = [](const Net& m, const Tensor& x) { return mean(m(x)); };

template <class Opt>
void step(Net& net, Opt& opt, const Tensor& x) {
  auto [loss, g] = grad(loss_fn, net, x);
  update(opt, net, g);
}

void expect_same(const Net& a, const Net& b) {
  const StateDict left = state_dict(a), right = state_dict(b);
  for (const auto& [path, t] : left)
    EXPECT_EQ(t.to_vector<float>(), right.at(path).to_vector<float>()) << path;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

template <class Opt>
void expect_that_a_file_goes_on(const Opt& made) {
  const TempDir dir;
  const Tensor x = rand({5, 4});
  Net net;
  Opt opt = made;
  for (int i = 0; i < 3; ++i) step(net, opt, x);
  opt.set_lr(0.02);
  step(net, opt, x);
  save(opt, dir.file("opt"));
  Net other = net, third = net;
  Opt fresh = made, prepared = made;
  load(fresh, dir.file("opt"));
  prepared.prepare(third);
  load(prepared, dir.file("opt"));
  EXPECT_EQ(fresh.lr(), 0.02);
  EXPECT_EQ(prepared.lr(), 0.02);
  for (int i = 0; i < 3; ++i) {
    step(net, opt, x);
    step(other, fresh, x);
    step(third, prepared, x);
  }
  expect_same(net, other);
  expect_same(net, third);
  EXPECT_EQ(fresh.param_groups()[0].step.template item<double>(), 7);
}

TEST(OptimizerFile, HoldsAllThatTheNextStepNeeds) {
  expect_that_a_file_goes_on(SGD({.lr = 0.1}));
  expect_that_a_file_goes_on(SGD({.lr = 0.1, .momentum = 0.9, .dampening = 0.1}));
  expect_that_a_file_goes_on(Adam({.lr = 0.01, .weight_decay = 0.1, .amsgrad = true}));
  expect_that_a_file_goes_on(AdamW({.lr = 0.01}));
  expect_that_a_file_goes_on(RMSprop({.lr = 0.01, .momentum = 0.9, .centered = true}));
  expect_that_a_file_goes_on(Adagrad({.lr = 0.1, .lr_decay = 0.1}));
  expect_that_a_file_goes_on(NAdam({.lr = 0.01}));
  expect_that_a_file_goes_on(Rprop({.lr = 0.01}));
}

TEST(OptimizerFile, HoldsGroupsMadeByPrefix) {
  const TempDir dir;
  const Tensor x = rand({5, 4});
  Net net;
  Adam opt({.lr = 0.1});
  opt.add_param_group("b", {{"lr", 0.03}, {"weight_decay", 0.5}});
  step(net, opt, x);
  save(opt, dir.file("opt"));
  Adam fresh, by_function;
  load(fresh, dir.file("opt"));
  ASSERT_EQ(fresh.param_groups().size(), 2u);
  EXPECT_EQ(fresh.hyper("lr", 1).value(), 0.03);
  EXPECT_EQ(fresh.hyper("weight_decay", 1).value(), 0.5);
  Net other = net;
  step(net, opt, x);
  step(other, fresh, x);
  expect_same(net, other);
  Adam another;
  another.add_param_group("a", {});
  EXPECT_TRUE(contains(error_text([&] { load(another, dir.file("opt")); }),
                       "load: parameter group 1 is 'b' in opt, 'a' here."));
  by_function.add_param_group([](const std::string& path) { return path[0] == 'b'; }, {});
  load(by_function, dir.file("opt"));
  EXPECT_EQ(by_function.hyper("lr", 1).value(), 0.03);
  save(by_function, dir.file("function"));
  Adam lacking;
  EXPECT_TRUE(contains(error_text([&] { load(lacking, dir.file("function")); }),
                       "was made by a function, which a file cannot hold; call add_param_group"));
  EXPECT_EQ(lacking.param_groups().size(), 1u);
}

TEST(OptimizerFile, OfStateAloneLoads) {
  const TempDir dir;
  const Tensor x = rand({5, 4});
  Net net;
  Adam opt({.lr = 0.1});
  step(net, opt, x);
  TensorDict old;
  for (const auto& [key, t] : state_dict(opt))
    if (key.starts_with("state.") || key == "groups.0.step") old.add(key, t);
  save_tensors(old, dir.file("old"));
  Adam fresh({.lr = 0.1});
  load(fresh, dir.file("old"));
  Net other = net;
  step(net, opt, x);
  step(other, fresh, x);
  expect_same(net, other);
}

TEST(OptimizerFile, ThatDoesNotFitChangesNothing) {
  const TempDir dir;
  const Tensor x = rand({5, 4});
  Net net;
  Adam opt({.lr = 0.1});
  step(net, opt, x);
  save(opt, dir.file("opt"));
  SGD sgd;
  EXPECT_TRUE(contains(error_text([&] { load(sgd, dir.file("opt")); }),
                       "load: opt holds Adam; this is SGD."));
  Adam amsgrad({.amsgrad = true});
  EXPECT_TRUE(contains(error_text([&] { load(amsgrad, dir.file("opt")); }),
                       "load: opt holds Adam with amsgrad = false; this one has true."));
  struct Wide {
    Linear a{4, 9};
    Linear c{9, 1};
  } wide;
  Adam of_wide({.lr = 0.5});
  of_wide.prepare(wide);
  const std::string text = error_text([&] { load(of_wide, dir.file("opt")); });
  EXPECT_TRUE(contains(text, "load: opt: the state does not fit this Adam:"));
  EXPECT_TRUE(contains(text, "\n  state.a.weight.exp_avg: f32[8,4] given, f32[9,4] here"));
  EXPECT_TRUE(contains(text, "\n  state.b.weight.*: unexpected"));
  EXPECT_TRUE(contains(text, "\n  state.c.weight.*: missing"));
  EXPECT_EQ(of_wide.lr(), 0.5);
  Adam late({.lr = 0.5});
  load(late, dir.file("opt"));
  EXPECT_TRUE(contains(error_text([&] { late.prepare(wide); }),
                       "update: 'a.weight' is f32[9,4], its loaded state 'exp_avg' is f32[8,4]."));
  StateDict dict = state_dict(opt);
  dict.erase("state.a.weight.exp_avg");
  dict.emplace("groups.0.rate", ones({}, {.dtype = DType::F64}));
  const std::string of_dict = error_text([&] { load_state_dict(sgd = SGD(), dict); });
  EXPECT_TRUE(contains(of_dict, "groups.0.rate: SGD has no such number")) << of_dict;
  Adam fresh;
  EXPECT_TRUE(contains(error_text([&] { load_state_dict(fresh, dict); }),
                       "state.a.weight.exp_avg: missing"));
}

struct Deep {
  Linear a{4, 8};
  BatchNorm1d norm{8};
  Dropout drop{.p = 0.3};
  Linear b{8, 1};
  Tensor operator()(const Tensor& x) { return b(drop(relu(norm(a(x))))); }
};

// A loop by hand with all that has state.
struct HandLoop {
  Deep net;
  AdamW opt{{.lr = 0.05, .weight_decay = 0.1}};
  LRScheduler schedule = SequentialLR(
      opt, {LinearLR({.start_factor = 0.1, .total_iters = 3}), CosineAnnealingLR({.T_max = 20})},
      {3});
  ReduceLROnPlateau plateau{opt, {.factor = 0.5, .patience = 0}};
  Adam second{{.lr = 0.01}};
  TrainState at;
  int count = 0;
  bool compiled;

  explicit HandLoop(bool is_compiled) : compiled(is_compiled) {}
  HandLoop(const HandLoop&) = delete;

  static Tensor one(Deep& m, AdamW& o, Adam& s, const Tensor& x) {
    auto [loss, g] = grad([](Deep& n, const Tensor& in) { return mean(n(in) * n(in)); }, m, x);
    update(o, m, g, {.ignore = {"b"}});
    update(s, m, g, {.ignore = {"a", "norm"}});
    return loss;
  }
  std::vector<float> epochs(int n) {
    const auto step = compile(one);
    std::vector<float> losses;
    for (int e = 0; e < n; ++e) {
      for (int i = 0; i < 2; ++i) {
        const Tensor x = randn({6, 4});
        const Tensor loss = compiled ? step(net, opt, second, x) : one(net, opt, second, x);
        losses.push_back(loss.item<float>());
        ++at.step;
        ++count;
      }
      plateau.step(losses.back());
      schedule.step();
      at.values["last"] = losses.back();
      ++at.epoch;
    }
    at.texts["name"] = "run\n1";
    return losses;
  }
  void save(const std::string& path) {
    save_checkpoint(path, net, opt, second, schedule, plateau, at, count);
  }
  void load(const std::string& path) {
    load_checkpoint(path, net, opt, second, schedule, plateau, at, count);
  }
};

TEST(Checkpoint, ALoopByHandGoesOnToTheBit) {
  const TempDir dir;
  for (const bool compiled : {false, true}) {
    manual_seed(7);
    HandLoop first(compiled);
    first.epochs(4);
    first.save(dir.file("run.safetensors"));
    const std::vector<float> want = first.epochs(5);
    manual_seed(99);
    HandLoop second(compiled);
    second.load(dir.file("run.safetensors"));
    EXPECT_EQ(second.at.epoch, 4);
    EXPECT_EQ(second.count, 8);
    EXPECT_EQ(second.at.texts["name"], "run\n1");
    EXPECT_EQ(second.epochs(5), want) << compiled;
    EXPECT_EQ(second.at.values, first.at.values);
    EXPECT_EQ(second.opt.lr(), first.opt.lr());
    const StateDict left = state_dict(first.net), right = state_dict(second.net);
    for (const auto& [path, t] : left)
      EXPECT_EQ(t.to(DType::F64).to_vector<double>(),
                right.at(path).to(DType::F64).to_vector<double>())
          << path;
  }
}

// One that is left within an epoch, after any of its steps, goes on with the batches that follow.
TEST(Checkpoint, ALoopOverALoaderGoesOnWithinAnEpoch) {
  const TempDir dir;
  const auto x = randn({20, 4});
  const TensorDataset data(x, x.sum({1}, true));
  for (const int stop : {1, 3, 5, 7, 12}) {
    const auto run = [&](bool resumed, int until) {
      manual_seed(resumed ? 99 : 3);
      Deep net;
      SGD opt({.lr = 0.05, .momentum = 0.9});
      StepLR schedule(opt, {.step_size = 1, .gamma = 0.7});
      DataLoader loader(data, {.batch_size = 4, .shuffle = true});
      TrainState at;
      if (resumed) load_checkpoint(dir.file("run"), net, opt, schedule, loader, at);
      std::vector<float> losses;
      while (at.epoch < 3) {
        for (auto [in, out] : loader) {
          auto [loss, g] = grad(
              [](Deep& m, const Tensor& in, const Tensor& out) { return mse_loss(m(in), out); },
              net, in, out);
          update(opt, net, g);
          losses.push_back(loss.template item<float>());
          if (++at.step != until) continue;
          save_checkpoint(dir.file("run"), net, opt, schedule, loader, at);
          return losses;
        }
        schedule.step();
        ++at.epoch;
      }
      return losses;
    };
    const std::vector<float> whole = run(false, -1);
    std::vector<float> parts = run(false, stop);
    ASSERT_EQ(parts.size(), static_cast<std::size_t>(stop));
    for (const float loss : run(true, -1)) parts.push_back(loss);
    EXPECT_EQ(parts, whole) << stop;
  }
  Deep net;
  DataLoader other(TensorDataset(x, x), {.batch_size = 5, .shuffle = true});
  EXPECT_NE(error_text([&] { load_checkpoint(dir.file("run"), net, other); }), "no error");
}

TEST(Checkpoint, HoldsWhatItsNamesSay) {
  const TempDir dir;
  HandLoop run(false);
  run.epochs(1);
  run.save(dir.file("run"));
  const TensorDict all = load_tensors(dir.file("run"));
  for (const char* key :
       {"model.a.weight", "model.norm.running_mean", "optimizer.state.a.weight.exp_avg",
        "optimizer.groups.0.lr", "optimizer1.state.b.bias.exp_avg",
        "scheduler.schedulers.0.last_lr", "scheduler1.best", "state.epoch", "state.values.last",
        "integer.value", "rng.seed"})
    EXPECT_TRUE(all.contains(key)) << key;
  EXPECT_FALSE(all.contains("optimizer.state.b.bias.exp_avg"));
  // Parts may be left in the file, and their order matters within a kind alone.
  Deep net;
  TrainState at;
  load_checkpoint(dir.file("run"), at, net);
  EXPECT_EQ(at.step, 2);
  EXPECT_EQ(net.a.weight.to_vector<float>(), run.net.a.weight.to_vector<float>());
}

TEST(Checkpoint, ThatDoesNotFitChangesNothing) {
  const TempDir dir;
  const std::string path = dir.file("run");
  HandLoop run(false);
  run.epochs(2);
  run.save(path);
  const auto expect_unchanged = [&](const std::string& message, auto load) {
    manual_seed(5);
    const RngState rng = rng_state();
    const std::vector<float> weight = run.net.a.weight.to_vector<float>();
    const double lr = run.opt.lr();
    const auto epoch = run.schedule.last_epoch();
    const std::string text = error_text(load);
    EXPECT_TRUE(contains(text, message)) << text;
    EXPECT_EQ(rng_state(), rng);
    EXPECT_EQ(run.net.a.weight.to_vector<float>(), weight);
    EXPECT_EQ(run.opt.lr(), lr);
    EXPECT_EQ(run.schedule.last_epoch(), epoch);
    EXPECT_EQ(run.at.epoch, 3);
  };
  run.epochs(1);
  Net other;
  expect_unchanged("keys do not fit the model",
                   [&] { load_checkpoint(path, run.opt, run.schedule, run.at, other); });
  expect_unchanged("load_checkpoint: " + path + " holds no 'model1'; it has 'model', 'optimizer'",
                   [&] { load_checkpoint(path, run.net, run.opt, run.at, other); });
  SGD sgd;
  expect_unchanged("load: run holds AdamW; this is SGD.",
                   [&] { load_checkpoint(path, run.net, run.schedule, run.at, sgd); });
  StepLR wrong(run.second, {.step_size = 2});
  expect_unchanged("the scheduler in run is SequentialLR; this is StepLR.",
                   [&] { load_checkpoint(path, run.net, run.opt, run.at, wrong); });
  save(run.net, dir.file("net"));
  expect_unchanged("net is no checkpoint: its metadata has no 'lilith.checkpoint'.",
                   [&] { load_checkpoint(dir.file("net"), run.net, run.opt, run.at); });
  expect_unchanged("missing", [&] { load_checkpoint(dir.file("missing"), run.net); });
  Deep second;
  const auto before = second.b.weight.to_vector<float>();
  EXPECT_NE(error_text([&] { load_checkpoint(path, second, other); }), "no error");
  EXPECT_EQ(second.b.weight.to_vector<float>(), before);
}

TEST(Checkpoint, KeepsTheOldFileWhereTheNewOneCannotBeWritten) {
  const TempDir dir;
  HandLoop run(false);
  run.epochs(1);
  EXPECT_NE(error_text([&] { run.save(dir.file("no/such/folder")); }), "no error");
  RngState state{3, 4};
  RandomGenerator stream(7);
  rand({3}, {.generator = stream});
  save_checkpoint(dir.file("rng"), state, stream);
  const auto next = rand({3}, {.generator = stream}).to_vector<float>();
  RandomGenerator other;
  load_checkpoint(dir.file("rng"), other);
  EXPECT_EQ(rand({3}, {.generator = other}).to_vector<float>(), next);
  RngState loaded;
  manual_seed(1);
  const RngState now = rng_state();
  load_checkpoint(dir.file("rng"), loaded);
  EXPECT_EQ(loaded, state);
  EXPECT_NE(rng_state(), now);
}

}  // namespace
}  // namespace lilith
