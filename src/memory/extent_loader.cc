#include "memory/extent_loader.h"

#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <system_error>

#include "base/check.h"

namespace jaju {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

}  // namespace

void ExtentLoader::Queue::remove(int32_t id) {
  size_t kept = 0;
  for (size_t i = 0; i < count; ++i) {
    const int32_t other = ring[(first + i) % ring.size()];
    if (other != id) ring[(first + kept++) % ring.size()] = other;
  }
  count = kept;
}

ExtentLoader::ExtentLoader(std::vector<std::vector<DirectFile>> drives, const LoaderOptions& options,
                           int64_t capacity)
    : drives_(std::move(drives)),
      options_(options),
      jobs_(static_cast<size_t>(capacity)),
      pieces_(drives_.size() * static_cast<size_t>(options.queue_depth)),
      drive_load_(drives_.size()),
      results_(static_cast<size_t>(capacity)) {
  JAJU_CHECK(options.piece_bytes > 0 && options.piece_bytes % kIoAlignment == 0);
  JAJU_CHECK(options.queue_depth > 0 && !drives_.empty());
  for (Queue& q : queues_) q.ring.resize(static_cast<size_t>(capacity));
}

ExtentLoader::~ExtentLoader() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  work_.notify_one();
  thread_.join();
}

Status ExtentLoader::start(std::unique_ptr<ExtentReader> reader) {
  reader_ = std::move(reader);
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error& failed) {
    return error("cannot start the thread that reads experts: {}", failed.what());
  }
  return {};
}

// ---- The store's thread ----

void ExtentLoader::submit(const LoadJob& load) {
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    Job& job = jobs_[static_cast<size_t>(load.id)];
    JAJU_CHECK(!job.unfinished && load.extent.bytes > 0);
    job = {};
    job.load = load;
    job.unfinished = job.queued = true;
    queue_of(load.urgency).push(load.id);
    ++unfinished_;
    wake = in_flight_ > 0 && in_flight_ < max_in_flight();
  }
  work_.notify_one();
  if (wake) reader_->wake();
}

void ExtentLoader::promote(int32_t id) {
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    Job& job = jobs_[static_cast<size_t>(id)];
    if (!job.unfinished) return;  // its result waits to be taken
    if (job.cancelled && job.kind == LoadResult::Kind::whole) job.cancelled = false;
    if (job.queued) queue_of(job.load.urgency).remove(id);
    job.load.urgency = Urgency::demand;
    job.queued = job.issued < job.load.extent.bytes && job.kind == LoadResult::Kind::whole;
    if (job.queued) queue_of(Urgency::demand).push(id);
    wake = in_flight_ > 0 && in_flight_ < max_in_flight();
  }
  work_.notify_one();
  if (wake) reader_->wake();
}

void ExtentLoader::cancel(int32_t id) {
  const std::lock_guard lock(mutex_);
  Job& job = jobs_[static_cast<size_t>(id)];
  if (!job.unfinished || !job.queued) return;  // the rest is under way already
  queue_of(job.load.urgency).remove(id);
  job.queued = false;
  job.cancelled = true;
  if (job.in_flight == 0) publish(job, LoadResult::Kind::cancelled);
}

size_t ExtentLoader::reap(std::span<LoadResult> results, bool wait) {
  std::unique_lock lock(mutex_);
  if (wait) ended_.wait(lock, [&] { return n_results_ > 0 || unfinished_ == 0; });
  const size_t n = std::min(results.size(), n_results_);
  std::copy_n(results_.begin(), n, results.begin());
  std::copy(results_.begin() + static_cast<int64_t>(n), results_.begin() + static_cast<int64_t>(n_results_),
            results_.begin());
  n_results_ -= n;
  return n;
}

LoadFigures ExtentLoader::figures() const {
  const std::lock_guard lock(mutex_);
  LoadFigures now = figures_;
  if (busy_) now.busy_seconds += seconds_between(busy_since_, Clock::now());
  return now;
}

// ---- The drives' thread ----

void ExtentLoader::note_busy() {
  const bool busy = in_flight_ > 0;
  if (busy == busy_) return;
  const Clock::time_point now = Clock::now();
  if (busy) {
    busy_since_ = now;
  } else {
    figures_.busy_seconds += seconds_between(busy_since_, now);
  }
  busy_ = busy;
}

void ExtentLoader::run() {
  std::vector<PieceDone> done(pieces_.size());
  std::unique_lock lock(mutex_);
  for (;;) {
    if (!stop_) {
      while (issue_one()) {
      }
    }
    note_busy();
    if (in_flight_ == 0) {
      if (stop_) return;
      work_.wait(lock);
      continue;
    }
    lock.unlock();
    const size_t n = reader_->finished(done);
    lock.lock();
    for (size_t i = 0; i < n; ++i) piece_ended(done[i].tag, done[i].result);
    // New pieces first: a checksum takes as long as a few of them.
    if (!stop_) {
      while (issue_one()) {
      }
    }
    note_busy();
    const auto is_last_of_job = [&](const PieceDone& d) {
      return pieces_[d.tag].job >= 0 && pieces_[d.tag].bytes == 0;
    };
    if (std::any_of(done.begin(), done.begin() + static_cast<int64_t>(n), is_last_of_job)) reader_->flush();
    for (size_t i = 0; i < n; ++i) {
      Piece& piece = pieces_[done[i].tag];
      if (piece.job >= 0 && piece.bytes == 0) {
        Job& job = jobs_[static_cast<size_t>(piece.job)];
        piece.job = -1;
        finish(job, lock);
      }
    }
  }
}

