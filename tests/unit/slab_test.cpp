// Depthwise convolutions pad slabs of their images themselves.
#include <gtest/gtest.h>

#include <cmath>

#include "codegen/codegen.h"
#include "core/env.h"
#include "eval/plan_runner.h"
#include "ir/node.h"
#include "lilith/lilith.h"
#include "passes/pipeline.h"
#include "schedule/kernel/backend.h"
#include "schedule/rewrite/prepare.h"
#include "schedule/schedule.h"

namespace lilith {
namespace {

using Values = std::vector<double>;

struct Case {
  const char* name;
  std::int64_t images, channels, height, width, kernel_height, kernel_width;
  std::int64_t above, below, left, right;  // padding
  std::int64_t stride = 1, dilation = 1;
  bool channels_last = true;

  std::int64_t rows() const {
    return (height + above + below - (kernel_height - 1) * dilation - 1) / stride + 1;
  }
  std::int64_t columns() const {
    return (width + left + right - (kernel_width - 1) * dilation - 1) / stride + 1;
  }
  Shape images_shape() const {
    return channels_last ? Shape{images, height, width, channels}
                         : Shape{images, channels, height, width};
  }
  Shape weights_shape() const { return {channels, 1, kernel_height, kernel_width}; }

  Tensor operator()(const Tensor& x, const Tensor& w) const {
    const Tensor image = channels_last ? x.permute({0, 3, 1, 2}) : x;
    const Tensor y =
        conv2d(pad(image, {left, right, above, below}), w, {}, stride, 0, dilation, channels);
    return channels_last ? y.permute({0, 2, 3, 1}) : y;
  }
};

std::vector<Case> cases() {
  return {
      {"3x3", 2, 37, 23, 18, 3, 3, 1, 1, 1, 1},
      {"whole vectors", 1, 64, 30, 14, 3, 3, 1, 1, 1, 1},
      {"one channel", 2, 1, 15, 40, 3, 3, 1, 1, 1, 1},
      {"strided", 2, 37, 23, 18, 3, 3, 1, 1, 1, 1, 2},
      {"dilated", 2, 20, 23, 18, 3, 3, 2, 2, 2, 2, 1, 2},
      {"strided and dilated", 1, 20, 23, 18, 3, 3, 2, 2, 2, 2, 2, 2},
      {"7x7", 1, 24, 25, 19, 7, 7, 3, 3, 3, 3},
      {"1x5", 3, 16, 9, 31, 1, 5, 0, 0, 2, 2},
      {"5x1", 3, 16, 19, 11, 5, 1, 2, 2, 0, 0},
      {"on two sides", 2, 21, 17, 12, 3, 5, 2, 0, 0, 4},
      {"below alone", 2, 21, 17, 12, 3, 1, 0, 2, 0, 0, 2},
      {"windows of zeros", 1, 16, 3, 3, 3, 3, 4, 4, 4, 4},
      {"small images", 40, 32, 5, 5, 3, 3, 1, 1, 1, 1},
      {"a column", 2, 16, 24, 1, 3, 3, 1, 1, 1, 1},
      {"channels first", 2, 12, 23, 18, 3, 3, 1, 1, 1, 1, 1, 1, false},
      {"channels first, strided", 2, 12, 23, 18, 3, 3, 1, 1, 1, 1, 2, 1, false},
  };
}

Tensor values(const Shape& shape) {
  return sin(arange(shape.numel()).to(kFloat64) * 0.7 + 0.3).reshape(shape);
}

// By its definition, channels last.
Values reference(const Case& c, const Values& x, const Values& w) {
  const auto image = [&](std::int64_t n, std::int64_t f, std::int64_t h, std::int64_t v) {
    if (h < 0 || v < 0 || h >= c.height || v >= c.width) return 0.0;
    const std::int64_t at = c.channels_last ? ((n * c.height + h) * c.width + v) * c.channels + f
                                            : ((n * c.channels + f) * c.height + h) * c.width + v;
    return x[static_cast<std::size_t>(at)];
  };
  Values y;
  for (std::int64_t n = 0; n < c.images; ++n)
    for (std::int64_t h = 0; h < c.rows(); ++h)
      for (std::int64_t v = 0; v < c.columns(); ++v)
        for (std::int64_t f = 0; f < c.channels; ++f) {
          double sum = 0;
          for (std::int64_t i = 0; i < c.kernel_height; ++i)
            for (std::int64_t j = 0; j < c.kernel_width; ++j)
              sum += image(n, f, h * c.stride + i * c.dilation - c.above,
                           v * c.stride + j * c.dilation - c.left) *
                     w[static_cast<std::size_t>((f * c.kernel_height + i) * c.kernel_width + j)];
          y.push_back(sum);
        }
  return y;
}

schedule::Target target(int threads, std::int64_t l2_bytes) {
  schedule::Target t = codegen::target();
  t.threads = threads;
  t.l2_bytes = l2_bytes;
  return t;
}

template <class F>
schedule::Plan plan_of(const F& f, const Tensor& x, const Tensor& w, const schedule::Target& t,
                       std::size_t way = 0, std::size_t* ways = nullptr) {
  schedule::PlanOptions options;
  options.target = t;
  options.pick = [&](const schedule::Group& g, const std::vector<schedule::Choice>& choices) {
    if (!std::holds_alternative<schedule::Product>(g)) return std::size_t{0};
    if (ways != nullptr) *ways = choices.size();
    return way;
  };
  return schedule::make_plan(schedule::prepare(run_passes(trace(f, x, w))).graph, options);
}

std::int64_t slabs(const schedule::Plan& plan) {
  return std::ranges::count_if(plan.launches, [](const schedule::LaunchPlan& l) {
    return l.how.find("slabs of") != std::string::npos;
  });
}

std::int64_t pads(const schedule::Plan& plan) {
  return std::ranges::count_if(plan.launches, [](const schedule::LaunchPlan& l) {
    return l.what.find("pad") != std::string::npos && l.what.find("conv") == std::string::npos;
  });
}

void expect_right(const Case& c, DType dtype, const schedule::Target& t) {
  SCOPED_TRACE(std::string(c.name) + " " + std::string(name(dtype)));
  const Tensor x = values(c.images_shape()).to(dtype), w = values(c.weights_shape()).to(dtype);
  eval(x, w);
  const Values want =
      reference(c, x.to(kFloat64).to_vector<double>(), w.to(kFloat64).to_vector<double>());
  const double tolerance = dtype == kFloat64   ? 1e-13
                           : dtype == kFloat32 ? 1e-5
                           : dtype == kFloat16 ? 5e-3
                                               : 4e-2;
  const std::vector<StoragePtr> in = {x.node()->storage(), w.node()->storage()};
  const auto f = [&](const Tensor& image, const Tensor& weights) {
    const Tensor y = c(image, weights);
    const Tensor last = c.channels_last ? y : y.permute({0, 2, 3, 1});
    return last.to(dtype == kFloat64 ? kFloat64 : kFloat32);
  };
  std::size_t ways = 1;
  for (std::size_t way = 0; way < ways; ++way) {
    const schedule::Plan plan = plan_of(f, x, w, t, way, &ways);
    PlanRunner runner(plan, in);
    runner.run();
    const void* p = runner.outputs[0]->data();
    for (std::size_t k = 0; k < want.size(); ++k) {
      const double got = dtype == kFloat64 ? static_cast<const double*>(p)[k]
                                           : static_cast<double>(static_cast<const float*>(p)[k]);
      ASSERT_NEAR(got, want[k], tolerance) << "element " << k << "\n" << plan.str();
    }
  }
}

TEST(Slabs, GiveWhatAConvolutionIs) {
  for (const Case& c : cases()) {
    for (const schedule::Target& t : {target(2, 1 << 20), target(3, 24 << 10), target(1, 64 << 10)})
      expect_right(c, kFloat32, t);
    expect_right(c, kFloat64, target(2, 1 << 20));
  }
}

TEST(Slabs, TakeTheMemoryOfNoPaddedImage) {
  for (const Case& c : {Case{"3x3", 8, 96, 56, 56, 3, 3, 1, 1, 1, 1},
                        Case{"strided", 8, 37, 56, 56, 3, 3, 1, 1, 1, 1, 2},
                        Case{"dilated", 2, 20, 53, 58, 3, 3, 2, 2, 2, 2, 1, 2},
                        Case{"7x7", 1, 96, 56, 56, 7, 7, 3, 3, 3, 3},
                        Case{"on two sides", 2, 21, 57, 42, 3, 5, 2, 0, 0, 4}}) {
    const schedule::Plan plan =
        plan_of(c, zeros(c.images_shape()), zeros(c.weights_shape()), target(2, 1 << 20));
    EXPECT_EQ(slabs(plan), 1) << c.name << "\n" << plan.str();
    EXPECT_EQ(pads(plan), 0) << c.name << "\n" << plan.str();
  }
}

// Rows that no cache holds are padded in a kernel of their own.
TEST(Slabs, FitACache) {
  const Case c{"long rows", 1, 64, 9, 400, 3, 3, 1, 1, 1, 1};
  const auto plan = [&](std::int64_t l2_bytes) {
    return plan_of(c, zeros(c.images_shape()), zeros(c.weights_shape()), target(2, l2_bytes));
  };
  EXPECT_EQ(slabs(plan(2 << 20)), 1);
  EXPECT_EQ(slabs(plan(64 << 10)), 0);
  EXPECT_EQ(pads(plan(64 << 10)), 1);
}

TEST(Slabs, AreOfHalvesToo) {
  for (const DType dtype : {kFloat16, kBFloat16})
    expect_right({"3x3", 2, 37, 23, 18, 3, 3, 1, 1, 1, 1}, dtype, target(2, 1 << 20));
}

Tensor product(const Tensor& x, const Tensor& w) { return relu(conv2d(x, w)); }
Tensor weights_of(const Tensor& w) { return w.reshape({32, 1, 5, 5}) * 0.1; }

// A product stores its result padded where no one else reads it.
TEST(Slabs, LeaveABorderToTheProductThatStoresIt) {
  const Tensor x = zeros({2, 25, 14, 14}), w = zeros({32, 25, 1, 1});
  const auto alone = [](const Tensor& a, const Tensor& b) {
    return conv2d(product(a, b), weights_of(b), {}, 1, 2, 1, 32);
  };
  const auto residual = [](const Tensor& a, const Tensor& b) {
    const Tensor y = product(a, b);
    return y + conv2d(y, weights_of(b), {}, 1, 2, 1, 32);
  };
  const schedule::Plan without = plan_of(alone, x, w, target(2, 1 << 20)),
                       with = plan_of(residual, x, w, target(2, 1 << 20));
  EXPECT_EQ(slabs(without), 0) << without.str();
  EXPECT_EQ(pads(without), 0) << without.str();
  EXPECT_EQ(slabs(with), 1) << with.str();
  EXPECT_EQ(pads(with), 0) << with.str();
}

// The gradient of the weights reads the padded image too: it is stored.
TEST(Slabs, LeaveWhatSeveralReadInMemory) {
  const auto both = [](const Tensor& x, const Tensor& w) {
    const auto loss = [&](const Tensor& v) { return square(conv2d(x, v, {}, 1, 1, 1, 16)).sum(); };
    return grad(loss, w).second;
  };
  const schedule::Plan plan =
      plan_of(both, zeros({2, 16, 14, 14}), zeros({16, 1, 3, 3}), target(2, 1 << 20));
  EXPECT_EQ(pads(plan), 1) << plan.str();
}

TEST(Slabs, AreNotOfConstants) {
  const auto sums = [](const Tensor& w) {
    return conv2d(full({1, 8, 9, 9}, 1.0), w, {}, 1, 1, 1, 8).select(1, 0).sum();
  };
  EXPECT_NEAR(compile(sums)(ones({8, 1, 3, 3})).item(), 625, 1e-3);  // 49 * 9 + 28 * 6 + 4 * 4
}

TEST(Slabs, AreTheSameForBatchesThatVary) {
  const auto f = compile([](const Tensor& x, const Tensor& w) {
    return conv2d(x.permute({0, 3, 1, 2}), w, {}, 1, 1, 1, 19).permute({0, 2, 3, 1});
  });
  Case c{"varying", 0, 19, 12, 13, 3, 3, 1, 1, 1, 1};
  const Tensor w = values(c.weights_shape()).to(kFloat32);
  for (const std::int64_t images : {3, 5, 2, 64, 1}) {
    c.images = images;
    const Tensor x = values(c.images_shape()).to(kFloat32);
    const Values got = f(x, w).to(kFloat64).to_vector<double>(),
                 want = reference(c, x.to(kFloat64).to_vector<double>(),
                                  w.to(kFloat64).to_vector<double>());
    ASSERT_EQ(got.size(), want.size());
    for (std::size_t k = 0; k < want.size(); ++k) ASSERT_NEAR(got[k], want[k], 1e-5) << k;
  }
}

TEST(Slabs, AreTheSameForImagesThatVary) {
  const auto f =
      compile([](const Tensor& x, const Tensor& w) { return conv2d(x, w, {}, 1, 1, 1, 19); });
  Case c{"varying", 2, 19, 0, 0, 3, 3, 1, 1, 1, 1, 1, 1, false};
  const Tensor w = values(c.weights_shape()).to(kFloat32);
  for (const std::int64_t side : {9, 12, 7, 30}) {
    c.height = c.width = side;
    const Tensor x = values(c.images_shape()).to(kFloat32);
    const Values got = f(x, w).permute({0, 2, 3, 1}).to(kFloat64).to_vector<double>(),
                 want = reference(c, x.to(kFloat64).to_vector<double>(),
                                  w.to(kFloat64).to_vector<double>());
    ASSERT_EQ(got.size(), want.size());
    for (std::size_t k = 0; k < want.size(); ++k) ASSERT_NEAR(got[k], want[k], 1e-5) << k;
  }
}

// Lengths that came before decide who pads: the bits stay those of a length of its own.
TEST(SlabTests, LengthsThatVaryHaveTheirOwnBits) {
  const Tensor w = values({24, 1, 31}).to(kFloat32);
  const auto run = [&](std::int64_t n) {
    const Tensor x = values({2, 24, n}).to(kFloat32);
    return conv1d(pad(x, {30, 0}), w, {}, 1, 0, 1, 24).to_vector<float>();
  };
  const std::string before = env::text("LILITH_DISABLE");
  for (const std::int64_t n : {700, 900, 1301, 640, 2048}) {
    const std::vector<float> shared = run(n);
    env::set("LILITH_DISABLE", "shared_code");
    clear_program_cache();
    EXPECT_EQ(run(n), shared) << n;
    env::set("LILITH_DISABLE", before);
  }
}

}  // namespace
}  // namespace lilith
