// Threads with handles of their own to the same lazy nodes; for the thread sanitizer too.
#include <gtest/gtest.h>
#include <time.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <thread>
#include <vector>

#include "core/env.h"
#include "ir/node.h"
#include "lilith/compile.h"
#include "lilith/graph_names.h"
#include "lilith/lower.h"
#include "lilith/op_def.h"
#include "lilith/ops.h"
#include "lilith/transforms.h"
#include "runtime/sole_holder.h"

namespace lilith {
namespace {

/// Starts all at once, so that they meet.
void run_together(const std::vector<std::function<void()>>& tasks) {
  std::atomic<std::size_t> ready{0};
  std::vector<std::thread> threads;
  for (const auto& task : tasks) {
    threads.emplace_back([&] {
      ++ready;
      while (ready < tasks.size()) std::this_thread::yield();
      task();
    });
  }
  for (std::thread& t : threads) t.join();
}

constexpr int kRounds = 40;

TEST(SharedNodes, TwoCopiesOfOnePendingTensorAreRead) {
  for (int k = 0; k < kRounds; ++k) {
    const Tensor x = arange(64).to(kFloat32) * 1.5 + static_cast<double>(k);
    const Tensor a = x, b = x;
    std::vector<float> from_a, from_b;
    run_together({[&] { from_a = a.to_vector<float>(); }, [&] { from_b = b.to_vector<float>(); }});
    EXPECT_EQ(from_a, from_b);
    EXPECT_EQ(from_a[2], 3.0f + static_cast<float>(k));
  }
}

TEST(SharedNodes, APendingTensorIsReadWhileOthersBuildOnIt) {
  for (int k = 0; k < kRounds; ++k) {
    const Tensor h = tanh(arange(32).to(kFloat64) * 0.1) * 2.0;
    const Tensor a = h, b = h, c = h;
    double sum = 0, slope = 0, product = 0;
    run_together({[&] { sum = a.sum().item<double>(); },
                  [&] {
                    const auto f = [&](const Tensor& w) { return (w * b * b).sum(); };
                    slope = grad(f, ones({32}, {.dtype = kFloat64})).second.sum().item<double>();
                  },
                  [&] {
                    const Tensor held = c + 1.0;
                    product = (held * c).sum().item<double>();
                  }});
    EXPECT_NEAR(slope + sum, product, 1e-9);
  }
}

TEST(SharedNodes, AConstantBecomesAnArgumentWhileItIsRead) {
  const auto f = compile([](const Tensor& w) { return (w * 3).sum(); });
  for (int k = 0; k < kRounds; ++k) {
    const Tensor w = full({16}, 0.5);
    const Tensor a = w, b = w, c = w;
    float through = 0, read = 0, added = 0;
    run_together({[&] { through = f(a).item<float>(); }, [&] { read = b.to_vector<float>()[7]; },
                  [&] { added = (c + 1).sum().item<float>(); }});
    EXPECT_EQ(through, 24);
    EXPECT_EQ(read, 0.5f);
    EXPECT_EQ(added, 24);
  }
}

TEST(SharedNodes, ValuesThatAnotherThreadStillNeedsAreNotWrittenOver) {
  for (int k = 0; k < kRounds; ++k) {
    Tensor w = full({256}, 1.0) * 1.5;
    eval(w);
    const Tensor next = w * 2.0 + 1.0;  // would take over w's memory
    const Tensor copy = next;
    w = Tensor();
    float evaluated = 0, slope = 0;
    run_together({[&] { evaluated = next.sum().item<float>(); },
                  [&] {
                    const auto f = [&](const Tensor& s) { return (s * copy).sum(); };
                    slope = grad(f, full({256}, 2.0)).second.sum().item<float>();
                  }});
    EXPECT_EQ(evaluated, 1024);
    EXPECT_EQ(slope, 1024);
  }
}

/// An op y = 2 x whose compilation announces itself and then waits to be let on.
struct Gate {
  std::atomic<bool> reached{false}, open{false};

