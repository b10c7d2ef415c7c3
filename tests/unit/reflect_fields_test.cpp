// Arrays, bases and constructors: which fields reflection finds, and under what names.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <mutex>

#include "lilith/model.h"
#include "lilith/nn.h"
#include "lilith/ops.h"
#include "lilith/optim.h"
#include "lilith/reflect.h"
#include "lilith/transforms.h"

namespace lilith {
namespace {

template <class M>
std::vector<std::string> paths(const M& m) {
  std::vector<std::string> out;
  for_each_parameter(m, [&](const std::string& path, const Tensor&) { out.push_back(path); });
  return out;
}
using Paths = std::vector<std::string>;

// ---- C arrays ----

struct First {
  Linear fc[2] = {{3, 3}, {3, 2}};
  Linear b{2, 2};
};
struct Last {
  Linear b{2, 2};
  Linear fc[2] = {{3, 3}, {3, 2}};
};
struct Grid {
  Linear m[2][2] = {{{1, 1}, {1, 1}}, {{1, 1}, {1, 1}}};
  Tensor w[3] = {ones({1}), ones({2}), ones({3})};
  std::array<Linear, 2> a{Linear{1, 1}, Linear{1, 1}};
  Linear one[1] = {{2, 2}};
  int sizes[4] = {1, 2, 3, 4};
  char name[8] = "grid";
  bool training = true;
};
class Explicit {
 public:
  explicit Explicit(int n) : w(ones({n})) {}
  Tensor w;
  LILITH_FIELDS(w)
};
struct OfExplicit {
  Explicit first[3] = {Explicit{1}, Explicit{2}, Explicit{3}};
  Explicit second{4};
};
struct Owners {
  std::unique_ptr<Explicit> each[2] = {std::make_unique<Explicit>(2),
                                       std::make_unique<Explicit>(3)};
  Tensor w = ones({1});
};
struct OneField {
  Tensor w[2] = {ones({1}), ones({2})};
};
static_assert(reflect::num_fields<First> == 2 && reflect::num_fields<Last> == 2);
static_assert(reflect::num_fields<Grid> == 7 && reflect::names<Grid>[6] == "training");
static_assert(reflect::num_fields<OfExplicit> == 2 && reflect::num_fields<OneField> == 1);

TEST(ReflectArrays, EveryElementUnderItsIndex) {
  EXPECT_EQ(paths(First{}),
            (Paths{"fc.0.weight", "fc.0.bias", "fc.1.weight", "fc.1.bias", "b.weight", "b.bias"}));
  EXPECT_EQ(num_parameters(First{}), 12 + 8 + 6);
  EXPECT_EQ(paths(Last{}).front(), "b.weight");
  EXPECT_EQ(num_parameters(Last{}), 26);
  EXPECT_EQ(paths(OfExplicit{}), (Paths{"first.0.w", "first.1.w", "first.2.w", "second.w"}));
  EXPECT_EQ(paths(OneField{}), (Paths{"w.0", "w.1"}));
  const Paths grid = paths(Grid{});
  EXPECT_EQ(grid.size(), 8u + 3 + 4 + 2);
  EXPECT_EQ(grid[2], "m.0.1.weight");
  EXPECT_EQ(grid[10], "w.2");
  EXPECT_EQ(grid[15], "one.0.weight");
}

TEST(ReflectArrays, AreTrainedSavedAndCloned) {
  First net;
  auto f = [](const First& m, const Tensor& x) { return m.b(m.fc[1](m.fc[0](x))).sum(); };
  const auto [loss, g] = grad(f, net, ones({2, 3}));
  const Tensor before = net.fc[1].bias;
  SGD opt({.lr = 1});
  update(opt, net, g);
  EXPECT_GT((before - net.fc[1].bias).abs().sum().item<float>(), 0);
  First other;
  load_state_dict(other, state_dict(net));
  EXPECT_EQ(other.fc[1].bias.to_vector<float>(), net.fc[1].bias.to_vector<float>());
  Owners owners;
  Owners copy = clone(owners);
  copy.each[1]->w = zeros({3});
  EXPECT_EQ(owners.each[1]->w.to_vector<float>()[0], 1);
  EXPECT_EQ(paths(copy), (Paths{"each.0.w", "each.1.w", "w"}));
}

TEST(ReflectArrays, OfNumbersAndLettersAreStatic) {
  Grid a, b;
  EXPECT_EQ(static_hash(a), static_hash(b));
  b.sizes[3] = 5;
  EXPECT_NE(static_hash(a), static_hash(b));
  Grid c;
  c.name[0] = 'x';
  EXPECT_NE(static_hash(a), static_hash(c));
  test_mode(a);
  EXPECT_FALSE(a.training);
}

// ---- Fields whose constructor takes any type ----

struct Branch {
  Linear fc{2, 3};
};
struct OfOptional {
  std::optional<Branch> branch = Branch{};
  std::optional<Branch> absent;
  Linear head{3, 1};
};
static_assert(reflect::num_fields<OfOptional> == 3);

TEST(ReflectOptional, OfAStructIsOneField) {
  OfOptional m;
  EXPECT_EQ(paths(m), (Paths{"branch.fc.weight", "branch.fc.bias", "head.weight", "head.bias"}));
  m.branch.reset();
  EXPECT_EQ(paths(m), (Paths{"head.weight", "head.bias"}));
}

// ---- Bases ----

struct LoRALinear : Linear {
  Tensor A = ones({1, 3}), B = zeros({2, 1});
  using Linear::Linear;
  Tensor operator()(const Tensor& x) const {
    return Linear::operator()(x) + linear(linear(x, A), B);
  }
  LILITH_FIELDS(A, B)
};
struct LoRANet {
  LoRALinear fc{3, 2};
};
struct Renamed : Linear {
  using Linear::Linear;
  Tensor operator()(const Tensor& x) const { return relu(Linear::operator()(x)); }
};
struct Deeper : LoRALinear {
  Tensor C = ones({1});
  using LoRALinear::LoRALinear;
  LILITH_FIELDS(C)
};
struct ThroughRenamed : Renamed {
  Tensor C = ones({1});
  using Renamed::Renamed;
  LILITH_FIELDS(C)
};
struct Twice : Linear {
  Tensor A = ones({1});
  using Linear::Linear;
  LILITH_FIELDS(weight, A, bias)
};
struct Virtual : Linear {
  Tensor A = ones({1});
  using Linear::Linear;
  virtual ~Virtual() = default;
  LILITH_FIELDS(A)
};
struct OnlyVirtual : Linear {
  using Linear::Linear;
  virtual ~OnlyVirtual() = default;
  LILITH_FIELDS()
};
struct MyLSTM : LSTM {
  Linear head{4, 2};
  using LSTM::LSTM;
  LILITH_FIELDS(head)
};
struct MySequential : Sequential {
  Tensor scale = ones({1});
  MySequential() : Sequential(Linear{2, 3}, ReLU{}) {}
  LILITH_FIELDS(scale)
};
struct MyNorm : BatchNorm2d {
  Tensor extra = ones({1});
  using BatchNorm2d::BatchNorm2d;
  LILITH_FIELDS(extra)
};
template <int N>
struct Sized : Linear {
  Tensor extra = ones({N});
  Sized() : Linear(N, N) {}
  LILITH_FIELDS(extra)
};

TEST(ReflectBases, FieldsOfABaseComeAlong) {
  LoRANet net;
  EXPECT_EQ(paths(net), (Paths{"fc.weight", "fc.bias", "fc.A", "fc.B"}));
  EXPECT_EQ(num_parameters(net), 6 + 2 + 3 + 2);
  const auto [loss, g] =
      grad([](const LoRANet& m, const Tensor& x) { return m.fc(x).sum(); }, net, ones({2, 3}));
  SGD opt({.lr = 1});
  update(opt, net, g);
  EXPECT_GT(norm(net.fc.B).item<float>(), 0);
  EXPECT_EQ(paths(Renamed{2, 2}), (Paths{"weight", "bias"}));
  EXPECT_EQ(paths(Deeper{3, 2}), (Paths{"weight", "bias", "A", "B", "C"}));
  EXPECT_EQ(paths(ThroughRenamed{2, 2}), (Paths{"weight", "bias", "C"}));
  EXPECT_EQ(paths(Virtual{2, 2}), (Paths{"weight", "bias", "A"}));
  EXPECT_EQ(paths(OnlyVirtual{2, 2}), (Paths{"weight", "bias"}));
  EXPECT_EQ(paths(MyLSTM{3, 4}), (Paths{"weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0",
                                        "head.weight", "head.bias"}));
  EXPECT_EQ(paths(MySequential{}), (Paths{"0.weight", "0.bias", "scale"}));
  EXPECT_EQ(state_dict(MyNorm{2}).size(), 6u);
  EXPECT_EQ(paths(Sized<2>{}), (Paths{"weight", "bias", "extra"}));
  struct Local : Linear {
    Tensor A = ones({1});
    using Linear::Linear;
    LILITH_FIELDS(A)
  };
  EXPECT_EQ(paths(Local{2, 2}), (Paths{"weight", "bias", "A"}));
}

TEST(ReflectBases, AFieldOfABaseThatIsListedComesOnce) {
  EXPECT_EQ(paths(Twice{2, 2}), (Paths{"weight", "bias", "A"}));
}

TEST(ReflectBases, PrintUnderTheirOwnName) {
  EXPECT_EQ(tree(LoRALinear{3, 2}),
            "LoRALinear(weight=f32[2,3], bias=f32[2], A=f32[1,3], B=f32[2,1])");
  EXPECT_EQ(tree(Renamed{3, 2}), "Renamed(weight=f32[2,3], bias=f32[2])");
  EXPECT_NE(static_hash(Renamed{3, 2}), static_hash(Linear{3, 2}));
}

struct Hides : Linear {
  Tensor weight = ones({1});
  using Linear::Linear;
  LILITH_FIELDS(weight)
};
TEST(ReflectBases, TwoFieldsOfOneName) {
  try {
    paths(Hides{2, 2});
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(std::string(e.what()).find("Hides: it has a field 'weight', and so has its base "
                                         "class; give one another name"),
              0u)
        << e.what();
  }
}

// Bases without LILITH_FIELDS.
struct Plain {
  Linear a{2, 3};
  Linear c[2] = {{1, 1}, {1, 1}};
};
struct AddsNothing : Plain {};
struct AddsAFunction : AddsNothing {
  Tensor operator()(const Tensor& x) const { return a(x); }
};
struct ThirdFloor : AddsAFunction {};
struct OwnsTwo {
  std::unique_ptr<Linear> a = std::make_unique<Linear>(2, 3);
  Linear b[2] = {{1, 1}, {1, 1}};
};
struct OverOwns : OwnsTwo {};
struct OverOverOwns : OverOwns {};
struct ListsAll : Plain {
  Linear b{3, 4};
  LILITH_FIELDS(a, c, b)
};
struct Tag {};
template <class T>
struct Named {
  std::string label() const { return "named"; }
};
struct Tagged : Tag, Named<Tagged> {
  Linear a{2, 3};
  Linear b;
};
struct WithConstructor : Plain {
  Linear b;
  explicit WithConstructor(int n) : b(n, 1) {}
  LILITH_FIELDS(a, c, b)
};
struct ListedBase {
  Linear a, b;
  LILITH_FIELDS(a, b)
};
struct ConstructorOverListed : ListedBase {
  explicit ConstructorOverListed(int n) : ListedBase{{4, n}, {n, 1}} {}
};
class Private {
 public:
  explicit Private(int n) : n_(n), fc_(n, n) {}

