#include "memory/disk_probe.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "base/file.h"
#include "base/split_mix.h"
#include "memory/extent.h"

namespace jaju {
namespace {

namespace fs = std::filesystem;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Memory a read may go to, aligned to pages.
class PageBuffer {
 public:
  explicit PageBuffer(int64_t bytes) : bytes_(static_cast<size_t>(bytes)) {
    void* const p =
        ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    data_ = p == MAP_FAILED ? nullptr : static_cast<std::byte*>(p);
  }
  ~PageBuffer() {
    if (data_ != nullptr) ::munmap(data_, bytes_);
  }
  PageBuffer(const PageBuffer&) = delete;
  PageBuffer& operator=(const PageBuffer&) = delete;
  std::byte* data() const { return data_; }

 private:
  size_t bytes_;
  std::byte* data_;
};

constexpr const char* kCancelled = "interrupted";

}  // namespace

Status DiskProbe::add(const std::string& path) {
  JAJU_ASSIGN(DirectFile direct, DirectFile::open(path));
  JAJU_ASSIGN(DirectFile cached, DirectFile::open(path, /*direct=*/false));
  direct_works_ = direct_works_ && direct.direct();
  files_.push_back({std::move(direct), std::move(cached)});
  return {};
}

Status DiskProbe::place_extents() {
  for (size_t f = 0; f < files_.size(); ++f) {
    for (int64_t at = 0; at + extent_bytes_ <= files_[f].cached.size(); at += extent_bytes_)
      order_.push_back({static_cast<int32_t>(f), at});
  }
  if (order_.empty())
    return error("'{}' is smaller than one read of {}", files_.empty() ? "" : files_[0].cached.path(),
                 human_bytes(static_cast<double>(extent_bytes_)));
  uint64_t state = 11;
  for (size_t i = order_.size(); i > 1; --i) std::swap(order_[i - 1], order_[split_mix64(state) % i]);
  return {};
}

Result<std::unique_ptr<DiskProbe>> DiskProbe::open(const std::vector<fs::path>& files, int64_t extent_bytes) {
  std::unique_ptr<DiskProbe> probe(new DiskProbe);
  probe->extent_bytes_ = std::max<int64_t>(extent_bytes / kIoAlignment * kIoAlignment, kIoAlignment);
  for (const fs::path& file : files) JAJU_RETURN_IF_ERROR(probe->add(file.string()));
  JAJU_RETURN_IF_ERROR(probe->place_extents());
  return probe;
}

Result<std::unique_ptr<DiskProbe>> DiskProbe::on_new_file(const fs::path& dir, int64_t bytes,
                                                          int64_t extent_bytes,
                                                          const std::atomic<bool>* cancel) {
  std::error_code failure;
  fs::create_directories(dir, failure);
  const fs::space_info space = fs::space(dir, failure);
  if (failure) return error("'{}' cannot be used: {}", dir.string(), failure.message());
  if (space.available < static_cast<uint64_t>(2 * bytes)) {
    return error(
        "{} has {} free, the test file and as much again need {}: free some, or name a MODEL to read from",
        dir.string(), human_bytes(static_cast<double>(space.available)),
        human_bytes(2.0 * static_cast<double>(bytes)));
  }
  std::string name = (dir / "tune-XXXXXX").string();
  const int out = ::mkostemp(name.data(), O_CLOEXEC);
  if (out < 0) return error("no file can be made in {}: {}", dir.string(), std::strerror(errno));
  ::unlink(name.c_str());
  Status written;
  constexpr int64_t kPiece = int64_t{4} << 20;
  std::vector<uint64_t> piece(static_cast<size_t>(kPiece) / sizeof(uint64_t));
  uint64_t state = 5;
  for (int64_t done = 0; written.ok() && done < bytes; done += kPiece) {
    for (uint64_t& word : piece) word = split_mix64(state);  // nothing a drive could compress
    const auto n = static_cast<size_t>(std::min(kPiece, bytes - done));
    if (cancel != nullptr && cancel->load()) {
      written = error("{}", kCancelled);
    } else if (::write(out, piece.data(), n) != static_cast<ssize_t>(n)) {
      written = error("writing the test file in {} failed: {}", dir.string(), std::strerror(errno));
    }
  }
  if (written.ok() && ::fsync(out) != 0)
    written = error("writing the test file in {} failed: {}", dir.string(), std::strerror(errno));
  // Without a name it is still to be had by its descriptor.
  auto probe = written.ok() ? open({fmt::format("/proc/self/fd/{}", out)}, extent_bytes)
                            : Result<std::unique_ptr<DiskProbe>>(written);
  ::close(out);
  return probe;
}

Result<ReadSpeed> DiskProbe::measure(bool direct, int64_t piece_bytes, int depth, double seconds,
                                     const std::atomic<bool>* cancel) {
  if (piece_bytes < kIoAlignment || piece_bytes % kIoAlignment != 0)
    return error("pieces of {} bytes are no multiple of {}", piece_bytes, kIoAlignment);
  piece_bytes = std::min(piece_bytes, extent_bytes_);
  if (!direct) {
    for (const File& f : files_) ::posix_fadvise(f.cached.fd(), 0, 0, POSIX_FADV_DONTNEED);
  }
  // Pieces of one extent follow one another, as the expert store sends them out; whoever is free takes the
  // next.
  const int64_t pieces_each = (extent_bytes_ + piece_bytes - 1) / piece_bytes;
  const size_t first = next_;
  std::atomic<int64_t> next_piece{0};
  std::atomic<int64_t> bytes_read{0};
  std::atomic<int> failure{0};
  std::atomic<bool> stop{false};
  const auto start = std::chrono::steady_clock::now();
  const auto read = [&] {
    const PageBuffer buffer(piece_bytes);
    if (buffer.data() == nullptr) return failure.store(ENOMEM);
    while (!stop.load(std::memory_order_relaxed) && failure.load(std::memory_order_relaxed) == 0) {
      const int64_t piece = next_piece.fetch_add(1);
      const Place& place = order_[(first + static_cast<size_t>(piece / pieces_each)) % order_.size()];
      const int64_t offset = piece % pieces_each * piece_bytes;
      const int64_t wanted = std::min(piece_bytes, extent_bytes_ - offset);
      const File& file = files_[static_cast<size_t>(place.file)];
      const ssize_t n = ::pread((direct ? file.direct : file.cached).fd(), buffer.data(),
                                static_cast<size_t>(wanted), place.offset + offset);
      if (n < 0) return failure.store(errno);
      if (n != wanted) return failure.store(EIO);
      bytes_read.fetch_add(n);
      // Whole extents only, so that slow drives are measured over at least one.
      if ((piece + 1) % pieces_each == 0 && seconds_since(start) >= seconds) stop.store(true);
      if (cancel != nullptr && cancel->load()) stop.store(true);
    }
  };
  {
    std::vector<std::jthread> others;
    try {
      for (int i = 1; i < depth; ++i) others.emplace_back(read);
    } catch (const std::system_error&) {
      stop.store(true);
      return error("the system gives no {} threads for reads", depth);
    }
    read();
  }
  const double took = seconds_since(start);
  if (cancel != nullptr && cancel->load()) return error("{}", kCancelled);
  if (const int code = failure.load(); code != 0)
    return error("reading '{}' failed: {}", files_[0].cached.path(), std::strerror(code));
  next_ = (first + static_cast<size_t>(next_piece.load() / pieces_each) + 1) % order_.size();
  return ReadSpeed{direct, piece_bytes, depth, static_cast<double>(bytes_read.load()) / took};
}

}  // namespace jaju
