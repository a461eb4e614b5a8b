// A file opened for reads that pass by the page cache, where its file system can do that.
//
// Direct, because what the store holds must not be held a second time by the system, and must not push out
// what others cached. Where O_DIRECT is refused the file is read through the cache instead.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/status.h"

namespace jaju {

class DirectFile {
 public:
  // direct: false reads through the page cache. Errors: missing, not a regular file.
  static Result<DirectFile> open(const std::string& path, bool direct = true);
  DirectFile(DirectFile&& other) noexcept;
  DirectFile& operator=(DirectFile&&) = delete;
  ~DirectFile();

  int fd() const { return fd_; }
  bool direct() const { return direct_; }
  int64_t size() const { return static_cast<int64_t>(opened_.st_size); }
  const std::string& path() const { return path_; }

  // Reads `bytes` at `offset` now, waiting for the drive; false: they cannot be had. offset and `to` are
  // aligned (kIoAlignment), and `to` has room for the bytes rounded up.
  bool read(int64_t offset, int64_t bytes, std::byte* to) const;

  enum class Change { none, shorter, rewritten };
  // Since it was opened, or since the last call that said `rewritten`. One fstat.
  Change changed();

 private:
  DirectFile() = default;
  std::string path_;
  int fd_ = -1;
  bool direct_ = false;
  struct stat opened_ {};
};

}  // namespace jaju
