// Threads for what takes milliseconds: reading JSON, templates, tokenizing, compiling grammars, turning
// tokens into text. Sockets and the scheduler have threads of their own and never wait for these.
//
// A request's own work may take a second where a client wants it to. So it is done by some of the threads
// only, and there is one more, for what others wait for meanwhile: the next tokens of streams, /health.
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
  // `requests` threads for jobs of requests, and one more.
  explicit WorkerPool(int requests);
  ~WorkerPool();

  // A short job, on any of the threads.
  void post(std::function<void()> job);
  // A request's job, on one of its threads. False, and nothing posted, when `most` are waiting.
  bool try_post_request(std::function<void()> job, size_t most);
  size_t waiting() const;
  // What was posted is still done; what comes after is not.
  void finish();

 private:
  using Jobs = std::deque<std::function<void()>>;

  void work();
  // What a thread may take now, or null. Behind the lock.
  Jobs* next();

  const int most_requests_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  Jobs short_jobs_, request_jobs_;
  int running_requests_ = 0;
  bool stop_ = false, finished_ = false;
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