 private:
  int n_;
  Linear fc_;
  LILITH_FIELDS(fc_)
};
struct Mixed : Tag {
  int count = 0;
  Linear a{2, 3};
  LILITH_FIELDS(a)
};

TEST(ReflectBases, PlainOnes) {
  const Paths plain{"a.weight", "a.bias", "c.0.weight", "c.0.bias", "c.1.weight", "c.1.bias"};
  Paths all = plain;
  all.insert(all.end(), {"b.weight", "b.bias"});
  EXPECT_EQ(paths(AddsNothing{}), plain);
  EXPECT_EQ(paths(AddsAFunction{}), plain);
  EXPECT_EQ(paths(ThirdFloor{}), plain);
  EXPECT_EQ(paths(ListsAll{}), all);
  EXPECT_EQ(paths(WithConstructor{2}), all);
  EXPECT_EQ(paths(Tagged{{}, {}, {2, 3}, {1, 1}}),
            (Paths{"a.weight", "a.bias", "b.weight", "b.bias"}));
  EXPECT_EQ(num_parameters(ConstructorOverListed{8}), 49);
  EXPECT_EQ(paths(Private{2}), (Paths{"fc_.weight", "fc_.bias"}));
}

// What derives from a derived struct is a model like others.
TEST(ReflectBases, OfBases) {
  AddsAFunction net;
  const Tensor x = ones({4, 2});
  SGD optimizer(0.1);
  auto [loss, g] = grad(
      {.allow_unused = true}, [](const AddsAFunction& m, Tensor x) { return m(x).sum(); }, net, x);
  const Tensor before = net.a.bias;
  update(optimizer, net, g);
  EXPECT_TRUE(allclose(net.a.bias, before - 0.4));
  EXPECT_FALSE(g.c[0].weight.defined());
  const OverOverOwns owner;
  const OverOverOwns copy = clone(owner);
  EXPECT_NE(copy.a.get(), owner.a.get());
  EXPECT_EQ(paths(copy),
            (Paths{"a.weight", "a.bias", "b.0.weight", "b.0.bias", "b.1.weight", "b.1.bias"}));
}

struct Forgets : Plain {
  Linear b{3, 4};
  LILITH_FIELDS(b)
};
// A compiler that names the bases of a class finds the base's fields, others say that they lack.
TEST(ReflectBases, FieldsOfAPlainBaseAreNotLost) {
#if defined(__clang__)
  EXPECT_THROW(paths(Forgets{}), Error);
#else
  EXPECT_EQ(paths(Forgets{}).size(), 8u);
#endif
}

// ---- Other kinds of fields ----

enum class Mode { Fast, Slow };
struct Odd {
  const int layers = 3;
  const char* name = nullptr;
  Mode mode = Mode::Slow;
  std::optional<std::vector<Linear>> maybe = std::vector<Linear>{{1, 2}};
  std::unique_ptr<std::optional<Tensor>> nested =
      std::make_unique<std::optional<Tensor>>(ones({3}));
  std::variant<int, std::unique_ptr<Linear>> either = std::make_unique<Linear>(2, 1);
};
TEST(ReflectFields, NestedHolders) {
  Odd m;
  EXPECT_EQ(paths(m),
            (Paths{"maybe.0.weight", "maybe.0.bias", "nested", "either.weight", "either.bias"}));
}

class Many {
 public:
  Many() = default;
  Tensor a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, b0, b1, b2, b3, b4, b5, b6, b7, b8, b9, c0, c1, c2,
      c3, c4, c5, c6, c7, c8, c9, d0, d1, d2, d3, d4, d5, d6, d7, d8, d9, e0 = ones({1});
  LILITH_FIELDS(a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, b0, b1, b2, b3, b4, b5, b6, b7, b8, b9, c0,
                c1, c2, c3, c4, c5, c6, c7, c8, c9, d0, d1, d2, d3, d4, d5, d6, d7, d8, d9, e0)
};
TEST(ReflectFields, MoreThanFortyAreListed) { EXPECT_EQ(paths(Many{}), (Paths{"e0"})); }

class Attention {
 public:
  explicit Attention(std::int64_t n) : q(n, n), k(n, n), v(n, n) {}
  LILITH_FIELDS(q, k, v)

 private:
  Linear q, k, v;
};

TEST(ReflectFields, MayBeNamedV) {
  Attention net(2);
  EXPECT_EQ(named_parameters(net).size(), 6u);
}

}  // namespace
}  // namespace lilith
