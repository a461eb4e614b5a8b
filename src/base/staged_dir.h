// A directory that gets its name only when it is complete: the work is done in PLACE.partial, which remembers
// by a mark whose work it is. The same work, interrupted and started again, finds what it had finished.
#pragma once

#include <filesystem>
#include <string>

#include "base/status.h"

namespace jaju {

class StagedDir {
 public:
  // mark: what decides the bytes of the work; kept in PLACE.partial/stage.json. PLACE.partial is locked while
  // the object lives. What a writer left unfinished of the same work (*.partial, *.tmp-*) is removed.
  // Symbolic links are followed. Errors: `place` is there and not empty, a mount point, or no name;
  // PLACE.partial belongs to another mark or to somebody else, or another process works on it; the disk.
  static Result<StagedDir> open(const std::filesystem::path& place, const std::string& mark);
  ~StagedDir();
  StagedDir(StagedDir&& other) noexcept;
  StagedDir(const StagedDir&) = delete;
  StagedDir& operator=(const StagedDir&) = delete;
  StagedDir& operator=(StagedDir&&) = delete;

  // Where to write.
  const std::filesystem::path& stage() const { return stage_; }
  // Gives the directory its name. Errors: the disk.
  Status publish() const;
  // Removes PLACE.partial: nothing was done in it.
  void abandon() const;

 private:
  StagedDir(std::filesystem::path place, std::filesystem::path stage)
      : place_(std::move(place)), stage_(std::move(stage)) {}
  std::filesystem::path place_;
  std::filesystem::path stage_;
  int lock_ = -1;
};

}  // namespace jaju
