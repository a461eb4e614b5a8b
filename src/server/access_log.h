// One line of JSON for every request: who, what, how long, how many tokens. Never contents, never keys.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "base/status.h"
#include "server/http_types.h"

namespace jaju::server {

// The line, without its newline. `time` is seconds since 1970.
std::string access_line(RequestRecord& record, double time);

class AccessLog {
 public:
  // "-": stderr; "off": nowhere; else a file, appended to (0600). Errors name it.
  static Result<std::unique_ptr<AccessLog>> open(const std::string& where);
  ~AccessLog();
  void write(RequestRecord& record);
  // Opens the file anew, after a rotation. Keeps the old one on failure.
  void reopen();

 private:
  explicit AccessLog(std::string where) : where_(std::move(where)) {}
  std::string where_;
  std::mutex mutex_;
  int file_ = -1;
};

}  // namespace jaju::server
