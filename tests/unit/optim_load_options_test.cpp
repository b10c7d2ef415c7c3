// What LoadOptions choose and rename of an optimiser's state.
#include <gtest/gtest.h>

#include "lilith/io.h"
#include "lilith/nn.h"
#include "lilith/ops.h"
#include "lilith/optim.h"
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
/// The same under other names.
struct Other {
  Linear first{4, 8};
  Linear b{8, 1};
  Tensor operator()(const Tensor& x) const { return b(tanh(first(x))); }
};
struct Wrapped {
  Net inner;
  Tensor operator()(const Tensor& x) const { return inner(x); }
};
const auto loss_of = [](const auto& m, const Tensor& x) { return mean(m(x)); };

template <class M>
void step(M& m, Optimizer& opt, const Tensor& x) {
  auto [loss, g] = grad(loss_of, m, x);
  update(opt, m, g);
}
void expect_has(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << text << "\nlacks: " << part;
}
std::vector<float> values(const Tensor& t) { return t.to_vector<float>(); }

class OptimizerOptions : public ::testing::Test {
 protected:
  OptimizerOptions() {
    for (int i = 0; i < 3; ++i) step(net, opt, x);
  }
  std::string saved() {
    save(opt, dir.file("opt"));
    return dir.file("opt");
  }
  /// Both go on alike: the state came to its parameters.
  template <class M>
  void expect_goes_on(M& other, Optimizer& loaded, const Tensor& weight_before) {
    ASSERT_EQ(values(weight_before), values(net.a.weight));
    step(net, opt, x);
    step(other, loaded, x);
  }

  const TempDir dir;
  const Tensor x = rand({5, 4});
  Net net;
  Adam opt{{.lr = 0.1}};
};

TEST_F(OptimizerOptions, APrefixIsOneOfKeys) {
  TensorDict bundle;
  for (const auto& [key, t] : state_dict(net)) bundle.add("model." + key, t);
  for (const auto& [key, t] : state_dict(opt)) bundle.add("optimizer." + key, t);
  save_tensors(bundle, dir.file("bundle"));
  for (const char* prefix : {"optimizer", "optimizer."}) {
    Net other;
    load(other, dir.file("bundle"), {.prefix = "model"});
    Adam fresh;
    load(fresh, dir.file("bundle"), {.prefix = prefix});
    EXPECT_EQ(fresh.lr(), 0.1);
    expect_goes_on(other, fresh, other.a.weight);
    EXPECT_EQ(values(other.a.weight), values(net.a.weight));
    load(net, dir.file("bundle"), {.prefix = "model"});
    load(opt, dir.file("bundle"), {.prefix = "optimizer"});
  }
  Adam fresh{{.lr = 0.5}};
  expect_has(error_text([&] { load(fresh, dir.file("bundle"), {.prefix = "optimiser"}); }),
             "load: bundle: no key is under the prefix 'optimiser.'; they begin with: model, "
             "optimizer.");
  expect_has(error_text([&] { load(fresh, dir.file("bundle")); }),
             "load: bundle: the state does not fit this Adam:");
  expect_has(
      error_text([&] { load(fresh, saved(), {.prefix = "optimizer", .source = "mine"}); }),
      "load: mine: no key is under the prefix 'optimizer.'; they begin with: groups, state.");
  EXPECT_EQ(fresh.lr(), 0.5) << "an Error changes nothing";
}

TEST_F(OptimizerOptions, RenameIsOfPathsAndOfGroups) {
  Adam grouped{{.lr = 0.1}};
  grouped.add_param_group("a", {{"lr", 0.03}});
  step(net, grouped, x);
  save(grouped, dir.file("grouped"));
  const auto by_function = [](const std::string& path) {
    return path[0] == 'a' ? "first" + path.substr(1) : path;
  };
  for (const LoadOptions& options :
       {LoadOptions{.rename = {{"a", "first"}}}, LoadOptions{.rename = by_function}}) {
    Other other;
    load_state_dict(other, state_dict(net), options);
    Adam fresh;
    load(fresh, dir.file("grouped"), options);
    ASSERT_EQ(fresh.param_groups().size(), 2u);
    EXPECT_EQ(fresh.param_groups()[1].prefix, "first");
    EXPECT_EQ(fresh.hyper("lr", 1).value(), 0.03);
    Net same = net;
    Adam copy = grouped;
    step(same, copy, x);
    step(other, fresh, x);
    EXPECT_EQ(values(other.first.weight), values(same.a.weight));
    EXPECT_EQ(values(other.b.weight), values(same.b.weight));
  }
  Adam fresh;
  expect_has(error_text([&] { load(fresh, saved(), {.rename = {{"c", "first"}}}); }),
             "load: opt: no key has 'c', which .rename changes.");
  // What is no path is not renamed: groups.0.lr, state.*.step.
  expect_has(error_text([&] { load(fresh, saved(), {.rename = {{"0", "1"}}}); }),
             "no key has '0', which .rename changes");
  expect_has(error_text([&] { load(fresh, saved(), {.rename = {{"exp_avg", "x"}}}); }),
             "no key has 'exp_avg', which .rename changes");
  expect_has(error_text([&] { load(fresh, saved(), {.rename = {{"a", "b"}}}); }),
             "two keys both become 'state.b.");
}

