#include "program_check.h"

namespace lilith::testing {
namespace {

TEST(Program, Pointwise) {
  check_program({f32({7, 33}), f32({7, 33})},
                [](const Inputs& x) { return Inputs{x[0] * x[1] + 1.5}; });
  check_program({f32({1000, 1000})}, [](const Inputs& x) { return Inputs{relu(x[0]), exp(x[0])}; });
  check_program({f32({})}, [](const Inputs& x) { return Inputs{x[0] + 1}; });
}
TEST(Program, Broadcast) {
  check_program({f32({5, 1, 7}), f32({3, 1})}, [](const Inputs& x) { return Inputs{x[0] - x[1]}; });
}
TEST(Program, Views) {
  check_program({f32({4, 6, 5})}, [](const Inputs& x) {
    return Inputs{x[0].permute({2, 0, 1}), x[0].reshape({8, 15}) + 1, x[0].slice(1, 1, 6, 2),
                  flip(x[0], {0, 2})};
  });
  check_program({f32({4, 6}), f32({3, 6})},
                [](const Inputs& x) { return Inputs{cat({x[0], x[1]}, 0)}; });
}
TEST(Program, Reductions) {
  check_program({f32({37, 65})}, [](const Inputs& x) {
    return Inputs{x[0].sum(),      x[0].sum({0}),   x[0].sum({1}),
                  amax(x[0], {1}), amin(x[0], {0}), x[0].mean()};
  });
  check_program({f32({3, 100, 5})},
                [](const Inputs& x) { return Inputs{x[0].sum({1}), x[0].sum({0, 2})}; });
  check_program(
      {f32({500, 300})}, [](const Inputs& x) { return Inputs{x[0].sum({0}), (x[0] * x[0]).sum()}; },
      1e-4);
  check_program({f32({100003})}, [](const Inputs& x) { return Inputs{x[0].sum()}; }, 1e-3);
  check_program({f32({20, 30})}, [](const Inputs& x) {
    return Inputs{x[0].argmax(1), x[0].argmax(0), x[0].argmax()};
  });
}
TEST(Program, Softmax) {
  check_program({f32({100, 10})},
                [](const Inputs& x) { return Inputs{log_softmax(x[0], 1), softmax(x[0], 0)}; });
}
TEST(Program, AMatmulWithALongTail) {
  check_program({f32({8, 9}), f32({9, 17})}, [](const Inputs& x) {
    Tensor t = matmul(x[0], x[1]);
    for (int i = 0; i < 100; ++i) t = i % 2 ? maximum(t, -1.0 - i) : t + 0.25;
    return Inputs{t};
  });
}

TEST(Program, Matmul) {
  for (const auto& [m, n, k] : {std::tuple{1, 1, 1},
                                {3, 5, 7},
                                {100, 500, 784},
                                {100, 10, 288},
                                {64, 1, 33},
                                {1, 300, 70},
                                {17, 100, 129}}) {
    check_program(
        {f32({m, k}), f32({k, n})}, [](const Inputs& x) { return Inputs{matmul(x[0], x[1])}; },
        1e-5);
    check_program(
        {f32({m, k}), f32({n, k}), f32({n})},
        [](const Inputs& x) { return Inputs{tanh(matmul(x[0], x[1].t()) + x[2])}; }, 1e-4);
    check_program(
        {f32({k, m}), f32({k, n})}, [](const Inputs& x) { return Inputs{matmul(x[0].t(), x[1])}; },
        1e-5);
  }
  check_program({f32({4, 20, 30}), f32({4, 30, 25})},
                [](const Inputs& x) { return Inputs{matmul(x[0], x[1])}; });
}

}  // namespace
}  // namespace lilith::testing
