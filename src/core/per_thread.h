#pragma once
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

// What threads change at every call of a small program lies apart for each of them: two that write
// to one cache line take turns at it.
namespace lilith {

/// How many threads have one of their own; those that come later share.
constexpr std::size_t kThreadSlots = 32;
/// This thread's, below kThreadSlots.
std::size_t thread_slot();

/// One T a slot, each in a cache line of its own.
template <class T>
class PerThread {
 public:
  T& mine() { return slots_[thread_slot()].value; }
  /// f(T&) of each.
  template <class F>
  void each(const F& f) {
    for (Slot& s : slots_) f(s.value);
  }
  template <class F>
  void each(const F& f) const {
    for (const Slot& s : slots_) f(s.value);
  }

 private:
  struct alignas(64) Slot {
    T value{};
  };
  std::array<Slot, kThreadSlots> slots_;
};

/// A sum that many threads add to and few ask for.
class PerThreadCount {
 public:
  void add(std::int64_t n) {
    if (n != 0) counts_.mine().fetch_add(n, std::memory_order_relaxed);
  }
  std::int64_t sum() const {
    std::int64_t all = 0;
    counts_.each(
        [&](const std::atomic<std::int64_t>& c) { all += c.load(std::memory_order_relaxed); });
    return all;
  }

 private:
  PerThread<std::atomic<std::int64_t>> counts_;
};

/// Objects that are made once and used again: a thread gets back the one that it gave.
template <class T>
class PerThreadPool {
 public:
  ~PerThreadPool() {
    while (take()) {
    }
  }
  /// Null when all are in use.
  std::unique_ptr<T> take() {
    if (std::unique_ptr<T> own = take_from(slots_.mine())) return own;
    std::unique_ptr<T> found;
    slots_.each([&](std::atomic<T*>& slot) {
      if (!found) found = take_from(slot);
    });
    return found;
  }
  void give(std::unique_ptr<T> object) {
    put_into(slots_.mine(), &object);
    if (!object) return;
    slots_.each([&](std::atomic<T*>& slot) {
      if (object) put_into(slot, &object);
    });
  }

 private:
  static std::unique_ptr<T> take_from(std::atomic<T*>& slot) {
    if (!slot.load(std::memory_order_relaxed)) return nullptr;
    return std::unique_ptr<T>(slot.exchange(nullptr, std::memory_order_acquire));
  }
  static void put_into(std::atomic<T*>& slot, std::unique_ptr<T>* object) {
    T* none = nullptr;
    if (slot.compare_exchange_strong(none, object->get(), std::memory_order_release,
                                     std::memory_order_relaxed))
      static_cast<void>(object->release());
  }

  PerThread<std::atomic<T*>> slots_;
};

}  // namespace lilith
