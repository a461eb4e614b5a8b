// Records of a file, one after another, in bounded memory: lines of JSONL, paragraphs of a text, or the whole
// text.
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"

namespace jaju::data {

inline constexpr int64_t kMaxRecordBytes = 64 << 20;

enum class RecordKind {
  line,       // JSONL; blank lines are passed over
  paragraph,  // lines up to the next blank one
  whole       // the file
};

// ".txt", ".md" and ".text" hold text, ".jsonl", ".ndjson" and ".json" lines. Errors: another name.
Result<RecordKind> record_kind(const std::filesystem::path& file, bool whole_file);

class RecordReader {
 public:
  // Errors: missing, not a regular file.
  static Result<std::unique_ptr<RecordReader>> open(const std::filesystem::path& file, RecordKind kind);
  ~RecordReader();
  RecordReader(const RecordReader&) = delete;
  RecordReader& operator=(const RecordReader&) = delete;

  // Fills `record` (without its line break) and returns true, or false at the end of the file. A byte order
  // mark at the file's start and carriage returns before line breaks are not part of it. Errors: a record of
  // more than kMaxRecordBytes, bytes that are not UTF-8, a failing disk.
  Result<bool> next(std::string& record);

  int64_t line() const { return record_line_; }  // where the last record began, from 1
  std::string place() const;                     // "train.jsonl line 12", for errors

  // Where the next record begins; seek() goes back there, in this or in a later process.
  struct Position {
    int64_t offset = 0;  // bytes
    int64_t line = 0;    // lines before it
  };
  Position position() const { return next_; }
  Status seek(Position position);
  int64_t size() const { return size_; }  // of the file, when opened

 private:
  RecordReader() = default;
  Result<bool> read_line(std::string& line);

  std::string path_;
  std::string name_;
  RecordKind kind_ = RecordKind::line;
  std::FILE* file_ = nullptr;
  int64_t size_ = 0;
  Position next_;
  int64_t record_line_ = 0;
};

// XXH3-64 of a file's bytes, as 16 hex digits.
Result<std::string> hash_file(const std::filesystem::path& file);

}  // namespace jaju::data
