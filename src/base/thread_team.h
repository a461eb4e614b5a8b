// A persistent team of threads that runs one parallel region at a time.
//
// Built once in main and passed down. Regions are short (microseconds to milliseconds), so members spin a
// moment before they sleep. Which thread runs which task is not fixed; a task must write only its own output,
// so results never depend on the number of threads.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace jaju {

class ThreadTeam {
 public:
  // n_threads counts the caller; 0 means one per CPU this process may use. Where the system refuses more
  // threads the team stays smaller: size() tells.
  explicit ThreadTeam(int n_threads = 0);
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  int size() const { return n_threads_; }

  // Calls task(data, i, thread) for every i in [0, n_tasks), thread in [0, size()); returns when all are
  // done. Not reentrant, one caller at a time.
  using Task = void (*)(void* data, int64_t i, int thread);
  void run(int64_t n_tasks, Task task, void* data);

  template <typename F>
  void parallel_for(int64_t n_tasks, F&& body) {
    using Body = std::remove_reference_t<F>;
    run(
        n_tasks, [](void* data, int64_t i, int thread) { (*static_cast<Body*>(data))(i, thread); },
        const_cast<void*>(static_cast<const void*>(&body)));
  }

 private:
  // Neighbouring tasks read neighbouring memory: each queue is a run of them, which the threads of that queue
  // take in order before they help at the others.
  struct alignas(64) Queue {
    std::atomic<int64_t> next{0};
    int64_t end = 0;
  };
  static constexpr int kMaxQueues = 8;

  void member_loop(int thread);
  void work(int thread);

  int n_threads_;  // constant after construction
  std::vector<std::jthread> members_;
  // The region: written by run() before generation_ moves, read by members after.
  Task task_ = nullptr;
  void* data_ = nullptr;
  int n_queues_;
  std::array<Queue, kMaxQueues> queues_;
  alignas(64) std::atomic<int> busy_{0};
  alignas(64) std::atomic<uint64_t> generation_{0};
  std::atomic<int> sleepers_{0};
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::condition_variable wake_;
};

// CPUs this process may run on (affinity and cgroup quota respected), at least 1.
int usable_cpus();

// CPUs that a cgroup v2 `cpu.max` ("max 100000", "150000 100000") allows, rounded up; 0: no limit, or not
// readable as one.
int cpus_of_quota(const std::string& cpu_max);

}  // namespace jaju