  static bool wait(const std::atomic<bool>& flag) {
    for (int k = 0; k < 10000 && !flag; ++k)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return flag;
  }
  Tensor through(const Tensor& x) {
    const OpDef& op = register_op({.name = fmt::format("gate{}", ++number),
                                   .infer = [](const InferCtx& c) { return c.in[0]; },
                                   .no_vjp_reason = "it is a test",
                                   .lower =
                                       [this](LowerCtx& c) {
                                         reached = true;
                                         wait(open);
                                         return c[0] * 2.0;
                                       },
                                   .cost = 1});
    return apply(op, {x});
  }
  static inline int number = 0;
};

TEST(SharedNodes, AThreadEvaluatesWhileAnotherCompiles) {
  Gate gate;
  const Tensor x = arange(8).to(kFloat32), slow = gate.through(x);
  double sum = 0;
  bool met = false;
  run_together({[&] { sum = slow.sum().item<double>(); },
                [&] {
                  met = Gate::wait(gate.reached);
                  EXPECT_EQ((arange(5) * 3).sum().item<double>(), 30);
                  gate.open = true;
                }});
  EXPECT_TRUE(met);
  EXPECT_EQ(sum, 56);
}

TEST(SharedNodes, WhatAnotherThreadComputesIsWaitedFor) {
  Gate gate;
  const Tensor x = arange(8).to(kFloat32), slow = gate.through(x);
  const Tensor a = slow, b = slow;
  const auto runs = cache_stats().runs;
  float first = 0, second = 0;
  run_together({[&] { first = a.to_vector<float>()[3]; },
                [&] {
                  EXPECT_TRUE(Gate::wait(gate.reached));
                  std::thread later([&] {
                    std::this_thread::sleep_for(std::chrono::milliseconds(20));
                    gate.open = true;
                  });
                  second = b.to_vector<float>()[3];
                  later.join();
                }});
  EXPECT_EQ(first, 6);
  EXPECT_EQ(second, 6);
  EXPECT_EQ(cache_stats().runs, runs + 1);
}

TEST(SharedNodes, AWalkWaitsForProgramsThatWriteToTheirInputs) {
  Gate gate;
  Tensor w = arange(8).to(kFloat32) * 1.5;
  eval(w);
  const Tensor next = gate.through(w), copy = next;
  w = Tensor();  // next takes over its memory
  float evaluated = 0, slope = 0;
  run_together({[&] { evaluated = next.sum().item<float>(); },
                [&] {
                  EXPECT_TRUE(Gate::wait(gate.reached));
                  std::thread later([&] {
                    std::this_thread::sleep_for(std::chrono::milliseconds(20));
                    gate.open = true;
                  });
                  const auto f = [&](const Tensor& s) { return (s * copy).sum(); };
                  slope = grad(f, full({8}, 2.0)).second.sum().item<float>();
                  later.join();
                }});
  EXPECT_EQ(evaluated, 84);
  EXPECT_EQ(slope, 84);
}

TEST(SharedNodes, AnEvaluationThatFailsLetsOthersTry) {
  const Tensor x = arange(4).to(kFloat32);
  const Tensor bad = index_select(x, 0, arange(6).to(kInt64) + 1);
  const Tensor a = bad + 1, b = bad + 1;
  std::atomic<int> thrown{0};
  const auto read = [&](const Tensor& t) {
    try {
      static_cast<void>(t.to_vector<float>());
    } catch (const Error&) {
      ++thrown;
    }
  };
  run_together({[&] { read(a); }, [&] { read(b); }, [&] { read(bad); }});
  EXPECT_EQ(thrown, 3);
  EXPECT_EQ((x + 1).sum().item<float>(), 10);
}

TEST(SharedNodes, SeveralThreadsCompileAProgramOnce) {
  const Tensor x = arange(9).to(kFloat32);
  eval(x);
  clear_program_cache();
  const auto f = [](const Tensor& t) { return (tanh(t) * 3 + exp(t * 0.01)).sum().item<float>(); };
  const auto compiled = cache_stats().compiled;
  float values[4] = {};
  run_together({[&] { values[0] = f(x); }, [&] { values[1] = f(x); }, [&] { values[2] = f(x); },
                [&] { values[3] = f(x); }});
  EXPECT_EQ(cache_stats().compiled, compiled + 1);
  for (const float v : values) EXPECT_EQ(v, values[0]);
}

/// y = 2 x, whose compilation (or interpretation) calls f.
const OpDef& calling_op(std::function<void(const Shape&)> f) {
  return register_op({.name = fmt::format("gate{}", ++Gate::number),
                      .infer = [](const InferCtx& c) { return c.in[0]; },
                      .no_vjp_reason = "it is a test",
                      .lower =
                          [f = std::move(f)](LowerCtx& c) {
                            f(c.out.shape);
                            return c[0] * 2.0;
                          },
                      .cost = 1});
}

/// w = op(w), which takes over w's memory: the sum.
float update_in_place(const OpDef& op, std::int64_t n) {
  Tensor w = full({n}, 1.0) * 1.5;
  eval(w);
  w = apply(op, {w});
  return w.sum().item<float>();
}

/// Two threads meet in the code that their programs call.
struct Meeting {
  std::atomic<int> there{0};
  std::atomic<bool> complete{false};
  void wait() {
    if (++there == 2) complete = true;
    EXPECT_TRUE(Gate::wait(complete));
  }
};

TEST(SharedNodes, WhoCompilesMayWalkWhileOthersCompile) {
  Meeting meeting;
  const Tensor other = arange(4).to(kFloat32) + 1;
  const OpDef& op = calling_op([&](const Shape&) {
    meeting.wait();
    EXPECT_EQ(Node(other).inputs().size(), 2);
  });
  const auto donated = cache_stats().donated;
  float sums[2] = {};
  run_together(
      {[&] { sums[0] = update_in_place(op, 8); }, [&] { sums[1] = update_in_place(op, 9); }});
  EXPECT_EQ(sums[0], 24);
  EXPECT_EQ(sums[1], 27);
  EXPECT_EQ(cache_stats().donated, donated + 2);
}

TEST(SharedNodes, WhoCompilesMayWalkWhileAnotherWaitsForTheProgram) {
  std::atomic<bool> reached{false}, asking{false};
  const Tensor other = arange(4).to(kFloat32) + 1;
  const OpDef& op = calling_op([&](const Shape&) {
    if (reached.exchange(true)) return;
    EXPECT_TRUE(Gate::wait(asking));
    std::this_thread::sleep_for(std::chrono::milliseconds(20));  // it comes to wait
    EXPECT_EQ(Node(other).inputs().size(), 2);
  });
  float sums[2] = {};
  run_together({[&] { sums[0] = update_in_place(op, 8); },
                [&] {
                  EXPECT_TRUE(Gate::wait(reached));
                  asking = true;
                  sums[1] = update_in_place(op, 8);
                }});
  EXPECT_EQ(sums[0], 24);
  EXPECT_EQ(sums[1], 24);
}

TEST(SharedNodes, WhoInterpretsMayWalkWhileOthersInterpret) {
  env::set("LILITH_EAGER", "1");
  Meeting meeting;
  const Tensor other = arange(4).to(kFloat32) + 1;
  const OpDef& op = calling_op([&](const Shape&) {
    if (!meeting.complete) meeting.wait();
    EXPECT_EQ(Node(other).inputs().size(), 2);
  });
  float sums[2] = {};
  run_together(
      {[&] { sums[0] = update_in_place(op, 8); }, [&] { sums[1] = update_in_place(op, 9); }});
  EXPECT_EQ(sums[0], 24);
  EXPECT_EQ(sums[1], 27);
  env::set("LILITH_EAGER", "");
  clear_program_cache();
}

TEST(SharedNodes, WhoCompilesReadsWhatAnotherThatCompilesIsToCompute) {
  Meeting meeting;
  const Tensor a = sin(arange(16).to(kFloat32)), b = cos(arange(16).to(kFloat32));
  const OpDef& op = calling_op([&](const Shape& shape) {
    meeting.wait();
    const Tensor& of_the_other = shape[0] == 5 ? b : a;
    EXPECT_LE(of_the_other.max().item<float>(), 1);
  });
  float sums[2] = {};
  const auto work = [&](std::int64_t n, const Tensor& mine) {
    return (apply(op, {ones({n}) * 1.5}).sum() + mine.sum() * 0).item<float>();
  };
  run_together({[&] { sums[0] = work(5, a); }, [&] { sums[1] = work(7, b); }});
  EXPECT_EQ(sums[0], 15);
  EXPECT_EQ(sums[1], 21);
}

void in_another_thread(const std::function<void()>& f) { std::thread(f).join(); }

TEST(SharedNodes, WhatAnotherThreadReadsInsideOfAGradientKeepsItsInputs) {
  Tensor seen;
  const auto f = [&](const Tensor& x) {
    const Tensor h = x * x * 3;
    seen = h;
    in_another_thread([copy = h] { EXPECT_EQ(copy.sum().item<double>(), 42); });
    EXPECT_FALSE(Node(h).inputs().empty());
    return (h * x).sum();
  };
  const Tensor x = arange(4).to(kFloat64);
  EXPECT_EQ(grad(f, x).second.to_vector<double>(), (std::vector<double>{0, 9, 36, 81}));
  EXPECT_EQ(Node(seen).op_name(), "data") << "nobody needs them any longer";
}

TEST(SharedNodes, WhatACotangentNeedsIsNotWrittenOver) {
  Tensor w = full({8}, 1.0) * 1.5;
  eval(w);
  const auto f = [&](const Tensor& x) {
    const Tensor h = x * w;
    w = Tensor();  // h would take over its memory
    in_another_thread([copy = h] { EXPECT_EQ(copy.sum().item<float>(), 24); });
    return h.sum();
  };
  EXPECT_EQ(grad(f, full({8}, 2.0)).second.to_vector<float>(), std::vector<float>(8, 1.5f));
}

TEST(SharedNodes, WhatDependsOnNoOtherThreadsGradientBecomesALeaf) {
  const OpDef& op = calling_op([](const Shape&) {});
  const auto donated = cache_stats().donated;
  const auto f = [&](const Tensor& x) {
    const Tensor h = x * x;
    in_another_thread([&] {
      const Tensor own = arange(4) * 2 + 1;
      eval(own);
      EXPECT_EQ(Node(own).op_name(), "data");
      EXPECT_EQ(update_in_place(op, 8), 24);
    });
    return h.sum();
  };
  static_cast<void>(grad(f, full({8}, 2.0)));
  EXPECT_EQ(cache_stats().donated, donated + 1);
}

TEST(SharedNodes, AThreadThatDifferentiatesReadsWhatAnotherDifferentiates) {
  const auto f = [&](const Tensor& x) {
    const Tensor h = x * x * 3;
    in_another_thread([copy = h] {
      Tensor own;
      const auto g = [&](const Tensor& z) {
        own = z * z;
        EXPECT_EQ((own + copy.sum()).sum().item<double>(), 4 * 43);
        return (own * z).sum();
      };
      EXPECT_EQ(grad(g, ones({4}, {.dtype = kFloat64})).second.sum().item<double>(), 12);
      EXPECT_EQ(Node(own).op_name(), "data");
      EXPECT_NE(Node(copy).op_name(), "data") << "the other thread needs its inputs";
    });
    return (h * x).sum();
  };
  const Tensor x = arange(4).to(kFloat64);
  EXPECT_EQ(grad(f, x).second.to_vector<double>(), (std::vector<double>{0, 9, 36, 81}));
}

TEST(SharedNodes, WhoWaitsForAProgramFindsIt) {
  std::atomic<bool> reached{false}, asking{false};
  const OpDef& op = calling_op([&](const Shape&) {
    if (reached.exchange(true)) return;
    EXPECT_TRUE(Gate::wait(asking));
    std::this_thread::sleep_for(std::chrono::milliseconds(20));  // it comes to wait
  });
  const Tensor x = arange(8).to(kFloat32);
  eval(x);
  const Tensor a = apply(op, {x}), b = apply(op, {x});
  const CacheStats before = cache_stats();
  run_together({[&] { eval(a); },
                [&] {
                  EXPECT_TRUE(Gate::wait(reached));
                  asking = true;
                  eval(b);
                }});
  EXPECT_EQ(cache_stats().compiled, before.compiled + 1);
  EXPECT_EQ(cache_stats().hits, before.hits + 1);
}

double cpu_ms() {
  timespec t = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return 1e3 * static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_nsec);
}

/// The processor's time of a thread that waits for the value at the end of a chain, while others
/// evaluate so often.
double cpu_ms_of_waiting(int length, int evaluations) {
  Gate gate;
  Tensor t = gate.through(arange(2).to(kFloat32));
  for (int k = 0; k < length; ++k) t = sin(t);
  const Tensor a = t, b = t;
  double ms = 0;
  run_together({[&] { eval(a); },
                [&] {
                  EXPECT_TRUE(Gate::wait(gate.reached));
                  std::thread others([&] {
                    for (int k = 0; k < evaluations; ++k) {
                      static_cast<void>((arange(3) + k).sum().item<std::int64_t>());
                      std::this_thread::sleep_for(std::chrono::microseconds(100));
                    }
                    std::this_thread::sleep_for(std::chrono::milliseconds(20));
                    gate.open = true;
                  });
                  const double before = cpu_ms();
                  EXPECT_EQ(b.to_vector<float>()[0], 0);
                  ms = cpu_ms() - before;
                  others.join();
                }});
  return ms;
}

TEST(SharedNodes, WhoWaitsLooksAtWhatItWaitsForAlone) {
  env::set("LILITH_EAGER", "1");
  const double a_walk = cpu_ms_of_waiting(8000, 0), no_walk = cpu_ms_of_waiting(10, 300);
  const double both = cpu_ms_of_waiting(8000, 300);
  EXPECT_LT(both, 3 * (a_walk + no_walk));
  env::set("LILITH_EAGER", "");
  clear_program_cache();
}

TEST(SharedNodes, UsersAreCountedWhileHandlesComeAndGo) {
  const Tensor free = arange(3), used = arange(3), user = used + 1;
  std::atomic<bool> done{false};
  int wrong = 0;
  run_together({[&] {
                  for (int k = 0; k < 300000; ++k) {
                    const Tensor a = free, b = used;
                    free.node()->retain_operand();
                    used.node()->retain_operand();
                    free.node()->release_operand();
                    used.node()->release_operand();
                  }
                  done = true;
                },
                [&] {
                  while (!done) wrong += free.node()->has_users() || !used.node()->has_users();
                }});
  EXPECT_EQ(wrong, 0);
}

// For the thread sanitizer: the count alone orders nothing.
TEST(SharedNodes, WhatOthersReadOfMemoryHappenedBeforeTheyLetGo) {
  for (int k = 0; k < kRounds; ++k) {
    StoragePtr mine = Storage::allocate(64), theirs = mine;
    int& value = *static_cast<int*>(mine->data());
    value = k;
    int seen = -1;
    run_together({[&] {
                    seen = *static_cast<const int*>(theirs->data());
                    theirs.reset();
                  },
                  [&] {
                    while (!runtime::held_by(mine, 1)) std::this_thread::yield();
                    value = -2;
                  }});
    EXPECT_EQ(seen, k);
  }
}

TEST(SharedNodes, AnEvaluatedNodeShowsNothingOfWhatMadeIt) {
  const Tensor x = arange(6).to(kFloat32).reshape({2, 3}).sum({1});
  EXPECT_FALSE(Node(x).attrs().empty());
  eval(x);
  EXPECT_EQ(Node(x).op_name(), "data");
  EXPECT_TRUE(Node(x).attrs().empty());
  EXPECT_TRUE(Node(x).inputs().empty());
}

}  // namespace
}  // namespace lilith
