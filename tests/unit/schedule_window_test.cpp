#include "lilith/transforms.h"
#include "program_check.h"

// Pooling: large windows become reductions, overlapping ones are asked by stride, neighbours a few
// elements apart are read together.
namespace lilith::testing {
namespace {

using Function = std::function<Tensor(const Tensor&)>;

struct WindowCase {
  std::string name;
  Function f;
  Shape x;
  DType dtype = DType::F32;
};
void PrintTo(const WindowCase& c, std::ostream* out) { *out << c.name << " of " << c.x.str(); }

Function avg(int size, int stride, int pad) {
  return [=](const Tensor& x) { return avg_pool2d(x, size, stride, pad); };
}
Function most(int size, int stride, int pad, int dilation = 1) {
  return [=](const Tensor& x) { return max_pool2d(x, size, stride, pad, dilation); };
}
Function most1(int size, int stride, int pad) {
  return [=](const Tensor& x) { return max_pool1d(x, size, stride, pad); };
}
Function avg1(int size, int stride, int pad) {
  return [=](const Tensor& x) { return avg_pool1d(x, size, stride, pad); };
}

class ProgramWindow : public ::testing::TestWithParam<WindowCase> {};

TEST_P(ProgramWindow, Forward) {
  const WindowCase c = GetParam();
  check_program({{c.x, c.dtype}}, [&](const Inputs& in) { return Inputs{c.f(in[0])}; });
}

TEST_P(ProgramWindow, Gradient) {
  const WindowCase c = GetParam();
  check_program({{c.x, c.dtype}}, [&](const Inputs& in) {
    const auto f = [&](Tensor x) {
      const Tensor y = c.f(x);
      return (y * y).sum();
    };
    auto [value, g] = grad(f, in[0]);
    return Inputs{value, g};
  });
}

INSTANTIATE_TEST_SUITE_P(
    Windows, ProgramWindow,
    ::testing::Values(WindowCase{"global average",
                                 [](const Tensor& x) { return adaptive_avg_pool2d(x, 1); },
                                 {2, 3, 12, 14}},
                      WindowCase{"global maximum",
                                 [](const Tensor& x) { return adaptive_max_pool2d(x, 1); },
                                 {2, 3, 12, 14}},
                      WindowCase{"large, side by side", avg(6, 6, 0), {2, 3, 20, 19}},
                      WindowCase{
                          "large maxima, side by side", most(5, 5, 0), {2, 3, 20, 19}, DType::F64},
                      WindowCase{"apart", avg(3, 4, 0), {2, 3, 15, 14}},
                      WindowCase{"apart, padded", avg(3, 4, 1), {2, 3, 15, 14}},
                      WindowCase{"side by side, padded", avg(4, 4, 2), {2, 3, 14, 13}},
                      WindowCase{"overlapping", avg(3, 2, 1), {2, 3, 14, 13}},
                      WindowCase{"large, overlapping", avg(7, 1, 3), {2, 3, 14, 13}},
                      WindowCase{"large maxima, overlapping", most(5, 2, 2), {2, 3, 14, 13}},
                      WindowCase{"large maxima, a step of 3", most(6, 3, 3), {2, 3, 31, 20}},
                      WindowCase{"maxima, dilated", most(3, 2, 1, 2), {2, 3, 14, 13}},
                      WindowCase{"large maxima, dilated", most(5, 1, 2, 2), {1, 2, 14, 13}},
                      WindowCase{"the first pooling of a resnet", most(3, 2, 1), {2, 3, 56, 40}},
                      WindowCase{"long, in two levels", most1(36, 2, 0), {2, 3, 100}},
                      WindowCase{"long and padded", most1(36, 5, 18), {2, 3, 100}},
                      WindowCase{"long sums", avg1(35, 2, 17), {2, 3, 100}},
                      WindowCase{"of a prime length", avg1(31, 1, 0), {2, 3, 100}}));

// A window of all elements is a reduction, and its gradient a broadcast: nothing is written out.
TEST(ProgramWindowCounts, GlobalAverage) {
  const auto program = check_program({f32({4, 8, 56, 56})}, [](const Inputs& in) {
    const auto f = [](Tensor x) { return adaptive_avg_pool2d(x, 1).sum(); };
    auto [value, g] = grad(f, in[0]);
    return Inputs{adaptive_avg_pool2d(in[0], 1), g};
  });
  EXPECT_LE(program->stats().num_kernels, 2) << program->stats().text;
  EXPECT_EQ(program->stats().text.find("reduce_window"), std::string::npos);
}

// A tie goes to the first element in row-major order, in a window of two levels too.
TEST(ProgramWindowCounts, TiesAcrossLevels) {
  check_program({f32({1, 1, 12, 12})}, [](const Inputs& in) {
    const auto f = [](Tensor x) {
      const Tensor y = max_pool2d(floor(x), 6, 2);
      return (y * arange(y.numel()).to(kFloat32).reshape(y.shape())).sum();
    };
    auto [value, g] = grad([&](Tensor x) { return f(x); }, floor(in[0]));
    return Inputs{value, g};
  });
}

TEST(ProgramWindowCounts, StridedReads) {
  for (const std::int64_t step : {2, 3, 4, 5}) {
    for (const std::int64_t n : {7, 64, 131}) {
      check_program({f32({3, n}), {{3, n}, DType::F64}}, [&](const Inputs& in) {
        return Inputs{slice(in[0], 1, 1, n, step) * 2, slice(in[1], 1, 0, n, step) * 2,
                      flip(slice(in[0], 1, 0, n, step), {1}) + 1};
      });
    }
  }
}

}  // namespace
}  // namespace lilith::testing
