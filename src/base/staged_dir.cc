#include "base/staged_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <utility>
#include <vector>

#include "base/file.h"

namespace jaju {
namespace {

namespace fs = std::filesystem;

constexpr const char* kMark = "stage.json";
constexpr int64_t kMaxMark = 1 << 20;

// Files that their writers did not finish.
void remove_unfinished(const fs::path& stage) {
  std::error_code failed;
  std::vector<fs::path> files;
  for (fs::directory_iterator entry(stage, failed), end; entry != end; entry.increment(failed)) {
    const fs::path& path = entry->path();
    if (path.extension() == ".partial" || path.filename().string().find(".tmp-") != std::string::npos) {
      files.push_back(path);
    }
  }
  for (const fs::path& file : files) fs::remove(file, failed);
}

}  // namespace

Result<StagedDir> StagedDir::open(const fs::path& given, const std::string& mark) {
  // A path that ends in a slash names the directory before it.
  const fs::path place = (given.has_filename() ? given : given.parent_path()).lexically_normal();
  if (place.empty() || place.filename() == "." || place.filename() == ".." || !place.has_filename()) {
    return error("'{}' is not the name of a directory to make", given.string());
  }
  std::error_code failed;
  if (fs::exists(place, failed) && !(fs::is_directory(place, failed) && fs::is_empty(place, failed))) {
    return error("{} is there already: choose another place, or remove it first", place.string());
  }
  StagedDir dir(place, place.string() + ".partial");
  const fs::path& stage = dir.stage_;
  fs::create_directories(stage, failed);
  if (failed) return error("cannot make {}: {}", stage.string(), failed.message());
  const fs::path mark_file = stage / kMark;
  if (!fs::exists(mark_file, failed)) {
    remove_unfinished(stage);
    if (!fs::is_empty(stage, failed)) {
      return error("{} is not empty, and no work of jaju's: choose another place, or remove it",
                   stage.string());
    }
    JAJU_RETURN_IF_ERROR(write_file_atomic(mark_file, mark));
  }
  dir.lock_ = ::open(mark_file.c_str(), O_RDONLY | O_CLOEXEC);
  if (dir.lock_ < 0 || ::flock(dir.lock_, LOCK_EX | LOCK_NB) != 0) {
    return error("{} is being worked on by another process: wait for it, or choose another place",
                 stage.string());
  }
  JAJU_ASSIGN(const std::string note, read_file(mark_file, kMaxMark));
  if (note != mark) {
    return error("{} is left from other work: finish that one with the same command, or remove it",
                 stage.string());
  }
  remove_unfinished(stage);
  return dir;
}

StagedDir::StagedDir(StagedDir&& other) noexcept
    : place_(std::move(other.place_)),
      stage_(std::move(other.stage_)),
      lock_(std::exchange(other.lock_, -1)) {}

StagedDir::~StagedDir() {
  if (lock_ >= 0) ::close(lock_);
}

Status StagedDir::publish() const {
  std::error_code failed;
  fs::rename(stage_, place_, failed);
  if (failed)
    return error("cannot give {} its name {}: {}", stage_.string(), place_.string(), failed.message());
  fs::remove(place_ / kMark, failed);  // last: without it interrupted work could not go on
  return {};
}

void StagedDir::abandon() const {
  std::error_code ignored;
  fs::remove(stage_ / kMark, ignored);
  fs::remove(stage_, ignored);  // only when nothing else is in it
}

}  // namespace jaju
