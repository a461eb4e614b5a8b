// A file mapped read-only, that cannot kill the process when it shrinks.
//
// Touching a mapped page past the end of its file raises SIGBUS. The first mapping installs a handler that
// puts zero pages over the rest of that mapping and marks it damaged; whoever computed with it asks damaged()
// afterwards (once per step, not per access) and reports the file. Faults elsewhere go to the previous
// handler.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "base/status.h"

namespace jaju {

class MappedFile {
 public:
  // Errors: missing, not a regular file, empty, no address space.
  static Result<std::unique_ptr<MappedFile>> open(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::byte* data() const { return data_; }
  int64_t size() const { return size_; }
  const std::string& path() const { return path_; }

  // OK, or the sentence to report when the file shrank after it was mapped, or its disk failed: what was read
  // from it is wrong.
  Status intact() const;
  // Its pages leave this process's memory; they come back when they are touched. Not after
  // move_to_huge_pages().
  void forget_pages() const;

  // Puts this process's own copy of the file under the same addresses, in huge pages, piece by piece, while
  // others read there. A page cache hands out small pages; docs/log.md has a virtual machine on which reading
  // those is at times 15 times slower.
  // Asks go_on before every piece; stops too where the system gives no memory, and where the file cannot be
  // read. What was not moved stays mapped. Returns the bytes that were moved. Once for a file.
  int64_t move_to_huge_pages(const std::function<bool()>& go_on);

 private:
  MappedFile() = default;
  const std::byte* data_ = nullptr;
  int64_t size_ = 0;
  int fd_ = -1;
  int slot_ = -1;  // in the handler's table
  std::atomic<bool> moved_{false};
  std::string path_;
};

}  // namespace jaju
