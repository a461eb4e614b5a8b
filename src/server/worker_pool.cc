#include "server/worker_pool.h"

namespace jaju::server {

WorkerPool::WorkerPool(int requests) : most_requests_(requests) {
  for (int i = 0; i < requests + 1; ++i) threads_.emplace_back([this] { work(); });
}

WorkerPool::~WorkerPool() {
  finish();
}

void WorkerPool::finish() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  Jobs late_short, late_requests;  // posted while the last thread ended; destroyed outside the lock
  const std::lock_guard lock(mutex_);
  finished_ = true;
  late_short.swap(short_jobs_);
  late_requests.swap(request_jobs_);
}

void WorkerPool::post(std::function<void()> job) {
  {
    const std::lock_guard lock(mutex_);
    if (finished_) return;
    short_jobs_.push_back(std::move(job));
  }
  wake_.notify_one();
}

bool WorkerPool::try_post_request(std::function<void()> job, size_t most) {
  {
    const std::lock_guard lock(mutex_);
    if (finished_ || request_jobs_.size() >= most) return false;
    request_jobs_.push_back(std::move(job));
  }
  wake_.notify_one();
  return true;
}

size_t WorkerPool::waiting() const {
  const std::lock_guard lock(mutex_);
  return short_jobs_.size() + request_jobs_.size();
}

WorkerPool::Jobs* WorkerPool::next() {
  if (!short_jobs_.empty()) return &short_jobs_;
  return !request_jobs_.empty() && running_requests_ < most_requests_ ? &request_jobs_ : nullptr;
}

void WorkerPool::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stop_ || next() != nullptr; });
    Jobs* const jobs = next();
    if (jobs == nullptr) return;  // those that run requests take what is left
    const bool request = jobs == &request_jobs_;
    running_requests_ += request ? 1 : 0;
    std::function<void()> job = std::move(jobs->front());
    jobs->pop_front();
    lock.unlock();
    job();
    job = nullptr;
    lock.lock();
    running_requests_ -= request ? 1 : 0;
  }
}

void Strand::post(std::function<void()> job) {
  const std::lock_guard lock(mutex_);
  jobs_.push_back(std::move(job));
  if (running_) return;
  try {
    pool_.post([self = shared_from_this()] { self->run(); });
    running_ = true;
  } catch (...) {  // no memory: it was not posted
    jobs_.pop_back();
    throw;
  }
}

void Strand::run() {
  // A few jobs, then the others' turn: a busy stream does not keep a thread.
  for (int done = 0; done < 16; ++done) {
    std::function<void()> job;
    {
      const std::lock_guard lock(mutex_);
      if (jobs_.empty()) {
        running_ = false;
        return;
      }
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    job();
  }
  pool_.post([self = shared_from_this()] { self->run(); });
}

}  // namespace jaju::server
