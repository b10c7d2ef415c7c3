#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <random>

#include "core/env.h"
#include "lilith/lilith.h"

// Random programs over two sizes: run with several sizes in turn, so that they share code, they
// give the bits of programs that were compiled for each size alone. LILITH_RANDOM_PROGRAMS: how
// many.
namespace lilith {
namespace {

/// A program of a seed: the same ops whatever the sizes.
class RandomProgram {
 public:
  RandomProgram(std::uint64_t seed, std::int64_t n, std::int64_t m) : random_(seed) {
    sizes_ = {n, m, 3, 8, 20, 33};
    for (int k = 0; k < 3; ++k) values_.push_back(input(k));
  }

  std::vector<Tensor> run() {
    for (int k = pick(4, 9); k > 0; --k) step();
    std::vector<Tensor> out;
    const std::size_t count = values_.size();
    for (std::size_t k = count - std::min<std::size_t>(count, 3); k < count; ++k)
      out.push_back(values_[k].x);
    return out;
  }

 private:
  /// Dimensions by the number of their size: what may be combined does not depend on the sizes.
  struct Value {
    Tensor x;
    std::vector<int> dims;
  };

  int pick(int least, int most) { return std::uniform_int_distribution<int>(least, most)(random_); }
  std::int64_t size(int dim) const { return sizes_[static_cast<std::size_t>(dim)]; }
  Value& any() {
    return values_[static_cast<std::size_t>(pick(0, static_cast<int>(values_.size()) - 1))];
  }

  Value make(std::vector<int> dims, double rate) {
    Shape shape;
    for (const int d : dims) shape.push_back(size(d));
    const std::int64_t count = shape.numel();
    return {reshape(sin(cast(arange(count), DType::F32) * rate), shape), std::move(dims)};
  }
  Value input(int k) {
    std::vector<int> dims{pick(0, 1)};
    for (int d = pick(1, 2); d > 0; --d) dims.push_back(pick(0, 5));
    return make(dims, 0.3 + 0.21 * k);
  }
  void add(Tensor x, std::vector<int> dims) {
    if (x.numel() <= 60000) values_.push_back({std::move(x), std::move(dims)});
  }

  void step() {
    const Value v = any();
    const int rank = static_cast<int>(v.dims.size()), d = rank > 0 ? pick(0, rank - 1) : 0;
    const auto at = static_cast<std::size_t>(d);
    std::vector<int> rest = v.dims;
    if (rank > 0) rest.erase(rest.begin() + d);
    switch (pick(0, 13)) {
      case 0:
        return add(sigmoid(v.x) * 1.5 - 0.25, v.dims);
      case 1: {
        const Value w = make(v.dims, 0.17);
        return add(v.x * w.x + relu(v.x), v.dims);
      }
      case 2:
        if (rank > 0) add(v.x.sum(d), rest);
        return;
      case 3:
        if (rank > 0) add(amax(v.x, {d}) + v.x.mean(d), rest);
        return;
      case 4:
        if (rank > 0) add(softmax(v.x, d), v.dims);
        return;
      case 5:
      case 6:
        if (rank >= 2) {
          const int out = pick(0, 5);
          const Value w = make({v.dims.back(), out}, 0.11);
          rest = v.dims;
          rest.back() = out;
          add(matmul(v.x, w.x) * 0.1, rest);
        }
        return;
      case 7:
        if (rank >= 2) {
          rest = v.dims;
          std::swap(rest[0], rest[1]);
          add(transpose(v.x, 0, 1), rest);
        }
        return;
      case 8:
        if (rank == 2) add(matmul(transpose(v.x, 0, 1), v.x) * 0.05, {v.dims[1], v.dims[1]});
        return;
      case 9:
        if (rank > 0) add(flip(v.x, {d}) + cumsum(v.x, d), v.dims);
        return;
      case 10:
        if (rank > 0)
          add(index_select(v.x, d, (arange(size(3)) * 5) % size(v.dims[at])), [&] {
            rest = v.dims;
            rest[at] = 3;
            return rest;
          }());
        return;
      case 11:
        if (rank > 0) add(layer_norm(v.x, {size(v.dims.back())}), v.dims);
        return;
      case 12:
        if (rank == 2) {
          const Tensor w = make({3, 2}, 0.4).x.reshape({8, 1, 3});
          const Tensor y =
              conv1d(v.x.reshape({size(v.dims[0]), 1, size(v.dims[1])}), w, {}, {.padding = 1});
          add(y.sum(1), v.dims);
        }
        return;
      default:
        if (rank > 0) {
          auto [loss, g] = grad([&](Tensor x) { return (tanh(x) * softmax(x, d)).sum(); }, v.x);
          add(g, v.dims);
        }
    }
  }

  std::mt19937_64 random_;
  std::vector<std::int64_t> sizes_;
  std::vector<Value> values_;
};

std::vector<std::vector<float>> results(std::uint64_t seed, std::int64_t n, std::int64_t m) {
  std::vector<Tensor> out = RandomProgram(seed, n, m).run();
  for (const Tensor& t : out) eval(t);
  std::vector<std::vector<float>> numbers;
  for (const Tensor& t : out) numbers.push_back(t.to_vector<float>());
  return numbers;
}

/// Equal to the bit; NaN is NaN.
bool same(const std::vector<float>& a, const std::vector<float>& b) {
  const auto equal = [](float x, float y) { return x == y || (x != x && y != y); };
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), equal);
}

struct NoSharing {
  NoSharing() : before_(env::text("LILITH_DISABLE")) { env::set("LILITH_DISABLE", "shared_code"); }
  ~NoSharing() { env::set("LILITH_DISABLE", before_); }
  std::string before_;
};

TEST(RandomSizes, GiveTheBitsOfProgramsOfTheirOwn) {
  const char* text = std::getenv("LILITH_RANDOM_PROGRAMS");
  const int count = text != nullptr ? std::atoi(text) : 12;
  const char* from = std::getenv("LILITH_RANDOM_SEED");
  const int first = from != nullptr ? std::atoi(from) : 1;
  for (int seed = first; seed < first + count; ++seed) {
    std::mt19937_64 random(static_cast<std::uint64_t>(seed) * 7919);
    const auto any = [&] { return std::uniform_int_distribution<std::int64_t>(1, 70)(random); };
    std::vector<std::pair<std::int64_t, std::int64_t>> sizes;
    for (int k = 0; k < 4; ++k) sizes.emplace_back(any(), any());
    clear_program_cache();
    std::vector<std::vector<std::vector<float>>> shared;
    for (const auto& [n, m] : sizes)
      shared.push_back(results(static_cast<std::uint64_t>(seed), n, m));
    clear_program_cache();
    const NoSharing off;
    for (std::size_t k = 0; k < sizes.size(); ++k) {
      const auto own = results(static_cast<std::uint64_t>(seed), sizes[k].first, sizes[k].second);
      for (std::size_t i = 0; i < own.size(); ++i)
        EXPECT_TRUE(same(shared[k][i], own[i]))
            << "seed " << seed << ", sizes " << sizes[k].first << " and " << sizes[k].second
            << ", the " << k << "th, result " << i;
    }
  }
}

}  // namespace
}  // namespace lilith
