// A persistent team of threads that runs one parallel region at a time.
//
// Built once in main and passed down. Regions are short (microseconds to milliseconds), so members spin a
// moment before they sleep. Which thread runs which task is not fixed; a task must write only its own output,
// so results never depend on the number of threads.
//
// A region waits for the members that entered it, not for those the system has not let run: on a busy machine
// they may come milliseconds late, and find the region closed. (One that is stopped between entering a closed
// region and leaving it again, two instructions, still holds it up.)
//
// On a machine with several NUMA nodes threads are bound to nodes, and take their own node's tasks before
// they help with others': the first tasks are the first node's, and so on (topology.h: NodeSplit).
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/topology.h"

namespace jaju {

class ThreadTeam {
 public:
  // n_threads counts the caller; 0 means one per CPU this process may use. Where the system refuses more
  // threads the team stays smaller: size() tells. With a topology of several nodes, which must outlive the
  // team, its threads are bound to them, and so is a thread that calls run(); where the system refuses that
  // they stay free. The caller stays bound when the team is gone.
  explicit ThreadTeam(int n_threads = 0, const Topology* topology = nullptr);
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  int size() const { return n_threads_; }
  const NodeSplit& split() const { return split_; }  // one node without a topology

  // Calls task(data, i, thread) for every i in [0, n_tasks), thread in [0, size()), each thread being one at
  // a time; returns when all are done. Not reentrant, one caller at a time.
  using Task = void (*)(void* data, int64_t i, int thread);
  // node_starts: the first task of every node, ascending, and n_tasks behind the last; null: as split() says.
  void run(int64_t n_tasks, Task task, void* data, const int64_t* node_starts = nullptr);

  template <typename F>
  void parallel_for(int64_t n_tasks, F&& body, const int64_t* node_starts = nullptr) {
    using Body = std::remove_reference_t<F>;
    run(
        n_tasks, [](void* data, int64_t i, int thread) { (*static_cast<Body*>(data))(i, thread); },
        const_cast<void*>(static_cast<const void*>(&body)), node_starts);
  }

 private:
  // Neighbouring tasks read neighbouring memory: each queue is a run of them, which the threads of that queue
  // take in order before they help at the others, those of their own node first.
  struct alignas(64) Queue {
    std::atomic<int64_t> next{0};
    int64_t end = 0;
  };
  static constexpr int kMaxQueues = 8;
  static_assert(Topology::kMostNodes <= kMaxQueues);

  // Parts of state_.
  static constexpr uint64_t kMember = 1;
  static constexpr uint64_t kOpen = uint64_t{1} << 16;
  static constexpr uint64_t kRegion = kOpen << 1;
  static uint64_t region_of(uint64_t state) { return state / kRegion; }
  static bool is_open(uint64_t state) { return (state & kOpen) != 0; }
  static uint64_t members_in(uint64_t state) { return state % kOpen; }

  void member_loop(int thread);
  void work(int thread);
  void take_all(Queue& queue, int thread);

  int n_threads_;  // constant after construction
  std::vector<std::jthread> members_;
  // The region: written by run() while none is open and nobody is inside, read by members that are.
  Task task_ = nullptr;
  void* data_ = nullptr;
  const Topology* topology_;  // null with one node
  NodeSplit split_;
  int node_queues_;         // queues of each node
  std::thread::id caller_;  // whom run() bound
  std::array<Queue, kMaxQueues> queues_;
  // Number of the latest region, whether it is open, and how many members are inside. One word, so that a
  // member learns whether it may enter in the moment it does.
  alignas(64) std::atomic<uint64_t> state_{0};
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
