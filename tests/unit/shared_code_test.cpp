#include <gtest/gtest.h>

#include <fmt/ranges.h>

#include <cmath>
#include <functional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "codegen/codegen.h"
#include "codegen/shared_code.h"
#include "core/env.h"
#include "ir/node.h"
#include "kernel_ir/skeleton.h"
#include "lilith/lilith.h"
#include "passes/pipeline.h"
#include "schedule/rewrite/prepare.h"
#include "schedule/schedule.h"
#include "support/kernel_inputs.h"

// Programs that differ in sizes and numbers alone share kernels, which read them at launch
// (kernel_ir/skeleton.h, codegen/shared_code.h). What they give is what kernels of their own give.
namespace lilith {
namespace {

using codegen::testing::Inputs;

/// What a user does with other sizes each time. The numbers of one call have one structure.
struct Work {
  const char* name;
  std::function<std::vector<Tensor>(std::int64_t n)> run;
  bool is_pure = true;  // evaluates nothing and draws nothing
};

Tensor values(Shape shape, double scale = 1) {
  const std::int64_t n = shape.numel();
  return reshape(sin(cast(arange(n), DType::F32) * 0.7) * scale, shape);
}

struct Net {
  Linear a{24, 40}, b{40, 5};
  Tensor operator()(const Tensor& x) const { return b(relu(a(x))); }
};

std::vector<Tensor> trained(std::int64_t n) {
  manual_seed(3);
  Net net;
  Adam opt;
  auto [loss, g] =
      grad([](const Net& m, Tensor x, Tensor y) { return cross_entropy_loss(m(x), y); }, net,
           values({n, 24}), arange(n) % 5);
  update(opt, net, g);
  return {loss, net.a.weight, net.b.bias};
}

std::vector<Tensor> attended(std::int64_t n) {
  const Tensor q = values({2, 3, 16}), k = values({2, n, 16}, 0.5), v = values({2, n, 16}, 2);
  return {scaled_dot_product_attention(q, k, v)};
}

std::vector<Tensor> convolved(std::int64_t n) {
  auto [loss, g] = grad(
      [](Tensor w, Tensor x) {
        return (max_pool2d(relu(conv2d(x, w, {}, {.padding = 1})), 2) * 0.5).sum();
      },
      values({8, 3, 3, 3}), values({2, 3, n + 3, 12}));
  return {loss, g};
}

std::vector<Work> works() {
  return {
      {"elementwise", [](auto n) { return std::vector{values({n, 7}) * 3 + 1}; }},
      {"a number", [](auto n) { return std::vector{values({5, 9}) * static_cast<int>(n)}; }},
      {"a double",
       [](auto n) {
         return std::vector{leaky_relu(values({5, 9}), 1.0 / static_cast<double>(n))};
       }},
      {"slices at an offset",
       [](auto n) { return std::vector{values({2000}).slice(0, n, n + 40) + 1}; }},
      {"sums",
       [](auto n) {
         const Tensor x = values({n, 33});
         return std::vector{x.sum(), sum(x, {0}), sum(x, {1}), max(x)};
       }},
      {"softmax and norms",
       [](auto n) {
         const Tensor x = values({6, n});
         return std::vector{softmax(x, 1), layer_norm(values({n, 20}), {20}), argmax(x, 1)};
       }},
      {"products",
       [](auto n) {
         return std::vector{matmul(values({n, 20}), values({20, 30})),
                            matmul(values({30, n}), values({n, 11})),
                            matmul(transpose(values({20, n}), 0, 1), values({20, 64}))};
       }},
      {"concatenation",
       [](auto n) { return std::vector{cat({values({3, n}), values({3, 10})}, 1) * 2}; }},
      {"gathers",
       [](auto n) {
         const Tensor table = values({n, 8}), i = (arange(50) * 7) % n;
         return std::vector{index_select(table, 0, i), embedding(i, table)};
       }},
      {"views",
       [](auto n) {
         const Tensor x = values({n, 4, 6});
         return std::vector{reshape(transpose(x, 0, 2), {-1, 2}) + 1, flip(x, {0}), roll(x, 2, 0)};
       }},
      {"scans", [](auto n) { return std::vector{cumsum(values({4, n}), 1)}; }},
      {"attention", attended},
      {"a convolution and a pooling with gradients", convolved},
      {"a training step", trained, false},
      {"halves", [](auto n) { return std::vector{values({n, 9}).to(DType::BF16) * 3}; }},
      {"dropout",
       [](auto n) {
         manual_seed(1);
         return std::vector{dropout(values({40, 10}), 1.0 / static_cast<double>(n + 2))};
       },
       false},
  };
}

void expect_same_bits(const Tensor& a, const Tensor& b) {
  ASSERT_EQ(a.shape(), b.shape());
  const auto x = a.to(DType::F64).to_vector<double>(), y = b.to(DType::F64).to_vector<double>();
  for (std::size_t i = 0; i < x.size(); ++i) ASSERT_EQ(x[i], y[i]) << "element " << i;
}

/// Turns sharing of code off for its scope.
struct NoSharing {
  NoSharing() : before_(env::text("LILITH_DISABLE")) { env::set("LILITH_DISABLE", "shared_code"); }
  ~NoSharing() { env::set("LILITH_DISABLE", before_); }
  std::string before_;
};

const std::vector<std::int64_t> kSizes{20, 37, 21, 64, 5, 100, 36, 129, 1000, 2, 33};

/// Sizes in this order, and each size as if it were the only one: a result depends on no other
/// call, whichever came first.
void expect_no_history(const Work& work, const std::vector<std::int64_t>& sizes) {
  const auto run = [&](std::int64_t n) {
    std::vector<Tensor> out = work.run(n);
    for (const Tensor& t : out) eval(t);
    return out;
  };
  clear_program_cache();
  std::vector<std::vector<Tensor>> shared;
  for (const std::int64_t n : sizes) shared.push_back(run(n));
  clear_program_cache();
  const NoSharing off;
  for (std::size_t k = 0; k < sizes.size(); ++k) {
    const std::vector<Tensor> own = run(sizes[k]);
    for (std::size_t i = 0; i < own.size(); ++i) {
      SCOPED_TRACE(fmt::format("{}, size {}, result {}", work.name, sizes[k], i));
      expect_same_bits(shared[k][i], own[i]);
    }
  }
}

TEST(SharedCode, GivesTheBitsOfKernelsOfTheirOwn) {
  for (const Work& work : works()) expect_no_history(work, kSizes);
}

// What a schedule chooses from shapes, along every axis of a product: the order of its sums stays.
TEST(SharedCode, ProductsOfRandomShapesHaveTheirOwnBits) {
  std::mt19937_64 random(7);
  const auto any = [&](std::int64_t most) {
    const double x = std::uniform_real_distribution<>(0, 1)(random);
    return std::max<std::int64_t>(1, std::llround(std::pow(static_cast<double>(most), x)));
  };
  for (int round = 0; round < 20; ++round) {
    const std::int64_t k = any(600), m = any(200), batch = any(4), first = any(300);
    const std::vector<std::int64_t> sizes{first, any(300), any(300), 8 * any(40), first + 1};
    const Work work{"a product", [&](std::int64_t n) {
                      const Tensor x = values({n, k}), w = values({k, m}), y = values({n, m});
                      return std::vector{matmul(x, w), matmul(transpose(x, 0, 1), y),
                                         matmul(y, transpose(w, 0, 1)),
                                         matmul(values({batch, m, n}), values({batch, n, 9})),
                                         relu(matmul(x, w) + 1).sum({0})};
                    }};
    SCOPED_TRACE(fmt::format("k {}, m {}, batch {}, sizes {}", k, m, batch, fmt::join(sizes, " ")));
    expect_no_history(work, sizes);
  }
}

schedule::Plan plan_of(const Work& work, std::int64_t n, std::vector<std::int64_t> varying = {}) {
  const Graph g = run_passes(trace([&] { return work.run(n); }));
  schedule::PlanOptions options;
  // Code for sizes that vary is compared where there are masks.
  options.target = varying.empty() ? codegen::target() : codegen::target_for(schedule::Isa::Avx2);
  options.varying = std::move(varying);
  return schedule::make_plan(schedule::prepare(g).graph, options);
}

Inputs interpreted(const kir::Kernel& k, Inputs inputs, std::vector<std::int64_t> numbers) {
  std::vector<void*> params;
  for (auto& bytes : inputs) params.push_back(bytes.data());
  params.push_back(numbers.data());
  kir::interpret(k, params);
  return inputs;
}

TEST(Skeleton, OneKernelWithNumbersGivenIsEveryKernelOfItsForm) {
  int compared = 0;
  for (const Work& work : works()) {
    if (!work.is_pure) continue;
    const schedule::Plan plans[] = {plan_of(work, 20), plan_of(work, 37), plan_of(work, 40)};
    for (std::size_t l = 0; l < plans[0].launches.size(); ++l) {
      std::vector<kir::Skeleton> forms;
      for (const schedule::Plan& p : plans)
        forms.push_back(l < p.launches.size() ? kir::skeleton(p.launches[l].kernel)
                                              : kir::Skeleton{});
      if (forms[0].form != forms[1].form) continue;
      const kir::Holes holes({forms[0].numbers, forms[1].numbers});
      const kir::Kernel general = kir::generalise(plans[0].launches[l].kernel, holes);
      kir::verify(general);
      for (std::size_t p = 0; p < 3; ++p) {
        if (forms[p].form != forms[0].form || !holes.fit(forms[p].numbers, forms[0].numbers))
          continue;
        SCOPED_TRACE(fmt::format("{}, launch {}\n{}", work.name, l, kir::to_string(general)));
        const kir::Kernel& own = plans[p].launches[l].kernel;
        const Inputs inputs = codegen::testing::random_inputs(own, 5);
        kir::Kernel bounded = general;  // accesses are checked against these sizes
        for (std::size_t b = 0; b < own.buffers.size(); ++b)
          bounded.buffers[b].size =
              std::max(own.buffers[b].size,
                       general.buffers[b].space == kir::Space::Param ? 0 : general.buffers[b].size);
        Inputs expected;
        try {
          expected = interpreted(own, inputs, {0});
        } catch (const InternalError&) {
          continue;  // a list of what is not zero has to be one
        }
        ASSERT_EQ(expected, interpreted(bounded, inputs, holes.values(forms[p].numbers)));
        ++compared;
      }
    }
  }
  EXPECT_GT(compared, 40);
}

// A position in a kernel: 200 offsets are two kernels, the first one's and one for all others.
TEST(SharedCode, IsCompiledOnce) {
  std::vector<schedule::Plan> plans;
  const Work slices = works()[3];
  for (std::int64_t n = 1; n < 200; ++n) plans.push_back(plan_of(slices, n));
  const std::uint64_t family = 0x5e1ec7;
  std::set<std::string> forms;
  for (const schedule::Plan& p : plans) {
    std::vector<const kir::Kernel*> kernels;
    for (const auto& l : p.launches) kernels.push_back(&l.kernel);
    for (const codegen::SharedKernel& k : codegen::share_code(family, kernels))
      forms.insert(k.general ? kir::canonical_form(*k.general) : "its own");
  }
  EXPECT_LE(forms.size(), 3U);
}

// Of three axes of 16 one is the batch: what other sizes were planned with stays in the code.
TEST(SharedCode, WhatWasShownToStayDoesNotBecomeAnInput) {
  const Work product{"a product of 16 columns", [](std::int64_t n) {
                       return std::vector{matmul(values({n, 16}), values({16, 48}))};
                     }};
  const auto kernels_of = [](const schedule::Plan& p) {
    std::vector<const kir::Kernel*> kernels;
    for (const auto& l : p.launches) kernels.push_back(&l.kernel);
    return kernels;
  };
  const auto inputs = [&](bool shown, std::uint64_t family) {
    const schedule::Plan first = plan_of(product, 8, {8}), second = plan_of(product, 16, {16});
    if (shown) codegen::show_code(family, kernels_of(first));
    const std::vector<std::int64_t> varying{16};
    std::size_t count = 0;
    for (const auto& k : codegen::share_code(family, kernels_of(second), varying))
      count += k.numbers.size();
    return count;
  };
  EXPECT_LT(inputs(true, 0x5e1ec8), inputs(false, 0x5e1ec9));
}

TEST(SharedCode, AKernelThatFollowsNoSizeIsItsOwn) {
  schedule::Plan plan = plan_of(works()[3], 20);
  std::vector<const kir::Kernel*> kernels;
  for (auto& l : plan.launches) {
    l.kernel.follows_no_size = true;
    kernels.push_back(&l.kernel);
  }
  const std::vector<std::int64_t> varying{20};
  for (const auto& k : codegen::share_code(0x5e1eca, kernels, varying)) EXPECT_FALSE(k.general);
  for (auto& l : plan.launches) l.kernel.follows_no_size = false;
  bool some = false;
  for (const auto& k : codegen::share_code(0x5e1ecb, kernels, varying))
    some |= k.general != nullptr;
  EXPECT_TRUE(some);
}

// By their places in the graph, not by their extents: 20 features are no batch of 20.
// What is asked for has other sizes, what passes leave of it has not.
TEST(VaryingDims, SizesThatPassesRemoveVaryNowhere) {
  for (const std::int64_t n : {5, 6, 7, 9}) {
    const Tensor first = cast(arange(n), DType::F32).slice(0, 0, 3) * values({3}, 2);
    EXPECT_EQ(first.to_vector<float>()[2], static_cast<float>(2 * 2 * std::sin(1.4f))) << n;
  }
}

TEST(VaryingDims, OnlyTheDimensionsThatVaryAreMasked) {
  const Graph g = schedule::prepare(run_passes(trace([] {
                    return std::vector{matmul(values({20, 24}), values({24, 20}))};
                  }))).graph;
  const ir::NodeImpl* product = nullptr;
  for (const ir::NodeImpl* n : ir::topological_order(g.outputs()))
    if (n->op->cls == OpClass::Contraction) product = n;
  ASSERT_NE(product, nullptr);
  const auto marked = [&](std::uint64_t dims) {
    auto map = std::make_shared<schedule::VaryingDims>();
    for (const ir::NodeImpl* n : ir::topological_order(g.outputs())) map->insert(n, 0);
    *map->find(product) = dims;
    return map;
  };
  schedule::PlanOptions options;
  options.target = codegen::target_for(schedule::Isa::Avx512);  // which has masks
  const auto text = [&] {
    std::string all;
    for (const auto& l : schedule::make_plan(g, options).launches) all += kir::to_string(l.kernel);
    return all;
  };
  const std::string own = text();
  options.varying = {20};
  const std::string by_extent = text();
  options.varying_dims = marked(0);
  EXPECT_EQ(text(), own);
  options.varying_dims = marked(1);
  const std::string rows = text();
  EXPECT_NE(rows, own);
  EXPECT_NE(rows, by_extent);
}

TEST(Skeleton, KeepsWhatDecidesHowCodeIsWritten) {
  const schedule::Plan a = plan_of(works()[6], 20), b = plan_of(works()[6], 21);
  // Register tiles of other sizes are other forms; equal sizes are one form with equal numbers.
  for (std::size_t l = 0; l < std::min(a.launches.size(), b.launches.size()); ++l) {
    const kir::Kernel &x = a.launches[l].kernel, &y = b.launches[l].kernel;
    const bool same_registers =
        std::equal(x.regs.begin(), x.regs.end(), y.regs.begin(), y.regs.end(),
                   [](const kir::RegDecl& p, const kir::RegDecl& q) { return p.dims == q.dims; });
    if (!same_registers) {
      EXPECT_NE(kir::skeleton(x).form, kir::skeleton(y).form);
    }
    EXPECT_EQ(kir::skeleton(x).form, kir::skeleton(x).form);
    EXPECT_EQ(kir::skeleton(x).numbers, kir::skeleton(x).numbers);
  }
}

TEST(Holes, NumbersThatGoTogetherShareAPlaceAndHaveRoomToGrow) {
  using Role = kir::Number::Role;
  const auto sample = [](std::int64_t n) {
    return std::vector<kir::Number>{{Role::Extent, DType::I64, n},
                                    {Role::Constant, DType::I64, n},
                                    {Role::Constant, DType::I64, 7},
                                    {Role::Constant, DType::I64, n}};
  };
  const kir::Holes holes({sample(20), sample(37)});
  EXPECT_EQ(holes.slots, (std::vector<int>{0, 1, -1, 1}));
  EXPECT_TRUE(holes.fit(sample(50), sample(20)));
  EXPECT_FALSE(holes.fit(sample(100000), sample(20)));  // beyond the range that code was made for
  EXPECT_FALSE(holes.fit(sample(0), sample(20)));       // a loop runs at least once
  auto apart = sample(50);
  apart[3].value = 51;
  EXPECT_FALSE(holes.fit(apart, sample(20)));
  auto other = sample(50);
  other[2].value = 8;
  EXPECT_FALSE(holes.fit(other, sample(20)));
  EXPECT_EQ(holes.values(sample(50)), (std::vector<std::int64_t>{50, 50}));
}

}  // namespace
}  // namespace lilith
