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

ThreadTeam::ThreadTeam(int n_threads, const Topology* topology)
    : n_threads_(n_threads > 0 ? n_threads : usable_cpus()),
      topology_(topology != nullptr && topology->n_nodes() > 1 && n_threads_ > 1 ? topology : nullptr) {
  std::vector<int> node_of(static_cast<size_t>(n_threads_), 0);
  if (topology_ != nullptr) node_of = topology_->spread(n_threads_);
  members_.reserve(static_cast<size_t>(n_threads_ - 1));
  try {
    for (int t = 1; t < n_threads_; ++t) {
      members_.emplace_back([this, t, node = node_of[static_cast<size_t>(t)]] {
        if (topology_ != nullptr) static_cast<void>(topology_->bind_this_thread(node));
        member_loop(t);
      });
    }
  } catch (const std::system_error&) {
    n_threads_ = 1 + static_cast<int>(members_.size());  // members do not read it
    node_of.resize(static_cast<size_t>(n_threads_));
  }
  split_ = NodeSplit(node_of);  // read by members in regions only
  node_queues_ = std::min(n_threads_, kMaxQueues) / split_.n_nodes();
}

ThreadTeam::~ThreadTeam() {
  {
    const std::lock_guard lock(mutex_);
    stop_.store(true);
    state_.fetch_add(kRegion);
  }
  wake_.notify_all();
  members_.clear();  // joins them while the mutex and the condition they wait on still exist
}

void ThreadTeam::take_all(Queue& queue, int thread) {
  while (queue.next.load(std::memory_order_relaxed) < queue.end) {
    const int64_t i = queue.next.fetch_add(1, std::memory_order_relaxed);
    if (i < queue.end) task_(data_, i, thread);
  }
}

void ThreadTeam::work(int thread) {
  int node = 0;
  while (thread >= split_.first_thread(node + 1)) ++node;
  const int place = thread - split_.first_thread(node);
  for (int k = 0; k < split_.n_nodes(); ++k) {
    const int first = (node + k) % split_.n_nodes() * node_queues_;
    for (int q = 0; q < node_queues_; ++q) {
      take_all(queues_[static_cast<size_t>(first + (place + q) % node_queues_)], thread);
    }
  }
}

void ThreadTeam::member_loop(int thread) {
  uint64_t seen = 0;  // the last region looked at
  const auto fresh = [&] { return region_of(state_.load()) != seen; };
  for (;;) {
    for (int spin = 0; spin < kSpins && !fresh(); ++spin) pause_cpu();
    if (!fresh()) {
      std::unique_lock lock(mutex_);
      sleepers_.fetch_add(1);
      wake_.wait(lock, fresh);
      sleepers_.fetch_sub(1);
    }
    if (stop_.load()) return;
    // Counted in first, then told whether there was anything to enter: between the two no region can begin
    // that overlooks this member.
    const uint64_t state = state_.fetch_add(kMember);
    seen = region_of(state);
    if (is_open(state)) work(thread);
    state_.fetch_sub(kMember);
  }
}

void ThreadTeam::run(int64_t n_tasks, Task task, void* data, const int64_t* node_starts) {
  if (n_threads_ == 1 || n_tasks <= 1) {
    for (int64_t i = 0; i < n_tasks; ++i) task(data, i, 0);
    return;
  }
  JAJU_CHECK(!is_open(state_.load()));
  if (topology_ != nullptr && caller_ != std::this_thread::get_id()) {
    static_cast<void>(topology_->bind_this_thread(split_.topology_node(0)));
    caller_ = std::this_thread::get_id();
  }
  task_ = task;
  data_ = data;
  for (int node = 0; node < split_.n_nodes(); ++node) {
    const int64_t first = node_starts != nullptr ? node_starts[node] : split_.first(node, n_tasks);
    const int64_t end = node_starts != nullptr ? node_starts[node + 1] : split_.first(node + 1, n_tasks);
    for (int64_t q = 0; q < node_queues_; ++q) {
      Queue& queue = queues_[static_cast<size_t>(node * node_queues_ + q)];
      queue.next.store(first + (end - first) * q / node_queues_, std::memory_order_relaxed);
      queue.end = first + (end - first) * (q + 1) / node_queues_;
    }
  }
  // Added, not stored: a member that comes too late for the region before may just be counted in or out.
  state_.fetch_add(kRegion + kOpen);
  if (sleepers_.load() > 0) {
    { const std::lock_guard lock(mutex_); }  // a member between its test and its wait has the lock
    wake_.notify_all();
  }
  work(0);  // returns when every task is taken
  state_.fetch_sub(kOpen);
  for (int spin = 0; members_in(state_.load()) != 0; ++spin) {
    if (spin < kSpins) {
      pause_cpu();
    } else {
      std::this_thread::yield();
    }
  }
}

}  // namespace jaju
