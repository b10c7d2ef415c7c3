#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "eval/canonical.h"
#include "eval/compiled_program.h"
#include "ir/host.h"
#include "passes/pipeline.h"
#include "support/random_net.h"
#include "support/to_storage.h"

// Random networks and their gradients, compiled and interpreted.
namespace lilith {
namespace {

using testing::RandomNet, testing::to_storage;

double largest(const RefTensor& t) {
  double out = 1;
  for (double v : t.f) out = std::isfinite(v) ? std::fmax(out, std::fabs(v)) : out;
  return out;
}

/// How far each output moves when every input moves a little: what rounding alone may do to it.
std::vector<double> sensitivity(const Graph& g, const std::vector<RefTensor>& x,
                                const std::vector<RefTensor>& want, double relative) {
  std::vector<double> out(want.size(), 0);
  for (double sign : {1.0, -1.0}) {
    std::mt19937_64 rng(5);
    std::uniform_real_distribution<double> uniform(-1, 1);
    std::vector<RefTensor> moved = x;
    for (RefTensor& t : moved) {
      for (double& v : t.f) v *= 1 + sign * relative * uniform(rng);
    }
    const auto values = ir::interpret(g, moved);
    for (std::size_t o = 0; o < want.size(); ++o) {
      for (std::size_t k = 0; k < want[o].f.size(); ++k) {
        const double by = std::fabs(values[o].f[k] - want[o].f[k]);
        if (by > out[o]) out[o] = by;
      }
    }
  }
  return out;
}

/// Compiles and compares one network. False when there is nothing to compare: layers that do not
/// fit, or a kink so near that rounding decides its side.
bool compare(std::uint64_t seed, DType dtype) {
  RandomNet net(seed, dtype);
  try {
    net.make();
  } catch (const InternalError&) {
    throw;
  } catch (const Error&) {
    return false;
  }
  std::vector<ir::NodeImpl*> roots;
  for (const Tensor& t : net.outputs) roots.push_back(t.node());
  const Graph traced = driver::copy_graph(driver::canonicalise(roots), net.params);
  const auto want = ir::interpret(traced, net.values);
  const bool wide = dtype == DType::F64;
  const auto moves = sensitivity(traced, net.values, want, wide ? 1e-13 : 3e-6);
  for (std::size_t o = 0; o < want.size(); ++o) {
    if (moves[o] > 1e-3 * largest(want[o])) return false;
  }
  std::vector<StoragePtr> in, got(want.size());
  for (const RefTensor& t : net.values) in.push_back(to_storage(t));
  const Graph g = run_passes(traced);
  make_compiled_program(g, {.donatable = {}, .guard_bytes = 256})->run(in, {}, got);
  for (std::size_t o = 0; o < want.size(); ++o) {
    // A layer norm of almost equal numbers makes hundreds of times more of a rounding before it.
    const double tolerance = (wide ? 1e-10 : 1e-4) * largest(want[o]) + 4 * moves[o];
    for (std::int64_t k = 0; k < want[o].aval.numel(); ++k) {
      const double a = ir::read_f64(got[o]->data(), dtype, k), b = want[o].get(k);
      if (a == b || (std::isnan(a) && std::isnan(b))) continue;
      if (std::fabs(a - b) <= tolerance) continue;
      ADD_FAILURE() << "seed " << seed << " " << name(dtype) << " output " << o << " "
                    << want[o].aval.str() << " element " << k << ": compiled " << a
                    << ", interpreted " << b << "\n"
                    << g.str();
      return true;
    }
  }
  return true;
}

class RandomNets : public ::testing::TestWithParam<int> {};

TEST_P(RandomNets, ComputeWhatTheInterpreterDoes) {
  int compared = 0;
  for (int i = 0; compared < 5; ++i) {
    ASSERT_LT(i, 40) << "only " << compared << " networks could be compared";
    const auto seed = static_cast<std::uint64_t>(GetParam()) * 100 + static_cast<std::uint64_t>(i);
    compared += compare(seed, seed % 4 == 3 ? kFloat64 : kFloat32);
    if (HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Programs, RandomNets, ::testing::Range(0, 20));

}  // namespace
}  // namespace lilith