TEST_F(OptimizerOptions, StripTakesOffWhatPathsBeginWith) {
  Wrapped wrapped{net};
  Adam of_wrapped{{.lr = 0.1}};
  for (int i = 0; i < 2; ++i) step(wrapped, of_wrapped, x);
  save(of_wrapped, dir.file("wrapped"));
  Net other = wrapped.inner;
  Adam fresh, plain;
  load(fresh, dir.file("wrapped"), {.strip = {"module", "inner"}});
  EXPECT_EQ(fresh.lr(), 0.1);
  step(wrapped, of_wrapped, x);
  step(other, fresh, x);
  EXPECT_EQ(values(other.a.weight), values(wrapped.inner.a.weight));
  // A file without them loads with the same options.
  load(plain, saved(), {.strip = {"module", "inner"}});
  Net again = net;
  step(net, opt, x);
  step(again, plain, x);
  EXPECT_EQ(values(again.a.weight), values(net.a.weight));
}

TEST_F(OptimizerOptions, WithoutStrictWhatOneSideHasIsLeftAlone) {
  StateDict dict = state_dict(opt);
  dict["model.a.weight"] = ones({1});
  dict["groups.0.colour"] = full({}, 1.0, {.dtype = kFloat64});
  dict["state.c.weight.exp_avg"] = ones({2});
  dict["state.a.weight.taste"] = ones({2});
  Adam known{{.lr = 0.5}};
  known.prepare(net);
  const std::string text = error_text([&] { load_state_dict(known, dict); });
  for (const char* part :
       {"model.a.weight: f32[1], unexpected", "groups.0.colour: Adam has no such number",
        "state.c.weight.*: unexpected", "state.a.weight.taste: Adam has no such state"})
    expect_has(text, part);
  EXPECT_EQ(known.lr(), 0.5);
  load_state_dict(known, dict, {.strict = false});
  EXPECT_EQ(known.lr(), 0.1);
  EXPECT_EQ(values(known.state("a.weight").at("exp_avg")),
            values(opt.state("a.weight").at("exp_avg")));
  EXPECT_EQ(known.state("a.weight").count("taste"), 0u);
  EXPECT_TRUE(known.state("c.weight").empty());
  expect_has(error_text([&] {
               load_state_dict(known, {{"model.a.weight", ones({1})}}, {.strict = false});
             }),
             "nothing is loaded");
}

TEST_F(OptimizerOptions, StateOfAnotherShapeMayStay) {
  struct Wider {
    Linear a{4, 8};
    Linear b{8, 3};
    Tensor operator()(const Tensor& in) const { return b(tanh(a(in))); }
  } wider;
  Adam other;
  step(wider, other, x);
  const std::vector<float> before = values(other.state("b.weight").at("exp_avg"));
  expect_has(error_text([&] { load(other, saved()); }),
             "state.b.weight.exp_avg: f32[1,8] given, f32[3,8] here");
  load(other, saved(), {.ignore_misshapen = true});
  EXPECT_EQ(values(other.state("a.weight").at("exp_avg")),
            values(opt.state("a.weight").at("exp_avg")));
  EXPECT_EQ(values(other.state("b.weight").at("exp_avg")), before);
}

TEST_F(OptimizerOptions, BytesOfAFileAreEscaped) {
  Adam fresh;
  const std::string text =
      error_text([&] { load_state_dict(fresh, {{"\x1b[31m", ones({1})}}, {.source = "a\nb"}); });
  expect_has(text, "load: a\\nb: the state does not fit this Adam:");
  expect_has(text, "\\x1b[31m: f32[1], unexpected");
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace lilith
