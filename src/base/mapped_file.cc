#include "base/mapped_file.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <mutex>

#include "base/huge_pages.h"

namespace jaju {
namespace {

// What the handler may look at: plain atomics, no locks. begin == 0 means free.
struct Slot {
  std::atomic<uintptr_t> begin{0};
  std::atomic<uintptr_t> end{0};
  std::atomic<bool> damaged{false};
};

constexpr int kMaxMappings = 4096;  // A.X K1's largest known release has 260 shards
std::array<Slot, kMaxMappings> g_slots;
std::mutex g_mutex;  // guards taking and freeing slots, not the handler
struct sigaction g_previous {};

// Async-signal-safe: atomics and mmap (a bare system call on Linux).
void on_sigbus(int signal, siginfo_t* info, void* context) {
  const auto address = reinterpret_cast<uintptr_t>(info->si_addr);
  for (Slot& slot : g_slots) {
    const uintptr_t begin = slot.begin.load(std::memory_order_acquire);
    const uintptr_t end = slot.end.load(std::memory_order_acquire);
    if (begin == 0 || address < begin || address >= end) continue;
    const auto page = static_cast<uintptr_t>(::getpagesize());
    const uintptr_t from = address / page * page;
    void* const zeros = ::mmap(reinterpret_cast<void*>(from), end - from, PROT_READ,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
    if (zeros == MAP_FAILED) break;
    slot.damaged.store(true, std::memory_order_release);
    return;  // the faulting load runs again and reads zero
  }
  if ((g_previous.sa_flags & SA_SIGINFO) != 0 && g_previous.sa_sigaction != nullptr) {
    g_previous.sa_sigaction(signal, info, context);
  } else if (g_previous.sa_handler != SIG_DFL && g_previous.sa_handler != SIG_IGN) {
    g_previous.sa_handler(signal);
  } else {
    ::signal(SIGBUS, SIG_DFL);
    ::raise(SIGBUS);
  }
}

void install_handler_once() {
  static std::once_flag once;
  std::call_once(once, [] {
    struct sigaction action {};
    action.sa_sigaction = on_sigbus;
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    ::sigemptyset(&action.sa_mask);
    ::sigaction(SIGBUS, &action, &g_previous);
  });
}

int take_slot(uintptr_t begin, uintptr_t end) {
  const std::lock_guard lock(g_mutex);
  for (int i = 0; i < kMaxMappings; ++i) {
    Slot& slot = g_slots[static_cast<size_t>(i)];
    if (slot.begin.load() != 0) continue;
    slot.damaged.store(false);
    slot.end.store(end);
    slot.begin.store(begin, std::memory_order_release);
    return i;
  }
  return -1;
}

// Moved at a time, whole huge pages: few mappings for a large file, little memory beside what is replaced.
size_t piece_of(size_t file) {
  return std::clamp(file / 64 / kHugePage * kHugePage, 4 * kHugePage, 32 * kHugePage);
}

bool read_all(int fd, size_t offset, const HugePageMemory& to) {
  for (size_t done = 0; done < to.size();) {
    const ssize_t n = ::pread(fd, to.data() + done, to.size() - done, static_cast<off_t>(offset + done));
    if (n <= 0 && !(n < 0 && errno == EINTR)) return false;
    done += n > 0 ? static_cast<size_t>(n) : 0;
  }
  return true;
}

}  // namespace

Result<std::unique_ptr<MappedFile>> MappedFile::open(const std::filesystem::path& path) {
  std::unique_ptr<MappedFile> file(new MappedFile);
  file->path_ = path.string();
  file->fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a pipe must not block here
  if (file->fd_ < 0) return error("cannot open {}: {}", file->path_, std::strerror(errno));
  struct stat info {};
  if (::fstat(file->fd_, &info) != 0) return error("cannot read {}: {}", file->path_, std::strerror(errno));
  if (!S_ISREG(info.st_mode)) return error("{} is not a regular file", file->path_);
  if (info.st_size == 0) return error("{} is empty: copy or download it again", file->path_);
  void* const data = ::mmap(nullptr, static_cast<size_t>(info.st_size), PROT_READ, MAP_SHARED, file->fd_, 0);
  if (data == MAP_FAILED) return error("cannot map {}: {}", file->path_, std::strerror(errno));
  file->data_ = static_cast<const std::byte*>(data);
  file->size_ = info.st_size;
  install_handler_once();
  const auto begin = reinterpret_cast<uintptr_t>(data);
  const auto page = static_cast<uintptr_t>(::getpagesize());
  file->slot_ = take_slot(begin, (begin + static_cast<uintptr_t>(file->size_) + page - 1) / page * page);
  if (file->slot_ < 0)
    return error("cannot map {}: more than {} files are mapped", file->path_, kMaxMappings);
  return file;
}

MappedFile::~MappedFile() {
  if (slot_ >= 0) g_slots[static_cast<size_t>(slot_)].begin.store(0, std::memory_order_release);
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), static_cast<size_t>(size_));
  if (fd_ >= 0) ::close(fd_);
}

void MappedFile::forget_pages() const {
  if (moved_) return;
  ::madvise(const_cast<std::byte*>(data_), static_cast<size_t>(size_), MADV_DONTNEED);
}

int64_t MappedFile::move_to_huge_pages(const std::function<bool()>& go_on) {
  auto* const base = const_cast<std::byte*>(data_);
  const auto size = static_cast<size_t>(size_);
  int64_t moved = 0;
  size_t at = (kHugePage - reinterpret_cast<uintptr_t>(base) % kHugePage) % kHugePage;
  while (at + kHugePage <= size && go_on()) {
    const size_t bytes = std::min(piece_of(size), (size - at) / kHugePage * kHugePage);
    HugePageMemory pages(bytes);
    if (pages.data() == nullptr || !read_all(fd_, at, pages)) break;
    moved_ = true;
    if (!pages.move_to(base + at)) {
      // mremap may have taken away what was there before it failed.
      ::mmap(base + at, bytes, PROT_READ, MAP_SHARED | MAP_FIXED, fd_, static_cast<off_t>(at));
      break;
    }
    at += bytes;
    moved += static_cast<int64_t>(bytes);
  }
  return moved;
}

Status MappedFile::intact() const {
  struct stat info {};
  const bool shrunk = ::fstat(fd_, &info) == 0 && info.st_size < size_;
  if (shrunk) return error("{} became shorter while in use: restore the file and start again", path_);
  if (!g_slots[static_cast<size_t>(slot_)].damaged.load(std::memory_order_acquire)) return {};
  return error(
      "{} could not be read while in use (it was cut, or its disk failed): restore it and start again",
      path_);
}

}  // namespace jaju
