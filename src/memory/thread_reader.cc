#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>

#include "base/check.h"
#include "memory/extent_reader.h"

namespace jaju {
namespace {

constexpr int kMostThreads = 16;  // a drive that wants more in flight wants io_uring

int64_t read_whole(const PieceRead& piece) {
  int64_t done = 0;
  while (done < piece.bytes) {
    const ssize_t n = ::pread(piece.fd, piece.to + done, static_cast<size_t>(piece.bytes - done),
                              static_cast<off_t>(piece.offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return -errno;
    if (n == 0) break;
    done += n;
  }
  return done;
}

// Rings of fixed size under one mutex.
class ThreadReader final : public ExtentReader {
 public:
  explicit ThreadReader(int depth) : waiting_(static_cast<size_t>(depth)), ended_(waiting_.size()) {
    const int n = std::min(depth, kMostThreads);
    for (int i = 0; i < n; ++i) {
      try {
        threads_.emplace_back([this] { work(); });
      } catch (const std::system_error&) {
        break;  // fewer then
      }
    }
    name_ = std::to_string(threads_.size()) + " reading threads";
  }

  ~ThreadReader() override {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    work_.notify_all();
    for (std::thread& t : threads_) t.join();
  }

  bool any() const { return !threads_.empty(); }
  const char* name() const override { return name_.c_str(); }

  void start(const PieceRead& piece) override {
    {
      const std::lock_guard lock(mutex_);
      JAJU_CHECK(n_waiting_ < waiting_.size());
      waiting_[(first_waiting_ + n_waiting_++) % waiting_.size()] = piece;
    }
    work_.notify_one();
  }

  size_t finished(std::span<PieceDone> done) override {
    std::unique_lock lock(mutex_);
    done_.wait(lock, [&] { return n_ended_ > 0 || woken_; });
    woken_ = false;
    const size_t n = std::min(done.size(), n_ended_);
    std::copy_n(ended_.begin(), n, done.begin());
    std::copy(ended_.begin() + static_cast<int64_t>(n), ended_.begin() + static_cast<int64_t>(n_ended_),
              ended_.begin());
    n_ended_ -= n;
    return n;
  }

  void wake() override {
    {
      const std::lock_guard lock(mutex_);
      woken_ = true;
    }
    done_.notify_one();
  }

 private:
  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      work_.wait(lock, [&] { return stop_ || n_waiting_ > 0; });
      if (stop_) return;
      const PieceRead piece = waiting_[first_waiting_];
      first_waiting_ = (first_waiting_ + 1) % waiting_.size();
      --n_waiting_;
      lock.unlock();
      const int64_t result = read_whole(piece);
      lock.lock();
      ended_[n_ended_++] = {piece.tag, result};
      done_.notify_one();
    }
  }

  std::string name_;
  std::mutex mutex_;
  std::condition_variable work_, done_;
  std::vector<PieceRead> waiting_;  // a ring
  size_t first_waiting_ = 0, n_waiting_ = 0;
  std::vector<PieceDone> ended_;
  size_t n_ended_ = 0;
  bool woken_ = false, stop_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace

std::unique_ptr<ExtentReader> open_thread_reader(int depth) {
  auto reader = std::make_unique<ThreadReader>(depth);
  if (!reader->any()) return nullptr;
  return reader;
}

Result<std::unique_ptr<ExtentReader>> open_extent_reader(ReaderKind kind, int depth,
                                                         const ReadBuffers& buffers) {
  std::unique_ptr<ExtentReader> reader;
  if (kind != ReaderKind::threads) reader = open_uring_reader(depth, buffers);
  if (reader == nullptr && kind == ReaderKind::uring) {
    return error("io_uring is not to be had here (old kernel, or forbidden): read with threads instead");
  }
  if (reader == nullptr) reader = open_thread_reader(depth);
  if (reader == nullptr) return error("cannot start a thread that reads: close other programs");
  return reader;
}

}  // namespace jaju
