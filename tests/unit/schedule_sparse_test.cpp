#include "lilith/transforms.h"
#include "lilith/vmap.h"
#include "program_check.h"

// Convolutions before a max pooling: the cotangent has one element a window, and the gradients read
// a list of them. Each case says how many of the two gradients must be computed that way.
namespace lilith::testing {
namespace {

struct SparseCase {
  Shape x, w;
  std::int64_t stride = 1, padding = 0, dilation = 1, groups = 1;
  std::int64_t pool = 2, pool_stride = 2;
  int sparse = 2;
  DType dtype = DType::F32;
};
void PrintTo(const SparseCase& c, std::ostream* out) { *out << c.x.str() << " * " << c.w.str(); }

Tensor convolve(const SparseCase& c, const Tensor& x, const Tensor& w, const Tensor& b) {
  switch (c.x.rank()) {
    case 3:
      return conv1d(x, w, b, c.stride, c.padding, c.dilation, c.groups);
    case 4:
      return conv2d(x, w, b, c.stride, c.padding, c.dilation, c.groups);
    default:
      return conv3d(x, w, b, c.stride, c.padding, c.dilation, c.groups);
  }
}
Tensor pool(const SparseCase& c, const Tensor& x) {
  switch (c.x.rank()) {
    case 3:
      return max_pool1d(x, c.pool, c.pool_stride);
    case 4:
      return max_pool2d(x, c.pool, c.pool_stride);
    default:
      return max_pool3d(x, c.pool, c.pool_stride);
  }
}

int count(const std::string& text, const std::string& what) {
  int n = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++n;
  return n;
}

class ProgramSparse : public ::testing::TestWithParam<SparseCase> {};

TEST_P(ProgramSparse, Gradients) {
  const SparseCase c = GetParam();
  const Aval x{c.x, c.dtype}, w{c.w, c.dtype}, b{{c.w[0]}, c.dtype};
  for (const int order : {0, 1, 2}) {  // ReLU before the pooling, after it, none
    const auto program = check_program(
        {x, w, b},
        [&](const Inputs& in) {
          const auto f = [&](Tensor t, Tensor v, Tensor u) {
            // A product in front, so that x's gradient has an epilogue.
            Tensor y = convolve(c, t * 0.5, v, u);
            y = order == 0 ? pool(c, relu(y)) : order == 1 ? relu(pool(c, y)) : pool(c, y);
            return (y * y).sum();
          };
          auto [value, gradients] = grad<0, 1, 2>(f, in[0], in[1], in[2]);
          const auto& [gx, gw, gb] = gradients;
          return Inputs{value, gx, gw, gb};
        },
        c.dtype == DType::F64 ? 1e-12 : 2e-4);
    EXPECT_EQ(count(program->stats().text, "sparse: "), c.sparse) << program->stats().text;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, ProgramSparse,
    ::testing::Values(
        SparseCase{.x = {5, 16, 14, 14}, .w = {32, 16, 3, 3}, .padding = 1},
        SparseCase{.x = {3, 32, 7, 7}, .w = {32, 32, 3, 3}, .padding = 1},
        SparseCase{.x = {3, 20, 12, 12}, .w = {50, 20, 5, 5}},
        SparseCase{.x = {4, 1, 28, 28}, .w = {16, 1, 3, 3}, .padding = 1, .sparse = 0},
        SparseCase{.x = {1, 24, 12, 12}, .w = {17, 24, 3, 3}, .padding = 1},
        SparseCase{.x = {3, 12, 21, 17}, .w = {16, 12, 4, 3}, .stride = 2, .padding = 2},
        SparseCase{.x = {2, 16, 16, 16}, .w = {8, 16, 3, 3}, .padding = 2, .dilation = 2},
        SparseCase{
            .x = {2, 16, 12, 12}, .w = {8, 16, 3, 3}, .padding = 1, .pool = 3, .pool_stride = 3},
        SparseCase{
            .x = {2, 16, 12, 12}, .w = {8, 16, 3, 3}, .padding = 1, .pool = 3, .pool_stride = 2},
        SparseCase{.x = {2, 150, 6, 6}, .w = {4, 150, 3, 3}, .padding = 1},
        SparseCase{.x = {1, 500, 4, 4}, .w = {3, 500, 2, 2}, .padding = 1},
        SparseCase{.x = {2, 8, 10, 10}, .w = {8, 4, 3, 3}, .groups = 2, .sparse = 0},
        SparseCase{.x = {4, 64, 40}, .w = {16, 64, 5}, .padding = 2, .pool = 4, .pool_stride = 4},
        SparseCase{.x = {2, 8, 6, 8, 6}, .w = {8, 8, 3, 3, 3}, .padding = 1},
        SparseCase{.x = {3, 16, 10, 10}, .w = {8, 16, 3, 3}, .padding = 1, .dtype = DType::F64}));

// Of each image: the lists are the same, and nothing is summed over the images. A convolution whose
// weights differ, too, reads no list for its input's gradient.
TEST(ProgramSparseCases, GradientsOfEachSample) {
  for (const bool weights : {false, true}) {
    const Shape w = weights ? Shape({3, 24, 12, 3, 5}) : Shape({24, 12, 3, 5});
    const auto program =
        check_program({f32({3, 12, 13, 12}), f32(w), f32({24})}, [&](const Inputs& in) {
          const auto f = [](Tensor x, Tensor w, Tensor b) {
            const Tensor y = conv2d((x * 0.5).unsqueeze(0), w, b, 1, {1, 0});
            return max_pool2d(relu(y), 2).pow(2).sum();
          };
          auto each = [&](Tensor x, Tensor w, Tensor b) {
            return grad<0, 1, 2>(f, x, w, b).second;
          };
          const VmapAxes axes =
              weights ? VmapAxes{0, 0, std::nullopt} : VmapAxes{0, std::nullopt, std::nullopt};
          auto [gx, gw, gb] = vmap(each, axes)(in[0], in[1], in[2]);
          return Inputs{gx, gw, gb};
        });
    EXPECT_EQ(count(program->stats().text, "sparse: "), weights ? 1 : 2) << program->stats().text;
  }
}

// A mask on what the pooling read becomes one on what it gave, also where windows leave a rest.
TEST(ProgramSparseCases, RestOfWindowsAndLeakyMasks) {
  check_program({f32({2, 6, 7, 9}), f32({6, 6, 3, 3})}, [](const Inputs& in) {
    const auto f = [&](Tensor x, Tensor w) {
      const Tensor y = leaky_relu(conv2d(x, w, {}, 1, 1), 0.1);
      const Tensor z = clamp(conv2d(x, w, {}, 1, 1), -0.5, 0.5);
      return (max_pool2d(y, 2) * 2.0).sum() + (max_pool2d(z, 2) * max_pool2d(z, 2)).sum();
    };
    auto [value, gradients] = grad<0, 1>(f, in[0], in[1]);
    return Inputs{value, std::get<0>(gradients), std::get<1>(gradients)};
  });
}

// What a ReLU's dead side meets is annihilated, whatever it is.
TEST(ProgramSparseCases, DeadElementsMeetNothing) {
  const float inf = std::numeric_limits<float>::infinity();
  const Tensor x = full({1, 16, 8, 8}, inf), w = full({16, 16, 3, 3}, -1.0f);
  const auto f = [&](Tensor v) { return max_pool2d(relu(conv2d(x, v, {}, 1, 1)), 2).sum(); };
  const Tensor g = std::get<1>(grad(f, w));
  for (const float v : g.to_vector<float>()) EXPECT_EQ(v, 0.0f);
}

// Pooling on the accumulators of the convolution.
struct PooledCase {
  Shape x, w;
  IntList window;
  bool fused = true;
};
void PrintTo(const PooledCase& c, std::ostream* out) { *out << c.x.str() << " * " << c.w.str(); }

class ProgramPooled : public ::testing::TestWithParam<PooledCase> {};

TEST_P(ProgramPooled, MaximaPlacesAndMeans) {
  const PooledCase c = GetParam();
  for (const bool mean : {false, true}) {
    const auto program = check_program({f32(c.x), f32(c.w), f32({c.w[0]})}, [&](const Inputs& in) {
      const Tensor y = relu(conv2d(in[0], in[1], in[2], 1, 1) - 0.25);
      const Tensor p = mean ? avg_pool2d(y, c.window) : max_pool2d(y, c.window);
      return Inputs{p * 2.0, tanh(p)};
    });
    EXPECT_EQ(count(program->stats().text, "pooled") > 0, c.fused) << program->stats().text;
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, ProgramPooled,
                         ::testing::Values(PooledCase{{3, 1, 12, 12}, {16, 1, 3, 3}, 2},
                                           PooledCase{{3, 5, 13, 11}, {20, 5, 3, 3}, 2},
                                           PooledCase{{2, 4, 10, 10}, {50, 4, 5, 5}, 2},
                                           PooledCase{{2, 4, 9, 9}, {33, 4, 3, 3}, 3},
                                           PooledCase{{2, 4, 8, 9}, {7, 4, 3, 3}, {1, 3}},
                                           PooledCase{{2, 4, 8, 9}, {7, 4, 3, 3}, {4, 1}},
                                           PooledCase{{1, 3, 40, 6}, {130, 3, 3, 3}, {2, 3}},
                                           PooledCase{{2, 4, 10, 10}, {8, 4, 3, 3}, 5, false},
                                           PooledCase{{2, 4, 8, 8}, {1, 4, 3, 3}, 2, false}));

TEST(ProgramPooledCases, NanAndTies) {
  check_program(
      {f32({2, 1, 8, 8}), f32({16, 1, 1, 1})},
      [](const Inputs& in) {
        const auto f = [&](Tensor x, Tensor w) {
          // Halves of whole numbers: ties; the root of a negative: NaN.
          return max_pool2d(sqrt(conv2d(floor(x), w * 0.0 + 0.25)), 2);
        };
        return Inputs{f(in[0], in[1]), max_pool2d(conv2d(floor(in[0]), in[1] * 0.0 + 1.0), 2)};
      },
      1e-6);
}

// Rows that all read one place are no rows of a tile: the pooling is a kernel of its own.
TEST(ProgramPooledCases, NoTileHoldsTheWindows) {
  const auto program = check_program({f32({2, 4, 1, 1}), f32({8, 4, 3, 3})}, [](const Inputs& in) {
    const Tensor x = broadcast_to(in[0], {2, 4, 8, 8});
    return Inputs{max_pool2d(relu(conv2d(x, in[1])), 2)};
  });
  EXPECT_EQ(count(program->stats().text, "pooled"), 0) << program->stats().text;
}

}  // namespace
}  // namespace lilith::testing
