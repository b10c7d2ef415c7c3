// Shared: copies of a struct are independent, and what was one within is one within the copy.
#include <gtest/gtest.h>

#include <map>
#include <thread>

#include "lilith/nn.h"
#include "lilith/ops.h"
#include "lilith/optim.h"
#include "lilith/transforms.h"

namespace lilith {
namespace {

struct Twice {
  Shared<Linear> first{Linear{2, 2}};
  Shared<Linear> second = first;
  Linear own{2, 2};
  Tensor operator()(Tensor x) const { return own(second(relu(first(x)))); }
};
constexpr std::int64_t kLayer = 6;

std::vector<float> values(const Tensor& t) { return t.to_vector<float>(); }

/// The copy's handles are one, and not the original's.
void expect_copy(const Twice& copy, const Twice& of) {
  EXPECT_EQ(copy.first.ptr(), copy.second.ptr());
  EXPECT_NE(copy.first.ptr(), of.first.ptr());
  EXPECT_EQ(values(copy.first->weight), values(of.first->weight));
  EXPECT_EQ(num_parameters(copy), 2 * kLayer);
}

TEST(Shared, TrainingACopyLeavesTheOriginal) {
  Twice net;
  Twice copy = net;
  expect_copy(copy, net);
  const auto before = values(net.first->weight);
  SGD opt({.lr = 0.5});
  auto g =
      grad([](const Twice& m, Tensor x) { return m(x).pow(2).sum(); }, copy, ones({3, 2})).second;
  update(opt, copy, g);
  EXPECT_EQ(values(net.first->weight), before);
  EXPECT_NE(values(copy.own.weight), values(net.own.weight));
  EXPECT_EQ(values(copy.first->weight), values(copy.second->weight));
}

TEST(Shared, EveryWayOfCopying) {
  Twice net;
  expect_copy(clone(net), net);
  Twice assigned;
  assigned = net;
  expect_copy(assigned, net);
  assigned = std::as_const(net);
  expect_copy(assigned, net);
  const auto by_value = [](Twice m) { return m; };
  expect_copy(by_value(net), net);
  const auto captured = [net]() -> const Twice& { return net; };
  expect_copy(captured(), net);
  const auto again = captured;
  expect_copy(again(), captured());

  std::vector<Twice> many(3, net);
  many.push_back(net);
  many.push_back(many[0]);
  for (std::size_t i = 0; i < many.size(); ++i) {
    expect_copy(many[i], net);
    for (std::size_t k = 0; k < i; ++k) EXPECT_NE(many[i].first.ptr(), many[k].first.ptr());
  }
  EXPECT_EQ(num_parameters(many), 5 * 2 * kLayer);

  // Moving and swapping keep the object.
  const auto* object = net.first.ptr().get();
  Twice moved = std::move(net);
  EXPECT_EQ(moved.second.ptr().get(), object);
  std::swap(moved, many[0]);
  EXPECT_EQ(many[0].first.ptr().get(), object);
}

TEST(Shared, InContainersAndNested) {
  struct Deep {
    Shared<Twice> pair;
    Shared<Linear> inner = pair->first;
    std::vector<Shared<Linear>> list;
    std::map<std::string, Shared<Linear>> named;
    std::optional<Shared<Linear>> maybe;
    std::unique_ptr<Shared<Linear>> held;
  };
  Deep net;
  net.list.emplace_back(net.inner);
  net.list.emplace_back(net.inner);
  net.named.emplace("a", net.inner);
  net.maybe = net.inner;
  net.held = std::make_unique<Shared<Linear>>(net.inner);
  EXPECT_EQ(num_parameters(net), 2 * kLayer);
  Deep copy = clone(net);
  EXPECT_EQ(num_parameters(copy), 2 * kLayer);
  EXPECT_NE(copy.inner.ptr(), net.inner.ptr());
  for (const auto& handle : {copy.pair->second.ptr(), copy.list[1].ptr(), copy.named.at("a").ptr(),
                             copy.maybe->ptr(), copy.held->ptr()})
    EXPECT_EQ(handle, copy.inner.ptr());

  struct Plain {
    std::vector<Twice> blocks = std::vector<Twice>(2);
    Shared<Linear> also = blocks[0].first;
    std::vector<Shared<Linear>> list;
  } plain;
  plain.list.emplace_back(plain.also);
  const Plain other = plain;
  EXPECT_EQ(num_parameters(other), 4 * kLayer);
  EXPECT_EQ(other.also.ptr(), other.blocks[0].second.ptr());
  EXPECT_EQ(other.also.ptr(), other.list[0].ptr());
  EXPECT_NE(other.also.ptr(), other.blocks[1].first.ptr());
  EXPECT_NE(other.also.ptr(), plain.also.ptr());
}

TEST(Shared, ATargetNetworkInOneStruct) {
  struct Trainer {
    Twice online;
    Twice target = online;
  } trainer;
  EXPECT_EQ(num_parameters(trainer), 4 * kLayer);
  const Trainer copy = trainer;
  EXPECT_EQ(num_parameters(copy), 4 * kLayer);
  expect_copy(copy.online, trainer.online);
  expect_copy(copy.target, trainer.target);
  trainer.target = trainer.online;
  EXPECT_EQ(num_parameters(trainer), 4 * kLayer);
}

TEST(Shared, ACopyShowsWhatTheObjectHoldsNow) {
  Twice net;
  const Shared<Linear>& read = net.second;
  Shared<Linear> one = read;
  net.first->weight = zeros({2, 2});
  Twice copy = net;
  expect_copy(copy, net);
  EXPECT_NE(one.ptr(), copy.second.ptr());
  EXPECT_EQ(values(copy.second->weight), (std::vector<float>{0, 0, 0, 0}));
}

TEST(Shared, ThreadsCopyOneConstModel) {
  const Twice net;
  std::vector<std::thread> threads;
  for (int k = 0; k < 4; ++k)
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) {
        const Twice copy = net;
        EXPECT_EQ(copy.first.ptr(), copy.second.ptr());
        EXPECT_NE(copy.first.ptr(), net.first.ptr());
      }
    });
  for (std::thread& t : threads) t.join();
}

}  // namespace
}  // namespace lilith
