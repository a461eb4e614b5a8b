#include "server/access_log.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>

#include <fmt/format.h>

#include "server/json_request.h"
#include "server/shared_fields.h"

namespace jaju::server {

std::string access_line(RequestRecord& record, double time) {
  const std::lock_guard lock(record.mutex);
  const auto seconds = static_cast<int64_t>(time);
  std::string stamp = iso_time(seconds);
  stamp.insert(stamp.size() - 1,
               fmt::format(".{:03}", static_cast<int>((time - static_cast<double>(seconds)) * 1000)));
  const double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - record.start).count();
  const auto ms = [](double s) { return static_cast<double>(static_cast<int64_t>(s * 1e5 + 0.5)) / 100; };
  Json line = {{"time", stamp},
               {"id", record.id},
               {"peer", record.peer},
               {"method", record.method},
               {"route", record.route},
               {"status", record.status},
               {"ms", ms(took)},
               {"bytes_in", record.bytes_in},
               {"bytes_out", record.bytes_out}};
  const auto text = [&](const char* name, const std::string& value) {
    if (!value.empty()) line[name] = value;
  };
  text("key", record.key);
  text("model", record.model);
  if (record.stream) line["stream"] = true;
  if (record.gone) line["gone"] = true;
  const auto count = [&](const char* name, int64_t value) {
    if (value >= 0) line[name] = value;
  };
  count("prompt_tokens", record.prompt_tokens);
  count("cached_tokens", record.cached_tokens);
  count("completion_tokens", record.completion_tokens);
  count("reasoning_tokens", record.reasoning_tokens);
  if (record.queue_seconds >= 0) line["queue_ms"] = ms(record.queue_seconds);
  if (record.first_token_seconds > 0) line["first_token_ms"] = ms(record.first_token_seconds);
  text("finish", record.finish);
  text("cache", record.cache);
  // A refusal's sentence may quote a field's name or a model's, so it is cut; values are never quoted whole.
  text("error", record.error.substr(0, 300));
  return dump(line);
}

namespace {

int open_file(const std::string& where) {
  return ::open(where.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
}

}  // namespace

Result<std::unique_ptr<AccessLog>> AccessLog::open(const std::string& where) {
  std::unique_ptr<AccessLog> log(new AccessLog(where));
  if (where == "-") {
    log->file_ = STDERR_FILENO;
  } else if (where != "off") {
    log->file_ = open_file(where);
    if (log->file_ < 0)
      return error("the access log '{}' can not be written ({})", where, std::strerror(errno));
  }
  return log;
}

AccessLog::~AccessLog() {
  if (file_ > STDERR_FILENO) ::close(file_);
}

void AccessLog::reopen() {
  if (where_ == "-" || where_ == "off") return;
  const int fresh = open_file(where_);
  if (fresh < 0) return;
  const std::lock_guard lock(mutex_);
  ::close(file_);
  file_ = fresh;
}

void AccessLog::write(RequestRecord& record) {
  if (where_ == "off") return;
  std::timespec now{};
  std::timespec_get(&now, TIME_UTC);
  const std::string line =
      access_line(record, static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9) + "\n";
  const std::lock_guard lock(mutex_);
  // A line that does not fit into a full pipe or disk is lost; the server goes on. A pipe that can be written
  // takes PIPE_BUF bytes without waiting, more than a line has.
  pollfd ready{file_, POLLOUT, 0};
  if (::poll(&ready, 1, 0) == 0) return;
  [[maybe_unused]] const ssize_t n = ::write(file_, line.data(), line.size());
}

}  // namespace jaju::server
