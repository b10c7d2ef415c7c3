#include "support/fake_cuda/executor.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

// Saves what a call keeps, changes the stack, and goes on where that stack was left.
extern "C" void fake_cuda_switch(void** save, void* to);
asm(R"(
.text
.globl fake_cuda_switch
.type fake_cuda_switch, @function
fake_cuda_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size fake_cuda_switch, .-fake_cuda_switch
)");

namespace fake_cuda {
namespace {

constexpr unsigned kWarp = 32;
constexpr std::size_t kStackBytes = std::size_t{256} << 10;

class Stack {
 public:
  Stack()
      : base_(mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)) {
    if (base_ == MAP_FAILED) throw std::bad_alloc();
  }
  Stack(const Stack&) = delete;
  ~Stack() { munmap(base_, kStackBytes); }
  /// Where a fiber that begins with `entry` is left.
  void* begin(void (*entry)()) {
    void** top = reinterpret_cast<void**>(static_cast<char*>(base_) + kStackBytes);
    top[-1] = nullptr;
    top[-2] = reinterpret_cast<void*>(entry);
    std::fill(top - 8, top - 2, nullptr);
    return top - 8;
  }

 private:
  void* base_;
};

struct Fiber {
  Stack stack;
  void* left = nullptr;  // its stack pointer
};

enum class Wait { None, Barrier, Exchange };

struct Thread {
  Fiber* fiber = nullptr;  // null: not begun, or at its end
  Wait wait = Wait::None;
  bool ended = false;
  unsigned exchanges = 0;
};

/// One block while it runs.
class Block {
 public:
  Block(void (*call)(void**), void** params, unsigned threads, std::mt19937_64& random)
      : call_(call), params_(params), threads_(threads), order_(threads), random_(random) {
    std::iota(order_.begin(), order_.end(), 0u);
    slots_.resize((threads + kWarp - 1) / kWarp * kWarp);
  }

  void run() {
    std::ranges::shuffle(order_, random_);
    while (next_ < order_.size()) resume(fresh_fiber(), order_[next_]);
    for (std::size_t ended = 0; ended < threads_.size();) {
      const std::vector<unsigned> ready = ready_threads();
      for (const unsigned t : ready) threads_[t].wait = Wait::None;
      for (const unsigned t : ready) resume(*threads_[t].fiber, t);
      ended = static_cast<std::size_t>(std::ranges::count_if(threads_, &Thread::ended));
      if (ready.empty() && ended < threads_.size()) fail_stuck();
    }
  }

  // ---- On a fiber ----

  void wait(Wait kind) {
    threads_[current_].wait = kind;
    fake_cuda_switch(&threads_[current_].fiber->left, scheduler_);
  }
  void exchange(const void* mine, void* other, unsigned bytes, int from) {
    const unsigned turn = threads_[current_].exchanges++ % 2;  // the last one may still be read
    std::memcpy(slots_[current_].value[turn], mine, bytes);
    wait(Wait::Exchange);
    const unsigned lane = current_ / kWarp * kWarp + static_cast<unsigned>(from) % kWarp;
    std::memcpy(other, slots_[lane].value[turn], bytes);
  }
  /// A fiber takes one thread after another for as long as none of them waits.
  static void work();

 private:
  struct Slot {
    char value[2][16];
  };

  Fiber& fresh_fiber();
  void resume(Fiber& fiber, unsigned t);

  std::vector<unsigned> ready_threads() {
    std::vector<unsigned> ready;
    const auto n = static_cast<unsigned>(threads_.size());
    const auto waits = [&](unsigned from, unsigned to, Wait kind) {
      return std::all_of(threads_.begin() + from, threads_.begin() + to,
                         [&](const Thread& t) { return t.wait == kind; });
    };
    if (waits(0, n, Wait::Barrier)) {
      for (unsigned t = 0; t < n; ++t) ready.push_back(t);
    } else {
      for (unsigned w = 0; w < n; w += kWarp) {
        const unsigned end = std::min(n, w + kWarp);
        for (unsigned t = w; t < end && waits(w, end, Wait::Exchange); ++t) ready.push_back(t);
      }
    }
    std::ranges::shuffle(ready, random_);
    return ready;
  }

  [[noreturn]] void fail_stuck() {
    std::string text = "threads of a block wait for each other:";
    for (std::size_t t = 0; t < threads_.size(); ++t) {
      const Thread& it = threads_[t];
      text += " " + std::to_string(t) +
              (it.ended                   ? " has ended,"
               : it.wait == Wait::Barrier ? " at a barrier,"
                                          : " at a shuffle,");
      if (t > 40) break;
    }
    throw Fault(text);
  }

  void (*call_)(void**);
  void** params_;
  std::vector<Thread> threads_;
  std::vector<unsigned> order_;  // in which they begin
  std::size_t next_ = 0;
  unsigned current_ = 0;
  std::vector<Slot> slots_;
  std::mt19937_64& random_;
  void* scheduler_ = nullptr;
  std::exception_ptr fault_;
};

// Never destroyed, as what kernels leave on them.
std::vector<std::unique_ptr<Fiber>>& fibers() {
  static auto* all = new std::vector<std::unique_ptr<Fiber>>;
  return *all;
}
std::size_t used_fibers = 0;

Block* block = nullptr;
FakeDim block_index{0, 0, 0}, block_size{1, 1, 1}, thread_index{0, 0, 0};
char* (*translation)(const void*) = nullptr;

void Block::work() {
  Block& b = *block;
  Fiber* self = fibers()[used_fibers - 1].get();
  while (b.next_ < b.order_.size()) {
    const unsigned t = b.order_[b.next_++];
    b.current_ = t;
    thread_index.x = t;
    b.threads_[t].fiber = self;
    try {
      b.call_(b.params_);
    } catch (...) {
      b.fault_ = std::current_exception();
      break;
    }
    b.threads_[t].ended = true;
  }
  void* nowhere;
  fake_cuda_switch(&nowhere, b.scheduler_);
}

void Block::resume(Fiber& fiber, unsigned t) {
  current_ = t;
  thread_index.x = t;
  fake_cuda_switch(&scheduler_, fiber.left);
  if (fault_) std::rethrow_exception(fault_);
}

Fiber& Block::fresh_fiber() {
  if (used_fibers == fibers().size()) fibers().push_back(std::make_unique<Fiber>());
  Fiber& fiber = *fibers()[used_fibers++];
  fiber.left = fiber.stack.begin(Block::work);
  return fiber;
}

}  // namespace

const FakeRuntime& kernel_runtime() {
  static const FakeRuntime runtime = {
      &thread_index,
      &block_index,
      &block_size,
      [] { block->wait(Wait::Barrier); },
      [](const void* mine, void* other, unsigned bytes, int from) {
        block->exchange(mine, other, bytes, from);
      },
      [](const void* device) { return translation(device); },
  };
  return runtime;
}

void set_translation(char* (*translate)(const void*)) { translation = translate; }

void run_blocks(void (*call)(void**), void** params, unsigned blocks, unsigned threads,
                std::mt19937_64& random) {
  std::vector<unsigned> order(blocks);
  std::iota(order.begin(), order.end(), 0u);
  std::ranges::shuffle(order, random);
  block_size.x = threads;
  for (const unsigned b : order) {
    block_index.x = b;
    Block running(call, params, threads, random);
    block = &running;
    used_fibers = 0;
    running.run();
  }
}

}  // namespace fake_cuda
