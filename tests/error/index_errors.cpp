#include "core/env.h"
#include "lilith/compile.h"
#include "lilith/lower.h"
#include "lilith/nn.h"
#include "lilith/op_def.h"
#include "lilith/ops.h"
#include "lilith/transforms.h"
#include "support/expect_error.h"

// Indices that only the run knows: the function that was called, the index and its range.
namespace lilith {
namespace {

TEST(IndexErrors, OneIndex) {
  const Tensor x = rand({3, 4});
  EXPECT_ERROR_HERE(eval(index_select(x, 0, tensor({0, 7}))),
                    "index_select: index 7 is out of range; need 0 <= index < 3");
  EXPECT_ERROR_HERE(eval(gather(x, 1, tensor({{0}, {-5}, {1}}))),
                    "gather: index -5 is out of range; need 0 <= index < 4");
  EXPECT_ERROR_HERE(eval(take_along_dim(x, tensor({{0}, {5}, {1}}), 1)),
                    "take_along_dim: index 5 is out of range; need -4 <= index < 4");
  EXPECT_ERROR_HERE(eval(take(x, tensor({3, 12}))),
                    "take: index 12 is out of range; need -12 <= index < 12");
  EXPECT_ERROR_HERE(eval(embedding(tensor({-1, 2}), x)),
                    "embedding: index -1 is out of range; need 0 <= index < 3");
  EXPECT_ERROR_HERE(eval(Embedding(5, 3)(tensor({5}))),
                    "embedding: index 5 is out of range; need 0 <= index < 5");
  EXPECT_ERROR_HERE(eval(nll_loss(x, tensor({0, 9, 1}))),
                    "nll_loss: index 9 is out of range; need 0 <= index < 4");
  EXPECT_ERROR_HERE(eval(cross_entropy_loss(x, tensor({0, 1, 4}))),
                    "cross_entropy_loss: index 4 is out of range; need 0 <= index < 4");
}

TEST(IndexErrors, Scattering) {
  const Tensor x = rand({3, 4});
  EXPECT_ERROR_HERE(eval(scatter_add(x, 0, tensor({{0}, {5}, {1}}), ones({3, 1}))),
                    "scatter_add: index 5 is out of range; need 0 <= index < 3");
  EXPECT_ERROR_HERE(eval(index_add(x, 0, tensor({0, 3}), ones({2, 4}))),
                    "index_add: index 3 is out of range; need 0 <= index < 3");
  EXPECT_ERROR_HERE(eval(index_fill(x, 0, tensor({0, -4}), 1)),
                    "index_fill: index -4 is out of range; need -3 <= index < 3");
}

TEST(IndexErrors, Lists) {
  const Tensor x = rand({3, 4});
  EXPECT_ERROR_HERE(x.index({3}),
                    "index: index 3 of dimension 0 of f32[3,4] is out of range; need -3 <= index < "
                    "3");
  EXPECT_ERROR_HERE(eval(x.index({tensor({0, 3})})),
                    "index: index 3 is out of range; need -3 <= index < 3");
  EXPECT_ERROR_HERE(eval(x.index({tensor({0, 1}), tensor({0, -9})})),
                    "index: index -9 is out of range; need -4 <= index < 4");
  EXPECT_ERROR_HERE(eval(index_put(x, {tensor({0, 1}), tensor({0, 4})}, 1.0)),
                    "index_put: index 4 is out of range; need -4 <= index < 4");
}

TEST(IndexErrors, PartsThatAreSet) {
  Tensor x = rand({3, 4});
  const std::string mask =
      "index_put_: a mask bool[4] for f32[3,4] at dimension 0; need a mask of "
      "x's sizes there";
  const Tensor four = tensor({true, false, true, true});
  EXPECT_ERROR_HERE(x.index_put_({four}, 1), mask);
  EXPECT_ERROR_HERE(x.index_put_({four}, rand({4, 4})), mask);
  EXPECT_ERROR_HERE(x.index_put_({ones({3, 4, 1}, kBool)}, 1),
                    "index_put_: a mask bool[3,4,1] for f32[3,4] at dimension 0; need a mask of "
                    "x's sizes there");
  EXPECT_ERROR_HERE(x.index_put_({Slice(), 4}, 1),
                    "index_put_: index 4 of dimension 1 of f32[3,4] is out of range; need -4 <= "
                    "index < 4");
  EXPECT_ERROR_HERE(x.index_put({0}, rand({3})),
                    "index_put: values is f32[3]; need a shape that broadcasts to [4]");
  EXPECT_ERROR_HERE(x.index_put({0, 0, 0}, 1),
                    "index_put: 3 items and 0 Ellipsis for f32[3,4]; need at most one item a "
                    "dimension and one Ellipsis");
}

TEST(IndexErrors, AtTheEndsOfTheRange) {
  const Tensor x = arange(6).reshape({3, 2});
  EXPECT_EQ(x.index({tensor({-3, 2}), tensor({-2, 1})}).to_vector<std::int64_t>(),
            (std::vector<std::int64_t>{0, 5}));
  EXPECT_ERROR_HERE(eval(take(x, tensor({INT64_MAX}))),
                    "take: index 9223372036854775807 is out of range; need -6 <= index < 6");
  const Tensor least = tensor({INT64_MIN});
  EXPECT_ERROR_HERE(eval(index_select(x, 0, least)),
                    "index_select: index -9223372036854775808 is out of range; need 0 <= index < "
                    "3");
}

TEST(IndexErrors, AProgramServesManyLines) {
  // Both are one program: each error has its own function and line.
  const Tensor x = rand({9, 2});
  const Tensor i = tensor({1, 9});
  eval(x, i);
  EXPECT_ERROR_HERE(eval(index_select(x, 0, i)),
                    "index_select: index 9 is out of range; need 0 <= index < 9");
  EXPECT_ERROR_HERE(eval(embedding(i, x)),
                    "embedding: index 9 is out of range; need 0 <= index < 9");
  const auto first =
      compile([](const Tensor& x, const Tensor& i) { return index_select(x, 0, i); });
  const Loc here = std::source_location::current();
  EXPECT_ERROR(first(x, i),
               fmt::format("index_select: index 9 is out of range; need 0 <= index < 9 "
                           "(index_errors.cpp:{})",
                           here.line - 1));
}

TEST(IndexErrors, ComputedIndicesAndGradients) {
  const Tensor x = rand({4});
  eval(x);
  EXPECT_ERROR_HERE(eval(index_select(x, 0, argmax(x * 0, 0).reshape({1}) + 5)),
                    "index_select: index 5 is out of range; need 0 <= index < 4");
  const auto loss = [](Tensor w) { return embedding(tensor({8}), w).sum(); };
  const Loc here = std::source_location::current();
  EXPECT_ERROR(eval(grad(loss, rand({4, 2})).second),
               fmt::format("embedding: index 8 is out of range; need 0 <= index < 4 "
                           "(index_errors.cpp:{})",
                           here.line - 1));
}

// An op of one's own says which operand is an index.
TEST(IndexErrors, OfARegisteredOp) {
  const OpDef& pick =
      register_op({.name = "test_pick",
                   .arity = 2,
                   .cls = OpClass::View,
                   .infer = [](const InferCtx& c) { return Aval{c.in[1].shape, c.in[0].dtype}; },
                   .no_vjp_reason = "a test's op",
                   .lower =
                       [](LowerCtx& c) {
                         const kir::Expr last = c.integer(c.in[0].shape[0] - 1), i = c[1];
                         return c.element(0, {kir::max(kir::min(i, last), c.integer(0))});
                       },
                   .index_operand = 1});
  const auto f = [&](const Tensor& i) {
    return apply(pick, {arange(3).to(kFloat32), i}, {{"axis", std::int64_t{0}}});
  };
  EXPECT_EQ(f(tensor({2, 0})).to_vector<float>(), (std::vector<float>{2, 0}));
  EXPECT_ERROR(eval(f(tensor({0, 3}))), "test_pick: index 3 is out of range; need 0 <= index < 3");
}

TEST(IndexErrors, OneOpAtATime) {
  env::set("LILITH_EAGER", "1");
  clear_program_cache();
  EXPECT_ERROR_HERE(eval(index_select(rand({3}), 0, tensor({7}))),
                    "index_select: index 7 is out of range; need 0 <= index < 3");
  env::set("LILITH_EAGER", "");
  clear_program_cache();
}

}  // namespace
}  // namespace lilith
