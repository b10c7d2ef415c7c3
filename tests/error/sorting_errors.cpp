#include "lilith/lilith.h"
#include "support/expect_error.h"

namespace lilith {
namespace {

TEST(SortingErrors, Ranks) {
  const Tensor x = rand({3, 4});
  EXPECT_ERROR_HERE(topk(x, 5), "topk: k is 5 for f32[3,4]; need 0 <= k <= 4, the size of dim 1");
  EXPECT_ERROR_HERE(kthvalue(x, 0, 0),
                    "kthvalue: k is 0 for f32[3,4]; need 1 <= k <= 3, the size of dim 0");
  EXPECT_ERROR_HERE(median(zeros({2, 0}), 1), "median: dimension 1 of f32[2,0] is empty");
  EXPECT_ERROR_HERE(quantile(x, 1.5), "quantile: q is 1.5; need 0 <= q <= 1");
  EXPECT_ERROR_HERE(x.quantile(0.5, 0, false, "middle"),
                    "interpolation: \"middle\" is none of its words; need \"linear\", \"lower\", "
                    "\"higher\", \"midpoint\" or \"nearest\"");
}

TEST(SortingErrors, Scatters) {
  const Tensor x = rand({3, 4});
  EXPECT_ERROR_HERE(eval(x.scatter(0, tensor({{0}, {5}}), ones({2, 1}))),
                    "scatter: index 5 is out of range; need 0 <= index < 3");
  EXPECT_ERROR_HERE(scatter(x, 0, tensor({{0, 1}}), ones({1, 1})),
                    "scatter: index i64[1,2] is larger than src f32[1,1] or x f32[3,4] in "
                    "dimension 1");
  EXPECT_ERROR_HERE(index_copy(x, 0, tensor({0, 1}), ones({3, 4})),
                    "index_copy: source is f32[3,4]; need shape [2,4]");
  EXPECT_ERROR_HERE(put(x, tensor({0, 1}), ones({3})),
                    "put: x f32[3,4], index i64[2], source f32[3]; need x's dtype and an element "
                    "for each index");
}

// What depends on values has no size in a function that is traced.
TEST(SortingErrors, SizesThatDependOnValues) {
  const auto text = [](auto f) {
    return testing::error_text([&] { compile([&](Tensor x) { return f(x); })(rand({3})); });
  };
  const std::string rest =
      ": the size of its result depends on values of bool[3], which a function that is traced "
      "(compile, a loop's body) does not have; call ";
  const std::string cure =
      " outside and pass its result in, or keep the shape with where or "
      "masked_fill";
  EXPECT_EQ(text([](Tensor x) { return nonzero(x); }).find("nonzero" + rest + "nonzero" + cure),
            0u);
  EXPECT_EQ(text([](Tensor x) {
              return masked_select(x, x > 0);
            }).find("masked_select" + rest + "masked_select" + cure),
            0u);
  EXPECT_EQ(text([](Tensor x) { return unique(x); }).find("unique" + rest + "unique" + cure), 0u);
}

}  // namespace
}  // namespace lilith
