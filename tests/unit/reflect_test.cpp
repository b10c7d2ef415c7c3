#include "lilith/reflect.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <sstream>

#include "ir/node.h"
#include "lilith/model.h"
#include "lilith/ops.h"

namespace lilith {
namespace {

enum class Mode { Fast, Slow };
struct Scale {
  Tensor k = ones({2});
  double eps = 1e-5;
  bool training = true;
};
class Private {
 public:
  explicit Private(int n) : n_(n), weight_(ones({n})) {}
  const Tensor& weight() const { return weight_; }

 private:
  int n_;
  Tensor weight_;
  Buffer seen_ = zeros({1});
  LILITH_FIELDS(n_, weight_, seen_)
};
struct Base {
  Tensor a = ones({1});
};
struct Derived : Base {
  Tensor b = ones({1});
  LILITH_FIELDS(a, b)
};
// Type-erased, as Sequential's layers are.
class Erased {
 public:
  Erased() : self_(std::make_unique<Scale>()) {}
  Erased(const Erased& o) : self_(std::make_unique<Scale>(*o.self_)) {}
  void visit_fields(Visitor& v) { visit(*self_, v); }

 private:
  std::unique_ptr<Scale> self_;
};

struct Everything {
  Tensor weight = ones({2, 3});
  Buffer mean = zeros({3});
  Hyper lr = 0.1;
  Scale scale;
  Private hidden{4};
  Derived derived;
  Erased erased;
  std::optional<Tensor> absent, present = ones({1});
  std::array<Scale, 2> pair;
  std::vector<Scale> blocks = std::vector<Scale>(2);
  std::tuple<Tensor, int> tuple{ones({1}), 3};
  std::map<std::string, Tensor> named{{"q", ones({1})}, {"k", ones({1})}};
  std::unique_ptr<Scale> owned = std::make_unique<Scale>();
  std::vector<std::unique_ptr<Scale>> many;
  std::variant<int, Scale> either = Scale{};
  Shared<Tensor> tied = Tensor(ones({5}));
  Shared<Tensor> again = tied;
  std::string label = "net";
  Mode mode = Mode::Slow;
  std::vector<bool> flags{true, false};
  Shape shape{1, 2};
  Tensor (*activation)(Tensor) = nullptr;
};

struct M34 {
  Tensor a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, b0, b1, b2, b3, b4, b5, b6, b7, b8, b9, c0, c1, c2,
      c3, c4, c5, c6, c7, c8, c9, d0, d1, d2, last;
};
struct NoDefaults {
  Private first;
  Private second;
  int k = 2;
};
struct Nothing {};

static_assert(reflect::num_fields<Everything> == 23);
static_assert(reflect::num_fields<M34> == 34 && reflect::names<M34>[33] == "last");
static_assert(reflect::num_fields<NoDefaults> == 3 && reflect::num_fields<Nothing> == 0);
static_assert(reflect::names<Everything>[4] == "hidden");
static_assert(reflect::type_info<Everything>.name == "Everything");
static_assert(!reflect::layout<Scale>.split && reflect::layout<Scale>.depth == 0);
static_assert(reflect::Model<Scale> && reflect::Model<Private> && !reflect::Model<Nothing> &&
              !reflect::Model<Tensor> && !reflect::Model<Aval>);

std::vector<std::string> paths(ModelRef m) {
  std::vector<std::string> out;
  for_each_parameter(m, [&](const std::string& path, Tensor&) { out.push_back(path); });
  return out;
}

TEST(Reflect, ParametersInOrderUnderTheirPaths) {
  Everything m;
  EXPECT_EQ(paths(m), (std::vector<std::string>{
                          "weight", "scale.k", "hidden.weight_", "derived.a", "derived.b",
                          "erased.k", "present", "pair.0.k", "pair.1.k", "blocks.0.k", "blocks.1.k",
                          "tuple.0", "named.k", "named.q", "owned.k", "either.k", "tied"}));
  EXPECT_EQ(num_parameters(m), 6 + 2 + 4 + 1 + 1 + 2 + 1 + 4 + 4 + 1 + 2 + 2 + 2 + 5);
}

TEST(Reflect, FunctionsWithoutThePath) {
  struct Net {
    Tensor w = ones({2});
    Buffer mean = zeros({1});
    Hyper rate = 0.5;
  };
  Net net;
  for_each_parameter(net, [](Tensor& p) { p = p * 3; });
  for_each_hyper(net, [](Hyper& h) { h = 0.25; });
  EXPECT_EQ(static_cast<double>(net.rate), 0.25);
  for_each_buffer(net, [](Buffer& b) { b = b + 2; });
  double sum = 0;
  const Net& same = net;
  for_each_parameter(same, [&](const Tensor& p) { sum += p.sum().item(); });
  for_each_buffer(same, [&](const Tensor& b) { sum += b.item(); });
  EXPECT_EQ(sum, 8);
}

TEST(Reflect, LocalTypesAndLambdas) {
  struct Local {
    Tensor w = ones({1});
    Scale inner;
  };
  Local m;
  EXPECT_EQ(paths(m), (std::vector<std::string>{"w", "inner.k"}));
  auto f = [](Tensor x) { return x; };
  EXPECT_TRUE(paths(f).empty());
}

TEST(Reflect, TypedFields) {
  Everything m;
  std::vector<std::string> texts, flags;
  double lr = 0;
  visit_fields(m, [&]<class V>(const std::string& path, V& field) {
    if constexpr (std::is_same_v<std::remove_const_t<V>, std::string_view>)
      texts.push_back(std::string(field));
    if constexpr (std::is_same_v<V, bool>) flags.push_back(path);
    if constexpr (std::is_same_v<V, Hyper>) lr = field;
  });
  EXPECT_EQ(texts, (std::vector<std::string>{"net"}));
  EXPECT_EQ(lr, 0.1);
  EXPECT_EQ(flags.front(), "scale.training");
}

TEST(Model, StateDictAndBack) {
  Everything a, b;
  StateDict dict = state_dict(a);
  EXPECT_EQ(dict.count("again"), 1u);  // every path, as PyTorch
  EXPECT_EQ(dict.count("mean"), 1u);
  dict["weight"] = full({2, 3}, 4.0);
  dict["mean"] = ones({3}, {.dtype = kFloat64});
  load_state_dict(b, dict);
  EXPECT_EQ(b.weight.to_vector<float>()[5], 4);
  EXPECT_EQ(b.mean.dtype(), kFloat32);
}

TEST(Model, LoadNamesWhatDiffers) {
  Scale m;
  const StateDict dict{{"k", ones({3})}, {"other", ones({1})}};
  try {
    load_state_dict(m, dict);
    FAIL();
  } catch (const Error& e) {
    const int line = __LINE__ - 3;
    EXPECT_EQ(std::string(e.what()),
              "load_state_dict: 2 keys do not fit the model:\n"
              "  key    model   given\n"
              "  k      f32[2]  f32[3]  misshapen\n"
              "  other  -       f32[1]  unexpected (reflect_test.cpp:" +
                  std::to_string(line) + ")");
  }
  EXPECT_THROW(load_state_dict(m, {}), Error);
  load_state_dict(m, {{"k", ones({2})}, {"other", ones({1})}}, {.strict = false});
  EXPECT_THROW(load_state_dict(m, {{"other", ones({1})}}, {.strict = false}), Error);
  EXPECT_THROW(load_state_dict(m, {{"k", ones({3})}}, {.strict = false}), Error);
}

TEST(Model, ModesReachEveryLayer) {
  Everything m;
  test_mode(m);
  EXPECT_FALSE(m.scale.training || m.blocks[1].training || m.owned->training || m.pair[0].training);
  train_mode(m);
  EXPECT_TRUE(m.scale.training && m.owned->training);
}

TEST(Model, CloneIsDeepAndKeepsSharingInside) {
  Everything a;
  Everything b = clone(a);
  b.owned->k = zeros({2});
  b.tied.get() = zeros({5});
  EXPECT_EQ(b.again.get().node(), b.tied.get().node());
  EXPECT_NE(a.tied.get().node(), b.tied.get().node());
  EXPECT_EQ(a.owned->k.to_vector<float>()[0], 1);
}

TEST(Model, MapParameters) {
  const Scale a, b{full({2}, 3.0)};
  const Scale sum = map_parameters([](Tensor x, Tensor y) { return x + y; }, a, b);
  EXPECT_EQ(sum.k.to_vector<float>(), (std::vector<float>{4, 4}));
  EXPECT_EQ(sum.eps, 1e-5);
  EXPECT_THROW(map_parameters([](Tensor x, Tensor) { return x; }, a, M34{}), Error);
}

TEST(Model, MovesToADevice) {
  const Scale a;
  Scale b = cpu() | a;
  EXPECT_EQ(b.k.device(), cpu());
  EXPECT_EQ((cpu() | ones({2})).numel(), 2);
  Everything owned = to(cpu(), Everything{});
  EXPECT_TRUE(owned.owned);
}

TEST(Model, PrintsAsATree) {
  struct Net {
    Scale first;
    std::vector<Scale> blocks = std::vector<Scale>(1);
    int depth = 2;
  };
  const std::string text =
      "Net(depth=2\n"
      "  first: Scale(k=f32[2], eps=1e-05, training=true)\n"
      "  blocks.0: Scale(k=f32[2], eps=1e-05, training=true)\n"
      ")";
  EXPECT_EQ(fmt::format("{}", Net{}), text);
  std::ostringstream out;
  out << Net{};
  EXPECT_EQ(out.str(), text);
}

TEST(Model, StaticHashSeesConfigurationAlone) {
  Everything a, b;
  b.weight = zeros({2, 3});
  b.lr = 3.0;
  EXPECT_EQ(static_hash(a), static_hash(b));
  b.scale.eps = 1;
  EXPECT_NE(static_hash(a), static_hash(b));
  Everything c;
  c.absent = ones({1});
  EXPECT_NE(static_hash(a), static_hash(c));
  Everything d;
  d.mode = Mode::Fast;
  EXPECT_NE(static_hash(a), static_hash(d));
}

}  // namespace
}  // namespace lilith
