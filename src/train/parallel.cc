#include "train/parallel.h"

#include <ATen/Parallel.h>

#include <atomic>
#include <mutex>
#include <thread>

#include "base/check.h"

namespace jaju::train {
namespace {

constexpr int64_t kMaxTasks = int64_t{1} << 20;

inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

// All that a worker decides by lies in one word, the ticket: which call it is (24 bits), how many tasks it
// has (20) and the next one (20). Who moves the ticket on owns that task, and until it reports done the call
// cannot end, so what the call is about may then be read without a lock.
class Pool {
 public:
  void run(int64_t tasks, void (*task_body)(void*, int64_t), void* context, int threads) {
    std::unique_lock<std::mutex> alone(calls_, std::try_to_lock);
    if (!alone.owns_lock() || threads < 2 || tasks < 2) {
      for (int64_t i = 0; i < tasks; ++i) task_body(context, i);
      return;
    }
    JAJU_CHECK(tasks < kMaxTasks);
    for (; workers_ < threads - 1; ++workers_) std::thread([this, id = workers_] { work(id); }).detach();
    limit_.store(threads - 1, std::memory_order_relaxed);
    body_ = task_body;
    context_ = context;
    done_.store(0, std::memory_order_relaxed);
    call_ = (call_ + 1) & 0xffffff;
    ticket_.store(call_ << 40 | static_cast<uint64_t>(tasks) << 20, std::memory_order_release);
    ticket_.notify_all();
    take_tasks();
    for (int spin = 0;; ++spin) {
      const int64_t done = done_.load(std::memory_order_acquire);
      if (done == tasks) return;
      if (spin < kSpins) {
        pause();
      } else {
        done_.wait(done, std::memory_order_acquire);
      }
    }
  }

 private:
  static constexpr int kSpins = 2000;  // some tens of microseconds: most calls follow one another closely

  static int64_t tasks_of(uint64_t ticket) { return static_cast<int64_t>(ticket >> 20 & 0xfffff); }
  static int64_t next_of(uint64_t ticket) { return static_cast<int64_t>(ticket & 0xfffff); }

  void take_tasks() {
    uint64_t ticket = ticket_.load(std::memory_order_acquire);
    while (next_of(ticket) < tasks_of(ticket)) {
      if (!ticket_.compare_exchange_weak(ticket, ticket + 1, std::memory_order_acq_rel)) continue;
      const int64_t tasks = tasks_of(ticket);
      body_(context_, next_of(ticket));
      if (done_.fetch_add(1, std::memory_order_acq_rel) + 1 == tasks) done_.notify_all();
      ticket = ticket_.load(std::memory_order_acquire);
    }
  }

  void work(int id) {
    for (;;) {
      if (id < limit_.load(std::memory_order_relaxed)) take_tasks();
      const uint64_t seen = ticket_.load(std::memory_order_acquire);
      if (next_of(seen) < tasks_of(seen) && id < limit_.load(std::memory_order_relaxed)) continue;
      int spin = 0;
      while (spin < kSpins && ticket_.load(std::memory_order_relaxed) == seen) {
        pause();
        ++spin;
      }
      if (spin == kSpins) ticket_.wait(seen, std::memory_order_acquire);
    }
  }

  std::mutex calls_;
  int workers_ = 0;
  uint64_t call_ = 0;
  std::atomic<int> limit_{0};
  std::atomic<uint64_t> ticket_{0};
  std::atomic<int64_t> done_{0};
  void (*body_)(void*, int64_t) = nullptr;
  void* context_ = nullptr;
};

thread_local bool inside_task = false;

}  // namespace

void run_tasks(int64_t tasks, void (*run)(void*, int64_t), void* context) {
  // Never destroyed: its threads live as long as the process.
  static Pool* const pool = new Pool;
  if (inside_task) {
    for (int64_t i = 0; i < tasks; ++i) run(context, i);
    return;
  }
  struct Call {
    void (*run)(void*, int64_t);
    void* context;
  } call{run, context};
  const auto marked = [](void* c, int64_t task) {
    const Call& inner = *static_cast<Call*>(c);
    inside_task = true;
    inner.run(inner.context, task);
    inside_task = false;
  };
  pool->run(tasks, marked, &call, at::get_num_threads());
}

void run_library_tasks(int64_t tasks, void (*run)(void*, int64_t), void* context) {
  std::atomic<int64_t> next{0};
  at::parallel_for(0, std::min<int64_t>(at::get_num_threads(), tasks), 1, [&](int64_t first, int64_t last) {
    for (int64_t worker = first; worker < last; ++worker) {
      for (int64_t task = next++; task < tasks; task = next++) run(context, task);
    }
  });
}

}  // namespace jaju::train
