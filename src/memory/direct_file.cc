#include "memory/direct_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>

#include "memory/extent.h"

namespace jaju {
namespace {

// Some file systems take the flag and refuse the read.
bool reads_directly(int fd) {
  struct Free {
    void operator()(void* p) const { std::free(p); }
  };
  const std::unique_ptr<void, Free> page(std::aligned_alloc(kIoAlignment, kIoAlignment));
  return page != nullptr && ::pread(fd, page.get(), kIoAlignment, 0) > 0;
}

}  // namespace

Result<DirectFile> DirectFile::open(const std::string& path, bool direct) {
  DirectFile file;
  file.path_ = path;
  constexpr int kFlags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;  // a pipe must not block here
  if (direct) {
    file.fd_ = ::open(path.c_str(), kFlags | O_DIRECT);
    file.direct_ = file.fd_ >= 0 && reads_directly(file.fd_);
    if (!file.direct_ && file.fd_ >= 0) {
      ::close(file.fd_);
      file.fd_ = -1;
    }
  }
  if (file.fd_ < 0) file.fd_ = ::open(path.c_str(), kFlags);
  if (file.fd_ < 0) return error("cannot open {}: {}", path, std::strerror(errno));
  if (::fstat(file.fd_, &file.opened_) != 0) return error("cannot read {}: {}", path, std::strerror(errno));
  if (!S_ISREG(file.opened_.st_mode)) return error("{} is not a regular file", path);
  // Some kernels would hand EAGAIN to io_uring rather than wait for the drive.
  ::fcntl(file.fd_, F_SETFL, ::fcntl(file.fd_, F_GETFL) & ~O_NONBLOCK);
  return file;
}

DirectFile::DirectFile(DirectFile&& other) noexcept
    : path_(std::move(other.path_)),
      fd_(std::exchange(other.fd_, -1)),
      direct_(other.direct_),
      opened_(other.opened_) {}

DirectFile::~DirectFile() {
  if (fd_ >= 0) ::close(fd_);
}

bool DirectFile::read(int64_t offset, int64_t bytes, std::byte* to) const {
  for (int64_t done = 0; done < bytes;) {
    const ssize_t n =
        ::pread(fd_, to + done, static_cast<size_t>(align_up(bytes - done, kIoAlignment)), offset + done);
    if (n < 0 && errno == EINTR) continue;
    // Behind a part that is no whole block comes the end of the file, or what no direct read can go on from.
    if (n <= 0 || (done + n < bytes && n % kIoAlignment != 0)) return false;
    done += n;
  }
  return true;
}

DirectFile::Change DirectFile::changed() {
  struct stat now {};
  if (::fstat(fd_, &now) != 0) return Change::none;  // reads will say what is wrong
  if (now.st_size < opened_.st_size) return Change::shorter;
  const bool same = now.st_size == opened_.st_size && now.st_mtim.tv_sec == opened_.st_mtim.tv_sec &&
                    now.st_mtim.tv_nsec == opened_.st_mtim.tv_nsec;
  if (same) return Change::none;
  opened_.st_mtim = now.st_mtim;
  opened_.st_size = now.st_size;
  return Change::rewritten;
}

}  // namespace jaju
