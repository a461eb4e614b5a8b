#include "cli/interrupt.h"

#include <unistd.h>

namespace jaju::cli {
namespace {

std::atomic<bool> g_hit{false};
std::atomic<bool> g_second_ends{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler may touch lock-free atomics only");

void on_interrupt(int) {
  if (g_hit.exchange(true) && g_second_ends) ::_exit(130);
}

}  // namespace

InterruptScope::InterruptScope(bool second_ends) : before_{} {
  g_hit = false;
  g_second_ends = second_ends;
  struct sigaction action {};
  action.sa_handler = on_interrupt;
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGINT, &action, &before_);
}

InterruptScope::~InterruptScope() {
  ::sigaction(SIGINT, &before_, nullptr);
}

const std::atomic<bool>* InterruptScope::flag() const {
  return &g_hit;
}

}  // namespace jaju::cli
