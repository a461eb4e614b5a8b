// Threads for what takes milliseconds: reading JSON, templates, tokenizing, compiling grammars, turning
// tokens into text. Sockets and the scheduler have threads of their own and never wait for these.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace jaju::server {

class WorkerPool {
 public:
  explicit WorkerPool(int threads);
  ~WorkerPool();  // what was posted is still done

  void post(std::function<void()> job);
  // False, and nothing posted, when `most` jobs are waiting: for jobs a client may ask for without bound.
  bool try_post(std::function<void()> job, size_t most);
  size_t waiting() const;

 private:
  void work();

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> jobs_;
  bool stop_ = false;
  std::vector<std::thread> threads_;
};

// Jobs of one kind, one at a time and in order, on the pool's threads.
class Strand : public std::enable_shared_from_this<Strand> {
 public:
  explicit Strand(WorkerPool& pool) : pool_(pool) {}
  void post(std::function<void()> job);

 private:
  void run();

  WorkerPool& pool_;
  std::mutex mutex_;
  std::deque<std::function<void()>> jobs_;
  bool running_ = false;
};

}  // namespace jaju::server
