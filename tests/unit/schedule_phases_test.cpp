#include "lilith/transforms.h"
#include "program_check.h"

// Convolutions of dilated inputs: one for each place between the elements, none of whose products
// is with a zero of the dilation.
namespace lilith::testing {
namespace {

struct PhaseCase {
  std::int64_t kernel, stride, padding, height, width, groups = 1;
};
void PrintTo(const PhaseCase& c, std::ostream* out) {
  *out << "kernel " << c.kernel << " stride " << c.stride << " padding " << c.padding << " of "
       << c.height << "x" << c.width << " groups " << c.groups;
}

class ProgramPhases : public ::testing::TestWithParam<PhaseCase> {};

TEST_P(ProgramPhases, GradientOfAStridedConvolution) {
  const PhaseCase c = GetParam();
  const auto net = [&](Tensor x, Tensor w) {
    return conv2d(x, w, {}, c.stride, static_cast<int>(c.padding), 1, c.groups);
  };
  const auto program = check_program(
      {f32({4, 16, c.height, c.width}), f32({32, 16 / c.groups, c.kernel, c.kernel})},
      [&](const Inputs& x) {
        const auto f = [&](Tensor t) {
          const Tensor y = net(t, x[1]);
          return (y * y).sum();
        };
        return Inputs{grad(f, x[0]).second};
      },
      1e-4);
  const std::string& text = program->stats().text;
  int products = 0;
  for (std::size_t at = 0; (at = text.find("conv_general", at)) != std::string::npos; ++at)
    ++products;
  EXPECT_GE(products, 1 + std::min(c.kernel, c.stride) * std::min(c.kernel, c.stride)) << text;
}

INSTANTIATE_TEST_SUITE_P(Strided, ProgramPhases,
                         ::testing::Values(PhaseCase{3, 2, 1, 20, 20}, PhaseCase{3, 2, 1, 21, 18},
                                           PhaseCase{3, 2, 0, 22, 19}, PhaseCase{4, 2, 1, 20, 20},
                                           PhaseCase{5, 3, 2, 25, 23}, PhaseCase{1, 2, 0, 31, 32},
                                           PhaseCase{2, 3, 0, 26, 27}, PhaseCase{7, 2, 3, 20, 24},
                                           PhaseCase{3, 2, 1, 32, 32, 4}));

TEST(ProgramPhases, TransposedConvolutions) {
  for (const int pad : {0, 1, 2}) {
    check_program(
        {f32({4, 32, 9, 11}), f32({32, 16, 3, 3}), f32({16})},
        [&](const Inputs& x) {
          return Inputs{relu(conv_transpose2d(x[0], x[1], x[2], 2, pad, 1)),
                        conv_transpose2d(x[0], x[1], {}, {3, 1}, {pad, 0}, {2, 0})};
        },
        1e-4);
  }
}

}  // namespace
}  // namespace lilith::testing
