#include "train/interrupt.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <mutex>

#include "runtime/fork.h"

namespace lilith::train {
namespace {

struct Taken {
  int signal;
  bool taken = false;
  struct sigaction before = {};
};

std::atomic<int> g_signal = 0;
static_assert(std::atomic<int>::is_always_lock_free);  // written by a handler
std::mutex g_mutex;
int g_guards = 0;
std::array<Taken, 3> g_taken = {{{SIGINT}, {SIGTERM}, {SIGHUP}}};

bool is_plain(const struct sigaction& action) {
  return !(action.sa_flags & SA_SIGINFO) &&
         (action.sa_handler == SIG_DFL || action.sa_handler == SIG_IGN);
}
bool ignores(const struct sigaction& action) {
  return is_plain(action) && action.sa_handler == SIG_IGN;
}

void on_signal(int signal, siginfo_t* info, void* context) {
  const int saved = errno;
  int none = 0;
  g_signal.compare_exchange_strong(none, signal);
  for (const Taken& t : g_taken) {
    if (t.signal != signal || is_plain(t.before)) continue;
    if (t.before.sa_flags & SA_SIGINFO)
      t.before.sa_sigaction(signal, info, context);
    else
      t.before.sa_handler(signal);
  }
  errno = saved;
}

void take(Taken& t) {
  t.taken = false;
  if (sigaction(t.signal, nullptr, &t.before) != 0 || ignores(t.before)) return;
  const bool own_handler = !is_plain(t.before);
  // A daemon reads its configuration anew at SIGHUP: no reason to end.
  if (own_handler && t.signal == SIGHUP) return;
  struct sigaction action = {};
  action.sa_sigaction = on_signal;
  sigemptyset(&action.sa_mask);
  // System calls are restarted. One shot where the default would end the process: the second signal
  // does.
  action.sa_flags = SA_SIGINFO | SA_RESTART | (own_handler ? 0 : static_cast<int>(SA_RESETHAND));
  t.taken = sigaction(t.signal, &action, nullptr) == 0;
}

void give_back(Taken& t) {
  if (!t.taken) return;
  t.taken = false;
  struct sigaction now = {};
  // What a callback has put there meanwhile stays.
  if (sigaction(t.signal, nullptr, &now) == 0 && (now.sa_flags & SA_SIGINFO) &&
      now.sa_sigaction == on_signal)
    sigaction(t.signal, &t.before, nullptr);
}

}  // namespace

InterruptGuard::InterruptGuard() {
  const runtime::Busy busy;
  const std::lock_guard lock(g_mutex);
  if (g_guards++ > 0) return;
  g_signal = 0;
  for (Taken& t : g_taken) take(t);
}

InterruptGuard::~InterruptGuard() {
  const runtime::Busy busy;
  const std::lock_guard lock(g_mutex);
  if (--g_guards > 0) return;
  for (Taken& t : g_taken) give_back(t);
}

int InterruptGuard::signal() { return g_signal; }

}  // namespace lilith::train
