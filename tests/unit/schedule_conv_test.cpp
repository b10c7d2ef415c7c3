#include "lilith/transforms.h"
#include "program_check.h"

namespace lilith::testing {
namespace {

struct ConvCase {
  Shape x, w;
  std::int64_t stride, padding, dilation, groups;
};
void PrintTo(const ConvCase& c, std::ostream* out) { *out << c.x.str() << " * " << c.w.str(); }

class ProgramConv : public ::testing::TestWithParam<ConvCase> {};

TEST_P(ProgramConv, ForwardAndGradients) {
  const ConvCase c = GetParam();
  check_program(
      {f32(c.x), f32(c.w), f32({c.w[0]})},
      [&](const Inputs& in) {
        const auto f = [&](Tensor x, Tensor w, Tensor b) {
          const Tensor y = relu(conv2d(x, w, b, c.stride, c.padding, c.dilation, c.groups));
          return (y * y).sum();
        };
        auto [value, gradients] = grad<0, 1, 2>(f, in[0], in[1], in[2]);
        const auto& [gx, gw, gb] = gradients;
        return Inputs{conv2d(in[0], in[1], in[2], c.stride, c.padding, c.dilation, c.groups), gx,
                      gw, gb};
      },
      2e-4);
}

INSTANTIATE_TEST_SUITE_P(Shapes, ProgramConv,
                         ::testing::Values(ConvCase{{2, 1, 8, 8}, {16, 1, 3, 3}, 1, 1, 1, 1},
                                           ConvCase{{3, 16, 7, 7}, {32, 16, 3, 3}, 1, 1, 1, 1},
                                           ConvCase{{2, 3, 12, 12}, {20, 3, 5, 5}, 1, 0, 1, 1},
                                           ConvCase{{2, 4, 9, 9}, {6, 4, 3, 3}, 2, 1, 1, 1},
                                           ConvCase{{2, 4, 9, 11}, {6, 2, 3, 2}, 1, 2, 2, 2},
                                           ConvCase{{1, 6, 5, 5}, {6, 1, 3, 3}, 1, 1, 1, 6},
                                           ConvCase{{2, 20, 12, 12}, {50, 20, 5, 5}, 1, 0, 1, 1},
                                           ConvCase{{1, 2, 4, 4}, {3, 2, 1, 1}, 1, 0, 1, 1}));

TEST(Program, Pooling) {
  for (const std::int64_t k : {2, 3}) {
    check_program({f32({2, 5, 8, 8})}, [&](const Inputs& in) {
      const auto f = [&](Tensor x) { return (max_pool2d(relu(x), k) * 1.5).sum(); };
      const auto a = [&](Tensor x) {
        const Tensor y = avg_pool2d(x, k, 1, 1);
        return (y * y).sum();
      };
      return Inputs{max_pool2d(in[0], k), avg_pool2d(in[0], k), std::get<1>(grad(f, in[0])),
                    std::get<1>(grad(a, in[0]))};
    });
  }
}

TEST(Program, SmallConvolutionalNetworkStep) {
  const std::vector<Aval> avals{
      f32({4, 1, 28, 28}), {{4}, DType::I64}, f32({16, 1, 3, 3}), f32({16}),
      f32({32, 16, 3, 3}), f32({32}),         f32({10, 1568}),    f32({10})};
  check_program(
      avals,
      [](const Inputs& in) {
        const auto loss = [&](Tensor w1, Tensor b1, Tensor w2, Tensor b2, Tensor w3, Tensor b3) {
          Tensor x = max_pool2d(relu(conv2d(in[0], w1, b1, 1, 1)), 2);
          x = max_pool2d(relu(conv2d(x, w2, b2, 1, 1)), 2);
          return nll_loss(log_softmax(linear(x.flatten(1), w3, b3), 1), abs(in[1]));
        };
        auto [value, g] = grad<0, 1, 2, 3, 4, 5>(loss, in[2], in[3], in[4], in[5], in[6], in[7]);
        return std::apply([&](auto... gs) { return Inputs{value, gs...}; }, g);
      },
      1e-4, -1, 1);
}

}  // namespace
}  // namespace lilith::testing
