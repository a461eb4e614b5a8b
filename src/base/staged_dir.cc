#include "base/staged_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
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

// Another file system begins here, or a directory of the same one is bound here.
bool is_mount_point(const fs::path& place) {
  constexpr uint64_t kMountRoot = 0x2000;  // STATX_ATTR_MOUNT_ROOT, since Linux 5.8
  struct statx info {};
  if (::statx(AT_FDCWD, place.c_str(), AT_STATX_SYNC_AS_STAT, STATX_BASIC_STATS, &info) != 0) return false;
  if ((info.stx_attributes_mask & kMountRoot) != 0) return (info.stx_attributes & kMountRoot) != 0;
  struct stat here {
  }, above{};
  const fs::path parent = place.has_parent_path() ? place.parent_path() : fs::path(".");
  return ::stat(place.c_str(), &here) == 0 && ::stat(parent.c_str(), &above) == 0 &&
         here.st_dev != above.st_dev;
}

}  // namespace

Result<StagedDir> StagedDir::open(const fs::path& given, const std::string& mark) {
  // A path that ends in a slash names the directory before it.
  const fs::path named = given.has_filename() ? given : given.parent_path();
  if (!named.has_filename() || named.filename() == "." || named.filename() == "..") {
    return error("'{}' is not the name of a directory to make", given.string());
  }
  const fs::path place = follow_links(named);
  std::error_code failed;
  if (fs::exists(place, failed) && !(fs::is_directory(place, failed) && fs::is_empty(place, failed))) {
    return error("{} is there already: choose another place, or remove it first", named.string());
  }
  if (is_mount_point(place)) {
    return error("{} is a mount point, which no finished directory can replace: choose one in it, like {}",
                 named.string(), (named / "model").string());
  }
  StagedDir dir(place, place.string() + ".partial");
  const fs::path& stage = dir.stage_;
  fs::create_directories(stage, failed);
  if (failed) return error("cannot make {}: {}", stage.string(), failed.message());
  // The directory itself is locked, before anything in it is looked at, and is still the one of that name
  // then.
  dir.lock_ = ::open(stage.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (dir.lock_ < 0) return error("cannot open {}: {}", stage.string(), std::strerror(errno));
  const bool locks = ::flock(dir.lock_, LOCK_EX | LOCK_NB) == 0;
  if (!locks && errno != EWOULDBLOCK)
    return error("cannot lock {}: {}", stage.string(), std::strerror(errno));
  struct stat locked {
  }, named_so{};
  if (!locks || ::fstat(dir.lock_, &locked) != 0 || ::stat(stage.c_str(), &named_so) != 0 ||
      locked.st_dev != named_so.st_dev || locked.st_ino != named_so.st_ino) {
    return error("{} is being worked on by another process: wait for it, or choose another place",
                 stage.string());
  }
  const fs::path mark_file = stage / kMark;
  if (!fs::exists(mark_file, failed)) {
    // Nothing but the beginning of a mark may be here, and nothing else is touched.
    const auto is_ours = [](const fs::path& file) {
      return file.filename().string().starts_with(std::string(kMark) + ".tmp-");
    };
    for (fs::directory_iterator entry(stage, failed), end; entry != end; entry.increment(failed)) {
      if (!is_ours(entry->path())) {
        return error("{} is not empty, and no work of jaju's: choose another place, or empty it",
                     stage.string());
      }
    }
    remove_unfinished(stage);
    JAJU_RETURN_IF_ERROR(write_file_atomic(mark_file, mark));
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
