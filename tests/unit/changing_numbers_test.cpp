#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>

#include "core/env.h"
#include "lilith/lilith.h"
#include "passes/free_numbers.h"

// A number that changes from call to call of a compiled function: data of one program, with the
// bits of a program of its own.
namespace lilith {
namespace {

/// LILITH_DISABLE=shared_code for its scope: every number is a constant.
struct Constants {
  Constants() : before_(env::text("LILITH_DISABLE")) { env::set("LILITH_DISABLE", "shared_code"); }
  ~Constants() { env::set("LILITH_DISABLE", before_); }
  std::string before_;
};

Tensor values(Shape shape) {
  const std::int64_t n = shape.numel();
  return reshape(sin(cast(arange(n), DType::F32) * 0.7) + 1.5, shape);
}

struct Use {
  const char* name;
  std::function<Tensor(Tensor x, double b)> of;
  std::int64_t programs = 2;  // of a number that changes once or often
};

std::vector<Use> uses() {
  return {
      {"factor", [](Tensor x, double b) { return (x * b).sum(); }},
      {"summand", [](Tensor x, double b) { return x + b; }},
      {"divisor", [](Tensor x, double b) { return x / b; }},
      {"dividend", [](Tensor x, double b) { return b / x; }},
      {"several", [](Tensor x, double b) { return exp(x * b) - sqrt(x + b * b) * (1 - b); }},
      {"exponent", [](Tensor x, double b) { return pow(x, b); }},
      {"base", [](Tensor x, double b) { return pow(b, x); }},
      {"bounds", [](Tensor x, double b) { return clamp(x, -b, b); }},
      {"threshold", [](Tensor x, double b) { return where(x > b, x, x * 0.5); }},
      {"slope", [](Tensor x, double b) { return leaky_relu(x - 1.5, b); }},
      {"of halves", [](Tensor x, double b) { return x.to(DType::BF16) * b; }},
      {"of doubles", [](Tensor x, double b) { return x.to(DType::F64) * b; }},
      {"beside a product",
       [](Tensor x, double b) { return matmul(x, transpose(x, 0, 1)) * b + 0.25; }},
      {"with a gradient",
       [](Tensor x, double b) {
         return grad([b](Tensor x) { return (sigmoid(x * b) * b).sum(); }, x).second;
       }},
      {"folded", [](Tensor x, double b) { return x * exp(full({}, b)); }, 42},
  };
}

/// The bits of each element.
std::vector<std::uint64_t> results(const Tensor& t) {
  std::vector<std::uint64_t> bits;
  for (const double v : t.to(DType::F64).to_vector<double>())
    bits.push_back(std::isnan(v) ? 1 : std::bit_cast<std::uint64_t>(v));
  return bits;
}

const std::vector<double> kNumbers{0.3,  0.7, 1,    0, 0.31, 2,  -0.5,
                                   1e-3, 0.5, 2.25, 3, 0.7,  -1, 1e30};

TEST(ChangingNumbers, AreDataWithTheBitsOfConstants) {
  const Tensor x = values({6, 5});
  eval(x);
  for (const Use& use : uses()) {
    std::vector<std::vector<std::uint64_t>> constant, data;
    {
      const Constants scope;
      const auto f = compile([&use](Tensor x, double b) { return use.of(x, b); });
      for (const double b : kNumbers) constant.push_back(results(f(x, b)));
    }
    clear_program_cache();
    const auto f = compile([&use](Tensor x, double b) { return use.of(x, b); });
    for (const double b : kNumbers) data.push_back(results(f(x, b)));
    for (std::size_t k = 0; k < kNumbers.size(); ++k)
      EXPECT_EQ(data[k], constant[k]) << use.name << " of " << kNumbers[k];
  }
}

TEST(ChangingNumbers, MakeTwoPrograms) {
  const Tensor x = values({6, 5});
  eval(x);
  for (const Use& use : uses())
    for (const double first : {0.37, 1.0, 0.0}) {
      clear_program_cache();
      const auto f = compile([&use](Tensor x, double b) { return use.of(x, b); });
      const auto programs = [] { return cache_stats().compiled + cache_stats().planned; };
      eval(f(x, first).sum());
      const std::int64_t before = programs();
      eval(f(x, 0.38).sum());
      for (int k = 0; k < 40; ++k) f(x, 0.013 * k + 2.6);
      EXPECT_LE(programs() - before, use.programs - 1) << use.name << " from " << first;
    }
}

// Two functions whose programs differ in which input is a number of the function's own.
TEST(ChangingNumbers, AreTakenForNoOtherInput) {
  const Tensor x = values({3, 4}), s = full({}, 4.0);
  eval(x, s);
  const auto f = compile([](Tensor x, Tensor s, double b) { return (x - s) / b; });
  const auto g = compile([](Tensor x, Tensor s, double b) { return (x - b) / s; });
  for (const double b : {2.5, 3.5, 4.5, 2.25}) {
    EXPECT_EQ(results(f(x, s, b)), results((x - 4.0) / b));
    EXPECT_EQ(results(g(x, s, b)), results((x - b) / 4.0));
  }
}

struct Scaled {
  Linear a{5, 5};
  double scale = 0.5;
  Tensor operator()(const Tensor& x) const { return a(x) * scale; }
};

TEST(ChangingNumbers, OfAModel) {
  Scaled net;
  const Tensor x = values({3, 5});
  const auto f = compile([](const Scaled& m, Tensor x) { return m(x); });
  const Tensor whole = net.a(x);
  std::int64_t before = 0;
  for (int k = 0; k < 30; ++k) {
    net.scale = 0.1 * k + 0.05;
    EXPECT_EQ(results(f(net, x)), results(whole * net.scale));
    if (k == 2) before = cache_stats().compiled + cache_stats().planned;
  }
  EXPECT_LE(cache_stats().compiled + cache_stats().planned, before + 30);  // those of `whole * …`
}

TEST(ChangingNumbers, OnADevice) {
  if (devices().size() < 2) GTEST_SKIP() << "*** no device beside the host ***";
  const Device device = opencl(0);
  const Tensor here = values({4, 6}), there = here.to(device);
  const auto f = compile([](Tensor x, double b) { return (exp(x * b) + b).sum({1}); });
  for (const double b : {0.3, 0.4, 1.0, 0.55}) {
    const auto a = f(here, b).to_vector<float>(), c = f(there, b).to_vector<float>();
    for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], c[i], 1e-5 * std::abs(a[i]));
  }
}

