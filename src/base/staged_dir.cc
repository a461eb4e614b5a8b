#include "base/staged_dir.h"

#include "base/file.h"

namespace jaju {
namespace {

namespace fs = std::filesystem;

constexpr const char* kMark = "stage.json";
constexpr int64_t kMaxMark = 1 << 20;

}  // namespace

Result<StagedDir> StagedDir::open(const fs::path& given, const std::string& mark) {
  // A path that ends in a slash names the directory before it.
  const fs::path place = (given.has_filename() ? given : given.parent_path()).lexically_normal();
  const fs::path stage = place.string() + ".partial";
  std::error_code failed;
  if (fs::exists(place, failed) && !(fs::is_directory(place, failed) && fs::is_empty(place, failed))) {
    return error("{} is there already: choose another place, or remove it first", place.string());
  }
  StagedDir dir(place, stage);
  if (fs::exists(stage, failed)) {
    const auto note = read_file(stage / kMark, kMaxMark);
    if (note.ok() && *note == mark) {
      for (const auto& entry : fs::directory_iterator(stage, failed)) {
        if (entry.path().extension() == ".partial") fs::remove(entry.path(), failed);
      }
      return dir;
    }
    if (!fs::is_empty(stage, failed)) {
      return error("{} is left from other work: finish that one with the same command, or remove it",
                   stage.string());
    }
  }
  fs::create_directories(stage, failed);
  if (failed) return error("cannot make {}: {}", stage.string(), failed.message());
  JAJU_RETURN_IF_ERROR(write_file_atomic(stage / kMark, mark));
  return dir;
}

Status StagedDir::publish() const {
  std::error_code failed;
  fs::rename(stage_, place_, failed);
  if (failed)
    return error("cannot give {} its name {}: {}", stage_.string(), place_.string(), failed.message());
  fs::remove(place_ / kMark, failed);  // last: without it interrupted work could not go on
  return {};
}

}  // namespace jaju
