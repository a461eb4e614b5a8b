// Brings whole extents into memory: cuts them into pieces, keeps every drive busy with as many as it likes,
// the most urgent first, and compares the bytes with their checksum.
//
// A thread of its own waits for the drives, so that the next pieces go out while the model computes. One
// other thread, the store's, submits jobs and takes what became of them.
#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/status.h"
#include "memory/direct_file.h"
#include "memory/extent.h"
#include "memory/extent_reader.h"

namespace jaju {

enum class Urgency : uint8_t { demand, prefetch, warm_up };  // in this order

struct LoadJob {
  int32_t id = 0;           // 0 to capacity - 1, one unfinished job each
  Extent extent;            // its offset aligned; its bytes too, but for the end of a file
  std::byte* to = nullptr;  // aligned, with room for the bytes rounded up
  Urgency urgency = Urgency::demand;
  bool verify = true;  // compare with extent.checksum
};

struct LoadResult {
  enum class Kind : uint8_t { whole, cancelled, failed, too_short, damaged };
  int32_t id = 0;
  Kind kind = Kind::whole;
  int32_t drive = 0;  // of what went wrong
  int error = 0;      // errno of Kind::failed
};

// Since the start.
struct LoadFigures {
  uint64_t reads = 0;       // extents read whole
  uint64_t bytes = 0;       // read, cancelled work included
  double busy_seconds = 0;  // while at least one piece was under way
};

struct LoaderOptions {
  ReaderKind reader = ReaderKind::automatic;
  int64_t piece_bytes = int64_t{1} << 20;
  int queue_depth = 16;  // pieces a drive has at a time
  bool direct = true;    // past the page cache; for whoever opens the files
};

class ExtentLoader {
 public:
  // Each drive holds every file of the catalogue, in its order; with several an extent's pieces go to
  // whichever has the most room. capacity: jobs at a time.
  ExtentLoader(std::vector<std::vector<DirectFile>> drives, const LoaderOptions& options, int64_t capacity);
  ~ExtentLoader();
  ExtentLoader(const ExtentLoader&) = delete;
  ExtentLoader& operator=(const ExtentLoader&) = delete;

  // Starts the thread. reader: in flight at most max_in_flight().
  Status start(std::unique_ptr<ExtentReader> reader);
  int max_in_flight() const { return static_cast<int>(pieces_.size()); }

  // The store's thread. Never blocks on a drive.
  void submit(const LoadJob& job);
  // It is needed now; takes a cancellation back if there is still time.
  void promote(int32_t id);
  // It ends soon: cancelled, or whole when nearly all was there.
  void cancel(int32_t id);
  // Fills `results`; waits for one if `wait` (and a job is unfinished). Returns how many.
  size_t reap(std::span<LoadResult> results, bool wait);

  LoadFigures figures() const;  // any thread
  const char* reader_name() const { return reader_->name(); }
  DirectFile& file(int32_t drive, int32_t index) {
    return drives_[static_cast<size_t>(drive)][static_cast<size_t>(index)];
  }
  int n_drives() const { return static_cast<int>(drives_.size()); }

 private:
  struct Job {
    LoadJob load;
    int64_t issued = 0;  // bytes
    int64_t arrived = 0;
    int in_flight = 0;  // pieces
    bool unfinished = false, queued = false, cancelled = false;
    LoadResult::Kind kind = LoadResult::Kind::whole;
    int32_t drive = 0;
    int error = 0;
  };
  struct Piece {
    int32_t job = -1;  // -1: free
    int32_t drive = 0;
    int64_t offset = 0;  // within the extent
    int64_t bytes = 0;
    bool second_try = false;
  };
  // Job ids in order of arrival; as long as there are jobs.
  struct Queue {
    std::vector<int32_t> ring;
    size_t first = 0, count = 0;
    void push(int32_t id) { ring[(first + count++) % ring.size()] = id; }
    void pop() {
      first = (first + 1) % ring.size();
      --count;
    }
    void remove(int32_t id);
  };

  void run();
  void note_busy();
  bool issue_one();  // under the mutex; false: nothing to do, or no room
  int32_t drive_with_room(Urgency urgency) const;
  void send(size_t slot);
  void piece_ended(size_t slot, int64_t result);
  void finish(Job& job, std::unique_lock<std::mutex>& lock);
  void publish(const Job& job, LoadResult::Kind kind);
  Queue& queue_of(Urgency u) { return queues_[static_cast<size_t>(u)]; }

  std::vector<std::vector<DirectFile>> drives_;
  const LoaderOptions options_;
  std::unique_ptr<ExtentReader> reader_;
  std::thread thread_;

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable work_, ended_;
  std::vector<Job> jobs_;  // by id
  std::array<Queue, 3> queues_;
  std::vector<Piece> pieces_;  // in flight, by tag
  std::vector<int> drive_load_;
  std::vector<LoadResult> results_;  // at most one a job
  size_t n_results_ = 0;
  int64_t unfinished_ = 0;
  int in_flight_ = 0;
  bool stop_ = false;
  LoadFigures figures_;  // busy_seconds: up to busy_since_
  std::chrono::steady_clock::time_point busy_since_;
  bool busy_ = false;
};

}  // namespace jaju
