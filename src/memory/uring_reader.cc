#include <liburing.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>

#include "memory/extent_reader.h"

namespace jaju {
namespace {

constexpr int64_t kMostRegistered = 16384;  // the kernel's limit of a ring
constexpr uint64_t kWakeTag = ~uint64_t{0};

class UringReader final : public ExtentReader {
 public:
  explicit UringReader(const ReadBuffers& buffers) : buffers_(buffers) {}

  ~UringReader() override {
    if (ring_open_) io_uring_queue_exit(&ring_);
    if (event_ >= 0) ::close(event_);
  }

  bool open(int depth) {
    event_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (event_ < 0) return false;
    // Beside the reads, one that waits for wake().
    if (io_uring_queue_init(static_cast<unsigned>(depth) + 1, &ring_, 0) != 0) return false;
    ring_open_ = true;
    const int64_t n = std::min(buffers_.count, kMostRegistered);
    registering_ = n > 0 && io_uring_register_buffers_sparse(&ring_, static_cast<unsigned>(n)) == 0;
    if (registering_) registered_.resize(static_cast<size_t>(n), false);
    listen();
    return true;
  }

  const char* name() const override { return "io_uring"; }

  void start(const PieceRead& piece) override {
    io_uring_sqe* const entry = next_entry();
    const auto bytes = static_cast<unsigned>(piece.bytes);
    const auto offset = static_cast<uint64_t>(piece.offset);
    if (const int buffer = registered_buffer(piece); buffer >= 0) {
      io_uring_prep_read_fixed(entry, piece.fd, piece.to, bytes, offset, buffer);
    } else {
      io_uring_prep_read(entry, piece.fd, piece.to, bytes, offset);
    }
    io_uring_sqe_set_data64(entry, piece.tag);
  }

  void flush() override { io_uring_submit(&ring_); }

  size_t finished(std::span<PieceDone> done) override {
    for (;;) {
      const int status = io_uring_submit_and_wait(&ring_, 1);
      if (status >= 0 || status == -EINTR) break;
      // The kernel is short of memory for requests: those in flight will give some back.
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    size_t n = 0;
    bool woken = false;
    io_uring_cqe* entry = nullptr;
    while (n < done.size() && io_uring_peek_cqe(&ring_, &entry) == 0) {
      if (entry->user_data == kWakeTag) {
        woken = true;
      } else {
        done[n++] = {entry->user_data, entry->res};
      }
      io_uring_cqe_seen(&ring_, entry);
    }
    if (woken) {
      uint64_t count = 0;
      [[maybe_unused]] const ssize_t bytes = ::read(event_, &count, sizeof count);
      listen();
    }
    return n;
  }

  void wake() override {
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t bytes = ::write(event_, &one, sizeof one);
  }

 private:
  io_uring_sqe* next_entry() {
    io_uring_sqe* entry = io_uring_get_sqe(&ring_);
    while (entry == nullptr) {  // full of what was not handed in yet
      io_uring_submit(&ring_);
      entry = io_uring_get_sqe(&ring_);
    }
    return entry;
  }

  void listen() {
    io_uring_sqe* const entry = next_entry();
    io_uring_prep_poll_add(entry, event_, POLLIN);
    io_uring_sqe_set_data64(entry, kWakeTag);
  }

  // The number of the buffer that holds the piece, registered when first used: all at once would take the
  // whole pool's memory at the start. -1: none, or the system allows no more locked memory.
  int registered_buffer(const PieceRead& piece) {
    if (!registering_) return -1;
    const int64_t at = piece.to - buffers_.data;
    const auto end = static_cast<int64_t>(registered_.size()) * buffers_.bytes_each;
    if (piece.to < buffers_.data || at >= end) return -1;
    const int64_t index = at / buffers_.bytes_each;
    if (registered_[static_cast<size_t>(index)]) return static_cast<int>(index);
    iovec memory{buffers_.data + index * buffers_.bytes_each, static_cast<size_t>(buffers_.bytes_each)};
    __u64 tag = 0;
    if (io_uring_register_buffers_update_tag(&ring_, static_cast<unsigned>(index), &memory, &tag, 1) != 1) {
      registering_ = false;  // those that are registered stay so, unused
      return -1;
    }
    registered_[static_cast<size_t>(index)] = true;
    return static_cast<int>(index);
  }

  const ReadBuffers buffers_;
  io_uring ring_{};
  bool ring_open_ = false;
  int event_ = -1;
  bool registering_ = false;
  std::vector<bool> registered_;
};

}  // namespace

std::unique_ptr<ExtentReader> open_uring_reader(int depth, const ReadBuffers& buffers) {
  auto reader = std::make_unique<UringReader>(buffers);
  if (!reader->open(depth)) return nullptr;
  return reader;
}

}  // namespace jaju
