#include "data/records.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "base/file.h"
#include "base/utf8.h"

namespace jaju::data {

namespace fs = std::filesystem;

Result<RecordKind> record_kind(const fs::path& file, bool whole_file) {
  const std::string extension = file.extension().string();
  if (extension == ".jsonl" || extension == ".ndjson" || extension == ".json") return RecordKind::line;
  if (extension == ".txt" || extension == ".md" || extension == ".text") {
    return whole_file ? RecordKind::whole : RecordKind::paragraph;
  }
  std::error_code ignored;
  if (!fs::exists(file, ignored)) return error("cannot open {}: there is no such file", file.string());
  if (fs::is_directory(file, ignored)) return error("{} is a directory; name files in it", file.string());
  return error("{}: a source must be JSONL (.jsonl) or text (.txt); rename the file to say which it is",
               file.string());
}

Result<std::unique_ptr<RecordReader>> RecordReader::open(const fs::path& file, RecordKind kind) {
  // Non-blocking: a pipe of that name gets the sentence below instead of a wait.
  const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return error("cannot open {}: {}", file.string(), std::strerror(errno));
  struct stat info {};
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    ::close(fd);
    return error("{} is not a regular file", file.string());
  }
  std::unique_ptr<RecordReader> reader(new RecordReader);
  reader->file_ = ::fdopen(fd, "rb");
  if (reader->file_ == nullptr) {
    ::close(fd);
    return error("cannot open {}: {}", file.string(), std::strerror(errno));
  }
  reader->path_ = file.string();
  reader->name_ = file.filename().string();
  reader->kind_ = kind;
  reader->size_ = info.st_size;
  return reader;
}

RecordReader::~RecordReader() {
  if (file_ != nullptr) std::fclose(file_);
}

std::string RecordReader::place() const {
  return fmt::format("{} line {}", path_, record_line_);
}

Result<bool> RecordReader::read_line(std::string& line) {
  line.clear();
  // Piece by piece, so that a file without line breaks is refused before it fills the memory.
  char piece[1 << 16];
  bool any = false;
  while (true) {
    size_t n = 0;
    bool ended = false;
    for (int c = 0; n < sizeof(piece) && (c = ::getc_unlocked(file_)) != EOF;) {
      any = true;
      if (c == '\n') {
        ended = true;
        ++next_.offset;
        break;
      }
      piece[n++] = static_cast<char>(c);
    }
    next_.offset += static_cast<int64_t>(n);
    line.append(piece, n);
    if (static_cast<int64_t>(line.size()) > kMaxRecordBytes) {
      return error("{} line {} is longer than {}; split it", path_, next_.line + 1,
                   human_bytes(static_cast<double>(kMaxRecordBytes)));
    }
    if (ended || n < sizeof(piece)) break;
  }
  if (std::ferror(file_) != 0) return error("cannot read {}: {}", path_, std::strerror(errno));
  if (!any) return false;
  ++next_.line;
  if (next_.line == 1 && line.compare(0, 3, "\xef\xbb\xbf") == 0) line.erase(0, 3);
  if (!line.empty() && line.back() == '\r') line.pop_back();
  return true;
}

Result<bool> RecordReader::next(std::string& record) {
  record.clear();
  std::string line;
  while (true) {
    const Position before = next_;
    JAJU_ASSIGN(const bool found, read_line(line));
    if (!found) break;
    const bool blank = line.find_first_not_of(" \t\f\v") == std::string::npos;
    if (record.empty()) {
      if (blank) continue;
      record_line_ = before.line + 1;
      record = line;
    } else {
      if (blank && kind_ == RecordKind::paragraph) break;
      record += '\n';
      record += line;
      if (static_cast<int64_t>(record.size()) > kMaxRecordBytes) {
        return error("{} line {}: a document is longer than {}; split it", path_, record_line_,
                     human_bytes(static_cast<double>(kMaxRecordBytes)));
      }
    }
    if (kind_ == RecordKind::line) break;
  }
  if (record.empty()) return false;
  while (!record.empty() && record.back() == '\n') record.pop_back();
  if (!utf8_valid(record)) return error("{} line {}: the text is not valid UTF-8", path_, record_line_);
  return true;
}

Status RecordReader::seek(Position position) {
  if (position.offset < 0 || position.offset > size_ || ::fseeko(file_, position.offset, SEEK_SET) != 0) {
    return error("{} has no byte {}: it changed since", path_, position.offset);
  }
  next_ = position;
  return {};
}

Result<std::string> hash_file(const fs::path& file) {
  // Non-blocking: a pipe of that name must give the sentence below, not wait for a writer.
  const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat info {};
  const bool regular = fd >= 0 && ::fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
  std::FILE* stream = regular ? ::fdopen(fd, "rb") : nullptr;
  if (stream == nullptr) {
    const int reason = errno;
    if (fd < 0) return error("cannot open {}: {}", file.string(), std::strerror(reason));
    ::close(fd);
    return error("{} is not a regular file", file.string());
  }
  XXH3_state_t* state = XXH3_createState();
  XXH3_64bits_reset(state);
  std::vector<char> block(1 << 20);
  size_t n = 0;
  while ((n = std::fread(block.data(), 1, block.size(), stream)) > 0)
    XXH3_64bits_update(state, block.data(), n);
  const bool failed = std::ferror(stream) != 0;
  const int reason = errno;
  std::fclose(stream);
  const uint64_t hash = XXH3_64bits_digest(state);
  XXH3_freeState(state);
  if (failed) return error("cannot read {}: {}", file.string(), std::strerror(reason));
  return fmt::format("{:016x}", hash);
}

}  // namespace jaju::data
