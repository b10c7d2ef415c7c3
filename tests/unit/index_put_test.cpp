#include <gtest/gtest.h>

#include "ir/node.h"
#include "lilith/graph_names.h"
#include "lilith/lilith.h"

// x[items] = values, against x[items] read back.
namespace lilith {
namespace {

using Items = std::vector<TensorIndex>;
using Numbers = std::vector<std::int64_t>;

Tensor counted(const Shape& shape) { return arange(shape.numel()).reshape(shape); }

/// The part reads back as what was put, and nothing else has changed.
void check(const Shape& shape, const Items& items) {
  const Tensor x = counted(shape);
  const Tensor part = x.index(items), value = counted(part.shape()) + 1000;
  const Tensor y = x.index_put(items, value);
  EXPECT_EQ(y.index(items).to_vector<std::int64_t>(), value.to_vector<std::int64_t>());
  EXPECT_EQ((y != x).sum().item<std::int64_t>(), part.numel());
  const Tensor sum = x.index_put(items, value, true);
  EXPECT_EQ((sum - x).sum().item<std::int64_t>(), value.sum().item<std::int64_t>());
  EXPECT_EQ(x.index_put(items, 7).index(items).to_vector<std::int64_t>(),
            Numbers(static_cast<std::size_t>(part.numel()), 7));
}

TEST(IndexPut, PartsOfAllKinds) {
  check({4, 5}, {1});
  check({4, 5}, {-1, 2});
  check({4, 5}, {Slice(), 0});
  check({4, 5}, {Slice(1, 3)});
  check({4, 5}, {Slice(None, None, 2), Slice(1, None, 3)});
  check({4, 5}, {Slice(-3, -1), None, Slice(None, 4, 2)});
  check({2, 3, 4}, {Ellipsis, 1});
  check({2, 3, 4}, {0, Ellipsis, Slice(1, 2)});
  check({2, 3, 4}, {None, Slice(), 2});
  check({2, 3, 4}, {Ellipsis});
  check({2, 3, 4}, {Slice(2, 2)});
  check({5}, {Slice(4, None, 7)});
}

TEST(IndexPut, ValuesBroadcast) {
  Tensor x = zeros({2, 3}, kLong);
  x.index_put_({0}, tensor({1, 2, 3}));
  x.index_put_({Slice(), 2}, tensor({8, 9}));
  EXPECT_EQ(x.to_vector<std::int64_t>(), (Numbers{1, 2, 8, 0, 0, 9}));
  x.index_put_({1}, ones({1, 1, 3}, kLong));  // leading ones are no obstacle
  EXPECT_EQ(x.to_vector<std::int64_t>(), (Numbers{1, 2, 8, 1, 1, 1}));
  Tensor flags = tensor({true, false, false});
  flags.index_put_({Slice(1, 2)}, true);
  EXPECT_EQ(flags.to_vector<bool>(), (std::vector<bool>{true, true, false}));
}

TEST(IndexPut, GradientsFlowToBoth) {
  const Tensor x = ones({2, 3});
  const auto loss = [](const Tensor& x, const Tensor& v) {
    return (x.index_put({Slice(), Slice(0, None, 2)}, v) * arange(6).reshape({2, 3})).sum();
  };
  const auto [value, slopes] = grad<0, 1>(loss, x, ones({2, 1}));
  const auto& [of_x, of_v] = slopes;
  EXPECT_EQ(of_x.to_vector<float>(), (std::vector<float>{0, 1, 0, 0, 4, 0}));
  EXPECT_EQ(of_v.to_vector<float>(), (std::vector<float>{0 + 2, 3 + 5}));
}

// A part is written where it lies: no indices, no scattering.
TEST(IndexPut, OfSlicesIsElementwise) {
  const Graph g = trace(
      [](const Tensor& x) {
        return x.index_put({Slice(1, 3), 0}, 5.0).index_put({Slice(None, None, 2)}, 1.0, true);
      },
      zeros({4, 4}));
  for (const Node& n : g.nodes()) {
    EXPECT_EQ(n.op_name().find("scatter"), std::string::npos);
    EXPECT_EQ(n.op_name().find("gather"), std::string::npos);
  }
}

}  // namespace
}  // namespace lilith
