// Layers by name, read as in PyTorch: heads["a"](x).
#include <gtest/gtest.h>

#include "lilith/lilith.h"
#include "support/expect_error.h"

namespace lilith {
namespace {

using testing::error_text;

struct Heads {
  nn::ModuleDict<nn::Linear> heads{{"a", nn::Linear(3, 2)}, {"b", nn::Linear(3, 2)}};
  Tensor operator()(const Tensor& x) const { return heads["a"](x) + heads.at("b")(x); }
};

TEST(ModuleDict, LayersAreReadByName) {
  Heads net;
  EXPECT_EQ(named_parameters(net).size(), 4u);
  EXPECT_TRUE(state_dict(net).contains("heads.a.weight"));
  const Tensor before = net.heads["a"].bias.clone(), x = ones({1, 3});
  auto [loss, g] = grad([](const Heads& m, Tensor in) { return m(in).sum(); }, net, x);
  EXPECT_TRUE(equal(g.heads["a"].bias, ones({2})));
  SGD opt(0.5);
  update(opt, net, g);
  EXPECT_TRUE(allclose(net.heads["a"].bias, before - 0.5));
  const Heads copy = clone(net);
  EXPECT_TRUE(equal(copy(x), net(x)));
  const std::string name = "b";
  net.heads[name].bias = zeros({2});
  EXPECT_TRUE(equal(net.heads.at("b").bias, zeros({2})));
  net.heads.insert_or_assign("c", nn::Linear(3, 1));
  EXPECT_EQ(net.heads.size(), 3u);
}

TEST(ModuleDict, ANameThatIsNotThereIsAnError) {
  Heads net;
  const std::string text = error_text([&] { net.heads["c"]; });
  EXPECT_NE(text.find("no layer \"c\"; it has \"a\", \"b\""), std::string::npos) << text;
  EXPECT_NE(text.find("module_dict_test.cpp"), std::string::npos) << text;
  EXPECT_EQ(net.heads.size(), 2u);
  nn::ModuleDict<nn::Linear> none;
  EXPECT_NE(error_text([&] { none.at("x"); }).find("it is empty"), std::string::npos);
}

}  // namespace
}  // namespace lilith
