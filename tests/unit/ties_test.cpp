// Parameters that are one: by assignment of a field, by tie, and what keeps and ends it.
#include <gtest/gtest.h>

#include <filesystem>

#include "lilith/compile.h"
#include "lilith/init.h"
#include "lilith/io.h"
#include "lilith/nn.h"
#include "lilith/ops.h"
#include "lilith/optim.h"
#include "lilith/train.h"
#include "support/expect_error.h"

namespace lilith {
namespace {

using testing::error_text;

struct Language {
  Embedding enc{3, 4};
  Linear dec{4, 3, {.bias = false}};
  Tensor operator()(Tensor x) const { return dec(enc(x)); }
};
/// The parameter first met is the one that was assigned.
struct Reversed {
  Linear dec{4, 3};
  std::vector<Linear> middle{Linear{4, 4}};
  Embedding enc{3, 4};
  Reversed() { dec.weight = enc.weight; }
  LILITH_FIELDS(dec, middle, enc)
  Tensor operator()(Tensor x) const { return dec(middle[0](enc(x))); }
};

Language tied() {
  Language m;
  m.dec.weight = m.enc.weight;
  return m;
}
const auto loss_of = [](const auto& m, const Tensor& x) { return m(x).pow(2).sum(); };
const Tensor& tokens() {
  static const Tensor x = tensor({0, 2, 2});
  return x;
}
std::vector<float> values(const Tensor& t) { return t.to_vector<float>(); }
void expect_near(const Tensor& a, const Tensor& b, double tolerance = 1e-5) {
  ASSERT_EQ(a.shape(), b.shape());
  EXPECT_LE((a - b).abs().max().item<double>(), tolerance);
}
/// An update by SGD moves both alike.
template <class M>
void expect_tied(M& m) {
  SGD opt({.lr = 0.01});
  auto g = grad(loss_of, m, tokens()).second;
  update(opt, m, g);
  EXPECT_EQ(values(m.dec.weight), values(m.enc.weight));
}
template <class M>
void expect_apart(M& m) {
  SGD opt({.lr = 0.01});
  auto g = grad(loss_of, m, tokens()).second;
  update(opt, m, g);
  EXPECT_NE(values(m.dec.weight), values(m.enc.weight));
}

TEST(Ties, AnAssignmentOfAFieldTies) {
  Language m = tied();
  EXPECT_EQ(num_parameters(m), 12);
  // The sum of both uses, in both fields.
  Language apart;
  apart.enc.weight = m.enc.weight + 0;
  apart.dec.weight = m.enc.weight + 0;
  EXPECT_EQ(num_parameters(apart), 24);
  const auto one = grad(loss_of, m, tokens()).second, two = grad(loss_of, apart, tokens()).second;
  expect_near(one.enc.weight, two.enc.weight + two.dec.weight);
  EXPECT_EQ(values(one.enc.weight), values(one.dec.weight));
  int count = 0;
  for_each_parameter(m, [&](const std::string& path, Tensor&) {
    EXPECT_EQ(path, "enc.weight");
    ++count;
  });
  EXPECT_EQ(count, 1);
  expect_tied(m);
}

TEST(Ties, TheOrderOfTheFieldsDoesNotMatter) {
  Reversed m;
  EXPECT_EQ(num_parameters(m), 12 + 3 + 16 + 4);
  expect_tied(m);
  Reversed copy = m;
  EXPECT_EQ(num_parameters(copy), 12 + 3 + 16 + 4);
  expect_tied(copy);
}

TEST(Ties, OptimisersAndClippingCountOnce) {
  Language m = tied();
  const Tensor start = m.enc.weight + 0;
  auto g = grad(loss_of, m, tokens()).second;
  const Tensor sum = g.enc.weight + 0;
  expect_near(clip_grad_norm_(g, 1e9), sum.pow(2).sum().sqrt(), 1e-3);
  const Tensor total = clip_grad_norm_(g, 0.5);
  expect_near(g.enc.weight, sum * (0.5 / (total + 1e-6)), 1e-5);
  EXPECT_EQ(values(g.enc.weight), values(g.dec.weight));
  // Adam's first step is lr * sign(g); its state is one.
  Adam opt({.lr = 0.1});
  for (int k = 0; k < 3; ++k) {
    auto g = grad(loss_of, m, tokens()).second;
    update(opt, m, g);
    if (k == 0) expect_near((m.enc.weight - start).abs().slice(0, 0, 1), full({1, 4}, 0.1), 1e-3);
    EXPECT_EQ(values(m.dec.weight), values(m.enc.weight));
  }
  EXPECT_EQ(opt.state("dec.weight").size(), 0u);
  EXPECT_NE(opt.state("enc.weight").size(), 0u);
}

TEST(Ties, CompiledStepsHoldThem) {
  Language eager = tied(), compiled = eager;
  SGD a({.lr = 0.05, .momentum = 0.9}), b({.lr = 0.05, .momentum = 0.9});
  const auto body = [](Language& m, SGD& opt, Tensor x) {
    auto [loss, g] = grad(loss_of, m, x);
    update(opt, m, g);
    return loss;
  };
  const auto step = compile(body);
  for (int k = 0; k < 4; ++k) {
    expect_near(step(compiled, b, tokens()), body(eager, a, tokens()), 1e-2);
    EXPECT_EQ(values(compiled.dec.weight), values(compiled.enc.weight));
    expect_near(compiled.enc.weight, eager.enc.weight, 1e-4);
  }
  // The tie is a part of the signature.
  Language apart;
  SGD c({.lr = 0.05, .momentum = 0.9});
  step(apart, c, tokens());
  EXPECT_NE(values(apart.dec.weight), values(apart.enc.weight));
  // A tie of inside the trace, at each step.
  Language again;
  SGD d({.lr = 0.05});
  const auto tying = compile([](Language& m, SGD& opt, Tensor x) {
    auto [loss, g] = grad(loss_of, m, x);
    update(opt, m, g);
    m.dec.weight = m.enc.weight;
    return loss;
  });
  for (int k = 0; k < 3; ++k) {
    tying(again, d, tokens());
    EXPECT_EQ(values(again.dec.weight), values(again.enc.weight));
  }
}

TEST(Ties, FitHoldsThem) {
  Language m = tied();
  const Tensor before = m.enc.weight + 0;
  fit(m, TensorDataset(randint(3, {32}), randint(3, {32})), CrossEntropyLoss{},
      {.epochs = 2, .batch_size = 8, .progress = ShowProgress::Off});
  EXPECT_EQ(values(m.dec.weight), values(m.enc.weight));
  EXPECT_NE(values(m.enc.weight), values(before));
  EXPECT_EQ(num_parameters(m), 12);
}

TEST(Ties, CopiesAreTiedWithinAndNeverToTheOriginal) {
  struct Trainer {
    Language online = tied();
    Language target = online;
  } trainer;
  EXPECT_EQ(num_parameters(trainer), 24);
  const auto before = values(trainer.target.enc.weight);
  expect_tied(trainer.online);
  EXPECT_EQ(values(trainer.target.enc.weight), before);
  expect_tied(trainer.target);
  trainer.target = trainer.online;
  EXPECT_EQ(num_parameters(trainer), 24);
  expect_tied(trainer.target);
  EXPECT_NE(values(trainer.target.enc.weight), values(trainer.online.enc.weight));

  std::vector<Language> many(3, trainer.online);
  EXPECT_EQ(num_parameters(many), 36);
  many.push_back(many[0]);
  many.push_back(clone(many[1]));
  EXPECT_EQ(num_parameters(many), 60);
  for (Language& m : many) expect_tied(m);
  // After a look at one part of it alone.
  const Language& read = many[0];
  const Tensor part = read.dec.weight;
  Language copy = read;
  EXPECT_EQ(num_parameters(copy), 12);
  std::swap(many[0], copy);
  EXPECT_EQ(num_parameters(copy), 12);
  struct Held {
    std::unique_ptr<Language> net = std::make_unique<Language>(tied());
    std::map<std::string, Language> named{{"a", tied()}, {"b", tied()}};
  } held;
  EXPECT_EQ(num_parameters(held), 36);
  EXPECT_EQ(num_parameters(clone(held)), 36);
}

TEST(Ties, CopiesOfLayersAndValuesFromOutsideAreNotTied) {
  struct Blocks {
    std::vector<Linear> all = std::vector<Linear>(4, Linear{2, 2, {.bias = false}});
  } blocks;
  EXPECT_EQ(num_parameters(blocks), 16);
  blocks.all[1] = blocks.all[0];
  EXPECT_EQ(num_parameters(blocks), 16);
  const Tensor constant = eye(2);
  Tensor variable = eye(2);
  for (Linear& l : blocks.all) l.weight = variable;
  EXPECT_EQ(num_parameters(blocks), 16);
  for (Linear& l : blocks.all) l.weight = constant;
  EXPECT_EQ(num_parameters(blocks), 16);
  // But those that were then assigned from each other are.
  blocks.all[0].weight = variable;
  blocks.all[1].weight = blocks.all[0].weight;
  EXPECT_EQ(num_parameters(blocks), 12);
  Tensor name = blocks.all[3].weight = eye(2);
  name = blocks.all[3].weight;
  blocks.all[2].weight = name;
  EXPECT_EQ(num_parameters(blocks), 8);
  // Exchanged values are no tie.
  Language m;
  std::vector<Linear> two(2, Linear{2, 2, {.bias = false}});
  Tensor kept = two[0].weight;
  two[0].weight = two[1].weight + 1;
  two[1].weight = kept;
  EXPECT_EQ(num_parameters(two), 8);
  std::swap(two[0].weight, two[1].weight);
  EXPECT_EQ(num_parameters(two), 8);
}

TEST(Ties, ANewValueUntiesAndInPlaceDoesNot) {
  Language m = tied();
  m.dec.weight = m.enc.weight * 2;
  EXPECT_EQ(num_parameters(m), 24);
  expect_apart(m);
  m = tied();
  m.enc.weight *= 2;
  EXPECT_EQ(num_parameters(m), 24);
  m = tied();
  init::constant_(m.enc.weight, 0.25);
  // Both uses of the gradient see it, and so does the field once a function over the model has run.
  const Tensor x = tensor({0});
  Language filled;
  filled.enc.weight = filled.dec.weight = full({3, 4}, 0.25);
  expect_near(grad(loss_of, m, x).first, loss_of(filled, x));
  EXPECT_EQ(num_parameters(m), 12);
  for_each_parameter(m, [](const std::string&, Tensor&) {});
  EXPECT_EQ(values(m.dec.weight), values(full({3, 4}, 0.25)));
  for_each_parameter(m, [](const std::string&, Tensor& t) { init::normal_(t, 0, 0.02); });
  EXPECT_EQ(values(m.dec.weight), values(m.enc.weight));
  for_each_parameter(m, [](const std::string&, Tensor& t) { t = t * 3; });
  EXPECT_EQ(values(m.dec.weight), values(m.enc.weight));
  EXPECT_EQ(num_parameters(m), 12);
  // Given back what it was.
  Tensor saved = m.enc.weight;
  m.enc.weight = saved;
  EXPECT_EQ(num_parameters(m), 12);
}

TEST(Ties, WhatInitSetsInOneFieldIsTheParametersValue) {
  const std::vector<float> set(12, 0.25f);
  for (const bool of_first : {true, false}) {
    Language m = tied();
    const std::vector<float> before = values(m.enc.weight);
    Tensor& given = of_first ? m.enc.weight : m.dec.weight;
    const Tensor& other = of_first ? m.dec.weight : m.enc.weight;
    init::constant_(given, 0.25);
    // The other field by itself waits for a function that may change the model.
    EXPECT_EQ(values(other), before);
    const Language& read = m;
    for (const auto& [path, t] : state_dict(read)) EXPECT_EQ(values(t), set) << path;
    for_each_parameter(
        read, [&](const std::string& path, const Tensor& t) { EXPECT_EQ(values(t), set) << path; });
    const Language doubled = map_parameters([](const Tensor& t) { return t * 2; }, read);
    EXPECT_EQ(values(doubled.dec.weight), std::vector<float>(12, 0.5f));
    const std::string file = std::filesystem::temp_directory_path() / "lilith-ties-init";
    save(read, file);
    Language loaded = tied();
    load(loaded, file);
    EXPECT_EQ(values(loaded.dec.weight), set);
    expect_tied(m);
    EXPECT_EQ(values(other), values(given));
  }
}

TEST(Ties, MapsCastsAndDevicesHoldThem) {
  Language m = tied();
  int calls = 0;
  Language half = map_parameters(
      [&](const Tensor& t) {
        ++calls;
        return t.to(kFloat64);
      },
      m);
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(num_parameters(half), 12);
  EXPECT_EQ(half.dec.weight.dtype(), kFloat64);
  EXPECT_TRUE(gradcheck([](const Language& m) { return loss_of(m, tokens()); }, half));
  Language there = to(Device{}, m);
  EXPECT_EQ(num_parameters(there), 12);
  Language average = map_parameters([](auto a, auto b) { return a * 0.5 + b * 0.5; }, m, there);
  expect_tied(average);
}

TEST(Ties, StateDictsNameEachAndTakeEither) {
  Language m = tied();
  StateDict dict = state_dict(m);
  EXPECT_EQ(dict.size(), 2u);
  for (const char* left_out : {"dec.weight", "enc.weight"}) {
    StateDict part;
    for (const auto& [path, t] : dict)
      if (path != left_out) part[path] = t + 1;
    Language other = tied();
    load_state_dict(other, part);
    EXPECT_EQ(values(other.enc.weight), values(m.enc.weight + 1));
    EXPECT_EQ(values(other.dec.weight), values(m.enc.weight + 1));
    expect_tied(other);
  }
  Language other = tied();
  load_state_dict(other, dict);
  expect_tied(other);
  dict["dec.weight"] = dict["dec.weight"] + 1;
  EXPECT_NE(error_text([&] {
              load_state_dict(other, dict);
            }).find("'enc.weight' and 'dec.weight' are one tensor in the model"),
            std::string::npos);
  const std::string file = (std::filesystem::temp_directory_path() / "lilith-ties.safetensors");
  save(m, file);
  Language loaded = tied();
  load(loaded, file);
  EXPECT_EQ(values(loaded.dec.weight), values(m.enc.weight));
  expect_tied(loaded);
  std::filesystem::remove(file);
}

TEST(Ties, TransformsSeeOneParameter) {
  Language m = tied();
  const Language dir = map_parameters([](const Tensor& t) { return ones_like(t); }, m);
  const auto f = [](const Language& m) { return m(tokens()).pow(2).sum(); };
  const auto [y, dy] = jvp(f, m, dir);
  const auto g = grad(f, m).second;
  expect_near(dy, g.enc.weight.sum(), 1e-2);
  const auto [z, pull] = vjp(f, m);
  expect_near(pull(ones({})).dec.weight, g.enc.weight, 1e-3);
  const auto [value, aux, ga] =
      grad_aux([&](const Language& m) { return std::pair(f(m), m.enc.weight.sum()); }, m);
  expect_near(ga.dec.weight, g.enc.weight, 1e-3);
  const auto again = grad([&](const Language& m) { return checkpoint(f)(m); }, m).second;
  expect_near(again.enc.weight, g.enc.weight, 1e-3);
}

TEST(Ties, OwnStructsAndWholeLayers) {
  struct Own {
    Tensor a = randn({2, 2});
    Tensor b = a;
    std::optional<Tensor> c = {};
    Tensor operator()(Tensor x) const { return x.matmul(a).matmul(b); }
  } own;
  EXPECT_EQ(num_parameters(own), 4);
  own.c = own.a;
  EXPECT_EQ(num_parameters(own), 4);
  struct Layers {
    Linear left{3, 3}, right{3, 3};
    MultiheadAttention first{4, 2}, second{4, 2};
  } layers;
  const std::int64_t all = num_parameters(layers);
  tie(layers.right, layers.left);
  tie(layers.second, layers.first);
  EXPECT_EQ(num_parameters(layers), all / 2);
  Language m;
  tie(m.dec.weight, m.enc.weight);
  EXPECT_EQ(num_parameters(m), 12);
  expect_tied(m);
  EXPECT_NE(error_text([&] {
              tie(layers.left.bias, m.enc.weight);
            }).find("tie: parameter 0 is f32[3] and f32[3,4]; need the same shape and dtype"),
            std::string::npos);
  EXPECT_NE(error_text([&] { tie(layers.left, m.enc); }).find("2 parameters cannot be tied to 1"),
            std::string::npos);
}

}  // namespace
}  // namespace lilith
