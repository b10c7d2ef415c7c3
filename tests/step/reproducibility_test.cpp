#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "lilith/lilith.h"
#include "step/net.h"
#include "zoo/cnn/model.h"
#include "zoo/lenet/model.h"
#include "zoo/vae/model.h"

// Two runs of the same training give the same bits, for one thread and for two.
namespace lilith {
namespace {

using testing::loss_of;
using testing::Net;

void append(std::vector<float>& all, const Tensor& t) {
  const std::vector<float> values = t.to_vector<float>();
  all.insert(all.end(), values.begin(), values.end());
}
template <class M>
void append_weights(std::vector<float>& all, M& model) {
  for_each_parameter(model, [&](const std::string&, const Tensor& t) { append(all, t); });
}
void expect_same_bits(const std::vector<float>& first, const std::vector<float>& second) {
  ASSERT_EQ(first.size(), second.size());
  EXPECT_EQ(std::memcmp(first.data(), second.data(), first.size() * sizeof(float)), 0);
}

/// Losses and weights after a few lazy steps over a data set.
std::vector<float> lazy_run() {
  manual_seed(7);
  Net net;
  Adam opt({.lr = 1e-3});
  const auto digits = data::Digits(data::Split::Train, {.size = 200});
  std::vector<float> all;
  for (auto [x, y] : DataLoader(digits, {.batch_size = 50, .shuffle = true, .seed = 3})) {
    auto [loss, g] = grad(loss_of, net, x, y);
    update(opt, net, g);
    append(all, loss);
  }
  append_weights(all, net);
  return all;
}

TEST(Reproducibility, TwoLazyRunsGiveTheSameBits) { expect_same_bits(lazy_run(), lazy_run()); }

/// Losses and weights after compiled steps, by programs that are compiled anew.
template <class M, class Loss>
std::vector<float> compiled_run(const Loss& loss_fn, int threads) {
  set_num_threads(threads);
  clear_program_cache();
  manual_seed(11);
  M model;
  Adam opt({.lr = 1e-3});
  auto step = compile([&](M& m, Adam& o, Tensor x, Tensor y) {
    auto [loss, g] = grad(loss_fn, m, x, y);
    update(o, m, g);
    return loss;
  });
  std::vector<float> all;
  for (std::int64_t n : {50, 50, 23, 50}) {  // a smaller batch amid
    const Tensor x = rand({n, 1, 28, 28}), y = randint(0, 10, {n});
    append(all, step(model, opt, x, y));
  }
  append_weights(all, model);
  return all;
}

template <class M, class Loss>
void expect_reproducible(const Loss& loss_fn) {
  const int before = num_threads();
  for (int threads : {1, 2}) {
    SCOPED_TRACE(threads);
    const auto first = compiled_run<M>(loss_fn, threads);
    for (float v : first) ASSERT_TRUE(std::isfinite(v));
    expect_same_bits(first, compiled_run<M>(loss_fn, threads));
  }
  set_num_threads(before);
}

template <class M>
Tensor classifier_loss(const M& m, Tensor x, Tensor y) {
  return nll_loss(m(x), y);
}

TEST(Reproducibility, CompiledCnn) { expect_reproducible<zoo::Cnn>(classifier_loss<zoo::Cnn>); }
TEST(Reproducibility, CompiledLeNet) {
  expect_reproducible<zoo::LeNet>(classifier_loss<zoo::LeNet>);
}
TEST(Reproducibility, CompiledVae) {
  expect_reproducible<zoo::Vae>([](const zoo::Vae& m, Tensor x, Tensor) {
    return zoo::vae_loss(m, x, randn({x.size(0), zoo::Vae::kLatent})) /
           static_cast<double>(x.size(0));
  });
}

}  // namespace
}  // namespace lilith
