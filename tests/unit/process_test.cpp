// What a process does around the library: it forks, it ends while something is computed.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <functional>
#include <memory>
#include <thread>

#include "core/env.h"
#include "lilith/compile.h"
#include "lilith/data.h"
#include "lilith/lower.h"
#include "lilith/op_def.h"
#include "lilith/ops.h"
#include "lilith/runtime.h"
#include "support/expect_error.h"
#include "train/interrupt.h"

namespace lilith {
namespace {

constexpr unsigned kHang = 60;  // seconds after which a child has hung

#if defined(__SANITIZE_THREAD__)
#define NEEDS_THREADS_IN_A_CHILD \
  GTEST_SKIP() << "SKIPPED: ThreadSanitizer ends a forked child that makes threads"
#else
#define NEEDS_THREADS_IN_A_CHILD
#endif

/// Runs f in a child, whose exit status this is (128 + the signal, where one ended it).
int in_child(const std::function<int()>& f) {
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    alarm(kHang);
    _exit(f());
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/// The same in a child that ends by exit(): handlers and destructors run.
int to_the_end(const std::function<void()>& f) {
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    alarm(kHang);
    f();
    std::exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

float product(float scale) {
  const Tensor a = full({96, 96}, scale);
  return matmul(a, a).sum().item<float>();
}
constexpr float kProduct = 96.f * 96 * 96;

TEST(Fork, TheChildOfAProcessThatComputedComputesToo) {
  NEEDS_THREADS_IN_A_CHILD;
  set_num_threads(2);
  ASSERT_EQ(product(1), kProduct);
  EXPECT_EQ(in_child([] {
              if (product(1) != kProduct) return 1;      // a known program
              if (product(2) != 4 * kProduct) return 2;  // the same with other data
              if (tanh(zeros({7, 5})).sum().item<float>() != 0) return 3;  // a new one
              set_num_threads(3);
              if (num_threads() != 3 || product(1) != kProduct) return 4;
              // Its own children too.
              return in_child([] { return product(1) == kProduct ? 0 : 5; });
            }),
            0);
  EXPECT_EQ(product(1), kProduct);
  set_num_threads(2);
}

TEST(Fork, WhileOtherThreadsEvaluateCompileAndDraw) {
  NEEDS_THREADS_IN_A_CHILD;
  std::atomic<bool> done{false};
  std::vector<std::thread> others;
  for (int k = 0; k < 3; ++k)
    others.emplace_back([&done, k] {
      for (int n = 2; !done; ++n) {
        static_cast<void>(tanh(rand({1 + n % 40, 3 + k}) * n).sum().item<float>());
        if (n % 10 == 0) clear_program_cache();
      }
    });
  int failed = 0;
  for (int i = 0; i < 12; ++i)
    failed += in_child([] {
                return product(1) == kProduct && rand({5}).max().item<float>() < 1 ? 0 : 1;
              }) != 0;
  done = true;
  for (std::thread& t : others) t.join();
  EXPECT_EQ(failed, 0);
}

TEST(Fork, WhileOtherThreadsAddToWhatIsPending) {
  NEEDS_THREADS_IN_A_CHILD;
  std::atomic<bool> done{false};
  std::vector<std::thread> others;
  for (int k = 0; k < 3; ++k)
    others.emplace_back([&done, k] {
      Tensor total = zeros({2});
      while (!done) {
        total = total + 1;  // what is pending is evaluated now and then
        if (k == 0) static_cast<void>(sin(full({3}, 0.5)).sum().item<float>());
      }
    });
  int failed = 0;
  for (int i = 0; i < 10; ++i) failed += in_child([] { return product(1) == kProduct ? 0 : 1; });
  done = true;
  for (std::thread& t : others) t.join();
  EXPECT_EQ(failed, 0);
}

/// Runs f in `threads` threads, the last of which is this one.
void side_by_side(int threads, const std::function<void(int)>& f) {
  std::vector<std::thread> others;
  for (int k = 1; k < threads; ++k) others.emplace_back(f, k);
  f(0);
  for (std::thread& t : others) t.join();
}
int status_of(pid_t child) {
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

TEST(Fork, InATracedFunctionThatAnotherThreadWaitsFor) {
  for (int round = 0; round < 50; ++round) {
    std::atomic<bool> tracing{false};
    std::atomic<pid_t> child{-1};
    const auto f = compile([&](Tensor x) {
      tracing = true;
      usleep(2000);  // the other thread comes to wait for this trace
      child = fork();
      if (child == 0) alarm(kHang);
      return x * 2;
    });
    side_by_side(2, [&](int k) {
      while (k == 1 && !tracing) std::this_thread::yield();
      const float got = f(full({3}, 1.5)).sum().item<float>();
      if (child == 0) _exit(got == 9 && f(ones({3})).sum().item<float>() == 6 ? 0 : 1);
      EXPECT_EQ(got, 9);
    });
    ASSERT_EQ(status_of(child), 0) << round;
  }
}

TEST(Fork, TwoThreadsInTracedFunctionsForkAtOnce) {
  for (int round = 0; round < 50; ++round) {
    std::atomic<int> there{0};
    pid_t children[2] = {-1, -1};
    thread_local bool is_child = false;
    const auto fork_together = [&](int k) {
      if (is_child) return;
      ++there;
      while (there < 2) std::this_thread::yield();
      const pid_t child = fork();
      is_child = child == 0;
      if (is_child)
        alarm(kHang);
      else
        children[k] = child;
    };
    const auto f = compile([&](Tensor x) { return fork_together(0), x * 2; });
    const auto g = compile([&](Tensor x) { return fork_together(1), x * 3; });
    side_by_side(2, [&](int k) {
      const Tensor x = ones({3});
      const float got = (k == 0 ? f(x) : g(x)).sum().item<float>();
      if (is_child) {
        // The other thread was tracing this: in the child nobody is.
        const float other = (k == 0 ? g(x) : f(x)).sum().item<float>();
        _exit(got + other == 15 ? 0 : 1);
      }
      EXPECT_EQ(got, k == 0 ? 6 : 9);
    });
    for (const pid_t child : children) ASSERT_EQ(status_of(child), 0) << round;
  }
}

/// y = 2 x, whose first compilation forks when another thread had time to come and wait for it.
struct ForkingOp {
  std::atomic<bool> reached{false};
  std::atomic<pid_t> child{-1};
  const OpDef& def = register_op({.name = fmt::format("forking{}", ++number),
                                  .infer = [](const InferCtx& c) { return c.in[0]; },
                                  .no_vjp_reason = "it is a test",
                                  .lower =
                                      [this](LowerCtx& c) {
                                        if (!reached.exchange(true)) fork_late();
                                        return c[0] * 2.0;
                                      },
                                  .cost = 1});
  void fork_late() {
    usleep(20'000);
    child = fork();
    if (child == 0) alarm(kHang);
  }
  /// Runs both, the second when the first is about to fork; in the child `check` gives the status.
  void run(const std::function<void()>& compiles, const std::function<void()>& waits,
           const std::function<bool()>& check) {
    side_by_side(2, [&](int k) {
      if (k == 1) {
        while (!reached) std::this_thread::yield();
        waits();
        return;
      }
      compiles();
      if (child == 0) _exit(check() ? 0 : 1);
    });
    EXPECT_EQ(status_of(child), 0);
  }
  static inline int number = 0;
};

TEST(Fork, InACompilationThatAnotherThreadWaitsFor) {
  for (int round = 0; round < 5; ++round) {
    ForkingOp op;
    const Tensor x = full({3}, 1.5), y = full({3}, 2.5);
    eval(x, y);
    const Tensor first = apply(op.def, {x}).sum(), second = apply(op.def, {y}).sum();
    op.run([&] { EXPECT_EQ(first.item<float>(), 9); }, [&] { EXPECT_EQ(second.item<float>(), 15); },
           [&] {
             // In the child nobody computes what the other thread wanted.
             return first.item<float>() == 9 && second.item<float>() == 15;
           });
  }
}

TEST(Fork, InAValueThatACompiledFunctionWaitsFor) {
  for (int round = 0; round < 5; ++round) {
    ForkingOp op;
    const Tensor slow = apply(op.def, {full({3}, 1.5)}), copy = slow;
    const auto f = compile([](Tensor x) { return x.sum() * 3; });
    float got = 0;
    op.run([&] { EXPECT_EQ(slow.sum().item<float>(), 9); }, [&] { got = f(copy).item<float>(); },
           [&] { return f(copy).item<float>() == 27; });
    EXPECT_EQ(got, 27);
  }
}

TEST(Fork, InAProgramThatAnotherFunctionWaitsFor) {
  for (int round = 0; round < 5; ++round) {
    ForkingOp op;
    const auto f = compile([&](Tensor x) { return apply(op.def, {x}).sum(); });
    const auto g = compile([&](Tensor x) { return apply(op.def, {x}).sum(); });
    const Tensor x = full({3}, 1.5);
    eval(x);
    float got = 0;
    op.run([&] { EXPECT_EQ(f(x).item<float>(), 9); }, [&] { got = g(x).item<float>(); },
           [&] { return f(x).item<float>() == 9 && g(x).item<float>() == 9; });
    EXPECT_EQ(got, 9);
  }
}

TEST(Fork, WhileOtherThreadsStartLoopsOverOneLoader) {
  const TensorDataset data(arange(20).to(kFloat32));
  const DataLoader loader(data, {.batch_size = 5, .shuffle = true});
  std::atomic<bool> done{false};
  std::vector<std::thread> others;
  for (int k = 0; k < 3; ++k)
    others.emplace_back([&] {
      while (!done) static_cast<void>(loader.begin());
    });
  int failed = 0;
  for (int i = 0; i < 50; ++i)
    failed += in_child([&] {
                float sum = 0;
                for (auto [x] : loader) sum += x.sum().item<float>();
                return sum == 190 ? 0 : 1;
              }) != 0;
  done = true;
  for (std::thread& t : others) t.join();
  EXPECT_EQ(failed, 0);
}

TEST(Fork, WhileOtherThreadsTakeTheSignals) {
  std::atomic<bool> done{false};
  std::vector<std::thread> others;
  for (int k = 0; k < 3; ++k)
    others.emplace_back([&] {
      while (!done) const train::InterruptGuard guard;
    });
  int failed = 0;
  for (int i = 0; i < 50; ++i)
    failed += in_child([] {
                const train::InterruptGuard guard;
                return 0;
              }) != 0;
  done = true;
  for (std::thread& t : others) t.join();
  EXPECT_EQ(failed, 0);
}

TEST(Fork, TheChildDrawsTheSameNumbersAsTheParentWouldHave) {
  manual_seed(7);
  const int seen = in_child([] { return static_cast<int>(rand({}).item<float>() * 200); });
  EXPECT_EQ(seen, static_cast<int>(rand({}).item<float>() * 200));
}

struct AtEnd {
  std::function<void()> f;
  ~AtEnd() {
    if (f) f();
  }
};
AtEnd& made_before_anything_is_compiled() {
  static AtEnd end;
  return end;
}

// A new program each time: nothing is there to be found.
void compute_something_new() {
  const Tensor x = full({31, 17}, 0.5);
  const float got = matmul(x, x.t()).sum().item<float>() + tanh(x * 0).sum().item<float>();
  if (got != 31 * 31 * 17 * 0.25f) _exit(1);
}

TEST(End, ADestructorOfAStaticComputes) {
  NEEDS_THREADS_IN_A_CHILD;
  EXPECT_EQ(to_the_end([] {
              made_before_anything_is_compiled().f = compute_something_new;
              static_cast<void>(sin(ones({3})).sum().item<float>());
            }),
            0);
}

TEST(End, AnExitHandlerComputes) {
  NEEDS_THREADS_IN_A_CHILD;
  EXPECT_EQ(to_the_end([] {
              std::atexit(compute_something_new);
              static_cast<void>(cos(ones({3})).sum().item<float>());
            }),
            0);
}

// What the other thread calls with is destroyed while it does.
TEST(End, WhileAnotherThreadComputesWithStatics) {
  NEEDS_THREADS_IN_A_CHILD;
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(to_the_end([] {
                static auto weight = std::make_unique<Tensor>(rand({64, 64}));
                static auto f =
                    compile([](const Tensor& w, const Tensor& x) { return matmul(x, w).sum(); });
                std::thread([] {
                  for (;;) static_cast<void>(f(*weight, rand({256, 64})).item<float>());
                }).detach();
                usleep(50'000);
              }),
              0);
}

TEST(End, AStaticJoinsAThreadThatComputes) {
  NEEDS_THREADS_IN_A_CHILD;
  struct Worker {
    std::atomic<bool> stop{false};
    std::thread thread{[this] {
      while (!stop) static_cast<void>(rand({100}).sum().item<float>());
    }};
    ~Worker() {
      stop = true;
      thread.join();
    }
  };
  EXPECT_EQ(to_the_end([] {
              static Worker worker;
              usleep(20'000);
            }),
            0);
}

TEST(End, WhileAnotherThreadCompiles) {
  NEEDS_THREADS_IN_A_CHILD;
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(to_the_end([] {
                std::thread([] {
                  for (int n = 2;; ++n)
                    static_cast<void>(tanh(rand({n, 7}) * n).sum().item<float>());
                }).detach();
                usleep(100'000);
              }),
              0);
}

TEST(Borrowed, MemoryThatIsWrittenToUnderAPendingValueIsAnError) {
  std::vector<float> frame(6, 1.f);
  const Tensor x = from_data(frame.data(), {2, 3}, [] {});
  const Tensor y = x * 2;
  frame.assign(6, 5.f);
  const std::string what =
      "the memory that f32[2,3] borrows was written to while values that depend on it were "
      "pending; "
      "evaluate them before (eval(y)), or let from_data copy: without a deleter";
  EXPECT_ERROR_HERE(eval(y), "from_data: " + what);
  // A new use would hide from the old one what happened.
  EXPECT_ERROR_HERE(static_cast<void>(exp(x)), "exp: " + what);
}

TEST(Borrowed, ACompiledFunctionReadsWhatIsThereAtTheCall) {
  std::vector<float> frame(1 << 20, 1.f);
  const Tensor x = from_data(frame.data(), {1 << 20}, [] {});
  const auto f = compile([](Tensor x) { return x.sum(); });
  EXPECT_EQ(f(x).item<float>(), 1 << 20);
  frame.assign(frame.size(), 2.f);
  EXPECT_EQ(f(x).item<float>(), 2 << 20);
  // Nothing was pending: what is asked for now is of what is there now.
  EXPECT_EQ((x * 3).max().item<float>(), 6);
  frame.assign(frame.size(), 4.f);
  EXPECT_EQ((x * 3).max().item<float>(), 12);
}

TEST(Borrowed, ACopyKeepsWhatWasThere) {
  std::vector<float> frame(6, 1.f);
  const Tensor x = from_data(frame.data(), {6});
  const Tensor y = x * 2;
  frame.assign(6, 5.f);
  EXPECT_EQ(y.to_vector<float>(), std::vector<float>(6, 2.f));
}

}  // namespace
}  // namespace lilith
