#include "train/interrupt.h"

#include <atomic>
#include <csignal>
#include <mutex>

namespace lilith::train {
namespace {

volatile std::sig_atomic_t g_interrupted = 0;
std::mutex g_mutex;
int g_guards = 0;
struct sigaction g_previous;

void on_interrupt(int) { g_interrupted = 1; }

}  // namespace

InterruptGuard::InterruptGuard(bool enabled) : enabled_(enabled) {
  if (!enabled_) return;
  const std::lock_guard lock(g_mutex);
  if (g_guards++ > 0) return;
  g_interrupted = 0;
  struct sigaction action{};
  action.sa_handler = on_interrupt;
  sigemptyset(&action.sa_mask);
  // One shot: the second Ctrl-C finds the default action. System calls are restarted.
  action.sa_flags = static_cast<int>(SA_RESETHAND) | SA_RESTART;
  sigaction(SIGINT, &action, &g_previous);
}

InterruptGuard::~InterruptGuard() {
  if (!enabled_) return;
  const std::lock_guard lock(g_mutex);
  if (--g_guards == 0) sigaction(SIGINT, &g_previous, nullptr);
}

bool InterruptGuard::interrupted() { return g_interrupted != 0; }

}  // namespace lilith::train
