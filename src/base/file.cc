#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace jaju {
namespace {

// Closes on every way out.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

Status write_all(int fd, std::string_view content, const std::string& path) {
  size_t done = 0;
  while (done < content.size()) {
    const ssize_t n = ::write(fd, content.data() + done, content.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return error("cannot write {}: {}", path, std::strerror(errno));
    done += static_cast<size_t>(n);
  }
  if (::fsync(fd) != 0) return error("cannot write {}: {}", path, std::strerror(errno));
  return {};
}

}  // namespace

Result<std::string> read_file(const std::filesystem::path& path, int64_t max_bytes) {
  // Non-blocking: a pipe of that name must give the sentence below, not wait for a writer.
  Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (fd.get() < 0) return error("cannot open {}: {}", path.string(), std::strerror(errno));
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return error("cannot read {}: {}", path.string(), std::strerror(errno));
  if (!S_ISREG(info.st_mode)) return error("{} is not a regular file", path.string());
  if (info.st_size > max_bytes) {
    return error("{} is {}, more than the {} allowed for this kind of file", path.string(),
                 human_bytes(static_cast<double>(info.st_size)), human_bytes(static_cast<double>(max_bytes)));
  }
  std::string content(static_cast<size_t>(info.st_size), '\0');
  size_t done = 0;
  while (done < content.size()) {
    const ssize_t n = ::read(fd.get(), content.data() + done, content.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return error("cannot read {}: {}", path.string(), std::strerror(errno));
    if (n == 0) return error("{} became shorter while it was read", path.string());
    done += static_cast<size_t>(n);
  }
  return content;
}

Status write_file_atomic(const std::filesystem::path& path, std::string_view content, unsigned mode) {
  std::string temporary = path.string() + ".tmp-XXXXXX";
  Descriptor fd(::mkostemp(temporary.data(), O_CLOEXEC));
  if (fd.get() < 0) return error("cannot write {}: {}", path.string(), std::strerror(errno));
  Status status = write_all(fd.get(), content, path.string());
  if (status.ok() && (::fchmod(fd.get(), mode) != 0 || ::rename(temporary.c_str(), path.c_str()) != 0)) {
    status = error("cannot write {}: {}", path.string(), std::strerror(errno));
  }
  if (!status.ok()) ::unlink(temporary.c_str());
  return status;
}

Status check_writable(const std::filesystem::path& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored))
    return error("cannot write {}: it is a directory", path.string());
  std::string temporary = path.string() + ".tmp-XXXXXX";
  const Descriptor fd(::mkostemp(temporary.data(), O_CLOEXEC));
  if (fd.get() < 0) return error("cannot write {}: {}", path.string(), std::strerror(errno));
  ::unlink(temporary.c_str());
  return {};
}

Status check_room(const std::filesystem::path& folder, int64_t bytes, std::string_view what) {
  const std::filesystem::path where = folder.empty() ? "." : folder;
  std::error_code failed;
  const std::filesystem::space_info space = std::filesystem::space(where, failed);
  if (failed || static_cast<double>(space.available) >= static_cast<double>(bytes)) return {};
  return error("{} has {} free, {} needs {}: free some, or choose another place", where.string(),
               human_bytes(static_cast<double>(space.available)), what,
               human_bytes(static_cast<double>(bytes)));
}

std::filesystem::path follow_links(std::filesystem::path path) {
  namespace fs = std::filesystem;
  std::error_code failed;
  for (int links = 0; links < 40 && fs::is_symlink(path, failed); ++links) {
    const fs::path target = fs::read_symlink(path, failed);
    if (failed) break;
    path = path.parent_path() / target;  // not made shorter: ".." may lead elsewhere behind a link
    if (!path.has_filename()) path = path.parent_path();
  }
  return path;
}

std::string human_bytes(double bytes) {
  constexpr std::array<const char*, 6> kUnits = {"B", "kB", "MB", "GB", "TB", "PB"};
  size_t unit = 0;
  while (bytes >= 999.5 && unit + 1 < kUnits.size()) {
    bytes /= 1000.0;
    ++unit;
  }
  const int decimals = unit == 0 || bytes >= 99.95 ? 0 : bytes >= 9.995 ? 1 : 2;
  return fmt::format("{:.{}f} {}", bytes, decimals, kUnits[unit]);
}

}  // namespace jaju
