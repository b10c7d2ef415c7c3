#include <limits>

#include "lilith/transforms.h"
#include "program_check.h"

// Reductions over the rows of one domain and what is computed with them: one kernel, the row in
// cache. Each case says how many kernels its forward pass takes.
namespace lilith::testing {
namespace {

using Function = std::function<Tensor(const Tensor&)>;

struct RowCase {
  std::string name;
  Function f;
  Shape x;
  int kernels = 1;  // of the forward pass; 0: any
  DType dtype = DType::F32;
};
void PrintTo(const RowCase& c, std::ostream* out) { *out << c.name << " of " << c.x.str(); }

int count(const std::string& text, const std::string& what) {
  int n = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++n;
  return n;
}

Tensor rms_norm(const Tensor& x, const IntList& dims) {
  return x * rsqrt(mean(x * x, dims, true) + 1e-5);
}
Tensor standardised(const Tensor& x, const IntList& dims) {
  const Tensor d = x - mean(x, dims, true);
  return d / sqrt(mean(d * d, dims, true) + 1e-5);
}
Tensor soft_targets(const Tensor& x) {
  return cross_entropy_loss(x, softmax(detach(x) * 0.5, 1), {.reduction = Reduction::None});
}
Function soft(int dim) {
  return [dim](const Tensor& x) { return softmax(x, dim); };
}
Function log_soft(int dim) {
  return [dim](const Tensor& x) { return log_softmax(x, dim); };
}
Function layer(const Shape& shape) {
  return [shape](const Tensor& x) {
    const Tensor w = (arange(shape.numel()).to(x.dtype()) * 0.01).reshape(shape);
    return layer_norm(x, shape, w, w * 0.5);
  };
}

class ProgramRows : public ::testing::TestWithParam<RowCase> {};

TEST_P(ProgramRows, Forward) {
  const RowCase c = GetParam();
  const auto program = check_program(
      {{c.x, c.dtype}}, [&](const Inputs& in) { return Inputs{c.f(in[0])}; },
      c.dtype == DType::F64 ? 1e-13 : 1e-5);
  if (c.kernels > 0) {
    EXPECT_EQ(program->stats().num_kernels, c.kernels) << program->stats().text;
  }
}

TEST_P(ProgramRows, Gradient) {
  const RowCase c = GetParam();
  check_program(
      {{c.x, c.dtype}},
      [&](const Inputs& in) {
        const auto f = [&](Tensor x) {
          const Tensor y = c.f(x);
          return (y * sin(y * 3.0)).sum();
        };
        auto [value, g] = grad(f, in[0]);
        return Inputs{value, g};
      },
      c.dtype == DType::F64 ? 1e-11 : 1e-4);
}

INSTANTIATE_TEST_SUITE_P(
    Functions, ProgramRows,
    ::testing::Values(
        RowCase{"softmax", soft(-1), {64, 512}}, RowCase{"softmax", soft(0), {7}},
        RowCase{"softmax", soft(-1), {5, 16}}, RowCase{"softmax", soft(-1), {3, 4, 1000}},
        RowCase{"softmax", soft(-1), {2, 3, 5, 16}}, RowCase{"softmax", soft(-1), {600, 10}},
        RowCase{"softmax", soft(-1), {9, 5000}}, RowCase{"softmax", soft(-1), {3, 1}, 0},
        RowCase{"softmax", soft(-1), {9, 512}, 1, DType::F64},
        RowCase{"softmax of short rows", soft(-1), {3000, 3}, 3},
        RowCase{"softmax of columns", soft(0), {64, 80}, 3},
        RowCase{"softmax of a row over the cache", soft(-1), {4, 200000}, 3},
        RowCase{"softmax of one long row", soft(-1), {1, 100000}, 0},
        RowCase{"log_softmax", log_soft(-1), {64, 500}},
        RowCase{"log_softmax", log_soft(1), {3, 7, 16}, 0},
        RowCase{"layer_norm", layer({512}), {64, 512}}, RowCase{"layer_norm", layer({7}), {5, 7}},
        RowCase{"layer_norm", layer({6, 40}), {3, 5, 6, 40}},
        RowCase{"layer_norm", layer({3, 5, 8}), {4, 3, 5, 8}, 1, DType::F64},
        RowCase{"rms_norm", [](const Tensor& x) { return rms_norm(x, -1); }, {33, 100}},
        RowCase{
            "standardised", [](const Tensor& x) { return standardised(x, {1, 3}); }, {4, 6, 3, 9}},
        RowCase{"standardised", [](const Tensor& x) { return standardised(x, {0, 1}); }, {40, 30}},
        RowCase{"group_norm", [](const Tensor& x) { return group_norm(x, 2); }, {3, 4, 6, 6}, 0},
        RowCase{"group_norm",
                [](const Tensor& x) { return group_norm(x, 4, ones({8}) * 2.0, ones({8})); },
                {5, 8, 9},
                0},
        RowCase{"instance_norm", [](const Tensor& x) { return instance_norm(x); }, {3, 4, 6, 7}},
        RowCase{"logsumexp", [](const Tensor& x) { return logsumexp(x, -1); }, {20, 90}},
        RowCase{
            "logsumexp", [](const Tensor& x) { return logsumexp(x, {1, 2}, true); }, {5, 6, 90}},
        RowCase{"cross_entropy", soft_targets, {16, 40}, 0},
        RowCase{"softmax twice",
                [](const Tensor& x) { return softmax(softmax(x * 2.0, -1) * 3.0, -1); },
                {11, 33}},
        RowCase{"minimum and maximum",
                [](const Tensor& x) {
                  return (x - amin(x, 1, true)) / (amax(x, 1, true) - amin(x, 1, true));
                },
                {17, 29}},
        RowCase{"reversed rows",
                [](const Tensor& x) {
                  return flip(softmax(x, -1), {1}) / sum(softmax(x, -1), 1, true);
                },
                {12, 40}},
        RowCase{"padded rows",
                [](const Tensor& x) {
                  const Tensor e = softmax(x, -1);
                  return amax(e, 1, true) * pad(e.slice(1, 0, 38), {1, 1});
                },
                {12, 40},
                0}));

// A later stage that reads another row waits for all of them.
TEST(ProgramRowsCases, AnotherRow) {
  for (const bool flipped : {true, false}) {
    const auto program = check_program({f32({12, 40})}, [&](const Inputs& in) {
      const Tensor y = softmax(in[0], -1);
      return Inputs{(flipped ? flip(y, {0}) : roll(y, 1, 0)) * amax(y, 1, true)};
    });
    EXPECT_EQ(count(program->stats().text, "chain of 3"), 1) << program->stats().text;
    EXPECT_EQ(program->stats().num_kernels, 2) << program->stats().text;
  }
}

// What stands between two stages and needs the first keeps them apart.
TEST(ProgramRowsCases, SomethingBetween) {
  const auto program = check_program({f32({32, 48}), f32({48, 48})}, [](const Inputs& in) {
    const Tensor y = softmax(in[0], -1);
    return Inputs{softmax(y + matmul(y, in[1]), -1), y};
  });
  EXPECT_EQ(count(program->stats().text, "chain of 3"), 2) << program->stats().text;
}

TEST(ProgramRowsCases, ResultsOfStagesThatOthersRead) {
  const auto program = check_program({f32({30, 65})}, [](const Inputs& in) {
    const Tensor top = amax(in[0], 1, true), e = exp(in[0] - top), s = sum(e, 1, true);
    return Inputs{e / s, squeeze(top, 1), s, e, log(s) + top};
  });
  EXPECT_EQ(program->stats().num_kernels, 1) << program->stats().text;
}

TEST(ProgramRowsCases, IntegersAndBooleans) {
  const auto program = check_program(
      {{{9, 50}, DType::I64}, {{9, 50}, DType::Bool}},
      [](const Inputs& in) {
        const Tensor centred = in[0] - amin(in[0], 1, true);
        return Inputs{centred * sum(centred, 1, true), logical_and(in[1], all(in[1], 1, true))};
      },
      0, -50, 50);
  EXPECT_LE(program->stats().num_kernels, 3) << program->stats().text;
}

TEST(ProgramRowsCases, IndicesOfTheBestStandAlone) {
  check_program({f32({9, 50})}, [](const Inputs& in) {
    const Tensor y = softmax(in[0], -1);
    return Inputs{y, argmax(y, 1), amax(y, 1)};
  });
}

// Rows of infinities and NaN give what the formula gives, and leave the other rows alone.
TEST(ProgramRowsCases, InfinitiesAndNan) {
  check_program({f32({6, 33})}, [](const Inputs& in) {
    const double inf = std::numeric_limits<double>::infinity();
    const Tensor row = arange(6).reshape({6, 1}), column = arange(33).reshape({1, 33});
    const auto put = [&](const Tensor& x, int r, int c, double v) {
      return where(logical_and(row == r, column == c), full({}, v), x);
    };
    Tensor x = put(put(in[0], 0, 5, inf), 1, 32, -inf);
    x = where(row == 2, full({}, -inf), x);
    x = put(put(x, 3, 0, std::nan("")), 4, 3, 1e30);
    return Inputs{softmax(x, -1), log_softmax(x, -1), layer_norm(x, {33}), logsumexp(x, 1)};
  });
}

TEST(ProgramRowsCases, HalfPrecision) {
  for (const DType dtype : {DType::F16, DType::BF16}) {
    const auto program = check_program(
        {f32({40, 70})},
        [&](const Inputs& in) { return Inputs{softmax(in[0].to(dtype), -1).to(DType::F32)}; },
        1e-2);
    EXPECT_EQ(program->stats().num_kernels, 1) << program->stats().text;
  }
}

TEST(ProgramRowsCases, Empty) {
  check_program({f32({0, 5}), f32({5, 0})}, [](const Inputs& in) {
    return Inputs{softmax(in[0], -1), softmax(in[1], -1), log_softmax(in[0], 0),
                  zeros({4, 0, 2, 10}) + 1.0};
  });
}

// Long rows are reduced in the lanes and by all threads: the extremum, then the least place of it.
TEST(ProgramRowsCounts, IndexOfTheBestOfALongRow) {
  const auto program = check_program(
      {f32({20, 1000}), f32({300000}), {{3, 500, 7}, DType::I32}}, [](const Inputs& x) {
        const Tensor nan = where(gt(x[0], 1.9), log(-abs(x[0])), floor(x[0] * 8));
        return Inputs{argmax(x[0], 1), argmin(floor(x[0] * 4), 1),
                      argmax(x[1]),    argmin(floor(x[1])),
                      argmax(x[2], 1), argmax(nan, 1),
                      argmin(nan, 1)};
      });
  EXPECT_EQ(program->stats().text.find("index of the best"), std::string::npos);
  const auto columns =
      check_program({f32({100, 2000})}, [](const Inputs& x) { return Inputs{argmax(x[0], 0)}; });
  EXPECT_NE(columns->stats().text.find("index of the best"), std::string::npos);
}

}  // namespace
}  // namespace lilith::testing
