#include "base/thread_team.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>
#include <string>
#include <system_error>

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

int cpus_of_quota(const std::string& cpu_max) {
  std::istringstream words(cpu_max);
  double quota = 0;
  double period = 0;
  if (!(words >> quota >> period) || !(quota > 0) || !(period > 0)) return 0;  // "max" is no number
  const double cpus = std::ceil(quota / period);
  return cpus < 1e6 ? static_cast<int>(cpus) : 0;
}

int usable_cpus() {
  cpu_set_t set;
  int n = static_cast<int>(std::thread::hardware_concurrency());
  if (::sched_getaffinity(0, sizeof set, &set) == 0) n = CPU_COUNT(&set);
  std::ifstream quota_file("/sys/fs/cgroup/cpu.max");
  std::string quota;
  std::getline(quota_file, quota);
  if (const int limit = cpus_of_quota(quota); limit > 0) n = std::min(n, limit);
  return std::max(n, 1);
}

ThreadTeam::ThreadTeam(int n_threads)
    : n_threads_(n_threads > 0 ? n_threads : usable_cpus()), n_queues_(std::min(n_threads_, kMaxQueues)) {
  members_.reserve(static_cast<size_t>(n_threads_ - 1));
  try {
    for (int t = 1; t < n_threads_; ++t) members_.emplace_back([this, t] { member_loop(t); });
  } catch (const std::system_error&) {
    n_threads_ = 1 + static_cast<int>(members_.size());  // members do not read it
  }
}

ThreadTeam::~ThreadTeam() {
  {
    const std::lock_guard lock(mutex_);
    stop_.store(true);
    generation_.fetch_add(1);
  }
  wake_.notify_all();
  members_.clear();  // joins them while the mutex and the condition they wait on still exist
}

void ThreadTeam::work(int thread) {
  for (int q = 0; q < n_queues_; ++q) {
    Queue& queue = queues_[static_cast<size_t>((thread + q) % n_queues_)];
    while (queue.next.load(std::memory_order_relaxed) < queue.end) {
      const int64_t i = queue.next.fetch_add(1, std::memory_order_relaxed);
      if (i < queue.end) task_(data_, i, thread);
    }
  }
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
  for (int64_t q = 0; q < n_queues_; ++q) {
    Queue& queue = queues_[static_cast<size_t>(q)];
    queue.next.store(n_tasks * q / n_queues_, std::memory_order_relaxed);
    queue.end = n_tasks * (q + 1) / n_queues_;
  }
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