// Prefetches leave half of a drive's queue free, so that a demand waits for few of their pieces; a drive that
// is at its best with two large ones gets both.
int32_t ExtentLoader::drive_with_room(Urgency urgency) const {
  const int depth = options_.queue_depth;
  const int most = urgency == Urgency::demand ? depth : std::max((depth + 1) / 2, std::min(depth, 2));
  int32_t best = -1;
  for (int32_t d = 0; d < n_drives(); ++d) {
    const int load = drive_load_[static_cast<size_t>(d)];
    if (load >= most) continue;
    if (best < 0 || load < drive_load_[static_cast<size_t>(best)]) best = d;
  }
  return best;
}

bool ExtentLoader::issue_one() {
  for (Queue& queue : queues_) {
    if (queue.count == 0) continue;
    Job& job = jobs_[static_cast<size_t>(queue.ring[queue.first])];
    const int32_t drive = drive_with_room(job.load.urgency);
    if (drive < 0) return false;
    const auto free = std::find_if(pieces_.begin(), pieces_.end(), [](const Piece& p) { return p.job < 0; });
    if (free == pieces_.end()) return false;  // all in flight, or their checksums are due
    *free = {job.load.id, drive, job.issued,
             std::min(options_.piece_bytes, job.load.extent.bytes - job.issued), false};
    job.issued += free->bytes;
    ++job.in_flight;
    if (job.issued == job.load.extent.bytes) {
      job.queued = false;
      queue.pop();
    }
    send(static_cast<size_t>(free - pieces_.begin()));
    return true;
  }
  return false;
}

void ExtentLoader::send(size_t slot) {
  const Piece& piece = pieces_[slot];
  const LoadJob& load = jobs_[static_cast<size_t>(piece.job)].load;
  ++in_flight_;
  ++drive_load_[static_cast<size_t>(piece.drive)];
  // The last piece of a file need not be whole blocks; direct reads ask for them and get what there is.
  reader_->start({file(piece.drive, load.extent.file).fd(), load.extent.offset + piece.offset,
                  align_up(piece.bytes, kIoAlignment), load.to + piece.offset, slot});
}

// A piece whose job has now all it will get keeps its place with bytes = 0: run() finishes the job.
void ExtentLoader::piece_ended(size_t slot, int64_t result) {
  Piece& piece = pieces_[slot];
  Job& job = jobs_[static_cast<size_t>(piece.job)];
  --in_flight_;
  --drive_load_[static_cast<size_t>(piece.drive)];
  if (result > 0) {
    result = std::min(result, piece.bytes);
    figures_.bytes += static_cast<uint64_t>(result);
    job.arrived += result;
    piece.offset += result;
    piece.bytes -= result;
  }
  const bool again = result == -EINTR || result == -EAGAIN ||
                     (result > 0 && piece.bytes > 0 && piece.offset % kIoAlignment == 0);
  if (again && !stop_) return send(slot);  // what is missing of it; the end of the file answers 0
  if (piece.bytes > 0 && !piece.second_try && !stop_ && n_drives() > 1) {
    piece.second_try = true;
    piece.drive = (piece.drive + 1) % n_drives();  // the other copy
    return send(slot);
  }
  if (piece.bytes > 0 && job.kind == LoadResult::Kind::whole) {
    job.kind = result < 0 ? LoadResult::Kind::failed : LoadResult::Kind::too_short;
    job.error = result < 0 ? static_cast<int>(-result) : 0;
    job.drive = piece.drive;
    if (job.queued) {
      queue_of(job.load.urgency).remove(job.load.id);
      job.queued = false;
    }
  }
  piece.bytes = 0;
  --job.in_flight;
  if (job.in_flight > 0 || job.queued) piece.job = -1;
}

void ExtentLoader::finish(Job& job, std::unique_lock<std::mutex>& lock) {
  if (!job.unfinished) return;  // cancelled, while another job's checksum was made
  if (job.kind == LoadResult::Kind::whole && job.arrived < job.load.extent.bytes) {
    // Cancelled; or taken back while its last piece ended.
    if (!job.queued) publish(job, LoadResult::Kind::cancelled);
    return;
  }
  if (job.kind == LoadResult::Kind::whole && job.load.verify) {
    lock.unlock();  // the job stays unfinished, so its memory is nobody else's
    const uint64_t sum = XXH3_64bits(job.load.to, static_cast<size_t>(job.load.extent.bytes));
    lock.lock();
    if (sum != job.load.extent.checksum) job.kind = LoadResult::Kind::damaged;
  }
  if (job.kind == LoadResult::Kind::whole) ++figures_.reads;
  publish(job, job.kind);
}

void ExtentLoader::publish(const Job& job, LoadResult::Kind kind) {
  Job& ended = jobs_[static_cast<size_t>(job.load.id)];
  ended.unfinished = false;
  --unfinished_;
  results_[n_results_++] = {job.load.id, kind, job.drive, job.error};
  ended_.notify_one();
}

}  // namespace jaju