TEST(CapturedNumbers, ThatChangeAreFoundAtTheSecondCall) {
  float beta = 1;
  const auto f = compile([&](Tensor x) { return (x * beta).sum(); });
  const Tensor x = ones({8});
  ::testing::internal::CaptureStderr();
  for (int k = 1; k < 6; ++k) {
    beta = static_cast<float>(k);
    EXPECT_EQ(f(x).item<float>(), 8 * beta);
  }
  const std::string said = ::testing::internal::GetCapturedStderr();
  EXPECT_NE(said.find("captures changed after it was traced (1.0 -> 2.0, used at "), said.npos)
      << said;
  EXPECT_NE(said.find("changing_numbers_test.cpp"), said.npos) << said;
  EXPECT_EQ(said.find("compile", said.find("compile") + 1), said.npos) << "said twice: " << said;
}

TEST(CapturedNumbers, MayBePlacesAndContents) {
  std::int64_t place = 0;
  const auto write = compile(
      [&](Tensor& cache, Tensor row) { cache = slice_update(cache, row, 0, place, place + 1); });
  Tensor cache = zeros({4, 2});
  ::testing::internal::CaptureStderr();
  for (; place < 4; ++place) write(cache, full({1, 2}, static_cast<double>(place) + 1));
  EXPECT_EQ(cache.to_vector<float>(), (std::vector<float>{1, 1, 2, 2, 3, 3, 4, 4}));
  std::vector<float> numbers{1, 2};
  const auto add = compile([&](Tensor x) { return x + tensor(numbers); });
  EXPECT_EQ(add(zeros({2})).to_vector<float>(), numbers);
  numbers = {5, 7};
  EXPECT_EQ(add(zeros({2})).to_vector<float>(), numbers);
  EXPECT_FALSE(::testing::internal::GetCapturedStderr().empty());
}

TEST(CapturedNumbers, MayDecideWhatIsReturned) {
  bool first = true;
  double number = 2;
  const auto pass = compile([&](Tensor a, Tensor b) { return first ? a : b; });
  const auto constant = compile([&](Tensor) { return full({2}, number); });
  const Tensor a = ones({1}), b = zeros({1});
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(pass(a, b).item<float>(), 1);
  EXPECT_EQ(constant(a).to_vector<float>(), (std::vector<float>{2, 2}));
  first = false;
  number = 3;
  EXPECT_EQ(pass(a, b).item<float>(), 0);
  EXPECT_EQ(constant(a).to_vector<float>(), (std::vector<float>{3, 3}));
  EXPECT_FALSE(::testing::internal::GetCapturedStderr().empty());
}

TEST(CapturedNumbers, ThatStayAreTracedTwice) {
  const double scale = 3;
  const auto f = compile([&](Tensor x) { return x * scale; });
  const Tensor x = ones({2});
  const auto traces = cache_stats().traces;
  ::testing::internal::CaptureStderr();
  for (int k = 0; k < 20; ++k) EXPECT_EQ(f(x).to_vector<float>(), (std::vector<float>{3, 3}));
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
  EXPECT_GE(cache_stats().traces - traces, 2);
  const auto pure = compile([](Tensor x) { return x * 3; });
  const auto before = cache_stats().traces;
  for (int k = 0; k < 20; ++k) pure(x);
  EXPECT_EQ(cache_stats().traces - before, 1);
}

// The compiled function of a loop that stops at an error goes on with what is right.
TEST(CapturedNumbers, MayMakeTheTraceFail) {
  bool fails = false;
  const auto f = compile([&](Tensor x) {
    if (fails) throw Error("the function's own");
    return x + 1;
  });
  const Tensor x = ones({1});
  EXPECT_EQ(f(x).item<float>(), 2);
  fails = true;
  EXPECT_THROW(f(x), Error);
  fails = false;
  EXPECT_EQ(f(x).item<float>(), 2);
}

TEST(FreeNumbers, AreThoseThatNoRewriteLooksAt) {
  const auto count = [](auto f) {
    const auto found = passes::numbers_of(ir::Numbered(trace(f, zeros({3, 4}))));
    return std::ranges::count(found.free, true);
  };
  EXPECT_EQ(count([](Tensor x) { return x * 0.3; }), 1);
  EXPECT_EQ(count([](Tensor x) { return x * 0.3 + 1; }), 1);
  EXPECT_EQ(count([](Tensor x) { return x * 0.3 + 0.3; }), 2);
  EXPECT_EQ(count([](Tensor x) { return x * 1 + 0; }), 0);
  EXPECT_EQ(count([](Tensor x) { return pow(x, 2.1); }), 1);
  EXPECT_EQ(count([](Tensor x) { return pow(x, full({}, 6.5)); }), 0);
  EXPECT_EQ(count([](Tensor x) { return x * exp(full({}, 0.3)); }), 0);
  EXPECT_EQ(count([](Tensor) { return full({2}, 0.3); }), 0);
}

}  // namespace
}  // namespace lilith
