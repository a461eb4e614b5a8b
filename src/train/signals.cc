#include "train/signals.h"

#include <signal.h>
#include <unistd.h>

namespace jaju::train {
namespace {

std::atomic<int> g_signal{0};
std::atomic<bool> g_cancel{false};
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<bool>::is_always_lock_free,
              "a signal handler may touch lock-free atomics only");

void on_signal(int number) {
  if (g_signal.exchange(number) != 0) ::_exit(128 + number);
  g_cancel.store(true);
}

}  // namespace

void catch_signals() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  ::signal(SIGXFSZ, SIG_IGN);
  ::signal(SIGPIPE, SIG_IGN);
}

const std::atomic<int>& caught_signal() {
  return g_signal;
}

const std::atomic<bool>& cancel_by_signal() {
  return g_cancel;
}

}  // namespace jaju::train
