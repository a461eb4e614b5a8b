#include "base/thread_team.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <string>

#include "base/check.h"

namespace jaju {
namespace {

inline void pause_cpu() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

// About 50 us of waiting before a member sleeps: longer than the gaps between regions of one step.
constexpr int kSpins = 2000;

}  // namespace

int usable_cpus() {
  cpu_set_t set;
  int n = static_cast<int>(std::thread::hardware_concurrency());
  if (::sched_getaffinity(0, sizeof set, &set) == 0) n = CPU_COUNT(&set);
  // cgroup v2: "max 100000" or "<quota> <period>".
  std::ifstream quota_file("/sys/fs/cgroup/cpu.max");
  std::string quota;
  double period = 0;
  if (quota_file >> quota >> period && quota != "max" && period > 0) {
    n = std::min(n, static_cast<int>(std::ceil(std::atof(quota.c_str()) / period)));
  }
  return std::max(n, 1);
}

ThreadTeam::ThreadTeam(int n_threads) : n_threads_(n_threads > 0 ? n_threads : usable_cpus()) {
  for (int t = 1; t < n_threads_; ++t) {
    members_.emplace_back([this, t] { member_loop(t); });
  }
}

ThreadTeam::~ThreadTeam() {
  {
    const std::lock_guard lock(mutex_);
    stop_.store(true);
    generation_.fetch_add(1);
  }
  wake_.notify_all();
}

void ThreadTeam::work(int thread) {
  for (int64_t i = next_.fetch_add(1); i < n_tasks_; i = next_.fetch_add(1)) task_(data_, i, thread);
}

void ThreadTeam::member_loop(int thread) {
  uint64_t seen = 0;
  for (;;) {
    for (int spin = 0; spin < kSpins && generation_.load() == seen; ++spin) pause_cpu();
    if (generation_.load() == seen) {
      std::unique_lock lock(mutex_);
      sleepers_.fetch_add(1);
      wake_.wait(lock, [&] { return generation_.load() != seen; });
      sleepers_.fetch_sub(1);
    }
    seen = generation_.load();
    if (stop_.load()) return;
    work(thread);
    busy_.fetch_sub(1);
  }
}

void ThreadTeam::run(int64_t n_tasks, Task task, void* data) {
  if (n_threads_ == 1 || n_tasks <= 1) {
    for (int64_t i = 0; i < n_tasks; ++i) task(data, i, 0);
    return;
  }
  JAJU_CHECK(busy_.load() == 0);
  task_ = task;
  data_ = data;
  n_tasks_ = n_tasks;
  next_.store(0);
  busy_.store(n_threads_ - 1);
  generation_.fetch_add(1);
  if (sleepers_.load() > 0) {
    { const std::lock_guard lock(mutex_); }  // a member between its test and its wait has the lock
    wake_.notify_all();
  }
  work(0);
  for (int spin = 0; busy_.load() != 0; ++spin) {
    if (spin < kSpins) {
      pause_cpu();
    } else {
      std::this_thread::yield();
    }
  }
}

}  // namespace jaju
