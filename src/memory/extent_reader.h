// Reads of aligned pieces of files, many at a time: io_uring, or threads that call pread.
//
// One thread uses a reader; wake() alone may be called from others.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/status.h"

namespace jaju {

struct PieceRead {
  int fd = -1;
  int64_t offset = 0;
  int64_t bytes = 0;
  std::byte* to = nullptr;
  uint64_t tag = 0;  // comes back in PieceDone
};

struct PieceDone {
  uint64_t tag = 0;
  int64_t result = 0;  // bytes read, fewer at the end of the file; or -errno
};

class ExtentReader {
 public:
  virtual ~ExtentReader() = default;
  // "io_uring", "16 reading threads": for people.
  virtual const char* name() const = 0;
  // Begins a read; never blocks. The caller keeps at most the depth it asked for in flight.
  virtual void start(const PieceRead& piece) = 0;
  // Hands in what was started, if that waits to be: before the thread does something else.
  virtual void flush() {}
  // Waits until a read ended or somebody woke it; returns how many of `done` it filled, 0 when only woken.
  virtual size_t finished(std::span<PieceDone> done) = 0;
  virtual void wake() = 0;
};

// Memory that most reads go to, in buffers of equal size: io_uring registers them, so that their pages need
// not be looked up for every read.
struct ReadBuffers {
  std::byte* data = nullptr;
  int64_t bytes_each = 0;
  int64_t count = 0;
};

enum class ReaderKind { automatic, uring, threads };

// automatic: io_uring, or threads where the system forbids it (containers often do). Errors: it was asked for
// by name and is not to be had; no threads.
Result<std::unique_ptr<ExtentReader>> open_extent_reader(ReaderKind kind, int depth,
                                                         const ReadBuffers& buffers);
// Null: the system has none.
std::unique_ptr<ExtentReader> open_uring_reader(int depth, const ReadBuffers& buffers);
std::unique_ptr<ExtentReader> open_thread_reader(int depth);

}  // namespace jaju
