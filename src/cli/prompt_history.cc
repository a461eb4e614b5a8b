#include "cli/prompt_history.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/json.h"
#include "base/paths.h"

namespace jaju::cli {
namespace {

namespace fs = std::filesystem;

std::string line_of(const std::string& entry) {
  return nlohmann::json(entry).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace

fs::path history_path() {
  return state_dir() / "history";
}

std::vector<std::string> load_history(const fs::path& path) {
  std::vector<std::string> entries;
  const Result<std::string> text = read_file(path, 64'000'000);
  if (!text.ok()) return entries;
  size_t lines = 0;
  for (size_t at = 0; at < text->size();) {
    const size_t end = std::min(text->find('\n', at), text->size());
    const Result<nlohmann::json> line = parse_json(std::string_view(*text).substr(at, end - at), "history");
    if (line.ok() && line->is_string()) entries.push_back(line->get<std::string>());
    ++lines;
    at = end + 1;
  }
  if (entries.size() > kHistoryEntries) entries.erase(entries.begin(), entries.end() - kHistoryEntries);
  if (lines > 2 * kHistoryEntries) {
    std::string kept;
    for (const std::string& entry : entries) kept += line_of(entry);
    (void)write_file_atomic(path, kept, 0600);  // the next session tries again
  }
  return entries;
}

Status append_history(const fs::path& path, const std::string& entry) {
  std::error_code failure;
  if (fs::create_directories(path.parent_path(), failure)) {
    fs::permissions(path.parent_path(), fs::perms::owner_all, failure);
  }
  const int fd = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return error("the history '{}' cannot be written: {}", path.string(), std::strerror(errno));
  const std::string line = line_of(entry);
  const bool written = ::write(fd, line.data(), line.size()) == static_cast<ssize_t>(line.size());
  const int why = errno;
  ::close(fd);
  if (!written) return error("the history '{}' cannot be written: {}", path.string(), std::strerror(why));
  return {};
}

}  // namespace jaju::cli
