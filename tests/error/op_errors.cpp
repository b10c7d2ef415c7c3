#include "lilith/ops.h"
#include "support/expect_error.h"

namespace lilith {
namespace {

Tensor of(const Shape& shape, DType dtype = DType::F32) { return zeros(shape, {.dtype = dtype}); }

TEST(OpErrors, Broadcasting) {
  EXPECT_ERROR_HERE(of({2, 3}) + of({4}),
                    "add: shapes do not broadcast: f32[2,3], f32[4]; need equal sizes or 1, "
                    "counted from the last dimension (3 vs 4)");
  EXPECT_ERROR_HERE(maximum(of({2}), of({3})),
                    "maximum: shapes do not broadcast: f32[2], f32[3]; need equal sizes or 1, "
                    "counted from the last dimension (2 vs 3)");
}

TEST(OpErrors, DTypes) {
  EXPECT_ERROR_HERE(of({2}, DType::Bool) - of({2}, DType::Bool),
                    "sub: got bool[2] and bool[2]; bools do not subtract, use logical_xor");
  EXPECT_ERROR_HERE(bitwise_and(of({2}), of({2})),
                    "bitwise_and: got f32[2] and f32[2]; need bool or integer operands");
  EXPECT_ERROR_HERE(-of({2}, DType::Bool),
                    "neg: got bool[2]; bools have no negative, use logical_not");
  EXPECT_ERROR_HERE(where(of({2}), of({2}), of({2})), "where: the condition is f32[2]; need bool");
  EXPECT_ERROR_HERE(masked_fill(of({2}), of({2}), 1), "masked_fill: the mask is f32[2]; need bool");
  EXPECT_ERROR_HERE(pow(arange(3), -1),
                    "pow: integers to the negative power -1; need a floating base");
}

TEST(OpErrors, Products) {
  EXPECT_ERROR_HERE(matmul(of({64, 128}), of({10, 128})),
                    "matmul: inner sizes differ: a f32[64,128], b f32[10,128]; need a.shape[-1] == "
                    "b.shape[-2] (128 vs 10). b.transpose() fits.");
  EXPECT_ERROR_HERE(matmul(of({2, 3}), of({4, 5})),
                    "matmul: inner sizes differ: a f32[2,3], b f32[4,5]; need a.shape[-1] == "
                    "b.shape[-2] (3 vs 4).");
  EXPECT_ERROR_HERE(matmul(of({}), of({4})),
                    "matmul: got a f32[], b f32[4]; need at least 1 dimension each (use mul)");
  EXPECT_ERROR_HERE(matmul(of({2, 2}), of({2, 2}, DType::F64)),
                    "matmul: dtypes differ: a f32[2,2], b f64[2,2]; need equal dtypes");
  EXPECT_ERROR_HERE(mm(of({2}), of({2, 2})),
                    "mm: got a f32[2], b f32[2,2]; need 2 and 2 dimensions");
  EXPECT_ERROR_HERE(bmm(of({2, 3, 4}), of({3, 4, 5})),
                    "bmm: batch sizes differ: a f32[2,3,4], b f32[3,4,5]; need equal sizes");
  EXPECT_ERROR_HERE(outer(of({2, 2}), of({2})),
                    "outer: got a f32[2,2], b f32[2]; need 1 dimension each");
  EXPECT_ERROR_HERE(cross(of({2, 4}), of({2, 4})), "cross: dimension -1 of f32[2,4]; need size 3");
}

TEST(OpErrors, Convolutions) {
  EXPECT_ERROR_HERE(conv2d(of({1, 3, 8, 8}), of({64, 4, 3, 3})),
                    "conv2d: input has 3 channels, weight f32[64,4,3,3] wants 4 (groups=1).");
  EXPECT_ERROR_HERE(conv2d(of({8, 8}), of({4, 3, 3, 3})),
                    "conv2d: input is f32[8,8]; need [N, C, 2 sizes] or [C, 2 sizes]");
  EXPECT_ERROR_HERE(conv2d(of({1, 3, 8, 8}), of({4, 3, 3})),
                    "conv2d: weight is f32[4,3,3]; need 4 dimensions");
  EXPECT_ERROR_HERE(conv2d(of({1, 3, 8, 8}), of({4, 3, 3, 3}), {}, 2, "same"),
                    "conv2d: padding \"same\" with stride 2; need stride 1");
  EXPECT_ERROR_HERE(conv2d(of({1, 3, 8, 8}), of({4, 3, 3, 3}), {}, 0),
                    "conv2d: stride 0, dilation 1; need both >= 1");
  EXPECT_ERROR_HERE(Padding("some"), "padding: 'some'; need sizes, \"same\" or \"valid\"");
  EXPECT_ERROR_HERE(linear(of({2, 3}), of({5, 4})),
                    "linear: x f32[2,3] has 3 features, weight f32[5,4] wants 4");
  EXPECT_ERROR_HERE(linear(of({2, 3}), of({5, 3}), of({4})), "linear: bias is f32[4]; need [5]");
}

TEST(OpErrors, Pools) {
  EXPECT_ERROR_HERE(max_pool2d(of({1, 3, 8, 8}), 0),
                    "max_pool2d: kernel_size 0, stride 0, dilation 1; need each >= 1");
  EXPECT_ERROR_HERE(max_pool2d(of({1, 3, 8, 8}), 2, 2, 2),
                    "max_pool2d: padding 2 with kernel_size 2; need at most half of the window");
  EXPECT_ERROR_HERE(avg_pool2d(of({8, 8}), 2),
                    "avg_pool2d: input is f32[8,8]; need [N, C, 2 sizes] or [C, 2 sizes]");
}

TEST(OpErrors, Shapes) {
  EXPECT_ERROR_HERE(reshape(of({2, 3}), {4, 2}),
                    "reshape: f32[2,3] does not fit [4,2]; need as many elements (6 vs 8)");
  EXPECT_ERROR_HERE(transpose(of({2, 3}), 0, 2),
                    "transpose: dimension 2 is out of range for 2 dimensions; need -2 <= dim < 2");
  EXPECT_ERROR_HERE(sum(of({2, 3}), {0, 0}), "sum: dimension 0 is given twice");
  EXPECT_ERROR_HERE(expand(of({2, 3}), {4, 3}),
                    "expand: f32[2,3] to [4,3]: size 2 does not repeat to 4; need 1 or 4");
  EXPECT_ERROR_HERE(
      cat({of({2, 3}), of({2, 4})}, 0),
      "cat: f32[2,3] and f32[2,4] do not fit along dimension 0; need equal sizes elsewhere");
  EXPECT_ERROR_HERE(cat({}, 0), "cat: no tensors; need at least one");
  EXPECT_ERROR_HERE(squeeze(of({2, 3}), 5),
                    "squeeze: dimension 5 is out of range for 2 dimensions; need -2 <= dim < 2");
  EXPECT_ERROR_HERE(
      narrow(of({5}), 0, 3, 4),
      "narrow: 4 indices from 3 of dimension 0 of f32[5]; need 0 <= start and start + length <= 5");
  EXPECT_ERROR_HERE(of({3})[3], "select: index 3 of dimension 0 of f32[3]; need -3 <= index < 3");
  EXPECT_ERROR_HERE(split(of({5}), 0), "split: pieces of 0; need at least 1");
}

TEST(OpErrors, Creation) {
  EXPECT_ERROR_HERE(zeros({2, -1}), "zeros: shape [2,-1]; need sizes >= 0");
  EXPECT_ERROR_HERE(
      arange(0, 5, 0),
      "arange: from 0 to 5 in steps of 0; need finite bounds and a step other than 0");
  EXPECT_ERROR_HERE(arange(5, 0),
                    "arange: from 5 to 0 in steps of 1; need the end on the step's side");
  EXPECT_ERROR_HERE(linspace(0, 1, -1), "linspace: -1 steps; need steps >= 0");
  EXPECT_ERROR_HERE(eye(-1), "eye: -1 x -1; need sizes >= 0");
  EXPECT_ERROR_HERE(tensor({{1.f, 2.f}, {3.f}}),
                    "tensor: rows differ in length; need as many numbers in each pair of braces");
  EXPECT_ERROR_HERE(tensor({{1, 2}, {0.5}}),
                    "tensor: rows differ in length; need as many numbers in each pair of braces");
  EXPECT_ERROR_HERE(tensor({1.5, 2, {3}}),
                    "tensor: a number stands beside a list; need lists of one depth");
  EXPECT_ERROR_HERE(tensor({{0.5, 1}, 2}, kDouble),
                    "tensor: a number stands beside a list; need lists of one depth");
  EXPECT_ERROR_HERE(tensor({1, {3}}),
                    "tensor: a number stands beside a list; need lists of one depth");
  EXPECT_ERROR_HERE(tensor({{}, 1}),
                    "tensor: a number stands beside a list; need lists of one depth");
  EXPECT_ERROR_HERE(tensor({1.5, {}}),
                    "tensor: a number stands beside a list; need lists of one depth");
  EXPECT_ERROR_HERE(tensor({1e30, 1}, kInt64), "tensor: 1e+30 does not fit i64");
  EXPECT_ERROR_HERE(tensor({~0ULL}), "tensor: 1.8446744073709552e+19 does not fit i64");
  EXPECT_ERROR_HERE(tensor({3e9}, kInt32), "tensor: 3000000000 does not fit i32");
  EXPECT_ERROR_HERE(tensor({300}, kUInt8), "tensor: 300 does not fit u8");
  EXPECT_ERROR_HERE(tensor({-1.5}, kUInt8), "tensor: -1.5 does not fit u8");
  EXPECT_ERROR_HERE(tensor(-129, kInt8), "tensor: -129 does not fit i8");
  EXPECT_ERROR_HERE(linalg::solve_triangular(ones({2, 2}), ones({2, 2}), {.left = true}),
                    "solve_triangular: .upper is missing; need true or false");
  EXPECT_ERROR_HERE(randint(3, 3, {2}), "randint: [3, 3); need low < high");
  EXPECT_ERROR_HERE(dropout(of({2}), 1.5), "dropout: p is 1.5; need 0 <= p <= 1");
}

TEST(OpErrors, Indices) {
  EXPECT_ERROR_HERE(gather(of({2, 3}), 0, of({2}, DType::I64)),
                    "gather: x f32[2,3], index i64[2]; need as many dimensions");
  EXPECT_ERROR_HERE(gather(of({2, 3}), 0, of({2, 3})),
                    "gather: the index is f32[2,3]; need integers");
  EXPECT_ERROR_HERE(index_select(of({2, 3}), 0, of({2, 2}, DType::I64)),
                    "index_select: the index is i64[2,2]; need at most 1 dimension");
  EXPECT_ERROR_HERE(one_hot(arange(3), 0),
                    "one_hot: num_classes is 0; need num_classes >= 1, or -1 for as many as x has");
  EXPECT_ERROR_HERE(diag(of({2, 2, 2})), "diag: got f32[2,2,2]; need 1 or 2 dimensions");
  EXPECT_ERROR_HERE(trace(of({2})), "trace: got f32[2]; need 2 dimensions");
  EXPECT_ERROR_HERE(embedding(arange(3), of({4})),
                    "embedding: weight is f32[4]; need [rows, features]");
}

TEST(OpErrors, Reductions) {
  EXPECT_ERROR_HERE(mean(arange(3)),
                    "mean: got i64[3]; need a floating dtype (convert with x.to(kFloat32))");
  EXPECT_ERROR_HERE(amax(of({0})),
                    "amax: dimension 0 of f32[0] is empty; need at least one element");
  EXPECT_ERROR_HERE(softmax(of({2, 3}), 2),
                    "softmax: dimension 2 is out of range for 2 dimensions; need -2 <= dim < 2");
  EXPECT_ERROR_HERE(argmax(of({0})),
                    "argmax: dimension 0 of f32[0] is empty; need at least one element");
}

TEST(OpErrors, Losses) {
  EXPECT_ERROR_HERE(nll_loss(of({4, 10}), of({5}, DType::I64)),
                    "nll_loss: target is i64[5]; input f32[4,10] needs integers of shape [4]");
  EXPECT_ERROR_HERE(mse_loss(of({4}), of({3})),
                    "mse_loss: input is f32[4], target is f32[3]; need one shape");
  EXPECT_ERROR_HERE(
      cross_entropy_loss(of({4, 10}), of({4, 9})),
      "cross_entropy_loss: probabilities f32[4,9] for input f32[4,10]; need the same shape");
}

TEST(OpErrors, SizesThatCannotBeCounted) {
  constexpr std::int64_t k33 = std::int64_t{1} << 33, k40 = std::int64_t{1} << 40,
                         k62 = std::int64_t{1} << 62;
  EXPECT_ERROR_HERE(zeros({k40, k40}),
                    "zeros: the result would be f32[1099511627776,1099511627776]; need fewer than "
                    "2^63 bytes");
  EXPECT_ERROR_HERE(ones({0, k62, 4}),
                    "ones: the result would be f32[0,4611686018427387904,4]; need fewer than 2^63 "
                    "bytes");
  EXPECT_ERROR_HERE(rand({k62}),
                    "rand: the result would be f32[4611686018427387904]; need fewer than 2^63 "
                    "bytes");
  EXPECT_ERROR_HERE(
      eye(k33), "eye: the result would be f32[8589934592,8589934592]; need fewer than 2^63 bytes");
  const Tensor long_row = zeros({1}).expand({k33});
  EXPECT_ERROR_HERE(outer(long_row, long_row),
                    "outer: the result would be f32[8589934592,8589934592]; need fewer than "
                    "2^63 bytes");
  EXPECT_ERROR_HERE(ones({1}).expand({k62, 4}),
                    "expand: the result would be f32[4611686018427387904,4]; need fewer than "
                    "2^63 bytes");
  EXPECT_ERROR_HERE(one_hot(arange(4), k62),
                    "one_hot: the result would be i64[4,4611686018427387904]; need fewer than "
                    "2^63 bytes");
  EXPECT_ERROR_HERE(repeat(of({4}), {k62}),
                    "repeat: the result would be f32[4611686018427387904,4]; need fewer than "
                    "2^63 bytes");
  EXPECT_ERROR_HERE(pad(of({4}), {INT64_MAX, 5}),
                    "pad: f32[4] by lo 9223372036854775807, hi 5, interior 0 of dimension 0; need "
                    "a size below 2^63");
  EXPECT_ERROR_HERE(arange(0, 1e30),
                    "arange: from 0 to 1e+30 in steps of 1 is 1e+30 numbers; need fewer than 2^63 "
                    "bytes");
  EXPECT_ERROR_HERE(linspace(0, 1, k62),
                    "linspace: the result would be f64[4611686018427387904]; need fewer than 2^63 "
                    "bytes");
}

}  // namespace
}  // namespace lilith
